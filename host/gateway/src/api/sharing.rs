//! Versions of plugins across tenants.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_registry::{Digest, Manifest, Name, SharedWith, TenantId};
use utoipa::{IntoParams, ToSchema};

use super::plugins::PluginVersion;
use crate::auth::{Caller, Publish, Read};
use crate::extract::{InPath, InQuery, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// With whom a version is shared.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PluginShare {
    #[schema(value_type = String, example = "text-cleaner")]
    pub name: Name,
    #[schema(value_type = String, example = "1.2.0")]
    pub version: semver::Version,
    /// A tenant, or `*` for all.
    #[schema(value_type = String, example = "acme")]
    pub shared_with: SharedWith,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Id of the key that shared it.
    pub created_by: String,
}

impl From<steward_registry::PluginShare> for PluginShare {
    fn from(s: steward_registry::PluginShare) -> Self {
        Self {
            name: s.name,
            version: s.version,
            shared_with: s.shared_with,
            created_at: s.created_at,
            created_by: s.created_by,
        }
    }
}

/// With whom to share.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShareWith {
    /// Names of tenants, or `*` for all.
    #[schema(value_type = Vec<String>, example = json!(["acme"]))]
    pub with: Vec<SharedWith>,
}

/// With whom not to share any more.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UnshareQuery {
    /// A tenant, or `*` for what is shared with all; none ends every share of the version.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub with: Option<SharedWith>,
}

/// What ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Unshared {
    /// How many shares ended.
    pub ended: u64,
    /// What that means for who has installed it.
    pub detail: String,
}

/// A version that another tenant shares.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SharedPlugin {
    /// The tenant that published it.
    #[schema(value_type = String, example = "partner")]
    pub publisher: TenantId,
    #[schema(value_type = String, example = "text-cleaner")]
    pub name: Name,
    #[schema(value_type = String, example = "1.2.0")]
    pub version: semver::Version,
    /// What it is installed by.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Size of the component, in bytes.
    pub size: u64,
    /// `steward.toml` as JSON: what it asks for.
    #[schema(value_type = Object)]
    pub manifest: Manifest,
}

/// How to install.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Install {
    /// Under which name; none is the publisher's.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "partner-cleaner")]
    pub name: Option<Name>,
}

/// List with whom the versions of a plugin are shared.
#[utoipa::path(get, path = "/api/v1/plugin-shares/{name}", tag = "sharing", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the plugin")),
    responses((status = 200, description = "Highest version first", body = Vec<PluginShare>)))]
pub(crate) async fn shares(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<Vec<PluginShare>>, Problem> {
    gateway
        .registry
        .plugin_versions(caller.tenant(), &name)
        .await?;
    let shares = gateway
        .registry
        .plugin_shares(caller.tenant(), &name)
        .await?;
    Ok(Json(shares.into_iter().map(Into::into).collect()))
}

/// Share a version of the tenant's own plugin: others may install that version, and see nothing else.
#[utoipa::path(put, path = "/api/v1/plugin-shares/{name}/{version}", tag = "sharing", security(("key" = ["publish"])),
    params(
        ("name" = String, Path, description = "Name of the plugin"),
        ("version" = String, Path, description = "The version, as it was published"),
    ),
    request_body = ShareWith,
    responses(
        (status = 200, description = "With whom the plugin is shared now", body = Vec<PluginShare>),
        (status = 422, description = "It was itself installed from another tenant"),
    ))]
pub(crate) async fn share(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath((name, version)): InPath<(Name, semver::Version)>,
    JsonBody(share): JsonBody<ShareWith>,
) -> Result<Json<Vec<PluginShare>>, Problem> {
    let shares = gateway
        .registry
        .share_plugin(caller.tenant(), &name, &version, &share.with, caller.id())
        .await?;
    Ok(Json(shares.into_iter().map(Into::into).collect()))
}

/// Stop sharing a version. Who has installed it keeps it.
#[utoipa::path(delete, path = "/api/v1/plugin-shares/{name}/{version}", tag = "sharing", security(("key" = ["publish"])),
    params(
        ("name" = String, Path, description = "Name of the plugin"),
        ("version" = String, Path, description = "The version, as it was published"),
        UnshareQuery,
    ),
    responses((status = 200, description = "What ended", body = Unshared)))]
pub(crate) async fn unshare(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath((name, version)): InPath<(Name, semver::Version)>,
    InQuery(query): InQuery<UnshareQuery>,
) -> Result<Json<Unshared>, Problem> {
    let ended = gateway
        .registry
        .unshare_plugin(caller.tenant(), &name, &version, query.with.as_ref())
        .await?;
    Ok(Json(Unshared {
        ended,
        detail: "nobody can install it by this share any more; who has installed it keeps it"
            .into(),
    }))
}

/// List what other tenants share with this one.
#[utoipa::path(get, path = "/api/v1/shared-plugins", tag = "sharing", security(("key" = ["read"])),
    responses((status = 200, description = "By publisher, name and version", body = Vec<SharedPlugin>)))]
pub(crate) async fn shared(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<SharedPlugin>>, Problem> {
    let shared = gateway.registry.shared_plugins(caller.tenant()).await?;
    let shared = shared.into_iter().map(|s| SharedPlugin {
        publisher: s.publisher,
        name: s.name,
        version: s.version,
        digest: s.digest,
        size: s.size,
        manifest: s.manifest,
    });
    Ok(Json(shared.collect()))
}

/// Install a version that another tenant shares, by its digest. It runs with the grants of this tenant.
#[utoipa::path(post, path = "/api/v1/shared-plugins/{digest}", tag = "sharing", security(("key" = ["publish"])),
    params(("digest" = String, Path, description = "`sha256:…` of the component")),
    request_body = Install,
    responses(
        (status = 201, description = "It is installed", body = PluginVersion),
        (status = 409, description = "It is installed, or another publisher's plugin has the name"),
    ))]
pub(crate) async fn install(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(digest): InPath<Digest>,
    JsonBody(install): JsonBody<Install>,
) -> Result<impl IntoResponse, Problem> {
    let version = gateway
        .registry
        .install_plugin(caller.tenant(), &digest, install.name.as_ref(), caller.id())
        .await?;
    let location = format!(
        "{}/{}/{}",
        super::plugins::PATH,
        version.name,
        version.version
    );
    Ok((
        StatusCode::CREATED,
        [(LOCATION, location)],
        Json(PluginVersion::from(version)),
    ))
}
