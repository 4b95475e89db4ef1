//! What makes a file unreadable as a whole. What spoils a row does not: see [`crate::Fault`].

use crate::Format;

/// What makes a file unreadable, or unwritable, as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file itself cannot be read or written.
    #[error("it cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// It is not of a format that is read.
    #[error("{0}")]
    Unknown(String),
    /// It is of the format, and breaks its rules.
    #[error("it is not a good {format} file: {reason}")]
    Broken {
        /// The format.
        format: Format,
        /// The rule, and what to do.
        reason: String,
    },
    /// It asks for more than a file may.
    #[error("{what}: {found}, and at most {most} are read")]
    TooMuch {
        /// What there is too much of.
        what: String,
        /// How much the file has.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// A row cannot be written in this format.
    #[error("row {row} cannot be written as {format}: {reason}")]
    Unwritable {
        /// Number of the row, from 1.
        row: u64,
        /// The format.
        format: Format,
        /// Why.
        reason: String,
    },
}

impl FormatError {
    pub(crate) fn csv(reason: impl Into<String>) -> Self {
        Self::Broken {
            format: Format::Csv,
            reason: reason.into(),
        }
    }

    pub(crate) fn parquet(reason: impl Into<String>) -> Self {
        Self::Broken {
            format: Format::Parquet,
            reason: reason.into(),
        }
    }

    /// Refuses more than there may be.
    pub(crate) fn limit(what: &str, found: u64, most: u64) -> Result<(), Self> {
        match found > most {
            false => Ok(()),
            true => Err(Self::TooMuch {
                what: what.to_owned(),
                found,
                most,
            }),
        }
    }
}
