//! The thread that owns a graph, and the queue before it.
//!
//! ONNX Runtime computes one batch of a session at a time, with as many threads as it was given: a session has one
//! owner, and everybody else sends it batches. This queue is where calls of different callers meet, so it is the
//! place for a scheduler that puts small batches together.

use std::path::PathBuf;
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::batch::Batch;
use crate::config::Task;
use crate::error::InferenceError;
use crate::graph::{Graph, Output, Shape};
use crate::library;

/// How many batches may wait for a session. Each caller has one in the queue at a time, so this is how many callers
/// wait; the last of them waits for minutes already.
const QUEUE: usize = 1024;

/// What a session is opened with.
pub(crate) struct Opening {
    /// Where to find the library; see [`library::open`].
    pub(crate) library: Option<PathBuf>,
    /// The ONNX file.
    pub(crate) model: PathBuf,
    pub(crate) threads: usize,
    pub(crate) task: Task,
    /// Batches to try before the session counts as open; see [`Graph::open`].
    pub(crate) probes: Vec<Batch>,
}

/// A graph that runs on its own thread. The thread ends when the session is dropped and its queue is empty.
pub(crate) struct Session {
    queue: mpsc::Sender<Job>,
    shape: Shape,
}

struct Job {
    batch: Batch,
    reply: oneshot::Sender<Result<Output, InferenceError>>,
}

impl Session {
    pub(crate) async fn open(opening: Opening) -> Result<Self, InferenceError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (opened, opens) = oneshot::channel();
        thread::Builder::new()
            .name("steward-model".into())
            .spawn(move || own(opening, opened, jobs))
            .map_err(|error| InferenceError::Run(format!("no thread for the model: {error}")))?;
        let shape = opens.await.map_err(|_| stopped())??;
        Ok(Self { queue, shape })
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Computes one batch when its turn comes. A batch whose caller has gone away by then is left out.
    pub(crate) async fn run(&self, batch: Batch) -> Result<Output, InferenceError> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send(Job { batch, reply })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => InferenceError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => stopped(),
            })?;
        answer.await.map_err(|_| stopped())?
    }
}

fn own(
    opening: Opening,
    opened: oneshot::Sender<Result<Shape, InferenceError>>,
    mut jobs: mpsc::Receiver<Job>,
) {
    let Opening {
        library,
        model,
        threads,
        task,
        probes,
    } = opening;
    let graph = library::open(library.as_deref()).and_then(|runtime| {
        Graph::open(&runtime, &model, threads, task, &probes).map_err(|reason| {
            InferenceError::ModelFile {
                path: model,
                reason,
            }
        })
    });
    let mut graph = match graph {
        Ok(graph) => graph,
        Err(error) => {
            // Whoever asked may have gone away; there is nobody else to tell.
            let _ = opened.send(Err(error));
            return;
        }
    };
    if opened.send(Ok(graph.shape())).is_err() {
        return;
    }
    while let Some(Job { batch, reply }) = jobs.blocking_recv() {
        if !reply.is_closed() {
            // As above: a caller that went away during the run does not want the answer.
            let _ = reply.send(graph.run(&batch).map_err(InferenceError::Run));
        }
    }
}

fn stopped() -> InferenceError {
    InferenceError::Run("the thread of the model has stopped".into())
}
