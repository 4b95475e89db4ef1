//! API keys.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_registry::{Role, TenantId};
use utoipa::ToSchema;

use crate::auth::{Caller, ManageKeys};
use crate::extract::{InPath, JsonBody};
use crate::gateway::{Gateway, Shared};
use crate::problem::{Problem, codes};

/// What a key may do.
#[derive(ToSchema)]
#[schema(as = Role, rename_all = "kebab-case")]
#[allow(dead_code, reason = "it describes a type of the registry")]
pub(crate) enum RoleBody {
    /// Everything in the tenant, keys included.
    Operator,
    /// Publish plugins, push models, deploy functions, invoke and read.
    Publisher,
    /// Invoke functions and models.
    Invoker,
    /// Read metadata, logs and usage.
    Viewer,
}

/// A key, without its secret.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Key {
    /// The public part of the key.
    #[schema(example = "01arz3ndektsv4rrffq69g5fav")]
    pub id: String,
    #[schema(value_type = String, example = "default")]
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    #[schema(value_type = RoleBody)]
    pub role: Role,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// From when on it is refused.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Since when it is revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

impl From<&steward_registry::Principal> for Key {
    fn from(p: &steward_registry::Principal) -> Self {
        Self {
            id: p.id.clone(),
            tenant: p.tenant.clone(),
            name: p.name.clone(),
            role: p.role,
            created_at: p.created_at,
            expires_at: p.expires_at,
            revoked_at: p.revoked_at,
        }
    }
}

/// A new key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What people will call it.
    #[schema(example = "ci")]
    pub name: String,
    #[schema(value_type = RoleBody)]
    pub role: Role,
    /// From when on it is refused; none means never.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// A key with its secret.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct CreatedKey {
    /// The whole key. It is shown here and never again: only a hash of it is kept.
    #[schema(
        example = "stw_01arz3ndektsv4rrffq69g5fav_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    )]
    pub key: String,
    #[serde(flatten)]
    pub principal: Key,
}

/// List the keys of the tenant.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", security(("key" = ["manage-keys"])),
    responses((status = 200, description = "Oldest first, also those revoked or expired", body = Vec<Key>)))]
pub(crate) async fn list(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<Key>>, Problem> {
    let keys = gateway.registry.keys(caller.tenant()).await?;
    Ok(Json(keys.iter().map(Into::into).collect()))
}

/// Create a key.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", security(("key" = ["manage-keys"])),
    request_body = NewKey,
    responses(
        (status = 201, description = "The key, shown this once", body = CreatedKey),
        (status = 422, description = "A value breaks a rule"),
    ))]
pub(crate) async fn create(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    JsonBody(new): JsonBody<NewKey>,
) -> Result<impl IntoResponse, Problem> {
    if new.expires_at.is_some_and(|at| at <= Timestamp::now()) {
        return Err(Problem::new(
            &codes::INVALID,
            "`expires_at` has passed already: the key would never work",
        ));
    }
    let (principal, key) = gateway
        .registry
        .create_key(caller.tenant(), &new.name, new.role, new.expires_at)
        .await?;
    reread(&gateway).await;
    tracing::info!(key = %principal.id, role = %principal.role, by = caller.id(), "a key was created");
    let created = CreatedKey {
        key: key.to_string(),
        principal: (&principal).into(),
    };
    Ok((
        StatusCode::CREATED,
        [(CACHE_CONTROL, "no-store")],
        Json(created),
    ))
}

/// Revoke a key for good.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "keys", security(("key" = ["manage-keys"])),
    params(("id" = String, Path, description = "The public part of the key")),
    responses((status = 200, description = "It is refused from now on", body = Key)))]
pub(crate) async fn revoke(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath(id): InPath<String>,
) -> Result<Json<Key>, Problem> {
    let principal = gateway.registry.revoke_key(caller.tenant(), &id).await?;
    reread(&gateway).await;
    tracing::info!(key = %principal.id, by = caller.id(), "a key was revoked");
    Ok(Json((&principal).into()))
}

/// Lets this node see the change at once. Where that fails the change is made all the same, and the
/// look at the revision of the registry finds it within half a second of its recovery.
async fn reread(gateway: &Gateway) {
    if let Err(error) = gateway.keys.refresh(&gateway.registry).await {
        tracing::warn!(%error, "the keys could not be read again at once");
    }
}
