//! Heads that lie: of guests about their answers, and of clients about their requests.

use crate::suite::suite;
use crate::wire::{answers, exchange, get, status};

/// What a guest writes behind the length that it has said, to pass for the answer to another request.
const SMUGGLED: &str = "smuggled";

/// All that such a guest writes.
const WRITTEN: &[u8] = b"123HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled";

/// Two requests on one connection: the behaviour, and a harmless one of the same function.
fn pipelined(path: &str, key: &str) -> Vec<u8> {
    let harmless = format!("{}/harmless", path.rsplit_once('/').unwrap().0);
    let head = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: steward\r\nauthorization: Bearer {key}\r\n")
    };
    let last = head(&harmless) + "connection: close\r\n\r\n";
    (head(path) + "\r\n" + &last).into_bytes()
}

/// What stands behind the first head, whose status must be 200; none where the connection ended before it.
fn begun(answer: &[u8]) -> Option<&[u8]> {
    if answer.is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(answer);
    assert_eq!(status(answer), Some(200), "{text}");
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n");
    Some(&answer[head.expect("a whole head") + 4..])
}

#[test]
fn an_answer_whose_length_is_a_lie_is_no_answer_to_another_request() {
    let suite = suite();
    let server = &suite.server;
    suite.beside(|| {
        for wasi in ["02", "03"] {
            // What is beyond the length is not sent.
            let short = suite.behaviour(wasi, "says-a-length-that-is-too-small");
            let answer = exchange(server, &pipelined(&short, &server.key));
            let text = String::from_utf8_lossy(&answer).into_owned();
            assert!(!text.contains(SMUGGLED), "{wasi}: {text}");
            let rest = match (wasi, begun(&answer)) {
                (_, Some(body)) => body,
                // 0.3 refuses a write beyond the length as a whole: the body fails before its first byte.
                ("03", None) => &[],
                (_, None) => panic!("{wasi}: {text}"),
            };
            // The bytes within the length, and behind them nothing but the answer to the next request.
            match rest.strip_prefix(b"123") {
                Some(next) => assert!(
                    next.is_empty() || next.starts_with(b"HTTP/1.1 200 "),
                    "{wasi}: {text}"
                ),
                None => assert!(wasi == "03" && rest.is_empty(), "{wasi}: {text}"),
            }
            // What falls short of it ends the connection: the next request gets no answer of this one's.
            let long = suite.behaviour(wasi, "says-a-length-that-is-too-large");
            let answer = exchange(server, &pipelined(&long, &server.key));
            let text = String::from_utf8_lossy(&answer).into_owned();
            assert!(!text.contains("harmless"), "{wasi}: {text}");
            // What was written is its body, as far as it was on the wire by then.
            let body = begun(&answer).unwrap_or_default();
            assert!(WRITTEN.starts_with(body), "{wasi}: {text}");
        }
        for name in ["says-two-lengths", "says-no-number-for-a-length"] {
            let path = suite.behaviour("02", name);
            let text = String::from_utf8_lossy(&get(server, path.as_bytes())).into_owned();
            let lengths: Vec<&str> = text
                .lines()
                .take_while(|line| !line.is_empty())
                .filter(|line| line.to_ascii_lowercase().starts_with("content-length"))
                .collect();
            assert!(lengths.len() <= 1, "{name}: {text}");
            assert!(!text.contains("+5"), "{name}: {text}");
        }
    });
}

