//! Functions and steps, each in the version that the run has pinned.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use steward_functions::{Call, Function, FunctionsError, InvocationId, Whom, step};
use steward_registry::{RegistryError, TenantId};
use steward_runs::{Caller, FunctionPin};
use steward_telemetry::TraceContext;
use steward_workflow::{Error, ErrorKind};

use super::{OfRuns, unfit};

/// The largest answer of a function of the world `function`, in bytes.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// How often a call waits for its turn before it is the step's failure.
const MAX_TURNS: u32 = 20;
/// The longest wait for a turn.
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// How much of an answer that is no success is told, in characters.
const TOLD: usize = 500;

impl OfRuns {
    pub(super) async fn pin_function(
        &self,
        tenant: &TenantId,
        function: &str,
        at: Option<&str>,
    ) -> Result<FunctionPin, Error> {
        let version = self.functions.pin(tenant, function, at).await;
        let version = version.map_err(|error| raised(&error))?;
        Ok(FunctionPin {
            function: function.parse().map_err(unfit)?,
            version: version.version,
            digest: version.digest,
        })
    }

    /// Whether the version that is pinned has this export.
    pub(super) async fn check_export(
        &self,
        tenant: &TenantId,
        pin: &FunctionPin,
        export: &str,
    ) -> Result<(), Error> {
        let found = self
            .functions
            .pinned(tenant, &pin.function, &pin.version, &pin.digest)
            .await
            .map_err(|error| raised(&error))?;
        found.check_export(export).map_err(|error| raised(&error))
    }

    /// Calls a function with an input, and waits where too much is running.
    pub(super) async fn function(
        &self,
        caller: &Caller<'_>,
        pin: &FunctionPin,
        export: Option<&str>,
        input: &Value,
    ) -> Result<Value, Error> {
        let mut turn = 0;
        loop {
            let called = self.try_function(caller, pin, export, input).await;
            match called {
                Ok(value) => return value,
                Err(FunctionsError::Busy { retry_after }) if turn < MAX_TURNS => {
                    turn += 1;
                    let pause = retry_after.clamp(Duration::from_millis(50), MAX_PAUSE);
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(raised(&error)),
            }
        }
    }

    async fn try_function(
        &self,
        caller: &Caller<'_>,
        pin: &FunctionPin,
        export: Option<&str>,
        input: &Value,
    ) -> Result<Result<Value, Error>, FunctionsError> {
        let function = self
            .functions
            .pinned(caller.tenant, &pin.function, &pin.version, &pin.digest)
            .await?;
        let run = caller.run.to_string();
        let headers = step::context(&run, caller.step, caller.idempotency_key, caller.attempt);
        let call = Call {
            id: InvocationId::new(),
            whom: Whom {
                key: None,
                headers: Some(&headers),
            },
            trace: Some(caller.span),
        };
        if function.is_typed() {
            let body = function.body_of(input.to_string().as_bytes());
            let answered = function.call_as(call, export, input.clone(), body).await?;
            return Ok(Ok(answered.value));
        }
        let sent = with_span(headers.clone(), caller.span);
        over_http(&function, call, &sent, export, input).await
    }
}

/// The header fields with the span of the attempt.
fn with_span(mut headers: HeaderMap, span: TraceContext) -> HeaderMap {
    if let Ok(value) = HeaderValue::try_from(span.to_string()) {
        headers.insert(TraceContext::HEADER, value);
    }
    headers
}

/// A function of the world `function`: POST with the input as JSON, to the path that the export is. Its answer is JSON, or text.
async fn over_http(
    function: &Function,
    call: Call<'_>,
    headers: &HeaderMap,
    export: Option<&str>,
    input: &Value,
) -> Result<Result<Value, Error>, FunctionsError> {
    let broken = |why: String| Error::new(ErrorKind::Communication, why);
    let body = Bytes::from(input.to_string());
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/{}", export.unwrap_or_default()))
        .header(HOST, "steward")
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_LENGTH, body.len())
        .body(Full::new(body));
    let mut request = match request {
        Ok(request) => request,
        Err(error) => return Ok(Err(broken(error.to_string()))),
    };
    request.headers_mut().extend(headers.clone());
    let answer = function.handle(call, request).await?;
    let (head, mut body) = answer.into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Ok(Err(broken(format!("its answer broke off: {error}")))),
        };
        bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
        if bytes.len() > MAX_ANSWER_BYTES {
            return Ok(Err(broken(format!(
                "its answer has more than {MAX_ANSWER_BYTES} bytes"
            ))));
        }
    }
    if !head.status.is_success() {
        let text: String = String::from_utf8_lossy(&bytes)
            .trim()
            .chars()
            .take(TOLD)
            .collect();
        let status = head.status.as_u16();
        let why = format!("the function answered with the status {status}: {text}");
        return Ok(Err(broken(why).with_status(status)));
    }
    if bytes.is_empty() {
        return Ok(Ok(Value::Null));
    }
    let read = serde_json::from_slice(&bytes);
    Ok(Ok(read.unwrap_or_else(|_| {
        Value::String(String::from_utf8_lossy(&bytes).into_owned())
    })))
}

/// The error that a step raises where a function fails.
pub(super) fn raised(error: &FunctionsError) -> Error {
    let kind = match error {
        FunctionsError::UnknownTenant { .. }
        | FunctionsError::UnknownFunction { .. }
        | FunctionsError::UnknownExport { .. }
        | FunctionsError::NotReady { .. }
        | FunctionsError::InvalidSpec(_)
        | FunctionsError::Grant(_)
        | FunctionsError::WrongFace(_)
        | FunctionsError::Registry(RegistryError::NotFound { .. }) => ErrorKind::Configuration,
        FunctionsError::InvalidInput { .. } | FunctionsError::Unfaithful { .. } => {
            ErrorKind::Validation
        }
        FunctionsError::Guest { case, .. } => match case.as_str() {
            "invalid-input" => ErrorKind::Validation,
            "invalid-config" => ErrorKind::Configuration,
            "unavailable" => ErrorKind::Communication,
            _ => ErrorKind::Runtime,
        },
        FunctionsError::Retryable { .. } | FunctionsError::Busy { .. } => ErrorKind::Communication,
        _ => ErrorKind::Runtime,
    };
    let status = match error {
        FunctionsError::Retryable { .. }
        | FunctionsError::Busy { .. }
        | FunctionsError::Registry(RegistryError::Database(_)) => 503,
        _ => kind.status(),
    };
    Error::new(kind, error.to_string()).with_status(status)
}
