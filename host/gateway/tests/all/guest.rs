//! A cleaner whose behaviour follows from the number of documents.

use std::path::Path;
use std::sync::LazyLock;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Answers `kept`, after a while.
pub const SLOW: usize = 1;
/// Crashes.
pub const CRASH: usize = 2;
/// Never answers.
pub const FOR_EVER: usize = 3;
/// Answers `invalid-input("no")`.
pub const REFUSE: usize = 4;

// The answer lies at 256: result<list<outcome>, error>. A `kept` is 20 zero bytes, as they lie at 1024.
const CORE: &str = r#"(module
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 65536))
  (data (i32.const 512) "no")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "steward:cleaning/cleaner@0.1.0#clean") (param $batch i32) (param $len i32) (result i32)
    (local $turns i64)
    (if (i32.eq (local.get $len) (i32.const 1)) (then
      (local.set $turns (i64.const 600000000))
      (loop $spin
        (local.set $turns (i64.sub (local.get $turns) (i64.const 1)))
        (br_if $spin (i64.ne (local.get $turns) (i64.const 0))))))
    (if (i32.eq (local.get $len) (i32.const 2)) (then unreachable))
    (if (i32.eq (local.get $len) (i32.const 3)) (then (loop $ever (br $ever))))
    (if (i32.eq (local.get $len) (i32.const 4)) (then
      (i32.store8 (i32.const 256) (i32.const 1))
      (i32.store (i32.const 264) (i32.const 512))
      (i32.store (i32.const 268) (i32.const 2))
      (return (i32.const 256))))
    (i32.store (i32.const 260) (i32.const 1024))
    (i32.store (i32.const 264) (local.get $len))
    (i32.const 256))
  (func (export "steward:cleaning/cleaner@0.1.0#fingerprint") (param i32 i32) (result i32)
    (i32.store (i32.const 260) (i32.const 1024))
    (i32.const 256)))"#;

/// The component.
pub fn cleaner() -> Vec<u8> {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(&wit).unwrap();
        let world = resolve.select_world(&[package], Some("cleaner")).unwrap();
        let mut module = wat::parse_str(CORE).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .unwrap()
            .encode()
            .unwrap()
    });
    BYTES.clone()
}

/// The manifest of a version of the plugin `echo`.
pub fn manifest(version: &str) -> String {
    format!(
        "[plugin]\nname = \"echo\"\nversion = \"{version}\"\nworld = \"cleaner\"\n\
         [config.token]\nsecret = true\n[config.mode]\n"
    )
}

/// The input of `clean` with so many documents.
pub fn batch(documents: usize) -> serde_json::Value {
    let batch: Vec<_> = (0..documents)
        .map(|i| serde_json::json!({"id": i.to_string(), "text": "t"}))
        .collect();
    serde_json::json!({ "batch": batch })
}
