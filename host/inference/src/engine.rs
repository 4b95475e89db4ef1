//! Which models are loaded.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::classify::LabelScore;
use crate::config::{ModelConfig, ModelFiles, Task};
use crate::device::{Device, DeviceChoice, GpuConfig};
use crate::error::InferenceError;
use crate::graph::check_file;
use crate::machine::Machine;
use crate::memory::{Loaded, Room};
use crate::model::{Model, blocking};
use crate::prune::{Pruned, Pruning, prune};
use crate::quantize::{Quantization, Quantized, quantize};
use crate::stats::ModelStats;

/// How long a load waits for the calls of the models that make room for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it looks whether they have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How to run models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferenceConfig {
    /// The file of ONNX Runtime's shared library. `None` looks for it: `ORT_DYLIB_PATH` alone when that is set, else
    /// `.steward/lib` under the current folder, beside the executable, `../lib` from there, and the system's places.
    pub library: Option<PathBuf>,
    /// How many batches of one model are computed at a time, each by a thread of its own; 0 is one for each core.
    pub threads: usize,
    /// The most models in memory, at least 1. One more, and the one that was not asked for the longest is unloaded;
    /// [pinned](Model::pinned) ones stay.
    pub max_loaded: usize,
    /// The most bytes that models take together; none is no limit. One that needs more makes those go that were not
    /// asked for the longest, and is refused where the pinned ones leave too little. What the runs of a loaded model
    /// come to need later counts when the next is loaded. On a GPU this bounds what is beside it.
    pub memory_bytes: Option<u64>,
    /// What models are computed on.
    pub device: DeviceChoice,
    /// What is wanted of a GPU, where one is used.
    pub gpu: GpuConfig,
}

impl Default for InferenceConfig {
    fn default() -> Self {
        Self {
            library: None,
            threads: 0,
            max_loaded: 16,
            memory_bytes: None,
            device: DeviceChoice::Auto,
            gpu: GpuConfig::default(),
        }
    }
}

/// The models of this host. Clones share them.
#[derive(Clone)]
pub struct Inference(Arc<Inner>);

struct Inner {
    machine: Arc<Machine>,
    max_loaded: usize,
    memory_bytes: Option<u64>,
    models: Mutex<Loaded>,
    /// Held by whoever makes a variant: two at a time would measure each other.
    quantizing: tokio::sync::Mutex<()>,
}

/// A model in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedModel {
    /// The key that it was loaded under.
    pub key: String,
    /// The size of its files; see [`Model::bytes`].
    pub bytes: u64,
    /// What it takes in memory; see [`Model::memory_bytes`].
    pub memory_bytes: u64,
    /// What it computes.
    pub task: Task,
}

impl Inference {
    /// Remembers how to run models. Loads nothing, not even ONNX Runtime.
    pub fn new(config: InferenceConfig) -> Self {
        let cores = match config.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let machine = Machine::new(config.library, config.device, config.gpu, cores);
        Self(Arc::new(Inner {
            machine: Arc::new(machine),
            max_loaded: config.max_loaded.max(1),
            memory_bytes: config.memory_bytes,
            models: Mutex::default(),
            quantizing: tokio::sync::Mutex::default(),
        }))
    }

    /// The version of ONNX Runtime and the device that it computes on, both of which are looked for if they were not
    /// (blocking, about 30 ms once, or a second with a GPU).
    ///
    /// # Errors
    /// [`InferenceError::Library`] and [`InferenceError::Device`]
    pub fn library_status(&self) -> Result<(String, Device), InferenceError> {
        let runtime = self.0.machine.runtime()?;
        Ok((runtime.version, runtime.placement.device))
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
        let mut promise = None;
        let loaded = cell
            .get_or_try_init(|| async {
                let bytes = files.bytes().await;
                promise = Some(self.promise(bytes).await?);
                let machine = Arc::clone(&self.0.machine);
                let model = Model::open(key, machine, files, config).await?;
                drop(promise.take());
                let measured = model.memory_bytes();
                promise = Some(self.promise(measured).await?);
                tracing::info!(key, task = %config.task, memory_bytes = measured, "loaded model");
                Ok(model)
            })
            .await
            .cloned();
        drop((cell, promise));
        self.0.models.lock().tidy(self.0.max_loaded);
        loaded
    }

