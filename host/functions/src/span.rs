//! The span of a call, out of its record.

use std::time::Duration;

use jiff::Timestamp;
use steward_invocations::Invocation;
use steward_telemetry::{AttributeValue, Kind, Span, TraceContext};

/// What became of a call, in one word.
fn outcome(call: &Invocation) -> &'static str {
    match (call.problem, call.failed) {
        (None, _) => "answered",
        (Some(_), true) => "failed",
        // Nobody has waited for it.
        (Some("client-gone"), false) => "abandoned",
        // The plugin says that its input is none, which is what it should.
        (Some(_), false) => "refused",
    }
}

/// The span of a call that is over. Its name and the attributes `faas.*` are those of the conventions for functions
/// (<https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/>). What the call was given and what it answered is not
/// in it.
pub(crate) fn of(
    call: &Invocation,
    tenant: &str,
    context: TraceContext,
    parent: Option<TraceContext>,
) -> Span {
    let micros = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
    let cost = &call.cost;
    let mut attributes: Vec<(&'static str, AttributeValue)> = vec![
        ("faas.name", (&*call.function).into()),
        ("faas.version", (&*call.version).into()),
        ("faas.invocation_id", call.id.to_string().into()),
        ("steward.tenant", tenant.into()),
        ("steward.revision", u64::from(call.revision).into()),
        ("steward.outcome", outcome(call).into()),
        ("steward.reused", call.reused.into()),
        ("steward.cpu_us", micros(cost.cpu).into()),
        ("steward.queued_us", micros(cost.queued).into()),
        ("steward.memory_bytes", cost.memory_bytes.into()),
        ("steward.host_calls", cost.host_calls.into()),
        ("steward.inference_texts", cost.inference_texts.into()),
        ("steward.inference_tokens", cost.inference_tokens.into()),
        ("steward.bytes_in", cost.bytes_in.into()),
        ("steward.bytes_out", cost.bytes_out.into()),
    ];
    if let Some(status) = call.status {
        let status = u64::from(status);
        attributes.push(("http.response.status_code", status.into()));
    }
    if !call.models.is_empty() {
        attributes.push(("steward.models", call.models.join(" ").into()));
    }
    if let Some(problem) = call.problem {
        attributes.push(("error.type", problem.into()));
    }
    Span {
        context,
        parent,
        name: call.function.to_string(),
        kind: Kind::Internal,
        begin: call.started_at,
        end: Timestamp::now(),
        attributes,
        error: call.problem.filter(|_| call.failed).map(String::from),
    }
}

#[cfg(test)]
mod tests {
    use steward_invocations::{Cost, Input};

    use super::*;

    fn call(problem: Option<&'static str>, failed: bool) -> Invocation {
        Invocation {
            id: Default::default(),
            function: "trim".into(),
            version: "1.0.0".into(),
            revision: 3,
            started_at: Timestamp::UNIX_EPOCH,
            problem,
            failed,
            status: None,
            reused: false,
            trace: Some(TraceContext::begin(true).trace_id()),
            models: vec!["intents@1.0.0".into(), "minilm@1.0.0".into()],
            cost: Cost {
                cpu: Duration::from_micros(70),
                ..Cost::default()
            },
            input: Some(Input::of(b"what was asked")),
        }
    }

    #[test]
    fn a_span_tells_what_the_call_cost_and_not_what_it_was_given() {
        let context = TraceContext::begin(true);
        let span = of(&call(Some("timeout"), true), "acme", context, None);
        let told = |name: &str| span.attributes.iter().find(|(n, _)| *n == name);
        assert_eq!(told("steward.cpu_us").unwrap().1, 70u64.into());
        assert_eq!(told("error.type").unwrap().1, "timeout".into());
        assert_eq!(
            told("steward.models").unwrap().1,
            "intents@1.0.0 minilm@1.0.0".into()
        );
        assert_eq!(
            (span.name.as_str(), span.error.as_deref()),
            ("trim", Some("timeout"))
        );
        assert!(!format!("{span:?}").contains("what was asked"));
    }

    #[test]
    fn a_plugin_that_refuses_its_input_is_no_failure() {
        let context = TraceContext::begin(true);
        for (problem, failed, word) in [
            (None, false, "answered"),
            (Some("timeout"), true, "failed"),
            (Some("invalid-input"), false, "refused"),
            (Some("client-gone"), false, "abandoned"),
        ] {
            let span = of(&call(problem, failed), "acme", context, None);
            assert!(
                span.attributes.contains(&("steward.outcome", word.into())),
                "{problem:?}"
            );
            assert_eq!(span.error.is_some(), failed);
        }
    }
}
