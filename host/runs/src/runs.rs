//! [`Runs`]: the whole of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use steward_registry::events::Appended;
use steward_registry::workflows::{
    Extension, NewRun, NewWorkflow, Request, Run, RunStatus, RunWrite, Started, Workflow,
    WorkflowSettings, WorkflowVersion,
};
use steward_registry::{Name, PermissionKind, Registry, RegistryError, TenantId};
use steward_secrets::Vault;
use steward_triggers::Events;
use steward_workflow::{Error, ErrorKind, Workflow as Definition};
use tokio::sync::Notify;
use ulid::Ulid;

use crate::effects::{Effects, Pins};
use crate::held::InMemory;
use crate::stand::{Settled, Stand, before};
use crate::writer::{Writer, Written};
use crate::{Approval, Identity, RunsError, approval, schedule};

/// Definitions that are kept read.
const MAX_DEFINITIONS: usize = 1000;
/// How often who waits for the end of a run looks for it, where another host has it.
const LOOK: Duration = Duration::from_millis(500);
/// The longest comment of an approval, in code points.
const MAX_COMMENT: usize = 2000;

/// What can be set from outside.
#[derive(Debug)]
pub struct RunsConfig {
    /// Who this host is.
    pub identity: Identity,
    /// How long runs are kept that completed or were cancelled; none means for ever.
    pub retention: Option<Duration>,
    /// Runs that this host has in memory at the same time.
    pub at_once: usize,
}

