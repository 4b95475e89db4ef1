//! An HTTP function (`wasi:http` 0.2): `POST /` takes a customer message and answers a normalised record,
//! `GET /limits` says what is asked of a message.
//!
//! This file is the HTTP around [`message`]; another framework that makes `wasi:http` components would do as well.

pub mod message;

#[cfg(target_family = "wasm")]
mod server {
    use http_body_util::{BodyExt, Limited};
    use serde::Serialize;
    use serde_json::json;
    use steward_sdk::log;
    use wstd::http::{Body, Error, Method, Request, Response};

    use crate::message::{self, Refusal};

    /// The largest body that is read, in bytes. The host has a limit of its own.
    const MAX_BODY_BYTES: usize = 1024 * 1024;

    #[wstd::http_server]
    async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
        // A panic becomes a log line before it becomes a trap.
        steward_sdk::panic::log_panics();
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/") => {}
            (&Method::GET, "/limits") => return limits(),
            (_, "/limits") => return refuse(Refusal { status: 405, detail: "GET the limits".into() }),
            (_, "/") => return refuse(Refusal { status: 405, detail: "POST a message".into() }),
            (_, path) => return refuse(Refusal { status: 404, detail: format!("there is nothing at {path}") }),
        }
        // The path is relative to the function: /f/{tenant}/{function}/ is / here.
        let body = match Limited::new(request.into_body().into_boxed_body(), MAX_BODY_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return refuse(Refusal { status: 400, detail: error.to_string() }),
        };
        match message::check(&body) {
            Ok(record) => {
                // `steward function logs` shows it. Never log the text itself.
                log::info!(characters = record.characters, script = record.script; "took a message");
                respond(200, "application/json", &record)
            }
            Err(refusal) => refuse(refusal),
        }
    }

    fn limits() -> Result<Response<Body>, Error> {
        match message::limits() {
            Ok(limits) => respond(200, "application/json", &limits),
            Err(refusal) => refuse(refusal),
        }
    }

    /// Answers with problem details (RFC 9457).
    fn refuse(refusal: Refusal) -> Result<Response<Body>, Error> {
        let Refusal { status, detail } = refusal;
        log::warn!(status = status; "{detail}");
        respond(status, "application/problem+json", &json!({ "status": status, "detail": detail }))
    }

    fn respond(status: u16, content_type: &str, body: &impl Serialize) -> Result<Response<Body>, Error> {
        let response = Response::builder().status(status).header("content-type", content_type);
        Ok(response.body(Body::from_json(body)?)?)
    }
}
