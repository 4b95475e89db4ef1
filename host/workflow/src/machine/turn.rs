//! A turn: what a run does while one entry is applied. Tasks follow each other until each that has begun waits for
//! something outside.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::entry::{Facts, Happened, Moment};
use super::run::{MAX_MADE, MAX_STEPS};
use super::state::{Body, Frame, Node, Vars};
use crate::definition::model::{Block, Kind, Length, Task, TaskId, Then, Transform};
use crate::definition::template::Template;
use crate::expression::{Arguments, Expr, size};
use crate::{Error, ErrorKind, Workflow};

/// Where the run goes after a task or a list of tasks.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Flow {
    Next,
    Exit,
    End,
    To(usize),
}

impl From<&Then> for Flow {
    fn from(then: &Then) -> Self {
        match then {
            Then::Continue => Self::Next,
            Then::Exit => Self::Exit,
            Then::End => Self::End,
            Then::Task(place) => Self::To(*place),
        }
    }
}

/// What came of moving something on.
pub(super) enum Outcome<T> {
    /// It waits.
    Pending(T),
    /// It ended with this, and the flow goes there; `None` where its `then` says.
    Done(Value, Option<Flow>),
    Failed(Error),
}

impl<T> Outcome<T> {
    /// The same, with what waits put into something else.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Pending(waits) => Outcome::Pending(f(waits)),
            Self::Done(value, flow) => Outcome::Done(value, flow),
            Self::Failed(error) => Outcome::Failed(error),
        }
    }
}

/// What the tasks of a turn share.
pub(super) struct Turn<'a> {
    pub workflow: &'a Workflow,
    pub facts: &'a Facts,
    /// The input of the run, as it was given.
    pub input: &'a Value,
    pub now: Timestamp,
    /// `$context`.
    pub context: Value,
    pub moments: Vec<Moment>,
    /// Tasks that were begun.
    pub steps: usize,
    /// Bytes of the values that tasks were given and made, about.
    pub made: Cell<usize>,
    /// Set where an error is not to be caught.
    pub fatal: bool,
}

/// What an expression can see of a task.
pub(super) struct Scene<'a> {
    pub turn: &'a Turn<'a>,
    /// The task, its raw input and when it began; none for the workflow itself.
    pub task: Option<(&'a Task, &'a Value, Timestamp)>,
    pub input: &'a Value,
    pub output: Option<&'a Value>,
    pub vars: &'a Vars,
}

/// A time as the specification describes it.
fn described(time: Timestamp) -> Value {
    json!({
        "iso8601": time.to_string(),
        "epoch": {"seconds": time.as_second(), "milliseconds": time.as_millisecond()},
    })
}

impl Arguments for Scene<'_> {
    fn argument(&self, name: &str) -> Value {
        match name {
            "context" => self.turn.context.clone(),
            "input" => self.input.clone(),
            "output" => self.output.cloned().unwrap_or_default(),
            "secrets" => {
                let names = self.turn.workflow.references().secrets.iter();
                let mark = |name: &String| {
                    (
                        name.clone(),
                        Value::from(crate::secrets::mark(&self.turn.facts.mark, name)),
                    )
                };
                Value::Object(names.map(mark).collect())
            }
            "task" => self.task.map_or(Value::Null, |(task, raw, started)| {
                json!({
                    "name": task.name,
                    "reference": task.pointer,
                    "definition": self.turn.workflow.source().pointer(&task.pointer),
                    "input": raw,
                    "output": self.output,
                    "startedAt": described(started),
                })
            }),
            "workflow" => json!({
                "id": self.turn.facts.run,
                "definition": self.turn.workflow.source(),
                "input": self.turn.input,
                "startedAt": described(self.turn.facts.at),
            }),
            // The version is that of the language: that of the host would make a replay differ after an update.
            "runtime" => json!({"name": "steward", "version": "1.0.3", "metadata": {}}),
            name => self.vars.get(name).cloned().unwrap_or_default(),
        }
    }

    fn now(&self) -> Timestamp {
        self.turn.now
    }
}

