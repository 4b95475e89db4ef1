//! Plugins and their versions.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_registry::words::{Abilities, Changes};
use steward_registry::{
    Digest, Manifest, Name, RegistryError, Selector, StepDescription, TenantId,
};
use utoipa::ToSchema;

use super::AliasTarget;
use super::supply::{SupplyBody, Upload};
use crate::auth::{Caller, Publish, Read};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};
use crate::upload::Unread;

/// Where plugins are listed and published.
pub(crate) const PATH: &str = "/api/v1/plugins";
/// Where a plugin is checked without being published.
pub(crate) const CHECK_PATH: &str = "/api/v1/plugins/check";

/// One thing that a plugin asks for.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct AskedBody {
    #[schema(example = "http")]
    kind: String,
    #[schema(example = "https://api.example.com")]
    name: String,
    /// The option of `steward function deploy` that gives it.
    #[schema(example = "--grant http=https://api.example.com")]
    grant: String,
    /// What it lets the plugin do, in English.
    en: String,
    /// The same in Chinese.
    zh: String,
}

/// One thing that a plugin cannot do.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct CannotBody {
    /// What it cannot do, in English.
    en: String,
    /// The same in Chinese.
    zh: String,
    /// Whether no grant could change that.
    never: bool,
}

/// What a version asks for beyond another one.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct ChangesBody {
    /// The version that it is compared with.
    #[schema(example = "1.1.0")]
    since: String,
    added: Vec<AskedBody>,
    removed: Vec<AskedBody>,
}

/// What a plugin can do and cannot do, in plain words.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct PluginPermissions {
    #[serde(flatten)]
    #[schema(value_type = AbilitiesBody)]
    pub abilities: Abilities,
    /// Against the version before it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ChangesBody>)]
    pub changes: Option<Changes>,
}

/// What a plugin asks for, and what it cannot do.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct AbilitiesBody {
    /// What a deployment has to grant.
    asks: Vec<AskedBody>,
    cannot: Vec<CannotBody>,
}

impl PluginPermissions {
    /// Those of a manifest, against the highest version below its own among these.
    fn of<'a>(manifest: &Manifest, versions: impl IntoIterator<Item = &'a Manifest>) -> Self {
        let own = &manifest.plugin.version;
        let before = versions
            .into_iter()
            .filter(|other| other.plugin.version < *own)
            .max_by(|a, b| a.plugin.version.cmp(&b.plugin.version));
        Self {
            abilities: Abilities::of(manifest.plugin.world, &manifest.requests),
            changes: before.map(|before| Changes::between(before, manifest)),
        }
    }
}

/// A published version of a plugin.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct PluginVersion {
    #[schema(value_type = String, example = "default")]
    pub tenant: TenantId,
    #[schema(value_type = String, example = "text-cleaner")]
    pub name: Name,
    #[schema(value_type = String, example = "1.2.0")]
    pub version: semver::Version,
    /// SHA-256 of the component.
    #[schema(value_type = String, example = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    pub digest: Digest,
    /// Size of the component, in bytes.
    pub size: u64,
    /// `steward.toml` as JSON.
    #[schema(value_type = Object)]
    pub manifest: Manifest,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Id of the key that published it.
    pub created_by: String,
    /// What it can do and what it cannot, in plain words. Left out in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<PluginPermissions>,
    /// The tenant that it was installed from; none where it was published here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub origin: Option<TenantId>,
    /// Where it comes from; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SupplyBody>)]
    pub supply: Option<serde_json::Value>,
    /// What a step says of itself: `name`, `summary`, and `input_schema` and `output_schema` as texts of JSON Schema. Only of
    /// the world `step`; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub step: Option<StepDescription>,
}

impl From<steward_registry::PluginVersion> for PluginVersion {
    fn from(v: steward_registry::PluginVersion) -> Self {
        Self {
            tenant: v.tenant,
            name: v.name,
            version: v.version,
            digest: v.digest,
            size: v.size,
            manifest: v.manifest,
            created_at: v.created_at,
            created_by: v.created_by,
            permissions: None,
            origin: v.origin,
            supply: None,
            step: None,
        }
    }
}

impl PluginVersion {
    fn with(
        version: steward_registry::PluginVersion,
        supply: SupplyBody,
        permissions: PluginPermissions,
    ) -> Self {
        Self {
            step: version.step.clone(),
            // A record of texts and numbers: it is always JSON.
            supply: serde_json::to_value(supply).ok(),
            permissions: Some(permissions),
            ..version.into()
        }
    }
}

