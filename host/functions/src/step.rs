//! The world `step`: what a component says of itself, and its payloads and answers held against that.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use steward_engine::CallLimits;
use steward_registry::{Name, PluginVersion, StepDescription};
pub use steward_schema::Budget;
use steward_schema::{Invalid, Schema};
use wasmtime::component::Val;

use crate::FunctionsError;
use crate::rollout::Call;

/// The header field with the run that a step is of.
pub const RUN: &str = "steward-run";
/// The header field with the step within the run.
pub const STEP: &str = "steward-step";
/// The header field that is the same for every attempt at one step of one run.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The header field with the number of the attempt: 1, 2, 3 …
pub const ATTEMPT: &str = "steward-attempt";

/// The export that runs the step; a call that names none means it.
pub const RUN_EXPORT: &str = "run";
/// The longest summary, in characters.
const MAX_SUMMARY: usize = 500;
/// The longest key of a context, in bytes: that of a step deep in a workflow is a path.
const MAX_KEY: usize = 1024;
/// What a step may take to say what it is.
const DESCRIBE: Duration = Duration::from_secs(2);

/// The context of a step as header fields, for whoever calls one from within the host.
///
/// A name of a task may be of any script, and a step could not be told that (ASCII, at most 1,024 characters): it is left out,
/// and the idempotency key alone tells the step.
pub fn context(run: &str, step: &str, idempotency_key: &str, attempt: u32) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [(RUN, run), (STEP, step), (IDEMPOTENCY_KEY, idempotency_key)] {
        let told = value.is_ascii() && (1..=MAX_KEY).contains(&value.len());
        if told && let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers.insert(ATTEMPT, HeaderValue::from(attempt));
    headers
}

/// What a step takes and gives.
#[derive(Debug)]
pub struct StepContract {
    description: StepDescription,
    input: Schema,
    output: Schema,
}

impl StepContract {
    /// Reads what a step says of itself.
    ///
    /// # Errors
    /// [`FunctionsError::InvalidStep`]
    pub(crate) fn read(description: StepDescription) -> Result<Self, FunctionsError> {
        let invalid = |why: String| FunctionsError::InvalidStep(why);
        description
            .name
            .parse::<Name>()
            .map_err(|e| invalid(format!("its name: {e}")))?;
        let summary = &description.summary;
        if summary.chars().count() > MAX_SUMMARY || summary.chars().any(char::is_control) {
            return Err(invalid(format!(
                "its summary is one line of at most {MAX_SUMMARY} characters"
            )));
        }
        let schema = |what: &str, text: &str| {
            Schema::parse(text).map_err(|e| invalid(format!("its schema of {what}: {e}")))
        };
        Ok(Self {
            input: schema("the payload", &description.input_schema)?,
            output: schema("the answer", &description.output_schema)?,
            description,
        })
    }

    /// What a version of a plugin takes and gives; none where it is no step.
    ///
    /// # Errors
    /// [`FunctionsError::InvalidStep`]
    pub fn of(version: &PluginVersion) -> Result<Option<Self>, FunctionsError> {
        version.step.clone().map(Self::read).transpose()
    }

    /// What it says of itself.
    pub fn description(&self) -> &StepDescription {
        &self.description
    }

    /// Holds a payload against its schema.
    ///
    /// # Errors
    /// [`FunctionsError::InvalidInput`]
    pub fn check_payload(&self, payload: &Value) -> Result<(), FunctionsError> {
        self.input.check(payload).map_err(|invalid| match invalid {
            Invalid::Broken { pointer, reason } => FunctionsError::InvalidInput {
                path: format!("payload{pointer}"),
                reason,
            },
            much => FunctionsError::InvalidInput {
                path: "payload".into(),
                reason: much.to_string(),
            },
        })
    }

    /// Holds what is known of a payload against its schema: the parts for which `open` holds may yet be anything. It says
    /// where and why no such payload fits.
    ///
    /// # Errors
    /// The place in the payload, as a JSON Pointer, and the reason.
    pub fn check_known(
        &self,
        payload: &Value,
        open: fn(&Value) -> bool,
        budget: &mut Budget,
    ) -> Result<(), (String, String)> {
        match self.input.check_known_within(payload, open, budget) {
            Err(Invalid::Broken { pointer, reason }) => Err((pointer, reason)),
            // What takes too long to tell is told by the call.
            Err(Invalid::TooMuch(_)) | Ok(()) => Ok(()),
        }
    }

