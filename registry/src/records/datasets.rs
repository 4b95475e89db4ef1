//! Snapshots of datasets, and the runs that make one of another.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ArtifactRef;
use crate::id::{DatasetRef, Name};

/// A snapshot of a dataset: JSON Lines that never change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetSnapshot {
    /// The dataset.
    pub name: Name,
    /// 1, 2, 3 … in the dataset.
    pub snapshot: u64,
    /// The rows, in the artifact store.
    pub file: ArtifactRef,
    /// How many lines hold something.
    pub rows: u64,
    /// Where it comes from: what was uploaded, or which run made it of which snapshot.
    pub lineage: serde_json::Value,
    /// When it was added.
    pub created_at: Timestamp,
    /// Id of the principal that added it.
    pub created_by: String,
}

impl DatasetSnapshot {
    /// A reference that will always mean the same.
    pub fn reference(&self) -> DatasetRef {
        DatasetRef {
            name: self.name.clone(),
            snapshot: Some(self.snapshot),
        }
    }
}

/// Work that makes a snapshot of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetRun {
    /// ULID.
    pub id: String,
    /// The snapshot that is read.
    pub input: DatasetRef,
    /// What is done with it.
    pub spec: serde_json::Value,
    /// Whether it goes on, and how it ended.
    pub state: RunState,
    /// How far it was when that was last written down.
    pub progress: serde_json::Value,
    /// What it gave, or why it gave nothing.
    pub outcome: serde_json::Value,
    /// When it began.
    pub created_at: Timestamp,
    /// Id of the principal that asked for it.
    pub created_by: String,
    /// When its host last wrote something down.
    pub seen_at: Timestamp,
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It goes on.
    Running,
    /// It made its snapshot.
    Done,
    /// It made none.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl RunState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for RunState {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        [Self::Running, Self::Done, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == s)
            .ok_or_else(|| format!("`{s}` is no state of a run"))
    }
}