/// A plugin with all its versions.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Plugin {
    #[schema(value_type = String, example = "text-cleaner")]
    pub name: Name,
    /// Highest first.
    pub versions: Vec<PluginVersion>,
    /// Alias to version.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"stable": "1.2.0"}))]
    pub aliases: BTreeMap<Name, semver::Version>,
}

/// The form of an upload.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes the form that is read by name")]
pub(crate) struct PluginUpload {
    /// Text of `steward.toml`.
    manifest: String,
    /// The WebAssembly component.
    #[schema(value_type = String, format = Binary)]
    component: Vec<u8>,
    /// A DSSE envelope over component and manifest, as `steward plugin sign` writes it.
    signature: Option<String>,
    /// A bill of materials: CycloneDX or SPDX 2, as JSON.
    sbom: Option<String>,
    /// SLSA provenance of the component: an in-toto statement, or an envelope or bundle around one.
    provenance: Option<String>,
}

/// What a component is, read from its own type.
#[derive(Debug, Serialize, ToSchema)]
#[allow(
    dead_code,
    reason = "it describes the inspection that the functions crate writes"
)]
pub(crate) struct Inspection {
    /// The world that it fits.
    #[schema(example = "cleaner")]
    world: Option<String>,
    /// The interfaces that it imports.
    imports: Vec<String>,
    /// The interfaces that it exports.
    exports: Vec<String>,
    /// Which version of `wasi:http` it serves.
    #[schema(example = "0.2")]
    wasi_http: Option<String>,
    /// Size of the component, in bytes.
    size: u64,
    /// What it can do and what it cannot, in plain words.
    permissions: PluginPermissions,
    /// What its toolchain wrote into it.
    #[schema(value_type = Object, example = json!({"languages": ["Rust"]}))]
    sections: serde_json::Value,
    /// The keys that signed it, as far as signatures came along.
    signed_by: Vec<String>,
}

#[derive(Serialize)]
struct Checked {
    #[serde(flatten)]
    inspection: steward_functions::Inspection,
    permissions: PluginPermissions,
    signed_by: Vec<String>,
}

/// List the plugins of the tenant, each with its highest version.
#[utoipa::path(get, path = "/api/v1/plugins", tag = "plugins", security(("key" = ["read"])),
    responses((status = 200, description = "One version of each plugin", body = Vec<PluginVersion>)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<PluginVersion>>, Problem> {
    let plugins = gateway.registry.plugins(caller.tenant()).await?;
    Ok(Json(plugins.into_iter().map(Into::into).collect()))
}

/// Publish a version of a plugin.
///
/// The component is checked against the world of its manifest and compiled before it is stored.
#[utoipa::path(post, path = "/api/v1/plugins", tag = "plugins", security(("key" = ["publish"])),
    request_body(content = PluginUpload, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "It is published", body = PluginVersion),
        (status = 409, description = "The version exists already"),
        (status = 422, description = "The component, the manifest, a signature or a document is refused"),
        (status = 503, description = "The registry cannot be reached"),
    ))]
pub(crate) async fn publish(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    form: Unread,
) -> Result<impl IntoResponse, Problem> {
    let upload = Upload::read(&gateway, form).await?;
    let version = gateway
        .functions
        .publish_with(
            caller.tenant(),
            &upload.manifest,
            upload.component,
            caller.id(),
            upload.supplied,
        )
        .await?;
    let supply = SupplyBody::of(&gateway, &version).await?;
    let permissions = permissions(&gateway, caller.tenant(), &version.manifest).await?;
    let location = format!("{PATH}/{}/{}", version.name, version.version);
    Ok((
        StatusCode::CREATED,
        [(LOCATION, location)],
        Json(PluginVersion::with(version, supply, permissions)),
    ))
}

/// Check a component and its manifest, and publish nothing.
#[utoipa::path(post, path = "/api/v1/plugins/check", tag = "plugins", security(("key" = ["publish"])),
    request_body(content = PluginUpload, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "It could be published", body = Inspection),
        (status = 422, description = "The component or the manifest is refused"),
    ))]
