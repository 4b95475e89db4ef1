//! Requests of workflows: only where the tenant lets the workflow go, with the secrets that it lets it have.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use steward_egress::{Destination, EgressError};
use steward_functions::step;
use steward_registry::permissions::Origin;
use steward_registry::{Name, Permission, TenantId};
use steward_runs::Caller;
use steward_secrets::SecretsError;
use steward_telemetry::TraceContext;
use steward_workflow::{
    Authentication, Error, ErrorKind, HttpCall, OpenApiCall, http as answers, openapi,
};

use super::{OfRuns, unfit};

/// The longest time of one request; a step that may take less has a timeout of its own.
const DEADLINE: Duration = Duration::from_secs(300);
/// The largest body of an answer, in bytes.
const MAX_ANSWER_BYTES: usize = 3 << 20;
/// The header field that is the same for every try of the step.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static(step::IDEMPOTENCY_KEY);

impl OfRuns {
    /// Sends a request; its result is what the definition asks for of the answer.
    pub(super) async fn request(
        &self,
        caller: &Caller<'_>,
        call: &HttpCall,
    ) -> Result<Value, Error> {
        let secrets = self.secrets_of(caller).await?;
        let sent = call.with_secrets(caller.mark, |name| secrets.get(name).cloned())?;
        let answer = self.send(caller, &sent).await?;
        // What the task is told of its request is the request without secrets.
        answers::output(call, &answer.told())
    }

    /// Calls an operation of an OpenAPI document, which is fetched first.
    pub(super) async fn operation(
        &self,
        caller: &Caller<'_>,
        call: &OpenApiCall,
    ) -> Result<Value, Error> {
        let secrets = self.secrets_of(caller).await?;
        let secret = |name: &str| secrets.get(name).cloned();
        let document = call.document_request(caller.mark, secret)?;
        let answer = self.send(caller, &document).await?;
        // What is no success is the error of the step.
        answers::output(&document, &answer.told())?;
        let request = openapi::resolve(call, &openapi::document(&answer.body)?)?;
        self.request(caller, &request).await
    }

    /// The secrets that the workflow may have.
    async fn secrets_of(&self, caller: &Caller<'_>) -> Result<HashMap<String, String>, Error> {
        let mut secrets = HashMap::new();
        for name in &caller.grants.secrets {
            if let Some(value) = self.secret(caller.tenant, name).await? {
                secrets.insert(name.to_string(), value);
            }
        }
        Ok(secrets)
    }

    async fn secret(&self, tenant: &TenantId, name: &Name) -> Result<Option<String>, Error> {
        let secret = self.secrets.text(tenant, name).await;
        secret.map_err(|error| match error {
            SecretsError::Invalid(_) => unfit(error),
            error => Error::new(ErrorKind::Runtime, error.to_string()),
        })
    }

