//! `listen` tasks: which events they ask for, and what becomes of each.

use serde_json::Value;

use super::composite::item_vars;
use super::state::{Body, Frame, Listener};
use super::turn::{Begun, Flow, Outcome, Scene, Turn};
use crate::definition::model::{
    EventFilter, EventStart, Kind, Listening, Match, Read, Strategy, Task, Until,
};
use crate::expression::{Arguments, Given};
use crate::{Error, ErrorKind};

/// So many events may one task consume.
const MAX_EVENTS: usize = 10_000;

/// What an event is to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What this filter asks for.
    By(usize),
    /// What ends the listening, by this filter.
    End(usize),
}

/// The types that are asked for by name; empty where any may be.
pub(super) fn types(strategy: &Strategy) -> Vec<String> {
    fn add(filters: &[EventFilter], types: &mut Vec<String>) -> bool {
        // No filters ask for every event.
        !filters.is_empty()
            && filters.iter().all(|filter| {
                let literal = filter.with.iter().find_map(|(name, wanted)| match wanted {
                    Match::Equal(Value::String(kind)) if name == "type" => Some(kind.clone()),
                    _ => None,
                });
                let named = literal.is_some();
                types.extend(
                    literal
                        .filter(|kind| !types.contains(kind))
                        .into_iter()
                        .collect::<Vec<_>>(),
                );
                named
            })
    }
    fn of(strategy: &Strategy, types: &mut Vec<String>) -> bool {
        match strategy {
            Strategy::One(filter) => add(std::slice::from_ref(filter), types),
            Strategy::All(filters) => add(filters, types),
            Strategy::Any { filters, until } => {
                add(filters, types)
                    && match until {
                        Until::Events(ending) => of(ending, types),
                        Until::First | Until::True(_) => true,
                    }
            }
        }
    }
    let mut types = Vec::new();
    if of(strategy, &mut types) {
        types
    } else {
        Vec::new()
    }
}

/// Whether an event is what a filter asks for. An expression that fails on it says no: it was written for other events.
fn fits(
    filter: &EventFilter,
    event: &Value,
    input: Option<&Value>,
    arguments: &dyn Arguments,
) -> bool {
    filter.with.iter().all(|(name, wanted)| {
        let attribute = event.get(name).unwrap_or(&Value::Null);
        match wanted {
            Match::Equal(value) => value == attribute,
            Match::True(expr) => match expr.evaluate(attribute, arguments) {
                Ok(Value::Bool(answer)) => answer,
                // An expression that computes what the attribute is to be.
                Ok(value @ (Value::String(_) | Value::Number(_))) if input.is_some() => {
                    value == *attribute
                }
                _ => false,
            },
        }
    })
}

impl EventStart {
    /// The types that are asked for by name; empty where any may be.
    pub fn types(&self) -> Vec<String> {
        types(&self.0)
    }

    /// Whether an event, in structured JSON, starts a run, whose input is then the array of that event.
    ///
    /// ```
    /// # use steward_workflow::Workflow;
    /// # use serde_json::json;
    /// let workflow = Workflow::parse("
    /// document: { dsl: 1.0.3, namespace: default, name: alarm, version: 1.0.0 }
    /// schedule: { on: { one: { with: { type: vitals, data: '${ .bpm < 60 }' } } } }
    /// do: [ { note: { set: { bpm: '${ $workflow.input[0].data.bpm }' } } } ]
    /// ")?;
    /// let on = workflow.schedule().and_then(|s| s.on.clone()).unwrap();
    /// let now = "2026-01-01T00:00:00Z".parse().unwrap();
    /// assert!(on.accepts(&json!({"type": "vitals", "data": {"bpm": 50}}), now));
    /// assert!(!on.accepts(&json!({"type": "vitals", "data": {"bpm": 70}}), now));
    /// # Ok::<(), steward_workflow::Problems>(())
    /// ```
    pub fn accepts(&self, event: &Value, now: jiff::Timestamp) -> bool {
        let given = Given {
            values: Default::default(),
            now,
        };
        let fit = |filter: &EventFilter| fits(filter, event, None, &given);
        match &*self.0 {
            Strategy::One(filter) => fit(filter),
            Strategy::All(filters) => filters.iter().any(fit),
            Strategy::Any { filters, .. } => filters.is_empty() || filters.iter().any(fit),
        }
    }
}

