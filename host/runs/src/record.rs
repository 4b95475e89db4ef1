//! What a journal holds: the entries of the run's machine, and what the host notes beside them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_workflow::Entry;

/// One record of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Record {
    /// What the host notes; changes nothing of where the run stands.
    Note(Note),
    /// What happened to the run.
    Entry(Entry),
}

/// What the host notes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Note {
    /// A side effect is about to be tried. Without an entry for its step behind it, it is not known what came of it, and
    /// it is tried again with the same idempotency key.
    Started {
        /// When.
        at: Timestamp,
        /// The step.
        key: String,
        /// The task: a JSON pointer into the definition.
        task: String,
        /// What is handed to the other side.
        idempotency_key: String,
        /// Which attempt at the step this is: 1, 2, 3 …
        #[serde(default = "first")]
        attempt: u32,
    },
    /// The run was redriven: the record of this number does not count any more.
    Redriven {
        /// When.
        at: Timestamp,
        /// The record of the failure.
        without: u64,
    },
    /// The host's clock went back: since then the clock of the run is so far ahead of it. With 0 the host's clock is where it
    /// was, and the run has its time again.
    ClockWentBack {
        /// When, by the clock that went back.
        at: Timestamp,
        /// How far, in milliseconds.
        by_ms: i64,
    },
}

fn first() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use steward_workflow::What;

    use super::*;

    #[test]
    fn notes_and_entries_are_told_apart() {
        let at = Timestamp::UNIX_EPOCH;
        let records = [
            Record::Note(Note::Started {
                at,
                key: "/do/0/a".into(),
                task: "/do/0/a".into(),
                idempotency_key: "k".into(),
                attempt: 2,
            }),
            Record::Note(Note::Redriven { at, without: 7 }),
            Record::Note(Note::ClockWentBack { at, by_ms: 90_000 }),
            Record::Entry(Entry {
                at,
                what: What::Completed {
                    key: "/do/0/a".into(),
                    output: json!({"kind": "started", "好": 1}),
                },
            }),
            Record::Entry(Entry {
                at,
                what: What::Paused,
            }),
        ];
        for record in records {
            let text = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        }
    }
}
