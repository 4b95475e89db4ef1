//! An HTTP function (`wasi:http` 0.2): `POST /` takes a message and answers with the entries of the knowledge base that
//! answer it, best first.
//!
//! This file is the HTTP around [`search`].

pub mod index;
pub mod search;
pub mod words;

#[cfg(target_family = "wasm")]
mod server {
    use http_body_util::{BodyExt, Limited};
    use serde_json::json;
    use steward_sdk::log;
    use wstd::http::{Body, Error, Method, Request, Response};

    use crate::search::{self, Refusal};

    /// The largest body that is read, in bytes.
    const MAX_BODY_BYTES: usize = 256 * 1024;

    #[wstd::http_server]
    async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
        steward_sdk::panic::log_panics();
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/") => {}
            (_, "/") => return refuse(Refusal { status: 405, detail: "POST a message".into() }),
            (_, path) => return refuse(Refusal { status: 404, detail: format!("there is nothing at {path}") }),
        }
        let body = match Limited::new(request.into_body().into_boxed_body(), MAX_BODY_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return refuse(Refusal { status: 400, detail: error.to_string() }),
        };
        match search::answer(&body) {
            Ok(found) => {
                let best = &found.answers[0];
                log::info!(answer = best.id, score = best.score, lang = found.lang; "answered a message");
                Ok(Response::builder().header("content-type", "application/json").body(Body::from_json(&found)?)?)
            }
            Err(refusal) => refuse(refusal),
        }
    }

    /// Answers with problem details (RFC 9457).
    fn refuse(refusal: Refusal) -> Result<Response<Body>, Error> {
        let Refusal { status, detail } = refusal;
        log::warn!(status = status; "{detail}");
        let response = Response::builder().status(status).header("content-type", "application/problem+json");
        Ok(response.body(Body::from_json(&json!({ "status": status, "detail": detail }))?)?)
    }
}
