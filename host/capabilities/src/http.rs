//! Outgoing `wasi:http`, 0.2 and 0.3: requests to the origins that the tenant granted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use http_body_util::BodyExt;
use steward_egress::{Destination, Egress, EgressError, Request, Timeouts};
use steward_registry::{Origin, Permission, TenantId};
use steward_telemetry::TraceContext;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::log::Writer;
use crate::{Authorized, GuestState, InvocationId};

/// What becomes of the processing of an answer: nothing that this host waits for.
type Processed = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Processed), Error>;

/// Requests of one instance.
pub(crate) struct Outgoing {
    egress: Option<Egress>,
    tenant: TenantId,
    authorized: Arc<Authorized>,
    log: Writer,
    deadline: Instant,
    /// Requests that are not counted as host calls yet.
    uncounted: u32,
    /// Whether the instance has used up its host calls.
    exhausted: bool,
}

impl Outgoing {
    pub(crate) fn new(
        egress: Option<Egress>,
        tenant: &TenantId,
        authorized: &Arc<Authorized>,
        log: Writer,
        deadline: Instant,
    ) -> Self {
        Self {
            egress,
            tenant: tenant.clone(),
            authorized: authorized.clone(),
            log,
            deadline,
            uncounted: 0,
            exhausted: false,
        }
    }

    /// Begins a call in an instance that was made before its request came.
    pub(crate) fn begin(&mut self, invocation: InvocationId, deadline: Instant) {
        self.log.set_invocation(invocation);
        self.deadline = deadline;
        self.uncounted = 0;
        self.exhausted = false;
    }

    /// Where the request may go, held against what manifest and tenant agree on.
    fn checked(&self, uri: &http::Uri) -> Result<(Egress, Destination), Error> {
        let destination = Destination::of(uri).map_err(|error| {
            if let Some(egress) = &self.egress {
                egress.not_sent(&error);
            }
            told(&self.log, "a request", error)
        })?;
        let Ok(origin) = Origin::new(
            destination.tls(),
            destination.host(),
            Some(destination.port()),
        ) else {
            return Err(Error::HttpRequestUriInvalid);
        };
        let permitted = self.authorized.permitted.check(&Permission::Http(origin));
        if let Err(denial) = permitted {
            self.refused(&destination, denial.to_string());
            if let Some(egress) = &self.egress {
                egress.denied();
            }
            return Err(Error::HttpRequestDenied);
        }
        match &self.egress {
            Some(egress) => Ok((egress.clone(), destination)),
            None => {
                self.refused(
                    &destination,
                    "this host sends no requests of functions".into(),
                );
                Err(Error::HttpRequestDenied)
            }
        }
    }

    /// Answers with an error. The body is read to its end all the same: a guest that still writes it would be told of a
    /// closed stream first, and not of the reason.
    fn refuse(
        &self,
        request: http::Request<WasiBody>,
        error: Error,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let deadline = self.deadline;
        Box::new(async move {
            let mut body = request.into_body();
            tokio::spawn(async move {
                let read = async { while let Some(Ok(_)) = body.frame().await {} };
                // Beyond the deadline there is no guest that could write.
                let _ = tokio::time::timeout_at(deadline.into(), read).await;
            });
            Err(error)
        })
    }

    fn refused(&self, destination: &Destination, why: String) {
        let fields = BTreeMap::from([
            ("problem".to_owned(), "request-denied".to_owned()),
            ("origin".to_owned(), destination.to_string()),
        ]);
        self.log.write("warn", why, fields);
    }
}

