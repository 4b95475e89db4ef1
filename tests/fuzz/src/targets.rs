//! Parsers of outside bytes, in functions that must return.
#![allow(clippy::unwrap_used)]

use std::fmt::{Debug, Display};
use std::io::Write as _;
use std::path::PathBuf;
use std::str::FromStr;

use steward_egress::Destination;
use steward_engine::{Engine, EngineConfig, inspect};
use steward_formats::{Bounds, Format, Given, Source, export, import};
use steward_functions::policy;
use steward_labels::label_studio;
use steward_onnx::Model;
use steward_registry::{
    ApiKey, DatasetRef, Digest, EventPattern, Manifest, ModelRef, Name, Origin, Permission,
    Selector, TenantId, World,
};
use steward_schema::Schema;
use steward_supply::Sections;
use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, hostile, manifest};

use crate::mutate::{Rng, mutated};
use crate::{asked, documents, messages, wasm};

/// A parser under test.
pub struct Target {
    /// Its name on the command line and in the names of findings.
    pub name: &'static str,
    /// How many inputs of it `cargo test` tries.
    pub share: u64,
    /// Good inputs.
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// Makes an input out of good ones.
    pub input: fn(&mut Rng, &[Vec<u8>]) -> Vec<u8>,
    /// Reads an input. It may refuse it, and must neither panic nor take long.
    pub read: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "upload",
        share: 400,
        corpus: components,
        input: wasm::component,
        read: upload,
    },
    Target {
        name: "inspect",
        share: 4000,
        corpus: components,
        input: wasm::component,
        read: |bytes| {
            drop(inspect(bytes));
            drop(Sections::read(bytes));
        },
    },
    Target {
        name: "manifest",
        share: 4000,
        corpus: manifests,
        input: |rng, corpus| text(rng, corpus, MANIFEST_WORDS),
        read: read_manifest,
    },
    Target {
        name: "names",
        share: 20_000,
        corpus: names,
        input: |rng, corpus| text(rng, corpus, NAME_WORDS),
        read: read_names,
    },
    Target {
        name: "rows",
        share: 1000,
        corpus: rows,
        input: |rng, corpus| text(rng, corpus, ROW_WORDS),
        read: read_rows,
    },
    Target {
        name: "onnx",
        share: 4000,
        corpus: models,
        input: |rng, corpus| text(rng, corpus, &[]),
        read: read_model,
    },
    Target {
        name: "label-studio",
        share: 4000,
        corpus: tasks,
        input: |rng, corpus| text(rng, corpus, JSON_WORDS),
        read: read_tasks,
    },
    Target {
        name: "specifications",
        share: 4000,
        corpus: specifications,
        input: |rng, corpus| text(rng, corpus, JSON_WORDS),
        read: read_specifications,
    },
    Target {
        name: "messages",
        share: 4000,
        corpus: messages::messages,
        input: |rng, corpus| text(rng, corpus, messages::MESSAGE_WORDS),
        read: messages::read_message,
    },
    Target {
        name: "rules",
        share: 10_000,
        corpus: messages::rules,
        input: |rng, corpus| text(rng, corpus, messages::RULE_WORDS),
        read: messages::read_rule,
    },
    Target {
        name: "workflows",
        share: 1000,
        corpus: documents::workflows,
        input: |rng, corpus| text(rng, corpus, documents::WORKFLOW_WORDS),
        read: documents::read_workflow,
    },
    Target {
        name: "supply",
        share: 4000,
        corpus: documents::supplied,
        input: |rng, corpus| text(rng, corpus, documents::SUPPLY_WORDS),
        read: documents::read_supplied,
    },
    Target {
        name: "flags",
        share: 4000,
        corpus: documents::flag_files,
        input: |rng, corpus| text(rng, corpus, documents::FLAG_WORDS),
        read: documents::read_flags,
    },
    Target {
        name: "asked",
        share: 1000,
        corpus: asked::asked,
        input: |rng, corpus| text(rng, corpus, asked::ASKED_WORDS),
        read: asked::read_asked,
    },
    Target {
        name: "tokens",
        share: 4000,
        corpus: asked::tokens,
        input: |rng, corpus| text(rng, corpus, asked::TOKEN_WORDS),
        read: asked::read_token,
    },
];

