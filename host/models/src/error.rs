//! Why a model cannot be opened.

use steward_inference::InferenceError;
use steward_registry::{ModelRef, RegistryError};

/// Why a model cannot be opened.
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
    /// The files do not come from the artifact store.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// ONNX Runtime or the model refuse.
    #[error(transparent)]
    Inference(#[from] InferenceError),
}
