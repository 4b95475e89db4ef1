//! The rows of the registry, as the rest of the host sees them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{DatasetRef, Digest, Name, TenantId};
use crate::manifest::{Limits, Manifest};
use crate::permissions::Permissions;
use crate::rollout::Rollout;
use crate::scopes::Scopes;
use crate::tenants::Rate;

/// A published version of a plugin. Immutable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginVersion {
    /// Whose it is.
    pub tenant: TenantId,
    /// Name of the plugin.
    pub name: Name,
    /// Semantic version, unique within the plugin.
    pub version: semver::Version,
    /// Digest of the component.
    pub digest: Digest,
    /// Size of the component, in bytes.
    pub size: u64,
    /// What it says of itself and asks for.
    pub manifest: Manifest,
    /// When it was published.
    pub created_at: Timestamp,
    /// Id of the principal that published it.
    pub created_by: String,
    /// The tenant that it was installed from; none where the tenant published it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<TenantId>,
    /// What a step says of itself; none for the other worlds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepDescription>,
}

/// What a step says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepDescription {
    /// Its name.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// JSON Schema of the payload, as text.
    pub input_schema: String,
    /// JSON Schema of the answer, as text.
    pub output_schema: String,
}

/// A version and its share of the calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Which version of the plugin.
    pub version: semver::Version,
    /// Its share of the calls, in percent. The shares of a function add up to 100.
    pub percent: u8,
}

/// A deployed route: which plugin, how the calls are split, with what configuration and grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionSpec {
    /// Name of the function; its route is `/f/{tenant}/{name}`.
    pub name: Name,
    /// The plugin behind it.
    pub plugin: Name,
    /// Versions and shares; at least one, at most eight, shares adding up to 100. A version may have no share where a
    /// header leads to it.
    pub targets: Vec<Target>,
    /// Values for configuration keys that the manifest declares.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// What the tenant gives it.
    #[serde(default)]
    pub grants: Permissions,
    /// Limits that replace those of the manifest.
    #[serde(default)]
    pub limits: Limits,
    /// Who meets which version, and what is on trial.
    // Not written where nothing is said, so that hosts that do not know it read the others.
    #[serde(default, skip_serializing_if = "Rollout::is_plain")]
    pub rollout: Rollout,
    /// What helps to find the fault of a call that failed.
    #[serde(default, skip_serializing_if = "Debugging::is_default")]
    pub debug: Debugging,
}

/// What helps to find the fault of a call that failed, where the tenant allows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debugging {
    /// The input of a call that failed is kept in memory with its record: whoever may read the
    /// tenant's functions sees it.
    #[serde(default)]
    pub keep_failed_inputs: bool,
}

impl Debugging {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One revision of a function. Immutable; a roll back makes a new one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionRevision {
    /// Whose it is.
    pub tenant: TenantId,
    /// 1, 2, 3 … within the function.
    pub revision: u32,
    /// What is deployed.
    pub spec: FunctionSpec,
    /// Why, in a sentence; empty where nobody said.
    #[serde(default)]
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
    /// Id of the principal that deployed it, or `steward` where the host did by itself.
    pub created_by: String,
}

/// A registered version of a model. Immutable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelVersion {
    /// Whose it is.
    pub tenant: TenantId,
    /// Name of the model.
    pub name: Name,
    /// Semantic version, unique within the model.
    pub version: semver::Version,
    /// File name (`model.onnx`, `tokenizer.json`) to artifact.
    pub files: BTreeMap<String, ArtifactRef>,
    /// The model's small config (task, labels, limits), as the inference engine reads it.
    pub config: serde_json::Value,
    /// The same weights in other forms, by name: `int8`, `fp16` ….
    pub variants: BTreeMap<Name, ModelVariant>,
    /// Where it comes from.
    pub lineage: Lineage,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Id of the principal that registered it.
    pub created_by: String,
}

/// The weights of a model version in another form, made from it by this host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelVariant {
    /// The ONNX file.
    pub file: ArtifactRef,
    /// How it was made, and what it is beside the original: size, speed, agreement.
    pub report: serde_json::Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// Id of the principal that asked for it.
    pub created_by: String,
}

/// Where a model version comes from, as whoever pushed it says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// The model that it was made from, as `minilm@1.0.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The dataset, or its snapshot, that it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The run that trained it: an id, or an address where it can be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The code that trained it: a repository and a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Weights that can answer: a version of a model, or one of its variants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelTarget {
    /// The version.
    pub version: semver::Version,
    /// The variant; none is the version as it was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Name>,
}

