//! Uploads.

use reqwest::Method;
use serde_json::json;

use crate::deployments::{WORDS, classifier};
use crate::guest;
use crate::host::{Answer, Host};

/// A multipart form, written by hand: the tests send what a good client never would.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        body.extend(
            format!("--xyz\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n")
                .into_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--xyz--\r\n");
    body
}

async fn upload(host: &Host, path: &str, body: Vec<u8>) -> Answer {
    let request = host
        .operator(Method::POST, path)
        .header("content-type", "multipart/form-data; boundary=xyz");
    Answer::of(request.body(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_checked_published_and_shown() {
    let host = Host::start().await;
    let manifest = guest::manifest("1.1.0");
    let component = guest::cleaner();
    let body = form(&[("manifest", manifest.as_bytes()), ("component", &component)]);

    let inspection = upload(&host, "/api/v1/plugins/check", body.clone())
        .await
        .is(200);
    assert_eq!(inspection["world"], "cleaner");
    Answer::of(host.operator(Method::GET, "/api/v1/plugins/echo/1.1.0"))
        .await
        .problem(404, "not-found");

    let answer = upload(&host, "/api/v1/plugins", body.clone()).await;
    assert_eq!(answer.headers["location"], "/api/v1/plugins/echo/1.1.0");
    let published = answer.is(201);
    assert_eq!(published["size"], component.len());
    upload(&host, "/api/v1/plugins", body)
        .await
        .problem(409, "conflict");

    let shown = Answer::of(host.operator(Method::GET, "/api/v1/plugins/echo/1.1.0"))
        .await
        .is(200);
    assert_eq!(shown, published);
    let alias = host
        .operator(Method::PUT, "/api/v1/plugins/echo/aliases/candidate")
        .json(&json!({"version": "1.1.0"}));
    Answer::of(alias).await.is(200);
    let by_alias = Answer::of(host.operator(Method::GET, "/api/v1/plugins/echo/candidate"))
        .await
        .is(200);
    assert_eq!(by_alias, published);
    let plugin = Answer::of(host.operator(Method::GET, "/api/v1/plugins/echo"))
        .await
        .is(200);
    assert_eq!(
        plugin["aliases"],
        json!({"stable": "1.0.0", "candidate": "1.1.0"})
            .as_object()
            .map(|o| {
                let mut sorted = o.clone();
                sorted.sort_keys();
                serde_json::Value::Object(sorted)
            })
            .unwrap()
    );
    // What it may do is told of one version, not in lists.
    let mut listed = published.clone();
    listed.as_object_mut().unwrap().remove("permissions");
    assert_eq!(plugin["versions"][0], listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_wrong_says_how() {
    let host = Host::start().await;
    let manifest = guest::manifest("2.0.0");
    let (manifest, component) = (manifest.as_bytes(), guest::cleaner());
    for parts in [
        &[][..],
        &[("manifest", manifest)],
        &[("component", &component[..])],
        &[
            ("manifest", manifest),
            ("manifest", manifest),
            ("component", &component),
        ],
        &[
            ("manifest", manifest),
            ("component", &component),
            ("more", b"x"),
        ],
        &[("manifest", b"\xff\xfe"), ("component", &component)],
        &[("", b"x")],
    ] {
        for path in ["/api/v1/plugins", "/api/v1/plugins/check"] {
            upload(&host, path, form(parts))
                .await
                .problem(400, "invalid-upload");
        }
    }
    let mut cut = form(&[("manifest", manifest), ("component", &component)]);
    cut.truncate(cut.len() - 40);
    upload(&host, "/api/v1/plugins", cut)
        .await
        .problem(400, "invalid-upload");
    let many: Vec<_> = (0..40).map(|i| i.to_string()).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    upload(&host, "/api/v1/plugins", form(&many))
        .await
        .problem(400, "invalid-upload");
    Answer::of(
        host.operator(Method::POST, "/api/v1/plugins")
            .json(&json!({})),
    )
    .await
    .problem(400, "invalid-upload");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_plugin_is_refused_by_name() {
    let host = Host::start().await;
    let good = guest::manifest("3.0.0");
    let component = guest::cleaner();
    let core = wat::parse_str("(module)").unwrap();
    let foreign =
        wat::parse_str(r#"(component (import "wasi:sockets/tcp@0.2.0" (instance)))"#).unwrap();
    let excessive = format!("{good}[requests]\ninference = [\"minilm\"]\n");
    for (manifest, bytes, code) in [
        (good.as_str(), &b""[..], "not-a-component"),
        (&good, b"not WebAssembly", "not-a-component"),
        (&good, &core, "core-module"),
        (
            &good,
            &component[..component.len() / 2],
            "malformed-component",
        ),
        (&good, &foreign, "wrong-world"),
        ("name = ", &component, "invalid-manifest"),
        (&excessive, &component, "manifest-excessive"),
    ] {
        let body = form(&[("manifest", manifest.as_bytes()), ("component", bytes)]);
        upload(&host, "/api/v1/plugins", body)
            .await
            .problem(422, code);
    }
    Answer::of(host.operator(Method::GET, "/api/v1/plugins/echo/3.0.0"))
        .await
        .problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_pushed_and_shown() {
    let host = Host::start().await;
    let config = br#"{"task": "classify", "labels": ["good", "bad"], "max_tokens": 64}"#;
    let model = classifier(&[0.0, 0.0, 3.0, 0.0, 0.0, 3.0]);
    let parts: &[(&str, &[u8])] = &[
        ("name", b"tiny"),
        ("version", b"0.1.0"),
        ("config", config),
        ("model.onnx", &model),
        ("tokenizer.json", WORDS.as_bytes()),
    ];
    let pushed = upload(&host, "/api/v1/models", form(parts)).await.is(201);
    assert_eq!(pushed["config"]["max_tokens"], 64);
    assert_eq!(pushed["files"]["model.onnx"]["size"], model.len());
    upload(&host, "/api/v1/models", form(parts))
        .await
        .problem(409, "conflict");
    let shown = Answer::of(host.operator(Method::GET, "/api/v1/models/tiny"))
        .await
        .is(200);
    assert_eq!(shown["versions"][0], pushed);

    for (part, value, status, code) in [
        ("name", &b"../x"[..], 400, "invalid-upload"),
        ("version", b"one", 400, "invalid-upload"),
        ("config", b"{", 422, "invalid-model"),
        (
            "config",
            br#"{"task": "embed", "max_tokens": 0}"#,
            422,
            "invalid-model",
        ),
        ("config", br#"{"task": "sing"}"#, 422, "invalid-model"),
        (
            "config",
            br#"{"task": "classify", "labels": ["a", "b", "c"]}"#,
            422,
            "invalid-model",
        ),
        ("model.onnx", b"m", 422, "invalid-model"),
        ("tokenizer.json", b"t", 422, "invalid-model"),
    ] {
        let parts: Vec<_> = parts
            .iter()
            .map(|(name, bytes)| (*name, if *name == part { value } else { bytes }))
            .collect();
        upload(&host, "/api/v1/models", form(&parts))
            .await
            .problem(status, code);
    }
    upload(&host, "/api/v1/models", form(&parts[..3]))
        .await
        .problem(400, "invalid-upload");
    let mut more = parts.to_vec();
    more.push(("weights.bin", b"w"));
    upload(&host, "/api/v1/models", form(&more))
        .await
        .problem(400, "invalid-upload");
}
