//! A model that is ready to answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::classify::Prototypes;
use crate::config::{ModelConfig, ModelFiles, Task, file_bytes};
use crate::error::InferenceError;
use crate::graph::Shape;
use crate::machine::Machine;
use crate::memory::{Footprint, Pin, Pins};
use crate::queue::Caller;
use crate::reduce::Reduce;
use crate::session::{Opening, Session, stopped};
use crate::stats::{ModelStats, Stats};
use crate::tensors::{self, ElementType, Port, Signature, Tensors};
use crate::tokenize::{Row, Tokenizer};

/// The most texts of one call.
pub const MAX_TEXTS: usize = 4096;
/// The longest text of a call, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// The most bytes of all texts of one call together.
pub const MAX_CALL_BYTES: usize = 64 << 20;
/// The most windows that the texts of one call may be cut into; see [`ModelConfig::long_text`].
pub const MAX_WINDOWS: usize = 4096;

/// A loaded model, as one [`Caller`] meets it. Clones share the model.
///
/// Calls may come from any number of tasks at once. The texts of all of them meet in one queue, and are computed
/// with others of about their length. What waits of a call whose future is dropped leaves the queue.
#[derive(Clone)]
pub struct Model {
    config: Arc<ModelConfig>,
    serves: Serves,
    bytes: u64,
    footprint: Footprint,
    pins: Pins,
    /// Where this clone is one that stays.
    _pin: Option<Arc<Pin>>,
    pub(crate) prototypes: Arc<Prototypes>,
    caller: Caller,
}

/// What computes the answers.
#[derive(Clone)]
enum Serves {
    Texts(Arc<Texts>),
    Tensors(Arc<Tensors>),
}

/// What computes answers about texts.
pub(crate) struct Texts {
    pub(crate) tokenizer: Tokenizer,
    session: Session,
}