impl Turn<'_> {
    pub(super) fn begin_listening(&mut self, listening: &Listening) -> Outcome<Body> {
        let len = |strategy: &Strategy| {
            if let Strategy::All(filters) = strategy {
                filters.len()
            } else {
                0
            }
        };
        let mut listener = Listener {
            matched: vec![false; len(&listening.to)],
            ..Listener::default()
        };
        if let Strategy::Any {
            until: Until::Events(ending),
            ..
        } = &*listening.to
        {
            listener.ended = vec![false; len(ending)];
        }
        Outcome::Pending(Body::Listen(listener))
    }

    /// What an event is to a task that listens; nothing where it does not ask for it.
    pub(super) fn wants(
        &self,
        task: &Task,
        begun: &Begun,
        listener: &Listener,
        event: &Value,
    ) -> Option<Wanted> {
        let Kind::Listen(listening) = &task.kind else {
            return None;
        };
        if listener.over {
            return None;
        }
        let scene = self.scene(task, begun);
        let fit = |filter: &EventFilter| {
            fits(filter, event, Some(&begun.input), &scene)
                && scene.correlated(filter, event, listener).is_some()
        };
        let open = |filters: &[EventFilter], had: &[bool]| {
            let free = |i: usize| !had.get(i).copied().unwrap_or(false);
            filters
                .iter()
                .enumerate()
                .position(|(i, filter)| free(i) && fit(filter))
        };
        match &*listening.to {
            Strategy::One(filter) => fit(filter).then_some(Wanted::By(0)),
            Strategy::All(filters) => open(filters, &listener.matched).map(Wanted::By),
            Strategy::Any { filters, until } => {
                let ending = match until {
                    Until::Events(ending) => match &**ending {
                        Strategy::One(filter) => fit(filter).then_some(0),
                        Strategy::All(filters) => open(filters, &listener.ended),
                        Strategy::Any { filters, .. } if filters.is_empty() => Some(0),
                        Strategy::Any { filters, .. } => open(filters, &[]),
                    },
                    Until::First | Until::True(_) => None,
                };
                ending.map(Wanted::End).or_else(|| {
                    if filters.is_empty() {
                        Some(Wanted::By(0))
                    } else {
                        open(filters, &[]).map(Wanted::By)
                    }
                })
            }
        }
    }

    /// Takes an event that is wanted.
    pub(super) fn hear(
        &mut self,
        task: &Task,
        begun: &Begun,
        mut listener: Listener,
        event: &Value,
    ) -> Outcome<Body> {
        let (Kind::Listen(listening), Some(wanted)) =
            (&task.kind, self.wants(task, begun, &listener, event))
        else {
            return Outcome::Pending(Body::Listen(listener));
        };
        if listener.events.len() >= MAX_EVENTS {
            let detail = format!(
                "the task consumed {MAX_EVENTS} events, and more is not kept in one run: start a run for each event instead"
            );
            return Outcome::Failed(Error::new(ErrorKind::Runtime, detail));
        }
        let scene = self.scene(task, begun);
        if let Some(filter) = filter_of(&listening.to, wanted) {
            let agreed = scene
                .correlated(filter, event, &listener)
                .unwrap_or_default();
            listener.correlations.extend(agreed);
        }
        let mark = |had: &mut Vec<bool>, at: usize| {
            if let Some(had) = had.get_mut(at) {
                *had = true;
            }
            had.iter().all(|had| *had)
        };
        match wanted {
            Wanted::End(at) => listener.over = mark(&mut listener.ended, at),
            Wanted::By(at) => {
                let read = match listening.read {
                    Read::Data => event.get("data").cloned().unwrap_or_default(),
                    Read::Envelope | Read::Raw => event.clone(),
                };
                listener.events.push(read);
                if listening.each.is_some() {
                    listener.queue.push_back(listener.events.len() - 1);
                }
                listener.over = match &*listening.to {
                    Strategy::One(_) => true,
                    Strategy::All(_) => mark(&mut listener.matched, at),
                    Strategy::Any {
                        until: Until::First,
                        ..
                    } => true,
                    Strategy::Any {
                        until: Until::Events(_),
                        ..
                    } => false,
                    Strategy::Any {
                        until: Until::True(expr),
                        ..
                    } => match scene.test(expr, &Value::Array(listener.events.clone())) {
                        Ok(over) => over,
                        Err(error) => return Outcome::Failed(error),
                    },
                };
            }
        }
        self.work(task, listening, begun, listener)
    }

    /// Works on the events that wait, one after the other, where the task has something to do with each.
    pub(super) fn work(
        &mut self,
        task: &Task,
        listening: &Listening,
        begun: &Begun,
        mut listener: Listener,
    ) -> Outcome<Body> {
        let Some(each) = &listening.each else {
            return if listener.over {
                Outcome::Done(Value::Array(listener.events), None)
            } else {
                Outcome::Pending(Body::Listen(listener))
            };
        };
        while listener.working.is_none() {
            let Some(at) = listener.queue.pop_front() else {
                return if listener.over {
                    Outcome::Done(Value::Array(listener.outputs), None)
                } else {
                    Outcome::Pending(Body::Listen(listener))
                };
            };
            let event = listener.events.get(at).cloned().unwrap_or_default();
            let vars = item_vars(&begun.vars, (&each.item, &event), (&each.at, at));
            let prefix = format!("{}[{at}]/foreach/do", begun.key);
            match self.block(&each.block, prefix, vars, event) {
                Outcome::Pending(frame) => listener.working = Some((at, frame)),
                outcome => match self.worked(task, listening, begun, &mut listener, at, outcome) {
                    Ok(None) => {}
                    Ok(Some(ended)) => return ended,
                    Err(error) => return Outcome::Failed(error),
                },
            }
        }
        Outcome::Pending(Body::Listen(listener))
    }

    /// What came of the tasks for one event; the end of all, where they end the run.
    pub(super) fn worked(
        &mut self,
        task: &Task,
        listening: &Listening,
        begun: &Begun,
        listener: &mut Listener,
        at: usize,
        outcome: Outcome<Frame>,
    ) -> Result<Option<Outcome<Body>>, Error> {
        let value = match outcome {
            Outcome::Pending(frame) => {
                listener.working = Some((at, frame));
                return Ok(None);
            }
            Outcome::Failed(error) => return Err(error),
            Outcome::Done(value, Some(Flow::End)) => {
                return Ok(Some(Outcome::Done(value, Some(Flow::End))));
            }
            Outcome::Done(value, _) => value,
        };
        let Some(each) = &listening.each else {
            return Ok(None);
        };
        let event = listener.events.get(at).cloned().unwrap_or_default();
        let inner = Begun {
            vars: item_vars(&begun.vars, (&each.item, &event), (&each.at, at)),
            ..begun.clone()
        };
        let mut scene = self.scene(task, &inner);
        let raw = value.clone();
        scene.output = Some(&raw);
        let output = scene.transform(&each.output, value, "the output", false)?;
        scene.output = Some(&output);
        let context = match &each.export {
            Some(export) => Some(scene.transform(export, output.clone(), "the context", false)?),
            None => None,
        };
        if let Some(context) = context {
            self.context = context;
        }
        listener.outputs.push(output);
        Ok(None)
    }
}

