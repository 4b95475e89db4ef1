//! Requests to other services, one at a time, for steps. A function that answers HTTP has its own client, as `wstd::http`.
//!
//! Origins must be requested in `steward.toml` and granted by the deployment:
//!
//! ```toml
//! [requests]
//! http = ["https://api.example.com"]
//! ```
//!
//! ```
//! use steward_sdk::http::{Request, Response};
//! # use steward_sdk::testing::Host;
//! # let host = Host::new().http(|_| Ok(Response::new(200, r#"{"ok":true}"#))).enter();
//!
//! let request = Request::post("https://api.example.com/orders").json(r#"{"item":7}"#);
//! let answer = request.header("authorization", "Bearer t0k3n").send()?;
//! assert_eq!((answer.status, answer.body.as_slice()), (200, br#"{"ok":true}"#.as_slice()));
//! # Ok::<(), steward_sdk::http::Error>(())
//! ```
//!
//! Redirects come back as answers. The host keeps connections open from call to call.

use std::fmt;

/// The most bytes of an answer's body that are read, where nothing else is said.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// A request.
#[derive(Clone)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: String,
    /// `https://HOST[:PORT]/PATH?QUERY`
    pub url: String,
    /// Header fields, in their order.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// The most bytes of the answer's body that are read; more is an error.
    pub max_answer_bytes: usize,
}

/// Without header fields and body: a request often carries a token.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.url)
    }
}

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// Header fields that are text, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The request cannot be sent as it is.
    Invalid(String),
    /// The origin is not requested, not granted, or lies inside the host's network. The log of the function says what would
    /// allow it.
    Denied(String),
    /// The service does not answer, or its answer breaks off; the same request may succeed later.
    Failed(String),
    /// The body of the answer has more bytes than these.
    TooLarge(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => write!(f, "the request cannot be sent: {why}"),
            Self::Denied(what) => write!(
                f,
                "a request to {what} is not allowed; the log of the function says what would allow it"
            ),
            Self::Failed(why) => write!(f, "no answer: {why}"),
            Self::TooLarge(bytes) => write!(f, "the answer has more than {bytes} bytes"),
        }
    }
}

impl std::error::Error for Error {}

impl Request {
    /// A request without header fields and body.
    pub fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            max_answer_bytes: MAX_ANSWER_BYTES,
        }
    }

    /// `GET`
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// `POST`
    pub fn post(url: &str) -> Self {
        Self::new("POST", url)
    }

    /// With a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With a body of a media type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// With JSON.
    #[must_use]
    pub fn json(self, json: &str) -> Self {
        self.body("application/json; charset=utf-8", json)
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// [`Error`]; a status of 400 or more is an answer.
    pub fn send(&self) -> Result<Response, Error> {
        let target = Target::of(&self.url)?;
        #[cfg(target_family = "wasm")]
        return wasi::send(self, &target);
        #[cfg(not(target_family = "wasm"))]
        {
            let _ = (target.tls, target.authority, target.path);
            crate::testing::host::http(self)
        }
    }
}

impl Response {
    /// An answer, for tests.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// With a header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// The first header field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// `Retry-After` in milliseconds, where it says seconds.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let seconds: u64 = self.header("retry-after")?.trim().parse().ok()?;
        seconds.checked_mul(1000)
    }
}

/// The parts of a URL as `wasi:http` has them.
struct Target<'u> {
    tls: bool,
    authority: &'u str,
    path: String,
}

impl<'u> Target<'u> {
    fn of(url: &'u str) -> Result<Self, Error> {
        let url = url.split('#').next().unwrap_or(url);
        let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(Error::Invalid("the URL begins with http:// or https://".into())),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.is_empty() || authority.contains('@') {
            return Err(Error::Invalid("the URL names no host, or a user".into()));
        }
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        Ok(Self { tls, authority, path })
    }
}

#[cfg(target_family = "wasm")]
mod wasi {
    use wasip2::http::outgoing_handler::handle;
    use wasip2::http::types::{
        ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
    };
    use wasip2::io::streams::StreamError;

    use super::{Error, Request, Response, Target};

    /// What `blocking-write-and-flush` takes at once.
    const PIECE: usize = 4096;

