//! [`Functions`]: the whole of it.

mod deploy;
mod refresh;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use steward_capabilities::{Capabilities, InvocationId, LogBook, LogLine};
use steward_engine::Engine;
use steward_invocations::{Invocation, VersionStats};
use steward_registry::{Manifest, Name, PluginVersion, Registry, Supplied, TenantId};

pub(crate) use self::refresh::{CONCURRENCY, QUEUE};
use crate::books::Books;
use crate::metering::{FunctionStats, Metering};
use crate::pinned::Pinned;
use crate::publish::{Inspection, inspection};
use crate::ready::Host;
use crate::snapshot::Snapshot;
use crate::tenants::TenantPolicy;
use crate::{Function, FunctionsError};

/// How often the registry is asked whether another node or a command changed something.
const REFRESH: Duration = Duration::from_millis(500);
/// How often counted use is written.
const FLUSH: Duration = Duration::from_secs(5);
/// Publishes, deploys and calls. Cheap to clone.
#[derive(Clone)]
pub struct Functions(Arc<Inner>);

struct Inner {
    host: Arc<Host>,
    snapshot: ArcSwap<Snapshot>,
    /// Held while the snapshot is rebuilt: writers come one after the other, readers never wait.
    rebuilding: tokio::sync::Mutex<i64>,
    metering: Metering,
    books: Books,
    kept: Pinned,
}

impl Functions {
    /// Reads what is deployed, makes it ready, and keeps both up to date in the background until
    /// the last clone is dropped. `capabilities` is what guests may use: [`Capabilities`], or models alone.
    ///
    /// # Errors
    /// [`FunctionsError::Registry`] when the database does not answer. A function that cannot be
    /// made ready does not keep the others from being served.
    pub async fn start(
        registry: Registry,
        engine: Engine,
        capabilities: impl Into<Capabilities>,
    ) -> Result<Self, FunctionsError> {
        Self::start_with(registry, engine, capabilities, TenantPolicy::default()).await
    }

    /// The same with limits of tenants.
    ///
    /// # Errors
    /// Those of [`Functions::start`].
    pub async fn start_with(
        registry: Registry,
        engine: Engine,
        capabilities: impl Into<Capabilities>,
        tenants: TenantPolicy,
    ) -> Result<Self, FunctionsError> {
        let host = Arc::new(Host::new(engine, registry, capabilities.into(), tenants));
        let functions = Self(Arc::new(Inner {
            host,
            snapshot: ArcSwap::default(),
            rebuilding: tokio::sync::Mutex::new(-1),
            metering: Metering::default(),
            books: Books::default(),
            kept: Pinned::default(),
        }));
        functions.refresh().await?;
        functions.keep_up_to_date();
        Ok(functions)
    }

    pub(crate) fn host(&self) -> &Arc<Host> {
        &self.0.host
    }

