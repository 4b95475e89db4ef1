//! One run, as long as a host has it: its machine says what it waits for, the host does that, and every step is in the
//! journal before what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use steward_registry::events::Event;
use steward_registry::workflows::{
    EventWait, JournalEntry, MAX_ENTRY_BYTES, MAX_MAIL, Request, Run, RunChange, RunStatus,
    RunWrite, TakenRun,
};
use steward_registry::{Permissions, RegistryError};
use steward_triggers::cloudevents::Structured;
use steward_workflow::{Action, Effect, Entry, Error, ErrorKind, Status, What};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use ulid::Ulid;

use crate::Runs;
use crate::approval::{self, APPROVAL_TYPE};
use crate::effects::Caller;
use crate::record::{Note, Record};
use crate::schedule;
use crate::stand::{Settled, Stand};
use crate::writer::Written;

/// Side effects of one run that are on their way at the same time; further ones wait.
const MAX_IN_FLIGHT: usize = 32;
/// The longest journal of a run, in bytes and in records: a host has all of it in memory.
const MAX_JOURNAL_BYTES: usize = 64 << 20;
const MAX_RECORDS: u64 = 100_000;
/// A run that goes on so soon stays in memory.
const SOON: Duration = Duration::from_millis(300);

/// How a run in memory is reached.
#[derive(Debug, Default)]
pub(crate) struct Handle {
    notify: Notify,
    woken: AtomicBool,
    lost: AtomicBool,
    ending: AtomicBool,
}

impl Handle {
    /// Something came in for it.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// Another host has it, or may have.
    pub fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// The host ends: nothing more is begun.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.notify.notify_one();
    }
}

/// Why a run leaves memory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It ended, waits or is paused, and that is written.
    Written,
    /// It is to be given back as it is: its journal has everything.
    GiveBack,
    /// Another host has it.
    Lost,
}

/// What came of a side effect.
enum Outcome {
    Done(Result<Value, Error>),
    /// Another run was started, and its end is waited for.
    Child(Ulid),
}

impl Runs {
    /// Does what a run waits for, until it leaves memory.
    pub(crate) async fn drive(&self, taken: TakenRun, handle: &Handle) -> Left {
        if taken.has_mail {
            handle.wake();
        }
        match self.prepared(taken.run).await {
            Ok(Ok(mut drive)) => match drive.go(taken.request, handle).await {
                Ok(left) => left,
                Err(error) => {
                    tracing::warn!(run = %drive.run.id, %error, "a run cannot go on now; it is tried again");
                    Left::GiveBack
                }
            },
            Ok(Err(left)) => left,
            Err(error) => {
                tracing::warn!(%error, "a run cannot be read now; it is tried again");
                Left::GiveBack
            }
        }
    }

    /// Reads what is known of a run. One that cannot run at all has ended with that.
    async fn prepared(&self, mut run: Run) -> Result<Result<Drive<'_>, Left>, RegistryError> {
        let registry = self.registry();
        let (tenant, name) = (run.tenant.clone(), run.workflow.clone());
        let begun = async {
            let definition = self.definition(&tenant, &name, &run.version).await?;
            let settled: Option<Settled> = serde_json::from_value(run.pins.clone()).ok();
            let (settled, new) = match settled {
                Some(settled) => (settled, false),
                None => (
                    Settled::now(self.pins(&tenant, &name, &definition).await?),
                    true,
                ),
            };
            Ok::<_, Error>((definition, settled, new))
        }
        .await;
        let workflow = registry.workflow(&tenant, &name).await?;
        let journal = registry.journal(&tenant, run.id, 0, usize::MAX).await?;
        let input = std::mem::take(&mut run.input);
        let mut write = RunWrite::of(run.id, tenant.clone());
        let stood = match begun {
            // What cannot be told now may be told later.
            Err(error) if error.is(ErrorKind::Runtime) => {
                tracing::warn!(run = %run.id, %error, "a run cannot begin now; it is tried again");
                return Ok(Err(Left::GiveBack));
            }
            Ok((definition, settled, new)) => {
                if new {
                    write.pins = serde_json::to_value(&settled).ok();
                }
                Stand::of(&definition, run.id, input, &settled, &journal)
                    .map(|stand| (settled, stand))
            }
            Err(error) => Err(error),
        };
        match stood {
            Ok((settled, stand)) => Ok(Ok(Drive {
                runs: self,
                grants: workflow.settings.grants,
                settled: Arc::new(settled),
                stand,
                write,
                listening: BTreeSet::new(),
                pausing: false,
                children: BTreeMap::new(),
                flying: BTreeMap::new(),
                flights: JoinSet::new(),
                run,
            })),
            Err(error) => {
                write.change = ended_with(&Status::Faulted { error });
                let definition = self.definition(&tenant, &name, &run.version).await;
                write.next_at = definition.ok().as_ref().and_then(schedule::behind_an_end);
                Ok(Err(match self.write(write).await {
                    Written::Done => {
                        self.has_ended(&run);
                        Left::Written
                    }
                    Written::Lost => Left::Lost,
                    Written::Unknown => Left::GiveBack,
                }))
            }
        }
    }
}

