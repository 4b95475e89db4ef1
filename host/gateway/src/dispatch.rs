//! One request: named, bounded, answered, counted.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use futures::FutureExt as _;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use steward_registry::events::MAX_EVENT_BYTES;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use crate::body::{BoundedBody, BoxError, Reply};
use crate::config::Limits;
use crate::gateway::{Gateway, Shared};
use crate::invoke::{PREFIX, invoke};
use crate::metrics::Class;
use crate::problem::{Problem, codes};
use crate::protocols;
use crate::{api, audit, request_id, spans};

/// What one connection needs for each of its requests.
#[derive(Clone)]
pub(crate) struct Dispatch {
    gateway: Shared,
    router: Router,
}

impl Dispatch {
    pub fn new(gateway: Shared) -> Self {
        // Bodies are bounded here, before axum sees them, and by one rule for every route.
        let router = api::routes()
            .split_for_parts()
            .0
            .method_not_allowed_fallback(api::method_not_allowed)
            .layer(DefaultBodyLimit::disable())
            .layer(from_fn_with_state(gateway.clone(), audit::trail))
            .with_state(gateway.clone())
            .merge(protocols::routes(&gateway));
        let router = match gateway.telemetry {
            Some(_) => router.layer(from_fn(spans::note_route)),
            None => router,
        };
        Self { gateway, router }
    }

    /// Answers; there is no request without an answer.
    pub async fn answer(self, request: Request<Incoming>) -> Result<Response<Reply>, Infallible> {
        Ok(match self.gateway.telemetry.clone() {
            None => self.respond(request).await,
            // Boxed: who is not told about costs nothing, and that is to hold for the memory of a connection too.
            Some(telemetry) => Box::pin(spans::told(telemetry, request, |r| self.respond(r))).await,
        })
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Reply> {
        let gateway = &*self.gateway;
        let begin = Instant::now();
        let _running = gateway.metrics.request();
        let class = Class::of(request.uri().path());
        let id = request_id::of(request.headers());

        let mut response = match head_fits(request.headers(), &gateway.config.limits) {
            Err(problem) => problem.into_reply(),
            Ok(()) if request.uri().path().starts_with(PREFIX) => {
                // Off unless somebody looks for it: a span at `info` would cost more than the rest.
                let span = tracing::debug_span!("invoke", method = %request.method(), path = request.uri().path(), request = ?id);
                let answer = AssertUnwindSafe(invoke(gateway, request))
                    .catch_unwind()
                    .instrument(span)
                    .await;
                settle(answer)
            }
            Ok(()) => {
                let span = tracing::info_span!(
                    "request",
                    method = %request.method(),
                    path = request.uri().path(),
                    id = ?id,
                    tenant = tracing::field::Empty,
                    principal = tracing::field::Empty,
                );
                // Boxed: the future of the router is large, and every connection would carry it.
                let answer = Box::pin(route(gateway, &self.router, request));
                settle(
                    AssertUnwindSafe(answer)
                        .catch_unwind()
                        .instrument(span)
                        .await,
                )
            }
        };
        response.headers_mut().insert(request_id::HEADER, id);
        gateway
            .metrics
            .answered(class, response.status(), begin.elapsed());
        response
    }
}

/// What the router answers, within the limits of the path.
async fn route(
    gateway: &Gateway,
    router: &Router,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Problem> {
    let limits = &gateway.config.limits;
    let (max_bytes, time) = match (request.method().as_str(), request.uri().path()) {
        ("POST", api::plugins::PATH | api::plugins::CHECK_PATH) => {
            (limits.max_upload_bytes, limits.upload_timeout)
        }
        ("POST", api::models::PATH) => (limits.max_model_bytes, limits.upload_timeout),
        ("POST", api::tables::PATH | api::tables::LINK_PATH) => {
            (limits.max_upload_bytes, limits.upload_timeout)
        }
        (_, path) if path.starts_with(api::hooks::PREFIX) => (
            limits.max_body_bytes.min(MAX_EVENT_BYTES),
            limits.request_timeout,
        ),
        (method, path) if api::datasets::takes_rows(method, path) => {
            (limits.max_dataset_bytes, limits.upload_timeout)
        }
        (method, path) if api::datasets::takes_its_time(method, path) => {
            (limits.max_body_bytes, limits.upload_timeout)
        }
        (method, path) if api::labelling::takes_its_time(method, path) => {
            (limits.max_upload_bytes, limits.upload_timeout)
        }
        (method, path) if api::feedback::takes_its_time(method, path) => {
            (limits.max_upload_bytes, limits.upload_timeout)
        }
        (method, path) if api::models::has_rows(method, path) => {
            (limits.max_upload_bytes, limits.upload_timeout)
        }
        (method, path) if api::models::takes_its_time(method, path) => {
            (limits.max_body_bytes, limits.upload_timeout)
        }
        _ => (limits.max_body_bytes, limits.request_timeout),
    };
    let (head, body) = request.into_parts();
    let body = BoundedBody::new(body, max_bytes, limits.body_timeout)?;
    let request = Request::from_parts(head, Body::new(body));
    let answer = tokio::time::timeout(time, router.clone().oneshot(request)).await;
    match answer {
        Ok(Ok(response)) => Ok(response.map(|body| body.map_err(BoxError::from).boxed_unsync())),
        Ok(Err(never)) => match never {},
        Err(_) => Err(Problem::new(
            &codes::DEADLINE_EXCEEDED,
            format!(
                "the request was not done within {} seconds",
                time.as_secs_f32()
            ),
        )),
    }
}

/// A panic is this request's failure and nobody else's.
fn settle(
    answer: Result<Result<Response<Reply>, Problem>, Box<dyn Any + Send>>,
) -> Response<Reply> {
    match answer {
        Ok(Ok(response)) => response,
        Ok(Err(problem)) => problem.into_reply(),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no text");
            tracing::error!(panic = text, "a request panicked");
            Problem::new(&codes::INTERNAL, "the log of the host says why").into_reply()
        }
    }
}

/// Whether the header fields are within the limits. hyper has a wider bound of its own, beyond
/// which it answers a 431 without a body.
fn head_fits(headers: &HeaderMap, limits: &Limits) -> Result<(), Problem> {
    if headers.len() > limits.max_header_count {
        return Err(Problem::new(
            &codes::HEADERS_TOO_LARGE,
            format!(
                "{} header fields; at most {} are accepted",
                headers.len(),
                limits.max_header_count
            ),
        ));
    }
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > limits.max_header_bytes {
        return Err(Problem::new(
            &codes::HEADERS_TOO_LARGE,
            format!(
                "{bytes} bytes of header fields; at most {} are accepted",
                limits.max_header_bytes
            ),
        ));
    }
    Ok(())
}
