//! Where a run stands: its machine, made from its journal.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_registry::workflows::JournalEntry;
use steward_workflow::{Entry, Error, ErrorKind, Facts, Run, What, Workflow};
use ulid::Ulid;

use crate::effects::Pins;
use crate::record::{Note, Record};

/// What is settled when a run begins: kept with it, and never told whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settled {
    /// When it began.
    pub at: Timestamp,
    /// What marks the places of secrets. Nobody outside is told.
    pub mark: String,
    /// What it calls.
    #[serde(flatten)]
    pub pins: Pins,
}

impl Settled {
    /// A run that begins now.
    pub fn now(pins: Pins) -> Self {
        Self {
            at: Timestamp::now(),
            // The random part of two ulids: 160 bits.
            mark: (0..2)
                .map(|_| format!("{:020x}", Ulid::generate().random()))
                .collect(),
            pins,
        }
    }

    fn facts(&self, run: Ulid) -> Facts {
        let names = |steps: &Vec<crate::FunctionPin>| {
            let names = steps.iter().map(|step| step.function.to_string());
            names.collect()
        };
        Facts {
            run: run.to_string(),
            at: self.at,
            mark: self.mark.clone(),
            extensions: self
                .pins
                .extensions
                .iter()
                .map(|(point, steps)| (point.clone(), names(steps)))
                .collect(),
        }
    }
}

/// What may be told of the pins of a run, as the registry keeps them: what it calls, and nothing that marks secrets.
pub fn told(pins: &Value) -> Value {
    let mut told = pins.clone();
    if let Some(map) = told.as_object_mut() {
        map.remove("mark");
        map.remove("at");
    }
    told
}

/// The machine of a run, and how far its journal goes.
pub(crate) struct Stand {
    pub machine: Run,
    /// The number of the last record.
    pub seq: u64,
    /// The bytes of all records.
    pub bytes: usize,
    /// How often each step was tried so far, by its idempotency key.
    pub attempts: HashMap<String, u32>,
    /// Steps of which the journal says that they were started, and nothing more.
    pub started: BTreeSet<String>,
    /// The number of the last entry of the machine, and that entry.
    pub last: Option<(u64, Entry)>,
    /// How far the clock of the run is ahead of that of the host, which has gone back since the run began.
    pub ahead: SignedDuration,
}

impl Stand {
    /// Reads a journal from its beginning.
    ///
    /// # Errors
    /// An error of the kind `runtime` where the journal is not one of this definition: it was damaged.
    pub fn of(
        definition: &Workflow,
        run: Ulid,
        input: Value,
        settled: &Settled,
        journal: &[JournalEntry],
    ) -> Result<Self, Error> {
        let damaged = |seq: u64, why: &dyn std::fmt::Display| {
            Error::new(
                ErrorKind::Runtime,
                format!("the record {seq} of the journal does not fit the definition: {why}"),
            )
        };
        let mut records = Vec::with_capacity(journal.len());
        let mut without = BTreeSet::new();
        for entry in journal {
            let record: Record =
                serde_json::from_str(&entry.entry).map_err(|e| damaged(entry.seq, &e))?;
            if let Record::Note(Note::Redriven { without: seq, .. }) = &record {
                without.insert(*seq);
            }
            records.push((entry.seq, record));
        }
        let mut stand = Self {
            machine: Run::start(definition.clone(), input, settled.facts(run)).0,
            seq: records.last().map_or(0, |(seq, _)| *seq),
            bytes: journal.iter().map(|entry| entry.entry.len()).sum(),
            attempts: HashMap::new(),
            started: BTreeSet::new(),
            last: None,
            ahead: SignedDuration::ZERO,
        };
        for (seq, record) in records {
            match record {
                Record::Note(Note::Started {
                    key,
                    idempotency_key,
                    attempt,
                    ..
                }) => {
                    stand.started.insert(key);
                    stand.attempts.insert(idempotency_key, attempt);
                }
                Record::Note(Note::Redriven { .. }) => {}
                Record::Note(Note::ClockWentBack { by_ms, .. }) => {
                    stand.ahead = SignedDuration::from_millis(by_ms);
                }
                Record::Entry(_) if without.contains(&seq) => {}
                Record::Entry(entry) => {
                    if let Some(key) = entry.what.key() {
                        stand.started.remove(key);
                    }
                    let applied = stand.machine.apply(&entry);
                    applied.map_err(|e| damaged(seq, &e))?;
                    stand.last = Some((seq, entry));
                }
            }
        }
        Ok(stand)
    }

    /// The time that it is in the run. It never goes back, so that what waits does so by its length.
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now().checked_add(self.ahead);
        now.unwrap_or(Timestamp::MAX)
    }

    /// A time of the run as the clock of the host has it.
    pub fn of_host(&self, time: Timestamp) -> Timestamp {
        time.checked_sub(self.ahead).unwrap_or(time)
    }

    /// The record that has to go so that a faulted run goes on from where it failed; none where it did not fail in a step
    /// that can be tried again.
    pub fn failure(&self) -> Option<u64> {
        let (seq, entry) = self.last.as_ref()?;
        matches!(entry.what, What::Failed { .. } | What::Fired { .. }).then_some(*seq)
    }
}

/// How much of a journal comes before a step: the part that a replay from this step shares. None where the step is not in
/// it.
pub(crate) fn before(journal: &[JournalEntry], step: &str) -> Option<Vec<JournalEntry>> {
    let is_within = |text: &str| {
        text.strip_prefix(step)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[', '@', '#']))
    };
    let at =
        journal
            .iter()
            .position(|entry| match serde_json::from_str::<Record>(&entry.entry) {
                Ok(Record::Note(Note::Started { key, task, .. })) => {
                    is_within(&key) || is_within(&task)
                }
                Ok(Record::Entry(entry)) => entry.what.key().is_some_and(is_within),
                _ => false,
            })?;
    journal.get(..at).map(<[JournalEntry]>::to_vec)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(seq: u64, record: Value) -> JournalEntry {
        JournalEntry {
            seq,
            entry: record.to_string(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn completed(seq: u64, key: &str) -> JournalEntry {
        let at = Timestamp::UNIX_EPOCH;
        entry(
            seq,
            json!({"at": at, "kind": "completed", "key": key, "output": 1}),
        )
    }

    #[test]
    fn what_comes_before_a_step_is_found() {
        let journal = [
            completed(1, "/do/0/a"),
            completed(2, "/do/1/ab/for[0]/do/0/x"),
            completed(3, "/do/2/b"),
        ];
        let count = |step: &str| before(&journal, step).map(|shared| shared.len());
        assert_eq!(count("/do/0/a"), Some(0));
        assert_eq!(count("/do/1/ab"), Some(1));
        assert_eq!(count("/do/2/b"), Some(2));
        // Not a step of that name, but the beginning of another's.
        assert_eq!(count("/do/1/a"), None);
        assert_eq!(count("/do/3/c"), None);
    }

    #[test]
    fn what_marks_secrets_is_not_told() {
        let settled = serde_json::to_value(Settled::now(Pins::default())).unwrap();
        let mark = settled["mark"].as_str().unwrap();
        assert!(mark.len() >= 40 && mark.chars().all(|c| c.is_ascii_alphanumeric()));
        assert_eq!(told(&settled), json!({}));
        assert_ne!(Settled::now(Pins::default()).mark, mark);
    }
}
