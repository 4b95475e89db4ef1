//! What can go wrong with workflows and runs, before a run has begun or beside it.

use steward_registry::RegistryError;
use steward_workflow::Error;

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
    /// Whether the run was started is not known.
    #[error(
        "whether the run was started is not known, since the registry gave no answer; look for it, or start it with a key, with which it is started once"
    )]
    Unknown,
    /// It cannot be told now, which is nobody's mistake who asks.
    #[error("{0}")]
    Unavailable(String),
    /// The host is ending: what was asked for was not done, and can be asked of another one.
    #[error("the host is ending; ask again")]
    Ending,
}

/// The status of an error of a definition, or of what it calls, that says nothing of either: it cannot be told now.
pub(crate) const NOT_NOW: u16 = 503;

impl RunsError {
    /// What an error of a definition, or of what it calls, is to who asks: `wrong`, unless it only cannot be told now.
    pub(crate) fn of(error: &Error, wrong: fn(String) -> Self) -> Self {
        match error.status {
            NOT_NOW => Self::Unavailable(error.to_string()),
            _ => wrong(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use steward_workflow::ErrorKind;

    use super::*;

    #[test]
    fn what_cannot_be_told_now_is_no_mistake_of_a_definition() {
        let of = |error: Error| RunsError::of(&error, RunsError::Definition);
        let wrong = Error::new(ErrorKind::Configuration, "there is no function `x`");
        assert!(matches!(of(wrong), RunsError::Definition(_)));
        let late = Error::new(ErrorKind::Runtime, "database").with_status(NOT_NOW);
        assert!(matches!(of(late), RunsError::Unavailable(_)));
    }
}