fn text(rng: &mut Rng, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let seed = rng.pick(corpus).cloned().unwrap_or_default();
    mutated(rng, &seed, corpus, words)
}

fn components() -> Vec<Vec<u8>> {
    let mut all = vec![cleaner(KEEPS_EVERYTHING)];
    // Guests with imports, start functions, tables and data.
    for name in [
        "floods-the-log",
        "loops-once-it-is-deployed",
        "calls-what-is-of-another-type",
        "loops-in-its-start",
        "shouts-its-secret",
        "answers-one-text-a-million-times",
    ] {
        all.push(hostile(name));
    }
    all
}

/// What the host does with an upload, up to the first instance.
fn upload(bytes: &[u8]) {
    thread_local! {
        static ENGINE: (Engine, tempfile::TempDir) = {
            let cache = tempfile::tempdir().unwrap();
            let config = EngineConfig { cache_dir: cache.path().to_owned() };
            (Engine::new(&config).unwrap(), cache)
        };
    }
    let Ok(shape) = inspect(bytes) else {
        return;
    };
    for world in World::ALL {
        let _ = policy::check(world, &shape);
    }
    // Whatever the policy says: the compiler must stand what only other checks keep from it.
    ENGINE.with(|(engine, cache)| {
        let compiled = engine.compile(bytes);
        drop(compiled);
        // What compiled is kept nowhere: thousands of inputs would fill the disk.
        for lane in std::fs::read_dir(cache.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            if lane.path().is_dir() {
                let _ = std::fs::remove_dir_all(lane.path());
            }
        }
    });
}

const MANIFEST_WORDS: &[&str] = &[
    "[plugin]",
    "[requests]",
    "[limits]",
    "[config.",
    "]\n",
    "=",
    "\"",
    "'''",
    "[[",
    "{",
    "}",
    "\n",
    "name",
    "version",
    "inference",
    "http",
    "secrets",
    "keyvalue",
    "privacy",
    "read_events",
    "memory_mib",
    "timeout_ms",
    "1e999",
    "0x",
    "-1",
    "99999999999999999999",
    "\\u0000",
    "\u{202e}",
    "名",
];

fn manifests() -> Vec<Vec<u8>> {
    let full = "[requests]\ninference = [\"minilm@1.0.0~int8\"]\nhttp = [\"https://api.example.com:8443\"]\n\
        [config.token]\nsecret = true\n[config.mode]\ndefault = \"a\"\n\
        [limits]\nmemory_mib = 64\ntimeout_ms = 500\nconcurrency = 4\n";
    vec![
        manifest("plain", "1.0.0", "cleaner", "").into_bytes(),
        manifest("full", "1.0.0-rc.1+build.5", "function", full).into_bytes(),
    ]
}

fn read_manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(manifest) = Manifest::parse(text) {
        // It is stored as JSON, and must be the same when it is read again.
        let stored = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&stored).unwrap(), manifest);
    }
}

const NAME_WORDS: &[&str] = &[
    "@", "~", ":", "/", "..", ".", "-", "--", "%2e", "%2F", "\0", "stw_", "sha256:", "*",
    "https://", "http://", "[::1]", ":443", ":99999", "1.0.0", "+", "é", "ａ", "\u{202e}", "xn--",
    "#", "?", "\\", " ",
];

fn names() -> Vec<Vec<u8>> {
    [
        "a-name",
        "default",
        "minilm@1.2.0~int8",
        "minilm@stable",
        "reviews@3",
        "1.0.0",
        "0.1.0-rc.1+b",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "stw_01m8av3kd4n0ex1es161hkw95c_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "https://api.example.com",
        "http://[::1]:8080",
        "https://*.example.com",
        "com.example.order.*",
        "inference=minilm",
        "http=https://api.example.com",
        "https://API.example.com:443/a/b?c=d",
        "http://[::ffff:127.0.0.1]:8080/",
    ]
    .map(|name| name.as_bytes().to_vec())
    .to_vec()
}

