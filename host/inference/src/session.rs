//! The threads that own a model's graphs, one each, and take batches from its queue.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::batch::Batch;
use crate::config::Task;
use crate::error::InferenceError;
use crate::graph::{Graph, Shape};
use crate::library;
use crate::queue::{Call, Caller, Queue, Waiting};
use crate::reduce::Reduce;
use crate::tokenize::Row;

/// How many graphs to run at a time, and with how many threads each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Width {
    pub(crate) runners: usize,
    pub(crate) threads: usize,
}

impl Width {
    /// Runners of one thread each compute more texts a second than one runner with all threads: they never wait for
    /// each other. But each has its weights, so that a large model gets fewer, with more threads each.
    pub(crate) fn of(cores: usize, model_bytes: u64) -> Self {
        /// Beyond this, the weights of all runners are too much.
        const MOST_BYTES: u64 = 2 << 30;
        let cores = cores.max(1);
        let fit = usize::try_from(MOST_BYTES / model_bytes.max(1)).unwrap_or(usize::MAX);
        let runners = fit.clamp(1, cores);
        Self {
            runners,
            threads: cores / runners,
        }
    }
}

/// What a session is opened with.
#[derive(Clone)]
pub(crate) struct Opening {
    /// Where to find the library; see [`library::open`].
    pub(crate) library: Option<PathBuf>,
    /// The ONNX file.
    pub(crate) model: PathBuf,
    pub(crate) width: Width,
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
}

impl Session {
    /// Opens the first runner's graph, which tries whether the model can serve; the others follow in the background.
    pub(crate) async fn open(opening: Opening) -> Result<Self, InferenceError> {
        let (opened, opens) = oneshot::channel();
        spawn(move || first(opening, opened))?;
        opens.await.map_err(|_| stopped())?
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
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

fn open(opening: &Opening, probes: &[Batch]) -> Result<Graph, InferenceError> {
    let runtime = library::open(opening.library.as_deref())?;
    let threads = opening.width.threads;
    Graph::open(
        &runtime,
        &opening.model,
        threads,
        opening.task,
        opening.reduce,
        probes,
    )
    .map_err(|reason| InferenceError::ModelFile {
        path: opening.model.clone(),
        reason,
    })
}

fn first(opening: Opening, opened: oneshot::Sender<Result<Session, InferenceError>>) {
    let graph = match open(&opening, &opening.probes) {
        Ok(graph) => graph,
        Err(error) => {
            // Whoever asked may have gone away; there is nobody else to tell.
            let _ = opened.send(Err(error));
            return;
        }
    };
    let shape = graph.shape();
    let queue = Queue::new(shape.masked, opening.delay);
    let session = Session {
        queue: queue.clone(),
        shape,
    };
    if opened.send(Ok(session)).is_err() {
        return;
    }
    for _ in 1..opening.width.runners {
        let (opening, queue) = (opening.clone(), queue.clone());
        let another = spawn(move || match open(&opening, &opening.probes[..1]) {
            Ok(graph) => serve(graph, &queue, opening.padding),
            Err(error) => tracing::warn!(%error, "a model runs with fewer runners than it might"),
        });
        if let Err(error) = another {
            tracing::warn!(%error, "a model runs with fewer runners than it might");
        }
    }
    serve(graph, &queue, opening.padding);
}

fn serve(mut graph: Graph, queue: &Queue, padding: u32) {
    while let Some(waiting) = queue.take() {
        let tokens = waiting.iter().map(|waiting| waiting.work.ids.len()).sum();
        let start = Instant::now();
        compute(&mut graph, waiting, padding);
        queue.computed(tokens, start.elapsed());
    }
}

/// Computes rows together. Where that fails, each by itself: one caller's row is no fault of the others.
fn compute(graph: &mut Graph, waiting: Vec<Waiting>, padding: u32) {
    let rows: Vec<&Row> = waiting.iter().map(|waiting| &waiting.work).collect();
    match graph.run(&Batch::of(&rows, padding)) {
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
                compute(graph, vec![waiting], padding);
            }
        }
    }
}

pub(crate) fn stopped() -> InferenceError {
    InferenceError::Run("the thread of the model has stopped".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_models_get_a_runner_for_each_core_and_large_ones_fewer() {
        let width = |cores, mib: u64| {
            let Width { runners, threads } = Width::of(cores, mib << 20);
            (runners, threads)
        };
        assert_eq!(width(2, 90), (2, 1));
        assert_eq!(width(16, 90), (16, 1));
        assert_eq!(width(16, 500), (4, 4));
        assert_eq!(width(16, 5000), (1, 16));
        assert_eq!(width(0, 0), (1, 1));
    }
}
