//! Hostile guests, one file and one behaviour each, beside an innocent neighbour.
#![allow(clippy::unwrap_used)]

use serde_json::json;
use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, hostile, manifest};
use steward_tests::{Server, built};

mod cache;
mod clients;
mod egress;
mod handed;
mod heads;
mod http;
mod names;
mod secrets;
mod suite;
mod typed;
mod uploads;
mod wire;

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
    // The first waits for a second; the other for ever, which leaves a busy machine time for the head.
    for (name, guest, ms) in [("p2", "wstd-http-server", 800), ("p3", "waits", 2000)] {
        let component = std::fs::read(built(&format!("target/test-guests/{guest}.wasm"))).unwrap();
        let limits = format!("[limits]\ntimeout_ms = {ms}\nconcurrency = 1\n");
        let manifest = manifest(name, "1.0.0", "function", &limits);
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
