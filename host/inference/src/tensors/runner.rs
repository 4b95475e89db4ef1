//! The threads that run a model's graph and take calls from its queue.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Instant;

use tokio::sync::oneshot;

use super::graph::Graph;
use super::sequence::Sequences;
use super::signature::Signature;
use super::tensor::Tensor;
use crate::config::ModelConfig;
use crate::error::InferenceError;
use crate::library::Runtime;
use crate::machine::Machine;
use crate::queue::{Batching, Caller, Queue, Work};
use crate::session::{serve, spawn, stopped};
use crate::shared::SharedSession;
use crate::stats::{ModelStats, Stats};

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
pub(crate) struct Opening {
    /// What is counted of it.
    pub(crate) stats: Arc<Stats>,
    /// What it is computed with.
    pub(crate) machine: Arc<Machine>,
    /// The ONNX file.
    pub(crate) model: PathBuf,
}

/// A model's queue and its runners, and the states that it keeps. The runners end when this is dropped and the queue
/// is empty.
pub(crate) struct Tensors {
    queue: Queue<Job>,
    stats: Arc<Stats>,
    held: Weak<SharedSession>,
    pub(super) signature: Signature,
    pub(super) sequences: Sequences,
}

impl Tensors {
    /// Loads the graph and starts the runners.
    pub(crate) async fn open(
        opening: Opening,
        config: &ModelConfig,
    ) -> Result<Self, InferenceError> {
        let (model, stats) = (opening.model.clone(), Arc::clone(&opening.stats));
        let (opened, opens) = oneshot::channel();
        spawn(move || first(opening, opened))?;
        let (queue, signature, held) = opens.await.map_err(|_| stopped())??;
        // From here on the queue is closed when this is dropped.
        let tensors = Self {
            queue,
            stats,
            held,
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

    /// What holds the memory of the graph.
    pub(crate) fn held(&self) -> Weak<SharedSession> {
        self.held.clone()
    }

    /// What was counted, and how many calls wait.
    pub(crate) fn read_stats(&self) -> ModelStats {
        ModelStats {
            waiting: self.queue.waiting() as u64,
            ..self.stats.read()
        }
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

fn open(opening: &Opening) -> Result<(Graph, Signature, Runtime), InferenceError> {
    let runtime = opening.machine.runtime()?;
    let opened = Graph::open(&runtime, &opening.model);
    let (graph, signature) = opened.map_err(|reason| InferenceError::ModelFile {
        path: opening.model.clone(),
        reason,
    })?;
    Ok((graph, signature, runtime))
}

type Opened = Result<(Queue<Job>, Signature, Weak<SharedSession>), InferenceError>;

fn first(opening: Opening, opened: oneshot::Sender<Opened>) {
    let (graph, signature, runtime) = match open(&opening) {
        Ok(opened) => opened,
        Err(error) => {
            // Whoever asked may have gone away; there is nobody else to tell.
            let _ = opened.send(Err(error));
            return;
        }
    };
    let device = runtime.placement.device;
    let _ = opening.stats.device.set(device);
    let queue = Queue::new(Batching::on(device), Arc::clone(&opening.stats));
    if opened
        .send(Ok((queue.clone(), signature, graph.held())))
        .is_err()
    {
        return;
    }
    let runners = opening.machine.runners(&runtime);
    let runner = Runner {
        graph,
        queue,
        stats: opening.stats,
    };
    serve(runners, move || runner.serve());
}

/// What the threads of a model share.
struct Runner {
    graph: Graph,
    queue: Queue<Job>,
    stats: Arc<Stats>,
}

impl Runner {
    fn serve(&self) {
        while let Some(waiting) = self.queue.take() {
            let size = waiting.iter().map(|waiting| waiting.work.size()).sum();
            let start = Instant::now();
            for waiting in waiting {
                let start = Instant::now();
                waiting.answer_with(|Job { inputs, outputs }| {
                    let answer = self.graph.run(inputs, &outputs);
                    self.stats.computed(1, 0, 0, start.elapsed());
                    answer.map_err(InferenceError::Run)
                });
            }
            self.queue.computed(size, start.elapsed());
        }
    }
}
