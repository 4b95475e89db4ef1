//! A run from outside.

use std::cell::Cell;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::deliver::{self, TIMEOUT, within};
use super::effect::{Action, Effect, Waiting};
use super::entry::{ApplyError, Entry, Facts, Moment, RestoreError, Status, What};
use super::state::{Body, Frame, Stage, State, Vars};
use super::turn::{Begun, Outcome, Scene, Turn};
use crate::expression::on_large_stack;
use crate::{Error, ErrorKind, Workflow};

/// So many tasks may follow each other without anything to wait for: more is a loop that does nothing outside.
pub const MAX_STEPS: usize = 10_000;
/// What the tasks of a run may make until each waits, and what all that wait may have together, in bytes of JSON, about.
pub const MAX_MADE: usize = 128 << 20;

/// A run of a workflow: a state machine that is moved on by the entries of its journal.
///
/// It does nothing itself. [`Run::pending`] says what is outstanding; whoever drives the run does that, writes down what
/// came of it, and tells it with [`Run::apply`]. The same definition, input, facts and entries make the same run, so it can
/// be dropped at any time and made again with [`Run::replay`], or from a [snapshot](Run::snapshot).
///
/// ```
/// use serde_json::json;
/// use steward_workflow::{Action, Entry, Facts, Run, Status, What, Workflow};
///
/// let workflow = Workflow::parse("
/// document: { dsl: 1.0.3, namespace: default, name: classify, version: 1.0.0 }
/// do:
///   - label: { call: steward:labeller, with: { text: '${ .text }' } }
///   - result: { set: { label: '${ .label }', of: '${ $workflow.input.text }' } }
/// ")?;
/// let at = "2026-01-01T00:00:00Z".parse().unwrap();
/// let facts = Facts { run: "run-1".into(), at, mark: "k3J9".into(), extensions: Default::default() };
/// let (mut run, _) = Run::start(workflow, json!({"text": "很好"}), facts);
///
/// let pending = run.pending();
/// assert_eq!(pending[0].key, "/do/0/label");
/// assert!(matches!(pending[0].action, Action::Call(_)));
///
/// let what = What::Completed { key: "/do/0/label".into(), output: json!({"label": "positive"}) };
/// run.apply(&Entry { at, what }).unwrap();
/// assert_eq!(run.status(), Status::Completed { output: json!({"label": "positive", "of": "很好"}) });
/// # Ok::<(), steward_workflow::Problems>(())
/// ```
#[derive(Debug, Clone)]
pub struct Run {
    workflow: Workflow,
    state: State,
}

impl PartialEq for Run {
    /// Of the same definition, in the same state.
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state
    }
}

impl Run {
    /// Starts a run, as far as it goes by itself. One whose input breaks the schema has failed at once.
    pub fn start(workflow: Workflow, input: Value, facts: Facts) -> (Self, Vec<Moment>) {
        on_large_stack(|| {
            let mut turn = Turn {
                workflow: &workflow,
                facts: &facts,
                input: &input,
                now: facts.at,
                context: Value::Null,
                moments: Vec::new(),
                steps: 0,
                made: Cell::new(0),
                fatal: false,
            };
            let stage = match open(&turn) {
                Ok((given, deadline)) => {
                    let outcome = turn.block(
                        workflow.root(),
                        "/do".to_owned(),
                        Vars::default(),
                        given.clone(),
                    );
                    close(&turn, given, deadline, outcome)
                }
                Err(error) => Stage::Ended(Status::Faulted { error }),
            };
            let (context, moments, made) = (turn.context, turn.moments, turn.made.get());
            let state = State {
                digest: workflow.digest().to_owned(),
                now: facts.at,
                facts,
                input,
                context,
                paused: false,
                made,
                stage,
            };
            (Self { workflow, state }, moments)
        })
    }

