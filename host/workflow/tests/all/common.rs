//! Runs that are driven by a stand-in of everything outside: each call has its answer in a function.

use jiff::Timestamp;
use serde_json::Value;
use steward_workflow::{Action, Call, Effect, Entry, Error, Facts, Happened, Moment, Run, Status, What, Workflow};

/// What is always the same of a definition, before what differs.
pub fn definition(rest: &str) -> String {
    format!("document: {{ dsl: 1.0.3, namespace: test, name: test, version: 1.0.0 }}\n{rest}")
}

pub fn workflow(rest: &str) -> Workflow {
    Workflow::parse(&definition(rest)).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The pointers of what is wrong, with their reasons.
pub fn problems(rest: &str) -> Vec<(String, String)> {
    let problems = Workflow::parse(&definition(rest)).expect_err("the definition is refused");
    problems.0.into_iter().map(|p| (p.pointer, p.reason)).collect()
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

pub fn facts() -> Facts {
    Facts {
        run: "01JD".into(),
        at: at(0),
        mark: "m4rk".into(),
        extensions: [("enrich".to_owned(), vec!["a@sha256:1".to_owned(), "b@sha256:2".to_owned()])].into(),
    }
}

pub fn start(rest: &str, input: Value) -> Run {
    Run::start(workflow(rest), input, facts()).0
}

pub fn completed(key: &str, output: Value) -> What {
    What::Completed {
        key: key.into(),
        output,
    }
}

pub fn failed(key: &str, error: Error) -> What {
    What::Failed { key: key.into(), error }
}

pub fn fired(key: &str) -> What {
    What::Fired { key: key.into() }
}

pub fn event(key: &str, event: Value) -> What {
    What::Event { key: key.into(), event }
}

/// Applies something that happened some seconds after the start.
pub fn apply(run: &mut Run, seconds: i64, what: What) -> Vec<Moment> {
    run.apply(&Entry { at: at(seconds), what }).unwrap()
}

pub fn keys(run: &Run) -> Vec<String> {
    run.pending().into_iter().map(|effect| effect.key).collect()
}

pub fn output(run: &Run) -> Value {
    match run.status() {
        Status::Completed { output } => output,
        other => panic!("the run did not complete: {other:?}"),
    }
}

pub fn fault(run: &Run) -> Error {
    match run.status() {
        Status::Faulted { error } => error,
        other => panic!("the run did not fail: {other:?}"),
    }
}

/// Drives a run to its end: calls are answered by `answer`, events are published, times come. Answers with the entries
/// and everything that the run told.
pub fn drive(run: &mut Run, first: Vec<Moment>, answer: &mut dyn FnMut(&Call) -> Result<Value, Error>) -> (Vec<Entry>, Vec<Moment>) {
    let (mut journal, mut moments) = (Vec::new(), first);
    let mut now = run.now();
    for _ in 0..10_000 {
        let pending = run.pending();
        let Some(effect) = pending.iter().find(|e| !matches!(e.action, Action::Wait { .. } | Action::Listen { .. })).or_else(|| {
            pending.iter().filter(|e| matches!(e.action, Action::Wait { .. })).min_by_key(|e| until(e))
        }) else {
            return (journal, moments);
        };
        let key = effect.key.clone();
        let what = match &effect.action {
            Action::Call(call) => match answer(call) {
                Ok(output) => What::Completed { key, output },
                Err(error) => What::Failed { key, error },
            },
            Action::Wait { until, .. } => {
                now = now.max(*until);
                What::Fired { key }
            }
            _ => What::Completed { key, output: Value::Null },
        };
        let entry = Entry { at: now, what };
        moments.extend(run.apply(&entry).unwrap());
        journal.push(entry);
    }
    panic!("the run does not end: {:?}", run.pending());
}

fn until(effect: &Effect) -> Timestamp {
    match effect.action {
        Action::Wait { until, .. } => until,
        _ => Timestamp::MAX,
    }
}

/// The names of the tasks that began, in their order.
pub fn begun(moments: &[Moment]) -> Vec<String> {
    let started = moments.iter().filter(|m| matches!(m.what, Happened::Started { .. }));
    started.map(|m| m.task.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}
