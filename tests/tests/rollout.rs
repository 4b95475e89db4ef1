//! New versions of functions: on trial, rolled back by the host, promoted, and never a call lost.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, hostile, manifest};
use steward_tests::{Server, Streamed, batch, built, until};

/// A cleaner that drops everything, to be told from one that keeps everything.
const DROPS_EVERYTHING: &str = r#"
    (i32.store8 (i32.const 1024) (i32.const 0))
    (i32.store (i32.const 1028) (i32.const 2048))
    (i32.store (i32.const 1032) (local.get $count))
    ;; The case `dropped`, by no rule and with nothing to say.
    (i32.store8 (i32.const 2048) (i32.const 2))
    (i32.store (i32.const 2052) (i32.const 0))
    (i32.store (i32.const 2056) (i32.const 0))
    (i32.const 1024)"#;

/// A server with `p@1.0.0`, which keeps everything, deployed as `p`, and `p@1.1.0`, which is `new`.
fn server(new: Vec<u8>) -> Server {
    let server = Server::start();
    for (version, component) in [("1.0.0", cleaner(KEEPS_EVERYTHING)), ("1.1.0", new)] {
        server
            .publish(&manifest("p", version, "cleaner", ""), component)
            .ok();
    }
    server.deploy("p", "p", "1.0.0", json!({})).ok();
    server
}

/// The newest revision, once the host itself wrote it.
fn rolled_back(server: &Server, function: &str) -> Value {
    until("the host rolls back by itself", || {
        let revision = server.get(&format!("/api/v1/functions/{function}")).ok();
        (revision["created_by"] == "steward").then_some(revision)
    })
}

fn trial(server: &Server, args: &[&str]) -> Value {
    let deploy = ["function", "deploy", "p", "--plugin", "p@1.1.0"];
    server.cli(&[&deploy[..], args].concat())
}

#[test]
fn a_candidate_that_crashes_is_rolled_back_and_no_call_fails_for_it() {
    let server = server(hostile("traps"));
    let tried = trial(&server, &["--percent", "50", "--reason", "try it"]);
    assert_eq!(tried["revision"], 2);
    assert_eq!(tried["reason"], "try it");
    assert_eq!(tried["spec"]["rollout"]["candidate"], "1.1.0");
    // Every call is answered, by the stable version where the candidate crashes; its 20th crash ends the trial.
    let back = until("the trial is over", || {
        assert_eq!(server.call("p", &["a"]).ok(), json!(["kept"]));
        let revision = server.get("/api/v1/functions/p").ok();
        (revision["created_by"] == "steward").then_some(revision)
    });
    assert_eq!(back["revision"], 3);
    assert_eq!(
        back["spec"]["targets"],
        json!([{ "version": "1.0.0", "percent": 100 }])
    );
    assert_eq!(back["spec"].get("rollout"), None);
    let reason = back["reason"].as_str().unwrap();
    assert!(reason.contains("failed its last"), "{reason}");
    // The person who looks finds out why, in the figures and in the log.
    let status = server.cli(&["function", "status", "p"]);
    assert_eq!(status["last_rollback"]["revision"], 3);
    assert_eq!(status["candidate"], Value::Null);
    let logs = server.get("/api/v1/functions/p/logs").ok().to_string();
    assert!(logs.contains("rolled back: "), "{logs}");
    // A trial that is over is not promoted.
    server
        .post("/api/v1/functions/p/promote", &json!({}))
        .problem(422, "invalid-function");
}

#[test]
fn a_candidate_that_is_slow_is_rolled_back() {
    // Some milliseconds of counting before the same answer.
    let slow = cleaner(&format!(
        "(local $left i32)
         (local.set $left (i32.const 10000000))
         (loop $again
           (local.set $left (i32.sub (local.get $left) (i32.const 1)))
           (br_if $again (local.get $left)))
         {KEEPS_EVERYTHING}"
    ));
    let server = server(slow);
    let bounds = json!({ "max_latency_ratio": 2, "max_p99_ratio": null, "tolerated_latency_ms": 0.5, "min_calls": 20 });
    let targets =
        json!([{ "version": "1.0.0", "percent": 50 }, { "version": "1.1.0", "percent": 50 }]);
    let rollout = json!({ "candidate": "1.1.0", "rollback": bounds });
    let spec = json!({ "plugin": "p", "targets": targets, "rollout": rollout });
    server.put("/api/v1/functions/p", &spec).ok();
    // Slow as they are, all of its calls are answered.
    let back = until("the trial is over", || {
        assert_eq!(server.call("p", &["a"]).ok(), json!(["kept"]));
        let revision = server.get("/api/v1/functions/p").ok();
        (revision["created_by"] == "steward").then_some(revision)
    });
    assert_eq!(
        back["spec"]["targets"],
        json!([{ "version": "1.0.0", "percent": 100 }])
    );
    let reason = back["reason"].as_str().unwrap();
    assert!(reason.contains("max_latency_ratio"), "{reason}");
    let status = server.cli(&["function", "status", "p"]);
    assert_eq!(status["last_rollback"]["reason"], reason);
}

