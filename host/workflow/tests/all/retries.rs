//! try, catch and trying again.

use serde_json::{Value, json};
use steward_workflow::{Action, Error, ErrorKind, Happened, Run, Waiting};

use crate::common::{apply, at, completed, failed, fault, fired, keys, output, start};

fn unavailable() -> Error {
    Error::new(ErrorKind::Communication, "busy").with_status(503)
}

fn trying(catch: &str) -> Run {
    start(&format!("do: [ {{ t: {{ try: [ {{ c: {{ call: 'steward:c' }} }} ], catch: {catch} }} }} ]"), json!({"n": 1}))
}

/// The pauses before the attempts that follow, in seconds, until there is none.
fn pauses(retry: &str, most: usize) -> Vec<i64> {
    let mut run = trying(&format!("{{ retry: {retry} }}"));
    let (mut pauses, mut now) = (Vec::new(), 0);
    for attempt in 0..most {
        let base = if attempt == 0 { "/do/0/t".to_owned() } else { format!("/do/0/t[{attempt}]") };
        assert_eq!(keys(&run).last().map(String::as_str), Some(format!("{base}/try/0/c").as_str()));
        apply(&mut run, now, failed(&format!("{base}/try/0/c"), unavailable()));
        let Some(until) = run.wakes_at() else {
            assert_eq!(fault(&run).status, 503);
            break;
        };
        let seconds = until.as_second() - at(now).as_second();
        pauses.push(seconds);
        now += seconds;
        apply(&mut run, now, fired(&format!("{base}#retry")));
    }
    pauses
}

#[test]
fn pauses_grow_as_the_policy_says() {
    assert_eq!(pauses("{ delay: PT3S, limit: { attempt: { count: 3 } } }", 9), [3, 3, 3]);
    assert_eq!(pauses("{ delay: PT3S, backoff: { constant: {} }, limit: { attempt: { count: 2 } } }", 9), [3, 3]);
    assert_eq!(pauses("{ delay: PT3S, backoff: { linear: {} }, limit: { attempt: { count: 3 } } }", 9), [3, 6, 9]);
    assert_eq!(pauses("{ delay: PT3S, backoff: { exponential: {} }, limit: { attempt: { count: 4 } } }", 9), [3, 6, 12, 24]);
    // 3 + 6 + 12 = 21 seconds fit into 30, 24 more do not.
    assert_eq!(pauses("{ delay: PT3S, backoff: { exponential: {} }, limit: { duration: PT30S } }", 9), [3, 6, 12]);
    assert_eq!(pauses("{ delay: PT3S, limit: { attempt: { count: 0 } } }", 9), [0_i64; 0]);
    // A year is the longest pause.
    assert_eq!(pauses("{ delay: P300D, backoff: { exponential: {} } }", 3), [300 * 86_400, 365 * 86_400, 365 * 86_400]);
}

#[test]
fn jitter_lies_in_its_bounds_differs_and_is_the_same_in_each_replay() {
    let with = "{ delay: PT10S, jitter: { from: PT1S, to: PT30S }, limit: { attempt: { count: 20 } } }";
    let drawn = pauses(with, 30);
    assert_eq!(drawn.len(), 20);
    assert!(drawn.iter().all(|s| (11..=40).contains(s)), "{drawn:?}");
    assert!(drawn.iter().collect::<std::collections::BTreeSet<_>>().len() > 5, "{drawn:?}");
    assert_eq!(drawn, pauses(with, 30));
}

#[test]
fn an_attempt_has_its_time() {
    let mut run = trying("{ retry: { delay: PT1S, limit: { attempt: { count: 1, duration: PT5S } } } }");
    assert_eq!(keys(&run), ["/do/0/t/try#timeout", "/do/0/t/try/0/c"]);
    let moments = apply(&mut run, 5, fired("/do/0/t/try#timeout"));
    let Happened::Retrying { error, at: when } = &moments.last().unwrap().what else { panic!("{moments:?}") };
    assert!(error.is(ErrorKind::Timeout) && *when == at(6));
    assert_eq!(run.pending()[0].action, Action::Wait { until: at(6), why: Waiting::Retry });
    apply(&mut run, 6, fired("/do/0/t#retry"));
    assert_eq!(keys(&run), ["/do/0/t[1]/try#timeout", "/do/0/t[1]/try/0/c"]);
    apply(&mut run, 7, completed("/do/0/t[1]/try/0/c", json!("late but well")));
    assert_eq!(output(&run), json!("late but well"));
}

