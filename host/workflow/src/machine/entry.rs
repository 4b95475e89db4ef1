//! What happens to a run: the entries of its journal, and what they lead to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;

/// What a run is started with that its definition and its input do not say. Kept with the journal: a replay needs the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The id of the run: `$workflow.id`, and what the ids of its events and its jitter are derived from.
    pub run: String,
    /// When it starts.
    pub at: Timestamp,
    /// Random letters and digits that nobody outside is told: what marks the places of secrets. See [`crate::secrets`].
    pub mark: String,
    /// The steps of each extension point that the definition has, in the order in which they run, pinned as they are at the
    /// start. A point that is not here has none.
    #[serde(default)]
    pub extensions: BTreeMap<String, Vec<String>>,
}

/// One entry of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it happened: the time that the run goes by until the next one. A clock that went back is not followed.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    /// An effect was carried out.
    Completed {
        /// Of which step.
        key: String,
        /// With this result.
        #[serde(default)]
        output: Value,
    },
    /// An effect failed, for good: attempts of a transport that its caller hides are no entries.
    Failed {
        /// Of which step.
        key: String,
        /// Why; the pointer of the task is filled in where it is missing.
        error: Error,
    },
    /// A time has come.
    Fired {
        /// Of which step.
        key: String,
    },
    /// An event was consumed.
    Event {
        /// By which step.
        key: String,
        /// CloudEvents 1.0 in structured JSON.
        event: Value,
    },
    /// The run was cancelled.
    Cancelled {
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// The run was paused: nothing is begun until it is resumed. What was begun still ends.
    Paused,
    /// The run goes on.
    Resumed,
}

impl What {
    /// The step that it is about.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Completed { key, .. } | Self::Failed { key, .. } | Self::Fired { key } | Self::Event { key, .. } => Some(key),
            Self::Cancelled { .. } | Self::Paused | Self::Resumed => None,
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Status {
    /// It waits for its effects.
    Running,
    /// It waits for its effects, but none is to be begun.
    Paused,
    /// It has ended well.
    Completed {
        /// With this.
        output: Value,
    },
    /// It has ended with an error that nothing caught.
    Faulted {
        /// Which.
        error: Error,
    },
    /// It was ended.
    Cancelled {
        /// Why.
        reason: String,
    },
}

impl Status {
    /// Whether nothing can happen to it any more.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Faulted { .. } | Self::Cancelled { .. })
    }
}

/// Something that a run did while an entry was applied: for timelines and logs. It is told once and not kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// The step.
    pub key: String,
    /// The task: a JSON pointer into the definition.
    pub task: String,
    /// When.
    pub at: Timestamp,
    /// What it did.
    #[serde(flatten)]
    pub what: Happened,
}

/// What a task did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "happened", rename_all = "kebab-case")]
pub enum Happened {
    /// It began, with this input.
    Started {
        /// As its `input.from` made it.
        input: Value,
    },
    /// It was passed over: its `if` was false.
    Skipped,
    /// It ended well, with this output.
    Completed {
        /// As its `output.as` made it.
        output: Value,
    },
    /// It raised an error.
    Failed {
        /// Which.
        error: Error,
    },
    /// A `try` will try again.
    Retrying {
        /// What it caught.
        error: Error,
        /// When.
        #[serde(rename = "until")]
        at: Timestamp,
    },
}

/// Why an entry cannot be applied. The run is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The run has ended.
    #[error("the run has ended: nothing more can happen to it")]
    Ended,
    /// No step of this key waits: it is done, it was cancelled, or it was never begun.
    #[error("no step `{0}` of the run waits")]
    NotWaiting(String),
    /// The step waits for something else.
    #[error("the step `{key}` does not wait for {what}")]
    Unexpected {
        /// The step.
        key: String,
        /// What came.
        what: &'static str,
    },
    /// The event matches no filter of the step, or its correlation does not fit.
    #[error("the step `{0}` does not ask for this event")]
    NotAccepted(String),
}

/// Why a snapshot cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// It is of another definition.
    #[error("the snapshot is of the definition {0}, not of this one")]
    OtherDefinition(String),
    /// It is none of this version.
    #[error("the snapshot cannot be read: {0}; rebuild the run from its journal")]
    Unreadable(String),
}
