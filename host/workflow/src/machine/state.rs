//! What is kept of a run: the tasks that have begun and not ended, as a tree.
//!
//! It is all that a run is between two entries, so it can be written down, and dropped and made again from the journal.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effect::Action;
use super::entry::{Facts, Status};
use crate::Error;
use crate::definition::model::TaskId;

/// Variables of loops and errors that were caught, by their names without `$`.
pub(super) type Vars = Arc<BTreeMap<String, Value>>;

/// All of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// The digest of the definition.
    pub digest: String,
    pub facts: Facts,
    /// As it was given.
    pub input: Value,
    pub now: Timestamp,
    /// `$context`.
    pub context: Value,
    pub paused: bool,
    /// At most what the tasks that wait have together, in bytes.
    pub made: usize,
    pub stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Stage {
    Active {
        /// The input as `input.from` made it.
        input: Value,
        deadline: Option<Timestamp>,
        frame: Frame,
    },
    Ended(Status),
}

/// A list of tasks, one of which has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Frame {
    /// What the keys of its tasks begin with.
    pub prefix: String,
    /// How often each task was begun: those that were more than once have it in their keys.
    pub visits: BTreeMap<usize, u32>,
    /// Which one has begun.
    pub at: usize,
    pub vars: Vars,
    pub child: Box<Node>,
}

/// A task that has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Node {
    pub task: TaskId,
    pub key: String,
    /// As it came.
    pub raw: Arc<Value>,
    /// As `input.from` made it.
    pub input: Arc<Value>,
    pub vars: Vars,
    pub started: Timestamp,
    pub deadline: Option<Timestamp>,
    pub body: Body,
}

/// What a task waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Body {
    /// One effect.
    Effect(Action),
    /// The step of an extension point at this place.
    Step {
        at: usize,
        action: Action,
    },
    /// The function of `use.functions` that it calls.
    Custom(Box<Node>),
    Do(Frame),
    For {
        items: Vec<Value>,
        at: usize,
        frame: Frame,
    },
    Fork(Vec<Branch>),
    Try {
        /// From 0.
        attempt: u32,
        /// When the first attempt began.
        begun: Timestamp,
        phase: Phase,
    },
    Listen(Listener),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Branch {
    Running(Box<Node>),
    Done(Value),
    Failed(Error),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Phase {
    Trying {
        deadline: Option<Timestamp>,
        frame: Frame,
    },
    Delaying {
        until: Timestamp,
    },
    Catching(Frame),
}

/// What became of the events of a `listen` task so far.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Listener {
    /// The filters of `all` that have their event.
    pub matched: Vec<bool>,
    /// The same of the events that end an `any`.
    pub ended: Vec<bool>,
    /// What events are expected to agree on, by the names of the correlations.
    pub correlations: BTreeMap<String, Value>,
    /// The events, in the form that the task reads them.
    pub events: Vec<Value>,
    /// Whether no more are asked for.
    pub over: bool,
    /// With `foreach`: the events that are not begun yet, by their place.
    pub queue: VecDeque<usize>,
    /// With `foreach`: the event that is being worked on, and its tasks.
    pub working: Option<(usize, Frame)>,
    /// With `foreach`: what came of the events.
    pub outputs: Vec<Value>,
}
