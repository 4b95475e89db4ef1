//! API keys.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use steward_registry::{ApiKey, Principal, Rate, Role, Scopes, TenantId};
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
    /// Everything in its own tenant, and to manage tenants and their keys.
    Platform,
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
    /// What narrows the role; none is all of it.
    #[schema(value_type = Vec<String>, example = json!(["read", "function=echo", "model=minilm"]))]
    pub scopes: Scopes,
    /// How fast it may ask; none is what the tenant says for every key.
    #[schema(value_type = Option<RateBody>)]
    pub rate: Option<Rate>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// From when on it is refused.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Since when it is revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// Until when the secret before the last rotation works too.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub previous_until: Option<Timestamp>,
    /// When it was used last. Other hosts' uses appear some seconds late.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

impl From<&steward_registry::Principal> for Key {
    fn from(p: &steward_registry::Principal) -> Self {
        Self {
            id: p.id.clone(),
            tenant: p.tenant.clone(),
            name: p.name.clone(),
            role: p.role,
            scopes: p.scopes.clone(),
            rate: p.rate,
            created_at: p.created_at,
            expires_at: p.expires_at,
            revoked_at: p.revoked_at,
            previous_until: p.previous_until,
            last_used_at: p.last_used_at,
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
    /// What narrows the role: `read`, `invoke`, `publish`, `manage-keys`, `manage-tenants`, `function=NAME`,
    /// `model=NAME`. None is all that the role allows.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 64, example = json!(["read", "function=echo"]))]
    pub scopes: Scopes,
    /// How fast it may ask; none is what the tenant says for every key.
    #[serde(default)]
    #[schema(value_type = Option<RateBody>)]
    pub rate: Option<Rate>,
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

/// A new secret for a key.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// For how long the secret of now works beside the new one, in seconds; at most 30 days.
    #[serde(default)]
    #[schema(maximum = 2_592_000, example = 86_400)]
    pub overlap_seconds: u32,
}

/// A token bucket.
#[derive(ToSchema)]
#[schema(as = Rate)]
#[allow(dead_code, reason = "it describes a type of the registry")]
pub(crate) struct RateBody {
    /// Requests a second.
    #[schema(minimum = 1, maximum = 1_000_000, example = 50)]
    per_second: u32,
    /// Requests at once; none is those of a second.
    #[schema(minimum = 1, maximum = 1_000_000, example = 100)]
    burst: Option<u32>,
}

/// List the keys of the tenant.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", security(("key" = ["manage-keys"])),
    responses((status = 200, description = "Oldest first, also those revoked or expired", body = Vec<Key>)))]
pub(crate) async fn list(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<Key>>, Problem> {
    Ok(Json(keys_of(&gateway, caller.tenant()).await?))
}

/// The keys of a tenant, each with its last use that this host knows of.
pub(super) async fn keys_of(gateway: &Gateway, tenant: &TenantId) -> Result<Vec<Key>, Problem> {
    let keys = gateway.registry.keys(tenant).await?;
    let seen = |principal: &Principal| Key {
        last_used_at: principal
            .last_used_at
            .max(gateway.keys.used_at(&principal.id)),
        ..principal.into()
    };
    Ok(keys.iter().map(seen).collect())
}

/// Create a key. Nobody gives what they do not have themselves.
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
    create_in(&gateway, caller.principal(), caller.tenant(), new).await
}

/// Creates a key in a tenant, for somebody who may.
pub(super) async fn create_in(
    gateway: &Gateway,
    by: &Principal,
    tenant: &TenantId,
    new: NewKey,
) -> Result<Response, Problem> {
    if new.expires_at.is_some_and(|at| at <= Timestamp::now()) {
        return Err(Problem::new(
            &codes::INVALID,
            "`expires_at` has passed already: the key would never work",
        ));
    }
    may_give(by, new.role, &new.scopes)?;
    let new = steward_registry::NewKey {
        name: new.name,
        role: new.role,
        scopes: new.scopes,
        rate: new.rate,
        expires_at: new.expires_at,
    };
    let (principal, key) = gateway.registry.create_key_with(tenant, new).await?;
    reread(gateway).await;
    tracing::info!(key = %principal.id, role = %principal.role, by = by.id, "a key was created");
    Ok((StatusCode::CREATED, shown_once(&principal, &key)).into_response())
}

/// Give a key a new secret. Its id, role and scopes stay.
#[utoipa::path(post, path = "/api/v1/keys/{id}/rotation", tag = "keys", security(("key" = ["manage-keys"])),
    params(("id" = String, Path, description = "The public part of the key")),
    request_body = Rotation,
    responses(
        (status = 200, description = "The key with its new secret, shown this once", body = CreatedKey),
        (status = 422, description = "It is revoked or has expired, or the overlap is too long"),
    ))]
pub(crate) async fn rotate(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath(id): InPath<String>,
    JsonBody(rotation): JsonBody<Rotation>,
) -> Result<impl IntoResponse, Problem> {
    rotate_in(
        &gateway,
        caller.principal(),
        caller.tenant(),
        &id,
        &rotation,
    )
    .await
}

/// Rotates a key of a tenant, for somebody who may.
pub(super) async fn rotate_in(
    gateway: &Gateway,
    by: &Principal,
    tenant: &TenantId,
    id: &str,
    rotation: &Rotation,
) -> Result<Response, Problem> {
    // Who rotates a key holds it afterwards.
    let there = gateway.registry.key(tenant, id).await?;
    may_give(by, there.role, &there.scopes)?;
    let overlap = SignedDuration::from_secs(rotation.overlap_seconds.into());
    let (principal, key) = gateway.registry.rotate_key(tenant, id, overlap).await?;
    reread(gateway).await;
    tracing::info!(key = %principal.id, by = by.id, "a key was rotated");
    Ok(shown_once(&principal, &key))
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
    revoke_in(&gateway, caller.principal(), caller.tenant(), &id).await
}

/// Revokes a key of a tenant, for somebody who may.
pub(super) async fn revoke_in(
    gateway: &Gateway,
    by: &Principal,
    tenant: &TenantId,
    id: &str,
) -> Result<Json<Key>, Problem> {
    let there = gateway.registry.key(tenant, id).await?;
    may_give(by, there.role, &there.scopes)?;
    let principal = gateway.registry.revoke_key(tenant, id).await?;
    reread(gateway).await;
    tracing::info!(key = %principal.id, by = by.id, "a key was revoked");
    Ok(Json((&principal).into()))
}

/// Nobody hands out, takes over or takes away what they do not have themselves.
fn may_give(by: &Principal, role: Role, scopes: &Scopes) -> Result<(), Problem> {
    if by.scopes.may_give(by.role, role, scopes) {
        return Ok(());
    }
    Err(Problem::new(
        &codes::FORBIDDEN,
        format!(
            "a key with the role `{role}` and these scopes may do more than the key `{}`, whose role is `{}`",
            by.id, by.role
        ),
    )
    .with("role", by.role.as_str()))
}

fn shown_once(principal: &Principal, key: &ApiKey) -> Response {
    let created = CreatedKey {
        key: key.to_string(),
        principal: principal.into(),
    };
    ([(CACHE_CONTROL, "no-store")], Json(created)).into_response()
}

/// Lets this node see the change at once. Where that fails the change is made all the same, and the
/// look at the revision of the registry finds it within half a second of its recovery.
pub(super) async fn reread(gateway: &Gateway) {
    if let Err(error) = gateway.keys.refresh(&gateway.registry).await {
        tracing::warn!(%error, "the keys could not be read again at once");
    }
}