impl std::fmt::Display for ModelTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.variant {
            None => self.version.fmt(f),
            Some(variant) => write!(f, "{}~{variant}", self.version),
        }
    }
}

/// Weights that get a share of the calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelShare {
    /// The version.
    pub version: semver::Version,
    /// The variant; none is the version as it was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Name>,
    /// The share, in percent: 1 to 100.
    pub percent: u8,
}

impl ModelShare {
    /// Which weights.
    pub fn target(&self) -> ModelTarget {
        ModelTarget {
            version: self.version.clone(),
            variant: self.variant.clone(),
        }
    }
}

/// What a target must have been measured at before it may answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelGate {
    /// Which number, as `accuracy`.
    pub metric: String,
    /// The dataset that it was measured on; none is whichever it was measured on last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// It must be at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// It must be at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// Which versions of a model answer the calls that name none, and under which bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelDeploymentSpec {
    /// What answers.
    pub stable: ModelTarget,
    /// What answers a share of the calls, on trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<ModelShare>,
    /// What computes a share of the calls beside, to be compared; nobody gets its answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ModelShare>,
    /// Whether calls with the same key always get the same version.
    #[serde(default)]
    pub sticky: bool,
    /// What the candidate must have been measured at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<ModelGate>,
    /// The bounds over which the candidate is rolled back, as the monitor reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<serde_json::Value>,
}

/// One revision of the deployment of a model. Immutable; a roll back makes a new one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelDeployment {
    /// Whose it is.
    pub tenant: TenantId,
    /// The model.
    pub name: Name,
    /// 1, 2, 3 … within the model.
    pub revision: u32,
    /// What is deployed.
    pub spec: ModelDeploymentSpec,
    /// Why, in a sentence.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
    /// Id of the principal that deployed it, or `steward` where the host did by itself.
    pub created_by: String,
}

/// What weights scored on a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelEvaluation {
    /// The weights.
    pub target: ModelTarget,
    /// What the dataset is called.
    pub dataset: String,
    /// The numbers.
    pub report: serde_json::Value,
    /// When.
    pub created_at: Timestamp,
    /// Id of the principal that asked for it.
    pub created_by: String,
}

/// How the answers of weights were spread when they were known to be good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReference {
    /// The weights.
    pub target: ModelTarget,
    /// The spread, as the monitor reads it.
    pub spread: serde_json::Value,
    /// When it was taken.
    pub created_at: Timestamp,
}

/// An artifact in the object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRef {
    /// Digest of its bytes.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// A snapshot of a dataset: JSON Lines that never change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetSnapshot {
    /// The dataset.
    pub name: Name,
    /// 1, 2, 3 … in the dataset.
    pub snapshot: u64,
    /// The rows, in the artifact store.
    pub file: ArtifactRef,
    /// How many lines hold something.
    pub rows: u64,
    /// Where it comes from: what was uploaded, or which run made it of which snapshot.
    pub lineage: serde_json::Value,
    /// When it was added.
    pub created_at: Timestamp,
    /// Id of the principal that added it.
    pub created_by: String,
}

impl DatasetSnapshot {
    /// A reference that will always mean the same.
    pub fn reference(&self) -> DatasetRef {
        DatasetRef {
            name: self.name.clone(),
            snapshot: Some(self.snapshot),
        }
    }
}

/// Work that makes a snapshot of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetRun {
    /// ULID.
    pub id: String,
    /// The snapshot that is read.
    pub input: DatasetRef,
    /// What is done with it.
    pub spec: serde_json::Value,
    /// Whether it goes on, and how it ended.
    pub state: RunState,
    /// How far it was when that was last written down.
    pub progress: serde_json::Value,
    /// What it gave, or why it gave nothing.
    pub outcome: serde_json::Value,
    /// When it began.
    pub created_at: Timestamp,
    /// Id of the principal that asked for it.
    pub created_by: String,
    /// When its host last wrote something down.
    pub seen_at: Timestamp,
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It goes on.
    Running,
    /// It made its snapshot.
    Done,
    /// It made none.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl RunState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for RunState {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        [Self::Running, Self::Done, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == s)
            .ok_or_else(|| format!("`{s}` is no state of a run"))
    }
}