/// What is read and written and read again is the same.
fn stays<T>(text: &str)
where
    T: FromStr<Err: Debug> + Display + PartialEq + Debug,
{
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert_eq!(
            written.parse::<T>().as_ref().ok(),
            Some(&value),
            "{text:?} became {written:?}"
        );
    }
}

/// A name needs no escaping in any path, URL or table.
fn is_plain(text: &str) -> bool {
    text.len() <= 63
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn read_names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    stays::<Name>(text);
    stays::<TenantId>(text);
    stays::<Digest>(text);
    stays::<Selector>(text);
    stays::<ModelRef>(text);
    stays::<DatasetRef>(text);
    stays::<Origin>(text);
    stays::<EventPattern>(text);
    let _ = text.parse::<Permission>();
    if let Ok(name) = text.parse::<Name>() {
        assert!(is_plain(name.as_str()), "{text:?}");
    }
    if let Ok(model) = text.parse::<ModelRef>() {
        assert!(is_plain(model.name.as_str()), "{text:?}");
    }
    if let Ok(key) = ApiKey::parse(text) {
        assert!(text.contains(key.id()), "{text:?}");
    }
    if let Ok(uri) = text.parse::<http::Uri>()
        && let Ok(destination) = Destination::of(&uri)
    {
        // One spelling: what is checked is what is connected to.
        let written: http::Uri = destination.to_string().parse().unwrap();
        let again = Destination::of(&written);
        assert_eq!(again.ok(), Some(destination), "{text:?}");
    }
    let _ = Format::of_content_type(text);
    let _ = Format::of_name(&PathBuf::from(text));
}

const ROW_WORDS: &[&str] = &[
    ",", "\"", "\"\"", "\n", "\r\n", "\r", ";", "\t", "{", "}", "[", "]", ":", "null", "1e999",
    "\\ud800", "\u{feff}", "PAR1", "id", "text",
];

fn rows() -> Vec<Vec<u8>> {
    vec![
        b"id,text\n1,\"a, b\"\n2,\"c\"\"d\"\n".to_vec(),
        "id;text\r\n1;你好\r\n".as_bytes().to_vec(),
        b"{\"id\": \"1\", \"text\": \"a\"}\n{\"id\": \"2\", \"text\": \"b\"}\n".to_vec(),
        b"[{\"id\": 1, \"text\": \"a\"}, {\"id\": 2}]".to_vec(),
        b"\xff\xfei\0d\0,\0t\0\n\x001\0,\0x\0\n\0".to_vec(),
        b"plain text\nand more of it\n".to_vec(),
        b"PAR1\x15\x04\x15\x00PAR1".to_vec(),
        parquet(),
        b"\x1f\x8b\x08\x00".to_vec(),
    ]
}

/// A good file of Parquet.
fn parquet() -> Vec<u8> {
    let mut rows = tempfile::NamedTempFile::new().unwrap();
    let lines = "{\"id\": 1, \"text\": \"a\"}\n{\"id\": 2, \"text\": \"你好\"}\n";
    rows.write_all(lines.as_bytes()).unwrap();
    let mut out = Vec::new();
    export(rows.path(), Format::Parquet, &mut out, &Bounds::default()).unwrap();
    out
}

fn read_rows(bytes: &[u8]) {
    const MOST: u64 = 4 << 20;
    // Parquet is read from its end, which a stream does not have.
    let file = bytes.starts_with(b"PAR1").then(|| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    });
    for format in [None, Some(Format::Csv), Some(Format::JsonLines)] {
        let given = Given {
            format,
            ..Given::default()
        };
        let source = match &file {
            Some(file) if format.is_none() => Source::File(file.path().to_owned()),
            _ => Source::Stream(Box::new(std::io::Cursor::new(bytes.to_vec()))),
        };
        let (mut kept, mut rejects) = (Vec::new(), Vec::new());
        let read = import(
            source,
            None,
            &given,
            &Bounds::default(),
            MOST,
            &mut kept,
            &mut rejects,
        );
        if read.is_ok() {
            for line in kept.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
                serde_json::from_slice::<serde_json::Value>(line).expect("what is kept is JSON");
            }
        }
    }
}

/// A field of protobuf that holds bytes.
pub(crate) fn field(number: u8, body: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, body.len() as u8][..], body].concat()
}

