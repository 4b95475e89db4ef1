//! Hostile guests, one file and one behaviour each, beside an innocent neighbour.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, hostile, manifest};
use steward_tests::{Server, built, root};

/// Every guest of `tests/guests/hostile`, and what its caller is told.
const OUTCOMES: &[(&str, u16, &str)] = &[
    ("allocates", 504, "deadline-exceeded"),
    ("answers-a-long-text", 502, "output-too-large"),
    ("answers-misaligned", 502, "invalid-output"),
    ("answers-no-such-case", 502, "invalid-output"),
    ("answers-no-utf-8", 502, "invalid-output"),
    ("answers-outside-its-memory", 502, "invalid-output"),
    ("claims-a-gigabyte", 502, "invalid-output"),
    ("divides-by-zero", 502, "guest-crashed"),
    ("gives-up-without-memory", 502, "memory-exceeded"),
    ("reads-outside", 502, "guest-crashed"),
    ("recurses", 502, "stack-overflow"),
    ("spins", 504, "deadline-exceeded"),
    ("traps", 502, "guest-crashed"),
];

#[test]
fn each_gets_its_own_error_and_no_neighbour_notices() {
    let files: BTreeSet<String> = std::fs::read_dir(root().join("tests/guests/hostile"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let known: BTreeSet<String> = OUTCOMES
        .iter()
        .map(|(name, _, _)| (*name).to_owned())
        .collect();
    assert_eq!(
        files, known,
        "a guest without an outcome, or an outcome without a guest"
    );

    let server = Server::start();
    server
        .publish(
            &manifest("innocent", "1.0.0", "cleaner", ""),
            cleaner(KEEPS_EVERYTHING),
        )
        .ok();
    server
        .deploy("innocent", "innocent", "1.0.0", json!({}))
        .ok();
    for (name, _, _) in OUTCOMES {
        server
            .publish(
                &manifest(name, "1.0.0", "cleaner", "[limits]\ntimeout_ms = 500\n"),
                hostile(name),
            )
            .ok();
        server.deploy(name, name, "1.0.0", json!({})).ok();
    }

    let done = AtomicBool::new(false);
    let (served, outcomes) = std::thread::scope(|scope| {
        // The neighbour calls all the while.
        let neighbour = scope.spawn(|| {
            let mut served = 0;
            while !done.load(Ordering::Relaxed) {
                assert_eq!(server.call("innocent", &["a"]).ok(), json!(["kept"]));
                served += 1;
            }
            served
        });
        let calls: Vec<_> = OUTCOMES
            .iter()
            .flat_map(|outcome| std::iter::repeat_n(outcome, 2))
            .map(|(name, status, code)| {
                let server = &server;
                (
                    name,
                    status,
                    code,
                    scope.spawn(move || server.call(name, &["x"])),
                )
            })
            .collect();
        let outcomes: Vec<_> = calls
            .into_iter()
            .map(|(name, status, code, call)| (name, status, code, call.join().unwrap()))
            .collect();
        done.store(true, Ordering::Relaxed);
        (neighbour.join().unwrap(), outcomes)
    });
    assert!(served > 0);
    for (name, status, code, answer) in outcomes {
        let shown = format!("{answer:?}");
        assert_eq!(answer.status, *status, "{name}: {shown}");
        assert!(
            answer.body["type"]
                .as_str()
                .unwrap_or_default()
                .ends_with(&format!("/{code}")),
            "{name}: {shown}"
        );
    }

    // The log of a guest that crashed says where.
    let logs = server.get("/api/v1/functions/traps/logs").ok().to_string();
    assert!(logs.contains("unreachable"), "{logs}");
    // And the host has kept count.
    let metrics = server.get("/metrics").ok().to_string();
    assert!(metrics.contains("innocent"), "{metrics}");
}

#[test]
fn a_crowd_of_spinning_guests_does_not_stop_the_host() {
    let server = Server::start();
    server
        .publish(
            &manifest("innocent", "1.0.0", "cleaner", ""),
            cleaner(KEEPS_EVERYTHING),
        )
        .ok();
    server
        .deploy("innocent", "innocent", "1.0.0", json!({}))
        .ok();
    server
        .publish(
            &manifest("spins", "1.0.0", "cleaner", "[limits]\ntimeout_ms = 1500\n"),
            hostile("spins"),
        )
        .ok();
    server.deploy("spins", "spins", "1.0.0", json!({})).ok();
    std::thread::scope(|scope| {
        let spinning: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| server.call("spins", &["x"])))
            .collect();
        for _ in 0..20 {
            assert_eq!(server.call("innocent", &["a"]).ok(), json!(["kept"]));
        }
        server.get("/livez").ok();
        for call in spinning {
            call.join().unwrap().problem(504, "deadline-exceeded");
        }
    });
}

#[test]
fn concurrency_is_limited_and_the_excess_waits() {
    let server = Server::start();
    server
        .publish(
            &manifest(
                "spins",
                "1.0.0",
                "cleaner",
                "[limits]\ntimeout_ms = 300\nconcurrency = 1\n",
            ),
            hostile("spins"),
        )
        .ok();
    server.deploy("spins", "spins", "1.0.0", json!({})).ok();
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| server.call("spins", &["x"])))
            .collect();
        for call in calls {
            call.join().unwrap().problem(504, "deadline-exceeded");
        }
    });
    // One after the other: the deadline of each starts with its turn.
    assert!(start.elapsed() >= std::time::Duration::from_millis(4 * 300));
}

#[test]
fn a_late_wasi_http_function_is_stopped_in_every_state() {
    let server = Server::start();
    for (name, guest) in [("p2", "wstd-http-server"), ("p3", "waits")] {
        let component = std::fs::read(built(&format!("target/test-guests/{guest}.wasm"))).unwrap();
        let limits = "[limits]\ntimeout_ms = 500\nconcurrency = 1\n";
        let manifest = manifest(name, "1.0.0", "function", limits);
        server.publish(&manifest, component).ok();
        server.deploy(name, name, "1.0.0", json!({})).ok();
    }
    // It waits for the host, or computes, before it has an answer.
    for path in ["p2/wait-response", "p3/waits", "p3/computes"] {
        server
            .get(&format!("/f/default/{path}"))
            .problem(504, "deadline-exceeded");
    }
    // The answer has begun: it breaks off, which its reader sees.
    for path in [
        "p2/wait-body",
        "p3/waits-in-its-body",
        "p3/computes-in-its-body",
    ] {
        let begun = server.request("GET", &format!("/f/default/{path}"));
        let response = begun.send().unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.bytes().is_err(), "{path}");
    }
    // The answer is whole; what goes on after it is stopped, and gives its place to the next call.
    for _ in 0..3 {
        let answer = server.get("/f/default/p3/goes-on-after-its-answer").ok();
        assert_eq!(answer, "begun");
    }
    assert_eq!(server.get("/f/default/p3/").ok(), "begun");
}
