//! Tasks of tasks: `for`, `fork`, `try`, and the steps of extension points.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::effect::Action;
use super::entry::Happened;
use super::state::{Body, Branch, Frame, Phase, Vars};
use super::turn::{Begun, Flow, Outcome, Turn, with_vars};
use crate::call::Call;
use crate::definition::model::{Backoff, Block, Filter, For, Retry, Task, Try};
use crate::{Error, ErrorKind};

/// The longest pause before a further attempt.
const MAX_DELAY: SignedDuration = SignedDuration::from_hours(24 * 365);

impl Turn<'_> {
    pub(super) fn for_each(&mut self, task: &Task, over: &For, begun: &Begun) -> Outcome<Body> {
        match self.scene(task, begun).compute(&over.items, &begun.input) {
            Ok(Value::Array(items)) => {
                self.iterate(task, over, begun, items, 0, (*begun.input).clone())
            }
            Ok(_) => {
                let detail = format!(
                    "`{}` is no list, so there is nothing to go through",
                    over.items.text()
                );
                Outcome::Failed(Error::new(ErrorKind::Expression, detail))
            }
            Err(error) => Outcome::Failed(error),
        }
    }

    /// The iterations from one on: each has the output of the one before it as its input.
    pub(super) fn iterate(
        &mut self,
        task: &Task,
        over: &For,
        begun: &Begun,
        items: Vec<Value>,
        mut at: usize,
        mut value: Value,
    ) -> Outcome<Body> {
        while let Some(item) = items.get(at) {
            let vars = with_vars(
                &begun.vars,
                [(&over.each, item.clone()), (&over.at, Value::from(at))],
            );
            if let Some(until_not) = &over.until_not {
                let inner = Begun {
                    vars: Arc::clone(&vars),
                    ..begun.clone()
                };
                match self.scene(task, &inner).test(until_not, &value) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => return Outcome::Failed(error),
                }
            }
            let prefix = format!("{}[{at}]/do", begun.key);
            match self.block(&over.block, prefix, vars, value) {
                Outcome::Pending(frame) => return Outcome::Pending(Body::For { items, at, frame }),
                Outcome::Failed(error) => return Outcome::Failed(error),
                Outcome::Done(output, Some(Flow::End)) => {
                    return Outcome::Done(output, Some(Flow::End));
                }
                Outcome::Done(output, _) => value = output,
            }
            at += 1;
        }
        Outcome::Done(value, None)
    }

    pub(super) fn fork(&mut self, block: &Block, compete: bool, begun: &Begun) -> Outcome<Body> {
        let mut branches = Vec::new();
        for (at, id) in block.iter().enumerate() {
            let name = self.workflow.task(*id).map_or("", |t| t.name.as_str());
            let key = format!("{}/fork/branches/{at}/{name}", begun.key);
            let outcome = self.begin(*id, key, Arc::clone(&begun.vars), (*begun.input).clone());
            match joined(outcome, compete) {
                Joined::Branch(branch) => branches.push(branch),
                Joined::All(outcome) => return outcome,
            }
        }
        gathered(branches)
    }

    /// A try, from an attempt on.
    pub(super) fn attempt(
        &mut self,
        task: &Task,
        of: &Try,
        begun: &Begun,
        attempt: u32,
        first: Timestamp,
    ) -> Outcome<Body> {
        let deadline = match of.retry.as_ref().and_then(|r| r.attempt_length.as_ref()) {
            Some(length) => match self.scene(task, begun).length(length, &begun.input) {
                Ok(length) => Some(self.later(length)),
                Err(error) => return Outcome::Failed(error),
            },
            None => None,
        };
        let prefix = format!("{}/try", attempt_key(&begun.key, attempt));
        let outcome = self.block(
            &of.block,
            prefix,
            Arc::clone(&begun.vars),
            (*begun.input).clone(),
        );
        self.tried(task, of, begun, (attempt, first, deadline), outcome)
    }

    /// What follows from how an attempt went.
    pub(super) fn tried(
        &mut self,
        task: &Task,
        of: &Try,
        begun: &Begun,
        (attempt, first, deadline): (u32, Timestamp, Option<Timestamp>),
        outcome: Outcome<Frame>,
    ) -> Outcome<Body> {
        match outcome {
            Outcome::Failed(error) if !self.fatal && !self.has_too_much() => {
                self.caught(task, of, begun, (attempt, first), error)
            }
            outcome => outcome.map(|frame| Body::Try {
                attempt,
                begun: first,
                phase: Phase::Trying { deadline, frame },
            }),
        }
    }

    /// What is done about an error: passed on, tried again, or worked on.
    pub(super) fn caught(
        &mut self,
        task: &Task,
        of: &Try,
        begun: &Begun,
        (attempt, first): (u32, Timestamp),
        error: Error,
    ) -> Outcome<Body> {
        let value = serde_json::to_value(&error).unwrap_or_default();
        let vars = with_vars(&begun.vars, [("error", value.clone()), (&of.name, value)]);
        let inner = Begun {
            vars: Arc::clone(&vars),
            ..begun.clone()
        };
        match self.catches(task, of, &inner, &error) {
            Ok(true) => {}
            Ok(false) => return Outcome::Failed(error),
            Err(failed) => return Outcome::Failed(failed),
        }
        if let Some(retry) = &of.retry {
            match self.delay(task, retry, &inner, attempt, first) {
                Ok(Some(until)) => {
                    self.tell(&begun.key, task, Happened::Retrying { error, at: until });
                    return Outcome::Pending(Body::Try {
                        attempt,
                        begun: first,
                        phase: Phase::Delaying { until },
                    });
                }
                // It was to go away and did not: that it was caught is no reason to go on as if it had.
                Ok(None) if of.block_of_catch.is_none() => return Outcome::Failed(error),
                Ok(None) => {}
                Err(failed) => return Outcome::Failed(failed),
            }
        }
        match &of.block_of_catch {
            Some(block) => {
                let prefix = format!("{}/catch/do", begun.key);
                let outcome = self.block(block, prefix, vars, (*begun.input).clone());
                outcome.map(|frame| Body::Try {
                    attempt,
                    begun: first,
                    phase: Phase::Catching(frame),
                })
            }
            None => Outcome::Done((*begun.input).clone(), None),
        }
    }

    fn catches(&self, task: &Task, of: &Try, begun: &Begun, error: &Error) -> Result<bool, Error> {
        let scene = self.scene(task, begun);
        if let Some(Filter {
            kind,
            status,
            instance,
            title,
            detail,
        }) = &of.filter
        {
            for (wanted, given) in [
                (kind, Some(&error.kind)),
                (instance, error.instance.as_ref()),
                (title, error.title.as_ref()),
                (detail, error.detail.as_ref()),
            ] {
                if let Some(wanted) = wanted
                    && Some(&scene.text(wanted, &begun.input)?) != given
                {
                    return Ok(false);
                }
            }
            if status.is_some_and(|status| status != i64::from(error.status)) {
                return Ok(false);
            }
        }
        scene.applies(&of.when, &of.except_when, &begun.input)
    }

    /// When it is tried again; none where it is not.
    fn delay(
        &self,
        task: &Task,
        retry: &Retry,
        begun: &Begun,
        attempt: u32,
        first: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let scene = self.scene(task, begun);
        if retry.attempts.is_some_and(|most| attempt >= most)
            || !scene.applies(&retry.when, &retry.except_when, &begun.input)?
        {
            return Ok(None);
        }
        let step = match &retry.delay {
            Some(length) => scene.length(length, &begun.input)?,
            None => SignedDuration::ZERO,
        };
        let factor = match retry.backoff {
            Backoff::Constant => 1,
            Backoff::Linear => i32::try_from(attempt).unwrap_or(i32::MAX).saturating_add(1),
            Backoff::Exponential => 1_i32
                .checked_shl(attempt)
                .filter(|f| *f > 0)
                .unwrap_or(i32::MAX),
        };
        let mut delay = step.saturating_mul(factor);
        if let Some((from, to)) = &retry.jitter {
            let (from, to) = (
                scene.length(from, &begun.input)?,
                scene.length(to, &begun.input)?,
            );
            delay = delay.saturating_add(jitter(
                from,
                to,
                &self.facts.run,
                &attempt_key(&begun.key, attempt),
            ));
        }
        let until = self.later(delay.min(MAX_DELAY));
        if let Some(length) = &retry.length {
            let last = first
                .saturating_add(scene.length(length, &begun.input)?)
                .unwrap_or(Timestamp::MAX);
            if until > last {
                return Ok(None);
            }
        }
        Ok(Some(until))
    }

    /// The steps of an extension point from one on, with what the one before it answered.
    pub(super) fn step(&mut self, point: &str, at: usize, payload: Value) -> Outcome<Body> {
        match self
            .facts
            .extensions
            .get(point)
            .and_then(|steps| steps.get(at))
        {
            None => Outcome::Done(payload, None),
            Some(step) => Outcome::Pending(Body::Step {
                at,
                action: Action::Call(Call::Step {
                    point: point.to_owned(),
                    step: step.clone(),
                    payload,
                }),
            }),
        }
    }
}