    fn keep_up_to_date(&self) {
        let inner = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let mut flushed = tokio::time::Instant::now();
            loop {
                tokio::time::sleep(REFRESH).await;
                let Some(inner) = inner.upgrade() else { return };
                let functions = Functions(inner);
                functions.0.snapshot.load().sweep();
                functions.sweep_pinned();
                functions.sweep_books();
                if let Err(error) = functions.refresh().await {
                    tracing::warn!(%error, "what is deployed could not be read; serving what is known");
                }
                functions.supervise().await;
                if flushed.elapsed() >= FLUSH {
                    flushed = tokio::time::Instant::now();
                    functions.flush().await;
                }
            }
        });
    }

    async fn flush(&self) {
        if let Err(error) = self.0.metering.flush(&self.0.host.registry).await {
            tracing::warn!(%error, "usage not written; it stays counted");
        }
    }

    pub(crate) fn kept(&self) -> &Pinned {
        &self.0.kept
    }

    /// What is deployed at this moment.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot.load_full()
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0.host.registry
    }

    /// The functions that this host serves with a version on trial.
    pub(crate) fn on_trial(&self) -> Vec<Arc<Function>> {
        self.0.snapshot.load().on_trial()
    }

    pub(crate) fn book(&self, tenant: &TenantId, function: &Name) -> Arc<LogBook> {
        let host = &self.0.host;
        let together = host.limits_of(tenant).log_bytes;
        self.0.books.of(tenant, function, together, || {
            let book = host.capabilities.log_book(tenant, function);
            book.sharing(host.share(tenant))
        })
    }

    /// Lets go of the logs of functions that are gone.
    fn sweep_books(&self) {
        let deployed = self.0.snapshot.load();
        let is_deployed =
            |tenant: &TenantId, function: &Name| deployed.get(tenant, function).is_some();
        let together = |tenant: &TenantId| self.0.host.limits_of(tenant).log_bytes;
        self.0.books.sweep(is_deployed, together);
    }

    /// Reads a component's type and, with a manifest, checks it against the policy of its world.
    ///
    /// # Errors
    /// [`FunctionsError::NotAComponent`], [`FunctionsError::Misfit`].
    pub fn check(
        &self,
        component: &[u8],
        manifest: Option<&Manifest>,
    ) -> Result<Inspection, FunctionsError> {
        inspection(component, manifest)
    }

    /// Checks, compiles and stores a new version. When this returns, the version outlives a crash
    /// and is compiled.
    ///
    /// # Errors
    /// Whatever the check finds; [`RegistryError::Conflict`](steward_registry::RegistryError::Conflict) when the version exists.
    pub async fn publish(
        &self,
        tenant: &TenantId,
        manifest: &Manifest,
        component: Bytes,
        by: &str,
    ) -> Result<PluginVersion, FunctionsError> {
        self.publish_with(tenant, manifest, component, by, Supplied::default())
            .await
    }

    /// The same with signatures and documents.
    ///
    /// # Errors
    /// Those of [`Functions::publish`]; [`RegistryError::Signature`](steward_registry::RegistryError::Signature) and [`RegistryError::NotTrusted`](steward_registry::RegistryError::NotTrusted).
    pub async fn publish_with(
        &self,
        tenant: &TenantId,
        manifest: &Manifest,
        component: Bytes,
        by: &str,
        supplied: Supplied,
    ) -> Result<PluginVersion, FunctionsError> {
        self.0
            .host
            .publish(tenant, manifest, component, by, supplied)
            .await
    }

    /// A deployed function, from memory.
    ///
    /// # Errors
    /// [`FunctionsError::UnknownTenant`], [`FunctionsError::UnknownFunction`],
    /// [`FunctionsError::NotReady`].
    pub fn find(&self, tenant: &str, function: &str) -> Result<Arc<Function>, FunctionsError> {
        self.0.snapshot.load().find(tenant, function)
    }

    /// Log lines of a function, oldest first: those from `since` on, or the last ones.
    pub fn logs(
        &self,
        tenant: &TenantId,
        function: &Name,
        since: Option<u64>,
        limit: usize,
    ) -> Vec<LogLine> {
        let book = self.book(tenant, function);
        match since {
            Some(since) => book.read(since, limit),
            None => book.tail(limit),
        }
    }

    /// Log lines of one call, oldest first, as far as they are kept.
    pub fn logs_of(
        &self,
        tenant: &TenantId,
        function: &Name,
        invocation: InvocationId,
    ) -> Vec<LogLine> {
        self.book(tenant, function).of(invocation)
    }

    /// The latest calls of a function that `wanted` says yes to, newest first.
    pub fn invocations(
        &self,
        tenant: &TenantId,
        function: &Name,
        limit: usize,
        wanted: impl Fn(&Invocation) -> bool,
    ) -> Vec<Invocation> {
        let ledger = self.0.metering.ledger(tenant, function);
        ledger.latest(limit, wanted)
    }

    /// The latest calls of all functions that belong to one of these traces, in no order. All records of the tenant are
    /// looked at, off the asynchronous threads.
    pub async fn calls_of_traces(
        &self,
        tenant: &TenantId,
        traces: std::collections::HashSet<String>,
    ) -> Vec<Invocation> {
        let ledgers = self.0.metering.of_tenant(tenant);
        let looking = tokio::task::spawn_blocking(move || {
            let wanted = |call: &Invocation| {
                let trace = call.trace.as_ref();
                trace.is_some_and(|trace| traces.contains(trace))
            };
            let found = ledgers
                .iter()
                .flat_map(|ledger| ledger.latest(usize::MAX, wanted));
            found.collect::<Vec<_>>()
        });
        // Only a host that stops ends it before its time.
        looking.await.unwrap_or_default()
    }

    /// A call of a function, as long as it is among the latest.
    pub fn invocation(
        &self,
        tenant: &TenantId,
        function: &Name,
        id: InvocationId,
    ) -> Option<Invocation> {
        self.0.metering.ledger(tenant, function).find(id.ulid())
    }

    /// What the calls of each version of a function came to since the host started.
    pub fn version_stats(&self, tenant: &TenantId, function: &Name) -> Vec<VersionStats> {
        self.0.metering.ledger(tenant, function).stats()
    }

    /// Calls that run and calls that wait for their turn now, over all tenants.
    pub fn load(&self) -> (u32, usize) {
        (self.0.host.turns.running(), self.0.host.turns.waiting())
    }

    /// Totals since the start, for metrics.
    pub fn stats(&self) -> Vec<FunctionStats> {
        self.0.metering.stats()
    }

    /// Waits until no call runs, and writes what is counted.
    pub async fn drain(&self) {
        self.0.host.turns.idle().await;
        self.flush().await;
    }
}
