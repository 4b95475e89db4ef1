//! What goes on in the background: runs are taken, renewed and given back, events are given out, schedules fire, journals
//! are written.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use steward_registry::events::Event;
use steward_registry::workflows::{NewRun, TakenRun, Workflow};
use steward_registry::{Name, RegistryError, TenantId};
use steward_workflow::Schedule;
use tokio::time::{MissedTickBehavior, interval, timeout};
use ulid::Ulid;

use crate::Runs;
use crate::drive::Left;
use crate::held::{Handle, Shares};
use crate::outside::structured;
use crate::{schedule, trace};

/// How often the registry is asked what is due, where nothing wakes this host: timers are so late at most.
const PERIOD: Duration = Duration::from_millis(200);
/// How long a run belongs to a host that says nothing more of itself.
const LEASE: Duration = Duration::from_secs(10);
/// How often it says so.
const RENEW: Duration = Duration::from_secs(3);
/// How often schedules are looked at.
const SCHEDULES: Duration = Duration::from_millis(500);
/// How often schedules are held against the clock, which somebody may have set back.
const CLOCK: Duration = Duration::from_secs(60);
/// How often is looked for what is to be forgotten.
const FORGET: Duration = Duration::from_secs(600);
/// When a run that could not go on is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// Runs that are taken in one transaction.
const MAX_TAKEN: usize = 128;

impl Runs {
    /// Lets runs go on, until the future is dropped.
    pub async fn run(&self) {
        tokio::join!(
            self.0.writer.run(self.registry(), self.host()),
            self.keep_taking(),
            self.keep_renewing(),
            self.keep_giving_events(),
            self.keep_firing(),
            self.keep_forgetting(),
        );
    }

    /// Begins nothing more, waits until what was begun is written down, and gives every run back. What still runs when the
    /// future is dropped is begun again, by this host or another.
    pub async fn drain(&self) {
        self.0.ending.store(true, Ordering::Release);
        for (_, handle) in self.0.held.lock().iter() {
            handle.end();
        }
        let empty = async {
            loop {
                let left = self.0.left.notified();
                if self.0.held.lock().is_empty() {
                    return;
                }
                left.await;
            }
        };
        tokio::select! {
            () = empty => {}
            () = self.0.writer.run(self.registry(), self.host()) => {}
        }
    }

    async fn keep_taking(&self) {
        let mut outage = Outage::default();
        loop {
            let shares = self.0.held.lock().shares(self.0.config.at_once);
            let room = shares.free.min(MAX_TAKEN);
            let taken = self.take(room, &shares).await;
            let idle = !matches!(taken, Ok(taken) if taken > 0);
            outage.saw(taken, "no run can be taken: the registry does not answer");
            if idle {
                let woken = async {
                    tokio::select! {
                        () = self.0.news.notified() => {}
                        () = self.0.left.notified(), if room == 0 => {}
                    }
                };
                let _ = timeout(PERIOD, woken).await;
            }
        }
    }

    /// Takes what is due and begins with it. How many.
    async fn take(&self, room: usize, shares: &Shares) -> Result<usize, RegistryError> {
        let registry = self.registry();
        registry.admit_runs().await?;
        let of_tenant = |tenant: &TenantId| shares.room_for(tenant);
        let taken = registry
            .take_runs(self.host(), LEASE, room, &of_tenant)
            .await?;
        let count = taken.len();
        for run in taken {
            let id = run.run.id;
            if run.left {
                tracing::info!(run = %id, "taking up a run whose host gave no sign of life");
            }
            let handle = Arc::new(Handle::default());
            let tenant = run.run.tenant.clone();
            // Taken again while it is still in memory: the lease passed while this host stood still. The one that goes on
            // is the one that was taken now, and it reads the journal anew.
            let before = self.0.held.lock().insert(id, tenant, handle.clone());
            if let Some(before) = &before {
                before.lose();
            }
            tokio::spawn(self.clone().keep(run, handle, before));
        }
        Ok(count)
    }

