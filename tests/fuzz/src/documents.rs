//! Documents that come with plugins, workflows and experiments.
#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use steward_feedback::flags::{self, Flags};
use steward_supply::{Envelope, Provenance, PublicKey, Sbom, Sections, SigningKey, Subject};
use steward_workflow::{Facts, HttpOutput, OpenApiCall, Run, Workflow, openapi};

pub const WORKFLOW_WORDS: &[&str] = &[
    "do:\n",
    "- a: ",
    "{",
    "}",
    "[",
    "]",
    ": ",
    ", ",
    "\n",
    "  ",
    "&a ",
    "*a ",
    "<<: ",
    "!!",
    "|\n",
    "---\n",
    "set: ",
    "call: ",
    "with: ",
    "for: ",
    "try: ",
    "fork: ",
    "then: ",
    "wait: ",
    "listen: ",
    "\"$ref\": \"#/paths",
    "\"operationId\": \"find\"",
    "raise: ",
    "run: ",
    "switch: ",
    "${ ",
    " }",
    "range(1e9)",
    "recurse",
    "[.[] | .]",
    "input",
    "@base64d",
    "test(\"(a+)+$\")",
    "limit(3; repeat(.))",
    "tojson",
    "$workflow.id",
    "P9999Y",
    "1e999",
    "\"",
    "'",
    "\\u0000",
];

pub fn workflows() -> Vec<Vec<u8>> {
    let head = "document: { dsl: 1.0.3, namespace: test, name: test, version: 1.0.0 }\n";
    [
        "input: { schema: { document: { type: object } } }\ndo:\n- a: { set: { b: '${ .x + 1 }', c: '${ [.y[] | ascii_upcase] }' } }\n\
         - c: { switch: [ { d: { when: .b > 1, then: end } }, { e: { then: continue } } ] }\n- f: { wait: PT1S }\n",
        "do:\n- a: { for: { each: x, in: .y }, do: [ { b: { set: { c: '${ $x }' } } } ] }\n\
         - d: { try: [ { e: { raise: { error: { type: 'https://a.example/e', status: 400, title: t } } } } ],\n\
           catch: { errors: { with: { status: 400 } }, as: e, do: [ { f: { set: '${ $e }' } } ] } }\n",
        "do:\n- a: { fork: { compete: true, branches: [ { b: { wait: { seconds: 1 } } }, { c: { set: { d: 1 } } } ] } }\n\
         - e: { call: http, with: { method: post, endpoint: 'https://a.example/{x}', body: { a: '${ .x }' } } }\n\
         - g: { listen: { to: { any: [ { with: { type: a.b } } ] } } }\n- h: { emit: { event: { with: { type: a.b, source: 'https://a.example/b' } } } }\n",
        "use: { retries: { r: { delay: PT1S, limit: { attempt: { count: 3 } } } } }\nschedule: { cron: '0 3 * * *' }\n\
         do:\n- a: { run: { workflow: { namespace: test, name: other, version: 1.0.0 } } }\n",
    ]
    .map(|rest| format!("{head}{rest}").into_bytes())
    .into_iter()
    .chain(APIS.map(|text| text.as_bytes().to_vec()))
    .collect()
}

/// Documents of OpenAPI 3 and of Swagger 2, with the operation `find`.
const APIS: [&str; 2] = [
    r##"{"openapi": "3.1.0", "servers": [{"url": "https://{host}/v1", "variables": {"host": {"default": "a.example"}}}],
        "paths": {"/orders/{id}": {"parameters": [{"$ref": "#/components/parameters/id"}], "post": {"operationId": "find",
            "parameters": [{"name": "tag", "in": "query", "style": "form", "explode": true}, {"name": "x-a", "in": "header"}],
            "requestBody": {"content": {"application/json": {}}}}}},
        "components": {"parameters": {"id": {"name": "id", "in": "path", "required": true}}}}"##,
    "swagger: '2.0'\nhost: a.example\nbasePath: /v1\nschemes: [https]\npaths:\n  /orders/{id}:\n    get:\n      operationId: find\n\
     \x20     parameters:\n      - { name: id, in: path, required: true }\n      - { name: tag, in: query, collectionFormat: csv }\n",
];

/// A definition that is read begins a run, which ends, waits or fails, within the bounds of its expressions.
pub fn read_workflow(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(workflow) = Workflow::parse(text) {
        let facts = Facts {
            run: "01JD".into(),
            at: Timestamp::from_second(1_700_000_000).unwrap(),
            mark: "m4rk".into(),
            extensions: [("more".to_owned(), vec!["a@sha256:1".to_owned()])].into(),
        };
        let input = json!({ "x": 1, "y": ["a", "b"], "z": null });
        let (run, _) = Run::start(workflow.clone(), input, facts);
        let _ = (run.pending(), run.wakes_at());
        let _ = Run::restore(workflow, &run.snapshot());
    }
    if let Ok(document) = openapi::document(bytes) {
        let _ = openapi::resolve(&FIND, &document);
    }
}