#[test]
fn a_guest_neither_answers_in_the_name_of_the_host_nor_with_a_status_that_is_none() {
    let suite = suite();
    let server = &suite.server;
    suite.beside(|| {
        let path = suite.behaviour("02", "answers-in-another-name");
        let answer = String::from_utf8_lossy(&get(server, path.as_bytes())).into_owned();
        assert!(!answer.contains("somebody-else"), "{answer}");
        assert_eq!(answer.matches("x-request-id").count(), 1, "{answer}");

        let path = suite.behaviour("02", "answers-with-the-status");
        for given in [
            0, 1, 99, 100, 101, 102, 103, 199, 204, 205, 304, 600, 999, 1000, 65535,
        ] {
            let path = format!("{path}?{given}");
            let answer = exchange(server, &pipelined(&path, &server.key));
            let text = String::from_utf8_lossy(&answer).into_owned();
            let seen = status(&answer);
            match given {
                // The guest is told that this is no status, and says so.
                0 | 1 | 99 | 1000 | 65535 => assert!(text.contains("refused"), "{given}: {text}"),
                // Interim answers and changes of the protocol are not a guest's to make.
                100..=199 => assert_eq!(seen, Some(502), "{given}: {text}"),
                // These have no body, so that it must not be on the wire.
                204 | 304 => assert!(
                    seen == Some(given) && !text.contains(SMUGGLED) && answers(&answer) == 2,
                    "{given}: {text}"
                ),
                _ => assert_eq!(seen, Some(given), "{given}: {text}"),
            }
            if (100..=199).contains(&given) {
                // Whatever it was, nothing of its body is read as an answer.
                assert!(!text.contains(SMUGGLED), "{given}: {text}");
            }
        }
    });
}

#[test]
fn a_request_that_can_be_read_in_two_ways_is_read_in_neither() {
    let suite = suite();
    let server = &suite.server;
    let path = suite.behaviour("02", "reads-its-body");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: steward\r\nauthorization: Bearer {}\r\n",
        server.key
    );
    // Behind each stands a request that only one of the two ways would see.
    let hidden = format!(
        "GET {} HTTP/1.1\r\nhost: steward\r\nauthorization: Bearer {}\r\n\r\n",
        suite.behaviour("02", "shows-its-headers"),
        server.key
    );
    let ambiguous: &[(&str, &str)] = &[
        (
            "two lengths",
            "content-length: 0\r\ncontent-length: 5\r\n\r\n",
        ),
        ("a list of lengths", "content-length: 0, 5\r\n\r\n"),
        ("a length with a sign", "content-length: +0\r\n\r\n"),
        ("a length in hexadecimal", "content-length: 0x0\r\n\r\n"),
        ("a negative length", "content-length: -1\r\n\r\n"),
        (
            "a length beyond numbers",
            "content-length: 99999999999999999999999\r\n\r\n",
        ),
        (
            "an encoding that is not chunked",
            "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        ),
        (
            "an encoding nobody knows",
            "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "a space before the colon",
            "transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        ),
        ("a line that goes on", "x-folded: a\r\n b\r\n\r\n"),
        ("a nul in a value", "x-nul: a\0b\r\n\r\n"),
        ("a return without a new line", "x-return: a\rb: c\r\n\r\n"),
        (
            "a chunk without a length",
            "transfer-encoding: chunked\r\n\r\nz\r\n\r\n",
        ),
        (
            "a chunk of a length beyond numbers",
            "transfer-encoding: chunked\r\n\r\nfffffffffffffffff1\r\n\r\n",
        ),
        ("no colon at all", "smuggled\r\n\r\n"),
        ("a name with a space", "x y: z\r\n\r\n"),
    ];
    suite.beside(|| {
        for (what, rest) in ambiguous {
            let request = format!("{head}{rest}{hidden}");
            let answer = exchange(server, request.as_bytes());
            let text = String::from_utf8_lossy(&answer).into_owned();
            // What stands behind it is never answered. A head is refused; a body that breaks off is an
            // error that the guest reads, and it may answer all the same.
            assert_eq!(answers(&answer), 1, "{what}: {text}");
            if !what.starts_with("a chunk") {
                assert_eq!(status(&answer), Some(400), "{what}: {text}");
            }
        }
        // Both a length and chunks: the chunks count (RFC 9112, 6.1), and the length never.
        let both =
            "content-length: 400\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        let answer = exchange(server, format!("{head}{both}").as_bytes());
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(
            status(&answer) == Some(400)
                || (status(&answer) == Some(200) && text.ends_with('5'))
                || text.contains("\r\n5\r\n"),
            "{text}"
        );
    });
}
