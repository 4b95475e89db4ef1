//! What can go wrong with workflows and runs, before a run has begun or beside it.

use steward_registry::RegistryError;

/// What can go wrong with workflows and runs. What goes wrong within a run is its own error, and is kept with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunsError {
    /// The definition is none that can run here.
    #[error("{0}")]
    Definition(String),
    /// What was asked for makes no sense for this workflow or this run.
    #[error("{0}")]
    Invalid(String),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The host is ending: what was asked for was not done, and can be asked of another one.
    #[error("the host is ending; ask again")]
    Ending,
}
