//! Secrets: set, listed by name and deleted. No route gives a value back.

use std::fmt;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use steward_registry::{Name, SecretRecord};
use steward_secrets::Secret;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::auth::{Caller, Publish, Read};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// What is known of a secret. Its value is shown to nobody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretInfo {
    #[schema(value_type = String, example = "payment-token")]
    pub name: Name,
    /// 1, 2, 3 … each time that it was set.
    pub version: u64,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was set last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Id of the key that set it last.
    pub updated_by: String,
}

impl From<SecretRecord> for SecretInfo {
    fn from(record: SecretRecord) -> Self {
        Self {
            name: record.name,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
            updated_by: record.updated_by,
        }
    }
}

/// A text that is overwritten when it is dropped and never shown.
pub(crate) struct Hidden(Zeroizing<String>);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

/// The value of a secret, 1 to 65,536 bytes: as a text or in base64.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretValue {
    /// The value, where it is a text.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "s3cr3t")]
    pub value: Option<Hidden>,
    /// The value in base64, where it is none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub base64: Option<Hidden>,
}

impl SecretValue {
    fn secret(self) -> Result<Secret, Problem> {
        let wrong = |why: &str| Problem::new(&codes::INVALID_INPUT, why);
        let bytes = match (self.value, self.base64) {
            (Some(mut text), None) => std::mem::take(&mut *text.0).into_bytes(),
            (None, Some(text)) => STANDARD
                .decode(text.0.as_bytes())
                .map_err(|_| wrong("`base64` is not base64").with("path", "base64"))?,
            _ => return Err(wrong("give either `value` or `base64`")),
        };
        Ok(Secret::new(bytes)?)
    }
}

/// List the secrets of the tenant, without their values.
#[utoipa::path(get, path = "/api/v1/secrets", tag = "secrets", security(("key" = ["read"])),
    responses((status = 200, description = "By name", body = Vec<SecretInfo>)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<SecretInfo>>, Problem> {
    let records = gateway.secrets.list(caller.tenant()).await?;
    Ok(Json(records.into_iter().map(Into::into).collect()))
}

/// Set a secret: a new one, or a new version of one.
///
/// Functions that were granted it read the new version with their next call.
#[utoipa::path(put, path = "/api/v1/secrets/{name}", tag = "secrets", security(("key" = ["publish"])),
    params(("name" = String, Path, description = "Name of the secret")),
    request_body = SecretValue,
    responses(
        (status = 200, description = "It is set", body = SecretInfo),
        (status = 422, description = "The value is empty or too long"),
        (status = 503, description = "The host key or the registry cannot be reached"),
    ))]
pub(crate) async fn set(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(value): JsonBody<SecretValue>,
) -> Result<Json<SecretInfo>, Problem> {
    let value = value.secret()?;
    let record = gateway
        .secrets
        .put(caller.tenant(), &name, &value, caller.id())
        .await?;
    tracing::info!(secret = %name, version = record.version, by = caller.id(), "a secret was set");
    Ok(Json(record.into()))
}

/// Delete a secret. Functions that were granted it do not find it any more.
#[utoipa::path(delete, path = "/api/v1/secrets/{name}", tag = "secrets", security(("key" = ["publish"])),
    params(("name" = String, Path, description = "Name of the secret")),
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn delete(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<StatusCode, Problem> {
    gateway.secrets.delete(caller.tenant(), &name).await?;
    tracing::info!(secret = %name, by = caller.id(), "a secret was deleted");
    Ok(StatusCode::NO_CONTENT)
}
