//! Requests of other services, which have a signature instead of a key.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use steward_triggers::Received;
use utoipa::ToSchema;

use crate::extract::{InPath, RawBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// What the paths of webhooks begin with.
pub(crate) const PREFIX: &str = "/hooks/";

/// What became of a webhook.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct WebhookTaken {
    /// The number of its event in the log.
    pub seq: u64,
    /// Whether the same was taken before: then nothing was done.
    pub duplicate: bool,
}

/// Take a webhook.
///
/// The request has no key; its signature is checked as the trigger says. It is answered once it is on disk.
#[utoipa::path(post, path = "/hooks/{tenant}/{trigger}", tag = "triggers",
    params(
        ("tenant" = String, Path, description = "Tenant of the trigger"),
        ("trigger" = String, Path, description = "Name of the trigger"),
    ),
    request_body(content = serde_json::Value, description = "Whatever the service sends, at most 1 MiB"),
    responses(
        (status = 202, description = "It is in the log", body = WebhookTaken),
        (status = 401, description = "The signature is missing, wrong or too old"),
        (status = 404, description = "There is no such webhook"),
    ))]
pub(crate) async fn receive(
    State(gateway): State<Shared>,
    InPath((tenant, trigger)): InPath<(String, String)>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let received = gateway
        .triggers
        .receive(&tenant, &trigger, &headers, body)
        .await?;
    Ok(match received {
        Received::Event { seq, duplicate } => {
            (StatusCode::ACCEPTED, Json(WebhookTaken { seq, duplicate })).into_response()
        }
        Received::Challenge(text) => text.into_response(),
    })
}
