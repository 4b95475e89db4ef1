//! Reads what a component imports and exports from its own type, without compiling it.

use wasmparser::{
    ComponentType, ComponentTypeDeclaration, ComponentTypeSectionReader, Encoding,
    InstanceTypeDeclaration, Parser, Payload,
};

/// The largest component that is accepted, in bytes.
pub const MAX_COMPONENT_BYTES: usize = 64 << 20;

/// Imports or exports beyond this number are refused: no world of the contract comes near it.
const MAX_NAMES: usize = 500;

/// Components within components, and types within types. Toolchains make two or three levels, a
/// composition of compositions some more. What reads them recurses or takes time in the square of
/// their depth: without a bound, three kilobytes of nested types use up the stack of a thread, and
/// that ends the process.
const MAX_DEPTH: usize = 50;

/// Types that are declared within one type. It bounds their depth before anything recurses into them.
const MAX_INNER_TYPES: usize = 1000;

/// What a component imports and exports, by the names of its own type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Names of the imports, in order: `steward:log/log@0.1.0`, `wasi:io/streams@0.2.6`.
    pub imports: Vec<String>,
    /// Names of the exports, in order.
    pub exports: Vec<String>,
}

/// Why bytes are not a component that can be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// More than [`MAX_COMPONENT_BYTES`].
    #[error("the component has {0} bytes; at most {MAX_COMPONENT_BYTES} are accepted")]
    TooLarge(usize),
    /// No bytes at all.
    #[error("the component is empty")]
    Empty,
    /// The first bytes are not those of WebAssembly.
    #[error("not WebAssembly: the first bytes are not `\\0asm`")]
    NotWasm,
    /// A core module.
    #[error(
        "a core WebAssembly module, not a component: build it with `steward plugin build`, or make a \
         component of it with `wasm-tools component new`"
    )]
    CoreModule,
    /// It starts like a component, but what follows is damaged.
    #[error("the component is damaged or cut short: {0}")]
    Malformed(String),
}

/// Reads the names that a component imports and exports.
///
/// This is cheap and does not validate what is inside: a component counts as sound only once it
/// has been compiled.
///
/// # Errors
/// Every [`InspectError`].
///
/// ```
/// let shape = steward_engine::inspect(b"\0asm\x0d\0\x01\0")?;
/// assert!(shape.imports.is_empty());
/// # Ok::<(), steward_engine::InspectError>(())
/// ```
pub fn inspect(bytes: &[u8]) -> Result<Shape, InspectError> {
    if bytes.is_empty() {
        return Err(InspectError::Empty);
    }
    if bytes.len() > MAX_COMPONENT_BYTES {
        return Err(InspectError::TooLarge(bytes.len()));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(InspectError::NotWasm);
    }
    let malformed = |e: wasmparser::BinaryReaderError| InspectError::Malformed(e.to_string());
    let mut shape = Shape {
        imports: Vec::new(),
        exports: Vec::new(),
    };
    // Nested components and modules come as payloads too; only the outermost level is the type.
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => return Err(InspectError::CoreModule),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(too_deep("components"));
                }
            }
            Payload::ComponentTypeSection(section) => few_inner_types(bytes, &section)?,
            // The end of the outermost component is the last payload.
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    shape
                        .imports
                        .push(import.map_err(malformed)?.name.name.to_owned());
                    bounded(&shape.imports)?;
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    shape
                        .exports
                        .push(export.map_err(malformed)?.name.name.to_owned());
                    bounded(&shape.exports)?;
                }
            }
            _ => {}
        }
    }
    Ok(shape)
}

fn bounded(names: &[String]) -> Result<(), InspectError> {
    if names.len() > MAX_NAMES {
        return Err(InspectError::Malformed(format!(
            "more than {MAX_NAMES} imports or exports"
        )));
    }
    Ok(())
}

fn too_deep(what: &str) -> InspectError {
    InspectError::Malformed(format!("{what} nested more than {MAX_DEPTH} deep"))
}

/// A type within a type begins with the byte of a declaration, 1, and that of a component or an
/// instance, 0x41 or 0x42. Other bytes can look the same, so that this counts too many, never too
/// few.
fn few_inner_types(
    bytes: &[u8],
    section: &ComponentTypeSectionReader<'_>,
) -> Result<(), InspectError> {
    let section = bytes.get(section.range()).unwrap_or_default();
    let inner = |pair: &&[u8]| matches!(pair, [1, 0x41 | 0x42]);
    if section.windows(2).filter(inner).count() > MAX_INNER_TYPES {
        return Err(InspectError::Malformed(format!(
            "more than {MAX_INNER_TYPES} types within types in one section"
        )));
    }
    Ok(())
}

/// Refuses a component whose types are nested deeper than a compiler can follow. It needs about 2 KiB
/// of stack for each of up to [`MAX_INNER_TYPES`] levels, and bytes that [`inspect`] has passed.
pub(crate) fn check_types(bytes: &[u8]) -> Result<(), InspectError> {
    let malformed = |e: wasmparser::BinaryReaderError| InspectError::Malformed(e.to_string());
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::ComponentTypeSection(section) = payload.map_err(malformed)? {
            for ty in section {
                if depth_of(&ty.map_err(malformed)?) > MAX_DEPTH {
                    return Err(too_deep("types"));
                }
            }
        }
    }
    Ok(())
}

