//! A deployed function, as a request meets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use steward_capabilities::policy::Face;
use steward_registry::{FunctionRevision, World};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::FunctionsError;
use crate::ready::Ready;
use crate::rollout::Trial;

/// An error of a streamed body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer of a `wasi:http` function, streamed.
pub type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;

/// Calls of one function that may wait for their turn; more are turned away.
const MAX_WAITING: u32 = 1000;

/// A deployed function. Found by [`crate::Functions::find`]; keeps answering from its revision
/// while a new one is put in its place.
pub struct Function {
    pub(crate) revision: FunctionRevision,
    pub(crate) world: World,
    /// Versions with the upper end of their share, 1 to 100.
    pub(crate) targets: Vec<(u32, Arc<Ready>)>,
    pub(crate) turns: Arc<Turns>,
    /// The version on trial.
    pub(crate) trial: Option<Arc<Trial>>,
}

/// Who may run: the limit of the function and the limit of the host.
pub(crate) struct Turns {
    function: Arc<Semaphore>,
    host: Arc<Semaphore>,
    waiting: AtomicU32,
}

/// The right to run, given back when dropped.
pub(crate) struct Turn {
    _function: OwnedSemaphorePermit,
    _host: OwnedSemaphorePermit,
}

impl Turns {
    pub(crate) fn new(concurrency: u32, host: Arc<Semaphore>) -> Self {
        Self {
            function: Arc::new(Semaphore::new(concurrency as usize)),
            host,
            waiting: AtomicU32::new(0),
        }
    }

    async fn take(&self) -> Result<Turn, FunctionsError> {
        // The quick way, without a look at the queue.
        if let (Ok(function), Ok(host)) = (
            self.function.clone().try_acquire_owned(),
            self.host.clone().try_acquire_owned(),
        ) {
            return Ok(Turn {
                _function: function,
                _host: host,
            });
        }
        let busy = || FunctionsError::Busy {
            retry_after: Duration::from_secs(1),
        };
        let _queued = Queued::enter(&self.waiting).ok_or_else(busy)?;
        // Neither semaphore is ever closed.
        let function = self
            .function
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| busy())?;
        let host = self
            .host
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| busy())?;
        Ok(Turn {
            _function: function,
            _host: host,
        })
    }
}

/// One place in the queue; left also when the caller goes away.
struct Queued<'a>(&'a AtomicU32);

impl<'a> Queued<'a> {
    fn enter(waiting: &'a AtomicU32) -> Option<Self> {
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let queued = Self(waiting);
        (before < MAX_WAITING).then_some(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Function {
    /// The kind of its plugin.
    pub fn world(&self) -> World {
        self.world
    }

    /// What is deployed.
    pub fn revision(&self) -> &FunctionRevision {
        &self.revision
    }

    /// Whether it answers to [`Function::call`] (typed) or to [`Function::handle`] (`wasi:http`).
    pub fn is_typed(&self) -> bool {
        self.targets
            .first()
            .is_some_and(|(_, ready)| ready.face == Face::Typed)
    }

    pub(crate) async fn turn(&self) -> Result<Turn, FunctionsError> {
        self.turns.take().await
    }
}
