//! [`Functions`]: the whole of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::Mutex;
use steward_capabilities::{Capabilities, Denial, InvocationId, LogBook, LogLine};
use steward_engine::Engine;
use steward_invocations::{Invocation, VersionStats};
use steward_registry::id::Selector;
use steward_registry::{
    Debugging, FunctionRevision, FunctionSpec, Limits, Manifest, Name, Permissions, PluginVersion,
    Registry, RegistryError, Supplied, Target, TenantId, World,
};

use crate::metering::{FunctionStats, Metering};
use crate::pinned::Kept;
use crate::publish::{Inspection, inspection};
use crate::ready::{Deployment, Host, Ready};
use crate::rollout::Trial;
use crate::snapshot::{Entry, Snapshot};
use crate::tenants::TenantPolicy;
use crate::{Anonymizer, Cleaner, Function, FunctionsError, Labeller};

/// How often the registry is asked whether another node or a command changed something.
const REFRESH: Duration = Duration::from_millis(500);
/// How often counted use is written.
const FLUSH: Duration = Duration::from_secs(5);
/// Calls of one function that run at the same time, where nothing else is said.
pub(crate) const CONCURRENCY: u32 = 200;
/// Calls of one function that wait for their turn, where nothing else is said.
pub(crate) const QUEUE: u32 = 1000;
/// Versions that can share the calls of one function.
const MAX_TARGETS: usize = 8;

/// Publishes, deploys and calls. Cheap to clone.
#[derive(Clone)]
pub struct Functions(Arc<Inner>);

struct Inner {
    host: Arc<Host>,
    snapshot: ArcSwap<Snapshot>,
    /// Held while the snapshot is rebuilt: writers come one after the other, readers never wait.
    rebuilding: tokio::sync::Mutex<i64>,
    metering: Metering,
    books: Mutex<HashMap<(TenantId, Name), Arc<LogBook>>>,
    kept: Kept,
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
            books: Mutex::default(),
            kept: Kept::default(),
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

    /// Takes over what has been changed in the registry since the last look.
    ///
    /// # Errors
    /// [`FunctionsError::Registry`]; what is known goes on being served.
    pub async fn refresh(&self) -> Result<(), FunctionsError> {
        let mut seen = self.0.rebuilding.lock().await;
        let revision = self.0.host.registry.revision().await?;
        if revision == *seen {
            return Ok(());
        }
        self.0.host.capabilities.models().refresh().await?;
        let deployed = self.0.host.registry.all_functions().await?;
        let old = self.0.snapshot.load_full();
        let mut new = Snapshot::default();
        for function in deployed {
            let (tenant, name) = (function.tenant.clone(), function.spec.name.clone());
            let entry = match old.get(&tenant, &name) {
                Some(entry) if entry.revision() == function.revision => entry.clone(),
                _ => self.make_entry(function).await,
            };
            if let Entry::Ready(function) = &entry {
                function.takes_over();
            }
            new.insert(tenant, name, entry);
        }
        self.0.host.keep_only(|digest| new.uses(digest));
        self.0.snapshot.store(Arc::new(new));
        *seen = revision;
        Ok(())
    }

    async fn make_entry(&self, deployed: FunctionRevision) -> Entry {
        let (revision, name) = (deployed.revision, deployed.spec.name.clone());
        match self.make(deployed).await {
            Ok(function) => Entry::Ready(Arc::new(function)),
            Err(error) => {
                tracing::error!(function = %name, revision, %error, "function not ready");
                Entry::Broken {
                    revision,
                    name,
                    reason: error.to_string(),
                }
            }
        }
    }