/// How many types lie within each other.
fn depth_of(ty: &ComponentType<'_>) -> usize {
    let deepest = match ty {
        ComponentType::Component(declarations) => declarations
            .iter()
            .filter_map(|declaration| match declaration {
                ComponentTypeDeclaration::Type(ty) => Some(depth_of(ty)),
                _ => None,
            })
            .max(),
        ComponentType::Instance(declarations) => declarations
            .iter()
            .filter_map(|declaration| match declaration {
                InstanceTypeDeclaration::Type(ty) => Some(depth_of(ty)),
                _ => None,
            })
            .max(),
        _ => None,
    };
    1 + deepest.unwrap_or_default()
}

impl Shape {
    /// Whether it speaks WASI 0.3, and so needs the concurrent lane.
    pub fn lane(&self) -> crate::Lane {
        let p3 = |name: &String| name.starts_with("wasi:") && name.contains("@0.3.");
        if self.imports.iter().chain(&self.exports).any(p3) {
            crate::Lane::Concurrent
        } else {
            crate::Lane::Plain
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lane;

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn names_come_from_the_outermost_type_only() {
        let bytes = component(
            r#"(component
                (import "steward:log/log@0.1.0" (instance))
                (component (import "hidden:inside/it" (instance)))
                (core module (import "env" "f" (func)))
                (instance $i)
                (export "steward:cleaning/cleaner@0.1.0" (instance $i)))"#,
        );
        let shape = inspect(&bytes).unwrap();
        assert_eq!(shape.imports, ["steward:log/log@0.1.0"]);
        assert_eq!(shape.exports, ["steward:cleaning/cleaner@0.1.0"]);
        assert_eq!(shape.lane(), Lane::Plain);
    }

    #[test]
    fn wasi_0_3_needs_the_concurrent_lane() {
        let bytes = component(r#"(component (import "wasi:clocks/types@0.3.0" (instance)))"#);
        assert_eq!(inspect(&bytes).unwrap().lane(), Lane::Concurrent);
    }

    #[test]
    fn what_is_no_component_has_a_name() {
        assert_eq!(inspect(b""), Err(InspectError::Empty));
        assert_eq!(inspect(b"hello"), Err(InspectError::NotWasm));
        assert_eq!(inspect(&[0; 4096]), Err(InspectError::NotWasm));
        assert_eq!(
            inspect(&component("(module)")),
            Err(InspectError::CoreModule)
        );
        assert!(matches!(inspect(b"\0asm"), Err(InspectError::Malformed(_))));
        assert_eq!(
            inspect(&vec![0; MAX_COMPONENT_BYTES + 1]),
            Err(InspectError::TooLarge(MAX_COMPONENT_BYTES + 1))
        );
    }

    /// A type section of types within types.
    fn nested_types(kind: u8, depth: usize) -> Vec<u8> {
        let mut types = vec![1];
        types.extend([kind, 1, 1].repeat(depth));
        types.extend([kind, 0]);
        let mut length = types.len();
        let mut bytes = b"\0asm\x0d\0\x01\0\x07".to_vec();
        while length > 0x7f {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        [bytes, types].concat()
    }

    #[test]
    fn what_is_nested_too_deeply_is_refused_before_anything_recurses() {
        for kind in [0x41, 0x42] {
            for depth in [1, 2, MAX_DEPTH - 1] {
                let bytes = nested_types(kind, depth);
                assert!(inspect(&bytes).is_ok(), "{depth}");
                assert!(check_types(&bytes).is_ok(), "{depth}");
            }
            assert!(check_types(&nested_types(kind, MAX_DEPTH)).is_err());
            for depth in [MAX_INNER_TYPES + 1, 1_000_000] {
                let refused = inspect(&nested_types(kind, depth)).unwrap_err().to_string();
                assert!(refused.contains("types within types"), "{refused}");
            }
        }
        let nested = |depth: usize| {
            component(&format!(
                "{}{}",
                "(component ".repeat(depth),
                ")".repeat(depth)
            ))
        };
        assert!(inspect(&nested(MAX_DEPTH + 1)).is_ok());
        let refused = inspect(&nested(MAX_DEPTH + 2)).unwrap_err().to_string();
        assert!(refused.contains("nested more than"), "{refused}");
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(tail in proptest::collection::vec(proptest::num::u8::ANY, 0..512)) {
            let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
            bytes.extend(tail);
            let _ = inspect(&bytes);
        }

        #[test]
        fn a_component_cut_short_is_refused_or_smaller(cut in 0usize..200) {
            let bytes = component(
                r#"(component (import "steward:log/log@0.1.0" (instance))
                    (core module (memory 1) (func (export "f"))))"#,
            );
            let cut = cut.min(bytes.len());
            if let Ok(shape) = inspect(&bytes[..cut]) {
                proptest::prop_assert!(shape.imports.len() <= 1);
            }
        }
    }
}
