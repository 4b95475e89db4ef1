//! Takes what Jira sends: `POST` to any path, as the routes of the function allow.

use http_body_util::{BodyExt as _, Limited};
use steward_jira::webhook::{MAX_BODY_BYTES, Settings, take};
use steward_sdk::events::{self, NewEvent};
use steward_sdk::{config, log, secrets};
use wstd::http::{Body, Error, Method, Request, Response};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    steward_sdk::panic::log_panics();
    if request.method() != Method::POST {
        return answer(405, "Jira sends with POST");
    }
    let (head, body) = request.into_parts();
    let body = match Limited::new(body.into_boxed_body(), MAX_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return answer(400, "the body is too large, or broke off"),
    };
    let unsigned = match config::get("unsigned").ok().flatten().as_deref() {
        Some("accept") => true,
        Some("refuse") | None => false,
        Some(_) => {
            log::error!("the configuration key `unsigned` is neither `refuse` nor `accept`");
            return answer(503, "the function is not set up");
        }
    };
    let secret = match secrets::get("jira-webhook-secret") {
        Ok(secret) => Some(secret.reveal()),
        // Without one, nothing that is signed can be checked, and nothing that is not is taken unless that is wanted.
        Err(secrets::Error::NoSuch(_)) => None,
        Err(error) => {
            log::error!("the secret cannot be had: {error:?}");
            return answer(503, "the function is not set up");
        }
    };
    let mut signatures = head.headers.get_all("x-hub-signature").iter();
    let signature = match (signatures.next(), signatures.next()) {
        (None, _) => None,
        // One that is no text, and a second one, are signatures that do not fit.
        (Some(one), None) => Some(one.to_str().unwrap_or_default()),
        _ => Some(""),
    };
    let settings = Settings { secret: secret.as_deref().map(<[u8]>::trim_ascii), unsigned };
    let taken = match take(settings, signature, &body) {
        Ok(taken) => taken,
        Err(refused) => {
            log::warn!(status = refused.status; "refused a request: {}", refused.reason);
            return answer(refused.status, "the request is not taken");
        }
    };
    let mut event = NewEvent::new(&taken.event_type)
        .id(&taken.id)
        .json(&taken.data.to_string())
        .extension("signed", if taken.signed { "true" } else { "false" });
    if let Some(subject) = &taken.subject {
        event = event.subject(subject);
    }
    if let Some(time) = taken.time {
        event = event.time(time);
    }
    match events::append(&[event]) {
        // Jira sends again what had no answer in time: it is in the log once, and Jira is content.
        Ok(appended) if appended.iter().any(|event| event.duplicate) => answer(200, "it came before"),
        Ok(_) => answer(200, ""),
        Err(error) => {
            log::error!("the event is not in the log: {error:?}");
            answer(503, "try again")
        }
    }
}

fn answer(status: u16, text: &str) -> Result<Response<Body>, Error> {
    let response = Response::builder().status(status).header("content-type", "text/plain; charset=utf-8");
    Ok(response.body(Body::from(text))?)
}
