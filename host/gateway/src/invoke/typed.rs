//! A typed world over HTTP: JSON in, one export, JSON out.

use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use steward_functions::{Call, Function, Whom};

use crate::body::{BoundedBody, Buffered, Reply, full};
use crate::extract::any_json;
use crate::gateway::Gateway;
use crate::problem::{Problem, codes};

/// Calls the export that the rest of the path names; the first one where it names none.
pub(super) async fn call(
    gateway: &Gateway,
    function: &Function,
    call: Call<'_>,
    request: Request<Incoming>,
    rest: usize,
) -> Result<Response<Reply>, Problem> {
    if request.method() != Method::POST {
        return Err(Problem::new(
            &codes::METHOD_NOT_ALLOWED,
            format!(
                "a function of the world `{}` answers to POST",
                function.world()
            ),
        )
        .header(ALLOW, HeaderValue::from_static("POST")));
    }
    let limits = &gateway.config.limits;
    let (head, body) = request.into_parts();
    let body = BoundedBody::new(body, limits.max_body_bytes, limits.body_timeout)?;
    // A client that sends a byte now and then keeps the pause between bytes short; this ends it.
    let body = tokio::time::timeout(limits.request_timeout, body.collect(&gateway.buffers))
        .await
        .map_err(|_| {
            Problem::new(
                &codes::BODY_TIMEOUT,
                format!(
                    "the body did not come within {} seconds",
                    limits.request_timeout.as_secs_f32()
                ),
            )
        })??;
    // The share of memory is kept through the call: what was a body is now a value, and not smaller.
    let Buffered {
        bytes,
        share: _share,
    } = body;
    let input = any_json(&bytes)?;
    let body = function.body_of(&bytes);
    drop(bytes);

    let export = head.uri.path()[rest..]
        .strip_prefix('/')
        .filter(|name| !name.is_empty());
    let call = Call {
        whom: Whom {
            headers: Some(&head.headers),
            ..call.whom
        },
        ..call
    };
    let output = function.call_as(call, export, input, body).await?;

    let json = serde_json::to_vec(&output.value).map_err(|e| {
        Problem::new(
            &codes::INTERNAL,
            format!("the answer cannot be written as JSON: {e}"),
        )
    })?;
    output.sent(json.len())?;
    let mut response = Response::new(full(json));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