impl Scene<'_> {
    pub fn value(&self, template: &Template, input: &Value) -> Result<Value, Error> {
        let value = template
            .evaluate(input, self)
            .map_err(|e| Error::new(ErrorKind::Expression, e))?;
        self.turn.make(&value)?;
        Ok(value)
    }

    pub fn compute(&self, expr: &Expr, input: &Value) -> Result<Value, Error> {
        let value = expr
            .evaluate(input, self)
            .map_err(|e| Error::new(ErrorKind::Expression, e))?;
        self.turn.make(&value)?;
        Ok(value)
    }

    pub fn test(&self, expr: &Expr, input: &Value) -> Result<bool, Error> {
        expr.test(input, self)
            .map_err(|e| Error::new(ErrorKind::Expression, e))
    }

    /// Whether `when` is true and `exceptWhen` is not, as far as they are there.
    pub fn applies(
        &self,
        when: &Option<Expr>,
        except_when: &Option<Expr>,
        input: &Value,
    ) -> Result<bool, Error> {
        let test = |expr: &Option<Expr>, absent| {
            expr.as_ref()
                .map_or(Ok(absent), |expr| self.test(expr, input))
        };
        Ok(test(when, true)? && !test(except_when, false)?)
    }

    /// A text that a template makes; what is none is written as JSON.
    pub fn text(&self, template: &Template, input: &Value) -> Result<String, Error> {
        Ok(match self.value(template, input)? {
            Value::String(text) => text,
            other => other.to_string(),
        })
    }

    pub fn length(&self, length: &Length, input: &Value) -> Result<jiff::SignedDuration, Error> {
        match length {
            Length::Fixed(length) => Ok(*length),
            Length::Computed(expr) => {
                let value = self.compute(expr, input)?;
                crate::definition::fixed_length(&value).map_err(|reason| {
                    Error::new(
                        ErrorKind::Expression,
                        format!("`{}`: {reason}", expr.text()),
                    )
                })
            }
        }
    }

    /// What a schema says of a value, and what an expression makes of it; `first` says which comes first.
    pub fn transform(
        &self,
        transform: &Transform,
        value: Value,
        what: &str,
        schema_first: bool,
    ) -> Result<Value, Error> {
        let check = |value: &Value| match &transform.schema {
            Some(schema) => schema.check(value).map_err(|breach| {
                Error::new(
                    ErrorKind::Validation,
                    format!("{what} breaks its schema: {breach}"),
                )
            }),
            None => Ok(()),
        };
        if schema_first {
            check(&value)?;
        }
        let made = match &transform.with {
            Some(template) => self.value(template, &value)?,
            None => value,
        };
        if !schema_first {
            check(&made)?;
        }
        Ok(made)
    }
}

/// A task that is beginning or has begun, without what it waits for.
#[derive(Clone)]
pub(super) struct Begun {
    pub task: TaskId,
    pub key: String,
    pub raw: Arc<Value>,
    pub input: Arc<Value>,
    pub vars: Vars,
    pub started: Timestamp,
    pub deadline: Option<Timestamp>,
}

impl Begun {
    pub fn with(self, body: Body) -> Node {
        Node {
            task: self.task,
            key: self.key,
            raw: self.raw,
            input: self.input,
            vars: self.vars,
            started: self.started,
            deadline: self.deadline,
            body,
        }
    }

    pub fn of(node: Node) -> (Self, Body) {
        let begun = Self {
            task: node.task,
            key: node.key,
            raw: node.raw,
            input: node.input,
            vars: node.vars,
            started: node.started,
            deadline: node.deadline,
        };
        (begun, node.body)
    }
}

/// Variables with more of them.
pub(super) fn with_vars<const N: usize>(vars: &Vars, more: [(&str, Value); N]) -> Vars {
    let mut all: BTreeMap<String, Value> = (**vars).clone();
    all.extend(more.map(|(name, value)| (name.to_owned(), value)));
    Arc::new(all)
}

