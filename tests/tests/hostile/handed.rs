//! Names that a guest hands over, by every interface that takes one: they name what is the guest's own, or nothing.

use std::collections::BTreeMap;

use reqwest::blocking::multipart::{Form, Part};
use serde_json::{Value, json};
use steward_tests::guest::manifest;
use steward_tests::{Server, home, until};

use crate::names::TRICKS;
use crate::suite::{guest, suite};

/// Sends JSON with this key; the answer must be a success.
#[track_caller]
fn send(server: &Server, key: &str, method: &str, path: &str, body: &Value) -> Value {
    let request = server.request_as(Some(key), method, path);
    let request = request
        .header("content-type", "application/json")
        .body(body.to_string());
    server.send(request).ok()
}

/// Publishes the guest in the tenant of this key, and deploys it with whatever there is called `own`.
fn install(server: &Server, key: &str, function: &str, own: &str) {
    let (names, events) = ([own.to_owned()], [format!("{own}.made")]);
    let named = ["keyvalue", "blobstore", "secrets", "inference", "privacy"];
    let grants: BTreeMap<&str, Value> = named
        .into_iter()
        .map(|kind| (kind, json!(names)))
        .chain(["append_events", "read_events"].map(|kind| (kind, json!(events))))
        .collect();
    let requests: String = grants
        .iter()
        .map(|(kind, names)| format!("{kind} = {names}\n"))
        .collect();
    let manifest = manifest(
        function,
        "1.0.0",
        "function",
        &format!("[requests]\n{requests}"),
    );
    let component = Part::bytes(guest("hostile-names")).file_name("component.wasm");
    let form = Form::new()
        .text("manifest", manifest)
        .part("component", component);
    let publish = server.request_as(Some(key), "POST", "/api/v1/plugins");
    server.send(publish.multipart(form)).ok();
    let targets = json!([{ "version": "1.0.0", "percent": 100 }]);
    let spec = json!({ "plugin": function, "targets": targets, "grants": grants });
    let path = format!("/api/v1/functions/{function}");
    send(server, key, "PUT", &path, &spec);
}

/// The key of an operator of a tenant that is made with it.
fn tenant(server: &Server, name: &str) -> String {
    let data = server.data().to_str().unwrap();
    let role = ["--role", "operator", "--tenant", name, "--data-dir", data];
    let made = server.cli(&[&["key", "create", name][..], &role].concat());
    let key = made["key"].as_str().unwrap().to_owned();
    until("the key is known", || {
        let me = server.send(server.request_as(Some(&key), "GET", "/api/v1/me"));
        (me.status == 200).then_some(())
    });
    key
}

#[test]
fn a_name_of_another_tenant_names_nothing() {
    let suite = suite();
    let server = &suite.server;
    let theirs = tenant(server, "reached");
    install(server, &theirs, "reaches", "vault");
    let there = |what: &str, body: &Value| {
        let path = format!("/f/reached/reaches/{what}");
        send(server, &theirs, "POST", &path, body)
    };
    // The other tenant has one of every kind.
    assert_eq!(there("keeps/vault", &json!([])), json!("kept"));
    let secret = json!({ "value": "theirs" });
    send(server, &theirs, "PUT", "/api/v1/secrets/vault", &secret);
    let rows = server.request_as(Some(&theirs), "POST", "/api/v1/datasets/vault");
    server.send(rows.body("{\"customer\":\"c1\"}\n")).ok();
    let model = home().join("models/magika");
    let file = |name: &str| model.join(name).to_string_lossy().into_owned();
    let (onnx, config) = (file("model.onnx"), file("model.toml"));
    let push = ["model", "push", "vault", "--version", "1.0.0"];
    let files = ["--onnx", &onnx, "--config", &config];
    server.cli_as(&theirs, &[&push[..], &files].concat());
    let names = json!(["vault", "vault.made"]);
    let all = json!([
        "bucket vault: open",
        "key vault: theirs",
        "container vault: open",
        "object vault: theirs",
        "secret vault: theirs",
        "model vault: open",
        "dataset vault: open",
        "events vault.made: 1",
    ]);
    assert_eq!(there("reads/vault", &names), all);

    suite.beside(|| {
        // The same names, granted by a tenant that has nothing under them: its bucket is empty.
        install(server, &server.key, "reaches-for-others", "vault");
        let mine = |names: &Value| {
            let path = "/f/default/reaches-for-others/reads/vault";
            send(server, &server.key, "POST", path, names)
        };
        assert_eq!(mine(&names), json!(["bucket vault: open"]));
        // And with the name of the tenant in them, in every way that somebody might join the two.
        let joined = ["/", ":", "@", ".", "~", "\0", "%2f", "/../reached/", "\\"]
            .map(|between| format!("reached{between}vault"));
        assert_eq!(mine(&json!(joined)), json!([]));
    });
    // Nobody has changed anything of theirs.
    assert_eq!(there("reads/vault", &names), all);
}

#[test]
fn no_trick_in_a_name_that_a_guest_hands_over_names_anything() {
    let suite = suite();
    let server = &suite.server;
    let call = |path: &str, names: &Value| {
        let path = format!("/f/default/{path}");
        send(server, &server.key, "POST", &path, names)
    };
    // What there is to reach, in the same tenant.
    install(server, &server.key, "hoards", "hoard");
    assert_eq!(call("hoards/keeps/hoard", &json!([])), json!("kept"));
    let hoard = call("hoards/reads/hoard", &json!(["hoard", "hoard.made"]));
    assert_eq!(
        hoard,
        json!([
            "bucket hoard: open",
            "key hoard: theirs",
            "container hoard: open",
            "object hoard: theirs",
            "events hoard.made: 1",
        ])
    );
    install(server, &server.key, "tricks", "own");
    let mut names: Vec<String> = Vec::new();
    for trick in TRICKS {
        // As a path has it, and as whoever decodes it would.
        names.push((*trick).to_owned());
        names.push(decoded(trick));
    }
    for reached in [
        "hoard",
        "hoard.made",
        "hoard/mine",
        "../hoard",
        "../hoard/mine",
        "own/../hoard",
        "own/../hoard/mine",
        "/hoard/mine",
        "default/hoard",
        "hoard\0",
        "hoard.*",
        "Hoard",
        "",
    ] {
        names.push(reached.to_owned());
    }
    names.push("a".repeat(20_000));
    names.sort();
    names.dedup();
    let names = json!(names);
    suite.beside(|| {
        assert_eq!(call("tricks/reads/own", &names), json!([]));
        // Where it may choose a name, of a key and of an object, it makes one of its own.
        let made = call("tricks/writes/own", &names);
        assert!(made.as_u64().is_some_and(|made| made > 0), "{made}");
    });
    let after = call("hoards/reads/hoard", &json!(["hoard", "hoard.made"]));
    assert_eq!(after, hoard);
}

/// The text with its escapes resolved.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = after
            .get(..2)
            .filter(|_| byte == b'%')
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