#[test]
fn what_is_caught_is_filtered() {
    let outcome = |catch: &str| {
        let mut run = trying(catch);
        apply(&mut run, 1, failed("/do/0/t/try/0/c", unavailable()));
        run.status()
    };
    let caught = |catch: &str| matches!(outcome(catch), steward_workflow::Status::Completed { .. });
    assert!(caught("{}"));
    assert!(caught("{ errors: { with: { status: 503, instance: /do/0/t/try/0/c } } }"));
    assert!(caught("{ errors: { with: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication' } } }"));
    assert!(caught("{ errors: { with: { details: busy } }, as: e, when: '$e.status >= 500 and .n == 1' }"));
    assert!(!caught("{ errors: { with: { status: 404 } } }"));
    assert!(!caught("{ errors: { with: { type: 'https://other.example', status: 503 } } }"));
    assert!(!caught("{ when: '$error.status == 404' }"));
    assert!(!caught("{ exceptWhen: '$error.status == 503' }"));
}

#[test]
fn what_is_done_about_an_error_is_done_after_the_last_attempt() {
    let mut run = trying("{ retry: { limit: { attempt: { count: 1 } } }, do: [ { undo: { call: 'steward:undo', with: { because: '${ $error.status }', n: '${ .n }' } } } ] }");
    apply(&mut run, 1, failed("/do/0/t/try/0/c", unavailable()));
    apply(&mut run, 1, fired("/do/0/t#retry"));
    apply(&mut run, 2, failed("/do/0/t[1]/try/0/c", unavailable()));
    let pending = run.pending();
    assert_eq!(pending[0].key, "/do/0/t/catch/do/0/undo");
    assert_eq!(serde_json::to_value(&pending[0].action).unwrap()["input"], json!({"because": 503, "n": 1}));
    // An error of the compensation is an error of the task.
    let mut failing = run.clone();
    apply(&mut failing, 3, failed("/do/0/t/catch/do/0/undo", Error::new(ErrorKind::Runtime, "worse")));
    assert_eq!(fault(&failing).instance.as_deref(), Some("/do/0/t/catch/do/0/undo"));
    apply(&mut run, 3, completed("/do/0/t/catch/do/0/undo", json!("undone")));
    assert_eq!(output(&run), json!("undone"));
}

#[test]
fn a_policy_says_itself_when_it_applies() {
    for policy in ["{ when: '$error.status == 429', delay: PT1S }", "{ exceptWhen: '$error.status == 503', delay: PT1S }"] {
        let mut run = trying(&format!("{{ retry: {policy} }}"));
        apply(&mut run, 1, failed("/do/0/t/try/0/c", unavailable()));
        assert_eq!(fault(&run).status, 503);
    }
    let mut run = start(
        "use: { retries: { often: { when: '$error.status == 503', delay: PT1S } } }\ndo: [ { t: { try: [ { c: { call: 'steward:c' } } ], catch: { as: problem, retry: often } } } ]",
        Value::Null,
    );
    apply(&mut run, 1, failed("/do/0/t/try/0/c", unavailable()));
    assert_eq!(run.wakes_at(), Some(at(2)));
}

#[test]
fn errors_go_up_to_the_try_that_catches_them() {
    let mut run = start(
        "
do:
  - outer:
      try:
        - inner:
            try:
              - f: { fork: { branches: [ { a: { call: 'steward:a' } }, { b: { call: 'steward:b' } } ] } }
            catch: { errors: { with: { status: 404 } } }
      catch:
        do: [ { seen: { set: { status: '${ $error.status }', where: '${ $error.instance }' } } } ]
",
        json!({}),
    );
    let b = "/do/0/outer/try/0/inner/try/0/f/fork/branches/1/b";
    apply(&mut run, 1, failed(b, unavailable()));
    assert_eq!(output(&run), json!({"status": 503, "where": b}));
}
