//! Sends the request that the headers describe, and answers what came back.
//!
//! `/send`: to `x-url`, with the method and the body of the request; the answer's body streams through. `x-secret` names a
//! secret that goes along as a bearer token, `x-host` a `Host` header, and `x-follow` follows one redirect.
//! `/times/N`: N requests to `x-url`, one after the other, as a list of what came back.
//! `/secret/NAME`: what the secret is.
//! `/context`: what its caller says about the run and the step that it is called for.

use serde_json::{Value, json};
use steward_sdk::secrets;
use wstd::http::error::ErrorCode;
use wstd::http::{Body, Client, Error, Request, Response};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    steward_sdk::panic::log_panics();
    let path: Vec<String> = request.uri().path().trim_start_matches('/').split('/').map(String::from).collect();
    let url = header(&request, "x-url").unwrap_or_default();
    let answer = match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["send"] => return send(request, &url).await,
        ["times", n] => {
            let mut answers = Vec::new();
            for _ in 0..n.parse::<u32>()? {
                let sent = Client::new().send(Request::get(&url).body(())?).await;
                answers.push(match sent {
                    Ok(mut answer) => json!(answer.body_mut().str_contents().await?),
                    Err(error) => told(&error),
                });
            }
            json!(answers)
        }
        ["secret", name] => match secrets::get(name) {
            Ok(secret) => {
                assert_eq!(format!("{secret:?}"), "Secret(***)");
                json!({ "value": String::from_utf8_lossy(&secret.reveal()) })
            }
            Err(secrets::Error::NoSuch(message)) => json!({ "error": "no-such", "message": message }),
            Err(secrets::Error::Denied(message)) => json!({ "error": "denied", "message": message }),
            Err(secrets::Error::Other(message)) => json!({ "error": "other", "message": message }),
        },
        ["context"] => json!({
            "run": header(&request, "steward-run"), "step": header(&request, "steward-step"),
            "key": header(&request, "idempotency-key"), "attempt": header(&request, "steward-attempt"),
        }),
        _ => panic!("nobody asks for {path:?}"),
    };
    Ok(Response::new(Body::from_json(&answer)?))
}

async fn send(request: Request<Body>, url: &str) -> Result<Response<Body>, Error> {
    let mut out = Request::builder().method(request.method().clone()).uri(url);
    if let Some(name) = header(&request, "x-secret") {
        let token = secrets::get(&name).map_err(|e| Error::msg(format!("{e:?}")))?;
        out = out.header("authorization", format!("Bearer {}", String::from_utf8(token.reveal())?));
    }
    if let Some(host) = header(&request, "x-host") {
        out = out.header("host", host);
    }
    let follow = header(&request, "x-follow").is_some();
    let mut sent = Client::new().send(out.body(request.into_body())?).await;
    if follow
        && let Ok(answer) = &sent
        && let Some(location) = answer.headers().get("location")
    {
        let next = Request::get(location.to_str()?).body(())?;
        sent = Client::new().send(next).await;
    }
    match sent {
        Ok(answer) => Ok(Response::builder().status(answer.status()).body(answer.into_body())?),
        Err(error) => Ok(Response::builder().status(502).body(Body::from_json(&told(&error))?)?),
    }
}

fn told(error: &Error) -> Value {
    match error.downcast_ref::<ErrorCode>() {
        Some(code) => json!({ "error": format!("{code:?}") }),
        None => json!({ "error": format!("{error:#}") }),
    }
}

fn header(request: &Request<Body>, name: &str) -> Option<String> {
    request.headers().get(name)?.to_str().ok().map(String::from)
}
