//! What can be wrong with labels.

/// What can be wrong with labels. The text says what it is and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelsError {
    /// One annotator labelled one task twice.
    #[error(
        "the annotator `{annotator}` labelled the task `{task}` twice; keep one of the annotations"
    )]
    Twice {
        /// The task.
        task: String,
        /// The annotator.
        annotator: String,
    },
    /// A label that the project does not have.
    #[error(
        "the label `{label}` of the task `{task}` is none of the labels; correct it or add it to them"
    )]
    UnknownLabel {
        /// The task.
        task: String,
        /// Its label.
        label: String,
    },
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
    /// What was given breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// A measure that these data do not define.
    #[error("{measure} is not defined here: {reason}")]
    Undefined {
        /// The measure.
        measure: &'static str,
        /// Why, and what would define it.
        reason: String,
    },
}

impl LabelsError {
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }

    pub(crate) fn undefined(measure: &'static str, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Undefined { measure, reason }
    }
}

/// Refuses more than `limit`.
pub(crate) fn at_most(what: &'static str, given: usize, limit: usize) -> Result<(), LabelsError> {
    if given > limit {
        Err(LabelsError::TooMany { what, given, limit })
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
