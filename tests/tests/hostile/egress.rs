//! Without a grant nothing leaves: whatever a guest names as its target, no connection is made.

use std::net::TcpListener;

use crate::suite::suite;

/// Targets that matter to who forges requests of a server; `PORT` is that of a listener here.
const TARGETS: &[&str] = &[
    "127.0.0.1:PORT",
    "localhost:PORT",
    "LOCALHOST:PORT",
    "localhost.:PORT",
    "127.1:PORT",
    "2130706433:PORT",
    "0x7f000001:PORT",
    "0x7f.1:PORT",
    "0177.0.0.1:PORT",
    "0.0.0.0:PORT",
    "[::1]:PORT",
    "[::ffff:127.0.0.1]:PORT",
    "[::ffff:7f00:1]:PORT",
    "[::127.0.0.1]:PORT",
    "[64:ff9b::7f00:1]:PORT",
    "127.0.0.1.nip.io:PORT",
    "user:password@127.0.0.1:PORT",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "metadata.google.internal",
    "100.100.100.200",
    "10.0.0.1",
    "192.168.0.1",
    "172.16.0.1",
    "example.com",
    "",
    "%31%32%37.0.0.1:PORT",
    "127.0.0.1:PORT#.example.com",
    "example.com\\@127.0.0.1:PORT",
    "127.0.0.1:0",
    "127.0.0.1:99999",
];

#[test]
fn without_a_grant_no_request_leaves_whatever_its_target_looks_like() {
    let suite = suite();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut wrong = Vec::new();
    suite.beside(|| {
        for wasi in ["02", "03"] {
            let path = suite.behaviour(wasi, "calls-out");
            for target in TARGETS {
                let target = target.replace("PORT", &port);
                // As it is in the query, so that the guest sees exactly this.
                let answer = suite
                    .server
                    .request("GET", &format!("{path}?{target}"))
                    .send()
                    .unwrap();
                let status = answer.status();
                let said = answer.text().unwrap();
                let refused = said.lines().all(|line| {
                    line.contains("HttpRequestDenied")
                        || line == "not-an-authority"
                        // `file:` and other schemes are refused for what they are.
                        || line.contains("HttpProtocolError")
                        || line.contains("HttpRequestUriInvalid")
                });
                let denied = [
                    "HttpRequestDenied",
                    "HttpRequestUriInvalid",
                    "not-an-authority",
                ]
                .iter()
                .any(|word| said.contains(word));
                if status != 200 || !refused || !denied || said.lines().count() != 3 {
                    wrong.push(format!("{wasi} {target}: {status} {said}"));
                }
            }
        }
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        listener.accept().is_err(),
        "a guest has reached a listener of this machine"
    );
}
