//! [`Models`]: the whole of it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use steward_inference::{
    Caller, Inference, LoadedModel, Model, ModelConfig, ModelFiles, ModelStats, Quantization,
};
use steward_registry::id::Selector;
use steward_registry::{
    ModelRef, ModelVariant, ModelVersion, Name, Registry, RegistryError, TenantId,
};

use crate::ModelError;

/// File name of the ONNX graph of a model.
pub const MODEL_FILE: &str = "model.onnx";
/// File name of its tokenizer.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

#[derive(Default)]
struct Entry {
    versions: BTreeMap<semver::Version, Arc<ModelVersion>>,
    aliases: HashMap<Name, semver::Version>,
}

impl Entry {
    /// The same rule as the registry's: alias `stable`, else the highest release, else the highest.
    fn select(&self, selector: Option<&Selector>) -> Option<&Arc<ModelVersion>> {
        match selector {
            Some(Selector::Version(version)) => self.versions.get(version),
            Some(Selector::Alias(alias)) => self.versions.get(self.aliases.get(alias)?),
            None => self
                .aliases
                .get("stable")
                .and_then(|version| self.versions.get(version))
                .or_else(|| {
                    self.versions
                        .values()
                        .rev()
                        .find(|v| v.version.pre.is_empty())
                })
                .or_else(|| self.versions.values().next_back()),
        }
    }
}

type Snapshot = HashMap<(TenantId, Name), Entry>;

/// Registered models, opened by name. Cheap to clone.
#[derive(Clone)]
pub struct Models(Arc<Inner>);

struct Inner {
    registry: Registry,
    inference: Inference,
    /// Where model files are laid out for ONNX Runtime, which wants files and not bytes.
    dir: PathBuf,
    snapshot: ArcSwap<Snapshot>,
}

impl Models {
    /// Reads what is registered. Loads no model.
    ///
    /// # Errors
    /// [`RegistryError`] when the database does not answer.
    pub async fn start(
        registry: Registry,
        inference: Inference,
        dir: PathBuf,
    ) -> Result<Self, RegistryError> {
        let models = Self(Arc::new(Inner {
            registry,
            inference,
            dir,
            snapshot: ArcSwap::default(),
        }));
        models.refresh().await?;
        Ok(models)
    }

    /// Takes over what was registered since. Calls that run keep the model they have.
    ///
    /// # Errors
    /// [`RegistryError`] when the database does not answer; the old snapshot stays.
    pub async fn refresh(&self) -> Result<(), RegistryError> {
        let mut snapshot = Snapshot::new();
        for version in self.0.registry.all_models().await? {
            let entry = snapshot
                .entry((version.tenant.clone(), version.name.clone()))
                .or_default();
            entry
                .versions
                .insert(version.version.clone(), Arc::new(version));
        }
        for (tenant, model, alias, version) in self.0.registry.all_model_aliases().await? {
            if let Some(entry) = snapshot.get_mut(&(tenant, model)) {
                entry.aliases.insert(alias, version);
            }
        }
        self.0.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// The version that a reference names now. No SQL: it is looked up in memory.
    ///
    /// # Errors
    /// [`ModelError::NoSuch`]
    pub fn resolve(
        &self,
        tenant: &TenantId,
        model: &ModelRef,
    ) -> Result<Arc<ModelVersion>, ModelError> {
        let snapshot = self.0.snapshot.load();
        snapshot
            .get(&(tenant.clone(), model.name.clone()))
            .and_then(|entry| entry.select(model.selector.as_ref()))
            .filter(|version| {
                let variant = model.variant.as_ref();
                variant.is_none_or(|variant| version.variants.contains_key(variant))
            })
            .cloned()
            .ok_or_else(|| ModelError::NoSuch {
                model: model.clone(),
            })
    }

    /// Opens a model for calls of the tenant: at once when it is loaded, else after its files are laid
    /// out and read.
    ///
    /// # Errors
    /// Every [`ModelError`].
    pub async fn open(&self, tenant: &TenantId, model: &ModelRef) -> Result<Model, ModelError> {
        let version = self.resolve(tenant, model)?;
        let caller = Caller::interactive(tenant.as_str());
        let key = match &model.variant {
            None => format!("{tenant}/{}@{}", version.name, version.version),
            Some(variant) => format!("{tenant}/{}@{}~{variant}", version.name, version.version),
        };
        if let Some(model) = self.0.inference.get(&key) {
            return Ok(model.with_caller(caller));
        }
        let (files, config) = self.lay_out(&version, model.variant.as_ref()).await?;
        let model = self.0.inference.load(&key, &files, &config).await?;
        Ok(model.with_caller(caller))
    }

    /// The models in memory, of all tenants.
    pub fn loaded(&self) -> Vec<LoadedModel> {
        self.0.inference.loaded()
    }

    /// What each model in memory has done, of all tenants.
    pub fn stats(&self) -> Vec<ModelStats> {
        self.0.inference.stats()
    }

    /// Takes every version of a model out of memory. Calls that run finish.
    pub fn unload(&self, tenant: &TenantId, name: &Name) {
        let every = format!("{tenant}/{name}@");
        for loaded in self.0.inference.loaded() {
            if loaded.key.starts_with(&every) {
                self.0.inference.unload(&loaded.key);
            }
        }
    }

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
        let version = self.resolve(tenant, model)?;
        if version.variants.contains_key(variant) {
            // Seconds to minutes of work would end in this all the same.
            return Err(ModelError::Registry(RegistryError::Conflict {
                kind: "model variant",
                name: format!("{}@{}~{variant}", version.name, version.version),
                detail: String::new(),
            }));
        }
        let (files, config) = self.lay_out(&version, model.variant.as_ref()).await?;
        let made = self.0.inference.quantize(&files, &config, wanted).await?;
        let report = serde_json::to_value(&made.report).map_err(|e| ModelError::Config {
            model: version.name.to_string(),
            reason: e.to_string(),
        })?;
        let registry = &self.0.registry;
        let file = registry.artifacts().put(made.model.into()).await?;
        let (name, number) = (&version.name, &version.version);
        let added = registry
            .add_model_variant(tenant, name, number, variant, file, &report, by)
            .await?;
        self.refresh().await?;
        Ok((version, added))
    }

    /// Lays out the files of a version, or of one of its variants, where ONNX Runtime can read them.
    async fn lay_out(
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
        let artifacts = self.0.registry.artifacts();
        let tokenizer = match version.files.get(TOKENIZER_FILE) {
            Some(file) => Some(artifacts.materialize(file, &self.0.dir).await?),
            None => None,
        };
        let model = artifacts.materialize(graph, &self.0.dir).await?;
        Ok((ModelFiles { model, tokenizer }, config))
    }
}
