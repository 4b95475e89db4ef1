//! Functions with routes: which requests they take, which of them without a key, and what pages of other origins may ask.

use std::sync::Arc;

use http::header::{ALLOW, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use steward_triggers::paths::{Admission, Routes};

use super::{Route, authorize, call, no_function};
use crate::body::{Reply, full};
use crate::gateway::Gateway;
use crate::problem::{Problem, codes};

/// Answers a request to a function with routes.
pub(super) async fn invoke(
    gateway: &Gateway,
    routes: &Arc<Routes>,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Problem> {
    let route = Route::split(request.uri().path()).ok_or_else(no_function)?;
    let (all, at) = match routes.admit(request.method(), route.rest, request.headers()) {
        Admission::Route(all, at) => (all, at),
        Admission::Preflight(Some(headers)) => {
            let mut response = Response::new(full(""));
            *response.status_mut() = StatusCode::NO_CONTENT;
            response.headers_mut().extend(headers);
            return Ok(response);
        }
        Admission::Preflight(None) => {
            return Err(Problem::new(
                &codes::ORIGIN_NOT_ALLOWED,
                "no route of the function allows this method to pages of this origin",
            ));
        }
        // Who has no key learns nothing of the routes.
        Admission::NoPath => {
            authorize(gateway, &request, route).await?;
            return Err(Problem::new(
                &codes::NO_SUCH_ROUTE,
                "no route of the function has this path; `steward trigger list` shows them",
            ));
        }
        Admission::Methods(methods) => {
            authorize(gateway, &request, route).await?;
            let methods: Vec<String> = methods.iter().map(ToString::to_string).collect();
            let problem = Problem::new(
                &codes::METHOD_NOT_ALLOWED,
                format!(
                    "this path of the function answers to {}",
                    methods.join(", ")
                ),
            );
            let allow = HeaderValue::from_str(&methods.join(", "));
            return Err(match allow {
                Ok(allow) => problem.header(ALLOW, allow),
                Err(_) => problem,
            });
        }
    };
    let Some(route_taken) = all.get(at) else {
        return Err(no_function());
    };
    let cors = route_taken.cors_headers(request.headers());
    let public = route_taken.public;
    let caller = match public {
        true => Ok(None),
        false => authorize(gateway, &request, route).await.map(Some),
    };
    let answer = match caller {
        Ok(caller) => call(gateway, request, caller.as_deref()).await,
        Err(problem) => Err(problem),
    };
    // A page sees why it is refused, too.
    let mut response = answer.unwrap_or_else(Problem::into_reply);
    if let Some(cors) = cors {
        share(response.headers_mut(), cors);
    }
    Ok(response)
}

/// What the route says of other origins stands in place of what the function says.
fn share(headers: &mut HeaderMap, cors: HeaderMap) {
    for (name, value) in &cors {
        if name == http::header::VARY {
            headers.append(name, value.clone());
        } else {
            headers.insert(name, value.clone());
        }
    }
}
