//! [`Models`]: the whole of it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use steward_inference::{
    Inference, LabelScore, LoadedModel, Meter, ModelConfig, ModelFiles, ModelStats,
};
use steward_registry::id::Selector;
use steward_registry::{
    ArtifactRef, Digest, ModelRef, ModelTarget, ModelVersion, Name, Registry, RegistryError,
    TenantId,
};
use tokio::sync::Semaphore;

use crate::files::{Loader, key, warm_up};
use crate::line::Line;
use crate::metering::Metering;
use crate::open_model::Fixed;
use crate::snapshot::Snapshot;
use crate::{ModelError, OpenModel, shadow};

/// Bytes whose digest is computed without giving way: less than a millisecond.
const HASHED_AT_ONCE: usize = 256 << 10;

/// Registered models, opened by name. Cheap to clone.
#[derive(Clone)]
pub struct Models(Arc<Inner>);

struct Inner {
    loader: Loader,
    snapshot: ArcSwap<Snapshot>,
    lines: Mutex<HashMap<(TenantId, Name), Arc<Line>>>,
    /// Held by whoever writes a deployment or takes over those that others wrote.
    deploying: tokio::sync::Mutex<()>,
    /// A permit for each call that is computed a second time.
    shadows: Arc<Semaphore>,
    metering: Metering,
}

/// What a reference means now.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The version.
    pub version: Arc<ModelVersion>,
    /// Which variant of it; none is the version as it was pushed.
    pub variant: Option<Name>,
}

impl Resolved {
    /// The weights.
    pub fn target(&self) -> ModelTarget {
        ModelTarget {
            version: self.version.version.clone(),
            variant: self.variant.clone(),
        }
    }

    /// A reference that will always mean the same.
    pub fn reference(&self) -> ModelRef {
        ModelRef {
            name: self.version.name.clone(),
            selector: Some(Selector::Version(self.version.version.clone())),
            variant: self.variant.clone(),
        }
    }
}

/// Weights, with every reference that means them now.
#[derive(Debug, Clone)]
pub struct Named {
    /// The weights.
    pub resolved: Resolved,
    /// Their version, and each alias of it.
    pub references: Vec<ModelRef>,
}

impl Named {
    /// By what several of the same bytes are sorted: by name, the highest version first, and a version before its
    /// variants.
    pub(crate) fn place(&self) -> impl Ord + '_ {
        let version = &self.resolved.version;
        let highest_first = std::cmp::Reverse(&version.version);
        (&version.name, highest_first, &self.resolved.variant)
    }
}

impl Models {
    /// Reads what is registered and deployed. Loads no model; see [`Models::supervise`].
    ///
    /// # Errors
    /// [`RegistryError`] when the database does not answer.
    pub async fn start(
        registry: Registry,
        inference: Inference,
        dir: PathBuf,
    ) -> Result<Self, RegistryError> {
        let models = Self(Arc::new(Inner {
            loader: Loader {
                registry,
                inference,
                dir,
            },
            snapshot: ArcSwap::default(),
            lines: Mutex::default(),
            deploying: tokio::sync::Mutex::default(),
            shadows: Arc::new(Semaphore::new(shadow::AT_ONCE)),
            metering: Metering::default(),
        }));
        models.refresh().await?;
        Ok(models)
    }

    /// Takes over what was registered and deployed since. Calls that run keep the model they have.
    ///
    /// # Errors
    /// [`RegistryError`] when the database does not answer; what is known stays.
    pub async fn refresh(&self) -> Result<(), RegistryError> {
        let _turn = self.0.deploying.lock().await;
        // At once: the reading takes longer than what it finds.
        let deployed = self.0.loader.registry.all_model_deployments();
        let ((), deployed) = tokio::try_join!(self.reread(), deployed)?;
        self.take_over(deployed).await
    }

