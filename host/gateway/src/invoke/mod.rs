//! The hot path: from a request's head to the function it names.
//!
//! Nothing here asks the database, takes a lock or looks up a label, except for a bearer token. A request costs one look-up of
//! its key, one of its function, and what the function does.

mod http_function;
mod route;
mod routed;
mod typed;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap};
use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use steward_functions::{Call, InvocationId, Whom};
use steward_registry::{Action, AuditDraft};

use crate::auth::{Known, Thing, permit};
use crate::body::{BoundedBody, Reply};
use crate::gateway::Gateway;
use crate::problem::{Problem, codes};
use crate::{spans, sticky};
pub(crate) use route::{PREFIX, Route};

/// The header of an answer that names the call, for its log and its record.
const HEADER: HeaderName = HeaderName::from_static("steward-invocation-id");

/// Answers a request whose path begins with [`PREFIX`].
pub(crate) async fn invoke(
    gateway: &Gateway,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Problem> {
    let path = request.uri().path();
    let route = Route::split(path).ok_or_else(no_function)?;
    // Only where the function has routes: the others answer to every path and method, with a key.
    if let Some(routes) = gateway.triggers.routes(route.tenant, route.function) {
        return routed::invoke(gateway, &routes, request).await;
    }
    let known = authorize(gateway, &request, route).await?;
    call(gateway, request, Some(&known)).await
}

/// Calls the function that a request names; who asks is settled. `caller` is whose key let the request in, if it was a key.
async fn call(
    gateway: &Gateway,
    request: Request<Incoming>,
    caller: Option<&Known>,
) -> Result<Response<Reply>, Problem> {
    let path = request.uri().path();
    let route = Route::split(path).ok_or_else(no_function)?;
    let function = gateway.functions.find(route.tenant, route.function)?;
    // Now that they name something: before, they are whatever a client wrote.
    if gateway.telemetry.is_some() {
        spans::note_tenant(route.tenant);
        spans::note_function(route.function);
    }
    if let Some(known) = caller {
        known.tenant_state.call()?;
    }
    let rest = path.len() - route.rest.len();
    let limits = &gateway.config.limits;
    let id = InvocationId::new();
    let key = sticky::in_headers(request.headers());
    let call = Call {
        id,
        whom: Whom {
            key: key.as_deref().or(caller.map(|caller| caller.id.as_str())),
            headers: None,
        },
        trace: spans::given(request.headers()),
    };
    let answer = if function.is_typed() {
        typed::call(gateway, &function, call, request, rest).await
    } else {
        let (mut head, body) = request.into_parts();
        // The key opens the whole tenant: it is for the gateway and never for a guest.
        if caller.is_some() || holds_key(&head.headers) {
            head.headers.remove(AUTHORIZATION);
        }
        match BoundedBody::new(body, limits.max_body_bytes, limits.body_timeout) {
            Ok(body) => http_function::handle(&function, call, head, rest, body).await,
            Err(problem) => Err(problem),
        }
    };
    // Whatever became of the call, its answer names it.
    let id = id.to_string();
    let mut response =
        answer.unwrap_or_else(|problem| problem.with("invocation", id.as_str()).into_reply());
    // Crockford's alphabet has digits and capital letters only.
    if let Ok(id) = HeaderValue::from_maybe_shared(Bytes::from(id)) {
        response.headers_mut().insert(HEADER, id);
    }
    Ok(response)
}

fn no_function() -> Problem {
    Problem::new(
        &codes::NO_SUCH_ROUTE,
        "a function is at `/f/{tenant}/{function}`",
    )
}

/// Whether a header that nobody asked for holds a key of this host all the same.
fn holds_key(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    given.any(|value| value.as_bytes().windows(4).any(|w| w == b"stw_"))
}

async fn authorize(
    gateway: &Gateway,
    request: &Request<Incoming>,
    route: Route<'_>,
) -> Result<Arc<Known>, Problem> {
    let known = gateway.keys.authenticate(request.headers()).await?;
    // Before the function is looked for: who is of another tenant learns nothing of this one.
    let allowed = if known.tenant.as_str() == route.tenant {
        permit(&known, Action::Invoke, Thing::Function(route.function))
    } else {
        Err(Problem::new(
            &codes::WRONG_TENANT,
            format!("the key is of the tenant `{}`", known.tenant),
        ))
    };
    match allowed {
        Ok(()) => Ok(known),
        Err(problem) => {
            let draft = AuditDraft {
                tenants: vec![known.tenant.clone()],
                principal: known.id.clone(),
                action: format!("{} /f/{{tenant}}/{{function}}", request.method()),
                target: request.uri().path().to_owned(),
            };
            gateway.refusals.record(&gateway.registry, draft, &problem);
            Err(problem)
        }
    }
}
