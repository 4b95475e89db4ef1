//! Calls a plugin natively in the JSON form that HTTP and `tests/cases.jsonl` use.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::cases::{CallError, Case, MAX_CASES_BYTES, parse_cases};
use super::host::Host;
use super::json::{Json, fields};
use super::services::Replay;
use crate::Error;
use crate::anonymizer::Anonymizer;
use crate::cleaner::Cleaner;
use crate::feedback::Feedback;
use crate::http::{self, Request, Response};
use crate::labeller::Labeller;
use crate::step::{self, Context, Step};
use crate::team::Team;

/// Calls an export of a plugin, whose parameters the input has by their names.
macro_rules! call {
    ($plugin:ty, $input:ident, $name:ident: $($parameter:literal),+) => {{
        let input = parameters($input, &[$($parameter),+])?;
        answer(<$plugin>::new().and_then(|plugin| plugin.$name($(parameter(input, $parameter)?),+)))
    }};
}

/// Runs `tests/cases.jsonl` of the plugin in this folder against its cleaner, each case under
/// the keys and defaults of `steward.toml`.
///
/// # Panics
/// With a list of every case that fails.
pub fn cleaner_cases<C: Cleaner>(plugin: impl AsRef<Path>) {
    run(plugin.as_ref(), call_cleaner::<C>);
}

/// Runs `tests/cases.jsonl` of the plugin in this folder against its anonymizer, each case under
/// the keys and defaults of `steward.toml`.
///
/// # Panics
/// With a list of every case that fails.
pub fn anonymizer_cases<A: Anonymizer>(plugin: impl AsRef<Path>) {
    run(plugin.as_ref(), call_anonymizer::<A>);
}

/// Runs `tests/cases.jsonl` of the plugin in this folder against its labeller, each case under
/// the keys and defaults of `steward.toml`.
///
/// # Panics
/// With a list of every case that fails.
pub fn labeller_cases<L: Labeller>(plugin: impl AsRef<Path>) {
    run(plugin.as_ref(), call_labeller::<L>);
}

/// Runs `tests/cases.jsonl` of the plugin in this folder against its team plugin, each case under
/// the keys and defaults of `steward.toml`.
///
/// # Panics
/// With a list of every case that fails.
pub fn team_cases<T: Team>(plugin: impl AsRef<Path>) {
    run(plugin.as_ref(), call_team::<T>);
}

/// Runs `tests/cases.jsonl` of the plugin in this folder against its feedback, each case under
/// the keys and defaults of `steward.toml`.
///
/// # Panics
/// With a list of every case that fails.
pub fn feedback_cases<F: Feedback>(plugin: impl AsRef<Path>) {
    run(plugin.as_ref(), call_feedback::<F>);
}

/// Runs `tests/cases.jsonl` of the plugin in this folder against its step, each case under the keys and defaults of
/// `steward.toml`. The input of a case is the payload.
///
/// # Panics
/// With a list of every case that fails.
pub fn step_cases<S: Step>(plugin: impl AsRef<Path>) {
    run(plugin.as_ref(), call_step::<S>);
}

/// Calls `run` with a payload, or `describe`.
///
/// # Errors
/// The error of the plugin, or `invalid-input` where the payload is not of its type.
pub fn call_step<S: Step>(export: Option<&str>, input: &Value) -> Result<Value, CallError> {
    match export.unwrap_or("run") {
        "run" => {
            let context = Context {
                run_id: "test".into(),
                step_key: "test".into(),
                idempotency_key: "test".into(),
                attempt: 1,
            };
            let answer = step::run::<S>(&context, &input.to_string()).map_err(|error| {
                let (code, message) = match error {
                    step::Error::InvalidInput(text) => ("invalid-input", text),
                    step::Error::InvalidConfig(text) => ("invalid-config", text),
                    step::Error::Retryable(retry) => ("retryable", retry.reason),
                    step::Error::Other(text) => ("other", text),
                };
                CallError {
                    code: code.into(),
                    message,
                }
            })?;
            serde_json::from_str(&answer).map_err(|e| invalid_input(e.to_string()))
        }
        "describe" => {
            parameters(input, &[])?;
            let said = S::describe();
            Ok(json!({
                "name": said.name, "summary": said.summary,
                "input_schema": said.input_schema, "output_schema": said.output_schema,
            }))
        }
        other => Err(no_such_export(other, "run, describe")),
    }
}

