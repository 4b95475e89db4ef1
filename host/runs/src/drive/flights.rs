//! Side effects of a run: begun, on their way, and what came of them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use steward_registry::RegistryError;
use steward_registry::workflows::{EventWait, RunStatus};
use steward_workflow::{Action, Effect, Error, ErrorKind, What};
use ulid::Ulid;

use super::Drive;
use crate::effects::Caller;
use crate::record::Note;
use crate::trace::StepSpan;

/// Side effects of one run that are on their way at the same time; further ones wait.
const MAX_IN_FLIGHT: usize = 32;

/// What came of a side effect.
pub(super) enum Outcome {
    Done(Result<Value, Error>),
    /// Another run was started, and its end is waited for.
    Child(Ulid),
}

impl Drive<'_> {
    /// What is to be begun now, with the note that it is. Steps that only wait are told to the registry.
    pub(super) fn take_due(&mut self) -> Vec<(Effect, u32)> {
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
                        self.note(Note::Started {
                            at: Timestamp::now(),
                            key: effect.key.clone(),
                            task: effect.task.clone(),
                            idempotency_key,
                            attempt,
                        });
                    }
                    begin.push((effect, attempt));
                }
            }
        }
        begin
    }

    /// Begins a side effect.
    pub(super) fn begin(&mut self, effect: Effect, attempt: u32) {
        let key = effect.key.clone();
        let (runs, settled, grants) =
            (self.runs.clone(), self.settled.clone(), self.grants.clone());
        let (run, parent) = (self.run.clone(), self.span.context);
        let flight = self.flights.spawn(async move {
            let idempotency_key = effect.idempotency_key(&run.id.to_string());
            let (span, begin) = (parent.child(), Timestamp::now());
            let caller = Caller {
                tenant: &run.tenant,
                workflow: &run.workflow,
                run: run.id,
                step: &effect.key,
                grants: &grants,
                pins: &settled.pins,
                mark: &settled.mark,
                idempotency_key: &idempotency_key,
                attempt,
                span,
            };
            let done = async {
                match &effect.action {
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
                }
            };
            let (outcome, notes) = steward_telemetry::within(span, done).await;
            runs.tell(span, || {
                let error = match &outcome {
                    Outcome::Done(Err(error)) => Some(error),
                    _ => None,
                };
                let step = StepSpan {
                    run: &run,
                    context: span,
                    parent,
                    begin,
                    task: effect.task.clone(),
                    step: effect.key.clone(),
                    attempt,
                };
                step.told(error, notes)
            });
            (effect.key, outcome)
        });
        self.flying.insert(key, flight);
    }

    /// A side effect has an outcome.
    pub(super) fn landed(&mut self, done: Result<(String, Outcome), tokio::task::JoinError>) {
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
    pub(super) async fn look_after_children(&mut self) -> Result<(), RegistryError> {
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

    /// What nothing waits for any more ends: side effects are dropped, waits are taken back.
    pub(super) fn let_go(&mut self) {
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
}
