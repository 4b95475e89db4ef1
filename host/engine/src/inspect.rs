//! Reads what a component imports and exports from its own type, without compiling it.

use wasmparser::{Encoding, Parser, Payload};

/// The largest component that is accepted, in bytes.
pub const MAX_COMPONENT_BYTES: usize = 64 << 20;

/// Imports or exports beyond this number are refused: no world of the contract comes near it.
const MAX_NAMES: usize = 500;

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
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
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