/// What a principal may do: see [`Role::allows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything in its own tenant, and to create, change and delete tenants and their keys. Nothing else of
    /// another tenant.
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

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Create, change, list and delete tenants.
    ManageTenants,
    /// Create, list and revoke keys.
    ManageKeys,
    /// Publish plugins, push models, deploy and roll back.
    Publish,
    /// Call functions and models.
    Invoke,
    /// Read metadata, logs and usage.
    Read,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 5] = [
        Action::ManageTenants,
        Action::ManageKeys,
        Action::Publish,
        Action::Invoke,
        Action::Read,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ManageTenants => "manage-tenants",
            Self::ManageKeys => "manage-keys",
            Self::Publish => "publish",
            Self::Invoke => "invoke",
            Self::Read => "read",
        }
    }
}

impl FromStr for Action {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|action| action.as_str() == s)
            .ok_or_else(|| format!("`{s}` is not an action"))
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [
        Role::Platform,
        Role::Operator,
        Role::Publisher,
        Role::Invoker,
        Role::Viewer,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Operator => "operator",
            Self::Publisher => "publisher",
            Self::Invoker => "invoker",
            Self::Viewer => "viewer",
        }
    }

    /// Whether the role allows the action.
    pub fn allows(self, action: Action) -> bool {
        match self {
            Self::Platform => true,
            Self::Operator => action != Action::ManageTenants,
            Self::Publisher => !matches!(action, Action::ManageTenants | Action::ManageKeys),
            Self::Invoker => action == Action::Invoke,
            Self::Viewer => action == Action::Read,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|r| r.as_str() == s)
            .ok_or_else(|| {
                format!("`{s}` is not a role; it is one of platform, operator, publisher, invoker, viewer")
            })
    }
}

/// An API key with a role. The secret part of the key is not here: only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The public part of the key, 26 characters.
    pub id: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// What narrows that.
    #[serde(default)]
    pub scopes: Scopes,
    /// How fast it may ask; none is what the tenant says for every key.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// SHA-256 of the secret part. The secret has 256 random bits, so that a slow hash would add nothing.
    #[serde(skip)]
    pub secret_hash: [u8; 32],
    /// SHA-256 of the secret before the last rotation.
    #[serde(skip)]
    pub previous_hash: Option<[u8; 32]>,
    /// Until when the secret before the last rotation works too.
    #[serde(default)]
    pub previous_until: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, as far as that is written: up to some seconds late.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
}

/// Counted use of one version of one function within one minute. Added to what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Whose it is.
    pub tenant: TenantId,
    /// Name of the function.
    pub function: Name,
    /// Version that answered.
    pub version: semver::Version,
    /// Start of the minute, in seconds since 1970.
    pub minute: i64,
    /// Calls.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Wall time, in microseconds.
    pub wall_us: u64,
    /// Time of a processor, waits not included, in microseconds.
    pub cpu_us: u64,
    /// The largest memory of one call, in bytes.
    pub memory_bytes: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Texts given to models.
    pub inference_texts: u64,
    /// Tokens that models computed of them.
    pub inference_tokens: u64,
    /// Bodies of requests, in bytes.
    pub bytes_in: u64,
    /// Bodies of answers, in bytes.
    pub bytes_out: u64,
}

impl Usage {
    /// Adds what was counted of the same function and version at another time. The memory is the larger of both.
    pub fn add(&mut self, more: &Self) {
        for (sum, more) in [
            (&mut self.calls, more.calls),
            (&mut self.errors, more.errors),
            (&mut self.wall_us, more.wall_us),
            (&mut self.cpu_us, more.cpu_us),
            (&mut self.host_calls, more.host_calls),
            (&mut self.inference_texts, more.inference_texts),
            (&mut self.inference_tokens, more.inference_tokens),
            (&mut self.bytes_in, more.bytes_in),
            (&mut self.bytes_out, more.bytes_out),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.memory_bytes = self.memory_bytes.max(more.memory_bytes);
    }
}

/// Counted use of one model within one minute, by functions, calls from outside and jobs of the tenant. Added to what is
/// stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUsage {
    /// Whose it is.
    pub tenant: TenantId,
    /// Name of the model.
    pub model: Name,
    /// Start of the minute, in seconds since 1970.
    pub minute: i64,
    /// Calls that were answered.
    pub calls: u64,
    /// Tokens that were computed for them, the special ones included; none of a model that takes tensors.
    pub tokens: u64,
}

impl ModelUsage {
    /// Adds what was counted of the same model at another time.
    pub fn add(&mut self, more: &Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.tokens = self.tokens.saturating_add(more.tokens);
    }
}
