//! The threads that run a model's graph and take batches from its queue.
//!
//! There are as many as cores, and each computes its batch alone: so they never wait for each other, and compute more
//! texts a second than one run with all cores at a time. The graph is one for all of them, weights and all.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::batch::Batch;
use crate::config::Task;
use crate::error::InferenceError;
use crate::graph::{Graph, Shape};
use crate::library::Runtime;
use crate::machine::Machine;
use crate::queue::{Batching, Call, Caller, Queue, Waiting};
use crate::reduce::Reduce;
use crate::shared::SharedSession;
use crate::stats::{ModelStats, Stats};
use crate::tokenize::Row;

/// What a session is opened with.
#[derive(Clone)]
pub(crate) struct Opening {
    /// What is counted of it.
    pub(crate) stats: Arc<Stats>,
    /// What it is computed with.
    pub(crate) machine: Arc<Machine>,
    /// The ONNX file.
    pub(crate) model: PathBuf,
    pub(crate) task: Task,
    pub(crate) reduce: Reduce,
    /// See [`ModelConfig::max_delay_ms`](crate::ModelConfig::max_delay_ms).
    pub(crate) delay: Duration,
    /// What fills the places after the end of a short row.
    pub(crate) padding: u32,
    /// Batches to try before the session counts as open; see [`Graph::open`].
    pub(crate) probes: Vec<Batch>,
}

/// A model's queue and its runners. They end when the session is dropped and the queue is empty.
pub(crate) struct Session {
    queue: Queue,
    shape: Shape,
    stats: Arc<Stats>,
    held: Weak<SharedSession>,
}

impl Session {
    /// Loads the graph, tries whether it can serve, and starts the runners.
    pub(crate) async fn open(opening: Opening) -> Result<Self, InferenceError> {
        let (opened, opens) = oneshot::channel();
        spawn(move || first(opening, opened))?;
        opens.await.map_err(|_| stopped())?
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What holds the memory of the graph.
    pub(crate) fn held(&self) -> Weak<SharedSession> {
        self.held.clone()
    }

    /// What was counted, and how many rows wait.
    pub(crate) fn read_stats(&self) -> ModelStats {
        ModelStats {
            waiting: self.queue.waiting() as u64,
            ..self.stats.read()
        }
    }

    /// Lets rows wait for their turn; see [`Queue::submit`].
    pub(crate) fn submit(
        &self,
        caller: &Caller,
        rows: impl ExactSizeIterator<Item = (usize, Row)>,
    ) -> Result<Call, InferenceError> {
        self.queue.submit(caller, rows)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.queue.close();
    }
}

pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), InferenceError> {
    thread::Builder::new()
        .name("steward-model".into())
        .spawn(work)
        .map(drop)
        .map_err(|error| InferenceError::Run(format!("no thread for the model: {error}")))
}

/// Serves on so many threads, of which this one is the first, until each of them is done.
pub(crate) fn serve(runners: usize, work: impl Fn() + Send + Sync + 'static) {
    let work = Arc::new(work);
    for _ in 1..runners {
        let another = Arc::clone(&work);
        if let Err(error) = spawn(move || another()) {
            tracing::warn!(%error, "a model runs with fewer threads than it might");
        }
    }
    work();
}

fn open(opening: &Opening) -> Result<(Graph, Runtime), InferenceError> {
    let runtime = opening.machine.runtime()?;
    let graph = Graph::open(
        &runtime,
        &opening.model,
        opening.task,
        opening.reduce,
        &opening.probes,
    )
    .map_err(|reason| InferenceError::ModelFile {
        path: opening.model.clone(),
        reason,
    })?;
    Ok((graph, runtime))
}

/// The first runner, which is also the one that loads.
fn first(opening: Opening, opened: oneshot::Sender<Result<Session, InferenceError>>) {
    let (graph, runtime) = match open(&opening) {
        Ok(opened) => opened,
        Err(error) => {
            // Whoever asked may have gone away; there is nobody else to tell.
            let _ = opened.send(Err(error));
            return;
        }
    };
    let shape = graph.shape();
    let stats = opening.stats;
    let device = runtime.placement.device;
    let _ = stats.device.set(device);
    let batching = Batching {
        masked: shape.masked,
        delay: opening.delay,
        ..Batching::on(device)
    };
    let queue = Queue::new(batching, Arc::clone(&stats));
    let session = Session {
        held: graph.held(),
        queue: queue.clone(),
        shape,
        stats: Arc::clone(&stats),
    };
    if opened.send(Ok(session)).is_err() {
        return;
    }
    let runner = Runner {
        graph,
        queue,
        stats,
        padding: opening.padding,
    };
    serve(opening.machine.runners(&runtime), move || runner.serve());
}

/// What the threads of a model share.
struct Runner {
    graph: Graph,
    queue: Queue,
    stats: Arc<Stats>,
    padding: u32,
}

impl Runner {
    fn serve(&self) {
        while let Some(waiting) = self.queue.take() {
            let tokens = waiting.iter().map(|waiting| waiting.work.ids.len()).sum();
            let start = Instant::now();
            self.compute(waiting);
            self.queue.computed(tokens, start.elapsed());
        }
    }

    /// Computes rows together. Where that fails, each by itself: one caller's row is no fault of the others.
    fn compute(&self, waiting: Vec<Waiting>) {
        let rows: Vec<&Row> = waiting.iter().map(|waiting| &waiting.work).collect();
        let batch = Batch::of(&rows, self.padding);
        let start = Instant::now();
        let outputs = self.graph.run(&batch);
        let (tokens, cells) = (batch.lengths.iter().sum(), batch.ids.len());
        self.stats
            .computed(batch.rows, tokens, cells, start.elapsed());
        match outputs {
            Ok(outputs) => {
                for (waiting, output) in waiting.into_iter().zip(outputs) {
                    waiting.answer(output.map_err(InferenceError::Run));
                }
            }
            Err(reason) if waiting.len() == 1 => {
                for waiting in waiting {
                    waiting.answer(Err(InferenceError::Run(reason.clone())));
                }
            }
            Err(_) => {
                for waiting in waiting {
                    self.compute(vec![waiting]);
                }
            }
        }
    }
}

pub(crate) fn stopped() -> InferenceError {
    InferenceError::Run("the thread of the model has stopped".into())
}
