//! Bytes that are uploaded as a component and are none, or one that nobody should run: each is
//! refused with its own problem, quickly, and the host goes on.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, manifest};

use crate::suite::{QUICK_MS, Suite, limits, resident_mib, suite};

/// What comes first in a component, and in a core module.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const CORE: &[u8] = b"\0asm\x01\0\0\0";

/// An unsigned number in LEB128.
fn leb(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (n & 0x7f) as u8;
        n >>= 7;
        if n == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(content.len()), content].concat()
}

/// A good cleaner, and sections behind it.
fn cleaner_and(sections: &[Vec<u8>]) -> Vec<u8> {
    [cleaner(KEEPS_EVERYTHING), sections.concat()].concat()
}

/// How many core modules a component of [`cleaner`] defines.
fn modules() -> usize {
    let bytes = cleaner(KEEPS_EVERYTHING);
    let mut depth = 0usize;
    let mut count = 0;
    for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            wasmparser::Payload::ModuleSection { .. } => {
                count += usize::from(depth == 0);
                depth += 1;
            }
            wasmparser::Payload::ComponentSection { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    count
}

/// A good cleaner with this core module beside its own, instantiated so many times.
fn instances_of(module: &str, times: usize) -> Vec<u8> {
    let module = section(1, &wat::parse_str(module).unwrap());
    let instance = [&[1, 0][..], &leb(modules()), &[0]].concat();
    let mut sections = vec![module];
    sections.extend(std::iter::repeat_n(section(2, &instance), times));
    cleaner_and(&sections)
}

/// A component with an instance under the name of a cleaner, and this before it.
fn wat_component(text: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component {text} (instance $i) (export "steward:cleaning/cleaner@0.1.0" (instance $i)))"#
    ))
    .unwrap()
}

/// A component that imports the log with this function type.
fn log_of(types: &str, parameter: &str) -> Vec<u8> {
    wat_component(&format!(
        r#"(type $log (instance {types} (export "write" (func (param "a" {parameter})))))
           (import "steward:log/log@0.1.0" (instance (type $log)))"#
    ))
}

fn nested_components(depth: usize) -> Vec<u8> {
    let mut bytes = COMPONENT.to_vec();
    for _ in 0..depth {
        bytes = [COMPONENT, &section(4, &bytes)].concat();
    }
    bytes
}

/// A section with a type of a component of a type of a component of …
fn nested_types(kind: u8, depth: usize) -> Vec<u8> {
    let mut types = vec![1];
    types.extend([kind, 1, 1].repeat(depth));
    types.extend([kind, 0]);
    section(7, &types)
}

/// A module whose one function has this body, in a good cleaner.
fn with_function(body: &str) -> Vec<u8> {
    instances_of(&format!("(module (func {body}))"), 1)
}