struct Drive<'a> {
    runs: &'a Runs,
    run: Run,
    grants: Permissions,
    settled: Arc<Settled>,
    stand: Stand,
    /// What is to be written next.
    write: RunWrite,
    /// Steps of which the registry knows that they wait for events.
    listening: BTreeSet<String>,
    /// Whether nothing more is to be begun.
    pausing: bool,
    /// Runs whose ends are waited for, by step.
    children: BTreeMap<String, Ulid>,
    /// Side effects on their way, by step.
    flying: BTreeMap<String, AbortHandle>,
    flights: JoinSet<(String, Outcome)>,
}

impl Drive<'_> {
    async fn go(
        &mut self,
        request: Option<Request>,
        handle: &Handle,
    ) -> Result<Left, RegistryError> {
        if let Some(left) = self.heed(request).await {
            return Ok(left);
        }
        loop {
            if handle.lost.load(Ordering::Acquire) {
                return Ok(Left::Lost);
            }
            if handle.woken.swap(false, Ordering::AcqRel) {
                let mail = self.runs.registry().run_mail(self.runs.host(), self.run.id);
                let Some(mail) = mail.await? else {
                    return Ok(Left::Lost);
                };
                if let Some(left) = self.heed(mail.request).await {
                    return Ok(left);
                }
                for event in &mail.events {
                    self.take_in(event);
                }
                if mail.events.len() >= MAX_MAIL {
                    handle.wake();
                }
                self.look_after_children().await?;
            }
            let pausing = self.pausing;
            self.fire();
            if self.stand.machine.status().is_final() {
                self.write.change = ended_with(&self.stand.machine.status());
                self.write.next_at = schedule::behind_an_end(self.stand.machine.workflow());
                let left = self.written().await;
                if left.is_none() {
                    self.runs.has_ended(&self.run);
                }
                return Ok(left.unwrap_or(Left::Written));
            }
            if self.stand.bytes > MAX_JOURNAL_BYTES || self.stand.seq > MAX_RECORDS {
                return Ok(self.too_long().await);
            }
            let ending = handle.ending.load(Ordering::Acquire);
            let begin = match ending || pausing {
                true => Vec::new(),
                false => self.take_due(),
            };
            let due = self.stand.machine.wakes_at();
            let soon = due.is_some_and(|due| until(due) < SOON) && !pausing && !ending;
            let idle = self.flying.is_empty() && begin.is_empty() && !soon;
            if idle {
                if ending {
                    let left = self.written().await;
                    return Ok(left.unwrap_or(Left::GiveBack));
                }
                self.write.change = match pausing {
                    true => RunChange::Paused,
                    false => RunChange::Waiting(due),
                };
                return Ok(self.written().await.unwrap_or(Left::Written));
            }
            if let Some(left) = self.written().await {
                return Ok(left);
            }
            for (effect, attempt) in begin {
                self.begin(effect, attempt);
            }
            tokio::select! {
                Some(done) = self.flights.join_next() => self.landed(done),
                () = handle.notify.notified() => {}
                () = tokio::time::sleep(due.map_or(Duration::from_secs(60), until)) => {}
            }
            // Others that are there already go into the same transaction.
            while let Some(done) = self.flights.try_join_next() {
                self.landed(done);
            }
        }
    }

    /// Ends a run whose journal is longer than a host has room for.
    async fn too_long(&mut self) -> Left {
        let mib = MAX_JOURNAL_BYTES >> 20;
        let error = Error::new(
            ErrorKind::Runtime,
            format!(
                "the journal of the run has {} records of {} bytes together; {MAX_RECORDS} and {mib} MiB are the most: \
                 have parts of it done by runs of their own",
                self.stand.seq, self.stand.bytes
            ),
        );
        self.write.change = ended_with(&Status::Faulted { error });
        self.write.next_at = schedule::behind_an_end(self.stand.machine.workflow());
        let left = self.written().await;
        if left.is_none() {
            self.runs.has_ended(&self.run);
        }
        left.unwrap_or(Left::Written)
    }

    /// Does what is asked of the run. Some where it leaves memory with that.
    async fn heed(&mut self, request: Option<Request>) -> Option<Left> {
        self.pausing = request == Some(Request::Pause);
        match request {
            Some(Request::Redrive) => {
                self.redrive();
                return Some(self.written().await.unwrap_or(Left::Written));
            }
            Some(Request::Cancel) => {
                let reason = "it was cancelled".into();
                self.apply(What::Cancelled { reason });
            }
            Some(Request::Pause | Request::Resume) | None => {}
        }
        match (self.stand.machine.status(), self.pausing) {
            (Status::Running, true) => self.apply(What::Paused),
            (Status::Paused, false) => self.apply(What::Resumed),
            _ => false,
        };
        None
    }

    /// Hands in what is to be written. None where it is on disk.
    async fn written(&mut self) -> Option<Left> {
        let next = RunWrite::of(self.run.id, self.run.tenant.clone());
        if self.write == next {
            return None;
        }
        let write = std::mem::replace(&mut self.write, next);
        match self.runs.write(write).await {
            Written::Done => None,
            Written::Lost => Some(Left::Lost),
            Written::Unknown => Some(Left::GiveBack),
        }
    }

    /// Adds a record to what is to be written; false where it is too large.
    fn note(&mut self, record: &Record) -> bool {
        let Ok(entry) = serde_json::to_string(record) else {
            return false;
        };
        if entry.len() > MAX_ENTRY_BYTES {
            return false;
        }
        self.stand.seq += 1;
        self.stand.bytes = self.stand.bytes.saturating_add(entry.len());
        self.write.entries.push(JournalEntry {
            seq: self.stand.seq,
            entry,
            at: Timestamp::UNIX_EPOCH,
        });
        true
    }

    /// Has something happen to the run. What the machine does not take changes nothing.
    fn apply(&mut self, what: What) -> bool {
        let entry = Entry {
            at: Timestamp::now(),
            what,
        };
        // First what can fail without a trace.
        let record = Record::Entry(entry.clone());
        let bytes = serde_json::to_vec(&record).map_or(usize::MAX, |json| json.len());
        if bytes > MAX_ENTRY_BYTES {
            let Some(key) = entry.what.key() else {
                return false;
            };
            let error = Error::new(
                ErrorKind::Runtime,
                format!("what came of the step has {bytes} bytes; {MAX_ENTRY_BYTES} are the most"),
            );
            let what = What::Failed {
                key: key.to_owned(),
                error,
            };
            return self.apply(what);
        }
        match self.stand.machine.apply(&entry) {
            Ok(_) => {
                self.note(&record);
                if let Some(key) = entry.what.key() {
                    self.stand.started.remove(key);
                }
                self.stand.last = Some((self.stand.seq, entry));
                self.let_go();
                true
            }
            Err(error) => {
                tracing::debug!(run = %self.run.id, %error, "nothing waits for what came");
                false
            }
        }
    }

    /// What nothing waits for any more ends: side effects are dropped, waits are taken back.
    fn let_go(&mut self) {
        let pending: BTreeSet<String> = self
            .stand
            .machine
            .outstanding()
            .into_iter()
            .map(|effect| effect.key)
            .collect();
        self.flying.retain(|key, flight| {
            let wanted = pending.contains(key);
            if !wanted {
                flight.abort();
            }
            wanted
        });
        self.children.retain(|key, _| pending.contains(key));
        let over: Vec<String> = self.listening.difference(&pending).cloned().collect();
        for key in over {
            self.listening.remove(&key);
            self.write.waits.retain(|wait| wait.step != key);
            self.write.waited.push(key);
        }
    }

    /// Timers whose time has come: one may end what the next is about.
    fn fire(&mut self) {
        while let Some(key) = self
            .stand
            .machine
            .due_by(Timestamp::now())
            .into_iter()
            .next()
        {
            if !self.apply(What::Fired { key }) {
                return;
            }
        }
    }

    /// Gives an event to the steps that ask for it.
    fn take_in(&mut self, event: &Event) {
        let genuine = event.event.event_type != APPROVAL_TYPE
            || approval::is_genuine(self.runs.vault(), &self.run.tenant, self.run.id, event);
        if genuine {
            let json = serde_json::to_string(&Structured(event.clone()))
                .and_then(|text| serde_json::from_str::<Value>(&text));
            if let Ok(json) = json {
                for effect in self.stand.machine.outstanding() {
                    let listens = matches!(effect.action, Action::Listen { .. });
                    if listens && self.stand.machine.accepts(&effect.key, &json) {
                        self.apply(What::Event {
                            key: effect.key,
                            event: json.clone(),
                        });
                    }
                }
            }
        } else {
            tracing::warn!(run = %self.run.id, seq = event.seq, "an approval that this host has not signed is not taken");
        }
        self.write.taken_in.push(event.seq);
    }

    /// The run goes on from where it failed.
    fn redrive(&mut self) {
        if let Some(without) = self.stand.failure() {
            self.note(&Record::Note(Note::Redriven {
                at: Timestamp::now(),
                without,
            }));
        }
        // What the machine is without that record is made when the run is taken again.
        self.write.change = RunChange::Waiting(Some(Timestamp::now()));
    }

    /// What is to be begun now, with the note that it is. Steps that only wait are told to the registry.
    fn take_due(&mut self) -> Vec<(Effect, u32)> {
        let mut begin = Vec::new();
        for effect in self.stand.machine.pending() {
            match &effect.action {
                Action::Wait { .. } => {}
                Action::Listen { types } => {
                    if self.listening.insert(effect.key.clone()) {
                        let event_types = match types.is_empty() {
                            true => vec![String::new()],
                            false => types.clone(),
                        };
                        self.write.waits.push(EventWait {
                            step: effect.key,
                            event_types,
                        });
                    }
                }
                Action::Call(_) | Action::Emit { .. } | Action::Subflow { .. } => {
                    if self.flying.contains_key(&effect.key)
                        || self.children.contains_key(&effect.key)
                        || self.flying.len() + begin.len() >= MAX_IN_FLIGHT
                    {
                        continue;
                    }
                    let idempotency_key = effect.idempotency_key(&self.run.id.to_string());
                    let new = self.stand.started.insert(effect.key.clone());
                    let before = self.stand.attempts.get(&idempotency_key).copied();
                    let mut attempt = before.unwrap_or(0);
                    // What was on its way when a host ended is tried again. What the host does itself it does once.
                    if new || matches!(effect.action, Action::Call(_)) {
                        attempt = attempt.saturating_add(1);
                        self.stand.attempts.insert(idempotency_key.clone(), attempt);
                        self.note(&Record::Note(Note::Started {
                            at: Timestamp::now(),
                            key: effect.key.clone(),
                            task: effect.task.clone(),
                            idempotency_key,
                            attempt,
                        }));
                    }
                    begin.push((effect, attempt));
                }
            }
        }
        begin
    }

    /// Begins a side effect.
    fn begin(&mut self, effect: Effect, attempt: u32) {
        let key = effect.key.clone();
        let (runs, settled, grants) =
            (self.runs.clone(), self.settled.clone(), self.grants.clone());
        let (tenant, workflow, run) = (
            self.run.tenant.clone(),
            self.run.workflow.clone(),
            self.run.id,
        );
        let flight = self.flights.spawn(async move {
            let idempotency_key = effect.idempotency_key(&run.to_string());
            let caller = Caller {
                tenant: &tenant,
                workflow: &workflow,
                run,
                step: &effect.key,
                grants: &grants,
                pins: &settled.pins,
                mark: &settled.mark,
                idempotency_key: &idempotency_key,
                attempt,
            };
            let outcome = match &effect.action {
                Action::Call(call) => Outcome::Done(runs.effects().call(&caller, call).await),
                Action::Emit { event } => Outcome::Done(runs.emit(&caller, event).await),
                Action::Subflow {
                    workflow,
                    input,
                    wait,
                } => match runs.begin_part(&caller, workflow, input).await {
                    Err(error) => Outcome::Done(Err(error)),
                    Ok(child) if *wait => Outcome::Child(child),
                    Ok(child) => Outcome::Done(Ok(json!({ "run": child.to_string() }))),
                },
                Action::Wait { .. } | Action::Listen { .. } => Outcome::Done(Ok(Value::Null)),
            };
            (effect.key, outcome)
        });
        self.flying.insert(key, flight);
    }

    /// A side effect has an outcome.
    fn landed(&mut self, done: Result<(String, Outcome), tokio::task::JoinError>) {
        match done {
            Ok((key, outcome)) => {
                // One that nothing waits for any more was let go.
                if self.flying.remove(&key).is_none() {
                    return;
                }
                match outcome {
                    Outcome::Done(Ok(output)) => {
                        self.apply(What::Completed { key, output });
                    }
                    Outcome::Done(Err(error)) => {
                        self.apply(What::Failed { key, error });
                    }
                    Outcome::Child(child) => {
                        self.children.insert(key, child);
                        // It may have ended before.
                        self.runs.wake(self.run.id);
                    }
                }
            }
            // It was let go.
            Err(error) if error.is_cancelled() => {}
            Err(error) => {
                // A panic is the step's failure and nobody else's. Which one it was is seen by who is still there.
                tracing::error!(run = %self.run.id, %error, "a step of a run failed within the host");
                let gone: Vec<String> = self
                    .flying
                    .iter()
                    .filter(|(_, flight)| flight.is_finished())
                    .map(|(key, _)| key.clone())
                    .collect();
                for key in gone {
                    self.flying.remove(&key);
                    let error = Error::new(ErrorKind::Runtime, "the host failed in this step");
                    self.apply(What::Failed { key, error });
                }
            }
        }
    }

    /// Runs that this one waits for, and that have ended.
    async fn look_after_children(&mut self) -> Result<(), RegistryError> {
        for (key, child) in self.children.clone() {
            let child = self.runs.registry().run(&self.run.tenant, child).await?;
            let what = match child.status {
                RunStatus::Completed => What::Completed {
                    key,
                    output: child.output.unwrap_or_default(),
                },
                RunStatus::Faulted => {
                    let error = child.error.unwrap_or_default();
                    let error = serde_json::from_value(error).unwrap_or_else(|_| {
                        Error::new(ErrorKind::Runtime, format!("the run {} failed", child.id))
                    });
                    What::Failed { key, error }
                }
                RunStatus::Cancelled => What::Failed {
                    key,
                    error: Error::new(
                        ErrorKind::Runtime,
                        format!("the run {} was cancelled", child.id),
                    ),
                },
                _ => continue,
            };
            self.apply(what);
        }
        Ok(())
    }
}

/// How long until a time.
fn until(time: Timestamp) -> Duration {
    let span = time.duration_since(Timestamp::now());
    Duration::try_from(span).unwrap_or(Duration::ZERO)
}

/// The end of a run, as the registry keeps it.
fn ended_with(status: &Status) -> RunChange {
    let (status, output, error) = match status {
        Status::Completed { output } => match too_large(output) {
            None => (RunStatus::Completed, Some(output.clone()), None),
            Some(error) => (RunStatus::Faulted, None, serde_json::to_value(error).ok()),
        },
        Status::Faulted { error } => (RunStatus::Faulted, None, serde_json::to_value(error).ok()),
        _ => (RunStatus::Cancelled, None, None),
    };
    RunChange::Ended {
        status,
        output,
        error,
    }
}

/// The error of a run whose output is more than is kept of one: branches that answer with less each may have more together.
fn too_large(output: &Value) -> Option<Error> {
    let bytes = serde_json::to_vec(output).map_or(usize::MAX, |json| json.len());
    (bytes > MAX_ENTRY_BYTES).then(|| {
        Error::new(
            ErrorKind::Runtime,
            format!("the output of the run has {bytes} bytes; {MAX_ENTRY_BYTES} are the most"),
        )
    })
}
