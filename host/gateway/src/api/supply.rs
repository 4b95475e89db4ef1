//! Where plugins come from: signatures and documents of a version, trusted keys, the policy.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_registry::{
    ArtifactRef, Manifest, Name, PluginPolicy, PluginSupply, PluginVersion, Selector, Supplied,
    TrustedKey,
};
use steward_supply::{
    DocumentError, Envelope, Provenance, PublicKey, Sbom, Sections, SignatureError,
};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use crate::auth::{Caller, ManageKeys, Read};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};
use crate::upload::{Form, Unread};

/// Where trusted keys are listed and added.
const KEYS_PATH: &str = "/api/v1/trusted-keys";

/// A plugin as it is uploaded.
pub(crate) struct Upload {
    pub manifest: Manifest,
    pub component: Bytes,
    pub supplied: Supplied,
    /// The share of the memory for bodies that it takes.
    pub share: OwnedSemaphorePermit,
}

impl Upload {
    /// Reads the form. What comes along is read here as well, so that a broken document is refused before anything is
    /// compiled or stored.
    pub async fn read(gateway: &Shared, form: Unread) -> Result<Self, Problem> {
        let mut form = Form::read(gateway, form, gateway.config.limits.max_upload_bytes).await?;
        let source = form.text("manifest")?;
        let component = form.bytes("component")?;
        let signature = form.take("signature");
        let sbom = form.take("sbom");
        let provenance = form.take("provenance");
        let share = form.finish()?;
        let manifest =
            Manifest::parse(&source).map_err(steward_functions::FunctionsError::Manifest)?;
        let signature = signature.map(|bytes| Envelope::read(&bytes)).transpose()?;
        let bytes = component.clone();
        let documents = tokio::task::spawn_blocking(move || {
            let sbom = match sbom {
                Some(bytes) => Some((bytes.clone(), Sbom::read(&bytes)?)),
                None => None,
            };
            let provenance = match provenance {
                Some(document) => {
                    let about = Provenance::read(&document, &steward_supply::sha256(&bytes))?;
                    Some((document, about))
                }
                None => None,
            };
            Ok::<_, DocumentError>((sbom, provenance))
        })
        .await
        .map_err(|e| {
            tracing::error!(error = %e, "reading a document panicked");
            Problem::new(&codes::INTERNAL, "the log of the host says why")
        })?;
        let (sbom, provenance) = documents?;
        Ok(Self {
            manifest,
            component,
            supplied: Supplied {
                manifest_source: Some(source),
                signature,
                sections: Sections::default(),
                sbom,
                provenance,
                step: None,
            },
            share,
        })
    }
}

impl From<SignatureError> for Problem {
    fn from(error: SignatureError) -> Self {
        steward_registry::RegistryError::from(error).into()
    }
}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        Self::new(&codes::INVALID_DOCUMENT, error.to_string())
    }
}

/// A key that signed a version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Signer)]
pub(crate) struct SignerBody {
    /// The public key.
    #[schema(example = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    key: String,
    /// The name under which the tenant trusts it now; none where it does not.
    trusted_as: Option<String>,
}

/// A document that is kept with a version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SupplyDocument)]
pub(crate) struct DocumentBody {
    /// SHA-256 of its bytes.
    digest: String,
    /// Size in bytes.
    size: u64,
    /// What is shown of it.
    #[schema(value_type = Object)]
    about: serde_json::Value,
}

/// Where a version comes from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Supply)]
pub(crate) struct SupplyBody {
    /// Who signed component and manifest.
    signers: Vec<SignerBody>,
    /// Why the signatures that are kept do not hold; none where they do.
    broken: Option<String>,
    /// What its toolchain wrote into the component: claims of whoever built it.
    #[schema(value_type = Object, example = json!({"languages": ["Rust"], "tools": ["rustc 1.95.0"]}))]
    sections: Sections,
    /// A bill of materials: its format, how many parts, and under which licences.
    sbom: Option<DocumentBody>,
    /// How it was built, as whoever published it says: builder, source and commit.
    provenance: Option<DocumentBody>,
}

impl SupplyBody {
    /// Of one version.
    pub async fn of(gateway: &Shared, version: &PluginVersion) -> Result<Self, Problem> {
        let registry = &gateway.registry;
        let (tenant, name) = (&version.tenant, &version.name);
        let supply = registry
            .plugin_supply(tenant, name, &version.version)
            .await?;
        let trusted = registry.trusted_keys(tenant).await?;
        Ok(Self::from(version, supply, &trusted))
    }

