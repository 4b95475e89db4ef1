//! What each kind of plugin may import: its security policy, checked against the component's type.
//!
//! A `function` and a `step` may import what reaches out of the sandbox; what they reach is what the tenant grants.
//!
//! A kind that sees raw personal data (`cleaner`, `anonymizer`, `labeller`) can import neither network
//! nor storage, nor ask about other data, so that no grant and no configuration can give it any. What it may import of WASI
//! carries no authority: clocks, random numbers, the program's own arguments (there are none) and
//! output (which becomes log lines).

use std::fmt;

use steward_engine::Shape;
use steward_registry::{PermissionKind, World};

/// The interface with which a plugin answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Face {
    /// The typed export of the world.
    Typed,
    /// `wasi:http/incoming-handler@0.2`
    Http02,
    /// `wasi:http/handler@0.3`
    Http03,
}

/// Why a component is not of the kind that it is published as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misfit {
    /// It does not export what its world demands.
    #[error(
        "the manifest says `world = \"{world}\"`, which exports {wanted}; the component exports {found}{}",
        fits.map(|w| format!(" and fits the world `{w}`")).unwrap_or_default()
    )]
    MissingExport {
        /// The world of the manifest.
        world: World,
        /// What it demands.
        wanted: String,
        /// What the component exports.
        found: Names,
        /// A world that the component does fit.
        fits: Option<World>,
    },
    /// It imports what its world may not have.
    #[error("a component of the world `{world}` may not import {imports}; it may import {allowed}")]
    ForbiddenImports {
        /// The world of the manifest.
        world: World,
        /// Each offending import.
        imports: Names,
        /// What is allowed.
        allowed: Names,
    },
}

/// A list of names for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (i, name) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "`{name}`")?;
        }
        Ok(())
    }
}

/// Interfaces of WASI that carry no authority.
const AMBIENT: &[&str] = &["wasi:io/*", "wasi:clocks/*", "wasi:random/*", "wasi:cli/*"];

/// What a world may import: an interface, or a package with `/*`.
fn allowed(world: World) -> Vec<&'static str> {
    let mut names = vec![
        "steward:types/types",
        "steward:log/log",
        "steward:config/config",
    ];
    if world.may_have(PermissionKind::Inference) {
        names.push("steward:inference/inference");
    }
    if world.may_have(PermissionKind::Privacy) {
        names.push("steward:privacy/privacy");
    }
    if world.may_have(PermissionKind::Secrets) {
        names.push("steward:secrets/secrets");
    }

    if world.may_have(PermissionKind::AppendEvents) || world.may_have(PermissionKind::ReadEvents) {
        names.push("steward:events/events");
    }
    names.extend(AMBIENT);
    if world == World::Function {
        // Outgoing requests of 0.3, which needs the lane that typed worlds are not on.
        names.push("wasi:http/client");
    }
    if world.may_reach_out() {
        names.extend([
            "wasi:http/types",
            // Outgoing requests: linked, and refused at run time without a grant.
            "wasi:http/outgoing-handler",
            // Standard libraries import it whether they use it or not. There is no folder in it.
            "wasi:filesystem/*",
            // As with Python's. Every socket and every name is refused.
            "wasi:sockets/*",
        ]);
        names.extend(crate::drafts::NAMES);
    }
    names
}

/// `ns:package/interface@1.2.3` in its two parts.
fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((interface, version)) => (interface, Some(version)),
        None => (name, None),
    }
}

/// Versions that this host speaks, by package.
fn speaks(interface: &str, version: Option<&str>) -> bool {
    let Some(version) = version.and_then(|v| semver::Version::parse(v).ok()) else {
        return false;
    };
    match interface.split_once(':') {
        Some(("wasi", _)) => {
            version.major == 0
                && (version.minor == 2 || version.minor == 3)
                && version.pre.is_empty()
        }
        _ => version.major == 0 && version.minor == 1,
    }
}

fn matches(pattern: &str, interface: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(package) => interface
            .strip_prefix(package)
            .is_some_and(|rest| !rest.is_empty()),
        None => pattern == interface,
    }
}