impl<'a> Turn<'a> {
    pub fn scene<'s>(&'s self, task: &'s Task, begun: &'s Begun) -> Scene<'s> {
        Scene {
            turn: self,
            task: Some((task, &begun.raw, begun.started)),
            input: &begun.input,
            output: None,
            vars: &begun.vars,
        }
    }

    /// Counts a value that a task is given or has made.
    pub fn make(&self, value: &Value) -> Result<(), Error> {
        let made = self.made.get().saturating_add(size(value));
        self.made.set(made);
        match self.has_too_much() {
            false => Ok(()),
            true => Err(Error::new(
                ErrorKind::Runtime,
                format!("the tasks make more than {} MiB at once", MAX_MADE >> 20),
            )),
        }
    }

    /// Whether more was made than a run may have at once: no `catch` goes on with more.
    pub fn has_too_much(&self) -> bool {
        self.made.get() > MAX_MADE
    }

    pub fn tell(&mut self, key: &str, task: &Task, what: Happened) {
        self.moments.push(Moment {
            key: key.to_owned(),
            task: task.pointer.clone(),
            at: self.now,
            what,
        });
    }

    pub fn later(&self, length: jiff::SignedDuration) -> Timestamp {
        self.now.saturating_add(length).unwrap_or(Timestamp::MAX)
    }

    /// The tasks of a list, from the first one on.
    pub fn block(
        &mut self,
        block: &Block,
        prefix: String,
        vars: Vars,
        input: Value,
    ) -> Outcome<Frame> {
        self.walk(block, prefix, vars, BTreeMap::new(), 0, input)
    }

    /// The tasks of a list from one on, with what was made so far.
    pub fn walk(
        &mut self,
        block: &Block,
        prefix: String,
        vars: Vars,
        mut visits: BTreeMap<usize, u32>,
        mut at: usize,
        mut value: Value,
    ) -> Outcome<Frame> {
        while let Some(id) = block.get(at) {
            let visit = visits.entry(at).or_insert(0);
            *visit = visit.saturating_add(1);
            let name = self.workflow.task(*id).map_or("", |t| t.name.as_str());
            let mut key = format!("{prefix}/{at}/{name}");
            if *visit > 1 {
                key.push_str(&format!("@{visit}"));
            }
            match self.begin(*id, key, Arc::clone(&vars), value) {
                Outcome::Pending(child) => {
                    return Outcome::Pending(Frame {
                        prefix,
                        visits,
                        at,
                        vars,
                        child: Box::new(child),
                    });
                }
                Outcome::Failed(error) => return Outcome::Failed(error),
                Outcome::Done(output, flow) => {
                    value = output;
                    match flow.unwrap_or(Flow::Next) {
                        Flow::Next => at += 1,
                        Flow::To(place) => at = place,
                        Flow::Exit => break,
                        Flow::End => return Outcome::Done(value, Some(Flow::End)),
                    }
                }
            }
        }
        Outcome::Done(value, None)
    }

    /// A task, as far as it goes by itself.
    pub fn begin(&mut self, id: TaskId, key: String, vars: Vars, raw: Value) -> Outcome<Node> {
        let workflow = self.workflow;
        let Some(task) = workflow.task(id) else {
            return Outcome::Failed(Error::new(
                ErrorKind::Runtime,
                "the definition has no such task",
            ));
        };
        self.steps += 1;
        if self.steps > MAX_STEPS {
            self.fatal = true;
            let detail = format!(
                "more than {MAX_STEPS} tasks followed each other without anything to wait for"
            );
            return Outcome::Failed(Error::new(ErrorKind::Runtime, detail).at(&task.pointer));
        }
        // Each branch of a fork has an input of its own.
        if let Err(error) = self.make(&raw) {
            return Outcome::Failed(error.at(&task.pointer));
        }
        let raw = Arc::new(raw);
        let mut begun = Begun {
            task: id,
            key,
            input: Arc::clone(&raw),
            raw,
            vars,
            started: self.now,
            deadline: None,
        };
        match self.enter(task, &begun) {
            Err(error) => return self.failed(task, &begun.key, error),
            Ok(None) => {
                self.tell(&begun.key, task, Happened::Skipped);
                return Outcome::Done(Arc::unwrap_or_clone(begun.raw), Some(Flow::Next));
            }
            Ok(Some((input, deadline))) => {
                begun.input = Arc::new(input);
                begun.deadline = deadline;
            }
        }
        let input = (*begun.input).clone();
        self.tell(&begun.key, task, Happened::Started { input });
        let outcome = self.act(task, &begun);
        self.settle(task, begun, outcome)
    }

    /// Whether a task runs, and with what: its input, and its deadline.
    fn enter(
        &self,
        task: &Task,
        begun: &Begun,
    ) -> Result<Option<(Value, Option<Timestamp>)>, Error> {
        let scene = self.scene(task, begun);
        if let Some(when) = &task.when
            && !scene.test(when, &begun.raw)?
        {
            return Ok(None);
        }
        let input = scene.transform(&task.input, (*begun.raw).clone(), "the input", true)?;
        let deadline = match &task.timeout {
            Some(length) => Some(self.later(scene.length(length, &input)?)),
            None => None,
        };
        Ok(Some((input, deadline)))
    }

    pub fn failed<T>(&mut self, task: &Task, key: &str, error: Error) -> Outcome<T> {
        let error = error.at(&task.pointer);
        self.tell(
            key,
            task,
            Happened::Failed {
                error: error.clone(),
            },
        );
        Outcome::Failed(error)
    }

    /// What a task does.
    fn act(&mut self, task: &Task, begun: &Begun) -> Outcome<Body> {
        match &task.kind {
            Kind::Do(block) => {
                let prefix = format!("{}/do", begun.key);
                self.block(
                    block,
                    prefix,
                    Arc::clone(&begun.vars),
                    (*begun.input).clone(),
                )
                .map(Body::Do)
            }
            Kind::For(over) => self.for_each(task, over, begun),
            Kind::Fork { branches, compete } => self.fork(branches, *compete, begun),
            Kind::Try(of) => self.attempt(task, of, begun, 0, self.now),
            Kind::Listen(listening) => self.begin_listening(listening),
            kind => match self.simple(task, kind, begun) {
                Ok(outcome) => outcome,
                Err(error) => Outcome::Failed(error),
            },
        }
    }

    /// Tasks that hold no others, but for functions of `use.functions`.
    fn simple(&mut self, task: &Task, kind: &Kind, begun: &Begun) -> Result<Outcome<Body>, Error> {
        let scene = self.scene(task, begun);
        let input = &*begun.input;
        Ok(match kind {
            Kind::Set(template) => Outcome::Done(scene.value(template, input)?, None),
            Kind::Switch(cases) => {
                let mut chosen = None;
                for case in cases {
                    let fits = match &case.when {
                        Some(when) => scene.test(when, input)?,
                        None => true,
                    };
                    if fits {
                        chosen = Some(Flow::from(&case.then));
                        break;
                    }
                }
                Outcome::Done(input.clone(), chosen)
            }
            Kind::Wait(length) => Outcome::Pending(Body::Effect(super::Action::Wait {
                until: self.later(scene.length(length, input)?),
                why: super::Waiting::Task,
            })),
            Kind::Raise(raised) => {
                let text = |template: &Option<Template>| {
                    template.as_ref().map(|t| scene.text(t, input)).transpose()
                };
                Outcome::Failed(Error {
                    kind: scene.text(&raised.kind, input)?,
                    status: raised.status,
                    instance: text(&raised.instance)?,
                    title: text(&raised.title)?,
                    detail: text(&raised.detail)?,
                })
            }
            Kind::Emit(with) => Outcome::Pending(Body::Effect(self.event(&scene, with, begun)?)),
            Kind::Run {
                workflow,
                input: given,
                wait,
            } => {
                let given = match given {
                    Some(template) => scene.value(template, input)?,
                    None => input.clone(),
                };
                self.unmarked(&given, "the input of a workflow")?;
                Outcome::Pending(Body::Effect(super::Action::Subflow {
                    workflow: workflow.clone(),
                    input: given,
                    wait: *wait,
                }))
            }
            Kind::Call(called) => return self.call(task, called, begun),
            Kind::Do(_) | Kind::For(_) | Kind::Fork { .. } | Kind::Try(_) | Kind::Listen(_) => {
                Outcome::Failed(Error::new(
                    ErrorKind::Runtime,
                    "the task is of another kind",
                ))
            }
        })
    }

    /// Ends a task, or keeps it until what it waits for comes.
    pub fn settle(&mut self, task: &Task, begun: Begun, outcome: Outcome<Body>) -> Outcome<Node> {
        match outcome {
            Outcome::Pending(body) => Outcome::Pending(begun.with(body)),
            Outcome::Failed(error) => self.failed(task, &begun.key, error),
            Outcome::Done(value, flow) => match self.leave(task, &begun, value) {
                Err(error) => self.failed(task, &begun.key, error),
                Ok((output, context)) => {
                    if let Some(context) = context {
                        self.context = context;
                    }
                    let told = output.clone();
                    self.tell(&begun.key, task, Happened::Completed { output: told });
                    Outcome::Done(output, Some(flow.unwrap_or_else(|| Flow::from(&task.then))))
                }
            },
        }
    }

    /// What comes out of a task: its output, and the context where it exports to it.
    fn leave(
        &self,
        task: &Task,
        begun: &Begun,
        value: Value,
    ) -> Result<(Value, Option<Value>), Error> {
        let mut scene = self.scene(task, begun);
        let raw = value.clone();
        scene.output = Some(&raw);
        let output = scene.transform(&task.output, value, "the output", false)?;
        scene.output = Some(&output);
        let context = match &task.export {
            Some(export) => Some(scene.transform(export, output.clone(), "the context", false)?),
            None => None,
        };
        Ok((output, context))
    }

    /// Refuses a value that carries the mark of a secret to where no secret goes.
    pub fn unmarked(&self, value: &Value, what: &str) -> Result<(), Error> {
        if !self.workflow.references().secrets.is_empty()
            && crate::secrets::marked(&self.facts.mark, value)
        {
            let detail = format!(
                "{what} would carry a secret: secrets go into requests alone; grant it to the function that needs it"
            );
            return Err(Error::new(ErrorKind::Authorization, detail));
        }
        Ok(())
    }
}