    /// Of a version and what is kept with it.
    pub fn from(
        version: &PluginVersion,
        supply: Option<PluginSupply>,
        trusted: &[TrustedKey],
    ) -> Self {
        let signers = supply.as_ref().map(|supply| supply.signers(version));
        let (signers, broken) = match signers {
            None => (Vec::new(), None),
            Some(Ok(signers)) => (signers, None),
            Some(Err(error)) => (Vec::new(), Some(error.to_string())),
        };
        let signer = |key: &PublicKey| SignerBody {
            key: key.to_string(),
            trusted_as: trusted
                .iter()
                .find(|known| known.key == *key)
                .map(|known| known.name.to_string()),
        };
        let (sections, sbom, provenance) = match supply {
            None => Default::default(),
            Some(supply) => (
                supply.sections,
                supply.sbom.map(|d| DocumentBody::of(d.file, &d.about)),
                supply
                    .provenance
                    .map(|d| DocumentBody::of(d.file, &d.about)),
            ),
        };
        Self {
            signers: signers.iter().map(signer).collect(),
            broken,
            sections,
            sbom,
            provenance,
        }
    }
}

impl DocumentBody {
    fn of(file: ArtifactRef, about: &impl Serialize) -> Self {
        Self {
            digest: file.digest.to_string(),
            size: file.size,
            about: serde_json::to_value(about).unwrap_or_default(),
        }
    }
}

/// A document of a version.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Document {
    /// `steward.toml`, byte for byte as it was sent.
    Manifest,
    /// The DSSE envelope.
    Signature,
    /// The bill of materials.
    Sbom,
    /// How it was built.
    Provenance,
}

/// Get a document of a version, byte for byte as it was published.
#[utoipa::path(get, path = "/api/v1/plugins/{name}/{selector}/documents/{document}", tag = "plugins", security(("key" = ["read"])),
    params(
        ("name" = String, Path, description = "Name of the plugin"),
        ("selector" = String, Path, description = "A version or an alias"),
        ("document" = inline(Document), Path, description = "Which document"),
    ),
    responses((status = 200, description = "The document", body = Vec<u8>, content_type = "application/octet-stream")))]
pub(crate) async fn document(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath((name, selector, document)): InPath<(Name, String, Document)>,
) -> Result<impl IntoResponse, Problem> {
    let selector: Selector = selector.parse()?;
    let registry = &gateway.registry;
    let version = registry
        .plugin_version(caller.tenant(), &name, &selector)
        .await?;
    let supply = registry
        .plugin_supply(caller.tenant(), &name, &version.version)
        .await?;
    let missing = |what: &str| {
        let detail = format!("`{name}@{}` was published without {what}", version.version);
        Problem::new(&codes::NOT_FOUND, detail).with("kind", "document")
    };
    let supply = supply.ok_or_else(|| missing("documents"))?;
    let fetch = async |file: Option<ArtifactRef>, what: &str| {
        let file = file.ok_or_else(|| missing(what))?;
        Ok::<_, Problem>(registry.artifacts().get(&file.digest).await?)
    };
    let (kind, bytes) = match document {
        Document::Manifest => ("application/toml", Bytes::from(supply.manifest_source)),
        Document::Signature => {
            let envelope = supply.signature.ok_or_else(|| missing("a signature"))?;
            (
                "application/vnd.dsse.envelope.v1+json",
                Bytes::from(envelope.to_json()),
            )
        }
        Document::Sbom => (
            "application/json",
            fetch(supply.sbom.map(|d| d.file), "an SBOM").await?,
        ),
        Document::Provenance => (
            "application/json",
            fetch(supply.provenance.map(|d| d.file), "a provenance").await?,
        ),
    };
    Ok(([(CONTENT_TYPE, kind)], bytes))
}

/// A key whose signatures the tenant accepts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrustedKey)]
pub(crate) struct TrustedKeyBody {
    /// What the tenant calls it.
    #[schema(example = "release")]
    name: String,
    /// The public key.
    #[schema(example = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    key: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Id of the API key that added it.
    created_by: String,
}

impl From<TrustedKey> for TrustedKeyBody {
    fn from(key: TrustedKey) -> Self {
        Self {
            name: key.name.to_string(),
            key: key.key.to_string(),
            created_at: key.created_at,
            created_by: key.created_by,
        }
    }
}

/// A key to trust.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTrustedKey {
    /// What the tenant will call it.
    #[schema(value_type = String, example = "release")]
    name: Name,
    /// The public key: `ed25519:…`, or the text of a PEM file.
    #[schema(example = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    key: String,
}

/// A version that a function runs and that no trusted key vouches for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Unvouched)]
pub(crate) struct UnvouchedBody {
    function: String,
    plugin: String,
    version: String,
}

impl UnvouchedBody {
    async fn of(
        gateway: &Shared,
        tenant: &steward_registry::TenantId,
    ) -> Result<Vec<Self>, Problem> {
        let unvouched = gateway.registry.unvouched(tenant).await?;
        Ok(unvouched
            .into_iter()
            .map(|u| Self {
                function: u.function.to_string(),
                plugin: u.plugin.to_string(),
                version: u.version.to_string(),
            })
            .collect())
    }
}