    /// Has a run until it leaves memory, once whoever drove it `before` is done with it: what that one still writes or gives
    /// back is nothing that this one has begun.
    async fn keep(self, run: TakenRun, handle: Arc<Handle>, before: Option<Arc<Handle>>) {
        if let Some(before) = before {
            before.over.notified().await;
        }
        let id = run.run.id;
        let (runs, own) = (self.clone(), handle.clone());
        // A task of its own: a panic is this run's failure and nobody else's.
        let task = tokio::spawn(async move { runs.drive(run, &own).await });
        let left = task.await.unwrap_or_else(|error| {
            tracing::error!(run = %id, %error, "a run failed within the host; it is tried again when its lease is over");
            Left::Lost
        });
        if left == Left::GiveBack {
            // Where it could not go on, the reason may pass; a host that ends hands over at once.
            let ending = self.0.ending.load(Ordering::Acquire);
            let pause = if ending { Duration::ZERO } else { AGAIN };
            let runs = [id];
            let given = self.registry().give_back_runs(self.host(), &runs, pause);
            if let Err(error) = given.await {
                tracing::warn!(run = %id, %error, "a run cannot be given back; others take it when its lease is over");
            }
        }
        self.0.held.lock().remove(id, &handle);
        handle.over.notify_one();
        self.0.left.notify_waiters();
        self.0.news.notify_one();
    }