#[test]
fn a_candidate_that_does_well_is_promoted() {
    let server = server(cleaner(DROPS_EVERYTHING));
    trial(&server, &["--percent", "30", "--sticky"]);
    let by = |key: &str| {
        let request = server.request("POST", "/f/default/p");
        let answer = server.send(
            request
                .header("steward-sticky-key", key)
                .header("content-type", "application/json")
                .body(batch(&["a"]).to_string()),
        );
        answer.ok() != json!(["kept"])
    };
    let keys: Vec<String> = (0..200).map(|n| format!("用户-{n}")).collect();
    let new: Vec<bool> = keys.iter().map(|key| by(key)).collect();
    let share = new.iter().filter(|new| **new).count();
    assert!((30..90).contains(&share), "{share} of 200");
    // The same again for the same key, and for all of them in a larger share.
    trial(&server, &["--percent", "60", "--sticky"]);
    let grown: Vec<bool> = keys.iter().map(|key| by(key)).collect();
    assert!(new.iter().zip(&grown).all(|(before, now)| !before || *now));
    assert!(grown.iter().filter(|new| **new).count() > share);
    let status = server.cli(&["function", "status", "p"]);
    assert_eq!(status["candidate"]["version"], "1.1.0");
    assert_eq!(status["candidate"]["guard"]["reason"], Value::Null);

    let promoted = server.cli(&["function", "promote", "p", "--reason", "it is better"]);
    assert_eq!(
        promoted["spec"]["targets"],
        json!([{ "version": "1.1.0", "percent": 100 }])
    );
    assert!(keys.iter().take(20).all(|key| by(key)));
    // Back to what was before the trial, not into it.
    let back = server.cli(&["function", "rollback", "p"]);
    assert_eq!(
        back["spec"]["targets"],
        json!([{ "version": "1.0.0", "percent": 100 }])
    );
    assert!(!keys.iter().take(20).any(|key| by(key)));
}

#[test]
fn a_header_leads_to_a_version_and_its_failures_end_the_trial() {
    let server = Server::start();
    for (version, name) in [("1.0.0", "wstd-http-server"), ("1.1.0", "waits")] {
        let component = std::fs::read(built(&format!("target/test-guests/{name}.wasm"))).unwrap();
        let limits = "[limits]\ntimeout_ms = 2000\n";
        server
            .publish(&manifest("web", version, "function", limits), component)
            .ok();
    }
    server.deploy("web", "web", "1.0.0", json!({})).ok();
    let tried = server.put(
        "/api/v1/functions/web",
        &json!({
            "plugin": "web",
            "targets": [{ "version": "1.0.0", "percent": 100 }, { "version": "1.1.0", "percent": 0 }],
            "rollout": {
                "candidate": "1.1.0",
                "headers": [{ "name": "x-beta", "value": "yes", "version": "1.1.0" }],
                "rollback": { "max_consecutive_errors": 3 },
            },
        }),
    )
    .ok();
    assert_eq!(tried["spec"]["rollout"]["candidate"], "1.1.0");
    let ask = |path: &str, beta: &str| {
        let request = server.request("GET", &format!("/f/default/web{path}"));
        server.send(request.header("x-beta", beta))
    };
    assert_eq!(ask("/", "no").ok(), "Hello, wasi:http/proxy world!\n");
    assert_eq!(ask("/", "yes").ok(), "begun");
    for _ in 0..3 {
        ask("/waits", "yes").problem(504, "deadline-exceeded");
        assert_eq!(ask("/waits", "no").status, 404);
    }
    // From then on on this host, before it is written down.
    until("the header leads nowhere else", || {
        (ask("/waits", "yes").status == 404).then_some(())
    });
    let back = rolled_back(&server, "web");
    assert_eq!(back["spec"].get("rollout"), None);
    assert_eq!(ask("/", "yes").ok(), "Hello, wasi:http/proxy world!\n");
}

