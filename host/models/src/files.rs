//! From what is registered to a model in memory.

use std::path::PathBuf;

use steward_inference::{Caller, Inference, Model, ModelConfig, ModelFiles, Task};
use steward_registry::{ArtifactRef, ModelTarget, ModelVersion, Name, Registry, TenantId};

use crate::ModelError;

/// File name of the ONNX graph of a model.
pub const MODEL_FILE: &str = "model.onnx";
/// File name of its tokenizer.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// What a model is loaded under, the same for the whole life of the weights.
pub(crate) fn key(tenant: &TenantId, name: &Name, target: &ModelTarget) -> String {
    format!("{tenant}/{name}@{target}")
}

/// Loads models.
pub(crate) struct Loader {
    pub(crate) registry: Registry,
    pub(crate) inference: Inference,
    /// Where model files are laid out for ONNX Runtime, which wants files and not bytes.
    pub(crate) dir: PathBuf,
}

impl Loader {
    /// The weights, at once where they are in memory, else after their files are laid out and read.
    pub(crate) async fn load(
        &self,
        version: &ModelVersion,
        variant: Option<&Name>,
    ) -> Result<Model, ModelError> {
        let target = ModelTarget {
            version: version.version.clone(),
            variant: variant.cloned(),
        };
        let key = key(&version.tenant, &version.name, &target);
        let caller = Caller::interactive(version.tenant.as_str());
        if let Some(model) = self.inference.get(&key) {
            return Ok(model.with_caller(caller));
        }
        let (files, config) = self.lay_out(version, variant).await?;
        let model = self.inference.load(&key, &files, &config).await?;
        Ok(model.with_caller(caller))
    }

    /// Lays out the files of a version, or of one of its variants, where ONNX Runtime can read them.
    pub(crate) async fn lay_out(
        &self,
        version: &ModelVersion,
        variant: Option<&Name>,
    ) -> Result<(ModelFiles, ModelConfig), ModelError> {
        let wrong = |reason: String| ModelError::Config {
            model: format!("{}@{}", version.name, version.version),
            reason,
        };
        let config: ModelConfig =
            serde_json::from_value(version.config.clone()).map_err(|e| wrong(e.to_string()))?;
        let graph = match variant {
            None => version.files.get(MODEL_FILE),
            Some(variant) => version.variants.get(variant).map(|variant| &variant.file),
        };
        let graph = graph.ok_or_else(|| wrong(format!("it has no file `{MODEL_FILE}`")))?;
        let files = self.fetch(graph, version.files.get(TOKENIZER_FILE)).await?;
        Ok((files, config))
    }

    /// Brings artifacts to where ONNX Runtime can read them.
    pub(crate) async fn fetch(
        &self,
        graph: &ArtifactRef,
        tokenizer: Option<&ArtifactRef>,
    ) -> Result<ModelFiles, ModelError> {
        let artifacts = self.registry.artifacts();
        let tokenizer = match tokenizer {
            Some(file) => Some(artifacts.materialize(file, &self.dir).await?),
            None => None,
        };
        let model = artifacts.materialize(graph, &self.dir).await?;
        Ok(ModelFiles { model, tokenizer })
    }
}

/// One small call, so that the first caller does not pay for what ONNX Runtime does at its first run.
pub(crate) async fn warm_up(model: &Model) -> Result<(), ModelError> {
    let texts = ["hello".to_owned(), "你好".to_owned()];
    match model.config().task {
        Task::Embed => model.embed(&texts).await.map(drop),
        Task::Classify => model.classify(&texts, None).await.map(drop),
        Task::ClassifyTokens => model.classify_tokens(&texts).await.map(drop),
        Task::ScorePairs => {
            let [first, second] = texts;
            model.score_pairs(&[(first, second)]).await.map(drop)
        }
        // What such a model takes is its own affair; loading it has tried what can be tried.
        Task::Tensors => Ok(()),
    }?;
    Ok(())
}
