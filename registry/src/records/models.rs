//! Models: versions, variants, deployments, and what they scored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ArtifactRef;
use crate::id::{Name, TenantId};

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
