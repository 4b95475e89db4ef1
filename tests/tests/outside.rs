//! `wasi:http` components built from other projects' sources run unchanged; what streams through one, and what is kept of it.
#![allow(clippy::unwrap_used)]

use serde_json::json;
use steward_tests::guest::manifest;
use steward_tests::{Server, Streamed, built, until};

fn serve(name: &str) -> Server {
    serve_with(name, "")
}

fn serve_with(name: &str, rest: &str) -> Server {
    let server = Server::start();
    let component = std::fs::read(built(&format!("target/test-guests/{name}.wasm"))).unwrap();
    server
        .publish(&manifest(name, "1.0.0", "function", rest), component)
        .ok();
    server.deploy(name, name, "1.0.0", json!({})).ok();
    server
}

#[test]
fn the_http_server_example_of_wstd_runs_on_wasi_http_0_2() {
    let server = serve("wstd-http-server");
    let at = |path: &str| format!("/f/default/wstd-http-server{path}");
    assert_eq!(server.get(&at("/")).ok(), "Hello, wasi:http/proxy world!\n");
    let echoed = server.send(server.request("POST", &at("/echo")).body("回声 echo"));
    assert_eq!(echoed.ok(), "回声 echo");
    // A body larger than any buffer on the way, streamed through the guest.
    let large = "回声".repeat(500_000);
    assert_eq!(
        server
            .send(server.request("POST", &at("/echo")).body(large.clone()))
            .ok(),
        large
    );
    assert_eq!(server.get(&at("/no-such-page")).status, 404);
    let waited = server.get(&at("/wait-body")).ok();
    let slept = waited.as_str().unwrap().strip_prefix("slept for ").unwrap();
    let slept: u64 = slept.split(' ').next().unwrap().parse().unwrap();
    assert!(slept >= 1000, "{waited}");
    let failed = server.get(&at("/response-fail"));
    assert!(failed.status >= 500, "{failed:?}");
    // What it prints is in its log.
    let logs = server
        .get("/api/v1/functions/wstd-http-server/logs")
        .ok()
        .to_string();
    assert!(logs.contains("serving /echo"), "{logs}");
}

#[test]
fn the_http_proxy_example_of_wasip3_runs_on_wasi_http_0_3() {
    let server = serve("wasip3-http-proxy");
    for _ in 0..50 {
        assert_eq!(
            server.get("/f/default/wasip3-http-proxy/").ok(),
            "Hello, WASI!"
        );
    }
}

/// Longer than any test lasts.
const PATIENT: &str = "[limits]\ntimeout_ms = 300000\n";

#[test]
fn both_bodies_stream_at_once_in_both_versions_of_wasi_http() {
    for (name, path) in [("wstd-http-server", "echo"), ("waits", "echoes")] {
        let server = serve_with(name, PATIENT);
        let mut call = Streamed::begin(&server, &format!("/f/default/{name}/{path}"));
        // Each piece is sent after the one before it came back: a host that gathers either body never answers.
        for piece in ["回声", "echo", "a third one", "."] {
            call.send(piece);
            call.expect(piece);
        }
        call.end();
    }
}

#[test]
fn the_first_event_arrives_while_the_guest_waits_with_the_next() {
    use std::io::Read as _;

    let server = serve_with("waits", PATIENT);
    let request = server.request("GET", "/f/default/waits/events");
    let mut events = request.send().unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    // The guest waits for an hour behind it, and its host for five minutes.
    let mut first = [0; 9];
    events.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"data: 1\n\n");
}

#[test]
fn of_what_streamed_into_a_call_that_fails_the_beginning_is_kept_where_that_is_allowed() {
    let server = serve_with("waits", PATIENT);
    let debug = json!({ "debug": { "keep_failed_inputs": true } });
    server.deploy("waits", "waits", "1.0.0", debug).ok();
    let sent: String = (0..20_000).map(|n| format!("{n},")).collect();
    let request = server.request("POST", "/f/default/waits/reads-and-panics");
    let failed = server.send(request.body(sent.clone()));
    let failed = failed.problem(502, "guest-crashed");
    let call = failed["invocation"].as_str().unwrap();
    let path = format!("/api/v1/functions/waits/invocations/{call}");
    let record = until("the call is recorded", || {
        Some(server.get(&path)).filter(|answer| answer.status == 200)
    });
    let record = record.ok();
    assert_eq!(record["bytes_in"], sent.len());
    assert_eq!(
        record["input"],
        json!({ "text": &sent[..16 << 10], "cut": true })
    );
}

#[test]
fn many_at_once_are_answered_each_by_an_instance_of_its_own() {
    for name in ["wstd-http-server", "wasip3-http-proxy"] {
        let server = serve(name);
        let path = format!("/f/default/{name}/");
        std::thread::scope(|scope| {
            let callers: Vec<_> = (0..16)
                .map(|_| {
                    scope.spawn(|| {
                        for _ in 0..50 {
                            server.get(&path).ok();
                        }
                    })
                })
                .collect();
            for caller in callers {
                caller.join().unwrap();
            }
        });
        let usage = server.get("/metrics").ok().to_string();
        assert!(usage.contains(name), "{usage}");
    }
}

#[test]
fn a_followed_log_shows_each_line_once() {
    use std::io::BufRead as _;

    let server = serve("wstd-http-server");
    let call = || {
        let path = "/f/default/wstd-http-server/echo";
        server.send(server.request("POST", path).body("a")).ok();
    };
    let mut follower = std::process::Command::new(steward_tests::steward())
        .args(["function", "logs", "wstd-http-server", "-f", "--json"])
        .env("STEWARD_URL", &server.url)
        .env("STEWARD_KEY", &server.key)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut numbers = Vec::new();
    for _ in 0..5 {
        // Each line is looked for after the one before it was shown, with polls in between.
        call();
        let line: serde_json::Value =
            serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert!(line.to_string().contains("serving /echo"), "{line}");
        numbers.push(line["seq"].as_u64().unwrap());
    }
    follower.kill().unwrap();
    follower.wait().unwrap();
    assert!(
        numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "{numbers:?}"
    );
}