impl Model {
    pub(crate) async fn open(
        key: &str,
        machine: Arc<Machine>,
        files: &ModelFiles,
        config: &ModelConfig,
    ) -> Result<Self, InferenceError> {
        config.validate()?;
        let stats = Arc::new(Stats::new(key.to_owned()));
        let serves = match config.task {
            Task::Tensors => {
                let opening = tensors::Opening {
                    stats,
                    machine,
                    model: files.model.clone(),
                };
                Serves::Tensors(Arc::new(Tensors::open(opening, config).await?))
            }
            _ => {
                let texts = Texts::open(stats, machine, files, config).await?;
                Serves::Texts(Arc::new(texts))
            }
        };
        let session = match &serves {
            Serves::Texts(texts) => texts.session.held(),
            Serves::Tensors(tensors) => tensors.held(),
        };
        let beside = match &files.tokenizer {
            Some(file) => file_bytes(file).await,
            None => 0,
        };
        Ok(Self {
            config: Arc::new(config.clone()),
            serves,
            bytes: files.bytes().await,
            footprint: Footprint { session, beside },
            pins: Pins::default(),
            _pin: None,
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
        match &self.serves {
            Serves::Texts(texts) if self.config.task == Task::Embed => Some(texts.shape().size),
            _ => None,
        }
    }

    /// What the model takes and gives as tensors.
    ///
    /// One of the task `tensors` has what its file declares. The others take `text` (and `text_pair`), a text for each
    /// row, and give `embedding` (rows × dimensions), `scores` (rows × labels, in the order of the labels, or rows × 1
    /// for pairs without labels), or `entities` (for each row a text).
    pub fn signature(&self) -> Cow<'_, Signature> {
        match &self.serves {
            Serves::Tensors(tensors) => Cow::Borrowed(tensors.signature()),
            Serves::Texts(texts) => Cow::Owned(texts.signature(&self.config)),
        }
    }

    /// The size of the model's files.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the model takes in memory now: its weights as they are computed with, and the space of its runs, which
    /// grows to what the largest of them needed. On a GPU, what is beside it.
    pub fn memory_bytes(&self) -> u64 {
        self.footprint.bytes()
    }

    /// The same model, kept in memory as long as what is given back or a clone of it lives, whoever else needs room.
    pub fn pinned(&self) -> Self {
        Self {
            _pin: Some(Arc::new(self.pins.pin())),
            ..self.clone()
        }
    }

    pub(crate) fn is_pinned(&self) -> bool {
        self.pins.any()
    }

    pub(crate) fn footprint(&self) -> &Footprint {
        &self.footprint
    }

    /// What the model has done since it was loaded.
    pub fn stats(&self) -> ModelStats {
        match &self.serves {
            Serves::Texts(texts) => texts.session.read_stats(),
            Serves::Tensors(tensors) => tensors.read_stats(),
        }
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What reads texts, where the model does.
    pub(crate) fn texts(&self) -> Result<&Arc<Texts>, InferenceError> {
        match &self.serves {
            Serves::Texts(texts) => Ok(texts),
            Serves::Tensors(_) => Err(InferenceError::InvalidInput(
                "this model's task is `tensors`; it reads no text".into(),
            )),
        }
    }

    /// What takes tensors, where the model does.
    pub(crate) fn tensors(&self) -> Result<&Tensors, InferenceError> {
        match &self.serves {
            Serves::Tensors(tensors) => Ok(tensors),
            Serves::Texts(_) => Err(InferenceError::InvalidInput(format!(
                "this model's task is `{}`; it takes no tensors but texts",
                self.config.task
            ))),
        }
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

    /// Lets all rows be computed, in whatever order and company, and hands each position and its answer to `take`.
    pub(crate) async fn run(
        &self,
        rows: Vec<Row>,
        mut take: impl FnMut(usize, Vec<f32>),
    ) -> Result<(), InferenceError> {
        let mut left = rows.len();
        let tokens: usize = rows.iter().map(|row| row.ids.len()).sum();
        let mut call = self
            .texts()?
            .session
            .submit(&self.caller, rows.into_iter().enumerate())?;
        while let Some((position, answer)) = call.next().await {
            take(position, answer?);
            left -= 1;
        }
        if left > 0 {
            return Err(stopped());
        }
        for meter in &self.caller.meters {
            meter.computed(tokens as u64);
        }
        Ok(())
    }
}

impl Texts {
    async fn open(
        stats: Arc<Stats>,
        machine: Arc<Machine>,
        files: &ModelFiles,
        config: &ModelConfig,
    ) -> Result<Self, InferenceError> {
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
        let wanted = config.clone();
        let tokenizer = blocking(move || Tokenizer::open(&path, &wanted)).await?;
        let opening = Opening {
            stats,
            machine,
            model: files.model.clone(),
            task: config.task,
            reduce: Reduce::of(config),
            delay: Duration::from_millis(config.max_delay_ms.into()),
            padding: tokenizer.padding,
            probes: probes(&tokenizer, config),
        };
        let session = Session::open(opening).await?;
        let (labels, outputs) = (config.labels.len(), session.shape().size);
        let labelled = match config.task {
            Task::Embed => true,
            // A single output is a score and needs no name.
            Task::ScorePairs => labels == outputs || (labels == 0 && outputs == 1),
            _ => labels == outputs,
        };
        if !labelled {
            return Err(InferenceError::Config(format!(
                "{labels} labels are listed and the model has {outputs} outputs; each output needs its label"
            )));
        }
        Ok(Self { tokenizer, session })
    }

    /// Does work that makes tokens of texts, off the threads that serve requests, and counts how long it took.
    pub(crate) async fn tokenized<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Tokenizer) -> Result<T, InferenceError> + Send + 'static,
    ) -> Result<T, InferenceError> {
        let (start, texts) = (Instant::now(), Arc::clone(&self));
        let done = blocking(move || work(&texts.tokenizer)).await;
        self.session.stats().tokenize.observe(start.elapsed());
        done
    }

    pub(crate) fn shape(&self) -> &Shape {
        self.session.shape()
    }

    fn signature(&self, config: &ModelConfig) -> Signature {
        let text = |name: &str| Port::new(name, ElementType::String, vec![-1]);
        let numbers = |name: &str| {
            let width = i64::try_from(self.shape().size).unwrap_or(i64::MAX);
            Port::new(name, ElementType::F32, vec![-1, width])
        };
        let mut inputs = vec![text("text")];
        if config.task == Task::ScorePairs {
            inputs.push(text("text_pair"));
        }
        let output = match config.task {
            Task::Embed => numbers("embedding"),
            Task::ClassifyTokens => text("entities"),
            _ => numbers("scores"),
        };
        Signature {
            inputs,
            outputs: vec![output],
            ..Signature::default()
        }
    }
}

/// Two batches that tell whether a model can serve: one small with distinct measures, one as long as it may get.
pub(crate) fn probes(tokenizer: &Tokenizer, config: &ModelConfig) -> Vec<Batch> {
    let row = |length: usize| {
        let mut types = vec![0; length];
        // The tokens of the second text of a pair are of another type.
        if config.task == Task::ScorePairs
            && let Some(last) = types.last_mut()
        {
            *last = 1;
        }
        Row {
            ids: vec![tokenizer.highest; length],
            types,
        }
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
