//! Tricks in every name that stands in a path: none of them names anything.

use serde_json::{Value, json};

use steward_tests::batch;

use crate::suite::suite;
use crate::wire::{get, status};

/// What is put in place of a name, as it stands in the request line.
pub const TRICKS: &[&str] = &[
    "..",
    ".",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%2f..%2fdefault",
    "%2f",
    "%2Fetc%2Fpasswd",
    "..%5c..%5cwindows",
    "a%00b",
    "%00",
    "%0d%0ax-injected:%201",
    "%ff%fe",
    "%c0%ae%c0%ae",
    "%e2%80%ae",
    "%EF%BC%AE%EF%BC%AE",
    "d%D0%B5fault",
    "DEFAULT",
    "innocent%20",
    "innocent%2f",
    "innocent.",
    "innocent;a=b",
    "innocent%3fa",
    "~",
    "*",
    "$%7BHOME%7D",
    "%7b%7b7*7%7d%7d",
    "'%20or%201=1--",
    "-",
    "--",
    "a--b",
    "1",
    "%25%32%65",
];

#[test]
fn no_trick_in_a_name_names_anything() {
    let suite = suite();
    let server = &suite.server;
    let document = server.get("/openapi.json").ok();
    let mut templates: Vec<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(path, item)| path.contains('{') && item.get("get").is_some())
        .map(|(path, _)| path.clone())
        .collect();
    templates.extend(
        [
            "/f/{tenant}/innocent",
            "/f/default/{function}",
            "/f/{tenant}/{function}",
            "/v2/models/{model}",
            "/v2/models/{model}/versions/{version}",
            "/v2/models/{model}/ready",
            "/v1/models/{model}",
        ]
        .map(str::to_owned),
    );
    assert!(templates.len() > 20, "{templates:?}");
    let overlong = "a".repeat(20_000);
    let mut wrong = Vec::new();
    suite.beside(|| {
        for template in &templates {
            for trick in TRICKS.iter().copied().chain([overlong.as_str()]) {
                let path = filled(template, trick);
                let answer = get(server, path.as_bytes());
                let text = String::from_utf8_lossy(&answer);
                let right = status(&answer).is_some_and(|s| (400..500).contains(&s))
                    && !text
                        .split("\r\n\r\n")
                        .next()
                        .is_some_and(|head| head.contains("x-injected: 1"))
                    && !text.contains("root:");
                if !right {
                    let (path, text): (String, String) = (
                        path.chars().take(100).collect(),
                        text.chars().take(300).collect(),
                    );
                    wrong.push(format!("{path}: {text}"));
                }
            }
        }
    });
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
}

/// The path with the trick in place of each name.
fn filled(template: &str, trick: &str) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        path += before;
        path += trick;
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    path + rest
}

#[test]
fn no_trick_in_a_name_that_is_written_makes_anything() {
    let suite = suite();
    let server = &suite.server;
    let names = [
        "..",
        "../x",
        "a/b",
        "/etc/passwd",
        "a\0b",
        "a\r\nb",
        "ｉnnocent",
        "d\u{435}fault",
        "A",
        "a b",
        "",
        "a--b",
        "-a",
        "a-",
        "1a",
        "a.b",
        "a\u{202e}b",
        "é",
        "%2e%2e",
        "aux:",
        "a\\b",
    ];
    let overlong = "a".repeat(64);
    suite.beside(|| {
        for name in names.iter().copied().chain([overlong.as_str()]) {
            let toml_name = Value::from(name).to_string();
            let manifest =
                format!("[plugin]\nname = {toml_name}\nversion = \"1.0.0\"\nworld = \"cleaner\"\n");
            server
                .publish(&manifest, b"\0asm".to_vec())
                .problem(422, "invalid-manifest");
            let target = json!([{ "version": "1.0.0", "percent": 100 }]);
            let deployed = server.put(
                "/api/v1/functions/tricked",
                &json!({ "plugin": name, "targets": target }),
            );
            assert!(
                (400..500).contains(&deployed.status),
                "{name:?}: {deployed:?}"
            );
        }
        for version in [
            "",
            "1",
            "1.0",
            "01.0.0",
            "1.0.0/../2",
            "latest",
            "1.0.0\0",
            "999999999999999999999.0.0",
            "٣.0.0",
        ] {
            let toml_version = Value::from(version).to_string();
            let manifest =
                format!("[plugin]\nname = \"v\"\nversion = {toml_version}\nworld = \"cleaner\"\n");
            server
                .publish(&manifest, b"\0asm".to_vec())
                .problem(422, "invalid-manifest");
        }
    });
}

#[test]
fn what_belongs_to_another_tenant_looks_like_nothing() {
    let suite = suite();
    let server = &suite.server;
    // A tenant that exists, with a function of its own, beside one that never did.
    let data = server.data().to_str().unwrap();
    let made = server.cli(&[
        "key",
        "create",
        "other",
        "--role",
        "operator",
        "--tenant",
        "other",
        "--data-dir",
        data,
    ]);
    assert!(made["key"].is_string(), "{made}");
    suite.beside(|| {
        let there = server
            .post("/f/other/innocent", &batch(&["a"]))
            .problem(403, "wrong-tenant");
        let nowhere = server
            .post("/f/nobody/innocent", &batch(&["a"]))
            .problem(403, "wrong-tenant");
        let told = |problem: &Value| problem["detail"].to_string();
        assert_eq!(told(&there), told(&nowhere));
        for path in [
            "/f/Default/innocent",
            "/f/default%00/innocent",
            "/f/default./innocent",
            "/f/defaul%74/innocent",
        ] {
            let answer = get(server, path.as_bytes());
            assert_eq!(
                status(&answer),
                Some(403),
                "{path}: {}",
                String::from_utf8_lossy(&answer)
            );
        }
    });
}