pub(crate) async fn check(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    form: Unread,
) -> Result<impl IntoResponse, Problem> {
    let Upload {
        manifest,
        component,
        supplied,
        share,
    } = Upload::read(&gateway, form).await?;
    let permissions = permissions(&gateway, caller.tenant(), &manifest).await?;
    let functions = gateway.functions.clone();
    // Reading a large component takes longer than other requests should wait for this thread. The
    // share of memory goes along: the check goes on where the client has gone away.
    let (manifest, digest, inspection) = tokio::task::spawn_blocking(move || {
        let _share = share;
        let inspection = functions.check(&component, Some(&manifest))?;
        Ok::<_, steward_functions::FunctionsError>((manifest, Digest::of(&component), inspection))
    })
    .await
    .map_err(|e| {
        tracing::error!(error = %e, "a check of a component panicked");
        Problem::new(&codes::INTERNAL, "the log of the host says why")
    })??;
    let signers = gateway
        .registry
        .admits(caller.tenant(), &manifest, &digest, &supplied)
        .await?;
    Ok(Json(Checked {
        inspection,
        permissions,
        signed_by: signers.iter().map(ToString::to_string).collect(),
    }))
}

/// What a manifest means, against the published version before it.
async fn permissions(
    gateway: &Shared,
    tenant: &TenantId,
    manifest: &Manifest,
) -> Result<PluginPermissions, Problem> {
    let published = gateway
        .registry
        .plugin_versions(tenant, &manifest.plugin.name);
    let versions = match published.await {
        Ok(versions) => versions,
        Err(RegistryError::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(PluginPermissions::of(
        manifest,
        versions.iter().map(|version| &version.manifest),
    ))
}

/// Show a plugin with its versions and aliases.
#[utoipa::path(get, path = "/api/v1/plugins/{name}", tag = "plugins", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the plugin")),
    responses((status = 200, description = "The plugin", body = Plugin)))]
pub(crate) async fn show(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<Plugin>, Problem> {
    let versions = gateway
        .registry
        .plugin_versions(caller.tenant(), &name)
        .await?;
    let aliases = gateway
        .registry
        .plugin_aliases(caller.tenant(), &name)
        .await?;
    let mut supplies = gateway
        .registry
        .plugin_supplies(caller.tenant(), &name)
        .await?;
    let trusted = gateway.registry.trusted_keys(caller.tenant()).await?;
    let versions = versions.into_iter().map(|version| {
        let supply = SupplyBody::from(&version, supplies.remove(&version.version), &trusted);
        PluginVersion {
            supply: serde_json::to_value(supply).ok(),
            ..version.into()
        }
    });
    Ok(Json(Plugin {
        name,
        versions: versions.collect(),
        aliases,
    }))
}

/// Show one version of a plugin.
#[utoipa::path(get, path = "/api/v1/plugins/{name}/{selector}", tag = "plugins", security(("key" = ["read"])),
    params(
        ("name" = String, Path, description = "Name of the plugin"),
        ("selector" = String, Path, description = "A version or an alias"),
    ),
    responses((status = 200, description = "The version", body = PluginVersion)))]
pub(crate) async fn version(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath((name, selector)): InPath<(Name, String)>,
) -> Result<Json<PluginVersion>, Problem> {
    let selector: Selector = selector.parse()?;
    let version = gateway
        .registry
        .plugin_version(caller.tenant(), &name, &selector)
        .await?;
    let supply = SupplyBody::of(&gateway, &version).await?;
    let permissions = permissions(&gateway, caller.tenant(), &version.manifest).await?;
    Ok(Json(PluginVersion::with(version, supply, permissions)))
}

/// Let an alias of a plugin name a version.
#[utoipa::path(put, path = "/api/v1/plugins/{name}/aliases/{alias}", tag = "plugins", security(("key" = ["publish"])),
    params(
        ("name" = String, Path, description = "Name of the plugin"),
        ("alias" = String, Path, description = "The alias, as `stable` or `candidate`"),
    ),
    request_body = AliasTarget,
    responses((status = 200, description = "What the alias names now", body = AliasTarget)))]
pub(crate) async fn set_alias(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath((name, alias)): InPath<(Name, Name)>,
    JsonBody(target): JsonBody<AliasTarget>,
) -> Result<Json<AliasTarget>, Problem> {
    gateway
        .registry
        .set_plugin_alias(caller.tenant(), &name, &alias, &target.version)
        .await?;
    Ok(Json(target))
}
