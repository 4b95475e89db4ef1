//! The way of an entry to the task that waits for it, and what waits.

use super::composite::{Joined, attempt_key, gathered, joined};
use super::effect::{Action, Effect, Waiting};
use super::entry::What;
use super::listen;
use super::state::{Body, Branch, Frame, Node, Phase};
use super::turn::{Begun, Flow, Outcome, Turn};
use crate::call::Call;
use crate::definition::model::{Block, Called, Kind, Task};
use crate::{Error, ErrorKind, Workflow};

/// What the key of a deadline ends with.
pub(super) const TIMEOUT: &str = "#timeout";
/// What the key of a pause before a further attempt ends with.
const RETRY: &str = "#retry";

/// Whether a key is that of a task, or of something within it.
pub(super) fn within(key: &str, task: &str) -> bool {
    key.strip_prefix(task)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[', '#']))
}

fn timeout(key: &str, task: &str, until: jiff::Timestamp) -> Effect {
    Effect {
        key: format!("{key}{TIMEOUT}"),
        task: task.to_owned(),
        action: Action::Wait {
            until,
            why: Waiting::Timeout,
        },
    }
}

/// Everything that a task waits for.
pub(super) fn effects(workflow: &Workflow, node: &Node, found: &mut Vec<Effect>) {
    let Some(task) = workflow.task(node.task) else {
        return;
    };
    let effect = |key: String, action: Action| Effect {
        key,
        task: task.pointer.clone(),
        action,
    };
    if let Some(until) = node.deadline {
        found.push(timeout(&node.key, &task.pointer, until));
    }
    match &node.body {
        Body::Effect(action) => found.push(effect(node.key.clone(), action.clone())),
        Body::Step { at, action } => {
            found.push(effect(format!("{}/steps/{at}", node.key), action.clone()))
        }
        Body::Custom(inner) => effects(workflow, inner, found),
        Body::Do(frame) | Body::For { frame, .. } => effects(workflow, &frame.child, found),
        Body::Fork(branches) => {
            for branch in branches {
                if let Branch::Running(node) = branch {
                    effects(workflow, node, found);
                }
            }
        }
        Body::Try { attempt, phase, .. } => {
            let key = attempt_key(&node.key, *attempt);
            match phase {
                Phase::Trying { deadline, frame } => {
                    if let Some(until) = deadline {
                        found.push(timeout(&format!("{key}/try"), &task.pointer, *until));
                    }
                    effects(workflow, &frame.child, found);
                }
                Phase::Delaying { until } => found.push(effect(
                    format!("{key}{RETRY}"),
                    Action::Wait {
                        until: *until,
                        why: Waiting::Retry,
                    },
                )),
                Phase::Catching(frame) => effects(workflow, &frame.child, found),
            }
        }
        Body::Listen(listener) => {
            if let (Kind::Listen(listening), false) = (&task.kind, listener.over) {
                let types = listen::types(&listening.to);
                found.push(effect(node.key.clone(), Action::Listen { types }));
            }
            if let Some((_, frame)) = &listener.working {
                effects(workflow, &frame.child, found);
            }
        }
    }
}

/// The task of this key that has begun and not ended.
pub(super) fn find<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    if node.key == key {
        return Some(node);
    }
    match &node.body {
        Body::Effect(_) | Body::Step { .. } => None,
        Body::Custom(inner) => find(inner, key),
        Body::Do(frame) | Body::For { frame, .. } => find(&frame.child, key),
        Body::Fork(branches) => branches.iter().find_map(|b| {
            if let Branch::Running(n) = b {
                find(n, key)
            } else {
                None
            }
        }),
        Body::Try { phase, .. } => match phase {
            Phase::Trying { frame, .. } | Phase::Catching(frame) => find(&frame.child, key),
            Phase::Delaying { .. } => None,
        },
        Body::Listen(listener) => listener
            .working
            .as_ref()
            .and_then(|(_, frame)| find(&frame.child, key)),
    }
}