    /// Makes a revision ready to be called.
    pub(crate) async fn make(
        &self,
        revision: FunctionRevision,
    ) -> Result<Function, FunctionsError> {
        let (tenant, spec) = (&revision.tenant, &revision.spec);
        let book = self.book(tenant, &spec.name);
        let mut targets: Vec<(u32, Arc<Ready>)> = Vec::new();
        let mut end = 0;
        let ledger = self.0.metering.ledger(tenant, &spec.name);
        let turns = self
            .0
            .host
            .turns
            .function(tenant.as_str(), spec.name.as_str());
        let mut limits = spec.limits;
        let mut plugins = Vec::new();
        for target in &spec.targets {
            let selector = Selector::Version(target.version.clone());
            let registry = &self.0.host.registry;
            plugins.push(
                registry
                    .plugin_version(tenant, &spec.plugin, &selector)
                    .await?,
            );
        }
        check_consent(spec, &plugins)?;
        for (target, plugin) in spec.targets.iter().zip(plugins) {
            let asked = &plugin.manifest.limits;
            limits.concurrency = spec.limits.concurrency.or(asked.concurrency);
            limits.queue = spec.limits.queue.or(asked.queue);
            limits.log_lines_per_second =
                (spec.limits.log_lines_per_second).or(asked.log_lines_per_second);
            let deployment = Deployment {
                function: &spec.name,
                grants: &spec.grants,
                config: &spec.config,
                limits: &spec.limits,
                book: &book,
                ledger: &ledger,
                revision: revision.revision,
                debug: spec.debug,
            };
            end += u32::from(target.percent);
            targets.push((end, Arc::new(self.0.host.ready(plugin, &deployment).await?)));
        }
        let Some((_, first)) = targets.first() else {
            return Err(FunctionsError::InvalidSpec(
                "a function needs at least one version".into(),
            ));
        };
        let world = first.plugin.manifest.plugin.world;
        let trial = Trial::of(spec)?;
        Ok(Function {
            world,
            targets,
            turns,
            trial,
            concurrency: limits.concurrency.unwrap_or(CONCURRENCY),
            queue: limits.queue.unwrap_or(QUEUE),
            log_lines_per_second: limits.log_lines_per_second,
            revision,
        })
    }

    pub(crate) fn kept(&self) -> &Kept {
        &self.0.kept
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0.host.registry
    }

    /// The functions that this host serves with a version on trial.
    pub(crate) fn on_trial(&self) -> Vec<Arc<Function>> {
        self.0.snapshot.load().on_trial()
    }