/// The key of an attempt: the first one has that of the task.
pub(super) fn attempt_key(key: &str, attempt: u32) -> String {
    if attempt == 0 {
        key.to_owned()
    } else {
        format!("{key}[{attempt}]")
    }
}

/// A length between two, that differs between runs and attempts and is the same in each replay.
fn jitter(from: SignedDuration, to: SignedDuration, run: &str, key: &str) -> SignedDuration {
    let span = to.saturating_sub(from).as_millis();
    if span <= 0 {
        return from;
    }
    let hash = Sha256::digest(format!("{}\n{run}{key}", run.len()));
    let drawn = hash
        .iter()
        .take(8)
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    // A length of a hundred years has 3e12 milliseconds: the rest of a draw of 64 bits is as good as even.
    let drawn = i64::try_from(u128::from(drawn) % (span.unsigned_abs() + 1)).unwrap_or(0);
    from.saturating_add(SignedDuration::from_millis(drawn))
}

/// What a branch means for its fork.
pub(super) enum Joined {
    /// It is one of the branches.
    Branch(Branch),
    /// It decides all of it.
    All(Outcome<Body>),
}

pub(super) fn joined(outcome: Outcome<super::state::Node>, compete: bool) -> Joined {
    match outcome {
        Outcome::Pending(node) => Joined::Branch(Branch::Running(Box::new(node))),
        Outcome::Done(value, Some(Flow::End)) => Joined::All(Outcome::Done(value, Some(Flow::End))),
        Outcome::Done(value, _) if compete => Joined::All(Outcome::Done(value, None)),
        Outcome::Done(value, _) => Joined::Branch(Branch::Done(value)),
        Outcome::Failed(error) if compete => Joined::Branch(Branch::Failed(error)),
        Outcome::Failed(error) => Joined::All(Outcome::Failed(error)),
    }
}

/// The branches, or what came of all of them: a list of what each answered. Where they compete and all have failed, the
/// error of the first.
pub(super) fn gathered(branches: Vec<Branch>) -> Outcome<Body> {
    if branches.iter().any(|b| matches!(b, Branch::Running(_))) {
        return Outcome::Pending(Body::Fork(branches));
    }
    let mut outputs = Vec::with_capacity(branches.len());
    for branch in branches {
        match branch {
            Branch::Done(value) => outputs.push(value),
            Branch::Failed(error) => return Outcome::Failed(error),
            Branch::Running(_) => {}
        }
    }
    Outcome::Done(Value::Array(outputs), None)
}

/// Variables of an event that is worked on.
pub(super) fn item_vars(vars: &Vars, item: (&str, &Value), at: (&str, usize)) -> Vars {
    with_vars(vars, [(item.0, item.1.clone()), (at.0, Value::from(at.1))])
}