fn face(world: World, shape: &Shape) -> Option<Face> {
    let exports = |wanted: &str, minor: u64| {
        shape.exports.iter().any(|export| {
            let (interface, version) = split(export);
            let version = version.and_then(|v| semver::Version::parse(v).ok());
            interface == wanted && version.is_some_and(|v| v.major == 0 && v.minor == minor)
        })
    };
    match world {
        World::Cleaner => exports("steward:cleaning/cleaner", 1).then_some(Face::Typed),
        World::Anonymizer => exports("steward:anonymization/anonymizer", 1).then_some(Face::Typed),
        World::Labeller => exports("steward:labelling/labeller", 1).then_some(Face::Typed),
        World::Step => exports("steward:workflow/step", 1).then_some(Face::Typed),
        World::Function if exports("wasi:http/incoming-handler", 2) => Some(Face::Http02),
        World::Function => exports("wasi:http/handler", 3).then_some(Face::Http03),
    }
}

/// With which version of `wasi:http` a component answers; none where it does not.
pub fn http_face(shape: &Shape) -> Option<Face> {
    face(World::Function, shape)
}

/// What a world demands, for messages.
pub fn demanded_export(world: World) -> &'static str {
    match world {
        World::Cleaner => "`steward:cleaning/cleaner@0.1.0`",
        World::Anonymizer => "`steward:anonymization/anonymizer@0.1.0`",
        World::Labeller => "`steward:labelling/labeller@0.1.0`",
        World::Step => "`steward:workflow/step@0.1.0`",
        World::Function => "`wasi:http/incoming-handler@0.2` or `wasi:http/handler@0.3`",
    }
}

/// The worlds whose exports a component has.
pub fn worlds_of(shape: &Shape) -> Vec<World> {
    World::ALL
        .into_iter()
        .filter(|world| face(*world, shape).is_some())
        .collect()
}