/// Calls `clean` or `fingerprint` with parameters in JSON.
///
/// # Errors
/// The error of the plugin, or `invalid-input` where the parameters are not those of the function.
pub fn call_cleaner<C: Cleaner>(export: Option<&str>, input: &Value) -> Result<Value, CallError> {
    match export.unwrap_or("clean") {
        "clean" => {
            let input = parameters(input, &["batch"])?;
            answer(C::new().and_then(|c| c.clean(parameter(input, "batch")?)))
        }
        "fingerprint" => {
            let input = parameters(input, &["batch"])?;
            answer(C::new().and_then(|c| c.fingerprint(parameter(input, "batch")?)))
        }
        other => Err(no_such_export(other, "clean, fingerprint")),
    }
}

/// Calls `detect` or `anonymize` with parameters in JSON.
///
/// # Errors
/// The error of the plugin, or `invalid-input` where the parameters are not those of the function.
pub fn call_anonymizer<A: Anonymizer>(
    export: Option<&str>,
    input: &Value,
) -> Result<Value, CallError> {
    match export.unwrap_or("anonymize") {
        "detect" => {
            let input = parameters(input, &["batch", "entities"])?;
            answer(
                A::new().and_then(|a| {
                    a.detect(parameter(input, "batch")?, parameter(input, "entities")?)
                }),
            )
        }
        "anonymize" => {
            let input = parameters(input, &["batch", "policy"])?;
            answer(
                A::new().and_then(|a| {
                    a.anonymize(parameter(input, "batch")?, parameter(input, "policy")?)
                }),
            )
        }
        other => Err(no_such_export(other, "anonymize, detect")),
    }
}

/// Calls `propose`, `functions`, `aggregate` or `agreement` with parameters in JSON.
///
/// # Errors
/// The error of the plugin, or `invalid-input` where the parameters are not those of the function.
pub fn call_labeller<L: Labeller>(export: Option<&str>, input: &Value) -> Result<Value, CallError> {
    match export.unwrap_or("propose") {
        "propose" => {
            let input = parameters(input, &["batch"])?;
            answer(L::new().and_then(|l| l.propose(parameter(input, "batch")?)))
        }
        "functions" => {
            parameters(input, &[])?;
            answer(L::new().and_then(|l| l.functions()))
        }
        "aggregate" => {
            let input = parameters(input, &["annotations", "labels", "known"])?;
            answer(L::new().and_then(|l| {
                l.aggregate(
                    parameter(input, "annotations")?,
                    parameter(input, "labels")?,
                    parameter(input, "known")?,
                )
            }))
        }
        "agreement" => {
            let input = parameters(input, &["annotations", "labels"])?;
            answer(L::new().and_then(|l| {
                l.agreement(
                    parameter(input, "annotations")?,
                    parameter(input, "labels")?,
                )
            }))
        }
        other => Err(no_such_export(
            other,
            "propose, functions, aggregate, agreement",
        )),
    }
}

/// Calls an export of the world `team` with parameters in JSON.
///
/// # Errors
/// The error of the plugin, or `invalid-input` where the parameters are not those of the function.
pub fn call_team<T: Team>(export: Option<&str>, input: &Value) -> Result<Value, CallError> {
    match export.unwrap_or("evaluate") {
        "evaluate" => call!(T, input, evaluate: "cycle", "reviews"),
        "scorecards" => call!(T, input, scorecards: "stages", "scores"),
        "skill-gaps" => call!(T, input, skill_gaps: "members", "trainings"),
        "workload" => call!(T, input, workload: "events", "window"),
        "delivery" => call!(T, input, delivery: "deployments", "window", "members"),
        "check-ins" => call!(T, input, check_ins: "schedule", "people", "done", "now"),
        other => Err(no_such_export(
            other,
            "evaluate, scorecards, skill-gaps, workload, delivery, check-ins",
        )),
    }
}

/// Calls a function of the world `feedback` with parameters in JSON.
///
/// # Errors
/// The error of the plugin, or `invalid-input` where the parameters are not those of the function.
pub fn call_feedback<F: Feedback>(export: Option<&str>, input: &Value) -> Result<Value, CallError> {
    match export.unwrap_or("analyse") {
        "analyse" => call!(F, input, analyse: "batch"),
        "themes" => call!(F, input, themes: "batch"),
        "survey" => call!(F, input, survey: "design", "answers"),
        "ask" => call!(F, input, ask: "audience", "people"),
        "assign" => call!(F, input, assign: "flags", "flag", "contexts"),
        "experiment" => call!(F, input, experiment: "design", "arms"),
        "funnel" => call!(F, input, funnel: "design", "events"),
        "retention" => call!(F, input, retention: "design", "events"),
        "paths" => call!(F, input, paths: "design", "events"),
        "preferences" => call!(F, input, preferences: "rows", "format"),
        "recommend" => call!(F, input, recommend: "recommender", "interactions", "users", "most"),
        "evaluate" => call!(F, input, evaluate: "recommender", "train", "test", "most"),
        other => Err(no_such_export(
            other,
            "analyse, themes, survey, ask, assign, experiment, funnel, retention, paths, preferences, recommend, evaluate",
        )),
    }
}