    pub(super) fn send(request: &Request, target: &Target<'_>) -> Result<Response, Error> {
        let invalid = |what: &str| Error::Invalid(what.into());
        let headers: Vec<(String, Vec<u8>)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
            .chain([("content-length".to_owned(), request.body.len().to_string().into_bytes())])
            .collect();
        let headers = Fields::from_list(&headers).map_err(|e| Error::Invalid(format!("a header field: {e}")))?;
        let out = OutgoingRequest::new(headers);
        let scheme = if target.tls { Scheme::Https } else { Scheme::Http };
        out.set_method(&method(&request.method)).map_err(|()| invalid("the method"))?;
        out.set_scheme(Some(&scheme)).map_err(|()| invalid("the scheme"))?;
        out.set_authority(Some(target.authority)).map_err(|()| invalid("the host"))?;
        out.set_path_with_query(Some(&target.path)).map_err(|()| invalid("the path"))?;
        let body = out.body().map_err(|()| invalid("the body"))?;
        let answer = handle(out, None).map_err(|code| told(&code, target))?;
        // A service may answer before it has read everything: then the answer counts, and not the broken stream.
        let written = write(body, &request.body);
        let pollable = answer.subscribe();
        pollable.block();
        drop(pollable);
        let response = match answer.get() {
            Some(Ok(Ok(response))) => response,
            Some(Ok(Err(code))) => return Err(told(&code, target)),
            _ => return Err(Error::Failed("the host gave no answer".into())),
        };
        if !written && response.status() < 400 {
            return Err(Error::Failed("the body of the request could not be sent".into()));
        }
        read(response, request.max_answer_bytes)
    }

    fn write(body: OutgoingBody, bytes: &[u8]) -> bool {
        let Ok(stream) = body.write() else {
            return false;
        };
        let whole = bytes.chunks(PIECE).all(|piece| stream.blocking_write_and_flush(piece).is_ok());
        drop(stream);
        OutgoingBody::finish(body, None).is_ok() && whole
    }

    fn read(response: IncomingResponse, most: usize) -> Result<Response, Error> {
        let broken = || Error::Failed("the body of the answer broke off".into());
        let headers = response.headers().entries();
        let headers = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), String::from_utf8(value).ok()?)))
            .collect();
        let status = response.status();
        let body: IncomingBody = response.consume().map_err(|()| broken())?;
        let stream = body.stream().map_err(|()| broken())?;
        let mut bytes = Vec::new();
        loop {
            match stream.blocking_read(64 << 10) {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(_)) => return Err(broken()),
            }
            if bytes.len() > most {
                return Err(Error::TooLarge(most));
            }
        }
        Ok(Response { status, headers, body: bytes })
    }

    fn method(name: &str) -> Method {
        match name {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            "PATCH" => Method::Patch,
            other => Method::Other(other.into()),
        }
    }

    fn told(code: &ErrorCode, target: &Target<'_>) -> Error {
        match code {
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
                let scheme = if target.tls { "https" } else { "http" };
                Error::Denied(format!("{scheme}://{}", target.authority))
            }
            ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestMethodInvalid => {
                Error::Invalid(format!("{code:?}"))
            }
            other => Error::Failed(format!("{other:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;

    #[test]
    fn a_url_falls_into_its_parts() {
        let parts = |url| Target::of(url).map(|t| (t.tls, t.authority.to_owned(), t.path));
        assert_eq!(
            parts("https://a.example:8443/b/c?d=e#f"),
            Ok((true, "a.example:8443".into(), "/b/c?d=e".into()))
        );
        assert_eq!(parts("http://[::1]?q"), Ok((false, "[::1]".into(), "/?q".into())));
        assert_eq!(parts("http://a"), Ok((false, "a".into(), "/".into())));
        for bad in ["ftp://a/", "https:///x", "https://user@a/", "a/b", ""] {
            assert!(matches!(parts(bad), Err(Error::Invalid(_))), "{bad}");
        }
    }

    #[test]
    fn a_test_answers_and_a_request_is_not_printed() {
        let host = Host::new()
            .http(|request| Ok(Response::new(429, request.body.clone()).with("Retry-After", "7")))
            .enter();
        let request = Request::post("https://a.example/x").header("authorization", "Bearer t0k3n").json("{}");
        let answer = request.send().unwrap();
        assert_eq!((answer.status, answer.retry_after_ms(), answer.body), (429, Some(7000), b"{}".to_vec()));
        assert_eq!(format!("{request:?}"), "Request(POST https://a.example/x)");
        drop(host);
        assert!(matches!(request.send(), Err(Error::Denied(_))));
    }
}