    pub(crate) fn book(&self, tenant: &TenantId, function: &Name) -> Arc<LogBook> {
        self.0
            .books
            .lock()
            .entry((tenant.clone(), function.clone()))
            .or_insert_with(|| Arc::new(self.0.host.capabilities.log_book(tenant, function)))
            .clone()
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
    /// Whatever the check finds; [`RegistryError::Conflict`] when the version exists.
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
    /// Those of [`Functions::publish`]; [`RegistryError::Signature`] and [`RegistryError::NotTrusted`].
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

    /// Deploys a function: from the moment this returns, this node answers with it.
    ///
    /// # Errors
    /// [`FunctionsError::InvalidSpec`], [`FunctionsError::Grant`], [`RegistryError::NotFound`] for
    /// a version that is not published.
    pub async fn deploy(
        &self,
        tenant: &TenantId,
        spec: FunctionSpec,
        by: &str,
    ) -> Result<FunctionRevision, FunctionsError> {
        self.deploy_after(tenant, spec, "", None, by).await
    }

    /// The same with a reason, and only where the current revision is the one that the caller has seen.
    ///
    /// # Errors
    /// As [`Functions::deploy`]; [`RegistryError::Conflict`] where `after` is not the current revision.
    pub async fn deploy_after(
        &self,
        tenant: &TenantId,
        spec: FunctionSpec,
        reason: &str,
        after: Option<u32>,
        by: &str,
    ) -> Result<FunctionRevision, FunctionsError> {
        check_spec(&spec)?;
        // Made ready before it is written: what cannot run is never deployed.
        let draft = FunctionRevision {
            tenant: tenant.clone(),
            revision: 0,
            spec: spec.clone(),
            reason: String::new(),
            created_at: Default::default(),
            created_by: by.to_owned(),
        };
        let function = self.make(draft).await?;
        check_versions(&function)?;
        for (_, ready) in &function.targets {
            ready.warm().await.map_err(|error| match error {
                FunctionsError::Trap { .. } => FunctionsError::InvalidSpec(format!(
                    "{} does not start under these limits and grants: {error}",
                    ready.plugin.version
                )),
                other => other,
            })?;
        }
        let revision = self
            .registry()
            .put_function_after(tenant, &spec, reason, after, by)
            .await?;
        self.put(function, revision.clone()).await;
        Ok(revision)
    }

    /// Puts a function that is ready into the snapshot, unless a newer revision is there.
    async fn put(&self, mut function: Function, revision: FunctionRevision) {
        function.revision = revision;
        let _alone = self.0.rebuilding.lock().await;
        let (tenant, name) = (
            function.revision.tenant.clone(),
            function.revision.spec.name.clone(),
        );
        let mut snapshot = (*self.0.snapshot.load_full()).clone();
        let newer = snapshot
            .get(&tenant, &name)
            .is_some_and(|e| e.revision() > function.revision.revision);
        if !newer {
            function.takes_over();
            snapshot.insert(tenant, name, Entry::Ready(Arc::new(function)));
            self.0.snapshot.store(Arc::new(snapshot));
        }
    }

    /// Deploys the specification of an earlier revision again; none means the one before. What that granted and the
    /// current one does not must be in `consent`: a grant that was taken away does not come back by itself.
    ///
    /// # Errors
    /// [`Denial::Widens`], [`RegistryError::NotFound`], and what [`Functions::deploy`] finds.
    pub async fn rollback(
        &self,
        tenant: &TenantId,
        function: &Name,
        to: Option<u32>,
        consent: &Permissions,
        by: &str,
    ) -> Result<FunctionRevision, FunctionsError> {
        self.check_rollback(tenant, function, to, consent).await?;
        let revision = self
            .0
            .host
            .registry
            .rollback_function(tenant, function, to, by)
            .await?;
        let ready = self.make(revision.clone()).await?;
        self.put(ready, revision.clone()).await;
        Ok(revision)
    }

    async fn check_rollback(
        &self,
        tenant: &TenantId,
        function: &Name,
        to: Option<u32>,
        consent: &Permissions,
    ) -> Result<(), FunctionsError> {
        let registry = &self.0.host.registry;
        let current = registry.function(tenant, function).await?;
        let to = to.unwrap_or(current.revision.saturating_sub(1));
        let history = registry.function_history(tenant, function).await?;
        // One that is not there is refused where it is looked for.
        let Some(wanted) = history.iter().find(|revision| revision.revision == to) else {
            return Ok(());
        };
        let granted = &current.spec.grants;
        let mut added: Vec<_> = wanted.spec.grants.beyond(granted).collect();
        added.retain(|permission| !consent.cover(permission));
        match added.is_empty() {
            true => Ok(()),
            false => Err(Denial::Widens {
                revision: to,
                added,
            }
            .into()),
        }
    }

    /// Takes a function out of service. Calls that run come to their end.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]
    pub async fn delete(&self, tenant: &TenantId, function: &Name) -> Result<(), FunctionsError> {
        self.0
            .host
            .registry
            .delete_function(tenant, function)
            .await?;
        let _alone = self.0.rebuilding.lock().await;
        let mut snapshot = (*self.0.snapshot.load_full()).clone();
        snapshot.remove(tenant, function);
        self.0.snapshot.store(Arc::new(snapshot));
        Ok(())
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

    /// The kind of the plugin behind a step of a job.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]
    pub async fn step_world(&self, tenant: &TenantId, step: &str) -> Result<World, FunctionsError> {
        Ok(self.step(tenant, step).await?.plugin.manifest.plugin.world)
    }

    /// A cleaner by the name of a deployed function, else of a plugin (`name` or `name@version`).
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`FunctionsError::InvalidSpec`] for a step of another kind.
    pub async fn cleaner(&self, tenant: &TenantId, step: &str) -> Result<Cleaner, FunctionsError> {
        Cleaner::new(self.step_of(tenant, step, World::Cleaner).await?)
    }

    /// An anonymizer by the name of a deployed function, else of a plugin (`name` or `name@version`).
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`FunctionsError::InvalidSpec`] for a step of another kind.
    pub async fn anonymizer(
        &self,
        tenant: &TenantId,
        step: &str,
    ) -> Result<Anonymizer, FunctionsError> {
        Anonymizer::new(self.step_of(tenant, step, World::Anonymizer).await?)
    }

