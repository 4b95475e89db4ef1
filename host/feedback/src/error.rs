//! What can be wrong with what is asked.

/// What can be wrong with what is asked. The text says what it is and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeedbackError {
    /// What was given breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// More than the memory or the time of a computation allows.
    #[error("{given} {what} are more than the {limit} that are taken; split them")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much was given.
        given: usize,
        /// The limit.
        limit: usize,
    },
}

impl FeedbackError {
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }
}

/// Refuses more than `limit`.
pub(crate) fn at_most(what: &'static str, given: usize, limit: usize) -> Result<(), FeedbackError> {
    if given > limit {
        Err(FeedbackError::TooMany { what, given, limit })
    } else {
        Ok(())
    }
}

/// Shortens outside text before it goes into a message.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}
