//! What stops a job. What spoils a single row does not: see the rejects file.

use std::path::{Path, PathBuf};

/// What stops a job. What spoils a single row does not: that goes to the rejects file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file cannot be read or written.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// `read`, `write`, `create` …
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of rows is not what it should be, as a whole.
    #[error("{}: {source}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: steward_formats::FormatError,
    },
    /// The description of the job breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// A step cannot be opened: no such function, plugin or model, or it does not load.
    #[error("step `{step}`: {source}")]
    Open {
        /// The step as it was given.
        step: String,
        /// Why.
        source: steward_functions::FunctionsError,
    },
    /// The model of a step cannot be opened.
    #[error("step `{step}`: {source}")]
    Model {
        /// The step as it was given.
        step: String,
        /// Why.
        source: Box<steward_models::ModelError>,
    },
    /// A deployed function cannot be asked, or does not answer as its contract says.
    #[error("function `{function}`: {source}")]
    Function {
        /// The function.
        function: steward_registry::Name,
        /// Why.
        source: steward_functions::FunctionsError,
    },
    /// A step fails in a way that would spoil every row.
    #[error("step `{step}` cannot go on: {reason}")]
    Step {
        /// The step as it was given.
        step: String,
        /// Why.
        reason: String,
    },
    /// A table cannot be protected as it is asked for.
    #[error(transparent)]
    Table(#[from] steward_anonymity::AnonymityError),
    /// Duplicates cannot be looked for, or tables not be linked, as it is asked for.
    #[error(transparent)]
    Duplicates(#[from] steward_duplicates::DuplicatesError),
    /// A question is not answered.
    #[error(transparent)]
    Privacy(#[from] steward_privacy::PrivacyError),
    /// The registry or the artifact store refuse.
    #[error(transparent)]
    Registry(#[from] steward_registry::RegistryError),
    /// A part of the job ended without an answer.
    #[error("the job broke off: {0}")]
    Broken(String),
}

impl DataError {
    /// For `map_err` of what reads and writes files of rows.
    pub(crate) fn format(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(steward_formats::FormatError) -> Self {
        let path = path.to_owned();
        move |source| match source {
            steward_formats::FormatError::Io(source) => Self::File {
                action,
                path,
                source,
            },
            source => Self::Format { path, source },
        }
    }

    /// For `map_err` of the standard library's errors, which do not name their file.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