impl GuestState {
    /// Counts the requests that were sent since the last look. They are made where the guardian is out of reach; one that
    /// is over the limit fails, and the next counted host call ends the call.
    pub(crate) fn count_requests(&mut self) {
        for _ in 0..std::mem::take(&mut self.outgoing.uncounted) {
            if self.count_host_call().is_err() {
                self.outgoing.exhausted = true;
            }
        }
        self.outgoing.exhausted |= self.guardian.exceeded().is_some();
    }
}

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        self.uncounted = self.uncounted.saturating_add(1);
        if self.exhausted {
            let why = "more host calls than one invocation may make".to_owned();
            return self.refuse(request, Error::InternalError(Some(why)));
        }
        let (egress, destination) = match self.checked(request.uri()) {
            Ok(checked) => checked,
            Err(error) => return self.refuse(request, error),
        };
        pass_on_trace(request.headers_mut());
        let allowed = egress.timeouts();
        let options = options.unwrap_or_default();
        let timeouts = Timeouts {
            connect: options.connect_timeout.unwrap_or(allowed.connect),
            first_byte: options.first_byte_timeout.unwrap_or(allowed.first_byte),
            between_bytes: options
                .between_bytes_timeout
                .unwrap_or(allowed.between_bytes),
        };
        let (tenant, turns, log) = (
            self.tenant.clone(),
            self.authorized.turns.clone(),
            self.log.clone(),
        );
        let deadline = self.deadline;
        Box::new(async move {
            let shown = destination.to_string();
            let request = Request {
                tenant: tenant.as_str(),
                destination,
                request,
                turns: &turns,
                timeouts,
                deadline,
            };
            match egress.send(request).await {
                Ok(response) => {
                    let body =
                        |body: steward_egress::ResponseBody| body.map_err(code).boxed_unsync();
                    let done: Processed = Box::new(async { Ok(()) });
                    Ok((response.map(body), done))
                }
                Err(error) => Err(told(&log, &shown, error)),
            }
        })
    }
}

/// What the service does is part of the trace of the call, unless the guest says itself of which span it is.
fn pass_on_trace(headers: &mut http::HeaderMap) {
    let Some(context) = steward_telemetry::current() else {
        return;
    };
    if let Ok(value) = http::HeaderValue::try_from(context.to_string()) {
        headers.entry(TraceContext::HEADER).or_insert(value);
    }
}

/// Writes why a request failed into the log of the function, and returns what the guest is told.
fn told(log: &Writer, what: &str, error: EgressError) -> Error {
    let next = match &error {
        EgressError::Blocked { .. } => {
            "; an operator can open the addresses of services inside with `steward serve --egress-allow`"
        }
        _ => "",
    };
    let fields = BTreeMap::from([("problem".to_owned(), "request-failed".to_owned())]);
    log.write("warn", format!("{what}: {error}{next}"), fields);
    code(error)
}

fn code(error: EgressError) -> Error {
    match error {
        EgressError::InvalidUri(_) => Error::HttpRequestUriInvalid,
        EgressError::InvalidMethod => Error::HttpRequestMethodInvalid,
        EgressError::InvalidLength | EgressError::RequestBody => Error::HttpRequestBodySize(None),
        EgressError::RequestHeadTooLarge(_) => Error::HttpRequestHeaderSectionSize(None),
        EgressError::Blocked { .. } => Error::DestinationIpProhibited,
        EgressError::NoSuchHost => Error::DnsError {
            rcode: Some("the name has no address".into()),
            info_code: None,
        },
        EgressError::Connect(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Error::ConnectionRefused
        }
        EgressError::Connect(_) => Error::DestinationUnavailable,
        EgressError::Tls(_) => Error::TlsProtocolError,
        EgressError::ConnectTimeout => Error::ConnectionTimeout,
        EgressError::FirstByteTimeout | EgressError::Deadline => Error::HttpResponseTimeout,
        EgressError::BetweenBytesTimeout => Error::ConnectionReadTimeout,
        EgressError::TooMany => Error::ConnectionLimitReached,
        EgressError::ResponseHeadTooLarge => Error::HttpResponseHeaderSectionSize(None),
        EgressError::Incomplete => Error::HttpResponseIncomplete,
        _ => Error::HttpProtocolError,
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn the_trace_goes_along_unless_the_guest_has_its_own() {
        let mut headers = http::HeaderMap::new();
        pass_on_trace(&mut headers);
        assert!(headers.is_empty(), "nobody is told of anything");
        let context = TraceContext::begin(true);
        let passed = async { pass_on_trace(&mut headers) };
        steward_telemetry::under(context, passed)
            .now_or_never()
            .unwrap();
        assert_eq!(headers["traceparent"], context.to_string());
        let passed = async { pass_on_trace(&mut headers) };
        steward_telemetry::under(context.child(), passed)
            .now_or_never()
            .unwrap();
        assert_eq!(headers["traceparent"], context.to_string());
    }
}