    /// Opens a model and closes it again, to know whether it can serve: its graph, its tokenizer, its labels, and a
    /// trial with its longest text.
    ///
    /// # Errors
    /// As [`Inference::load`]; [`InferenceError::is_of_model`] tells whether the model is to blame or the host.
    pub async fn try_out(
        &self,
        files: &ModelFiles,
        config: &ModelConfig,
    ) -> Result<(), InferenceError> {
        // What can be seen without ONNX Runtime comes first: it is refused also where that is missing.
        let path = files.model.clone();
        blocking(move || {
            check_file(&path).map_err(|reason| InferenceError::ModelFile { path, reason })
        })
        .await?;
        self.open_aside(files, config).await.map(drop)
    }

    /// Opens a classifier, asks it about texts, and closes it again: what it says before anybody relies on it.
    ///
    /// # Errors
    /// As [`Inference::load`] and [`Model::classify`].
    pub async fn try_classify(
        &self,
        files: &ModelFiles,
        config: &ModelConfig,
        texts: &[String],
    ) -> Result<Vec<Vec<LabelScore>>, InferenceError> {
        let (model, _promise) = self.open_aside(files, config).await?;
        let mut answers = Vec::with_capacity(texts.len());
        for batch in texts.chunks(256) {
            answers.extend(model.classify(batch, None).await?);
        }
        Ok(answers)
    }

    /// A model that nobody else finds, and the memory that is promised to it for as long as it is open.
    async fn open_aside(
        &self,
        files: &ModelFiles,
        config: &ModelConfig,
    ) -> Result<(Model, Promise<'_>), InferenceError> {
        let promise = self.promise(files.bytes().await).await?;
        let model = Model::open("", Arc::clone(&self.0.machine), files, config).await?;
        Ok((model, promise))
    }

    /// Promises memory to a model that is being loaded, once the calls of those that make room have ended.
    async fn promise(&self, needed: u64) -> Result<Promise<'_>, InferenceError> {
        let limit = self.0.memory_bytes.unwrap_or(u64::MAX);
        let patience = Instant::now() + PATIENCE;
        loop {
            let room = self.0.models.lock().promise(needed, limit)?;
            if room == Room::Promised {
                return Ok(Promise {
                    models: &self.0.models,
                    needed,
                });
            }
            if Instant::now() >= patience {
                return Err(InferenceError::Overloaded {
                    retry_after: PATIENCE,
                });
            }
            // Runners let go of a model at some moment after its last call; nobody is told.
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The model of `key` if it is in memory.
    pub fn get(&self, key: &str) -> Option<Model> {
        self.0.models.lock().get(key)
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
        let machine = Arc::clone(&self.0.machine);
        let (files, config) = (files.clone(), config.clone());
        blocking(move || {
            let runtime = machine.runtime()?;
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
        let machine = Arc::clone(&self.0.machine);
        let (files, config) = (files.clone(), config.clone());
        blocking(move || {
            let runtime = machine.runtime()?;
            prune(&runtime, &files, &config, &wanted)
        })
        .await
    }

    /// Forgets the model of `key` and says whether there was one. Calls that are running finish; the memory is free
    /// after the last of them.
    pub fn unload(&self, key: &str) -> bool {
        self.0.models.lock().remove(key)
    }

    /// What each model in memory has done since it was loaded, by key.
    pub fn stats(&self) -> Vec<ModelStats> {
        let models = self.0.models.lock();
        let loaded = models.models();
        let mut stats: Vec<ModelStats> = loaded.map(|(_, model)| model.stats()).collect();
        stats.sort_by(|a, b| a.key.cmp(&b.key));
        stats
    }

    /// The models in memory, by key.
    pub fn loaded(&self) -> Vec<LoadedModel> {
        let models = self.0.models.lock();
        let loaded = models.models().map(|(key, model)| LoadedModel {
            key: key.to_owned(),
            bytes: model.bytes(),
            memory_bytes: model.memory_bytes(),
            task: model.config().task,
        });
        let mut loaded: Vec<LoadedModel> = loaded.collect();
        loaded.sort_by(|a, b| a.key.cmp(&b.key));
        loaded
    }
}

/// Memory that is kept for a model until it counts itself.
struct Promise<'a> {
    models: &'a Mutex<Loaded>,
    needed: u64,
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        self.models.lock().settle(self.needed);
    }
}
