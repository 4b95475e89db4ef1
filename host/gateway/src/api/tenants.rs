//! Tenants, for the operator of the host.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_identity::IssuerConfig;
use steward_registry::{TenantId, TenantSettings};
use utoipa::ToSchema;

use super::keys::{self, CreatedKey, Key, NewKey, RateBody, Rotation};
use super::usage::Quota;
use crate::auth::{Caller, ManageTenants};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tenant {
    #[schema(value_type = String, example = "acme")]
    pub name: TenantId,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = TenantSettingsBody)]
    pub settings: TenantSettings,
}

impl From<steward_registry::Tenant> for Tenant {
    fn from(t: steward_registry::Tenant) -> Self {
        Self {
            name: t.name,
            created_at: t.created_at,
            settings: t.settings,
        }
    }
}

/// What is set for a tenant.
#[derive(ToSchema)]
#[schema(as = TenantSettings)]
#[allow(dead_code, reason = "it describes a type of the registry")]
pub(crate) struct TenantSettingsBody {
    /// Kind to bound: `storage-bytes`, `functions`, `plugins`, `keys`, `invocations-per-day`, `invocations-per-month`,
    /// `wall-seconds-per-month`, `cpu-seconds-per-month`, `inference-texts-per-month`,
    /// `inference-tokens-per-month`.
    #[schema(example = json!({"keys": 20, "invocations-per-day": 100_000}))]
    quotas: Option<BTreeMap<String, u64>>,
    /// How fast all its keys together may ask.
    rate: Option<RateBody>,
    /// How fast each of its keys may ask that has no rate of its own.
    key_rate: Option<RateBody>,
    /// Issuers of bearer tokens; the operator's guide says what each holds.
    #[schema(value_type = Option<Vec<Object>>)]
    issuers: Option<Vec<serde_json::Value>>,
}

/// A new tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTenant {
    #[schema(value_type = String, example = "acme")]
    pub name: TenantId,
    #[serde(default)]
    #[schema(value_type = TenantSettingsBody)]
    pub settings: TenantSettings,
}

/// A tenant and what it uses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantUse {
    #[serde(flatten)]
    pub tenant: Tenant,
    pub quotas: Vec<Quota>,
}

/// List the tenants.
#[utoipa::path(get, path = "/api/v1/tenants", tag = "tenants", security(("key" = ["manage-tenants"])),
    responses((status = 200, description = "By name", body = Vec<Tenant>)))]
pub(crate) async fn list(
    _caller: Caller<ManageTenants>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<Tenant>>, Problem> {
    let tenants = gateway.registry.all_tenants().await?;
    Ok(Json(tenants.into_iter().map(Into::into).collect()))
}

/// Create a tenant.
#[utoipa::path(post, path = "/api/v1/tenants", tag = "tenants", security(("key" = ["manage-tenants"])),
    request_body = NewTenant,
    responses(
        (status = 201, description = "It is there, without any key", body = Tenant),
        (status = 409, description = "It exists, or a deleted one has its name"),
        (status = 422, description = "A setting breaks a rule"),
    ))]
pub(crate) async fn create(
    caller: Caller<ManageTenants>,
    State(gateway): State<Shared>,
    JsonBody(new): JsonBody<NewTenant>,
) -> Result<impl IntoResponse, Problem> {
    check_issuers(&new.name, &new.settings)?;
    gateway.registry.check_settings(&new.settings)?;
    gateway.registry.create_tenant(&new.name).await?;
    let tenant = if new.settings == TenantSettings::default() {
        gateway.registry.tenant(&new.name).await?
    } else {
        gateway
            .registry
            .set_tenant(&new.name, &new.settings)
            .await?
    };
    keys::reread(&gateway).await;
    tracing::info!(tenant = %new.name, by = caller.id(), "a tenant was created");
    Ok((StatusCode::CREATED, Json(Tenant::from(tenant))))
}

/// Show a tenant and what it uses of its quotas.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}", tag = "tenants", security(("key" = ["manage-tenants"])),
    params(("tenant" = String, Path, description = "Name of the tenant")),
    responses((status = 200, description = "The tenant", body = TenantUse)))]
pub(crate) async fn show(
    _caller: Caller<ManageTenants>,
    State(gateway): State<Shared>,
    InPath(tenant): InPath<TenantId>,
) -> Result<Json<TenantUse>, Problem> {
    let shown = gateway.registry.tenant(&tenant).await?;
    let quotas = gateway.registry.quotas(&tenant, Timestamp::now()).await?;
    Ok(Json(TenantUse {
        tenant: shown.into(),
        quotas: quotas.into_iter().map(Into::into).collect(),
    }))
}

/// Replace the settings of a tenant.
#[utoipa::path(put, path = "/api/v1/tenants/{tenant}", tag = "tenants", security(("key" = ["manage-tenants"])),
    params(("tenant" = String, Path, description = "Name of the tenant")),
    request_body = TenantSettingsBody,
    responses(
        (status = 200, description = "The tenant", body = Tenant),
        (status = 422, description = "A setting breaks a rule"),
    ))]
