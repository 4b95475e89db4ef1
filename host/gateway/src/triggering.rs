//! Brings events to functions: what triggers run is called here, and their secrets are looked up.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderValue};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use steward_functions::{Call, Function, Functions, FunctionsError, step};
use steward_registry::events::{Event, Trigger};
use steward_registry::{Name, TenantId};
use steward_runs::trace_of_event;
use steward_secrets::Vault;
use steward_telemetry::TraceContext;
use steward_triggers::cloudevents::to_binary;
use steward_triggers::deliver::{ATTEMPT, Deliver, MAX_PAUSE, TRIGGER, Undelivered};
use steward_triggers::{SecretError, Secrets};

/// How much of the answer to an event is read, in bytes. Nobody wants it but whoever asks why it failed.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// How much of an answer that is no success is kept as the reason, in bytes.
const REASON_BYTES: usize = 1000;

/// Calls functions: POST with the event in the binary mode of the HTTP binding. Every status from 200 to 299 is a success.
pub struct ToFunctions(pub Functions);

#[async_trait]
impl Deliver for ToFunctions {
    async fn deliver(
        &self,
        trigger: &Trigger,
        event: &Event,
        attempt: u32,
    ) -> Result<(), Undelivered> {
        let failed = |reason: String| Undelivered::Failed(reason);
        let Some(name) = &trigger.spec.function else {
            return Err(Undelivered::Refused("the trigger names no function".into()));
        };
        let function = self
            .0
            .find(trigger.tenant.as_str(), name.as_str())
            .map_err(|e| failed(e.to_string()))?;
        let above = trace_of_event(&event.event);
        if function.step().is_some() {
            let run = run_step(&function, trigger, event, attempt);
            return below(above, run).await;
        }
        let request = request(trigger, event, attempt).map_err(|e| failed(e.to_string()))?;
        let call = Call {
            trace: above,
            ..Call::new()
        };
        let answer =
            below(above, function.handle(call, request))
                .await
                .map_err(|error| match error {
                    FunctionsError::Busy { retry_after } => Undelivered::Busy {
                        reason: error.to_string(),
                        retry_after,
                    },
                    other => failed(other.to_string()),
                })?;
        let (head, mut body) = answer.into_parts();
        let mut begin = Vec::new();
        let mut read = 0;
        // To its end: what fails behind the head of the answer has failed.
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| failed(format!("its answer broke off: {e}")))?;
            let data = frame.into_data().unwrap_or_default();
            read += data.len();
            if read > MAX_ANSWER_BYTES {
                return Err(failed(format!(
                    "its answer has more than {MAX_ANSWER_BYTES} bytes"
                )));
            }
            let room = REASON_BYTES - begin.len().min(REASON_BYTES);
            begin.extend_from_slice(&data[..data.len().min(room)]);
        }
        if head.status.is_success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&begin);
        Err(failed(match text.trim() {
            "" => format!("it answered with the status {}", head.status),
            text => format!("it answered with the status {}: {text}", head.status),
        }))
    }
}

/// Does something as the work of the span that an event comes from, where it names one.
async fn below<F: Future>(above: Option<TraceContext>, work: F) -> F::Output {
    match above {
        Some(above) => steward_telemetry::under(above, work).await,
        None => work.await,
    }
}

/// Runs a step with the data of the event as its payload. The same event is the same run, whatever the attempt.
async fn run_step(
    function: &Function,
    trigger: &Trigger,
    event: &Event,
    attempt: u32,
) -> Result<(), Undelivered> {
    let data = event.event.data.as_deref().unwrap_or(b"null");
    let payload = serde_json::from_slice(data).map_err(|e| {
        Undelivered::Refused(format!(
            "the data of the event is no JSON, which the payload of a step is: {e}"
        ))
    })?;
    let key = format!("{}-{}", trigger.name, event.seq);
    let headers = step::context(&key, trigger.name.as_str(), &key, attempt);
    let mut call = Call::new();
    call.whom.headers = Some(&headers);
    call.trace = trace_of_event(&event.event);
    let body = function.body_of(data);
    let answer = function.call_as(call, None, payload, body).await;
    answer.map(drop).map_err(|error| match error {
        FunctionsError::Busy { retry_after } => Undelivered::Busy {
            reason: error.to_string(),
            retry_after,
        },
        FunctionsError::Retryable {
            message,
            retry_after: Some(pause),
        } => Undelivered::NotBefore {
            reason: message,
            pause: pause.min(MAX_PAUSE),
        },
        // The same payload would be refused again.
        FunctionsError::InvalidInput { .. } => Undelivered::Refused(error.to_string()),
        other => Undelivered::Failed(other.to_string()),
    })
}

fn request(trigger: &Trigger, event: &Event, attempt: u32) -> http::Result<Request<Full<Bytes>>> {
    let (headers, body) = to_binary(event);
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(trigger.spec.path.as_str())
        .header(HOST, "steward")
        .header(CONTENT_LENGTH, body.len())
        .header(TRIGGER, trigger.name.as_str())
        .header(ATTEMPT, HeaderValue::from(attempt))
        .body(Full::new(body))?;
    request.headers_mut().extend(headers);
    if let Some(span) = trace_of_event(&event.event)
        && let Ok(value) = HeaderValue::try_from(span.to_string())
    {
        request.headers_mut().insert(TraceContext::HEADER, value);
    }
    Ok(request)
}

/// The secrets of tenants, as `steward secret set` sets them.
pub struct TenantSecrets(pub Vault);

#[async_trait]
impl Secrets for TenantSecrets {
    async fn get(&self, tenant: &TenantId, name: &Name) -> Result<Option<String>, SecretError> {
        let secret = self.0.text(tenant, name).await;
        secret.map_err(|error| SecretError(error.to_string()))
    }
}
