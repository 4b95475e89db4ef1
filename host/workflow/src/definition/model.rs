//! A definition that was read: tasks in one table, each under a number, with everything in it compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::Value;

use crate::call::{FunctionRef, HttpOutput, ModelRef, WorkflowRef};
use crate::expression::Expr;

use super::schema::Schema;
use super::template::Template;

/// What a definition says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// The version of the language that it is written in.
    pub dsl: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its version (SemVer).
    pub version: String,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does, in Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Names and values to find it by.
    pub tags: BTreeMap<String, String>,
}

/// What starts runs of a workflow by itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schedule {
    /// A cron expression, as it is written: whoever runs schedules reads it.
    pub cron: Option<String>,
    /// The time zone of `cron`, an IANA name: `document.metadata.timezone`, else UTC.
    pub zone: String,
    /// The time between two starts.
    pub every: Option<SignedDuration>,
    /// The time between the end of a run and the start of the next.
    pub after: Option<SignedDuration>,
    /// The events that start a run.
    pub on: Option<EventStart>,
}

/// The events that start a run, whose input is the array of those events.
#[derive(Debug, Clone, PartialEq)]
pub struct EventStart(pub(crate) Arc<Strategy>);

/// What a definition needs from outside, by names: for checks when it is applied and for pins when a run starts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct References {
    /// Functions of the tenant, each with a pointer to a task that calls it.
    pub functions: BTreeMap<FunctionRef, String>,
    /// Models, likewise.
    pub models: BTreeMap<ModelRef, String>,
    /// Extension points, likewise.
    pub extensions: BTreeMap<String, String>,
    /// The inputs that calls of functions give.
    #[serde(skip)]
    pub inputs: Vec<Given<FunctionRef>>,
    /// The payloads that extension points are called with.
    #[serde(skip)]
    pub payloads: Vec<Given<String>>,
    /// Other workflows, likewise.
    pub workflows: BTreeMap<WorkflowRef, String>,
    /// Secrets of `use.secrets`.
    pub secrets: Vec<String>,
    /// The beginnings of URIs that requests go to, as far as the definition says them: scheme, host and port, or the
    /// expression that computes them; each with a pointer to a task.
    pub endpoints: BTreeMap<String, String>,
    /// The types of events that are published, as far as the definition says them.
    pub emits: Vec<String>,
    /// The types of events that are waited for.
    pub listens: Vec<String>,
}

/// What a call gives, as it is written: parts of it may be expressions, and then they can be anything
/// ([`is_expression`](crate::is_expression)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given<T> {
    /// What it is given to.
    pub to: T,
    /// What is given.
    pub value: Value,
    /// Where it stands in the definition, as a JSON pointer.
    pub pointer: String,
}

/// A number of a task.
pub(crate) type TaskId = u32;

/// Tasks that follow each other.
pub(crate) type Block = Arc<[TaskId]>;

#[derive(Debug)]
pub(crate) struct Task {
    pub name: String,
    /// A JSON pointer into the definition.
    pub pointer: String,
    pub when: Option<Expr>,
    pub input: Transform,
    pub output: Transform,
    pub export: Option<Transform>,
    pub timeout: Option<Length>,
    pub then: Then,
    pub kind: Kind,
}

/// `from` or `as`, and the schema beside it.
#[derive(Debug, Default)]
pub(crate) struct Transform {
    pub with: Option<Template>,
    pub schema: Option<Schema>,
}

/// Where a run goes after a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Then {
    Continue,
    /// Out of the block.
    Exit,
    /// To the end of the run.
    End,
    /// To the task at this place of the same block.
    Task(usize),
}

#[derive(Debug)]
pub(crate) enum Kind {
    Call(Called),
    Do(Block),
    For(For),
    Fork {
        branches: Block,
        compete: bool,
    },
    Switch(Vec<Case>),
    Try(Box<Try>),
    Listen(Listening),
    Emit(Template),
    Raise(Raised),
    Run {
        workflow: WorkflowRef,
        input: Option<Template>,
        wait: bool,
    },
    Set(Template),
    Wait(Length),
}

#[derive(Debug)]
pub(crate) struct Case {
    /// None for the default.
    pub when: Option<Expr>,
    pub then: Then,
}

#[derive(Debug)]
pub(crate) struct For {
    pub each: String,
    pub at: String,
    pub items: Expr,
    pub until_not: Option<Expr>,
    pub block: Block,
}