/// Every upload: its name, its bytes, and the problem; none where it is harmless and accepted.
fn uploads() -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    let good = cleaner(KEEPS_EVERYTHING);
    let mut later_version = good.clone();
    later_version[4] = 0x0e;
    let mut lists = "(type $t0 (list u8))".to_owned();
    let mut pairs = "(type $t0 (tuple u8 u8))".to_owned();
    for n in 1..=5000 {
        let _ = write!(lists, "(type $t{n} (list $t{}))", n - 1);
    }
    for n in 1..=60 {
        let _ = write!(pairs, "(type $t{n} (tuple $t{0} $t{0}))", n - 1);
    }
    let imports: String = (0..2000).fold(String::new(), |mut text, n| {
        let _ = write!(text, "(import \"a:b/c{n}@1.0.0\" (instance))");
        text
    });
    let exports: String = (0..2000).fold("(instance $e)".into(), |mut text: String, n| {
        let _ = write!(text, "(export \"a:b/c{n}@1.0.0\" (instance $e))");
        text
    });
    let fields = |count: usize| {
        (0..count).fold(String::new(), |mut text, n| {
            let _ = write!(text, "(field \"f{n}\" u8) ");
            text
        })
    };
    // A name section that says it has four billion names.
    let bomb = [&[4][..], b"name", &[1, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]].concat();
    let component_bomb = [
        &[14][..],
        b"component-name",
        &[1, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, 0],
    ]
    .concat();
    vec![
        ("empty", Vec::new(), Some("not-a-component")),
        ("html", b"<html>".to_vec(), Some("not-a-component")),
        (
            "magic-alone",
            b"\0asm".to_vec(),
            Some("malformed-component"),
        ),
        ("preamble-alone", COMPONENT.to_vec(), Some("wrong-world")),
        ("core-module", CORE.to_vec(), Some("core-module")),
        ("later-version", later_version, Some("malformed-component")),
        (
            "cut-in-a-section",
            good[..good.len() / 3].to_vec(),
            Some("malformed-component"),
        ),
        (
            "length-without-end",
            [COMPONENT, &[1], &[0xff; 16]].concat(),
            Some("malformed-component"),
        ),
        (
            "section-of-four-gigabytes",
            [COMPONENT, &[1, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat(),
            Some("malformed-component"),
        ),
        (
            "four-billion-imports",
            [COMPONENT, &section(10, &[0xff, 0xff, 0xff, 0xff, 0x0f])].concat(),
            Some("malformed-component"),
        ),
        (
            "four-billion-types",
            cleaner_and(&[section(7, &[0xff, 0xff, 0xff, 0xff, 0x0f])]),
            Some("unusable-component"),
        ),
        (
            "unknown-section",
            cleaner_and(&[section(77, b"what")]),
            Some("unusable-component"),
        ),
        (
            "components-nested-40-deep",
            cleaner_and(&[section(4, &nested_components(40))]),
            None,
        ),
        (
            "components-nested-1000-deep",
            cleaner_and(&[section(4, &nested_components(1000))]),
            Some("malformed-component"),
        ),
        (
            "components-nested-20000-deep",
            cleaner_and(&[section(4, &nested_components(20_000))]),
            Some("malformed-component"),
        ),
        (
            "component-types-nested-40-deep",
            cleaner_and(&[nested_types(0x41, 40)]),
            None,
        ),
        (
            "component-types-nested-900-deep",
            cleaner_and(&[nested_types(0x41, 900)]),
            Some("unusable-component"),
        ),
        (
            "component-types-nested-100000-deep",
            cleaner_and(&[nested_types(0x41, 100_000)]),
            Some("malformed-component"),
        ),
        (
            "instance-types-nested-900-deep",
            cleaner_and(&[nested_types(0x42, 900)]),
            Some("unusable-component"),
        ),
        (
            "instance-types-nested-100000-deep",
            cleaner_and(&[nested_types(0x42, 100_000)]),
            Some("malformed-component"),
        ),
        (
            "lists-nested-5000-deep",
            log_of(&lists, "$t5000"),
            Some("unusable-component"),
        ),
        (
            "pairs-of-pairs-60-deep",
            log_of(&pairs, "$t60"),
            Some("unusable-component"),
        ),
        (
            "record-of-20000-fields",
            log_of(
                &format!(
                    "(type $r' (record {})) (export \"r\" (type $r (eq $r')))",
                    fields(20_000)
                ),
                "$r",
            ),
            Some("unusable-component"),
        ),
        (
            "two-thousand-imports",
            wat_component(&imports),
            Some("malformed-component"),
        ),
        (
            "two-thousand-exports",
            wat_component(&exports),
            Some("malformed-component"),
        ),
        (
            "imports-its-own-export",
            wat_component(r#"(import "steward:cleaning/cleaner@0.1.0" (instance))"#),
            Some("forbidden-imports"),
        ),
        (
            "imports-sockets",
            wat_component(r#"(import "wasi:sockets/tcp@0.2.0" (instance))"#),
            Some("forbidden-imports"),
        ),
        (
            "imports-a-path",
            [
                COMPONENT,
                &section(10, &[&[1, 0, 9][..], b"../../etc", &[1, 0]].concat()),
            ]
            .concat(),
            Some("wrong-world"),
        ),
        (
            "no-utf-8-in-a-name",
            [COMPONENT, &section(10, &[1, 0, 2, 0xff, 0xfe, 1, 0])].concat(),
            Some("malformed-component"),
        ),
        (
            "more-data-than-memory",
            instances_of("(module (memory 1) (data (i32.const 65536) \"x\"))", 1),
            Some("unusable-component"),
        ),
        (
            "a-hundred-instances",
            instances_of("(module)", 100),
            Some("unusable-component"),
        ),
        (
            "sixty-instances-of-16-mib",
            instances_of("(module (memory 256))", 60),
            Some("unusable-component"),
        ),
        (
            "loops-in-another-instance",
            instances_of("(module (func $f (loop $l (br $l))) (start $f))", 1),
            Some("unusable-component"),
        ),
        (
            "recurses-in-another-instance",
            instances_of("(module (func $f (call $f)) (start $f))", 1),
            Some("unusable-component"),
        ),
        (
            "blocks-nested-20000-deep",
            with_function(&format!(
                "{}{}",
                "block ".repeat(20_000),
                "end ".repeat(20_000)
            )),
            None,
        ),
        (
            "fifty-thousand-locals",
            with_function(&format!("(local {})", "i64 ".repeat(50_000))),
            None,
        ),
        (
            "more-locals-than-there-may-be",
            with_function(&format!("(local {})", "i64 ".repeat(50_001))),
            Some("unusable-component"),
        ),
        (
            "branch-with-100000-targets",
            with_function(&format!(
                "block (br_table {} 0 (i32.const 7)) end",
                "0 ".repeat(100_000)
            )),
            Some("unusable-component"),
        ),
        (
            "one-function-of-a-megabyte",
            with_function(&format!(
                "(local i32) {}",
                "local.get 0 i32.const 7 i32.mul local.set 0 ".repeat(100_000)
            )),
            None,
        ),
        (
            "twenty-thousand-functions",
            instances_of(&format!("(module {})", "(func)".repeat(20_000)), 1),
            None,
        ),
        (
            "name-section-of-four-billion",
            cleaner_and(&[section(0, &component_bomb)]),
            None,
        ),
        (
            "name-section-of-four-billion-in-a-module",
            cleaner_and(&[section(1, &[CORE, &section(0, &bomb)].concat())]),
            None,
        ),
        (
            "custom-section-of-8-mib",
            cleaner_and(&[section(0, &[&[1, b'x'][..], &vec![0; 8 << 20]].concat())]),
            None,
        ),
        (
            "ten-thousand-custom-sections",
            cleaner_and(&vec![section(0, &[1, b'x']); 10_000]),
            None,
        ),
    ]
}

#[test]
fn what_is_no_component_is_refused_with_its_own_problem_and_quickly() {
    let suite = suite();
    let mut wrong = Vec::new();
    suite.beside(|| {
        for (name, bytes, problem) in uploads() {
            let size = bytes.len();
            let start = Instant::now();
            let answer = suite.server.publish(
                &manifest(name, "1.0.0", "cleaner", &limits(QUICK_MS)),
                bytes,
            );
            let took = start.elapsed();
            let right = match problem {
                Some(code) => answer.status == 422 && answer.is_problem(code),
                None => answer.status == 201,
            };
            if !right {
                wrong.push(format!("{name}: {answer:?}"));
            }
            if took > Duration::from_secs(50) {
                wrong.push(format!("{name}: {size} bytes kept the host for {took:?}"));
            }
            println!("{name}: {size} bytes, {took:?}, {}", answer.status);
        }
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Nothing of what was refused is stored.
    let plugins = suite
        .server
        .get("/api/v1/plugins?limit=1000")
        .ok()
        .to_string();
    for (name, _, problem) in uploads() {
        if problem.is_some() {
            assert!(
                !plugins.contains(&format!("\"{name}\"")),
                "{name}: {plugins}"
            );
        }
    }
}

/// A function of so many loops, each of which changes a local of its own that lives to the end.
fn loops(count: usize) -> String {
    let mut body = format!("(local {})", "i64 ".repeat(count));
    for n in 0..count {
        let _ = write!(
            body,
            "loop (local.set {n} (i64.add (local.get {n}) (i64.const 1))) (br_if 0 (i32.wrap_i64 (local.get 0))) end "
        );
    }
    for n in 0..count {
        let _ = write!(body, "local.get {n} drop ");
    }
    body
}

#[test]
#[ignore = "long: a compiler fills a gigabyte"]
fn a_component_that_the_compiler_cannot_stand_is_refused_and_the_host_does_not_grow() {
    let suite = Suite::start();
    let before = resident_mib(suite.server.pid());
    suite.beside(|| {
        let problem = suite
            .server
            .publish(
                &manifest("loops", "1.0.0", "cleaner", &limits(QUICK_MS)),
                with_function(&loops(4000)),
            )
            .problem(422, "unusable-component");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("MiB of memory to compile"), "{detail}");
    });
    let grown = resident_mib(suite.server.pid()).saturating_sub(before);
    assert!(grown < 100, "the server grew by {grown} MiB");
}
