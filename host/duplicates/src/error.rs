//! What stops a search for duplicates.

/// What stops a search for duplicates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DuplicatesError {
    /// A file of the space beside the memory cannot be written or read.
    #[error("rows that do not fit into memory cannot be put aside: {0}")]
    Io(#[from] std::io::Error),
    /// What is asked for contradicts itself or the rows.
    #[error("{0}")]
    Invalid(String),
}

impl DuplicatesError {
    pub(crate) fn invalid(why: impl Into<String>) -> Self {
        Self::Invalid(why.into())
    }
}
