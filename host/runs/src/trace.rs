//! The trace of a run ([W3C Trace Context](https://www.w3.org/TR/trace-context/)): that of whoever started it, else one that
//! has the id of the run.
//!
//! Everything follows from what the registry keeps of a run, so that a run has the same trace and the same span on every host
//! that has it, after every end of one. The spans of its steps are new with each attempt.

use jiff::Timestamp;
use steward_registry::events::{EventValue, NewEvent};
use steward_registry::workflows::Run;
use steward_telemetry::{AttributeValue, Kind, Notes, Span, Telemetry, TraceContext};
use steward_workflow::Error;

/// The span of a run, and the one above it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunSpan {
    pub context: TraceContext,
    pub parent: Option<TraceContext>,
}

impl RunSpan {
    /// Of a run as the registry has it. A trace that begins with it is told of as the share of the collector says, and not
    /// at all without one.
    pub fn of(run: &Run, telemetry: Option<&Telemetry>) -> Self {
        let parent = run.traceparent.as_deref().and_then(TraceContext::parse);
        let id = run.id.to_bytes();
        // The second half of an id is all random.
        let [_, _, _, _, _, _, _, _, span @ ..] = id;
        let made = match parent {
            Some(above) => above.with_span(span),
            None => TraceContext::of(id, span, telemetry.is_some_and(|t| t.samples(id))),
        };
        Self {
            // Zeros, which are no id, are none of a run either.
            context: made.unwrap_or_else(|| TraceContext::begin(false)),
            parent,
        }
    }

    /// The run as a span, where it has ended.
    pub fn told(&self, run: &Run, error: Option<&Error>) -> Span {
        Span {
            context: self.context,
            parent: self.parent,
            name: run.workflow.to_string(),
            kind: Kind::Internal,
            begin: run.created_at,
            end: Timestamp::now(),
            attributes: attributes(run, error),
            error: error.map(|error| error.kind.clone()),
        }
    }
}

/// An attempt at a step.
pub(crate) struct StepSpan<'a> {
    /// Of this run.
    pub run: &'a Run,
    pub context: TraceContext,
    /// The span of the run.
    pub parent: TraceContext,
    pub begin: Timestamp,
    /// The task: a JSON pointer into the definition.
    pub task: String,
    /// The task with its iteration.
    pub step: String,
    pub attempt: u32,
}

impl StepSpan<'_> {
    /// The attempt as a span. What it was given and what came of it is not in it.
    pub fn told(self, error: Option<&Error>, notes: Notes) -> Span {
        let mut told = attributes(self.run, error);
        told.push(("steward.step", self.step.into()));
        told.push(("steward.attempt", u64::from(self.attempt).into()));
        told.extend(notes.into_iter().map(|(name, value)| (name, value.into())));
        Span {
            context: self.context,
            parent: Some(self.parent),
            name: format!("{}{}", self.run.workflow, self.task),
            kind: Kind::Internal,
            begin: self.begin,
            end: Timestamp::now(),
            attributes: told,
            error: error.map(|error| error.kind.clone()),
        }
    }
}

fn attributes(run: &Run, error: Option<&Error>) -> Vec<(&'static str, AttributeValue)> {
    let mut attributes: Vec<(&'static str, AttributeValue)> = vec![
        ("steward.tenant", run.tenant.as_str().into()),
        ("steward.workflow", run.workflow.as_str().into()),
        ("steward.workflow_version", run.version.to_string().into()),
        ("steward.run", run.id.to_string().into()),
    ];
    attributes.extend(error.map(|error| ("error.type", error.kind.as_str().into())));
    attributes
}

/// The id of the trace of a run: 32 hexadecimal digits.
pub fn trace_id(run: &Run) -> String {
    RunSpan::of(run, None).context.trace_id()
}

/// The span that an event comes from, by the extension for distributed tracing
/// (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/distributed-tracing.md>).
pub fn of_event(event: &NewEvent) -> Option<TraceContext> {
    match event.extensions.get(TraceContext::HEADER)? {
        EventValue::Text(text) => TraceContext::parse(text),
        EventValue::Boolean(_) | EventValue::Integer(_) => None,
    }
}

/// The event with the span that it comes from, unless it names one itself or has no room for it.
pub(crate) fn traced(event: NewEvent, span: TraceContext) -> NewEvent {
    let mut with = event.clone();
    let value = EventValue::Text(span.to_string());
    with.extensions
        .entry(TraceContext::HEADER.to_owned())
        .or_insert(value);
    if with.check().is_ok() { with } else { event }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use steward_registry::workflows::RunStatus;
    use ulid::Ulid;

    use super::*;

    const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn run(traceparent: Option<&str>) -> Run {
        Run {
            id: "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse::<Ulid>().unwrap(),
            tenant: "acme".parse().unwrap(),
            workflow: "orders".parse().unwrap(),
            version: semver::Version::new(1, 0, 0),
            status: RunStatus::Running,
            pins: Value::Null,
            input: Value::Null,
            output: None,
            error: None,
            parent: None,
            replay_of: None,
            traceparent: traceparent.map(str::to_owned),
            due_at: None,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            ended_at: None,
            created_by: "t".into(),
        }
    }

    #[test]
    fn a_run_has_the_trace_of_its_caller_or_its_own_id() {
        let own = run(None);
        let id = hex(&own.id.to_bytes());
        assert_eq!(trace_id(&own), id);
        // The same each time it is asked: it is on no host and in no memory.
        let span = RunSpan::of(&own, None);
        assert_eq!(span.context, RunSpan::of(&own, None).context);
        assert!(span.parent.is_none() && !span.context.is_sampled());
        let called = run(Some(CALLER));
        assert_eq!(trace_id(&called), "0af7651916cd43dd8448eb211c80319c");
        let span = RunSpan::of(&called, None);
        assert_eq!(span.parent, TraceContext::parse(CALLER));
        let text = span.context.to_string();
        assert!(text.ends_with(&format!("-{}-01", &id[16..])), "{text}");
        // What is none begins a trace.
        assert_eq!(trace_id(&run(Some("00-x"))), id);
    }

    #[test]
    fn an_event_names_where_it_comes_from() {
        let span = TraceContext::parse(CALLER).unwrap();
        let event = NewEvent::new("/x", "com.example.x");
        assert_eq!(of_event(&event), None);
        let with = traced(event, span);
        assert_eq!(of_event(&with), Some(span));
        // Its own stays.
        assert_eq!(of_event(&traced(with, span.child())), Some(span));
        let mut full = NewEvent::new("/x", "com.example.x");
        for n in 0..32 {
            full.extensions
                .insert(format!("n{n}"), EventValue::Integer(n));
        }
        assert_eq!(traced(full.clone(), span), full);
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