    /// Starts a run and applies the entries of its journal.
    ///
    /// # Errors
    /// The first entry that cannot be applied, by its place from 0, and why.
    pub fn replay<'e>(
        workflow: Workflow,
        input: Value,
        facts: Facts,
        journal: impl IntoIterator<Item = &'e Entry>,
    ) -> Result<Self, (usize, ApplyError)> {
        let (mut run, _) = Self::start(workflow, input, facts);
        for (at, entry) in journal.into_iter().enumerate() {
            run.apply(entry).map_err(|e| (at, e))?;
        }
        Ok(run)
    }

    /// The run as it was when this step, or the first one within it, was about to end: the way to do it again from there.
    /// Answers with the number of entries that come before; those are the journal of the new run.
    ///
    /// # Errors
    /// As [`Run::replay`]; [`ApplyError::NotWaiting`] behind the last entry where no entry is about this step.
    pub fn rewind(
        workflow: Workflow,
        input: Value,
        facts: Facts,
        journal: &[Entry],
        key: &str,
    ) -> Result<(Self, usize), (usize, ApplyError)> {
        let about = |entry: &Entry| entry.what.key().is_some_and(|k| within(k, key));
        let Some(place) = journal.iter().position(about) else {
            return Err((journal.len(), ApplyError::NotWaiting(key.to_owned())));
        };
        // What paused or ended the old run is not to do so to the new one.
        let before = journal.get(..place).unwrap_or_default();
        Self::replay(workflow, input, facts, before).map(|run| (run, place))
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        match &self.state.stage {
            Stage::Ended(status) => status.clone(),
            Stage::Active { .. } if self.state.paused => Status::Paused,
            Stage::Active { .. } => Status::Running,
        }
    }

    /// The definition.
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// What it was started with.
    pub fn facts(&self) -> &Facts {
        &self.state.facts
    }

    /// The input, as it was given.
    pub fn input(&self) -> &Value {
        &self.state.input
    }

    /// `$context`: what tasks have exported.
    pub fn context(&self) -> &Value {
        &self.state.context
    }

    /// The time of the last entry.
    pub fn now(&self) -> Timestamp {
        self.state.now
    }

    /// What is to be done, in the order of the definition; nothing of a run that is paused or has ended.
    pub fn pending(&self) -> Vec<Effect> {
        if self.state.paused {
            Vec::new()
        } else {
            self.outstanding()
        }
    }

    /// What it waits for, also while it is paused.
    pub fn outstanding(&self) -> Vec<Effect> {
        let mut found = Vec::new();
        if let Stage::Active {
            deadline, frame, ..
        } = &self.state.stage
        {
            if let Some(until) = *deadline {
                found.push(Effect {
                    key: TIMEOUT.to_owned(),
                    task: String::new(),
                    action: Action::Wait {
                        until,
                        why: Waiting::Timeout,
                    },
                });
            }
            deliver::effects(&self.workflow, &frame.child, &mut found);
        }
        found
    }

    /// When the next of its times comes: that of the first [`Action::Wait`] of [`Run::pending`].
    pub fn wakes_at(&self) -> Option<Timestamp> {
        self.due().into_iter().map(|(until, _)| until).min()
    }

    /// The times that have come by now, first those that came first: each with the key to fire. Fire one, and ask again:
    /// it may have ended what the next one is about.
    pub fn due_by(&self, now: Timestamp) -> Vec<String> {
        let mut due = self.due();
        due.retain(|(until, _)| *until <= now);
        due.sort();
        due.into_iter().map(|(_, key)| key).collect()
    }

    fn due(&self) -> Vec<(Timestamp, String)> {
        let wait = |effect: Effect| match effect.action {
            Action::Wait { until, .. } => Some((until, effect.key)),
            _ => None,
        };
        self.pending().into_iter().filter_map(wait).collect()
    }

    /// Whether a step that listens asks for this event, in structured JSON.
    pub fn accepts(&self, key: &str, event: &Value) -> bool {
        let Stage::Active { frame, .. } = &self.state.stage else {
            return false;
        };
        let Some(node) = deliver::find(&frame.child, key) else {
            return false;
        };
        on_large_stack(|| {
            let (begun, body) = Begun::of(node.clone());
            match (self.workflow.task(begun.task), body) {
                (Some(task), Body::Listen(listener)) => self
                    .turn(self.state.now)
                    .wants(task, &begun, &listener, event)
                    .is_some(),
                _ => false,
            }
        })
    }

    fn turn(&self, now: Timestamp) -> Turn<'_> {
        Turn {
            workflow: &self.workflow,
            facts: &self.state.facts,
            input: &self.state.input,
            now,
            context: self.state.context.clone(),
            moments: Vec::new(),
            steps: 0,
            made: Cell::new(0),
            fatal: false,
        }
    }

    /// Moves it on by one entry, as far as it goes by itself, and tells what its tasks did.
    ///
    /// # Errors
    /// An entry that fits nothing that the run waits for; then nothing has changed.
    pub fn apply(&mut self, entry: &Entry) -> Result<Vec<Moment>, ApplyError> {
        let now = entry.at.max(self.state.now);
        let Stage::Active { .. } = &self.state.stage else {
            return Err(ApplyError::Ended);
        };
        match &entry.what {
            What::Paused => self.state.paused = true,
            What::Resumed => self.state.paused = false,
            What::Cancelled { reason } => {
                self.state.stage = Stage::Ended(Status::Cancelled {
                    reason: reason.clone(),
                })
            }
            what => {
                let key = what.key().unwrap_or_default();
                let found = self
                    .outstanding()
                    .into_iter()
                    .find(|effect| effect.key == key);
                let Some(effect) = found else {
                    return Err(ApplyError::NotWaiting(key.to_owned()));
                };
                deliver::answers(&effect.action, what).map_err(|what| ApplyError::Unexpected {
                    key: key.to_owned(),
                    what,
                })?;
                if let What::Event { event, .. } = what
                    && !self.accepts(key, event)
                {
                    return Err(ApplyError::NotAccepted(key.to_owned()));
                }
                return Ok(on_large_stack(|| self.advance(now, what)));
            }
        }
        self.state.now = now;
        Ok(Vec::new())
    }

    fn advance(&mut self, now: Timestamp, what: &What) -> Vec<Moment> {
        let ended = Stage::Ended(Status::Cancelled {
            reason: String::new(),
        });
        let Stage::Active {
            input,
            deadline,
            frame,
        } = std::mem::replace(&mut self.state.stage, ended)
        else {
            return Vec::new();
        };
        let mut turn = self.turn(now);
        let outcome = if what.key() == Some(TIMEOUT) {
            Outcome::Failed(Error::new(
                ErrorKind::Timeout,
                "the run did not end in the time that it has",
            ))
        } else {
            turn.deliver_to_frame(turn.workflow.root(), frame, what)
        };
        let stage = close(&turn, input, deadline, outcome);
        let (context, moments, made) = (turn.context, turn.moments, turn.made.get());
        self.state.stage = stage;
        self.state.context = context;
        self.state.now = now;
        self.measure(made);
        moments
    }

    /// Ends a run whose tasks that wait have too much together. What they have is at most what was made since it was last
    /// measured, so that it is measured seldom.
    fn measure(&mut self, made: usize) {
        self.state.made = self.state.made.saturating_add(made);
        if self.state.made <= MAX_MADE {
            return;
        }
        let mut bytes = Count(0);
        // A sink takes everything.
        let _ = serde_json::to_writer(&mut bytes, &self.state.stage);
        self.state.made = bytes.0;
        if bytes.0 > MAX_MADE && matches!(self.state.stage, Stage::Active { .. }) {
            let mib = MAX_MADE >> 20;
            let error = Error::new(
                ErrorKind::Runtime,
                format!("the tasks that wait have more than {mib} MiB together"),
            );
            self.state.stage = Stage::Ended(Status::Faulted { error });
        }
    }

    /// The run as bytes: small, and read faster than a long journal. What it holds is what a journal holds.
    pub fn snapshot(&self) -> Vec<u8> {
        // Maps have texts or numbers as keys and numbers are finite, so nothing in it cannot be written.
        serde_json::to_vec(&self.state).unwrap_or_default()
    }

    /// The run of a snapshot.
    ///
    /// # Errors
    /// A snapshot of another definition, or none of this version of the host: rebuild the run from its journal then.
    pub fn restore(workflow: Workflow, snapshot: &[u8]) -> Result<Self, RestoreError> {
        let state: State = serde_json::from_slice(snapshot)
            .map_err(|e| RestoreError::Unreadable(e.to_string()))?;
        if state.digest != workflow.digest() {
            return Err(RestoreError::OtherDefinition(state.digest));
        }
        Ok(Self { workflow, state })
    }
}