impl Turn<'_> {
    /// Moves on the list in which a task waits for this.
    pub(super) fn deliver_to_frame(
        &mut self,
        block: &Block,
        frame: Frame,
        what: &What,
    ) -> Outcome<Frame> {
        let Frame {
            prefix,
            visits,
            at,
            vars,
            child,
        } = frame;
        match self.deliver_to_node(*child, what) {
            Outcome::Pending(child) => Outcome::Pending(Frame {
                prefix,
                visits,
                at,
                vars,
                child: Box::new(child),
            }),
            Outcome::Failed(error) => Outcome::Failed(error),
            Outcome::Done(value, flow) => match flow.unwrap_or(Flow::Next) {
                Flow::Next => self.walk(block, prefix, vars, visits, at + 1, value),
                Flow::To(place) => self.walk(block, prefix, vars, visits, place, value),
                Flow::Exit => Outcome::Done(value, None),
                Flow::End => Outcome::Done(value, Some(Flow::End)),
            },
        }
    }

    /// Moves on the task that waits for this, or one within it.
    pub(super) fn deliver_to_node(&mut self, node: Node, what: &What) -> Outcome<Node> {
        let workflow = self.workflow;
        let (begun, body) = Begun::of(node);
        let Some(task) = workflow.task(begun.task) else {
            return Outcome::Failed(Error::new(
                ErrorKind::Runtime,
                "the definition has no such task",
            ));
        };
        let key = what.key().unwrap_or_default();
        if key.strip_suffix(TIMEOUT) == Some(&begun.key) {
            return self.failed(
                task,
                &begun.key,
                late("the task did not end in the time that it has"),
            );
        }
        let outcome = self.deliver_to_body(task, &begun, body, what, key);
        self.settle(task, begun, outcome)
    }

    fn deliver_to_body(
        &mut self,
        task: &Task,
        begun: &Begun,
        body: Body,
        what: &What,
        key: &str,
    ) -> Outcome<Body> {
        match (body, &task.kind) {
            (Body::Effect(action), _) => done(&action, what, begun),
            (
                Body::Step {
                    at,
                    action: Action::Call(Call::Step { .. }),
                },
                Kind::Call(Called::Extension(point, _)),
            ) => match what {
                What::Completed { output, .. } => self.step(point, at + 1, output.clone()),
                What::Failed { error, .. } => Outcome::Failed(error.clone()),
                _ => Outcome::Failed(mismatch()),
            },
            (Body::Custom(inner), _) => match self.deliver_to_node(*inner, what) {
                Outcome::Done(value, _) => Outcome::Done(value, None),
                outcome => outcome.map(|node| Body::Custom(Box::new(node))),
            },
            (Body::Do(frame), Kind::Do(block)) => {
                self.deliver_to_frame(block, frame, what).map(Body::Do)
            }
            (Body::For { items, at, frame }, Kind::For(over)) => {
                match self.deliver_to_frame(&over.block, frame, what) {
                    Outcome::Pending(frame) => Outcome::Pending(Body::For { items, at, frame }),
                    Outcome::Failed(error) => Outcome::Failed(error),
                    Outcome::Done(value, Some(Flow::End)) => Outcome::Done(value, Some(Flow::End)),
                    Outcome::Done(value, _) => {
                        self.iterate(task, over, begun, items, at + 1, value)
                    }
                }
            }
            (Body::Fork(branches), Kind::Fork { compete, .. }) => {
                let mut moved = Vec::with_capacity(branches.len());
                for branch in branches {
                    match branch {
                        Branch::Running(node) if within(key, &node.key) => {
                            match joined(self.deliver_to_node(*node, what), *compete) {
                                Joined::Branch(branch) => moved.push(branch),
                                Joined::All(outcome) => return outcome,
                            }
                        }
                        branch => moved.push(branch),
                    }
                }
                gathered(moved)
            }
            (
                Body::Try {
                    attempt,
                    begun: first,
                    phase,
                },
                Kind::Try(of),
            ) => {
                let own = attempt_key(&begun.key, attempt);
                match phase {
                    Phase::Trying { deadline, frame } => {
                        let over = key
                            .strip_suffix(TIMEOUT)
                            .and_then(|k| k.strip_suffix("/try"))
                            == Some(&own);
                        let outcome = if over {
                            Outcome::Failed(
                                late("the attempt did not end in the time that it has")
                                    .at(&task.pointer),
                            )
                        } else {
                            self.deliver_to_frame(&of.block, frame, what)
                        };
                        self.tried(task, of, begun, (attempt, first, deadline), outcome)
                    }
                    Phase::Delaying { .. } => {
                        self.attempt(task, of, begun, attempt.saturating_add(1), first)
                    }
                    Phase::Catching(frame) => match &of.block_of_catch {
                        Some(block) => {
                            self.deliver_to_frame(block, frame, what)
                                .map(|frame| Body::Try {
                                    attempt,
                                    begun: first,
                                    phase: Phase::Catching(frame),
                                })
                        }
                        None => Outcome::Failed(mismatch()),
                    },
                }
            }
            (Body::Listen(mut listener), Kind::Listen(listening)) => {
                if let What::Event { event, .. } = what
                    && key == begun.key
                {
                    return self.hear(task, begun, listener, event);
                }
                let (Some((at, frame)), Some(each)) = (listener.working.take(), &listening.each)
                else {
                    return Outcome::Failed(mismatch());
                };
                let outcome = self.deliver_to_frame(&each.block, frame, what);
                match self.worked(task, listening, begun, &mut listener, at, outcome) {
                    Ok(None) => self.work(task, listening, begun, listener),
                    Ok(Some(ended)) => ended,
                    Err(error) => Outcome::Failed(error),
                }
            }
            _ => Outcome::Failed(mismatch()),
        }
    }
}