fn filter_of(strategy: &Strategy, wanted: Wanted) -> Option<&EventFilter> {
    match (strategy, wanted) {
        (Strategy::One(filter), Wanted::By(_)) => Some(filter),
        (Strategy::All(filters) | Strategy::Any { filters, .. }, Wanted::By(at)) => filters.get(at),
        (
            Strategy::Any {
                until: Until::Events(ending),
                ..
            },
            Wanted::End(at),
        ) => filter_of(ending, Wanted::By(at)),
        _ => None,
    }
}

impl Scene<'_> {
    /// What the correlations of a filter are in an event; nothing where they are not what is expected.
    fn correlated(
        &self,
        filter: &EventFilter,
        event: &Value,
        listener: &Listener,
    ) -> Option<Vec<(String, Value)>> {
        let mut agreed = Vec::new();
        for (name, correlation) in &filter.correlate {
            let value = self.compute(&correlation.from, event).ok()?;
            if value.is_null() {
                return None;
            }
            match &correlation.expect {
                // A constant is a text, whatever the event has.
                Some(expect) => {
                    let expected = self.value(expect, self.input).ok()?;
                    let same = match (&expected, &value) {
                        (Value::String(text), Value::Number(number)) => *text == number.to_string(),
                        (Value::String(text), Value::Bool(truth)) => {
                            text == if *truth { "true" } else { "false" }
                        }
                        (expected, value) => *expected == *value,
                    };
                    if !same {
                        return None;
                    }
                }
                None => match listener.correlations.get(name) {
                    Some(expected) if *expected != value => return None,
                    _ => agreed.push((name.clone(), value)),
                },
            }
        }
        Some(agreed)
    }
}
