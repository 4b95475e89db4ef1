//! What went wrong, as a client sees it: `application/problem+json` (RFC 9457).

pub mod codes;
mod convert;

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Map, Value};

use crate::body::Reply;
pub use codes::Kind;

/// Media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// What the `type` of every problem begins with; the code of the [`Kind`] follows.
pub const TYPE_BASE: &str = "https://steward.dev/problems/";

/// One thing that went wrong.
#[derive(Debug)]
pub(crate) struct Problem(Box<Inner>);

// Boxed: an answer that is an error is rare, and a `Result` should not pay for it in size.
#[derive(Debug)]
struct Inner {
    kind: &'static Kind,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this kind; `detail` is for people and names what was wrong with this request.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// Adds an extension member, for machines.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header to the answer.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> http::StatusCode {
        self.0.kind.status
    }

    /// The code of its kind.
    pub fn code(&self) -> &'static str {
        self.0.kind.code
    }

    /// What was wrong with this request.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// When to try again, a second where nothing is said.
    pub fn retry_after(&self) -> Duration {
        let mut headers = self.0.headers.iter();
        let told = headers.find(|(name, _)| *name == RETRY_AFTER);
        let seconds = told.and_then(|(_, value)| value.to_str().ok()?.parse().ok());
        Duration::from_secs(seconds.unwrap_or(1))
    }

    fn json(&self) -> Vec<u8> {
        let kind = self.0.kind;
        let mut body = Map::new();
        body.insert("type".into(), kind.type_uri().into());
        body.insert("title".into(), kind.title.into());
        body.insert("status".into(), kind.status.as_u16().into());
        body.insert("detail".into(), self.0.detail.as_str().into());
        for (name, value) in &self.0.members {
            body.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Value::Object(body).to_string().into_bytes()
    }

    /// The answer that leaves through hyper.
    pub fn into_reply(self) -> http::Response<Reply> {
        let body = Bytes::from(self.json());
        let mut response = http::Response::new(
            Full::new(body)
                .map_err(|never| match never {})
                .boxed_unsync(),
        );
        *response.status_mut() = self.0.kind.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        for (name, value) in self.0.headers {
            headers.append(name, value);
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into_reply().map(axum::body::Body::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_member_cannot_replace_a_standard_one() {
        let problem = Problem::new(&codes::NO_SUCH_ROUTE, "nothing at `/x`")
            .with("status", 200)
            .with("path", "/x");
        let body: Value = serde_json::from_slice(&problem.json()).unwrap();
        assert_eq!(body["type"], "https://steward.dev/problems/no-such-route");
        assert_eq!(body["status"], 404);
        assert_eq!(body["path"], "/x");
        assert_eq!(body["detail"], "nothing at `/x`");
    }
}
