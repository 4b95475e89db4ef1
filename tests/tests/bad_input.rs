//! Bad input from publishers and callers: each gets its own clear error, the host goes on serving,
//! and nothing of it is stored.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, component, manifest};
use steward_tests::{Server, batch};

/// Asserts that the server answers a good call and knows only the plugin of it.
#[track_caller]
fn serves_and_lost_nothing(server: &Server) {
    assert_eq!(
        server.call("good", &["a", "b"]).ok(),
        json!(["kept", "kept"])
    );
    let plugins = server.get("/api/v1/plugins").ok().to_string();
    assert_eq!(plugins.matches("\"digest\"").count(), 1, "{plugins}");
}

fn server_with_a_good_function() -> Server {
    let server = Server::start();
    server
        .publish(
            &manifest("good", "1.0.0", "cleaner", ""),
            cleaner(KEEPS_EVERYTHING),
        )
        .ok();
    server.deploy("good", "good", "1.0.0", json!({})).ok();
    server
}

#[test]
fn uploads_that_are_no_component_are_named() {
    let server = server_with_a_good_function();
    let publish = |bytes: Vec<u8>| server.publish(&manifest("bad", "1.0.0", "cleaner", ""), bytes);
    publish(b"<html>".to_vec()).problem(422, "not-a-component");
    publish(Vec::new()).problem(422, "not-a-component");
    publish(wat::parse_str("(module)").unwrap()).problem(422, "core-module");
    let good = cleaner(KEEPS_EVERYTHING);
    for cut in [9, 40, good.len() / 2, good.len() - 1] {
        let answer = publish(good[..cut].to_vec());
        assert_eq!(answer.status, 422, "cut at {cut}: {answer:?}");
    }
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 64].fill(0xff);
    assert_eq!(publish(flipped).status, 422);
    serves_and_lost_nothing(&server);
}

#[test]
fn two_hundred_megabytes_of_zeros_are_turned_away() {
    let server = server_with_a_good_function();
    let before = resident_kib(server.pid());
    server
        .publish(&manifest("bad", "1.0.0", "cleaner", ""), vec![0; 200 << 20])
        .problem(413, "body-too-large");
    let grown = resident_kib(server.pid()).saturating_sub(before);
    assert!(grown < 100 << 10, "the server grew by {grown} KiB");
    serves_and_lost_nothing(&server);
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_component_with_unknown_imports_is_told_each_of_them() {
    let server = server_with_a_good_function();
    let leaky = wat::parse_str(
        r#"(component
            (import "wasi:sockets/tcp@0.2.0" (instance))
            (import "vendor:backdoor/door@1.0.0" (instance))
            (instance $i)
            (export "steward:cleaning/cleaner@0.1.0" (instance $i)))"#,
    )
    .unwrap();
    let problem = server
        .publish(&manifest("bad", "1.0.0", "cleaner", ""), leaky)
        .problem(422, "forbidden-imports");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("wasi:sockets/tcp@0.2.0") && detail.contains("vendor:backdoor/door@1.0.0"),
        "{detail}"
    );

    // The right names with the wrong types.
    let lies = wat::parse_str(
        r#"(component (instance $i) (export "steward:cleaning/cleaner@0.1.0" (instance $i)))"#,
    )
    .unwrap();
    server
        .publish(&manifest("bad", "1.0.0", "cleaner", ""), lies)
        .problem(422, "unusable-component");

    // A component of another world than its manifest says.
    let problem = server
        .publish(
            &manifest("bad", "1.0.0", "anonymizer", ""),
            cleaner(KEEPS_EVERYTHING),
        )
        .problem(422, "wrong-world");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("fits the world `cleaner`"),
        "{problem}"
    );
    serves_and_lost_nothing(&server);
}

#[test]
fn manifests_that_ask_for_too_much_are_refused() {
    let server = server_with_a_good_function();
    let publish = |manifest: &str| server.publish(manifest, cleaner(KEEPS_EVERYTHING));
    let with = |rest: &str| manifest("bad", "1.0.0", "cleaner", rest);
    publish(&with("[requests]\ninference = [\"minilm\"]\n")).problem(422, "manifest-excessive");
    publish(&with("[limits]\nmemory_mib = 100000\n")).problem(422, "invalid-manifest");
    publish(&with("[requests]\nnetwork = [\"*\"]\n")).problem(422, "invalid-manifest");
    publish(&manifest("../../etc/passwd", "1.0.0", "cleaner", "")).problem(422, "invalid-manifest");
    publish(&manifest("bad", "one", "cleaner", "")).problem(422, "invalid-manifest");
    publish(&manifest("bad", "1.0.0", "admin", "")).problem(422, "invalid-manifest");
    publish(&"#".repeat(100_000)).problem(422, "invalid-manifest");
    publish("not toml [").problem(422, "invalid-manifest");

    // The world may have it, the deployment does not give it.
    let anonymizer = component(
        "anonymizer",
        r#"(module (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "steward:anonymization/anonymizer@0.1.0#detect") (param i32 i32 i32 i32 i32) (result i32) unreachable)
            (func (export "steward:anonymization/anonymizer@0.1.0#anonymize")
              (param i32 i32 i32 i32 i32 i32 f32 i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable))"#,
    );
    let asks = manifest(
        "asks",
        "1.0.0",
        "anonymizer",
        "[requests]\ninference = [\"minilm\"]\n",
    );
    server.publish(&asks, anonymizer).ok();
    let problem = server
        .deploy("asks", "asks", "1.0.0", json!({}))
        .problem(403, "grant-missing");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("inference = [\"minilm\"]") && detail.contains("--grant inference=minilm"),
        "{detail}"
    );
}