fn parameters<'v>(input: &'v Value, known: &[&str]) -> Result<&'v Map<String, Value>, CallError> {
    fields(input, known, "input").map_err(invalid_input)
}

fn parameter<T: Json>(input: &Map<String, Value>, name: &str) -> Result<T, Error> {
    T::from_json(input.get(name).unwrap_or(&Value::Null), name).map_err(Error::InvalidInput)
}

fn answer<T: Json>(result: Result<T, Error>) -> Result<Value, CallError> {
    result.map(|ok| ok.to_json()).map_err(|error| {
        let (code, message) = match error {
            Error::InvalidInput(text) => ("invalid-input", text),
            Error::InvalidConfig(text) => ("invalid-config", text),
            Error::Unavailable(text) => ("unavailable", text),
            Error::Other(text) => ("other", text),
        };
        CallError {
            code: code.into(),
            message,
        }
    })
}

fn invalid_input(message: String) -> CallError {
    CallError {
        code: "invalid-input".into(),
        message,
    }
}

fn no_such_export(name: &str, known: &str) -> CallError {
    CallError {
        code: "unknown-export".into(),
        message: format!("no export `{name}`; there are {known}"),
    }
}

type Call = fn(Option<&str>, &Value) -> Result<Value, CallError>;

fn run(plugin: &Path, call: Call) {
    let manifest = read(&plugin.join("steward.toml"));
    let cases =
        parse_cases(&read(&plugin.join("tests/cases.jsonl"))).unwrap_or_else(|e| panic!("{e}"));
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            run_case(&manifest, case, call)
                .err()
                .map(|why| format!("  {}: {why}", case.name))
        })
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} cases failed:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
}

fn run_case(manifest: &str, case: &Case, call: Call) -> Result<(), String> {
    let mut host = Host::from_manifest(manifest)?;
    for (key, value) in &case.config {
        if !host.declares(key) {
            return Err(format!("steward.toml does not declare `[config.{key}]`"));
        }
        host = host.config(key, value);
    }
    for (name, value) in &case.host.secrets {
        host = host.secret(name, value.as_bytes());
    }
    let replay = Rc::new(RefCell::new(Replay::new(case.host.http.clone())));
    let played = Rc::clone(&replay);
    host = host.http(move |request| {
        let Request {
            method, url, body, ..
        } = request;
        let answer = played.borrow_mut().answer(method, url, body);
        let answer = answer.ok_or_else(|| http::Error::Failed("nobody answers".into()))?;
        Ok(Response {
            status: answer.status,
            headers: answer.fields(),
            body: answer.bytes(),
        })
    });
    let _entered = host.enter();
    let judged = case.judge(&call(case.call.as_deref(), &case.input));
    let played = replay.borrow().judge();
    match (judged, played) {
        (Err(why), Err(sent)) => Err(format!("{why}; {sent}")),
        (judged, played) => judged.and(played),
    }
}

fn read(path: &Path) -> String {
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    assert!(
        size <= MAX_CASES_BYTES as u64,
        "{}: {size} bytes; at most {MAX_CASES_BYTES} are read",
        path.display()
    );
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends its secret, and answers with what came back.
    fn sends(_: Option<&str>, _: &Value) -> Result<Value, CallError> {
        let failed = |e: &dyn std::fmt::Debug| invalid_input(format!("{e:?}"));
        let token = crate::secrets::get("token").map_err(|e| failed(&e))?;
        let token = token.reveal_text().map_err(|e| failed(&e))?;
        let request =
            Request::post("https://a.example/x").json(&json!({"token": token}).to_string());
        let answer = request.send().map_err(|e| failed(&e))?;
        Ok(json!({"status": answer.status, "body": String::from_utf8_lossy(&answer.body)}))
    }

    #[test]
    fn a_case_gives_secrets_and_services() {
        let manifest = "[plugin]\nname = \"p\"\n";
        let run = |host: Value| {
            let case = json!({"name": "c", "host": host, "input": {}, "expect": {"status": 201, "body": "made"}});
            let cases = parse_cases(&case.to_string()).unwrap();
            run_case(manifest, &cases[0], sends)
        };
        let host = |token: &str| {
            json!({"secrets": {"token": token}, "http": [
                {"method": "POST", "url": "https://a.example/x", "sent": {"token": "t"}, "status": 201, "body": "made"}]})
        };
        assert_eq!(run(host("t")), Ok(()));
        assert!(
            run(host("u"))
                .unwrap_err()
                .contains("no answer to its request")
        );
        assert!(run(json!({})).unwrap_err().contains("invalid-input"));
    }
}
