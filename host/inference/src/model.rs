//! A model that is ready to answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::classify::Prototypes;
use crate::config::{ModelConfig, ModelFiles, Task};
use crate::error::InferenceError;
use crate::graph::Shape;
use crate::queue::Caller;
use crate::reduce::Reduce;
use crate::session::{Opening, Session, stopped};
use crate::stats::{ModelStats, Stats};
use crate::tokenize::{Row, Tokenizer};

/// The most texts of one call.
pub const MAX_TEXTS: usize = 4096;
/// The longest text of a call, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// The most bytes of all texts of one call together.
pub const MAX_CALL_BYTES: usize = 64 << 20;
/// The most windows that the texts of one token classification may be cut into; see [`ModelConfig::max_tokens`].
pub const MAX_WINDOWS: usize = 4096;

/// A loaded model, as one [`Caller`] meets it. Clones share the model.
///
/// Calls may come from any number of tasks at once. The texts of all of them meet in one queue, and are computed
/// with others of about their length. What waits of a call whose future is dropped leaves the queue.
#[derive(Clone)]
pub struct Model {
    config: Arc<ModelConfig>,
    pub(crate) tokenizer: Arc<Tokenizer>,
    session: Arc<Session>,
    bytes: u64,
    pub(crate) prototypes: Arc<Prototypes>,
    caller: Caller,
}

impl Model {
    pub(crate) async fn open(
        key: &str,
        library: Option<PathBuf>,
        runners: usize,
        files: &ModelFiles,
        config: &ModelConfig,
    ) -> Result<Self, InferenceError> {
        config.validate()?;
        let path = files
            .tokenizer
            .clone()
            .ok_or_else(|| InferenceError::Tokenizer {
                path: files.model.with_file_name("tokenizer.json"),
                reason: format!(
                    "the task `{}` reads text and needs a tokenizer; none was given",
                    config.task
                ),
            })?;
        let mut bytes = 0;
        for file in [&files.model, &path] {
            bytes += tokio::fs::metadata(file)
                .await
                .map_or(0, |metadata| metadata.len());
        }
        let wanted = config.clone();
        let tokenizer = blocking(move || Tokenizer::open(&path, &wanted)).await?;
        let opening = Opening {
            stats: Arc::new(Stats::new(key.to_owned())),
            library,
            model: files.model.clone(),
            runners,
            task: config.task,
            reduce: Reduce::of(config),
            delay: Duration::from_millis(config.max_delay_ms.into()),
            padding: tokenizer.padding,
            probes: probes(&tokenizer, config),
        };
        let session = Session::open(opening).await?;
        let (labels, outputs) = (config.labels.len(), session.shape().size);
        if config.task != Task::Embed && labels != outputs {
            return Err(InferenceError::Config(format!(
                "{labels} labels are listed and the model has {outputs} outputs; each output needs its label"
            )));
        }
        Ok(Self {
            config: Arc::new(config.clone()),
            tokenizer: Arc::new(tokenizer),
            session: Arc::new(session),
            bytes,
            prototypes: Arc::default(),
            caller: Caller::interactive(""),
        })
    }

    /// The same model for calls of somebody else.
    pub fn with_caller(&self, caller: Caller) -> Self {
        Self {
            caller,
            ..self.clone()
        }
    }

    /// What the model was loaded with.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// How many numbers an embedding has; `None` for a classifier.
    pub fn dimensions(&self) -> Option<usize> {
        (self.config.task == Task::Embed).then_some(self.shape().size)
    }

    /// The size of the model's files. Weights that are stored in fewer bits than they are computed in take more
    /// memory than this.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the model has done since it was loaded.
    pub fn stats(&self) -> ModelStats {
        self.session.read_stats()
    }

    pub(crate) fn shape(&self) -> Shape {
        self.session.shape()
    }

    /// Refuses a task that is not the model's own.
    pub(crate) fn require(&self, task: Task) -> Result<(), InferenceError> {
        if self.config.task == task {
            return Ok(());
        }
        Err(InferenceError::InvalidInput(format!(
            "this model's task is `{}`; it cannot do `{task}`",
            self.config.task
        )))
    }

    /// The beginning of each text as token numbers.
    pub(crate) async fn rows(&self, texts: &[String]) -> Result<Vec<Row>, InferenceError> {
        check(texts)?;
        let (tokenizer, texts) = (Arc::clone(&self.tokenizer), texts.to_vec());
        self.tokenized(blocking(move || {
            texts.iter().map(|text| tokenizer.row(text)).collect()
        }))
        .await
    }

    /// Counts how long texts took to become tokens.
    pub(crate) async fn tokenized<T>(&self, work: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let done = work.await;
        self.session.stats().tokenize.observe(start.elapsed());
        done
    }

    /// Lets all rows be computed, in whatever order and company, and hands each position and its answer to `take`.
    pub(crate) async fn run(
        &self,
        rows: Vec<Row>,
        mut take: impl FnMut(usize, Vec<f32>),
    ) -> Result<(), InferenceError> {
        let mut left = rows.len();
        let mut call = self
            .session
            .submit(&self.caller, rows.into_iter().enumerate())?;
        while let Some((position, answer)) = call.next().await {
            take(position, answer?);
            left -= 1;
        }
        if left > 0 { Err(stopped()) } else { Ok(()) }
    }
}

/// Two batches that tell whether a model can serve: one small with distinct measures, one as long as it may get.
pub(crate) fn probes(tokenizer: &Tokenizer, config: &ModelConfig) -> Vec<Batch> {
    let row = |length: usize| Row {
        ids: vec![tokenizer.highest; length],
        types: vec![0; length],
    };
    let (short, long) = (row(3), row(config.max_tokens as usize));
    vec![
        Batch::of(&[&short, &short], tokenizer.padding),
        Batch::of(&[&long], tokenizer.padding),
    ]
}

/// Refuses a call that is larger than one call may be.
pub(crate) fn check(texts: &[String]) -> Result<(), InferenceError> {
    if texts.len() > MAX_TEXTS {
        return Err(InferenceError::InvalidInput(format!(
            "{} texts are more than the limit of {MAX_TEXTS} for one call",
            texts.len()
        )));
    }
    if let Some((index, text)) = texts
        .iter()
        .enumerate()
        .find(|(_, text)| text.len() > MAX_TEXT_BYTES)
    {
        return Err(InferenceError::InvalidInput(format!(
            "text {index} has {} bytes, more than the limit of {MAX_TEXT_BYTES}",
            text.len()
        )));
    }
    let total: usize = texts.iter().map(String::len).sum();
    if total > MAX_CALL_BYTES {
        return Err(InferenceError::InvalidInput(format!(
            "the texts have {total} bytes together, more than the limit of {MAX_CALL_BYTES} for one call"
        )));
    }
    Ok(())
}

/// Runs work that takes a while off the threads that serve requests.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, InferenceError> + Send + 'static,
) -> Result<T, InferenceError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| InferenceError::Run(format!("the work was cut off: {error}")))?
}
