//! Guests with a typed export, written in the text format: one file and one behaviour each.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use steward_tests::guest::{hostile, manifest};
use steward_tests::{Answer, root};

use crate::suite::{PATIENT_MS, QUICK_MS, limits, suite};

/// What becomes of a guest.
enum Outcome {
    /// It cannot be published: status 422 and this problem.
    Refused(&'static str),
    /// Its caller is told this problem.
    Problem(u16, &'static str),
    /// Its caller gets an answer, the same as from a guest that does nothing.
    Kept,
    /// Its caller gets this many outcomes.
    Many(usize),
}

use Outcome::{Kept, Many, Problem, Refused};

const CRASHED: Outcome = Problem(502, "guest-crashed");
const INVALID: Outcome = Problem(502, "invalid-output");
const LATE: Outcome = Problem(504, "deadline-exceeded");
const MEMORY: Outcome = Problem(502, "memory-exceeded");
const STACK: Outcome = Problem(502, "stack-overflow");
const TOO_MUCH: Outcome = Problem(502, "output-too-large");

/// Every guest of `tests/guests/hostile`, and what becomes of it.
const GUESTS: &[(&str, Outcome)] = &[
    ("allocates", LATE),
    ("allocates-misaligned", INVALID),
    ("allocates-outside-its-memory", INVALID),
    ("answers-a-long-text", TOO_MUCH),
    ("answers-misaligned", INVALID),
    ("answers-no-such-case", INVALID),
    ("answers-no-utf-8", INVALID),
    ("answers-one-text-a-million-times", TOO_MUCH),
    ("answers-outside-its-memory", INVALID),
    ("answers-too-few", Many(0)),
    ("answers-too-many", Many(1000)),
    ("calls-nothing", CRASHED),
    ("calls-out-after-its-answer", CRASHED),
    ("calls-out-of-its-allocator", CRASHED),
    ("calls-outside-its-table", CRASHED),
    ("calls-what-is-of-another-type", CRASHED),
    ("claims-a-gigabyte", INVALID),
    ("converts-what-is-no-number", CRASHED),
    ("copies-outside", CRASHED),
    ("declares-a-huge-memory", Refused("unusable-component")),
    ("declares-a-huge-table", Refused("unusable-component")),
    ("declares-two-memories", Refused("unusable-component")),
    ("declares-two-tables", Refused("unusable-component")),
    (
        "declares-more-memory-than-it-may-have",
        Refused("unusable-component"),
    ),
    ("divides-by-zero", CRASHED),
    ("fills-its-memory-and-traps", MEMORY),
    ("floods-the-log", Problem(502, "host-calls-exceeded")),
    ("gives-up-without-memory", MEMORY),
    ("grows-in-one-step", MEMORY),
    ("grows-its-table", MEMORY),
    ("grows-page-by-page", MEMORY),
    ("logs-a-long-line", Kept),
    ("logs-many-fields", Kept),
    ("logs-more-than-it-may-hand-over", TOO_MUCH),
    ("logs-on-many-lines", Kept),
    ("loops-after-its-answer", LATE),
    ("loops-in-its-allocator", LATE),
    ("loops-in-its-start", Refused("unusable-component")),
    ("loops-once-it-is-deployed", LATE),
    ("overflows-a-division", CRASHED),
    ("passes-no-such-case", CRASHED),
    ("passes-no-utf-8", CRASHED),
    ("passes-what-is-outside-its-memory", CRASHED),
    ("reads-configuration-that-is-not-its-own", Kept),
    ("reads-outside", CRASHED),
    ("recurses", STACK),
    ("recurses-through-its-table", STACK),
    ("shouts-its-secret", CRASHED),
    ("spins", LATE),
    ("throws", Refused("unusable-component")),
    ("traps", CRASHED),
    ("traps-after-its-answer", CRASHED),
    ("waits-for-another-thread", Refused("unusable-component")),
    ("writes-outside", CRASHED),
];

/// What a guest has beside the limits of all.
fn configured(name: &str) -> (&'static str, Value) {
    match name {
        "loops-once-it-is-deployed" => ("[config.mode]\n", json!({ "config": { "mode": "evil" } })),
        "shouts-its-secret" => (
            "[config.token]\nsecret = true\n",
            json!({ "config": { "token": SECRET } }),
        ),
        _ => ("", json!({})),
    }
}

const SECRET: &str = "hunter2-hunter2";

#[test]
fn each_gets_its_own_outcome_and_no_neighbour_notices() {
    let files: BTreeSet<String> = std::fs::read_dir(root().join("tests/guests/hostile"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    let known: BTreeSet<String> = GUESTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(
        files, known,
        "a guest without an outcome, or an outcome without a guest"
    );

    let suite = suite();
    let server = &suite.server;
    let wrong: Vec<String> = suite.beside(|| {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let turns = || {
            let mut wrong = Vec::new();
            while let Some((name, outcome)) =
                GUESTS.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
            {
                let (config, deployment) = configured(name);
                let limits = limits(match outcome {
                    Refused(_) | Problem(504, _) => QUICK_MS,
                    _ => PATIENT_MS,
                });
                let manifest = manifest(name, "1.0.0", "cleaner", &format!("{limits}{config}"));
                let published = server.publish(&manifest, hostile(name));
                let mut say = |answer: &Answer| wrong.push(format!("{name}: {answer:?}"));
                if let Refused(code) = outcome {
                    if published.status != 422 || !published.is_problem(code) {
                        say(&published);
                    }
                    continue;
                }
                if published.status != 201 {
                    say(&published);
                    continue;
                }
                let deployed = server.deploy(name, name, "1.0.0", deployment);
                if *name == "loops-once-it-is-deployed" {
                    // It is started under its configuration before it may answer anybody.
                    if !deployed.is_problem("invalid-function") {
                        say(&deployed);
                    }
                    continue;
                }
                deployed.ok();
                // Twice: what one call leaves behind must not change the next.
                for _ in 0..2 {
                    let answer = server.call(name, &["x"]);
                    let right = match outcome {
                        Refused(_) => false,
                        Problem(status, code) => {
                            answer.status == *status && answer.is_problem(code)
                        }
                        Kept => answer.status == 200 && answer.body == json!(["kept"]),
                        Many(count) => {
                            answer.status == 200
                                && answer.body.as_array().is_some_and(|a| a.len() == *count)
                        }
                    };
                    if !right || answer.body.to_string().contains(SECRET) {
                        say(&answer);
                    }
                }
            }
            wrong
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(turns)).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        })
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}
