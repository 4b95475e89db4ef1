//! Which models are loaded.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::config::{ModelConfig, ModelFiles, Task};
use crate::error::InferenceError;
use crate::library;
use crate::model::{Model, blocking};
use crate::prune::{Pruned, Pruning, prune};
use crate::quantize::{Quantization, Quantized, quantize};
use crate::stats::ModelStats;

/// How to run models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferenceConfig {
    /// The file of ONNX Runtime's shared library. `None` looks for it: `ORT_DYLIB_PATH` alone when that is set, else
    /// `.steward/lib` under the current folder, beside the executable, `../lib` from there, and the system's places.
    pub library: Option<PathBuf>,
    /// How many batches of one model are computed at a time, each by a thread of its own; 0 is one for each core.
    pub threads: usize,
    /// The most models in memory, at least 1. One more, and the one that was not asked for the longest is unloaded.
    pub max_loaded: usize,
}

impl Default for InferenceConfig {
    fn default() -> Self {
        Self {
            library: None,
            threads: 0,
            max_loaded: 16,
        }
    }
}

/// The models of this host. Clones share them.
#[derive(Clone)]
pub struct Inference(Arc<Inner>);

struct Inner {
    config: InferenceConfig,
    models: Mutex<Models>,
    /// Held by whoever makes a variant: two at a time would measure each other.
    quantizing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Models {
    slots: HashMap<String, Slot>,
    /// Counts uses, to order them.
    clock: u64,
}

/// A model, or one that is being loaded: whoever comes first loads it, the others wait for the same cell.
struct Slot {
    cell: Arc<OnceCell<Model>>,
    used: u64,
}

/// A model in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedModel {
    /// The key that it was loaded under.
    pub key: String,
    /// The size of its files; see [`Model::bytes`].
    pub bytes: u64,
    /// What it computes.
    pub task: Task,
}

impl Inference {
    /// Remembers how to run models. Loads nothing, not even ONNX Runtime.
    pub fn new(config: InferenceConfig) -> Self {
        Self(Arc::new(Inner {
            config,
            models: Mutex::default(),
            quantizing: tokio::sync::Mutex::default(),
        }))
    }

    /// The version of ONNX Runtime, which is loaded if it was not (blocking, about 30 ms once).
    pub fn library_status(&self) -> Result<String, InferenceError> {
        library::open(self.0.config.library.as_deref()).map(|runtime| runtime.version)
    }

    /// The model of `key`, loaded from `files` if it is not in memory.
    ///
    /// A key stands for one immutable version of a model: a second load with the same key answers with the first,
    /// whatever files it names. Calls at the same time share one load. A load that fails can be tried again.
    pub async fn load(
        &self,
        key: &str,
        files: &ModelFiles,
        config: &ModelConfig,
    ) -> Result<Model, InferenceError> {
        let cell = self.0.models.lock().enter(key);
        let loaded = cell
            .get_or_try_init(|| async {
                let (library, threads) = (self.0.config.library.clone(), self.0.threads());
                let model = Model::open(key, library, threads, files, config).await?;
                tracing::info!(key, task = %config.task, "loaded model");
                Ok(model)
            })
            .await
            .cloned();
        drop(cell);
        self.0
            .models
            .lock()
            .tidy(key, self.0.config.max_loaded.max(1));
        loaded
    }

    /// The model of `key` if it is in memory.
    pub fn get(&self, key: &str) -> Option<Model> {
        let mut models = self.0.models.lock();
        let now = models.tick();
        let slot = models.slots.get_mut(key)?;
        let model = slot.cell.get().cloned()?;
        slot.used = now;
        Some(model)
    }

    /// Makes a variant of a model and measures it beside the original: seconds to minutes on one core, one after the
    /// other.
    pub async fn quantize(
        &self,
        files: &ModelFiles,
        config: &ModelConfig,
        wanted: Quantization,
    ) -> Result<Quantized, InferenceError> {
        let _turn = self.0.quantizing.lock().await;
        let library = self.0.config.library.clone();
        let (files, config) = (files.clone(), config.clone());
        blocking(move || {
            let runtime = library::open(library.as_deref())?;
            quantize(&runtime, &files, &config, &wanted)
        })
        .await
    }

    /// Makes a variant with the smallest weights zero and measures it beside the original, one after the other.
    pub async fn prune(
        &self,
        files: &ModelFiles,
        config: &ModelConfig,
        wanted: Pruning,
    ) -> Result<Pruned, InferenceError> {
        let _turn = self.0.quantizing.lock().await;
        let library = self.0.config.library.clone();
        let (files, config) = (files.clone(), config.clone());
        blocking(move || {
            let runtime = library::open(library.as_deref())?;
            prune(&runtime, &files, &config, &wanted)
        })
        .await
    }

    /// Forgets the model of `key` and says whether there was one. Calls that are running finish; the memory is free
    /// after the last of them.
    pub fn unload(&self, key: &str) -> bool {
        let slot = self.0.models.lock().slots.remove(key);
        slot.is_some_and(|slot| slot.cell.initialized())
    }

    /// What each model in memory has done since it was loaded, by key.
    pub fn stats(&self) -> Vec<ModelStats> {
        let models = self.0.models.lock();
        let loaded = models.slots.values().filter_map(|slot| slot.cell.get());
        let mut stats: Vec<ModelStats> = loaded.map(Model::stats).collect();
        stats.sort_by(|a, b| a.key.cmp(&b.key));
        stats
    }

    /// The models in memory, by key.
    pub fn loaded(&self) -> Vec<LoadedModel> {
        let models = self.0.models.lock();
        let loaded = models.slots.iter().filter_map(|(key, slot)| {
            let model = slot.cell.get()?;
            Some(LoadedModel {
                key: key.clone(),
                bytes: model.bytes(),
                task: model.config().task,
            })
        });
        let mut loaded: Vec<LoadedModel> = loaded.collect();
        loaded.sort_by(|a, b| a.key.cmp(&b.key));
        loaded
    }
}

impl Inner {
    fn threads(&self) -> usize {
        match self.config.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

impl Models {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn enter(&mut self, key: &str) -> Arc<OnceCell<Model>> {
        let now = self.tick();
        let slot = self.slots.entry(key.to_owned()).or_insert_with(|| Slot {
            cell: Arc::default(),
            used: now,
        });
        slot.used = now;
        Arc::clone(&slot.cell)
    }

    /// Drops cells whose load failed or was given up, and the models beyond `most`, the just loaded `key` excepted.
    fn tidy(&mut self, key: &str, most: usize) {
        self.slots
            .retain(|_, slot| slot.cell.initialized() || Arc::strong_count(&slot.cell) > 1);
        while self
            .slots
            .values()
            .filter(|slot| slot.cell.initialized())
            .count()
            > most
        {
            let others = self
                .slots
                .iter()
                .filter(|(other, slot)| *other != key && slot.cell.initialized());
            let Some(oldest) = others
                .min_by_key(|(_, slot)| slot.used)
                .map(|(key, _)| key.clone())
            else {
                break;
            };
            self.slots.remove(&oldest);
            tracing::info!(
                key = oldest,
                "unloaded the model that was not asked for the longest"
            );
        }
    }
}
