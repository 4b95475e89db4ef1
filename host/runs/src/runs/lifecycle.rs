//! Runs: how they begin, and what is asked of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use steward_registry::events::Appended;
use steward_registry::workflows::{NewRun, Request, Run, RunStatus, Started};
use steward_registry::{Name, TenantId};
use steward_telemetry::TraceContext;
use steward_workflow::Error;
use tokio::sync::Notify;
use ulid::Ulid;

use super::{Begin, Inner, Runs};
use crate::stand::{Settled, Stand, before};
use crate::{Approval, RunsError, approval};

/// How often who waits for the end of a run looks for it, where another host has it.
const LOOK: Duration = Duration::from_millis(500);
/// The longest comment of an approval, in code points.
const MAX_COMMENT: usize = 2000;

impl Runs {
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
        registry.workflow_digest(tenant, name, &version).await?;
        let refused = |error: Error| RunsError::of(&error, RunsError::Definition);
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
            traceparent: begin.span.map(|span| span.to_string()),
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
        let refused = |error: Error| RunsError::of(&error, RunsError::Invalid);
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
    /// what is deployed now. Without a step, everything runs again. `span` is the one that asks for it.
    ///
    /// # Errors
    /// [`RunsError::Invalid`] where the run has not come to the step; what [`Runs::begin`] finds.
    pub async fn replay(
        &self,
        tenant: &TenantId,
        id: Ulid,
        from: Option<&str>,
        span: Option<TraceContext>,
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
        let refused = |error: Error| RunsError::of(&error, RunsError::Definition);
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
            traceparent: span.map(|span| span.to_string()),
            by: by.to_owned(),
        })
        .await
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