/// Checks a component's own type against the policy of a world.
///
/// # Errors
/// Every [`Misfit`].
pub fn check(world: World, shape: &Shape) -> Result<Face, Misfit> {
    let Some(face) = face(world, shape) else {
        return Err(Misfit::MissingExport {
            world,
            wanted: demanded_export(world).into(),
            found: Names(shape.exports.clone()),
            fits: worlds_of(shape).first().copied(),
        });
    };
    let allowed = allowed(world);
    let permitted = |name: &String| {
        let (interface, version) = split(name);
        // A draft is spoken by its exact name alone.
        allowed.contains(&name.as_str())
            || speaks(interface, version)
                && allowed.iter().any(|pattern| matches(pattern, interface))
    };
    let offending: Vec<String> = shape
        .imports
        .iter()
        .filter(|name| !permitted(name))
        .cloned()
        .collect();
    if offending.is_empty() {
        Ok(face)
    } else {
        Err(Misfit::ForbiddenImports {
            world,
            imports: Names(offending),
            allowed: Names(allowed.into_iter().map(str::to_owned).collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(imports: &[&str], exports: &[&str]) -> Shape {
        let own = |names: &[&str]| names.iter().map(|s| (*s).to_owned()).collect();
        Shape {
            imports: own(imports),
            exports: own(exports),
        }
    }

    const CLEANER: &str = "steward:cleaning/cleaner@0.1.0";
    const ANONYMIZER: &str = "steward:anonymization/anonymizer@0.1.0";
    const LABELLER: &str = "steward:labelling/labeller@0.1.0";

    #[test]
    fn kinds_that_see_raw_data_can_import_neither_network_nor_storage() {
        let leaks = [
            "wasi:http/outgoing-handler@0.2.3",
            "wasi:http/types@0.2.3",
            "wasi:http/client@0.3.0",
            "wasi:sockets/tcp@0.2.0",
            "wasi:sockets/ip-name-lookup@0.2.0",
            "wasi:filesystem/types@0.2.6",
            "wasi:filesystem/preopens@0.2.6",
            "wasi:keyvalue/store@0.2.0",
            "wasi:keyvalue/store@0.2.0-draft",
            "wasi:keyvalue/atomics@0.2.0-draft2",
            "wasi:blobstore/blobstore@0.2.0",
            "wasi:blobstore/container@0.2.0-draft",
            "wasi:config/store@0.2.0-rc.1",
            "wasi:logging/logging@0.1.0-draft",
            "wasi:nn/graph@0.2.0-rc-2024-10-28",
            "steward:privacy/privacy@0.1.0",
            "steward:events/events@0.1.0",
            "vendor:backdoor/door@1.0.0",
            "run",
        ];
        for (world, export) in [
            (World::Cleaner, CLEANER),
            (World::Anonymizer, ANONYMIZER),
            (World::Labeller, LABELLER),
        ] {
            for leak in leaks {
                let refused = check(world, &shape(&["steward:log/log@0.1.0", leak], &[export]));
                let Err(Misfit::ForbiddenImports { imports, .. }) = refused else {
                    panic!("{world} may import {leak}");
                };
                assert_eq!(imports.0, [leak]);
            }
        }
    }

    #[test]
    fn a_draft_is_imported_by_functions_alone_and_in_its_exact_version() {
        let function = "wasi:http/incoming-handler@0.2.3";
        for name in crate::drafts::NAMES {
            assert!(check(World::Function, &shape(&[name], &[function])).is_ok());
            for (world, export) in [
                (World::Cleaner, CLEANER),
                (World::Anonymizer, ANONYMIZER),
                (World::Labeller, LABELLER),
            ] {
                assert!(
                    check(world, &shape(&[name], &[export])).is_err(),
                    "{world} {name}"
                );
            }
        }
        for other in [
            "wasi:keyvalue/store@0.2.0",
            "wasi:keyvalue/store@0.2.0-draft3",
            "wasi:keyvalue/store",
            "wasi:keyvalue/watcher@0.2.0-draft2",
            "wasi:nn/graph@0.2.0-rc-2024-10-29",
            "wasi:config/store@0.2.0-rc.2",
        ] {
            assert!(
                check(World::Function, &shape(&[other], &[function])).is_err(),
                "{other}"
            );
        }
    }

    #[test]
    fn a_step_may_import_what_a_function_may_but_the_requests_of_0_3() {
        const STEP: &str = "steward:workflow/step@0.1.0";
        for name in crate::drafts::NAMES.iter().copied().chain([
            "steward:secrets/secrets@0.1.0",
            "steward:events/events@0.1.0",
            "steward:privacy/privacy@0.1.0",
            "steward:inference/inference@0.1.0",
            "wasi:http/outgoing-handler@0.2.6",
            "wasi:http/types@0.2.6",
            "wasi:filesystem/preopens@0.2.6",
        ]) {
            let checked = check(World::Step, &shape(&[name], &[STEP]));
            assert_eq!(checked, Ok(Face::Typed), "{name}");
        }
        for name in [
            "wasi:http/client@0.3.0",
            "vendor:backdoor/door@1.0.0",
            "steward:secrets/secrets@0.2.0",
        ] {
            assert!(check(World::Step, &shape(&[name], &[STEP])).is_err(), "{name}");
        }
    }

    #[test]
    fn each_offending_import_is_named() {
        let refused = check(
            World::Cleaner,
            &shape(
                &["a:b/c@0.1.0", "steward:inference/inference@0.1.0"],
                &[CLEANER],
            ),
        );
        let message = refused.unwrap_err().to_string();
        assert!(
            message.contains("`a:b/c@0.1.0`, `steward:inference/inference@0.1.0`"),
            "{message}"
        );
    }

    #[test]
    fn the_face_follows_from_the_exports() {
        assert_eq!(
            check(
                World::Cleaner,
                &shape(&["wasi:io/streams@0.2.6"], &[CLEANER])
            ),
            Ok(Face::Typed)
        );
        let p2 = shape(
            &["wasi:http/types@0.2.9"],
            &["wasi:http/incoming-handler@0.2.3"],
        );
        assert_eq!(check(World::Function, &p2), Ok(Face::Http02));
        let asks = shape(
            &["steward:privacy/privacy@0.1.0"],
            &["wasi:http/incoming-handler@0.2.3"],
        );
        assert_eq!(check(World::Function, &asks), Ok(Face::Http02));
        let p3 = shape(&["wasi:http/types@0.3.2"], &["wasi:http/handler@0.3.2"]);
        assert_eq!(check(World::Function, &p3), Ok(Face::Http03));
        // A scripting toolchain's extra export is no harm.
        assert_eq!(
            check(World::Cleaner, &shape(&[], &[CLEANER, "exports"])),
            Ok(Face::Typed)
        );
    }

    #[test]
    fn the_wrong_world_is_told_which_one_fits() {
        let message = check(World::Anonymizer, &shape(&[], &[CLEANER]))
            .unwrap_err()
            .to_string();
        assert!(
            message.ends_with("and fits the world `cleaner`"),
            "{message}"
        );
        assert!(
            check(
                World::Cleaner,
                &shape(&[], &["steward:cleaning/cleaner@0.2.0"])
            )
            .is_err()
        );
        assert!(
            check(
                World::Function,
                &shape(&["wasi:io/streams@1.0.0"], &["wasi:http/handler@0.3.0"])
            )
            .is_err()
        );
    }
}