    /// Reads what is registered, deployments left aside.
    pub(crate) async fn reread(&self) -> Result<(), RegistryError> {
        let snapshot = Snapshot::read(&self.0.loader.registry).await?;
        self.0.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    pub(crate) fn loader(&self) -> &Loader {
        &self.0.loader
    }

    /// What counts the use of a model of the tenant.
    pub(crate) fn meter(&self, tenant: &TenantId, name: &Name) -> Meter {
        self.0.metering.meter(tenant, name)
    }

    /// Writes what models were used since the last time; [`Models::supervise`] does it every few seconds.
    pub async fn flush(&self) {
        let models = self.clone();
        // To its end, whoever stops waiting: what was written and not taken note of would be written again.
        let writing = tokio::spawn(async move {
            if let Err(error) = models.0.metering.flush(&models.0.loader.registry).await {
                tracing::warn!(%error, "what models were used is not written; it is tried again");
            }
        });
        let _ = writing.await;
    }

    pub(crate) fn shadows(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.shadows)
    }

    pub(crate) async fn turn_to_deploy(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.deploying.lock().await
    }

    /// The version that a reference names, whatever is deployed.
    pub(crate) fn find(
        &self,
        tenant: &TenantId,
        model: &ModelRef,
    ) -> Result<Arc<ModelVersion>, ModelError> {
        self.0.snapshot.load().find(tenant, model)
    }

    /// What answers the bare name of a model, whether it was ever deployed or not.
    pub(crate) fn line(&self, tenant: &TenantId, name: &Name) -> Arc<Line> {
        let mut lines = self.0.lines.lock();
        let line = lines
            .entry((tenant.clone(), name.clone()))
            .or_insert_with(|| Arc::new(Line::new(tenant.clone(), name.clone())));
        Arc::clone(line)
    }

    /// Every model that was opened by its bare name or deployed.
    pub(crate) fn lines(&self) -> Vec<Arc<Line>> {
        self.0.lines.lock().values().cloned().collect()
    }

    /// What a reference means now, for a bare name the stable version of its deployment. No SQL: it is
    /// looked up in memory.
    ///
    /// # Errors
    /// [`ModelError::NoSuch`]
    pub fn resolve(&self, tenant: &TenantId, model: &ModelRef) -> Result<Resolved, ModelError> {
        let known = self.find(tenant, model)?;
        if is_bare(model)
            && let Some(deployed) = self.line(tenant, &model.name).current()
        {
            return Ok(Resolved {
                version: Arc::clone(&deployed.stable.version),
                variant: deployed.stable.target.variant.clone(),
            });
        }
        Ok(Resolved {
            version: known,
            variant: model.variant.clone(),
        })
    }

    /// The weights of the tenant whose graph is these bytes, whatever they are called: several where the same
    /// graph was pushed more than once. The bytes are never read as a graph. They are compared by their size
    /// and, where the tenant has a graph of that size, by their digest; other calls get their turn meanwhile.
    pub async fn with_graph(&self, tenant: &TenantId, bytes: &[u8]) -> Vec<Named> {
        let snapshot = self.0.snapshot.load_full();
        let of_size = snapshot.graphs(tenant, bytes.len() as u64);
        if of_size.is_empty() {
            return Vec::new();
        }
        let mut digest = Sha256::new();
        for piece in bytes.chunks(HASHED_AT_ONCE) {
            digest.update(piece);
            tokio::task::yield_now().await;
        }
        let digest: [u8; 32] = digest.finalize().into();
        let digest = Digest::from(digest);
        let same = of_size.iter().filter(|(known, _)| *known == digest);
        same.map(|(_, named)| named.clone()).collect()
    }

    /// Opens a model for calls of the tenant: at once when it is loaded, else after its files are laid
    /// out and read.
    ///
    /// # Errors
    /// Every [`ModelError`].
    pub async fn open(&self, tenant: &TenantId, model: &ModelRef) -> Result<OpenModel, ModelError> {
        let resolved = self.resolve(tenant, model)?;
        let line = is_bare(model).then(|| self.line(tenant, &model.name));
        let deployed = line.as_ref().and_then(|line| line.current());
        let stable = deployed.filter(|deployed| deployed.stable.target == resolved.target());
        let loaded = match &stable {
            Some(deployed) => deployed.stable.ready(&self.0.loader).await?.clone(),
            None => {
                let variant = resolved.variant.as_ref();
                self.0.loader.load(&resolved.version, variant).await?
            }
        };
        Ok(OpenModel::new(
            self.clone(),
            Fixed {
                model: loaded,
                resolved,
            },
            line,
        ))
    }

