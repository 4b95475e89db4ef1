//! Runs on events: what it was given it appends as `test.seen`, about the id of the event. The path says how it ends.
//!
//! Without an event: `/append/TYPE` appends one, `/query/TYPES` queries, `/between/TYPES/SINCE/UNTIL` does so by time.

use serde_json::{Value, json};
use steward_sdk::events::{self, Error, Filter, NewEvent};
use wstd::http::{Body, Request, Response, StatusCode};
use wstd::time::Duration;

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, wstd::http::Error> {
    steward_sdk::panic::log_panics();
    let (head, mut body) = request.into_parts();
    let path: Vec<&str> = head.uri.path().trim_start_matches('/').split('/').collect();
    let text = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    if text("ce-id").is_empty() {
        let answer = answer(&path).unwrap_or_else(refused);
        return Ok(Response::new(Body::from_json(&answer)?));
    }
    let attempt: u32 = text("steward-attempt").parse().expect("a number");
    let seen = json!({
        "id": text("ce-id"), "source": text("ce-source"), "type": text("ce-type"), "subject": text("ce-subject"),
        "seq": text("ce-stewardseq"), "trigger": text("steward-trigger"), "attempt": attempt,
        "content_type": text("content-type"), "data": body.str_contents().await?,
        "key": text("authorization"), "path": head.uri.path(),
    });
    match path.as_slice() {
        ["slow"] => drop(wstd::task::sleep(Duration::from_millis(150)).await),
        ["slower"] => drop(wstd::task::sleep(Duration::from_millis(1500)).await),
        _ => {}
    }
    // One for each try.
    let event = NewEvent::new("test.seen")
        .id(&format!("{}/{}/{attempt}", text("steward-trigger"), text("ce-id")))
        .subject(&text("ce-id"))
        .json(&seen.to_string());
    events::append(&[event]).expect("granted");
    match path.as_slice() {
        ["fails"] => refuse("it never works, 永远"),
        ["fails-twice"] if attempt < 3 => refuse("not yet"),
        ["panics"] => panic!("at try {attempt}"),
        ["until", subject] if subject_is_missing(subject) => refuse("not before it is there"),
        _ => Ok(Response::new(Body::empty())),
    }
}

fn refuse(text: &str) -> Result<Response<Body>, wstd::http::Error> {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    Ok(response)
}

fn subject_is_missing(subject: &str) -> bool {
    let filter = Filter::types("test.mended").subject(subject);
    events::query(&filter).expect("granted").is_empty()
}

fn answer(path: &[&str]) -> Result<Value, Error> {
    Ok(match path {
        ["append", event_type] => {
            let event = NewEvent::new(event_type).id("once").subject("它").json("{\"n\": 1}").extension("region", "eu");
            let appended = events::append(&[event])?;
            json!(appended.iter().map(|a| json!([a.seq, a.id, a.duplicate])).collect::<Vec<_>>())
        }
        ["append-wrong"] => json!(events::append(&[NewEvent::new("test.seen").extension("Not Right", "x")])?.len()),
        ["append-large"] => {
            let event = NewEvent::new("test.seen").data("application/octet-stream", vec![0; (1 << 20) + 1]);
            json!(events::append(&[event])?.len())
        }
        ["query", types] => {
            let found = events::query(&Filter::types(types))?;
            json!(found
                .iter()
                .map(|e| json!({ "seq": e.seq, "source": e.source, "type": e.event_type, "subject": e.subject,
                    "data": e.data.as_deref().map(String::from_utf8_lossy), "extensions": e.extensions.len() }))
                .collect::<Vec<_>>())
        }
        ["between", types, since, until] => {
            let time = |text: &&str| text.parse::<i64>().expect("microseconds");
            let found = events::query(&Filter::types(types).since(time(since)).until(time(until)))?;
            json!(found.iter().map(|e| e.subject.clone()).collect::<Vec<_>>())
        }
        other => json!({ "path": other }),
    })
}

fn refused(error: Error) -> Value {
    let (case, message) = match error {
        Error::Denied(message) => ("denied", message),
        Error::InvalidInput(message) => ("invalid-input", message),
        Error::Unavailable(message) => ("unavailable", message),
        Error::Other(message) => ("other", message),
    };
    json!({ "error": case, "message": message })
}
