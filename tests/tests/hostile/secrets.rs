//! What a guest knows stays with its operator: its callers, and other functions, see nothing of it.

use serde_json::json;
use steward_tests::guest::{hostile, manifest};

use crate::suite::{PATIENT_MS, limits, suite};

#[test]
fn a_secret_that_a_crashing_guest_shouts_reaches_its_operator_and_nobody_else() {
    let suite = suite();
    let server = &suite.server;
    let secret = "correct-horse-battery-staple";
    let config = "[config.token]\nsecret = true\n";
    let rest = limits(PATIENT_MS) + config;
    let published = manifest("shouts", "1.0.0", "cleaner", &rest);
    server
        .publish(&published, hostile("shouts-its-secret"))
        .ok();
    let deployment = json!({ "config": { "token": secret } });
    let deployed = server.deploy("shouts", "shouts", "1.0.0", deployment).ok();
    assert!(!deployed.to_string().contains(secret), "{deployed}");
    suite.beside(|| {
        let problem = server.call("shouts", &["x"]).problem(502, "guest-crashed");
        assert!(!problem.to_string().contains(secret), "{problem}");
    });
    for path in [
        "/api/v1/functions/shouts",
        "/api/v1/functions",
        "/api/v1/functions/shouts/history",
        "/api/v1/plugins/shouts",
        "/api/v1/usage",
        "/metrics",
        "/readyz",
    ] {
        let answer = server.get(path);
        assert!(answer.status < 500, "{path}: {answer:?}");
        assert!(
            !answer.body.to_string().contains(secret),
            "{path}: {answer:?}"
        );
    }
    // What a guest says of itself is its operator's to read.
    let logs = server.get("/api/v1/functions/shouts/logs").ok().to_string();
    assert!(logs.contains(secret), "{logs}");
    let made = json!({ "name": "caller", "role": "invoker" });
    let made = server.post("/api/v1/keys", &made).ok();
    let key = made["key"].as_str().unwrap();
    for path in ["/api/v1/functions/shouts/logs", "/api/v1/functions/shouts"] {
        server
            .send(server.request_as(Some(key), "GET", path))
            .problem(403, "forbidden");
    }
}

#[test]
fn what_a_guest_says_as_it_panics_is_not_in_the_answer() {
    let suite = suite();
    for wasi in ["02", "03"] {
        let path = suite.behaviour(wasi, "panics");
        suite.beside(|| {
            let problem = suite.server.get(&path).problem(502, "guest-crashed");
            let text = problem.to_string();
            for private in ["it gave up", "src/lib.rs", "wasm backtrace", ".rs:"] {
                assert!(!text.contains(private), "{text}");
            }
        });
        let function = path.split('/').nth(3).unwrap();
        let logs = suite
            .server
            .get(&format!("/api/v1/functions/{function}/logs"));
        let logs = logs.ok().to_string();
        assert!(logs.contains("it gave up"), "{logs}");
    }
}

#[test]
fn the_key_of_the_caller_never_reaches_the_guest() {
    let suite = suite();
    let path = suite.behaviour("02", "shows-its-headers");
    let request = suite
        .server
        .request("GET", &path)
        .header("x-mine", "1")
        .header("connection", "keep-alive, x-mine")
        .header("proxy-authorization", "Basic c2VjcmV0")
        .header("upgrade", "websocket");
    let seen = suite.server.send(request).ok();
    let seen: Vec<&str> = seen.as_str().unwrap().split(',').collect();
    assert!(seen.contains(&"x-mine"), "{seen:?}");
    for hidden in [
        "authorization",
        "proxy-authorization",
        "connection",
        "upgrade",
        "transfer-encoding",
    ] {
        assert!(!seen.contains(&hidden), "{hidden}: {seen:?}");
    }
}
