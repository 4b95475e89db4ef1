//! Why a table was not anonymized.

/// Why a table was not read, a job not understood, or no protected form found.
///
/// The text says what is wrong and, where a person can act, what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnonymityError {
    /// One line of a CSV file is not what it should be.
    #[error("{file}, line {line}: {reason}")]
    Line {
        /// Which file: `table`, `population`, or what the job calls a hierarchy's file.
        file: String,
        /// The line on which the record begins, from 1.
        line: u64,
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// A CSV file as a whole is not what it should be.
    #[error("{file}: {reason}")]
    File {
        /// Which file.
        file: String,
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// A hierarchy contradicts itself or cannot be built.
    #[error("hierarchy of `{column}`: {reason}")]
    Hierarchy {
        /// The column that it generalizes.
        column: String,
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// A value of the table has no place in the hierarchy of its column.
    #[error(
        "{file}, line {line}: the hierarchy of `{column}` has no place for `{value}` ({reason}); \
         add it to the hierarchy or mend the line"
    )]
    NoPlace {
        /// Which file holds the value.
        file: String,
        /// The first line with the value.
        line: u64,
        /// The column.
        column: String,
        /// The value, cut after 64 characters.
        value: String,
        /// Why it has no place.
        reason: String,
    },
    /// The job asks for something that does not exist or makes no sense.
    #[error("the job is not valid: {0}")]
    Spec(String),
    /// Something is larger than a [`Limits`](crate::Limits) allows.
    #[error("{what}: {found} is beyond the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: String,
        /// Its size.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// No combination of levels gives what the models ask for.
    #[error(
        "no generalization satisfies the models with at most {allowed} of {rows} rows suppressed; \
         raise `suppression_limit`, weaken a model, or give the hierarchies a higher level"
    )]
    NoSolution {
        /// How many rows may be suppressed.
        allowed: u64,
        /// How many rows there are.
        rows: u64,
    },
    /// The search was stopped before it found anything.
    #[error(
        "the search was stopped after {checked} of {nodes} combinations of levels without a result; \
         give it more time, or fix some levels with `min_level` and `max_level`"
    )]
    Stopped {
        /// How many combinations were looked at.
        checked: u64,
        /// How many there are.
        nodes: u64,
    },
    /// The protected table could not be written.
    #[error("the protected table could not be written: {0}")]
    Write(std::io::Error),
}

impl AnonymityError {
    pub(crate) fn hierarchy(column: &str, reason: impl Into<String>) -> Self {
        Self::Hierarchy {
            column: column.to_owned(),
            reason: reason.into(),
        }
    }

    pub(crate) fn file(file: &str, reason: impl Into<String>) -> Self {
        Self::File {
            file: file.to_owned(),
            reason: reason.into(),
        }
    }

    pub(crate) fn line(file: &str, line: u64, reason: impl Into<String>) -> Self {
        Self::Line {
            file: file.to_owned(),
            line,
            reason: reason.into(),
        }
    }

    pub(crate) fn limit(what: impl Into<String>, found: u64, limit: u64) -> Result<(), Self> {
        if found <= limit {
            return Ok(());
        }
        Err(Self::TooLarge {
            what: what.into(),
            found,
            limit,
        })
    }
}

/// A value as an error shows it: a cell can hold a whole book.
pub(crate) fn shown(value: &str) -> String {
    const LONGEST: usize = 64;
    let mut chars = value.chars();
    let mut short: String = chars.by_ref().take(LONGEST).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}
