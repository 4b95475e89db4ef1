//! The thread that draws noise.
//!
//! OpenDP's mechanisms cannot leave the thread that built them, and drawing is work that no thread of the
//! asynchronous runtime should do. A panic ends the question that caused it and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::{mpsc, oneshot};

use crate::PrivacyError;

/// Questions that may wait; who comes later waits to be let in.
const WAITING: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// A handle of the thread, which ends with it.
pub(crate) struct Worker {
    jobs: mpsc::Sender<Job>,
}

impl Worker {
    pub(crate) fn start() -> std::io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<Job>(WAITING);
        std::thread::Builder::new()
            .name("privacy".into())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job();
                }
            })?;
        Ok(Self { jobs })
    }

    /// Runs this on the thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        draw: impl FnOnce() -> Result<T, PrivacyError> + Send + 'static,
    ) -> Result<T, PrivacyError> {
        let gone = || PrivacyError::Mechanism("the thread that draws noise is gone".into());
        let (answer, answered) = oneshot::channel();
        let job = move || {
            // What the closure owns is dropped with it: nobody sees it half changed.
            let drawn = catch_unwind(AssertUnwindSafe(draw))
                // Its words may hold data: they are not repeated.
                .unwrap_or_else(|_| Err(PrivacyError::Mechanism("the mechanism failed".into())));
            // Whoever asked may have gone.
            let _ = answer.send(drawn);
        };
        self.jobs.send(Box::new(job)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_question() {
        let worker = Worker::start().unwrap();
        let failed = worker
            .run::<()>(|| std::panic::panic_any("the secret 42".to_owned()))
            .await;
        let words = failed.unwrap_err().to_string();
        assert!(!words.contains("42"), "{words}");
        assert_eq!(worker.run(|| Ok(1)).await.unwrap(), 1);
    }
}
