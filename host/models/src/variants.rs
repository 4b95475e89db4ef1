//! Variants: the weights of a version in another form, made and measured here.

use std::sync::Arc;

use steward_inference::{
    Inference, InferenceError, ModelConfig, ModelFiles, Pruning, Quantization,
};
use steward_registry::{ModelRef, ModelVariant, ModelVersion, Name, RegistryError, TenantId};

use crate::{ModelError, Models, Resolved};

/// An ONNX file and what there is to say of it.
type Made = (Vec<u8>, serde_json::Result<serde_json::Value>);

impl Models {
    /// Makes a variant of a version and registers it under `variant`.
    ///
    /// # Errors
    /// Every [`ModelError`]; a [`RegistryError::Conflict`] in it where the version has such a variant.
    pub async fn quantize(
        &self,
        tenant: &TenantId,
        model: &ModelRef,
        variant: &Name,
        wanted: Quantization,
        by: &str,
    ) -> Result<(Arc<ModelVersion>, ModelVariant), ModelError> {
        let make = async |inference: &Inference, files: &ModelFiles, config: &ModelConfig| {
            let made = inference.quantize(files, config, wanted).await?;
            Ok((made.model, serde_json::to_value(&made.report)))
        };
        self.make(tenant, model, variant, by, make).await
    }

    /// Makes a variant of a version with its smallest weights zero and registers it under `variant`.
    ///
    /// # Errors
    /// As [`Models::quantize`].
    pub async fn prune(
        &self,
        tenant: &TenantId,
        model: &ModelRef,
        variant: &Name,
        wanted: Pruning,
        by: &str,
    ) -> Result<(Arc<ModelVersion>, ModelVariant), ModelError> {
        let make = async |inference: &Inference, files: &ModelFiles, config: &ModelConfig| {
            let made = inference.prune(files, config, wanted).await?;
            Ok((made.model, serde_json::to_value(&made.report)))
        };
        self.make(tenant, model, variant, by, make).await
    }

    async fn make(
        &self,
        tenant: &TenantId,
        model: &ModelRef,
        variant: &Name,
        by: &str,
        make: impl AsyncFnOnce(&Inference, &ModelFiles, &ModelConfig) -> Result<Made, InferenceError>,
    ) -> Result<(Arc<ModelVersion>, ModelVariant), ModelError> {
        let resolved = self.as_named(tenant, model)?;
        refuse_known(&resolved, variant)?;
        let (files, config) = self.lay_out(&resolved).await?;
        let (file, report) = make(&self.loader().inference, &files, &config).await?;
        self.add_variant(&resolved, variant, file, report, by).await
    }

    /// What a variant is made of. As it was pushed, unless a variant is named, also where a variant is
    /// deployed: what is made of a variant has its faults too.
    fn as_named(&self, tenant: &TenantId, model: &ModelRef) -> Result<Resolved, ModelError> {
        Ok(Resolved {
            variant: model.variant.clone(),
            ..self.resolve(tenant, model)?
        })
    }

    async fn add_variant(
        &self,
        resolved: &Resolved,
        variant: &Name,
        file: Vec<u8>,
        report: serde_json::Result<serde_json::Value>,
        by: &str,
    ) -> Result<(Arc<ModelVersion>, ModelVariant), ModelError> {
        let version = &resolved.version;
        let report = report.map_err(|e| ModelError::Config {
            model: version.name.to_string(),
            reason: e.to_string(),
        })?;
        let registry = &self.loader().registry;
        let file = registry.artifacts().put(file.into()).await?;
        let (tenant, name, number) = (&version.tenant, &version.name, &version.version);
        let added = registry
            .add_model_variant(tenant, name, number, variant, file, &report, by)
            .await?;
        self.refresh().await?;
        Ok((Arc::clone(version), added))
    }
}

/// Seconds to minutes of work would end in this all the same.
fn refuse_known(resolved: &Resolved, variant: &Name) -> Result<(), ModelError> {
    let version = &resolved.version;
    if !version.variants.contains_key(variant) {
        return Ok(());
    }
    Err(ModelError::Registry(RegistryError::Conflict {
        kind: "model variant",
        name: format!("{}@{}~{variant}", version.name, version.version),
        detail: String::new(),
    }))
}