    /// A labeller by the name of a deployed function, else of a plugin (`name` or `name@version`).
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`FunctionsError::InvalidSpec`] for a function of another kind.
    pub async fn labeller(
        &self,
        tenant: &TenantId,
        step: &str,
    ) -> Result<Labeller, FunctionsError> {
        Labeller::new(self.step_of(tenant, step, World::Labeller).await?)
    }

    async fn step_of(
        &self,
        tenant: &TenantId,
        step: &str,
        wanted: World,
    ) -> Result<Arc<Ready>, FunctionsError> {
        let ready = self.step(tenant, step).await?;
        let world = ready.plugin.manifest.plugin.world;
        if world != wanted {
            return Err(FunctionsError::InvalidSpec(format!(
                "`{step}` is of the kind `{world}`, not `{wanted}`"
            )));
        }
        Ok(ready)
    }

    async fn step(&self, tenant: &TenantId, step: &str) -> Result<Arc<Ready>, FunctionsError> {
        if let Ok(function) = self.find(tenant.as_str(), step) {
            // A job runs under one version, the one with the largest share, whatever the split.
            let largest = function
                .revision
                .spec
                .targets
                .iter()
                .enumerate()
                .max_by_key(|(i, t)| (t.percent, usize::MAX - i));
            let at = largest.map_or(0, |(i, _)| i);
            return Ok(function.targets[at].1.clone());
        }
        let wrong = |e: steward_registry::id::InvalidId| FunctionsError::InvalidSpec(e.to_string());
        let registry = &self.0.host.registry;
        let plugin = match step.split_once('@') {
            Some((name, selector)) => {
                let (name, selector) = (
                    name.parse().map_err(wrong)?,
                    selector.parse().map_err(wrong)?,
                );
                registry.plugin_version(tenant, &name, &selector).await?
            }
            None => {
                let name: Name = step.parse().map_err(wrong)?;
                registry
                    .latest_plugin_version(tenant, &name)
                    .await
                    .map_err(|error| match error {
                        RegistryError::NotFound { .. } => RegistryError::NotFound {
                            kind: "function or plugin",
                            name: step.to_owned(),
                        },
                        other => other,
                    })?
            }
        };
        // No revision of a function was written for it, which would have asked.
        registry
            .check_trusted(tenant, &plugin.name, &plugin.version)
            .await?;
        let book = self.book(tenant, &plugin.name);
        let deployment = Deployment {
            function: &plugin.name.clone(),
            grants: &Permissions::default(),
            config: &BTreeMap::new(),
            limits: &Limits::default(),
            book: &book,
            ledger: &self.0.metering.ledger(tenant, &plugin.name),
            revision: 0,
            debug: Debugging::default(),
        };
        Ok(Arc::new(self.0.host.ready(plugin, &deployment).await?))
    }
}

/// What the versions ask for together is granted: all that is missing is told at once.
fn check_consent(spec: &FunctionSpec, plugins: &[PluginVersion]) -> Result<(), FunctionsError> {
    let mut missing = Vec::new();
    for plugin in plugins {
        for wanted in plugin.manifest.requests.beyond(&spec.grants) {
            if !missing.contains(&wanted) {
                missing.push(wanted);
            }
        }
    }
    match Denial::of_missing(missing) {
        Some(denial) => Err(denial.into()),
        None => Ok(()),
    }
}

/// The rules of a deployment that need no look at its versions.
fn check_spec(spec: &FunctionSpec) -> Result<(), FunctionsError> {
    let invalid = |why: String| Err(FunctionsError::InvalidSpec(why));
    if spec.targets.is_empty() || spec.targets.len() > MAX_TARGETS {
        return invalid(format!(
            "a function has 1 to {MAX_TARGETS} versions, not {}",
            spec.targets.len()
        ));
    }
    let distinct: HashSet<&semver::Version> =
        spec.targets.iter().map(|target| &target.version).collect();
    if distinct.len() != spec.targets.len() {
        return invalid("a version is named twice".into());
    }
    let total: u32 = spec
        .targets
        .iter()
        .map(|Target { percent, .. }| u32::from(*percent))
        .sum();
    if total != 100 {
        return invalid(format!(
            "the shares of the versions add up to {total}, not to 100"
        ));
    }
    if let Some((key, _)) = spec
        .config
        .iter()
        .find(|(_, v)| v.len() > steward_capabilities::config::MAX_VALUE_BYTES)
    {
        return invalid(format!("the value of `{key}` has more than 64 KiB"));
    }
    spec.limits
        .check("limits")
        .map_err(FunctionsError::Manifest)
}

/// The rules that compare its versions with each other.
fn check_versions(function: &Function) -> Result<(), FunctionsError> {
    let faces: HashSet<World> = function
        .targets
        .iter()
        .map(|(_, ready)| ready.plugin.manifest.plugin.world)
        .collect();
    let typed: HashSet<bool> = function
        .targets
        .iter()
        .map(|(_, ready)| ready.face == steward_capabilities::policy::Face::Typed)
        .collect();
    if faces.len() > 1 || typed.len() > 1 {
        return Err(FunctionsError::InvalidSpec(
            "the versions are of different kinds".into(),
        ));
    }
    let manifests = || {
        function
            .targets
            .iter()
            .map(|(_, ready)| &ready.plugin.manifest)
    };
    // A grant that no version asks for is a mistake; one that is wider than what is asked is not.
    let unasked = function.revision.spec.grants.iter().find(|grant| {
        !manifests().any(|m| {
            m.requests
                .iter()
                .any(|asked| grant.covers(&asked) || asked.covers(grant))
        })
    });
    let Some(unasked) = unasked else {
        return Ok(());
    };
    Err(FunctionsError::InvalidSpec(format!(
        "the grant `{unasked}` is not requested by the plugin's manifest"
    )))
}
