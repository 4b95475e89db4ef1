//! Why a model cannot be opened, deployed or measured.

use std::fmt;

use steward_inference::InferenceError;
use steward_registry::{ModelRef, ModelTarget, Name, RegistryError};

/// Why a model cannot be opened, cannot answer, or cannot be deployed or measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No such model, version, alias or variant in the tenant.
    #[error("there is no model `{model}`; `steward model list` shows what is registered")]
    NoSuch {
        /// What was asked for.
        model: ModelRef,
    },
    /// The registered config is not one this host understands.
    #[error("the config of model `{model}` is not valid: {reason}")]
    Config {
        /// The model.
        model: String,
        /// Why.
        reason: String,
    },
    /// A deployment that cannot be.
    #[error("{0}")]
    Deployment(String),
    /// Weights that may not answer, since they were not measured as the deployment demands.
    #[error("{}", Sentences(.0))]
    GateNotMet(Vec<GateFailure>),
    /// Rows that a model cannot be measured with.
    #[error("{0}")]
    Evaluation(String),
    /// The model is deployed, and what is deployed stays in memory.
    #[error(
        "`{model}` is deployed and stays in memory; it leaves when another version is deployed in its place"
    )]
    Deployed {
        /// What was asked for.
        model: ModelRef,
    },
    /// The files do not come from the artifact store, or a record is refused.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// ONNX Runtime or the model refuse.
    #[error(transparent)]
    Inference(#[from] InferenceError),
}

impl ModelError {
    /// Whether the model is to blame, rather than the caller, the load, or the host.
    pub fn is_of_model(&self) -> bool {
        match self {
            Self::Config { .. } => true,
            Self::Inference(error) => error.is_of_model(),
            _ => false,
        }
    }
}

/// A gate that weights do not pass.
#[derive(Debug, Clone, PartialEq)]
pub struct GateFailure {
    /// The model.
    pub model: Name,
    /// The weights.
    pub target: ModelTarget,
    /// Which number.
    pub metric: String,
    /// The dataset that it must be measured on, where the gate names one.
    pub dataset: Option<String>,
    /// What it is. None where it was not measured.
    pub found: Option<f64>,
    /// What it must be at least.
    pub min: Option<f64>,
    /// What it must be at most.
    pub max: Option<f64>,
}

impl fmt::Display for GateFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            model,
            target,
            metric,
            ..
        } = self;
        write!(f, "`{metric}` of {model}@{target}")?;
        if let Some(dataset) = &self.dataset {
            write!(f, " on `{dataset}`")?;
        }
        let Some(found) = self.found else {
            return write!(
                f,
                " was not measured; measure it with `steward model evaluate {model}@{target}`"
            );
        };
        // Six digits tell what was measured; more tell of the arithmetic.
        let found = (found * 1e6).round() / 1e6;
        write!(f, " is {found} and must be ")?;
        match (self.min, self.max) {
            (Some(min), Some(max)) => write!(f, "from {min} to {max}"),
            (Some(min), None) => write!(f, "at least {min}"),
            (None, Some(max)) => write!(f, "at most {max}"),
            (None, None) => f.write_str("a number"),
        }
    }
}

struct Sentences<'a>(&'a [GateFailure]);

impl fmt::Display for Sentences<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().enumerate() {
            let before = if index == 0 { "" } else { "; " };
            write!(f, "{before}{failure}")?;
        }
        Ok(())
    }
}
