//! Definitions: the DSL of CNCF Serverless Workflow 1.0, read into a [`Workflow`] or refused with everything that is wrong.

mod flow;
pub(crate) mod model;
mod read;
mod read_calls;
mod read_errors;
mod read_events;
mod read_flow;
mod read_tasks;
mod read_use;
pub(crate) mod schema;
mod specification;
pub(crate) mod template;
mod values;
mod workflow;
mod yaml;

pub use model::{Document, EventStart, Given, References, Schedule};
pub(crate) use read_calls::is_method;
pub(crate) use values::fixed_length;
pub use workflow::{MAX_DEFINITION, MAX_NESTING, MAX_TASKS, Workflow};
pub(crate) use yaml::parse as yaml;

/// A key as it stands in a JSON pointer.
pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
