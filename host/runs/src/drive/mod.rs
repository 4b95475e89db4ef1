//! One run, as long as a host has it: its machine says what it waits for, the host does that, and every step is in the
//! journal before what follows from it.

mod flights;
mod prepare;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use steward_registry::events::Event;
use steward_registry::workflows::{
    JournalEntry, MAX_ENTRY_BYTES, MAX_MAIL, Request, Run, RunChange, RunStatus, RunWrite,
};
use steward_registry::{Permissions, RegistryError};
use steward_workflow::{Action, Entry, Error, ErrorKind, Status, What};
use tokio::task::{AbortHandle, JoinSet};
use ulid::Ulid;

use self::flights::Outcome;
use crate::Runs;
use crate::approval::{self, APPROVAL_TYPE};
use crate::held::Handle;
use crate::outside::structured;
use crate::record::{Note, Record};
use crate::schedule;
use crate::stand::{Settled, Stand};
use crate::trace::RunSpan;
use crate::writer::Written;

/// The longest journal of a run, in bytes and in records: a host has all of it in memory.
const MAX_JOURNAL_BYTES: usize = 64 << 20;
const MAX_RECORDS: u64 = 100_000;
/// A run that goes on so soon stays in memory.
const SOON: Duration = Duration::from_millis(300);
/// How far the clocks of hosts may be apart, and one may be set right, before a run takes it for a clock that has gone back.
const CLOCK: SignedDuration = SignedDuration::from_secs(60);

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
struct Drive<'a> {
    runs: &'a Runs,
    run: Arc<Run>,
    /// What its steps belong to.
    span: RunSpan,
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
            self.keep_time();
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
            let status = self.stand.machine.status();
            if status.is_final() {
                return Ok(self.end(&status).await);
            }
            if let Some(error) = self.too_long() {
                return Ok(self.end(&Status::Faulted { error }).await);
            }
            let ending = handle.ending.load(Ordering::Acquire);
            let begin = match ending || pausing {
                true => Vec::new(),
                false => self.take_due(),
            };
            let due = self.stand.machine.wakes_at();
            let soon = due.is_some_and(|due| self.until(due) < SOON) && !pausing && !ending;
            let idle = self.flying.is_empty() && begin.is_empty() && !soon;
            if idle {
                if ending {
                    let left = self.written().await;
                    return Ok(left.unwrap_or(Left::GiveBack));
                }
                self.write.change = match pausing {
                    true => RunChange::Paused,
                    false => RunChange::Waiting(due.map(|due| self.stand.of_host(due))),
                };
                return Ok(self.written().await.unwrap_or(Left::Written));
            }
            if let Some(left) = self.written().await {
                return Ok(left);
            }
            for (effect, attempt) in begin {
                self.begin(effect, attempt);
            }
            let pause = due.map_or(Duration::from_secs(60), |due| self.until(due));
            tokio::select! {
                Some(done) = self.flights.join_next() => self.landed(done),
                () = handle.notify.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            // Others that are there already go into the same transaction.
            while let Some(done) = self.flights.try_join_next() {
                self.landed(done);
            }
        }
    }

    /// Notes where the clock of the host has gone back behind what the journal says. Times to wait for are in the journal's
    /// time: without the note, what begins to wait now would wait until the host's clock is there again.
    ///
    /// Once the host's clock is there again, or was set right, the run has the host's time: a clock that was wrong for a while
    /// must not make everything due that waited for long.
    fn keep_time(&mut self) {
        let (last, at) = (self.stand.machine.now(), Timestamp::now());
        if !self.stand.ahead.is_zero() && at >= last {
            self.stand.ahead = SignedDuration::ZERO;
            self.note(Note::ClockWentBack { at, by_ms: 0 });
            return;
        }
        if last.duration_since(self.stand.now()) <= CLOCK {
            return;
        }
        let by_ms = last.duration_since(at).as_millis();
        let by_ms = i64::try_from(by_ms).unwrap_or(i64::MAX);
        self.stand.ahead = SignedDuration::from_millis(by_ms);
        tracing::warn!(run = %self.run.id, by_ms, "the clock has gone back: the run goes on by its own, and what it waits for begins anew");
        self.note(Note::ClockWentBack { at, by_ms });
    }

    /// How long until a time of the run.
    fn until(&self, time: Timestamp) -> Duration {
        let span = time.duration_since(self.stand.now());
        Duration::try_from(span).unwrap_or(Duration::ZERO)
    }

    /// The error of a run whose journal is longer than a host has room for.
    fn too_long(&self) -> Option<Error> {
        if self.stand.bytes <= MAX_JOURNAL_BYTES && self.stand.seq <= MAX_RECORDS {
            return None;
        }
        let mib = MAX_JOURNAL_BYTES >> 20;
        Some(Error::new(
            ErrorKind::Runtime,
            format!(
                "the journal of the run has {} records of {} bytes together; {MAX_RECORDS} and {mib} MiB are the most: \
                 have parts of it done by runs of their own",
                self.stand.seq, self.stand.bytes
            ),
        ))
    }

    /// Writes how the run has ended, and tells it.
    async fn end(&mut self, status: &Status) -> Left {
        let larger = match status {
            Status::Completed { output } => too_large(output),
            _ => None,
        };
        let larger = larger.map(|error| Status::Faulted { error });
        let status = larger.as_ref().unwrap_or(status);
        self.write.change = ended_with(status);
        self.write.next_at = schedule::behind_an_end(self.stand.machine.workflow());
        let left = self.written().await;
        if left.is_none() {
            let span = self.span;
            let error = match status {
                Status::Faulted { error } => Some(error),
                _ => None,
            };
            self.runs.tell(span.context, || span.told(&self.run, error));
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

    /// Adds what the host notes to what is to be written, unless it is too large.
    fn note(&mut self, note: Note) {
        if let Ok(record) = serde_json::to_string(&Record::Note(note))
            && record.len() <= MAX_ENTRY_BYTES
        {
            self.append(record);
        }
    }

    /// Adds a record to what is to be written.
    fn append(&mut self, record: String) {
        self.stand.seq += 1;
        self.stand.bytes = self.stand.bytes.saturating_add(record.len());
        self.write.entries.push(JournalEntry {
            seq: self.stand.seq,
            entry: record,
            at: Timestamp::UNIX_EPOCH,
        });
    }

    /// Has something happen to the run. What the machine does not take changes nothing.
    fn apply(&mut self, what: What) -> bool {
        let entry = Entry {
            at: self.stand.now(),
            what,
        };
        // Written out first, which is what can fail. In a journal an entry stands as it is.
        let record = match serde_json::to_string(&entry) {
            Ok(record) if record.len() <= MAX_ENTRY_BYTES => record,
            record => {
                let bytes = record.map_or(usize::MAX, |record| record.len());
                let Some(key) = entry.what.key() else {
                    return false;
                };
                let error = Error::new(
                    ErrorKind::Runtime,
                    format!(
                        "what came of the step has {bytes} bytes; {MAX_ENTRY_BYTES} are the most"
                    ),
                );
                let key = key.to_owned();
                return self.apply(What::Failed { key, error });
            }
        };
        match self.stand.machine.apply(&entry) {
            Ok(_) => {
                self.append(record);
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

    /// Timers whose time has come: one may end what the next is about.
    fn fire(&mut self) {
        while let Some(key) = self
            .stand
            .machine
            .due_by(self.stand.now())
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
            if let Some(json) = structured(event) {
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
            self.note(Note::Redriven {
                at: Timestamp::now(),
                without,
            });
        }
        // What the machine is without that record is made when the run is taken again.
        self.write.change = RunChange::Waiting(Some(Timestamp::now()));
    }
}

/// The end of a run, as the registry keeps it.
fn ended_with(status: &Status) -> RunChange {
    let (status, output, error) = match status {
        Status::Completed { output } => (RunStatus::Completed, Some(output.clone()), None),
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
