//! The rows of the registry, as the rest of the host sees them.

mod datasets;
mod models;
mod principals;
mod usage;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{Digest, Name, TenantId};
use crate::manifest::{Limits, Manifest};
use crate::permissions::Permissions;
use crate::rollout::Rollout;

pub use datasets::*;
pub use models::*;
pub use principals::*;
pub use usage::*;

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

/// An artifact in the object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRef {
    /// Digest of its bytes.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}
