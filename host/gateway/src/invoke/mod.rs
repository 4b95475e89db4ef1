//! The hot path: from a request's head to the function it names.
//!
//! Nothing here asks the database, takes a lock or looks up a label, except for a bearer token. A request costs one look-up of
//! its key, one of its function, and what the function does.

mod http_function;
mod route;
mod typed;

use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use steward_registry::{Action, AuditDraft};

use crate::auth::{Known, Thing, permit};
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
    let route = Route::split(path).ok_or_else(|| {
        Problem::new(
            &codes::NO_SUCH_ROUTE,
            "a function is at `/f/{tenant}/{function}`",
        )
    })?;
    let known = authorize(gateway, &request, route).await?;
    let function = gateway.functions.find(route.tenant, route.function)?;
    known.tenant_state.call()?;
    let rest = path.len() - route.rest.len();
    let limits = &gateway.config.limits;
    if function.is_typed() {
        return typed::call(gateway, &function, request, rest).await;
    }
    let (head, body) = request.into_parts();
    let body = BoundedBody::new(body, limits.max_body_bytes, limits.body_timeout)?;
    http_function::handle(&function, head, rest, body).await
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
