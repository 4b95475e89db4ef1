//! [`Runs`]: the whole of it.

mod definitions;
mod lifecycle;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use steward_registry::workflows::{Run, RunWrite};
use steward_registry::{Digest, Registry, RegistryError};
use steward_secrets::Vault;
use steward_telemetry::{Span, Telemetry, TraceContext};
use steward_triggers::Events;
use steward_workflow::Workflow as Definition;
use tokio::sync::Notify;
use ulid::Ulid;

use crate::Identity;
use crate::effects::Effects;
use crate::held::InMemory;
use crate::writer::{Writer, Written};

/// What can be set from outside.
#[derive(Debug)]
pub struct RunsConfig {
    /// Who this host is.
    pub identity: Identity,
    /// How long runs are kept that completed or were cancelled; none means for ever.
    pub retention: Option<Duration>,
    /// Runs that this host has in memory at the same time.
    pub at_once: usize,
    /// Who is told of runs and their steps.
    pub telemetry: Option<Telemetry>,
}

impl Default for RunsConfig {
    fn default() -> Self {
        Self {
            identity: Identity::once(),
            retention: Some(Duration::from_secs(30 * 24 * 3600)),
            at_once: 512,
            telemetry: None,
        }
    }
}

/// How a run is started.
#[derive(Debug, Clone, Default)]
pub struct Begin {
    /// The version to follow; none means the one that was applied last.
    pub version: Option<semver::Version>,
    /// What makes the same start the same run.
    pub key: Option<String>,
    /// The input.
    pub input: Value,
    /// The span that starts it: the run goes on with its trace. None: the run begins one.
    pub span: Option<TraceContext>,
}

/// Totals of this host since it started, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunsStats {
    /// Runs that are in memory now.
    pub in_memory: usize,
    /// Runs that were started here.
    pub started: u64,
    /// Runs that ended here.
    pub ended: u64,
    /// Records that were written to journals.
    pub records: u64,
    /// Runs whose end somebody here waits for.
    pub watched: usize,
}

/// Workflows and their runs. Cheap to clone.
#[derive(Clone)]
pub struct Runs(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    registry: Registry,
    events: Events,
    vault: Vault,
    effects: Arc<dyn Effects>,
    pub(crate) config: RunsConfig,
    pub(crate) writer: Writer,
    /// Runs in memory.
    pub(crate) held: Mutex<InMemory>,
    /// Definitions that were read. By digest: a version of a workflow that was removed may be written again as another one.
    definitions: Mutex<HashMap<Digest, Definition>>,
    /// Who waits for the end of a run.
    waiting: Mutex<HashMap<Ulid, Arc<Notify>>>,
    /// There may be a run to take.
    pub(crate) news: Notify,
    /// A run left memory.
    pub(crate) left: Notify,
    pub(crate) ending: AtomicBool,
    started: AtomicU64,
    ended: AtomicU64,
    records: AtomicU64,
}

impl Runs {
    /// Takes up what this host had when it ended. Nothing goes on until [`Runs::run`].
    ///
    /// # Errors
    /// [`RegistryError`]
    pub async fn start(
        registry: Registry,
        events: Events,
        vault: Vault,
        effects: Arc<dyn Effects>,
        config: RunsConfig,
    ) -> Result<Self, RegistryError> {
        if config.identity.again {
            let had = registry.reclaim_runs(&config.identity.id).await?;
            if had > 0 {
                tracing::info!(
                    runs = had,
                    "taking up runs that this host had when it ended"
                );
            }
        }
        Ok(Self(Arc::new(Inner {
            registry,
            events,
            vault,
            effects,
            config,
            writer: Writer::new(),
            held: Mutex::default(),
            definitions: Mutex::default(),
            waiting: Mutex::default(),
            news: Notify::new(),
            left: Notify::new(),
            ending: AtomicBool::new(false),
            started: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            records: AtomicU64::new(0),
        })))
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(crate) fn events(&self) -> &Events {
        &self.0.events
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.0.vault
    }

    pub(crate) fn effects(&self) -> &dyn Effects {
        &*self.0.effects
    }

    pub(crate) fn host(&self) -> &str {
        &self.0.config.identity.id
    }

    /// Totals of this host.
    pub fn stats(&self) -> RunsStats {
        RunsStats {
            in_memory: self.0.held.lock().len(),
            started: self.0.started.load(Ordering::Relaxed),
            ended: self.0.ended.load(Ordering::Relaxed),
            records: self.0.records.load(Ordering::Relaxed),
            watched: self.0.waiting.lock().len(),
        }
    }

    pub(crate) fn telemetry(&self) -> Option<&Telemetry> {
        self.0.config.telemetry.as_ref()
    }

    /// Tells the collector of a span, where there is one and the span is to be told of.
    pub(crate) fn tell(&self, context: TraceContext, span: impl FnOnce() -> Span) {
        if let Some(telemetry) = self.telemetry().filter(|_| context.is_sampled()) {
            telemetry.span(span());
        }
    }

    /// Hands in what happened in a run.
    pub(crate) async fn write(&self, write: RunWrite) -> Written {
        let records = write.entries.len() as u64;
        let written = self.0.writer.write(write).await;
        if written == Written::Done {
            self.0.records.fetch_add(records, Ordering::Relaxed);
        }
        written
    }

    /// Has a run look at what came in, if it is in memory here.
    pub(crate) fn wake(&self, run: Ulid) {
        if let Some(handle) = self.0.held.lock().get(run) {
            handle.wake();
        }
    }

    /// Tells everybody here who waits for it.
    pub(crate) fn has_ended(&self, run: &Run) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
        if let Some(waiting) = self.0.waiting.lock().get(&run.id) {
            waiting.notify_waiters();
        }
        if let Some(parent) = run.parent {
            self.wake(parent);
            self.0.news.notify_one();
        }
    }
}