    /// Sends a request that has its secrets.
    async fn send(&self, caller: &Caller<'_>, call: &HttpCall) -> Result<Answered, Error> {
        let uri = address(call)?;
        let destination = Destination::of(&uri).map_err(unfit)?;
        let origin = Origin::new(
            destination.tls(),
            destination.host(),
            Some(destination.port()),
        )
        .map_err(unfit)?;
        let wanted = Permission::Http(origin);
        if !caller.grants.cover(&wanted) {
            return Err(Error::new(
                ErrorKind::Authorization,
                format!(
                    "the workflow may not send requests to `{destination}`; apply it with `{}`",
                    wanted.grant_option()
                ),
            ));
        }
        let request = head_and_body(call, uri, caller.idempotency_key, caller.span)?;
        let shown = destination.to_string();
        let failed = |error: EgressError| failure(&shown, &error);
        let sent = self.egress.send(steward_egress::Request {
            tenant: caller.tenant.as_str(),
            destination,
            request,
            turns: &self.turns,
            timeouts: self.egress.timeouts(),
            deadline: Instant::now() + DEADLINE,
        });
        let (head, mut body) = sent.await.map_err(failed)?.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.map_err(failed)?.into_data().unwrap_or_default();
            bytes.extend_from_slice(&data);
            if bytes.len() > MAX_ANSWER_BYTES {
                return Err(Error::new(
                    ErrorKind::Communication,
                    format!("the answer of {shown} has more than {MAX_ANSWER_BYTES} bytes"),
                ));
            }
        }
        let headers = head.headers.iter().filter_map(|(name, value)| {
            let value = value.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        Ok(Answered {
            status: head.status.as_u16(),
            headers: headers.collect(),
            body: bytes,
        })
    }
}

/// An answer that was read to its end.
struct Answered {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answered {
    fn told(&self) -> answers::Answer<'_> {
        answers::Answer {
            status: self.status,
            headers: &self.headers,
            body: &self.body,
        }
    }
}

/// The URI with the query that the definition adds.
fn address(call: &HttpCall) -> Result<Uri, Error> {
    // It may hold a secret: it is not repeated.
    let uri = call.full_uri().parse();
    uri.map_err(|_| unfit("the address of the request is no URI"))
}

fn head_and_body(
    call: &HttpCall,
    uri: Uri,
    idempotency_key: &str,
    span: TraceContext,
) -> Result<Request<Full<Bytes>>, Error> {
    let wrong = |what: &str| unfit(format!("the {what} of the request cannot be sent"));
    let method: Method = call.method.parse().map_err(|_| wrong("method"))?;
    let body = call.body_bytes();
    let bytes = body.as_ref().map(|(bytes, _)| Bytes::from(bytes.clone()));
    let mut request = Request::new(Full::new(bytes.clone().unwrap_or_default()));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    for (name, value) in &call.headers {
        let name: HeaderName = name.parse().map_err(|_| wrong("header fields"))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| wrong("header fields"))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    if let Some((_, Some(kind))) = body {
        let kind = HeaderValue::from_static(kind);
        headers.entry(CONTENT_TYPE).or_insert(kind);
    }
    if let Some(bytes) = bytes {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    let key = HeaderValue::try_from(idempotency_key).map_err(|_| wrong("idempotency key"))?;
    headers.entry(IDEMPOTENCY_KEY).or_insert(key);
    let span = HeaderValue::try_from(span.to_string()).map_err(|_| wrong("span"))?;
    headers.entry(TraceContext::HEADER).or_insert(span);
    let credentials = match &call.authentication {
        None => None,
        Some(Authentication::Basic { username, password }) => Some(format!(
            "Basic {}",
            STANDARD.encode(format!("{username}:{password}"))
        )),
        Some(Authentication::Bearer { token }) => Some(format!("Bearer {token}")),
        // Their secrets were put in their places before.
        Some(_) => return Err(wrong("authentication")),
    };
    if let Some(credentials) = credentials {
        let mut value = HeaderValue::try_from(credentials).map_err(|_| wrong("authentication"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(request)
}

/// The error that a step raises where a request has no answer.
fn failure(destination: &str, error: &EgressError) -> Error {
    let kind = match error {
        EgressError::Deadline
        | EgressError::ConnectTimeout
        | EgressError::FirstByteTimeout
        | EgressError::BetweenBytesTimeout => ErrorKind::Timeout,
        EgressError::Blocked { .. } => ErrorKind::Authorization,
        EgressError::InvalidUri(_)
        | EgressError::InvalidMethod
        | EgressError::InvalidLength
        | EgressError::RequestHeadTooLarge(_) => ErrorKind::Configuration,
        _ => ErrorKind::Communication,
    };
    let next = match error {
        EgressError::Blocked { .. } => {
            "; an operator can open the addresses of services inside with `steward serve --egress-allow`"
        }
        _ => "",
    };
    Error::new(kind, format!("{destination}: {error}{next}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(value: Value) -> HttpCall {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_query_is_escaped_and_added() {
        let given = call(json!({
            "method": "GET", "uri": "https://api.example/x?a=1", "query": {"q": "好 &=?", "z": "1"}
        }));
        let uri = address(&given).unwrap().to_string();
        assert_eq!(uri, "https://api.example/x?a=1&q=%E5%A5%BD%20%26%3D%3F&z=1");
        let broken = call(json!({"method": "GET", "uri": "https://api.example/a b secret"}));
        let error = address(&broken).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn every_request_carries_the_key_and_the_span_of_its_step() {
        let span = TraceContext::begin(true);
        let given = call(json!({
            "method": "POST", "uri": "https://api.example/", "body": {"好": 1},
            "authentication": {"bearer": {"token": "t"}}
        }));
        let request = head_and_body(&given, address(&given).unwrap(), "k1", span).unwrap();
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("idempotency-key"), "k1");
        assert_eq!(header("traceparent"), span.to_string());
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(header("authorization"), "Bearer t");
        assert!(!format!("{request:?}").contains("Bearer t"));
        // Unless the definition says what the other side knows it by.
        let own = call(json!({
            "method": "POST", "uri": "https://api.example/", "headers": {"idempotency-key": "own", "TraceParent": "theirs"}
        }));
        let request = head_and_body(&own, address(&own).unwrap(), "k1", span).unwrap();
        assert_eq!(request.headers()["idempotency-key"], "own");
        assert_eq!(request.headers()["traceparent"], "theirs");
        let unfit = call(json!({
            "method": "GET", "uri": "https://api.example/", "headers": {"x": "a\r\nb: c"}
        }));
        assert!(head_and_body(&unfit, address(&unfit).unwrap(), "k1", span).is_err());
    }
}
