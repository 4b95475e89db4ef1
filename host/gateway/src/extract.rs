//! Parts of a request, parsed once; what does not parse is a problem that says where.

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::request::Parts;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio::sync::OwnedSemaphorePermit;

use crate::body::{BodyError, reserve};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// The parameters of the path.
pub(crate) struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Problem> {
        Path::<T>::from_request_parts(parts, state)
            .await
            .map(|Path(value)| Self(value))
            .map_err(|e| Problem::new(&codes::INVALID_PATH, e.body_text()))
    }
}

/// The query.
pub(crate) struct InQuery<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for InQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Problem> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(value)| Self(value))
            .map_err(|e| Problem::new(&codes::INVALID_QUERY, e.body_text()))
    }
}

/// A body of JSON. Its size and its pace were bounded before it came here.
pub(crate) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Shared> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, gateway: &Shared) -> Result<Self, Problem> {
        let (bytes, _share) = whole(request, gateway).await?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|e| {
            let path = e.path().to_string();
            mismatch(&path, e.inner())
        })?;
        json.end().map_err(|e| not_json(&e))?;
        Ok(Self(value))
    }
}

/// A body of text in UTF-8. Its size and its pace were bounded before it came here.
pub(crate) struct TextBody(pub String);

impl FromRequest<Shared> for TextBody {
    type Rejection = Problem;

    async fn from_request(request: Request, gateway: &Shared) -> Result<Self, Problem> {
        let (bytes, _share) = whole(request, gateway).await?;
        match String::from_utf8(bytes.into()) {
            Ok(text) => Ok(Self(text)),
            Err(error) => {
                let from = error.utf8_error().valid_up_to();
                let detail = format!("the body is not UTF-8 from byte {from} on");
                Err(Problem::new(&codes::INVALID_INPUT, detail))
            }
        }
    }
}

/// A body of bytes, as they came. Its size and its pace were bounded before it came here.
pub(crate) struct RawBody(pub Bytes);

impl FromRequest<Shared> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, gateway: &Shared) -> Result<Self, Problem> {
        let (bytes, _share) = whole(request, gateway).await?;
        Ok(Self(bytes))
    }
}

/// A body as a whole, with its share of the memory for bodies.
async fn whole(
    request: Request,
    gateway: &Shared,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Problem> {
    let most = gateway.config.limits.max_body_bytes;
    let declared = request.body().size_hint().upper();
    // A body of the usual size costs less than what its connection may cost; a larger one takes
    // its share of the memory for bodies.
    let large = declared.filter(|bytes| *bytes > most as u64);
    let share = match large {
        Some(bytes) => Some(reserve(&gateway.buffers, bytes as usize)?),
        None => None,
    };
    let body = request.into_body().collect().await.map_err(unread)?;
    Ok((body.to_bytes(), share))
}

/// The problem behind a body that axum could not read.
pub(crate) fn unread(error: axum::Error) -> Problem {
    BodyError::problem_in(&error)
        .unwrap_or_else(|| Problem::new(&codes::INCOMPLETE_BODY, error.to_string()))
}

/// Any JSON at all.
pub(crate) fn any_json(bytes: &[u8]) -> Result<serde_json::Value, Problem> {
    serde_json::from_slice(bytes).map_err(|e| not_json(&e))
}

fn mismatch(path: &str, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Data => Problem::new(&codes::INVALID_INPUT, format!("`{path}`: {error}"))
            .with("path", path)
            .with("line", error.line())
            .with("column", error.column()),
        Category::Io | Category::Syntax | Category::Eof => not_json(error),
    }
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(&codes::INVALID_JSON, error.to_string())
        .with("line", error.line())
        .with("column", error.column())
}
