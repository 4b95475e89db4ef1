//! Guests written as core modules in the text format, made into components of a world.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::root;

/// Makes a component of the world out of a core module in the text format.
///
/// # Panics
/// When the module does not have the exports of the world: a mistake in the test.
pub fn component(world: &str, module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_dir(root().join("wit"))
        .expect("the contract parses");
    let world = resolve
        .select_world(&[package], Some(world))
        .expect("a world of the contract");
    let mut bytes = wat::parse_str(module).expect("a module in the text format");
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).expect("metadata");
    ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|encoder| encoder.encode())
        .expect("a component of the world")
}

/// A cleaner whose `clean` has this body: it takes the address and the length of the batch, and
/// answers with the address of its result. The page from 1024 on is free for it.
///
/// # Panics
/// When the body does not parse.
pub fn cleaner(clean: &str) -> Vec<u8> {
    cleaner_of(&Parts {
        clean: clean.to_owned(),
        ..Parts::default()
    })
}

/// What a cleaner in the text format is made of, beside what every one has.
#[derive(Default)]
struct Parts {
    /// The body of `clean`.
    clean: String,
    /// What it imports.
    imports: String,
    /// Other fields of its module.
    module: String,
    /// The body of `cabi_realloc`, where it is not the usual one.
    realloc: Option<String>,
}

fn cleaner_of(parts: &Parts) -> Vec<u8> {
    let Parts {
        clean,
        imports,
        module,
        realloc,
    } = parts;
    let realloc = realloc.as_deref().unwrap_or(USUAL_REALLOC);
    let module = format!(
        r#"(module
            {imports}
            (memory (export "memory") 2)
            (global $next (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
              {realloc})
            (func $clean (export "steward:cleaning/cleaner@0.1.0#clean") (param $batch i32) (param $count i32) (result i32)
              {clean})
            (func (export "steward:cleaning/cleaner@0.1.0#fingerprint") (param i32 i32) (result i32)
              unreachable)
            {module})"#
    );
    component("cleaner", &module)
}

/// Takes the next free bytes, and pages where they are used up.
const USUAL_REALLOC: &str = r#"
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (loop $grow
      (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
        (then
          (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
          (br $grow))))
    (local.get $at)"#;

/// The cleaner of `tests/guests/hostile/NAME.wat`: the body of its `clean`, and after a line
/// `;;; imports`, `;;; module` or `;;; realloc` that part of its module.
///
/// # Panics
/// When there is no such guest.
pub fn hostile(name: &str) -> Vec<u8> {
    let path = root()
        .join("tests/guests/hostile")
        .join(format!("{name}.wat"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut parts = Parts::default();
    let mut sections = text.split(";;; ");
    parts.clean = sections.next().unwrap_or_default().to_owned();
    for section in sections {
        let (name, rest) = section.split_once('\n').unwrap_or((section, ""));
        match name.trim() {
            "imports" => parts.imports = rest.to_owned(),
            "module" => parts.module = rest.to_owned(),
            "realloc" => parts.realloc = Some(rest.to_owned()),
            other => panic!("{}: no part `{other}`", path.display()),
        }
    }
    if parts.clean.lines().all(|line| line.starts_with(";;")) {
        parts.clean.push_str(KEEPS_EVERYTHING);
    }
    cleaner_of(&parts)
}

/// The body of a well-behaved cleaner: every document is kept.
pub const KEEPS_EVERYTHING: &str = r#"
    ;; result<list<outcome>, error>: discriminant 0, then address and length of the list.
    ;; An outcome is 28 bytes here; all zeros means `kept`.
    (i32.store8 (i32.const 1024) (i32.const 0))
    (i32.store (i32.const 1028) (i32.const 2048))
    (i32.store (i32.const 1032) (local.get $count))
    (i32.const 1024)"#;

/// The manifest of a plugin.
pub fn manifest(name: &str, version: &str, world: &str, rest: &str) -> String {
    format!("[plugin]\nname = \"{name}\"\nversion = \"{version}\"\nworld = \"{world}\"\n{rest}")
}
