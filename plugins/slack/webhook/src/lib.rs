//! Takes what Slack sends: `POST` to any path, as the routes of the function allow.

use std::time::{SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt as _, Limited};
use steward_sdk::events::{self, NewEvent};
use steward_sdk::{config, log, secrets};
use steward_slack::webhook::{Headers, MAX_BODY_BYTES, Outcome, take};
use wstd::http::{Body, Error, Method, Request, Response};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    steward_sdk::panic::log_panics();
    if request.method() != Method::POST {
        return answer(405, "Slack sends with POST");
    }
    let (head, body) = request.into_parts();
    let body = match Limited::new(body.into_boxed_body(), MAX_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return answer(400, "the body is too large, or broke off"),
    };
    let header = |name: &str| {
        // Twice is as good as not at all: which one was meant?
        let mut values = head.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    };
    let headers = Headers {
        timestamp: header("x-slack-request-timestamp"),
        signature: header("x-slack-signature"),
        content_type: header("content-type"),
    };
    let secret = match secrets::get("slack-signing-secret") {
        Ok(secret) => secret.reveal(),
        Err(error) => {
            log::error!("the signing secret cannot be had: {error:?}");
            return answer(503, "the function is not set up");
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let said = config::get("command_answer").ok().flatten().unwrap_or_default();
    let taken = match take(secret.trim_ascii(), headers, &body, now, &said) {
        Outcome::Append(taken) => taken,
        Outcome::Challenge(challenge) => return answer(200, &challenge),
        Outcome::Refuse { status, reason } => {
            log::warn!(status = status; "refused a request: {reason}");
            return answer(status, "the request is not taken");
        }
    };
    let mut event = NewEvent::new(taken.event_type).id(&taken.id).json(&taken.data.to_string());
    if let Some(subject) = &taken.subject {
        event = event.subject(subject);
    }
    match events::append(&[event]) {
        // Slack sends an event again that had no answer; what else comes twice was overheard.
        Ok(appended) if appended.iter().any(|event| event.duplicate) && taken.event_type != "com.slack.event" => {
            log::warn!("refused a request that came before");
            answer(409, "the request came before")
        }
        Ok(_) => match &taken.answer {
            Some(said) => Ok(Response::builder().status(200).body(Body::from_json(said)?)?),
            None => answer(200, ""),
        },
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