    /// Tries whether files in the artifact store make a model that can serve, before it is registered. Where this host
    /// cannot tell, for want of ONNX Runtime or of memory, the log says so and the model passes: another host may.
    ///
    /// # Errors
    /// [`ModelError::Inference`] that is [of the model](ModelError::is_of_model); [`ModelError::Registry`]
    pub async fn try_out(
        &self,
        graph: &ArtifactRef,
        tokenizer: Option<&ArtifactRef>,
        config: &ModelConfig,
    ) -> Result<(), ModelError> {
        let loader = &self.0.loader;
        let files = loader.fetch(graph, tokenizer).await?;
        match loader.inference.try_out(&files, config).await {
            Err(error) if error.is_of_model() => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "a model is registered without having been tried");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// What a classifier whose files are in the artifact store says of texts, before it is registered.
    ///
    /// # Errors
    /// [`ModelError::Inference`]; [`ModelError::Registry`]
    pub async fn try_classify(
        &self,
        graph: &ArtifactRef,
        tokenizer: Option<&ArtifactRef>,
        config: &ModelConfig,
        texts: &[String],
    ) -> Result<Vec<Vec<LabelScore>>, ModelError> {
        let loader = &self.0.loader;
        let files = loader.fetch(graph, tokenizer).await?;
        Ok(loader.inference.try_classify(&files, config, texts).await?)
    }

    /// Loads a model and makes a small call, so that the first caller does not wait.
    ///
    /// # Errors
    /// Every [`ModelError`].
    pub async fn load(&self, tenant: &TenantId, model: &ModelRef) -> Result<Resolved, ModelError> {
        let resolved = self.resolve(tenant, model)?;
        let variant = resolved.variant.as_ref();
        let loaded = self.0.loader.load(&resolved.version, variant).await?;
        warm_up(&loaded).await?;
        Ok(resolved)
    }

    /// The models in memory, of all tenants.
    pub fn loaded(&self) -> Vec<LoadedModel> {
        self.0.loader.inference.loaded()
    }

    /// What each model in memory has done, of all tenants.
    pub fn stats(&self) -> Vec<ModelStats> {
        self.0.loader.inference.stats()
    }

    /// Takes a model out of memory: a bare name means every version and variant of it. Calls that run
    /// finish. Says how many there were.
    ///
    /// # Errors
    /// [`ModelError::NoSuch`]; [`ModelError::Deployed`], since what is deployed stays in memory.
    pub fn unload(&self, tenant: &TenantId, model: &ModelRef) -> Result<usize, ModelError> {
        let resolved = self.resolve(tenant, model)?;
        let deployed = self.line(tenant, &model.name).current();
        let wanted = key(tenant, &model.name, &resolved.target());
        let every = format!("{tenant}/{}@", model.name);
        let meant = |key: &str| match is_bare(model) {
            true => key.starts_with(&every),
            false => key == wanted,
        };
        let kept: Vec<String> = deployed
            .iter()
            .flat_map(|deployed| deployed.targets())
            .map(|target| key(tenant, &model.name, &target.target))
            .collect();
        if kept.iter().any(|key| meant(key)) {
            let model = model.clone();
            return Err(ModelError::Deployed { model });
        }
        let inference = &self.0.loader.inference;
        let loaded = inference.loaded().into_iter();
        let unloaded = loaded.filter(|model| meant(&model.key) && inference.unload(&model.key));
        Ok(unloaded.count())
    }

    /// Lays out the files of a version, or of one of its variants, where ONNX Runtime can read them.
    pub(crate) async fn lay_out(
        &self,
        resolved: &Resolved,
    ) -> Result<(ModelFiles, ModelConfig), ModelError> {
        let variant = resolved.variant.as_ref();
        self.0.loader.lay_out(&resolved.version, variant).await
    }
}

/// Whether a reference leaves it to the deployment which version answers.
fn is_bare(model: &ModelRef) -> bool {
    model.selector.is_none() && model.variant.is_none()
}