#[test]
fn a_version_is_published_once() {
    let server = server_with_a_good_function();
    let again = manifest("good", "1.0.0", "cleaner", "");
    server
        .publish(&again, cleaner(KEEPS_EVERYTHING))
        .problem(409, "conflict");
    server
        .publish(&again, cleaner("unreachable"))
        .problem(409, "conflict");
    serves_and_lost_nothing(&server);
}

#[test]
fn of_publishers_that_race_one_wins() {
    let server = server_with_a_good_function();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8)
            .map(|i| {
                let server = &server;
                scope.spawn(move || {
                    let component = cleaner(&format!("(drop (i32.const {i})) unreachable"));
                    server
                        .publish(&manifest("raced", "1.0.0", "cleaner", ""), component)
                        .status
                })
            })
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().unwrap())
            .collect()
    });
    assert_eq!(
        statuses.iter().filter(|s| **s == 201).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|s| **s == 409).count(),
        7,
        "{statuses:?}"
    );
}

#[test]
fn callers_are_told_what_is_wrong_with_their_input() {
    let server = server_with_a_good_function();
    let path = "/f/default/good";
    let raw = |body: &str| server.send(server.request("POST", path).body(body.to_owned()));
    let problem = raw("{\"batch\": [").problem(400, "invalid-json");
    assert!(
        problem["detail"].as_str().unwrap().contains("line 1"),
        "{problem}"
    );
    raw("\u{feff}").problem(400, "invalid-json");
    server
        .send(server.request("POST", path).body(vec![b'"', 0xff, b'"']))
        .problem(400, "invalid-json");

    let wrong = |body: Value, at: &str| {
        let problem = server.post(path, &body).problem(400, "invalid-input");
        assert_eq!(problem["path"], at, "{problem}");
    };
    wrong(json!([]), "input");
    wrong(json!({}), "batch");
    wrong(json!({ "batch": "text" }), "batch");
    wrong(json!({ "batch": [{ "id": "1" }] }), "batch[0].text");
    wrong(
        json!({ "batch": [{ "id": "1", "text": "好" }, { "id": "2", "text": 7 }] }),
        "batch[1].text",
    );
    wrong(json!({ "batch": [{ "id": 1, "text": "" }] }), "batch[0].id");
    wrong(json!({ "batch": [], "bacth": [] }), "bacth");
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    raw(&deep).problem(400, "invalid-json");

    let large = json!({ "batch": [{ "id": "1", "text": "x".repeat(5 << 20) }] });
    server.post(path, &large).problem(413, "body-too-large");
    server
        .post("/f/default/good/no-such-export", &batch(&["a"]))
        .problem(404, "unknown-export");
    server.get(path).problem(405, "method-not-allowed");
    serves_and_lost_nothing(&server);
}

#[test]
fn strangers_are_turned_away() {
    let server = server_with_a_good_function();
    let call = |key: Option<&str>, path: &str| {
        server.send(server.request_as(key, "POST", path).json(&batch(&["a"])))
    };
    call(None, "/f/default/good").problem(401, "missing-key");
    call(Some("stw_nonsense"), "/f/default/good").problem(401, "invalid-key");
    call(Some(&format!("{}x", server.key)), "/f/default/good").problem(401, "invalid-key");
    // A tenant that does not exist and one that is somebody else's look the same from outside.
    call(Some(&server.key), "/f/nobody/good").problem(403, "wrong-tenant");
    call(Some(&server.key), "/f/default/nothing").problem(404, "unknown-function");

    let made = server
        .post(
            "/api/v1/keys",
            &json!({ "name": "caller", "role": "invoker" }),
        )
        .ok();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    call(Some(key), "/f/default/good").ok();
    server
        .send(server.request_as(Some(key), "GET", "/api/v1/keys"))
        .problem(403, "forbidden");
    server
        .send(server.request("DELETE", &format!("/api/v1/keys/{id}")))
        .ok();
    call(Some(key), "/f/default/good").problem(401, "revoked-key");
    serves_and_lost_nothing(&server);
}

#[test]
fn deployments_that_break_a_rule_are_refused() {
    let server = server_with_a_good_function();
    let put = |spec: Value| server.put("/api/v1/functions/other", &spec);
    let target = |version: &str, percent: i32| json!({ "version": version, "percent": percent });
    put(json!({ "plugin": "good", "targets": [target("9.9.9", 100)] })).problem(404, "not-found");
    put(json!({ "plugin": "good", "targets": [] })).problem(422, "invalid-function");
    put(json!({ "plugin": "good", "targets": [target("1.0.0", 90)] }))
        .problem(422, "invalid-function");
    put(json!({ "plugin": "good", "targets": [target("1.0.0", 50), target("1.0.0", 50)] }))
        .problem(422, "invalid-function");
    put(json!({ "plugin": "good", "targets": [target("1.0.0", 100)], "config": { "nothing": "1" } }))
        .problem(422, "undeclared-config");
    put(json!({ "plugin": "good", "targets": [target("1.0.0", 100)], "grants": { "inference": ["minilm"] } }))
        .problem(422, "invalid-function");
    server
        .put("/api/v1/functions/..%2Fother", &json!({}))
        .problem(400, "invalid-path");
    serves_and_lost_nothing(&server);
}