    async fn keep_renewing(&self) {
        let mut outage = Outage::default();
        let mut ticks = interval(RENEW);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let before: Vec<(Ulid, Arc<Handle>)> = {
                let held = self.0.held.lock();
                held.iter().map(|(id, h)| (id, h.clone())).collect()
            };
            if before.is_empty() {
                continue;
            }
            // Those alone: what is leased to this host and not in its memory nobody drives, and it is to be taken again.
            let ids: Vec<Ulid> = before.iter().map(|(id, _)| *id).collect();
            let renewed = self.registry().renew_runs(self.host(), LEASE, &ids).await;
            if let Ok(renewed) = &renewed {
                for (id, handle) in before {
                    // What it writes is refused from now on in any case: it need not go on.
                    if !renewed.contains(&id) {
                        handle.lose();
                    }
                }
            }
            outage.saw(
                renewed,
                "leases of runs cannot be renewed; others may take them",
            );
        }
    }

    async fn keep_giving_events(&self) {
        let mut outage = Outage::default();
        loop {
            let given = self.give_events().await;
            let idle = !matches!(given, Ok(given) if given > 0);
            outage.saw(given, "events cannot be given to runs yet");
            if idle {
                tokio::time::sleep(PERIOD).await;
            }
        }
    }

    /// Gives events to the runs that wait for them, and wakes those that something came in for. How many events.
    async fn give_events(&self) -> Result<usize, RegistryError> {
        let registry = self.registry();
        let mut events = 0;
        for tenant in registry.tenants_with_news().await? {
            let starts = self.starts(&tenant).await?;
            let start = |name: &Name, event: &Event| {
                let (_, version, planned) = starts.iter().find(|(known, _, _)| known == name)?;
                start_of(&tenant, name, version, planned, event)
            };
            let given = registry.give_events(&tenant, &start).await?;
            events += given.events;
        }
        if !self.0.held.lock().is_empty() {
            for run in registry.woken_runs(self.host()).await? {
                self.wake(run);
            }
        }
        if events > 0 {
            self.0.news.notify_one();
        }
        Ok(events)
    }

    /// The workflows of a tenant that events start.
    async fn starts(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(Name, semver::Version, Schedule)>, RegistryError> {
        let mut starts = Vec::new();
        for workflow in self.registry().workflows(tenant).await? {
            if workflow.settings.starts_on.is_empty() {
                continue;
            }
            let (name, version) = (workflow.name, workflow.version);
            match self.definition(tenant, &name, &version).await {
                Ok(definition) => {
                    let planned = definition.schedule().cloned().unwrap_or_default();
                    starts.push((name, version, planned));
                }
                Err(error) => {
                    tracing::error!(%tenant, workflow = %name, %error, "events cannot start a workflow")
                }
            }
        }
        Ok(starts)
    }

    async fn keep_firing(&self) {
        let mut outage = Outage::default();
        let mut ticks = interval(SCHEDULES);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looked: Option<tokio::time::Instant> = None;
        let mut leases = HashMap::new();
        loop {
            ticks.tick().await;
            // Leases that are too long are looked at again as soon as a host that lives has renewed them.
            let pause = if leases.is_empty() { CLOCK } else { LEASE };
            if looked.is_none_or(|at| at.elapsed() >= pause) {
                looked = Some(tokio::time::Instant::now());
                outage.saw(
                    self.bring_forward(&mut leases).await,
                    "what is due cannot be held against the clock",
                );
            }
            outage.saw(
                self.fire_what_is_due().await,
                "schedules of workflows cannot be read",
            );
        }
    }

    /// Runs that are due later than they can be, since the clock has gone back, are due now: they look at the clock
    /// themselves. Schedules are due as they would be now. `leases` are those that were too long at the last look.
    async fn bring_forward(&self, leases: &mut HashMap<String, i64>) -> Result<(), RegistryError> {
        loop {
            let look = self
                .registry()
                .bring_runs_forward(Timestamp::now(), LEASE, leases);
            let (runs, found) = look.await?;
            if runs == 0 {
                *leases = found;
                break;
            }
            tracing::warn!(
                runs,
                "the clock has gone back: runs are looked at before the time that they were due"
            );
            self.0.news.notify_one();
        }
        let now = Timestamp::now();
        for workflow in self.registry().workflows_due_after(now).await? {
            let (Some(due), Ok(definition)) = (
                workflow.next_at,
                self.definition(&workflow.tenant, &workflow.name, &workflow.version)
                    .await,
            ) else {
                continue;
            };
            let planned = definition.schedule().cloned().unwrap_or_default();
            if let Some(next) = schedule::too_late(&planned, due, now) {
                tracing::warn!(tenant = %workflow.tenant, workflow = %workflow.name, %due, %next,
                    "the clock has gone back: a schedule is due earlier than was planned");
                self.registry()
                    .fire_workflow(&workflow, Some(next), None)
                    .await?;
            }
        }
        Ok(())
    }

    async fn fire_what_is_due(&self) -> Result<(), RegistryError> {
        let now = Timestamp::now();
        for due in self.registry().due_workflows(now).await? {
            // One that cannot be fired does not keep the others.
            if let Err(error) = self.fire(&due, now).await {
                tracing::warn!(tenant = %due.tenant, workflow = %due.name, %error, "a schedule was not fired");
            }
        }
        Ok(())
    }

    async fn fire(&self, due: &Workflow, now: Timestamp) -> Result<(), RegistryError> {
        let Some(was_due) = due.next_at else {
            return Ok(());
        };
        let definition = self
            .definition(&due.tenant, &due.name, &due.version)
            .await
            .map_err(|error| RegistryError::Invalid(error.to_string()))?;
        let planned = definition.schedule().cloned().unwrap_or_default();
        let (at, next) = schedule::fire(&planned, was_due, now);
        let run = NewRun {
            tenant: due.tenant.clone(),
            workflow: due.name.clone(),
            version: due.version.clone(),
            // The same for the same time, whichever host it is.
            key: Some(format!("schedule@{at}")),
            pins: Value::Null,
            input: json!({}),
            parent: None,
            replay: None,
            traceparent: None,
            by: "schedule".into(),
        };
        let fired = self.registry().fire_workflow(due, next, Some(&run)).await?;
        if fired.is_some() {
            self.0.news.notify_one();
        }
        Ok(())
    }

    async fn keep_forgetting(&self) {
        let Some(retention) = self.0.config.retention else {
            return;
        };
        let mut ticks = interval(FORGET);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Ok(before) = Timestamp::now().checked_sub(retention) else {
                continue;
            };
            loop {
                match self.registry().forget_runs(before).await {
                    Ok(0) => break,
                    Ok(runs) => tracing::info!(runs, "forgot runs that were kept long enough"),
                    Err(error) => {
                        tracing::warn!(%error, "old runs cannot be forgotten");
                        break;
                    }
                }
            }
        }
    }
}

/// The run that an event starts, where the schedule asks for this event.
fn start_of(
    tenant: &TenantId,
    name: &Name,
    version: &semver::Version,
    planned: &Schedule,
    event: &Event,
) -> Option<NewRun> {
    let json = structured(event)?;
    if !planned.on.as_ref()?.accepts(&json, Timestamp::now()) {
        return None;
    }
    Some(NewRun {
        tenant: tenant.clone(),
        workflow: name.clone(),
        version: version.clone(),
        // An event has one number in the log.
        key: Some(format!("event@{}", event.seq)),
        pins: Value::Null,
        input: json!([json]),
        parent: None,
        replay: None,
        traceparent: trace::of_event(&event.event).map(|span| span.to_string()),
        by: "event".into(),
    })
}

/// Says once that something fails, and once that it goes on.
#[derive(Default)]
struct Outage(bool);

impl Outage {
    fn saw<T>(&mut self, result: Result<T, RegistryError>, what: &'static str) {
        match result {
            Err(error) if !self.0 => {
                self.0 = true;
                tracing::warn!(%error, "{what}");
            }
            Ok(_) if self.0 => {
                self.0 = false;
                tracing::info!("the registry answers again");
            }
            _ => {}
        }
    }
}