/// Counts what is written to it.
struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What an expression of the workflow itself sees.
fn scene<'a>(turn: &'a Turn<'a>, input: &'a Value, vars: &'a Vars) -> Scene<'a> {
    Scene {
        turn,
        task: None,
        input,
        output: None,
        vars,
    }
}

/// What goes into the first task, and when the run has to end.
fn open(turn: &Turn<'_>) -> Result<(Value, Option<Timestamp>), Error> {
    let vars = Arc::default();
    let scene = scene(turn, turn.input, &vars);
    let input = scene.transform(turn.workflow.input(), turn.input.clone(), "the input", true)?;
    let deadline = match turn.workflow.timeout() {
        Some(length) => Some(turn.later(scene.length(length, &input)?)),
        None => None,
    };
    Ok((input, deadline))
}

/// Where a run stands after a turn.
fn close(
    turn: &Turn<'_>,
    input: Value,
    deadline: Option<Timestamp>,
    outcome: Outcome<Frame>,
) -> Stage {
    let output = match outcome {
        Outcome::Pending(frame) => {
            return Stage::Active {
                input,
                deadline,
                frame,
            };
        }
        Outcome::Failed(error) => Err(error),
        Outcome::Done(value, _) => {
            let vars = Arc::default();
            let mut scene = scene(turn, &input, &vars);
            let raw = value.clone();
            scene.output = Some(&raw);
            let output = scene.transform(turn.workflow.output(), value, "the output", false);
            output.and_then(|output| {
                turn.unmarked(&output, "the output of the run")
                    .map(|()| output)
            })
        }
    };
    Stage::Ended(match output {
        Ok(output) => Status::Completed { output },
        Err(error) => Status::Faulted { error },
    })
}
