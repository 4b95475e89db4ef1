//! One span for each request, where a collector is told of them
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>).
//!
//! It has the template of the route and not the path, and no header, query or body: they hold what is nobody else's.

use axum::extract::MatchedPath;
use axum::middleware::Next;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use steward_telemetry::{AttributeValue, Kind, Notes, Span, Telemetry, TraceContext, note, within};

use crate::body::Reply;
use crate::invoke::Route;
use crate::request_id;

const ROUTE: &str = "http.route";
/// The template of the paths that go straight to a function.
const INVOKE: &str = "/f/{tenant}/{function}";
/// Looked for in every request: a name that is one already is not read again each time.
const TRACEPARENT: HeaderName = HeaderName::from_static(TraceContext::HEADER);
/// Belongs to `traceparent`, and means nothing without it.
const TRACESTATE: &str = "tracestate";

/// Answers as the work of a span, which is told once the head of the answer is there, or nobody waits for it any more.
pub(crate) async fn told<F>(
    telemetry: Telemetry,
    mut request: Request<Incoming>,
    answer: impl FnOnce(Request<Incoming>) -> F,
) -> Response<Reply>
where
    F: Future<Output = Response<Reply>>,
{
    let mut request_span = RequestSpan::begin(telemetry, &request);
    if request_span.parent.is_none() {
        request.headers_mut().remove(TRACESTATE);
    }
    let (response, notes) = within(request_span.context, answer(request)).await;
    request_span.notes = notes;
    request_span.answered = Some((response.status(), named(response.headers())));
    response
}

/// What the answer says that its request is called.
fn named(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(request_id::HEADER)?;
    Some(id.to_str().ok()?.to_owned())
}

/// Notes which route a request took.
pub(crate) async fn note_route(
    request: axum::extract::Request,
    next: Next,
) -> axum::response::Response {
    if let Some(route) = request.extensions().get::<MatchedPath>() {
        note(ROUTE, || route.as_str().to_owned());
    }
    next.run(request).await
}

/// Notes whose request it is, or whose function it calls.
pub(crate) fn note_tenant(tenant: &str) {
    note("steward.tenant", || tenant.to_owned());
}

/// Notes which function it calls.
pub(crate) fn note_function(function: &str) {
    note("steward.function", || function.to_owned());
}

/// The trace that a request says it belongs to, for the record of the call: kept without a collector, too.
pub(crate) fn given(headers: &HeaderMap) -> Option<TraceContext> {
    TraceContext::parse(traceparent(headers)?)
}

/// The span that what a request starts belongs to: that of the request itself, where a collector is told of it, else that of
/// its caller.
pub(crate) fn of_caller(headers: &HeaderMap) -> Option<TraceContext> {
    steward_telemetry::current().or_else(|| given(headers))
}

/// The header of a request, if it has one: two of them say nothing, as the standard has it.
fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    match (given.next(), given.next()) {
        (Some(one), None) => one.to_str().ok(),
        _ => None,
    }
}

/// A request in work. Told when it is dropped, so that one whose client has gone is told of too.
struct RequestSpan {
    telemetry: Telemetry,
    context: TraceContext,
    parent: Option<TraceContext>,
    begin: Timestamp,
    method: &'static str,
    /// Where it is known before anything is looked up.
    route: Option<&'static str>,
    notes: Notes,
    answered: Option<(StatusCode, Option<String>)>,
}

impl RequestSpan {
    fn begin<B>(telemetry: Telemetry, request: &Request<B>) -> Self {
        let (context, parent) = telemetry.begin(traceparent(request.headers()));
        Self {
            telemetry,
            context,
            parent,
            begin: Timestamp::now(),
            method: known(request.method()),
            route: Route::split(request.uri().path()).map(|_| INVOKE),
            notes: Notes::new(),
            answered: None,
        }
    }
}

/// The method, where it is one of HTTP: a client may send any word.
fn known(method: &Method) -> &'static str {
    let all = [
        ("GET", Method::GET),
        ("HEAD", Method::HEAD),
        ("POST", Method::POST),
        ("PUT", Method::PUT),
        ("DELETE", Method::DELETE),
        ("PATCH", Method::PATCH),
        ("OPTIONS", Method::OPTIONS),
        ("TRACE", Method::TRACE),
        ("CONNECT", Method::CONNECT),
    ];
    let found = all.into_iter().find(|(_, known)| known == method);
    found.map_or("_OTHER", |(name, _)| name)
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        if !self.context.is_sampled() {
            return;
        }
        let notes = std::mem::take(&mut self.notes);
        let noted = notes.iter().find(|(name, _)| *name == ROUTE);
        let route = self.route.or(noted.map(|(_, route)| route.as_str()));
        let verb = match self.method {
            "_OTHER" => "HTTP",
            method => method,
        };
        let name = match route {
            Some(route) => format!("{verb} {route}"),
            None => verb.to_owned(),
        };
        let mut attributes: Vec<(&'static str, AttributeValue)> =
            vec![("http.request.method", self.method.into())];
        if let Some(route) = self.route {
            attributes.push((ROUTE, route.into()));
        }
        let error = match self.answered.take() {
            Some((status, id)) => {
                let code = u64::from(status.as_u16());
                attributes.push(("http.response.status_code", code.into()));
                attributes.extend(id.map(|id| ("steward.request_id", id.into())));
                // What a client did wrong is no failure of the server.
                let failed = status.is_server_error();
                failed.then(|| status.as_u16().to_string())
            }
            None => {
                attributes.push(("error.type", "client-gone".into()));
                None
            }
        };
        if let Some(error) = &error {
            attributes.push(("error.type", error.as_str().into()));
        }
        attributes.extend(notes.into_iter().map(|(name, value)| (name, value.into())));
        self.telemetry.span(Span {
            context: self.context,
            parent: self.parent,
            name,
            kind: Kind::Server,
            begin: self.begin,
            end: Timestamp::now(),
            attributes,
            error,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_belongs_to_the_one_trace_that_it_names() {
        let header = http::HeaderValue::from_static(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        );
        let mut headers = HeaderMap::new();
        assert_eq!(given(&headers), None);
        headers.insert(TraceContext::HEADER, header.clone());
        let trace = given(&headers).map(|context| context.trace_id());
        assert_eq!(trace.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        headers.append(TraceContext::HEADER, header);
        assert_eq!(given(&headers), None);
    }

    #[test]
    fn a_method_that_is_none_is_no_word_of_a_span() {
        assert_eq!(known(&Method::PATCH), "PATCH");
        for word in ["SECRET", "get"] {
            assert_eq!(known(&word.parse().unwrap()), "_OTHER");
        }
    }
}