/// A key that is trusted no longer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemovedTrustedKey {
    #[serde(flatten)]
    key: TrustedKeyBody,
    /// What functions go on running that no trusted key vouches for now. It is deployed again only once one does.
    unvouched: Vec<UnvouchedBody>,
}

/// Which plugins a tenant accepts.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PluginPolicyBody {
    /// `any`, or `signed`: only those that a trusted key has signed.
    #[schema(value_type = String, example = "signed")]
    plugins: PluginPolicy,
}

/// The policy from now on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangedPluginPolicy {
    /// `any`, or `signed`: only those that a trusted key has signed.
    #[schema(value_type = String, example = "signed")]
    plugins: PluginPolicy,
    /// What functions go on running that no trusted key vouches for.
    unvouched: Vec<UnvouchedBody>,
}

/// List the keys whose signatures the tenant accepts.
#[utoipa::path(get, path = "/api/v1/trusted-keys", tag = "plugins", security(("key" = ["read"])),
    responses((status = 200, description = "By name", body = Vec<TrustedKeyBody>)))]
pub(crate) async fn trusted_keys(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<TrustedKeyBody>>, Problem> {
    let keys = gateway.registry.trusted_keys(caller.tenant()).await?;
    Ok(Json(keys.into_iter().map(Into::into).collect()))
}

/// Trust a key.
#[utoipa::path(post, path = "/api/v1/trusted-keys", tag = "plugins", security(("key" = ["manage-keys"])),
    request_body = NewTrustedKey,
    responses(
        (status = 201, description = "Its signatures are accepted from now on", body = TrustedKeyBody),
        (status = 409, description = "The name or the key is there already"),
        (status = 422, description = "It is no Ed25519 key"),
    ))]
pub(crate) async fn trust(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    JsonBody(new): JsonBody<NewTrustedKey>,
) -> Result<impl IntoResponse, Problem> {
    let key = PublicKey::read(&new.key)
        .map_err(|e| Problem::new(&codes::INVALID, format!("`key` is {e}")))?;
    let added = gateway
        .registry
        .add_trusted_key(caller.tenant(), &new.name, key, caller.id())
        .await?;
    tracing::info!(name = %added.name, %key, by = caller.id(), "a key for plugins is trusted");
    let location = format!("{KEYS_PATH}/{}", added.name);
    Ok((
        StatusCode::CREATED,
        [(LOCATION, location)],
        Json(TrustedKeyBody::from(added)),
    ))
}

/// Trust a key no longer.
///
/// What runs goes on running; nothing that only this key vouched for is deployed again.
#[utoipa::path(delete, path = "/api/v1/trusted-keys/{name}", tag = "plugins", security(("key" = ["manage-keys"])),
    params(("name" = String, Path, description = "What the tenant calls the key")),
    responses((status = 200, description = "Its signatures count for nothing from now on", body = RemovedTrustedKey)))]
pub(crate) async fn distrust(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<RemovedTrustedKey>, Problem> {
    let removed = gateway
        .registry
        .remove_trusted_key(caller.tenant(), &name)
        .await?;
    tracing::info!(%name, key = %removed.key, by = caller.id(), "a key for plugins is trusted no longer");
    Ok(Json(RemovedTrustedKey {
        key: removed.into(),
        unvouched: UnvouchedBody::of(&gateway, caller.tenant()).await?,
    }))
}

/// Show which plugins the tenant accepts.
#[utoipa::path(get, path = "/api/v1/plugin-policy", tag = "plugins", security(("key" = ["read"])),
    responses((status = 200, description = "The policy", body = PluginPolicyBody)))]
pub(crate) async fn policy(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<PluginPolicyBody>, Problem> {
    let plugins = gateway.registry.plugin_policy(caller.tenant()).await?;
    Ok(Json(PluginPolicyBody { plugins }))
}

/// Say which plugins the tenant accepts.
///
/// The policy is asked when a version is published and when a function is deployed or rolled back. What runs goes on.
#[utoipa::path(put, path = "/api/v1/plugin-policy", tag = "plugins", security(("key" = ["manage-keys"])),
    request_body = PluginPolicyBody,
    responses((status = 200, description = "The policy from now on", body = ChangedPluginPolicy)))]
pub(crate) async fn set_policy(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    JsonBody(policy): JsonBody<PluginPolicyBody>,
) -> Result<Json<ChangedPluginPolicy>, Problem> {
    gateway
        .registry
        .set_plugin_policy(caller.tenant(), policy.plugins, caller.id())
        .await?;
    tracing::info!(plugins = %policy.plugins, by = caller.id(), "the policy for plugins was set");
    let unvouched = match policy.plugins {
        PluginPolicy::Any => Vec::new(),
        PluginPolicy::Signed => UnvouchedBody::of(&gateway, caller.tenant()).await?,
    };
    Ok(Json(ChangedPluginPolicy {
        plugins: policy.plugins,
        unvouched,
    }))
}
