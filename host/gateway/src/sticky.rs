//! Whom a call of a model is for, where the deployment of the model is sticky.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::HeaderName;
use http::request::Parts;

use crate::auth::Caller;

/// The header that names whom a call is for.
const HEADER: HeaderName = HeaderName::from_static("steward-sticky-key");

/// The key of a request, if it has one.
pub(crate) struct StickyKey(Option<String>);

impl StickyKey {
    /// The key of the request; without one, each API key is one user.
    pub fn of<'a, N>(&'a self, caller: &'a Caller<N>) -> &'a str {
        self.0.as_deref().unwrap_or(caller.id())
    }
}

/// What the header says.
pub(crate) fn in_headers(headers: &HeaderMap) -> Option<String> {
    let key = headers.get(HEADER)?.as_bytes();
    (!key.is_empty()).then(|| String::from_utf8_lossy(key).into_owned())
}

impl<S: Sync> FromRequestParts<S> for StickyKey {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(in_headers(&parts.headers)))
    }
}