impl Default for RunsConfig {
    fn default() -> Self {
        Self {
            identity: Identity::once(),
            retention: Some(Duration::from_secs(30 * 24 * 3600)),
            at_once: 512,
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
    definitions: Mutex<HashMap<(TenantId, Name, semver::Version), Definition>>,
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

    /// Applies a workflow: reads its definition, looks for everything that it calls, and writes it. New runs follow it from
    /// now on.
    ///
    /// # Errors
    /// [`RunsError::Definition`] for a definition that cannot run here, with all that is wrong;
    /// [`RunsError::Invalid`] for a grant that no workflow can have; [`RunsError::Registry`] with
    /// [`Conflict`](RegistryError::Conflict) for another definition of a version that exists.
    pub async fn apply(
        &self,
        tenant: &TenantId,
        definition: &str,
        mut settings: WorkflowSettings,
        by: &str,
    ) -> Result<(Workflow, WorkflowVersion), RunsError> {
        let wrong = |why: String| RunsError::Definition(why);
        let read = Definition::parse(definition).map_err(|e| wrong(e.to_string()))?;
        let name: Name = read
            .document()
            .name
            .parse()
            .map_err(|e: steward_registry::InvalidId| wrong(format!("`document.name`: {e}")))?;
        let version: semver::Version = read
            .document()
            .version
            .parse()
            .map_err(|e: semver::Error| wrong(format!("`document.version`: {e}")))?;
        let unfit = settings
            .grants
            .iter()
            .find(|grant| !matches!(grant.kind(), PermissionKind::Http | PermissionKind::Secrets));
        if let Some(grant) = unfit {
            return Err(RunsError::Invalid(format!(
                "`{grant}` is nothing that a workflow is granted: it has `http` and `secrets`; functions have their own grants"
            )));
        }
        if settings.concurrency == Some(0) {
            return Err(RunsError::Invalid("`concurrency` is at least 1".into()));
        }
        self.check_references(tenant, &name, &read, &settings)
            .await?;
        let planned = read.schedule();
        settings.starts_on = match planned.and_then(|planned| planned.on.as_ref()) {
            None => Vec::new(),
            Some(on) => match on.types() {
                // Any type may be asked for.
                types if types.is_empty() => vec![String::new()],
                types => types,
            },
        };
        let next_at = match planned {
            Some(planned) => schedule::first(planned, Timestamp::now()).map_err(wrong)?,
            None => None,
        };
        let new = NewWorkflow {
            name,
            version,
            definition: read.source().clone(),
            settings,
            next_at,
        };
        Ok(self.0.registry.put_workflow(tenant, &new, by).await?)
    }

    /// Whether what a definition names is there.
    async fn check_references(
        &self,
        tenant: &TenantId,
        name: &Name,
        definition: &Definition,
        settings: &WorkflowSettings,
    ) -> Result<(), RunsError> {
        let references = definition.references();
        let extensions = self.extensions(tenant, name).await?;
        let pinned = self.effects().pin(tenant, references, &extensions).await;
        pinned.map_err(|error| RunsError::Definition(error.to_string()))?;
        for secret in &references.secrets {
            let granted = settings.grants.secrets.iter().any(|g| g.as_str() == secret);
            if !granted {
                return Err(RunsError::Definition(format!(
                    "it uses the secret `{secret}`, which is not granted; apply it with `--grant secrets={secret}`"
                )));
            }
        }
        for (workflow, pointer) in &references.workflows {
            // A workflow may be a part of itself: its own name is not there yet when it is applied first.
            if workflow.name == name.as_str() {
                continue;
            }
            let missing = |why: String| RunsError::Definition(format!("{pointer}: {why}"));
            let part: Name = workflow
                .name
                .parse()
                .map_err(|e: steward_registry::InvalidId| missing(e.to_string()))?;
            let found = self.0.registry.workflow(tenant, &part).await;
            found.map_err(|e| missing(e.to_string()))?;
        }
        Ok(())
    }

    /// Says which deployed functions are the steps at a point of a workflow, in place of those that were.
    ///
    /// # Errors
    /// [`RunsError::Invalid`] where the workflow has no such point or a function is no step; [`RunsError::Registry`].
    pub async fn extend(
        &self,
        tenant: &TenantId,
        name: &Name,
        point: &str,
        steps: &[Name],
        by: &str,
    ) -> Result<Vec<Extension>, RunsError> {
        let workflow = self.0.registry.workflow(tenant, name).await?;
        let definition = self.definition(tenant, name, &workflow.version).await;
        let definition = definition.map_err(|e| RunsError::Definition(e.to_string()))?;
        let points = &definition.references().extensions;
        if !steps.is_empty() && !points.contains_key(point) {
            let known: Vec<&str> = points.keys().map(String::as_str).collect();
            return Err(RunsError::Invalid(match known.is_empty() {
                true => format!("the workflow `{name}` has no extension points"),
                false => format!(
                    "the workflow `{name}` has no extension point of this name; it has {}",
                    known.join(", ")
                ),
            }));
        }
        for step in steps {
            let checked = self.effects().check_step(tenant, step).await;
            checked.map_err(|error| RunsError::Invalid(error.to_string()))?;
        }
        let registry = &self.0.registry;
        Ok(registry
            .put_extensions(tenant, name, point, steps, by)
            .await?)
    }

    /// The steps of each extension point of a workflow.
    async fn extensions(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<BTreeMap<String, Vec<Name>>, RegistryError> {
        let mut all: BTreeMap<String, Vec<Name>> = BTreeMap::new();
        for extension in self.0.registry.extensions(tenant, name).await? {
            all.entry(extension.point)
                .or_default()
                .push(extension.function);
        }
        Ok(all)
    }

    /// A definition, read once.
    pub(crate) async fn definition(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &semver::Version,
    ) -> Result<Definition, Error> {
        let key = (tenant.clone(), name.clone(), version.clone());
        if let Some(known) = self.0.definitions.lock().get(&key) {
            return Ok(known.clone());
        }
        let broken = |why: String| Error::new(ErrorKind::Configuration, why);
        let kept = self
            .0
            .registry
            .workflow_version(tenant, name, version)
            .await
            .map_err(|e| match e {
                RegistryError::NotFound { .. } => broken(e.to_string()),
                e => Error::new(ErrorKind::Runtime, e.to_string()),
            })?;
        let read = Definition::parse(&kept.definition.to_string());
        let read = read.map_err(|e| broken(e.to_string()))?;
        let mut definitions = self.0.definitions.lock();
        if definitions.len() >= MAX_DEFINITIONS {
            definitions.clear();
        }
        definitions.insert(key, read.clone());
        Ok(read)
    }

    /// What a run that begins now calls, each in a version.
    pub(crate) async fn pins(
        &self,
        tenant: &TenantId,
        name: &Name,
        definition: &Definition,
    ) -> Result<Pins, Error> {
        let extensions = self.extensions(tenant, name).await;
        let extensions = extensions.map_err(|e| Error::new(ErrorKind::Runtime, e.to_string()))?;
        let references = definition.references();
        self.effects().pin(tenant, references, &extensions).await
    }

    /// Starts a run. When this returns, it comes to its end, whatever happens to the host.
    ///
    /// # Errors
    /// [`RunsError::Definition`] where something that the workflow calls is not there; [`RunsError::Registry`],
    /// [`RunsError::Ending`].
    pub async fn begin(
        &self,
        tenant: &TenantId,
        name: &Name,
        begin: Begin,
        by: &str,
    ) -> Result<Started, RunsError> {
        let registry = &self.0.registry;
        if let Some(key) = &begin.key
            && let Some(known) = registry.run_of_key(tenant, name, key).await?
        {
            return Ok(Started {
                id: known.id,
                duplicate: true,
            });
        }
        let version = match begin.version {
            Some(version) => version,
            None => registry.workflow(tenant, name).await?.version,
        };
        // Before anything else: a version that is not there is none that cannot run.
        registry.workflow_version(tenant, name, &version).await?;
        let refused = |error: Error| RunsError::Definition(error.to_string());
        let definition = self.definition(tenant, name, &version).await;
        let definition = definition.map_err(refused)?;
        let pins = self.pins(tenant, name, &definition).await;
        let settled = Settled::now(pins.map_err(refused)?);
        self.begin_run(NewRun {
            tenant: tenant.clone(),
            workflow: name.clone(),
            version,
            key: begin.key,
            pins: serde_json::to_value(settled).unwrap_or_default(),
            input: begin.input,
            parent: None,
            replay: None,
            by: by.to_owned(),
        })
        .await
    }

    pub(crate) async fn begin_run(&self, new: NewRun) -> Result<Started, RunsError> {
        let started = self.0.writer.start(new).await?;
        if !started.duplicate {
            self.0.started.fetch_add(1, Ordering::Relaxed);
        }
        self.0.news.notify_one();
        Ok(started)
    }

    /// Waits for the end of a run, so long at most. How it does then.
    ///
    /// # Errors
    /// [`RunsError::Registry`]
    pub async fn wait(
        &self,
        tenant: &TenantId,
        id: Ulid,
        at_most: Duration,
    ) -> Result<Run, RunsError> {
        let deadline = tokio::time::Instant::now() + at_most;
        let waits = Waits::of(&self.0, id);
        let found = loop {
            let ended = waits.notify.notified();
            let run = self.0.registry.run(tenant, id).await;
            let over = tokio::time::Instant::now() >= deadline;
            if over || run.as_ref().map_or(true, |run| run.status.has_ended()) {
                break run;
            }
            let _ = tokio::time::timeout(LOOK, ended).await;
        };
        Ok(found?)
    }

    /// Asks something of a run. When this returns, it will be done.
    ///
    /// # Errors
    /// [`RunsError::Invalid`] for a run that cannot be redriven; [`RunsError::Registry`].
    pub async fn request(
        &self,
        tenant: &TenantId,
        id: Ulid,
        request: Request,
    ) -> Result<Run, RunsError> {
        if request == Request::Redrive {
            self.check_redrive(tenant, id).await?;
        }
        let run = self.0.registry.request_run(tenant, id, request).await?;
        self.wake(id);
        self.0.news.notify_one();
        Ok(run)
    }

    /// Whether a faulted run failed in a step that can be tried again.
    async fn check_redrive(&self, tenant: &TenantId, id: Ulid) -> Result<(), RunsError> {
        let run = self.0.registry.run(tenant, id).await?;
        // What it is else is told by the registry; one that never began has everything before it.
        let Ok(settled) = serde_json::from_value::<Settled>(run.pins.clone()) else {
            return Ok(());
        };
        if run.status != RunStatus::Faulted {
            return Ok(());
        }
        let refused = |error: Error| RunsError::Invalid(error.to_string());
        let definition = self.definition(tenant, &run.workflow, &run.version).await;
        let definition = definition.map_err(refused)?;
        let journal = self.0.registry.journal(tenant, id, 0, usize::MAX).await?;
        let stand = Stand::of(&definition, id, run.input, &settled, &journal);
        match stand.map_err(refused)?.failure() {
            Some(_) => Ok(()),
            None => Err(RunsError::Invalid(format!(
                "the run {id} failed in its own definition, which would fail again: apply a new version and start a run of it"
            ))),
        }
    }

    /// Says to a run that waits for it whether it may go on. The event is signed by this host, for this run alone.
    ///
    /// # Errors
    /// [`RunsError::Invalid`] where the run has ended or the comment is too long; [`RunsError::Registry`].
    pub async fn approve(
        &self,
        tenant: &TenantId,
        id: Ulid,
        approval: &Approval,
        by: &str,
    ) -> Result<Appended, RunsError> {
        let run = self.0.registry.run(tenant, id).await?;
        if run.status.has_ended() {
            return Err(RunsError::Invalid(format!(
                "the run {id} is {}: it waits for nothing",
                run.status
            )));
        }
        let long = |text: &String| text.chars().nth(MAX_COMMENT).is_some();
        if approval.comment.as_ref().is_some_and(long) {
            return Err(RunsError::Invalid(format!(
                "`comment` has more than {MAX_COMMENT} characters"
            )));
        }
        let event = approval::event(self.vault(), tenant, id, approval, by, Timestamp::now());
        let mut appended = self.events().append(tenant, &[event], by).await?;
        self.0.news.notify_one();
        appended
            .pop()
            .ok_or_else(|| RunsError::Invalid("the event was not appended".into()))
    }

    /// Runs a run again from a step: a new run of the same version, which shares what happened before the step, and calls
    /// what is deployed now. Without a step, everything runs again.
    ///
    /// # Errors
    /// [`RunsError::Invalid`] where the run has not come to the step; what [`Runs::begin`] finds.
    pub async fn replay(
        &self,
        tenant: &TenantId,
        id: Ulid,
        from: Option<&str>,
        by: &str,
    ) -> Result<Started, RunsError> {
        let registry = &self.0.registry;
        let run = registry.run(tenant, id).await?;
        let shared = match from {
            None => Vec::new(),
            Some(step) => {
                let journal = registry.journal(tenant, id, 0, usize::MAX).await?;
                before(&journal, step).ok_or_else(|| {
                    RunsError::Invalid(format!(
                        "the journal of the run {id} knows no such step; `steward run journal {id}` shows those that it has"
                    ))
                })?
            }
        };
        let refused = |error: Error| RunsError::Definition(error.to_string());
        let definition = self.definition(tenant, &run.workflow, &run.version).await;
        let definition = definition.map_err(refused)?;
        let pins = self.pins(tenant, &run.workflow, &definition).await;
        let mut settled = Settled::now(pins.map_err(refused)?);
        if let Ok(old) = serde_json::from_value::<Settled>(run.pins) {
            settled.at = old.at;
        }
        self.begin_run(NewRun {
            tenant: tenant.clone(),
            workflow: run.workflow,
            version: run.version,
            key: None,
            pins: serde_json::to_value(settled).unwrap_or_default(),
            input: run.input,
            parent: None,
            replay: Some((id, shared)),
            by: by.to_owned(),
        })
        .await
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

/// Somebody who waits for the end of a run, until they have it or have gone away.
struct Waits<'a> {
    inner: &'a Inner,
    run: Ulid,
    notify: Arc<Notify>,
}

impl<'a> Waits<'a> {
    fn of(inner: &'a Inner, run: Ulid) -> Self {
        let notify = inner.waiting.lock().entry(run).or_default().clone();
        Self { inner, run, notify }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut waiting = self.inner.waiting.lock();
        // This one, and the one in the table.
        if Arc::strong_count(&self.notify) <= 2 {
            waiting.remove(&self.run);
        }
    }
}
