//! The threads that own a model's graphs, one each, and take calls from its queue.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::graph::Graph;
use super::sequence::Sequences;
use super::signature::Signature;
use super::tensor::Tensor;
use crate::config::ModelConfig;
use crate::error::InferenceError;
use crate::library;
use crate::queue::{Caller, Queue, Work};
use crate::session::{Width, spawn, stopped};

/// The inputs of a call, which have been checked, and the names of the outputs that it wants.
pub(super) struct Job {
    pub(super) inputs: Vec<Tensor>,
    pub(super) outputs: Vec<String>,
}

/// Calls are computed one by one: whether the first side of a tensor is one of rows is not to be seen from outside.
/// Their size is the bytes of their inputs, of which the work is some multiple.
impl Work for Job {
    type Output = Vec<Tensor>;

    const MAX_WAITING: usize = 4096;
    const MAX_SIZE: u64 = 512 << 20;
    const TOGETHER: usize = 1;

    fn size(&self) -> usize {
        let bytes: usize = self.inputs.iter().map(|input| input.data.bytes()).sum();
        bytes.max(1)
    }
}

/// What a model is opened with.
#[derive(Clone)]
pub(crate) struct Opening {
    /// Where to find the library; see [`library::open`].
    pub(crate) library: Option<PathBuf>,
    /// The ONNX file.
    pub(crate) model: PathBuf,
    pub(crate) width: Width,
}

/// A model's queue and its runners, and the states that it keeps. The runners end when this is dropped and the queue
/// is empty.
pub(crate) struct Tensors {
    queue: Queue<Job>,
    pub(super) signature: Signature,
    pub(super) sequences: Sequences,
}

impl Tensors {
    /// Opens the first runner's graph; the others follow in the background.
    pub(crate) async fn open(
        opening: Opening,
        config: &ModelConfig,
    ) -> Result<Self, InferenceError> {
        let model = opening.model.clone();
        let (opened, opens) = oneshot::channel();
        spawn(move || first(opening, opened))?;
        let (queue, signature) = opens.await.map_err(|_| stopped())??;
        // From here on the queue is closed when this is dropped.
        let tensors = Self {
            queue,
            sequences: Sequences::new(config, &signature),
            signature,
        };
        tensors
            .signature
            .check(config)
            .map_err(|reason| InferenceError::ModelFile {
                path: model,
                reason,
            })?;
        Ok(tensors)
    }

    /// What the model takes and gives.
    pub(crate) fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Lets a call wait for its turn, and for its answer.
    pub(super) async fn compute(
        &self,
        caller: &Caller,
        job: Job,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let mut call = self.queue.submit(caller, [(0, job)].into_iter())?;
        match call.next().await {
            Some((_, answer)) => answer,
            None => Err(stopped()),
        }
    }
}

impl Drop for Tensors {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn open(opening: &Opening) -> Result<(Graph, Signature), InferenceError> {
    let runtime = library::open(opening.library.as_deref())?;
    Graph::open(&runtime, &opening.model, opening.width.threads).map_err(|reason| {
        InferenceError::ModelFile {
            path: opening.model.clone(),
            reason,
        }
    })
}

type Opened = Result<(Queue<Job>, Signature), InferenceError>;

fn first(opening: Opening, opened: oneshot::Sender<Opened>) {
    let (graph, signature) = match open(&opening) {
        Ok(opened) => opened,
        Err(error) => {
            // Whoever asked may have gone away; there is nobody else to tell.
            let _ = opened.send(Err(error));
            return;
        }
    };
    let queue = Queue::new(false, Duration::ZERO);
    if opened.send(Ok((queue.clone(), signature))).is_err() {
        return;
    }
    for _ in 1..opening.width.runners {
        let (opening, queue) = (opening.clone(), queue.clone());
        let another = spawn(move || match open(&opening) {
            Ok((graph, _)) => serve(graph, &queue),
            Err(error) => tracing::warn!(%error, "a model runs with fewer runners than it might"),
        });
        if let Err(error) = another {
            tracing::warn!(%error, "a model runs with fewer runners than it might");
        }
    }
    serve(graph, &queue);
}

fn serve(mut graph: Graph, queue: &Queue<Job>) {
    while let Some(waiting) = queue.take() {
        let size = waiting.iter().map(|waiting| waiting.work.size()).sum();
        let start = Instant::now();
        for waiting in waiting {
            waiting.answer_with(|Job { inputs, outputs }| {
                graph.run(inputs, &outputs).map_err(InferenceError::Run)
            });
        }
        queue.computed(size, start.elapsed());
    }
}