fn late(detail: &str) -> Error {
    Error::new(ErrorKind::Timeout, detail)
}

/// What was kept of a run is not what its definition has: the digests would have to be the same and the tasks not.
fn mismatch() -> Error {
    Error::new(
        ErrorKind::Runtime,
        "what was kept of the run does not fit its definition",
    )
}

/// What came of an effect.
fn done(action: &Action, what: &What, begun: &Begun) -> Outcome<Body> {
    match (action, what) {
        (_, What::Failed { error, .. }) => Outcome::Failed(error.clone()),
        (Action::Wait { .. }, What::Fired { .. }) => Outcome::Done((*begun.input).clone(), None),
        (Action::Emit { event }, What::Completed { output, .. }) => {
            let published = if output.is_null() { event } else { output };
            Outcome::Done(published.clone(), None)
        }
        // Nobody waits for what it answers.
        (Action::Subflow { wait: false, .. }, What::Completed { .. }) => {
            Outcome::Done((*begun.input).clone(), None)
        }
        (_, What::Completed { output, .. }) => Outcome::Done(output.clone(), None),
        _ => Outcome::Failed(mismatch()),
    }
}

/// Whether an effect can be answered so.
pub(super) fn answers(action: &Action, what: &What) -> Result<(), &'static str> {
    match (action, what) {
        (Action::Wait { .. }, What::Fired { .. })
        | (Action::Listen { .. }, What::Event { .. })
        | (
            Action::Call(_) | Action::Emit { .. } | Action::Subflow { .. },
            What::Completed { .. } | What::Failed { .. },
        ) => Ok(()),
        (_, What::Completed { .. }) => Err("a result"),
        (_, What::Failed { .. }) => Err("an error"),
        (_, What::Fired { .. }) => Err("a time"),
        (_, What::Event { .. }) => Err("an event"),
        (_, What::Cancelled { .. } | What::Paused | What::Resumed) => Err("this"),
    }
}