#[test]
fn what_is_no_trial_is_refused() {
    let server = server(cleaner(DROPS_EVERYTHING));
    let put = |targets: Value, rollout: Value| {
        let spec = json!({ "plugin": "p", "targets": targets, "rollout": rollout });
        server.put("/api/v1/functions/p", &spec)
    };
    let both =
        || json!([{ "version": "1.0.0", "percent": 90 }, { "version": "1.1.0", "percent": 10 }]);
    for (targets, rollout) in [
        (both(), json!({ "candidate": "2.0.0" })),
        (both(), json!({ "rollback": { "min_calls": 3 } })),
        (
            both(),
            json!({ "candidate": "1.1.0", "rollback": { "min_cals": 3 } }),
        ),
        (
            both(),
            json!({ "headers": [{ "name": "cookie", "value": "a", "version": "1.1.0" }] }),
        ),
        (
            json!([{ "version": "1.0.0", "percent": 100 }]),
            json!({ "candidate": "1.0.0" }),
        ),
        (
            json!([{ "version": "1.0.0", "percent": 100 }, { "version": "1.1.0", "percent": 0 }]),
            json!({ "candidate": "1.1.0" }),
        ),
    ] {
        let shown = rollout.to_string();
        let answer = put(targets, rollout);
        assert_eq!(answer.status, 422, "{shown}: {answer:?}");
    }
    assert_eq!(server.get("/api/v1/functions/p").ok()["revision"], 1);
}

#[test]
fn no_call_is_lost_while_versions_change() {
    let server = server(cleaner(DROPS_EVERYTHING));
    let (done, served) = (AtomicBool::new(false), AtomicU64::new(0));
    let dropped = json!([{ "dropped": { "rule": "", "detail": "" } }]);
    let both = [json!(["kept"]), dropped];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answer = server.call("p", &["a"]).ok();
                    assert!(both.contains(&answer), "{answer}");
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let changed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..6 {
                let enough = served.load(Ordering::Relaxed) + 50;
                server.deploy("p", "p", "1.1.0", json!({})).ok();
                server.cli(&["function", "rollback", "p"]);
                trial(&server, &["--percent", "50"]);
                server.cli(&["function", "promote", "p"]);
                server.deploy("p", "p", "1.0.0", json!({})).ok();
                until("calls between two rounds", || {
                    (served.load(Ordering::Relaxed) > enough).then_some(())
                });
            }
        }));
        done.store(true, Ordering::Relaxed);
        changed.unwrap();
    });
    assert!(served.load(Ordering::Relaxed) > 300);
}

#[test]
fn a_body_that_streams_is_read_to_its_end_whatever_is_deployed_meanwhile() {
    let server = Server::start();
    let limits = "[limits]\ntimeout_ms = 300000\n";
    for (version, guest) in [("1.0.0", "wstd-http-server"), ("1.1.0", "waits")] {
        let component = std::fs::read(built(&format!("target/test-guests/{guest}.wasm"))).unwrap();
        let manifest = manifest("web", version, "function", limits);
        server.publish(&manifest, component).ok();
    }
    // Of both versions of `wasi:http`, each begun on the version that is replaced next.
    server.deploy("web", "web", "1.0.0", json!({})).ok();
    let mut first = Streamed::begin(&server, "/f/default/web/echo");
    let goes_on = |call: &mut Streamed, piece: &str| {
        call.send(piece);
        call.expect(piece);
    };
    goes_on(&mut first, "before");
    server.deploy("web", "web", "1.1.0", json!({})).ok();
    assert_eq!(server.get("/f/default/web/").ok(), "begun");
    goes_on(&mut first, "after a deploy");
    let mut second = Streamed::begin(&server, "/f/default/web/echoes");
    goes_on(&mut second, "before");
    server.cli(&["function", "rollback", "web"]);
    let old = "Hello, wasi:http/proxy world!\n";
    assert_eq!(server.get("/f/default/web/").ok(), old);
    for call in [&mut first, &mut second] {
        goes_on(call, "after a rollback");
    }
    let mut third = Streamed::begin(&server, "/f/default/web/echo");
    goes_on(&mut third, "before");
    let deleted = server.request("DELETE", "/api/v1/functions/web");
    server.send(deleted).ok();
    assert_eq!(server.get("/f/default/web/").status, 404);
    for mut call in [first, second, third] {
        goes_on(&mut call, "after the end of the function");
        call.end();
    }
}