    /// Why this step can take nothing that another one answers, where that is plain from their schemas.
    pub fn apart_from(&self, before: &Self, budget: &mut Budget) -> Option<String> {
        before.output.apart_within(&self.input, budget)
    }

    /// The arguments of `run`, as JSON.
    pub(crate) fn arguments(
        &self,
        call: &Call<'_>,
        function: &Name,
        payload: &Value,
    ) -> Result<Value, FunctionsError> {
        self.check_payload(payload)?;
        let id = call.id.to_string();
        let key = |name: &'static str| key(call.whom.headers, name);
        let attempt = match key(ATTEMPT)? {
            None => 1,
            Some(text) => text
                .parse::<u32>()
                .ok()
                .filter(|attempt| *attempt > 0)
                .ok_or_else(|| wrong_header(ATTEMPT, "it is a number from 1 on"))?,
        };
        Ok(json!({
            "context": {
                "run_id": key(RUN)?.unwrap_or(&id),
                "step_key": key(STEP)?.unwrap_or(function.as_str()),
                "idempotency_key": key(IDEMPOTENCY_KEY)?.unwrap_or(&id),
                "attempt": attempt,
            },
            "payload": payload.to_string(),
        }))
    }

    /// The answer of `run`, read and held against its schema; the error says what is wrong with it.
    pub(crate) fn answer(&self, answer: &Value) -> Result<Value, String> {
        let text = answer.as_str().unwrap_or_default();
        let value: Value =
            serde_json::from_str(text).map_err(|e| format!("its answer is no JSON ({e})"))?;
        match self.output.check(&value) {
            Ok(()) => Ok(value),
            Err(invalid) => Err(format!(
                "its answer breaks the schema that it declares ({invalid})"
            )),
        }
    }
}

/// A field of the context that the caller gives; none where it is not there.
fn key<'h>(
    headers: Option<&'h HeaderMap>,
    name: &'static str,
) -> Result<Option<&'h str>, FunctionsError> {
    let Some(value) = headers.and_then(|headers| headers.get(name)) else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(text) if (1..=MAX_KEY).contains(&text.len()) => Ok(Some(text)),
        _ => Err(wrong_header(
            name,
            &format!("it has 1 to {MAX_KEY} characters, all of them of ASCII"),
        )),
    }
}

fn wrong_header(name: &str, reason: &str) -> FunctionsError {
    FunctionsError::InvalidInput {
        path: format!("header {name}"),
        reason: reason.into(),
    }
}

/// The error of `run` that asks for another attempt; none for the others.
pub(crate) fn retry(case: &str, payload: Option<&Val>) -> Option<FunctionsError> {
    let Some(Val::Record(fields)) = payload else {
        return None;
    };
    if case != "retryable" {
        return None;
    }
    let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v);
    let message = match field("reason") {
        Some(Val::String(reason)) => reason.clone(),
        _ => return None,
    };
    let retry_after = match field("after-ms") {
        Some(Val::Option(Some(ms))) => match ms.as_ref() {
            Val::U64(ms) => Some(Duration::from_millis(*ms)),
            _ => None,
        },
        _ => None,
    };
    Some(FunctionsError::Retryable {
        message,
        retry_after,
    })
}