fn models() -> Vec<Vec<u8>> {
    let node = [
        field(1, b"a"),
        field(1, b"b"),
        field(2, b"c"),
        field(4, b"MatMul"),
    ]
    .concat();
    let dims = [
        &[0x08, 2, 0x08, 2, 0x10, 1][..],
        &field(8, b"b"),
        &field(9, &[0; 16]),
    ]
    .concat();
    let graph = [field(1, &node), field(2, b"g"), field(5, &dims)].concat();
    let model = [&[0x08, 8][..], &field(7, &graph), &field(8, &[0x10, 17])].concat();
    vec![model, field(7, &field(1, &node)), Vec::new()]
}

fn read_model(bytes: &[u8]) {
    if let Ok(model) = Model::parse(bytes) {
        let _ = (
            model.check(),
            model.inputs(),
            model.outputs(),
            model.operators(),
            model.metadata(),
        );
        let written = model.encode();
        assert!(
            Model::parse(&written).is_ok(),
            "what was read can be read again"
        );
        let _ = steward_onnx::layers(&model);
    }
    let _ = steward_onnx::external_tensor(&mut std::io::Cursor::new(bytes));
}

const JSON_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "null",
    "true",
    "-1",
    "1e400",
    "0.1",
    "\"id\":",
    "\"result\":",
    "\"value\":",
    "\"start\":",
    "\"end\":",
    "\"choices\":",
    "\\ud83d",
    "\\u0000",
    "18446744073709551616",
    "\"__proto__\":",
];

fn tasks() -> Vec<Vec<u8>> {
    vec![
        r#"[{"id": 1, "data": {"text": "你好 world"}, "annotations": [{"id": 2, "completed_by": 3, "result": [
            {"from_name": "label", "to_name": "text", "type": "labels", "value": {"start": 0, "end": 2, "text": "你好",
             "labels": ["X"]}},
            {"from_name": "c", "to_name": "text", "type": "choices", "value": {"choices": ["a"]}}]}]}]"#
            .as_bytes()
            .to_vec(),
        br#"{"data": {"text": "a"}, "predictions": [{"result": [], "score": 0.5}]}"#.to_vec(),
    ]
}

fn read_tasks(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let options = label_studio::FileOptions::default();
    if let Ok(imported) = label_studio::import(text, &options) {
        for task in &imported.tasks {
            serde_json::to_string(task).expect("a task can be written");
        }
    }
}

fn specifications() -> Vec<Vec<u8>> {
    [
        r#"{"columns": {"age": {"role": "quasi-identifier"}}, "k": 5}"#,
        r#"{"task": "embedding", "max_tokens": 128}"#,
        r##"{"$defs": {"a": {"type": "array", "items": {"$ref": "#"}}}, "anyOf": [{"$ref": "#/$defs/a"}, {"pattern": "^a+$"}]}"##,
        r#"{"type": "object", "required": ["k"], "properties": {"k": {"minimum": 1}}, "additionalProperties": false}"#,
        r#"{"to": {"url": {"url": "https://a.example/", "secret": "s"}}, "on": {"events": {"types": "a.*"}}}"#,
        r#"{"plugin": "p", "targets": [{"version": "1.0.0", "percent": 100}], "grants": {"inference": ["m"]}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Bodies of JSON and files of TOML that the API reads into types.
fn read_specifications(bytes: &[u8]) {
    let _ = serde_json::from_slice::<steward_anonymity::Spec>(bytes);
    let _ = serde_json::from_slice::<steward_registry::FunctionSpec>(bytes);
    let _ = serde_json::from_slice::<steward_registry::events::TriggerSpec>(bytes);
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes)
        && let Ok(schema) = Schema::of(&value)
    {
        // A schema is JSON like any other: it may hold for itself.
        let _ = schema.check(&value);
    }
    if let Ok(config) = serde_json::from_slice::<steward_inference::ModelConfig>(bytes) {
        let _ = config.validate();
    }
    if let Ok(config) =
        std::str::from_utf8(bytes).map(toml::from_str::<steward_inference::ModelConfig>)
        && let Ok(config) = config
    {
        let _ = config.validate();
    }
}
