//! The hot path: from a request's head to the function it names.
//!
//! Nothing here asks the database, takes a lock or looks up a label. A request costs one look-up of
//! its key, one of its function, and what the function does.

mod http_function;
mod route;
mod routed;
mod typed;

use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap};
use http::{Request, Response};
use hyper::body::Incoming;
use steward_registry::{Action, Principal};

use crate::auth::permit;
use crate::body::{BoundedBody, Reply};
use crate::gateway::Gateway;
use crate::problem::{Problem, codes};
pub(crate) use route::{PREFIX, Route};

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
    authorize(gateway, &request, route)?;
    call(gateway, request, true).await
}

/// Calls the function that a request names; who asks is settled. `keyed`: whether the request was let in by a key.
async fn call(
    gateway: &Gateway,
    request: Request<Incoming>,
    keyed: bool,
) -> Result<Response<Reply>, Problem> {
    let path = request.uri().path();
    let route = Route::split(path).ok_or_else(no_function)?;
    let function = gateway.functions.find(route.tenant, route.function)?;
    let rest = path.len() - route.rest.len();
    let limits = &gateway.config.limits;
    if function.is_typed() {
        return typed::call(gateway, &function, request, rest).await;
    }
    let (mut head, body) = request.into_parts();
    // The key opens the whole tenant: it is for the gateway and never for a guest.
    if keyed || holds_key(&head.headers) {
        head.headers.remove(AUTHORIZATION);
    }
    let body = BoundedBody::new(body, limits.max_body_bytes, limits.body_timeout)?;
    http_function::handle(&function, head, rest, body).await
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

fn authorize(
    gateway: &Gateway,
    request: &Request<Incoming>,
    route: Route<'_>,
) -> Result<Arc<Principal>, Problem> {
    let principal = gateway.keys.authenticate(request.headers())?;
    // Before the function is looked for: who is of another tenant learns nothing of this one.
    if principal.tenant.as_str() != route.tenant {
        return Err(Problem::new(
            &codes::WRONG_TENANT,
            format!("the key is of the tenant `{}`", principal.tenant),
        ));
    }
    permit(&principal, Action::Invoke)?;
    Ok(principal)
}