pub(crate) async fn set(
    caller: Caller<ManageTenants>,
    State(gateway): State<Shared>,
    InPath(tenant): InPath<TenantId>,
    JsonBody(settings): JsonBody<TenantSettings>,
) -> Result<Json<Tenant>, Problem> {
    caller.changes(&gateway.registry.tenant(&tenant).await?.name);
    check_issuers(&tenant, &settings)?;
    let changed = gateway.registry.set_tenant(&tenant, &settings).await?;
    keys::reread(&gateway).await;
    tracing::info!(%tenant, by = caller.id(), "the settings of a tenant were changed");
    Ok(Json(changed.into()))
}

/// Delete a tenant: its keys are revoked, its functions are gone, and nobody can take its name again.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}", tag = "tenants", security(("key" = ["manage-tenants"])),
    params(("tenant" = String, Path, description = "Name of the tenant")),
    responses(
        (status = 204, description = "It is closed"),
        (status = 409, description = "It is the tenant of the key that asks"),
    ))]
pub(crate) async fn delete(
    caller: Caller<ManageTenants>,
    State(gateway): State<Shared>,
    InPath(tenant): InPath<TenantId>,
) -> Result<StatusCode, Problem> {
    if tenant == *caller.tenant() {
        return Err(Problem::new(
            &codes::CONFLICT,
            format!("`{tenant}` is the tenant of the key that asks: nobody closes the door behind themselves"),
        )
        .with("kind", "tenant"));
    }
    caller.changes(&gateway.registry.tenant(&tenant).await?.name);
    gateway.registry.delete_tenant(&tenant).await?;
    keys::reread(&gateway).await;
    gateway.functions.refresh().await?;
    tracing::info!(%tenant, by = caller.id(), "a tenant was deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// List the keys of a tenant.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/keys", tag = "tenants", security(("key" = ["manage-tenants"])),
    params(("tenant" = String, Path, description = "Name of the tenant")),
    responses((status = 200, description = "Oldest first, also those revoked or expired", body = Vec<Key>)))]
pub(crate) async fn keys(
    _caller: Caller<ManageTenants>,
    State(gateway): State<Shared>,
    InPath(tenant): InPath<TenantId>,
) -> Result<Json<Vec<Key>>, Problem> {
    gateway.registry.tenant(&tenant).await?;
    Ok(Json(keys::keys_of(&gateway, &tenant).await?))
}

/// Create a key of a tenant: its first one, for example.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/keys", tag = "tenants", security(("key" = ["manage-tenants"])),
    params(("tenant" = String, Path, description = "Name of the tenant")),
    request_body = NewKey,
    responses(
        (status = 201, description = "The key, shown this once", body = CreatedKey),
        (status = 422, description = "A value breaks a rule"),
    ))]
pub(crate) async fn create_key(
    caller: Caller<ManageTenants>,
    State(gateway): State<Shared>,
    InPath(tenant): InPath<TenantId>,
    JsonBody(new): JsonBody<NewKey>,
) -> Result<impl IntoResponse, Problem> {
    caller.changes(&gateway.registry.tenant(&tenant).await?.name);
    keys::create_in(&gateway, caller.principal(), &tenant, new).await
}

/// Revoke a key of a tenant.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}/keys/{id}", tag = "tenants", security(("key" = ["manage-tenants"])),
    params(
        ("tenant" = String, Path, description = "Name of the tenant"),
        ("id" = String, Path, description = "The public part of the key"),
    ),
    responses((status = 200, description = "It is refused from now on", body = Key)))]
pub(crate) async fn revoke_key(
    caller: Caller<ManageTenants>,
    State(gateway): State<Shared>,
    InPath((tenant, id)): InPath<(TenantId, String)>,
) -> Result<Json<Key>, Problem> {
    caller.changes(&gateway.registry.tenant(&tenant).await?.name);
    keys::revoke_in(&gateway, caller.principal(), &tenant, &id).await
}

/// Give a key of a tenant a new secret.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/keys/{id}/rotation", tag = "tenants", security(("key" = ["manage-tenants"])),
    params(
        ("tenant" = String, Path, description = "Name of the tenant"),
        ("id" = String, Path, description = "The public part of the key"),
    ),
    request_body = Rotation,
    responses(
        (status = 200, description = "The key with its new secret, shown this once", body = CreatedKey),
        (status = 422, description = "It is revoked or has expired, or the overlap is too long"),
    ))]
pub(crate) async fn rotate_key(
    caller: Caller<ManageTenants>,
    State(gateway): State<Shared>,
    InPath((tenant, id)): InPath<(TenantId, String)>,
    JsonBody(rotation): JsonBody<Rotation>,
) -> Result<impl IntoResponse, Problem> {
    caller.changes(&gateway.registry.tenant(&tenant).await?.name);
    keys::rotate_in(&gateway, caller.principal(), &tenant, &id, &rotation).await
}

/// What would be left out later is refused now.
fn check_issuers(tenant: &TenantId, settings: &TenantSettings) -> Result<(), Problem> {
    let mut names = Vec::new();
    for value in &settings.issuers {
        let wrong = |text: String| Problem::new(&codes::INVALID, text);
        let config = IssuerConfig::of_tenant(tenant, value).map_err(|e| wrong(e.to_string()))?;
        if names.contains(&config.name) {
            return Err(wrong(format!(
                "two issuers have the name `{}`",
                config.name
            )));
        }
        names.push(config.name);
    }
    Ok(())
}
