//! Weights that are deployed: in memory or on their way there, and watched.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use steward_inference::Model;
use steward_registry::{ModelTarget, ModelVersion};

use crate::ModelError;
use crate::files::{Loader, warm_up};
use crate::watch::Watch;

/// How long after a load that failed the next is tried, and how much longer after each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Weights that a deployment names.
///
/// What it holds stays in memory as long as it is deployed, whatever else is loaded and forgotten.
pub(crate) struct Target {
    pub(crate) target: ModelTarget,
    pub(crate) version: Arc<ModelVersion>,
    pub(crate) watch: Watch,
    model: OnceLock<Model>,
    /// Held by whoever loads.
    loading: tokio::sync::Mutex<()>,
    failure: Mutex<Option<Failure>>,
}

/// A load that failed.
#[derive(Clone)]
struct Failure {
    reason: String,
    /// Whether another model would have been loaded.
    own_fault: bool,
    again: Instant,
    pause: Duration,
}

impl Target {
    pub(crate) fn new(target: ModelTarget, version: Arc<ModelVersion>, watch: Watch) -> Self {
        Self {
            target,
            version,
            watch,
            model: OnceLock::new(),
            loading: tokio::sync::Mutex::default(),
            failure: Mutex::default(),
        }
    }

    /// The model, if it is in memory and warm.
    pub(crate) fn model(&self) -> Option<&Model> {
        self.model.get()
    }

    /// The model, loaded and warmed up where it was not.
    pub(crate) async fn ready(&self, loader: &Loader) -> Result<&Model, ModelError> {
        if let Some(model) = self.model() {
            return Ok(model);
        }
        let _turn = self.loading.lock().await;
        if let Some(model) = self.model() {
            return Ok(model);
        }
        let loaded = async {
            let variant = self.target.variant.as_ref();
            let model = loader.load(&self.version, variant).await?.pinned();
            warm_up(&model).await?;
            Ok::<Model, ModelError>(model)
        };
        match loaded.await {
            Ok(model) => {
                *self.failure.lock() = None;
                Ok(self.model.get_or_init(|| model))
            }
            Err(error) => {
                let mut failure = self.failure.lock();
                let pause = failure.as_ref().map_or(FIRST_PAUSE, |f| f.pause * 2);
                let pause = pause.min(LONGEST_PAUSE);
                *failure = Some(Failure {
                    reason: error.to_string(),
                    own_fault: error.is_of_model(),
                    again: Instant::now() + pause,
                    pause,
                });
                Err(error)
            }
        }
    }

    /// Whether it is worth trying to load it now.
    pub(crate) fn wants_loading(&self) -> bool {
        let failure = self.failure.lock();
        self.model.get().is_none()
            && self.loading.try_lock().is_ok()
            && failure.as_ref().is_none_or(|f| f.again <= Instant::now())
    }

    /// Why it is not in memory, where a load failed.
    pub(crate) fn load_failure(&self) -> Option<String> {
        self.failure.lock().as_ref().map(|f| f.reason.clone())
    }

    /// Whether it cannot be loaded and another could.
    pub(crate) fn is_broken(&self) -> bool {
        self.failure.lock().as_ref().is_some_and(|f| f.own_fault)
    }
}
