//! Workflows: their language and their machine.
//!
//! The language is the DSL of [CNCF Serverless Workflow] 1.0. [`Workflow::parse`] reads a definition, YAML or JSON, and
//! refuses it with everything that is wrong or not supported, each with a JSON pointer and the reason. The machine is
//! [`Run`]: event-sourced and deterministic. It does nothing by itself, knows no clock and draws nothing at random.
//!
//! | question | where |
//! | --- | --- |
//! | Is this a definition that can run here? | [`Workflow::parse`], [`Problems`] |
//! | What does it need: functions, models, extension points, secrets? | [`Workflow::references`] |
//! | What starts it by itself? | [`Workflow::schedule`] |
//! | What is to be done next? | [`Run::pending`], [`Run::wakes_at`] |
//! | What happened? | [`Run::apply`], with an [`Entry`] |
//! | Is this event asked for? | [`Run::accepts`], [`EventStart::accepts`] |
//! | How is a request made of a call, and a result of its answer? | [`HttpCall`], [`http`], [`openapi`], [`secrets`] |
//! | Which key makes a side effect happen once? | [`Effect::idempotency_key`] |
//! | How is a run made again? | [`Run::replay`], [`Run::restore`], [`Run::rewind`] |
//!
//! Who drives a run writes an entry down before it applies it, and carries out what is pending afterwards. Then a run that
//! was killed at any moment goes on where its journal ends.
//!
//! Everything is bounded: a definition to [`MAX_DEFINITION`] and [`MAX_NESTING`], expressions in what they compute (in
//! steps and bytes that are counted, so that a replay meets the same bound), and a turn to [`MAX_STEPS`].
//!
//! [CNCF Serverless Workflow]: https://serverlessworkflow.io
#![deny(missing_docs)]

mod call;
mod definition;
mod error;
mod expression;
pub mod http;
mod machine;
pub mod openapi;
mod problem;
pub mod secrets;
mod template;

pub use call::{
    Authentication, Call, FunctionRef, HttpCall, HttpOutput, ModelRef, OpenApiCall, WorkflowRef,
};
pub use definition::{
    Document, EventStart, Given, MAX_DEFINITION, MAX_NESTING, MAX_TASKS, References, Schedule,
    Workflow,
};
pub use error::{Error, ErrorKind};
pub use expression::{MAX_EXPRESSION, is_expression};
pub use machine::{
    Action, ApplyError, Effect, Entry, Facts, Happened, MAX_STEPS, Moment, RestoreError, Run,
    Status, Waiting, What, attempt_key, idempotency_key,
};
pub use problem::{MAX_PROBLEMS, Problem, Problems};
