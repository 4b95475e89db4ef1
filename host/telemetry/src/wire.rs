//! OTLP 1.x as JSON: ids in hexadecimal, 64-bit numbers as text
//! (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Config, TraceContext};

/// The longest value of an attribute, in characters.
const MAX_VALUE: usize = 512;
/// The name of the instrumentation.
const SCOPE: &str = "steward";

/// Whose side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Work inside of the host.
    Internal = 1,
    /// The answering side.
    Server = 2,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// A text; more than 512 characters are cut.
    Text(String),
    /// A number; what is more than `i64::MAX` is told as that.
    Number(u64),
    /// Yes or no.
    Flag(bool),
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for AttributeValue {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for AttributeValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl AttributeValue {
    fn to_otlp(&self) -> Value {
        match self {
            Self::Text(value) => text(value),
            // 64-bit numbers are text in this encoding.
            Self::Number(number) => {
                json!({ "intValue": i64::try_from(*number).unwrap_or(i64::MAX).to_string() })
            }
            Self::Flag(flag) => json!({ "boolValue": flag }),
        }
    }
}

/// A piece of work that is over.
#[derive(Debug, Clone)]
pub struct Span {
    /// Which span of which trace.
    pub context: TraceContext,
    /// The span above it.
    pub parent: Option<TraceContext>,
    /// What was done, in words that do not differ from request to request.
    pub name: String,
    /// Whose side.
    pub kind: Kind,
    /// When it began.
    pub begin: Timestamp,
    /// When it was over.
    pub end: Timestamp,
    /// What it was about. Never a header, a query or a body: they hold what is nobody else's.
    pub attributes: Vec<(&'static str, AttributeValue)>,
    /// What went wrong, where it is the host's or the guest's failure.
    pub error: Option<String>,
}

/// A line of the log.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub time: Timestamp,
    pub severity: &'static str,
    pub number: u8,
    /// The module of the host that logged it; empty for a line of a function.
    pub target: String,
    pub message: String,
    pub attributes: Vec<(String, String)>,
    pub context: Option<TraceContext>,
}

pub(crate) fn nanos(time: Timestamp) -> String {
    time.as_nanosecond().max(0).to_string()
}

fn text(value: &str) -> Value {
    let short: String = value.chars().take(MAX_VALUE).collect();
    json!({ "stringValue": short })
}

pub(crate) fn attribute(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": text(value) })
}

/// Who tells.
pub(crate) fn resource(config: &Config) -> Value {
    let mut attributes = vec![
        attribute("service.name", &config.service),
        attribute("service.version", env!("CARGO_PKG_VERSION")),
        attribute("telemetry.sdk.language", "rust"),
        attribute("telemetry.sdk.name", SCOPE),
    ];
    attributes.extend(
        config
            .resource
            .iter()
            .map(|(name, value)| attribute(name, value)),
    );
    json!({ "attributes": attributes })
}

fn scope() -> Value {
    json!({ "name": SCOPE, "version": env!("CARGO_PKG_VERSION") })
}

pub(crate) fn traces(resource: &Value, spans: &[Span]) -> Value {
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [{ "scope": scope(), "spans": spans }] }] })
}

fn span(span: &Span) -> Value {
    let attributes = span
        .attributes
        .iter()
        .map(|(name, value)| json!({ "key": name, "value": value.to_otlp() }));
    let mut json = json!({
        "traceId": hex::encode(span.context.trace),
        "spanId": hex::encode(span.context.span),
        "flags": u8::from(span.context.sampled),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": nanos(span.begin),
        "endTimeUnixNano": nanos(span.end),
        "attributes": attributes.collect::<Vec<_>>(),
        "status": match &span.error {
            Some(error) => json!({ "code": 2, "message": error.chars().take(MAX_VALUE).collect::<String>() }),
            None => json!({}),
        },
    });
    if let Some(parent) = span.parent {
        json["parentSpanId"] = hex::encode(parent.span).into();
    }
    json
}

pub(crate) fn logs(resource: &Value, lines: &[Line]) -> Value {
    let records: Vec<Value> = lines.iter().map(line).collect();
    json!({ "resourceLogs": [{ "resource": resource, "scopeLogs": [{ "scope": scope(), "logRecords": records }] }] })
}

fn line(line: &Line) -> Value {
    let target = (!line.target.is_empty()).then(|| attribute("log.target", &line.target));
    let mut attributes: Vec<Value> = target.into_iter().collect();
    attributes.extend(
        line.attributes
            .iter()
            .map(|(name, value)| attribute(name, value)),
    );
    let mut json = json!({
        "timeUnixNano": nanos(line.time),
        "observedTimeUnixNano": nanos(line.time),
        "severityNumber": line.number,
        "severityText": line.severity,
        // Cut where it was handed in: a line may be longer than an attribute.
        "body": json!({ "stringValue": line.message }),
        "attributes": attributes,
    });
    if let Some(context) = line.context {
        json["traceId"] = hex::encode(context.trace).into();
        json["spanId"] = hex::encode(context.span).into();
        json["flags"] = u8::from(context.sampled).into();
    }
    json
}

pub(crate) fn metrics(resource: &Value, metrics: Vec<Value>) -> Value {
    json!({ "resourceMetrics": [{ "resource": resource, "scopeMetrics": [{ "scope": scope(), "metrics": metrics }] }] })
}