#[derive(Debug)]
pub(crate) struct Try {
    pub block: Block,
    pub filter: Option<Filter>,
    pub name: String,
    pub when: Option<Expr>,
    pub except_when: Option<Expr>,
    pub retry: Option<Arc<Retry>>,
    pub block_of_catch: Option<Block>,
}

/// `catch.errors.with`: what is here must be as the error has it.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub kind: Option<Template>,
    pub status: Option<i64>,
    pub instance: Option<Template>,
    pub title: Option<Template>,
    pub detail: Option<Template>,
}

#[derive(Debug)]
pub(crate) struct Retry {
    pub when: Option<Expr>,
    pub except_when: Option<Expr>,
    pub delay: Option<Length>,
    pub backoff: Backoff,
    pub attempts: Option<u32>,
    pub attempt_length: Option<Length>,
    pub length: Option<Length>,
    pub jitter: Option<(Length, Length)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backoff {
    Constant,
    Linear,
    Exponential,
}

/// A length of time, that may be computed.
#[derive(Debug, Clone)]
pub(crate) enum Length {
    Fixed(SignedDuration),
    Computed(Expr),
}

#[derive(Debug)]
pub(crate) enum Called {
    Http(Box<Request>),
    OpenApi(Box<Operation>),
    Function(FunctionRef, Option<Template>),
    Model(ModelRef, Option<Template>),
    Extension(String, Option<Template>),
    /// A task of `use.functions`.
    Custom(TaskId, Option<Template>),
}

#[derive(Debug)]
pub(crate) struct Request {
    pub method: Template,
    pub endpoint: Endpoint,
    pub headers: Option<Template>,
    pub query: Option<Template>,
    pub body: Option<Template>,
    pub output: HttpOutput,
    pub redirect: bool,
}

#[derive(Debug)]
pub(crate) struct Endpoint {
    pub uri: Uri,
    pub authentication: Option<Arc<Policy>>,
}

#[derive(Debug)]
pub(crate) enum Uri {
    Template(String),
    Computed(Expr),
}

#[derive(Debug)]
pub(crate) enum Policy {
    Basic {
        username: Template,
        password: Template,
    },
    BasicSecret(String),
    Bearer {
        token: Template,
    },
    BearerSecret(String),
}

#[derive(Debug)]
pub(crate) struct Operation {
    pub document: Endpoint,
    pub operation: String,
    pub parameters: Option<Template>,
    pub authentication: Option<Arc<Policy>>,
    pub output: HttpOutput,
    pub redirect: bool,
}

#[derive(Debug)]
pub(crate) struct Listening {
    pub to: Arc<Strategy>,
    pub read: Read,
    pub each: Option<Each>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    Data,
    Envelope,
    Raw,
}

/// What is done with each event.
#[derive(Debug)]
pub(crate) struct Each {
    pub item: String,
    pub at: String,
    pub block: Block,
    pub output: Transform,
    pub export: Option<Transform>,
}

/// Which events are waited for.
#[derive(Debug)]
pub(crate) enum Strategy {
    One(EventFilter),
    All(Vec<EventFilter>),
    Any {
        filters: Vec<EventFilter>,
        until: Until,
    },
}

impl PartialEq for Strategy {
    /// Of the same text.
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// How long an `any` goes on.
#[derive(Debug)]
pub(crate) enum Until {
    /// Its first event is its last.
    First,
    /// Until this is true of the events so far.
    True(Expr),
    /// Until these events have come.
    Events(Box<Strategy>),
}

#[derive(Debug)]
pub(crate) struct EventFilter {
    /// Attributes: literal ones must be equal, a text that is an expression is true of the attribute.
    pub with: Vec<(String, Match)>,
    pub correlate: Vec<(String, Correlation)>,
}

#[derive(Debug)]
pub(crate) enum Match {
    Equal(Value),
    True(Expr),
}

#[derive(Debug)]
pub(crate) struct Correlation {
    pub from: Expr,
    pub expect: Option<Template>,
}

/// `raise.error`.
#[derive(Debug)]
pub(crate) struct Raised {
    pub kind: Template,
    pub status: u16,
    pub instance: Option<Template>,
    pub title: Option<Template>,
    pub detail: Option<Template>,
}