/// What a step may use to say what it is: less than a call.
pub(crate) fn describe_limits(limits: CallLimits) -> CallLimits {
    CallLimits {
        cpu: limits.cpu.min(DESCRIBE),
        timeout: limits.timeout.min(DESCRIBE),
        ..limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> StepContract {
        StepContract::read(StepDescription {
            name: "greet".into(),
            summary: "问候".into(),
            input_schema:
                r#"{"type":"object","required":["who"],"properties":{"who":{"type":"string"}}}"#
                    .into(),
            output_schema: r#"{"type":"object","required":["text"]}"#.into(),
        })
        .unwrap()
    }

    #[test]
    fn a_context_has_the_fields_of_the_headers_or_those_of_the_call() {
        let (contract, name) = (contract(), "hello".parse().unwrap());
        let call = Call::new();
        let bare = contract
            .arguments(&call, &name, &json!({"who": "你"}))
            .unwrap();
        let id = call.id.to_string();
        assert_eq!(
            bare,
            json!({
                "context": {"run_id": id, "step_key": "hello", "idempotency_key": id, "attempt": 1},
                "payload": "{\"who\":\"你\"}",
            })
        );
        let headers = context("r-1", "charge/0", "k", 3);
        let given = |headers: &HeaderMap| {
            let mut call = Call::new();
            call.whom.headers = Some(headers);
            contract
                .arguments(&call, &name, &json!({"who": "x"}))
                .map(|a| a["context"].clone())
        };
        assert_eq!(
            given(&headers).unwrap(),
            json!({"run_id": "r-1", "step_key": "charge/0", "idempotency_key": "k", "attempt": 3})
        );
        // What no header field holds is left out, and the step runs.
        for step in ["/do/0/通知", &"s".repeat(1025)] {
            assert_eq!(
                given(&context("r-1", step, "k", 1)).unwrap(),
                json!({"run_id": "r-1", "step_key": "hello", "idempotency_key": "k", "attempt": 1})
            );
        }
        for (field, value) in [
            (ATTEMPT, "0"),
            (ATTEMPT, "x"),
            (RUN, ""),
            (RUN, &"r".repeat(1025)),
        ] {
            let mut wrong = headers.clone();
            wrong.insert(field, value.parse().unwrap());
            assert!(
                matches!(given(&wrong), Err(FunctionsError::InvalidInput { .. })),
                "{field} {value}"
            );
        }
    }

    #[test]
    fn payload_and_answer_are_held_against_their_schemas() {
        let contract = contract();
        let refused = contract.check_payload(&json!({"who": 7})).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`payload/who`: expected string, found a number"
        );
        assert_eq!(
            contract.answer(&json!("{\"text\":\"hi\"}")),
            Ok(json!({"text": "hi"}))
        );
        for (answer, says) in [
            ("{", "no JSON"),
            ("{}", "the field `text` is missing"),
            ("", "no JSON"),
        ] {
            let refused = contract.answer(&json!(answer)).unwrap_err();
            assert!(refused.contains(says), "{refused}");
        }
    }

    #[test]
    fn a_description_that_breaks_a_rule_is_refused() {
        let good = contract().description;
        for (bad, says) in [
            (
                StepDescription {
                    name: "Greet!".into(),
                    ..good.clone()
                },
                "its name",
            ),
            (
                StepDescription {
                    summary: "a\nb".into(),
                    ..good.clone()
                },
                "one line",
            ),
            (
                StepDescription {
                    input_schema: "{".into(),
                    ..good.clone()
                },
                "its schema of the payload: no JSON",
            ),
            (
                StepDescription {
                    output_schema: "{\"typ\":1}".into(),
                    ..good.clone()
                },
                "its schema of the answer: /typ",
            ),
        ] {
            let refused = StepContract::read(bad).unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
        }
    }

    #[test]
    fn a_retryable_error_says_when_to_come_again() {
        let error = |after: Option<u64>| {
            let after = after.map(|ms| Box::new(Val::U64(ms)));
            let fields = vec![
                ("reason".to_owned(), Val::String("429".into())),
                ("after-ms".to_owned(), Val::Option(after)),
            ];
            Val::Record(fields)
        };
        for (given, wanted) in [
            (Some(1500), Some(Duration::from_millis(1500))),
            (None, None),
        ] {
            let Some(FunctionsError::Retryable {
                message,
                retry_after,
            }) = retry("retryable", Some(&error(given)))
            else {
                panic!("it is retryable");
            };
            assert_eq!((message.as_str(), retry_after), ("429", wanted));
        }
        assert!(retry("other", Some(&Val::String("x".into()))).is_none());
        assert!(retry("other", Some(&error(None))).is_none());
    }
}
