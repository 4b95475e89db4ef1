//! What needs no key beside the console: health, metrics and the description of the interface.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::Shared;
use crate::metrics::{self, exposition};
use crate::problem::{Problem, codes};

/// That the host is there.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`
    pub status: &'static str,
    /// The version that runs.
    pub version: &'static str,
}

/// Longer than a registry takes that can be used, shorter than what asks for readiness waits.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

const HEALTHY: Health = Health {
    status: "ok",
    version: env!("CARGO_PKG_VERSION"),
};

/// Whether the process answers.
#[utoipa::path(get, path = "/livez", tag = "system", responses((status = 200, description = "It does", body = Health)))]
pub(crate) async fn livez() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], Json(HEALTHY))
}

/// Whether requests should be sent here: the registry answers, and no shutdown has begun.
#[utoipa::path(get, path = "/readyz", tag = "system", responses(
    (status = 200, description = "They should", body = Health),
    (status = 503, description = "They should not, for the reason given"),
))]
pub(crate) async fn readyz(State(gateway): State<Shared>) -> Result<impl IntoResponse, Problem> {
    if gateway.draining.load(Ordering::Relaxed) {
        return Err(Problem::new(&codes::NOT_READY, "the host is shutting down"));
    }
    let ping = tokio::time::timeout(PING_TIMEOUT, gateway.registry.ping()).await;
    ping.map_err(|_| {
        let seconds = PING_TIMEOUT.as_secs();
        Problem::new(
            &codes::NOT_READY,
            format!("the registry has not answered within {seconds} seconds"),
        )
    })??;
    Ok(([(CACHE_CONTROL, "no-store")], Json(HEALTHY)))
}

/// Counters in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", tag = "system",
    responses((status = 200, description = "Every counter", content_type = "application/openmetrics-text", body = String)))]
pub(crate) async fn metrics(State(gateway): State<Shared>) -> Result<impl IntoResponse, Problem> {
    let text = exposition(&gateway).map_err(|e| {
        Problem::new(
            &codes::INTERNAL,
            format!("the counters cannot be written: {e}"),
        )
    })?;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text))
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "system",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = serde_json::Value)))]
pub(crate) async fn openapi_document() -> Result<impl IntoResponse, Problem> {
    // The same for the life of the process.
    static DOCUMENT: LazyLock<Result<Bytes, String>> = LazyLock::new(|| {
        crate::openapi()
            .to_json()
            .map(Bytes::from)
            .map_err(|e| e.to_string())
    });
    match &*DOCUMENT {
        Ok(json) => Ok(([(CONTENT_TYPE, "application/json")], json.clone())),
        Err(error) => Err(Problem::new(&codes::INTERNAL, error.as_str())),
    }
}