/// A call of the operation `find`.
static FIND: LazyLock<OpenApiCall> = LazyLock::new(|| OpenApiCall {
    document: "https://a.example/openapi.json".into(),
    document_authentication: None,
    operation: "find".into(),
    parameters: [
        ("id", json!("a/../b")),
        ("tag", json!(["x", "y"])),
        ("x-a", json!(true)),
        ("body", json!({ "a": 1 })),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect(),
    authentication: None,
    output: HttpOutput::default(),
    redirect: false,
});

pub const SUPPLY_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "null",
    "-1",
    "1e400",
    "\"payload\":",
    "\"signatures\":",
    "\"sig\":",
    "\"keyid\":",
    "\"subject\":",
    "\"digest\":",
    "\"sha256\":",
    "\"dsseEnvelope\":",
    "\"bomFormat\":\"CycloneDX\"",
    "\"spdxVersion\":",
    "\"components\":",
    "\"licenses\":",
    "-----BEGIN PUBLIC KEY-----\n",
    "-----END PUBLIC KEY-----",
    "-----BEGIN PRIVATE KEY-----\n",
    "-----END PRIVATE KEY-----",
    "ed25519:",
    "====",
    "\\u202e",
    "\0asm",
];

const OF: Subject<'static> = Subject {
    plugin: "p",
    version: "1.0.0",
    component: [1; 32],
    manifest: [2; 32],
};

/// A private key that is the same in every run: a seed has the same inputs.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n\
    -----END PRIVATE KEY-----\n";

/// The key of [`PEM`], and its signature over [`OF`].
static SIGNED: LazyLock<(PublicKey, String)> = LazyLock::new(|| {
    let key = SigningKey::read(PEM).unwrap();
    (key.public(), Envelope::sign(&OF, &key).to_json())
});

pub fn supplied() -> Vec<Vec<u8>> {
    let digest = "01".repeat(32);
    let provenance = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "p.wasm", "digest": { "sha256": digest } }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": { "buildDefinition": { "buildType": "https://a.example/t", "resolvedDependencies":
            [{ "uri": "git+https://a.example/r", "digest": { "gitCommit": "ab" } }] },
            "runDetails": { "builder": { "id": "https://a.example/b" } } },
    });
    let cyclonedx = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components":
        [{ "name": "serde", "version": "1.0.0", "licenses": [{ "license": { "id": "MIT" } }] }] });
    let spdx = json!({ "spdxVersion": "SPDX-2.3", "packages":
        [{ "name": "a", "licenseConcluded": "MIT", "licenseDeclared": "NOASSERTION" }] });
    vec![
        SIGNED.1.clone().into_bytes(),
        provenance.to_string().into_bytes(),
        cyclonedx.to_string().into_bytes(),
        spdx.to_string().into_bytes(),
        SIGNED.0.to_string().into_bytes(),
        PEM.as_bytes().to_vec(),
        "ed25519:AAAA".as_bytes().to_vec(),
        b"oci://registry.example.com:5000/acme/p@sha256:0101010101010101010101010101010101010101010101010101010101010101".to_vec(),
    ]
}

/// Nothing but the key that signed is ever said to have signed, and only over what it signed.
pub fn read_supplied(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::read(bytes) {
        if let Ok(keys) = envelope.verify(&OF) {
            assert_eq!(keys, [SIGNED.0]);
        }
        let other = Subject {
            component: [3; 32],
            ..OF
        };
        assert!(
            envelope.verify(&other).is_err(),
            "it is of another component"
        );
        assert!(Envelope::read(envelope.to_json().as_bytes()).is_ok());
    }
    let _ = Sbom::read(bytes);
    if Provenance::read(bytes, &[9; 32]).is_ok() {
        panic!("it is of another component");
    }
    let _ = Provenance::read(bytes, &[1; 32]);
    let _ = Sections::read(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = SigningKey::read(text);
        if let Ok(key) = PublicKey::read(text) {
            assert_eq!(key.to_string().parse::<PublicKey>().ok(), Some(key));
        }
        if let Ok(place) = text.parse::<steward_oci::Place>() {
            let _ = (place.registry(), place.name(), place.digest());
        }
    }
}

pub const FLAG_WORDS: &[&str] = &[
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
    "\"if\":",
    "\"var\":",
    "\"fractional\":",
    "\"sem_ver\":",
    "\"$ref\":",
    "\"$evaluators\":",
    "\"in\":",
    "\"starts_with\":",
    "\"targetingKey\"",
    "\"cat\":",
    "\"%\":",
    "\"<\":",
    "\"and\":",
    "\"!\":",
    "\"flags\":",
    "\"variants\":",
    "\\ud83d",
    "99999999999999999999",
];

pub fn flag_files() -> Vec<Vec<u8>> {
    [
        r#"{"flags": {"a": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
            "targeting": {"if": [{"and": [{"in": ["@a.example", {"var": "mail"}]}, {"$ref": "old"}]}, "on", null]}}},
            "$evaluators": {"old": {"<": [{"var": "age"}, 40]}}}"#,
        r#"{"flags": {"b": {"state": "ENABLED", "variants": {"x": 1, "y": 2.5}, "defaultVariant": "x",
            "targeting": {"fractional": [{"cat": [{"var": "targetingKey"}, "s"]}, ["x", 30], ["y", 70]]}}}}"#,
        r#"{"flags": {"c": {"state": "DISABLED", "variants": {"x": {}}, "defaultVariant": null,
            "targeting": {"sem_ver": [{"var": "v"}, "^", "1.2.0"]}}}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Who is assigned a variant is assigned the same again.
pub fn read_flags(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let known: Map<String, Value> = [
        ("targetingKey", json!("用户-1")),
        ("mail", json!("x@a.example")),
        ("age", json!(39)),
        ("v", json!("1.2.3")),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect();
    if let Ok(file) = Flags::read(text) {
        for key in ["a", "b", "c"] {
            if let Ok(flag) = file.flag(key) {
                let first = flag.assign(&known).ok();
                assert_eq!(flag.assign(&known).ok(), first);
                let _ = flag.assign(&Map::new());
            }
        }
    }
    let _ = flags::context(text);
}
