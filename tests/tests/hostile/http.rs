//! Guests that speak `wasi:http`: one behaviour and one function each.

use crate::suite::{PATIENT_MS, QUICK_MS, Suite, suite};

/// What the caller of a behaviour sees.
#[derive(Debug)]
enum Seen {
    /// This problem.
    Problem(u16, &'static str),
    /// Status 200 and this text.
    Text(&'static str),
    /// Status 200, and then the answer breaks off; or the connection does before the head.
    BreaksOff,
    /// It traps so soon that its head may be on its way or not: the problem, or breaking off.
    CrashesInIts200,
}

use Seen::{BreaksOff, CrashesInIts200, Problem, Text};

const LATE: Seen = Problem(504, "deadline-exceeded");
const CRASHED: Seen = Problem(502, "guest-crashed");
const HOARDS: Seen = Problem(502, "handles-exceeded");

/// `wasi:http` 0.2.
const OF_02: &[(&str, Seen)] = &[
    ("never-answers", Problem(502, "function-failed")),
    (
        "answers-with-an-error-code",
        Problem(502, "function-failed"),
    ),
    ("answers-twice", CRASHED),
    ("sleeps-for-ever", LATE),
    ("reads-the-clock-for-ever", LATE),
    ("draws-gigabytes-at-once?18446744073709551615", CRASHED),
    ("draws-gigabytes-at-once?1073741824", CRASHED),
    ("draws-random-bytes-for-ever", LATE),
    ("exits", CRASHED),
    ("exits-with-an-error", CRASHED),
    ("panics", CRASHED),
    ("leaks-pollables", HOARDS),
    ("leaks-fields", HOARDS),
    ("leaks-requests", HOARDS),
    ("leaks-streams", HOARDS),
    ("uses-a-handle-that-is-not-its-own", CRASHED),
    ("floods-stdout", LATE),
    ("floods-stderr", LATE),
    ("prints-a-line-without-end", Text("printed")),
    ("looks-around", Text("")),
    ("sets-forbidden-headers", Text("")),
    ("sets-a-giant-header", CRASHED),
    ("sets-headers-until-refused", CRASHED),
    ("writes-for-ever", BreaksOff),
    ("writes-for-ever-unasked", CrashesInIts200),
    ("trickles", BreaksOff),
    ("computes-after-its-head", BreaksOff),
    ("computes-after-its-answer", Text("answered")),
    ("traps-in-its-body", CrashesInIts200),
    ("never-ends-its-body", BreaksOff),
];

/// `wasi:http` 0.3.
const OF_03: &[(&str, Seen)] = &[
    (
        "answers-with-an-error-code",
        Problem(502, "function-failed"),
    ),
    ("reads-the-clock-for-ever", LATE),
    ("draws-random-bytes-for-ever", LATE),
    ("panics", CRASHED),
    ("exits", CRASHED),
    ("waits-a-million-times", LATE),
    ("leaks-streams", HOARDS),
    ("leaks-fields", HOARDS),
    ("leaks-tasks", HOARDS),
    ("floods-stderr", LATE),
    ("answers-without-a-body", Text("")),
    ("writes-for-ever", BreaksOff),
    ("trickles", BreaksOff),
    ("traps-in-its-body", CrashesInIts200),
    ("fails-in-its-trailers", BreaksOff),
    ("computes-after-its-answer", Text("answered")),
    ("traps-after-its-answer", Text("answered")),
];

/// How long each call may take, in milliseconds: who does not end by itself is ended soon, and the others have the time
/// that a busy machine needs.
fn time(name: &str, expected: &Seen) -> u32 {
    match expected {
        // They end by themselves, though others with the same outcome do not.
        _ if ["fails-in-its-trailers", "traps-after-its-answer"].contains(&name) => PATIENT_MS,
        Problem(504, _) | BreaksOff | Text("answered") => QUICK_MS,
        _ => PATIENT_MS,
    }
}

fn right(suite: &Suite, path: &str, expected: &Seen) -> Result<(), String> {
    let response = match suite.server.request("GET", path).send() {
        Ok(response) => response,
        // The body failed before its head was on the wire.
        Err(_) if matches!(expected, BreaksOff | CrashesInIts200) => return Ok(()),
        Err(error) => return Err(format!("no answer: {error:?}")),
    };
    let status = response.status().as_u16();
    // An answer without end would fill this process before it breaks off: what is read is counted.
    let mut body = Vec::new();
    let read = std::io::copy(
        &mut std::io::Read::take(response, 256 << 20),
        &mut Counting(&mut body),
    );
    let text = String::from_utf8_lossy(&body);
    let seen = match expected {
        Problem(wanted, code) => {
            status == *wanted && read.is_ok() && text.contains(&format!("/{code}\""))
        }
        Text(wanted) => status == 200 && read.is_ok() && text == *wanted,
        BreaksOff => status == 200 && read.is_err(),
        CrashesInIts200 => match status {
            200 => read.is_err(),
            status => status == 502 && text.contains("/guest-crashed\""),
        },
    };
    let shown: String = text.chars().take(400).collect();
    seen.then_some(()).ok_or(format!(
        "expected {expected:?}, got {status}, {read:?}: {shown}"
    ))
}

/// Keeps the first 64 KiB of what is written.
struct Counting<'a>(&'a mut Vec<u8>);

impl std::io::Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = (64usize << 10).saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn all(wasi: &str, behaviours: &[(&str, Seen)]) {
    let suite = suite();
    let mut wrong = Vec::new();
    suite.beside(|| {
        for (name, expected) in behaviours {
            let (name, query) = name.split_once('?').unwrap_or((name, ""));
            let path = suite.behaviour_within(time(name, expected), wasi, name);
            let path = format!("{path}?{query}");
            // Twice at once: what one call does must not change the other.
            let outcomes = std::thread::scope(|scope| {
                [(); 2]
                    .map(|()| scope.spawn(|| right(&suite, &path, expected)))
                    .map(|call| call.join().unwrap())
            });
            wrong.extend(
                outcomes
                    .into_iter()
                    .filter_map(|outcome| Some(format!("{name}: {}", outcome.err()?))),
            );
            // Whatever it did, its next caller is served.
            let harmless = path.rsplit_once('/').unwrap().0.to_owned() + "/harmless";
            if suite.server.get(&harmless).body != "harmless" {
                wrong.push(format!("{name}: the next call was not served"));
            }
        }
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_of_wasi_http_0_2_gets_its_own_outcome() {
    all("02", OF_02);
}

#[test]
fn each_of_wasi_http_0_3_gets_its_own_outcome() {
    all("03", OF_03);
}
