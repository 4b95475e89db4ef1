//! The rules of a team's data: who may read and do what, what a plugin is asked, and what it may answer.
//!
//! | question | module |
//! | --- | --- |
//! | Who stands how to a person, and which fields may they read? | [`access`] |
//! | Who may read what of a check-in? | [`check_ins`] |
//! | What is a plugin asked about a cycle, and is its answer one? | [`reviews`] |
//! | The same about candidates. | [`scorecards`] |
//! | What do the events of issues and deployments say? | [`measures`] |
//! | When is what is over erased? | [`retention`] |
//!
//! Everything but the last is a pure function over the records of [`steward_registry::team`]. A plugin gets no names: raters
//! and those who calibrate are numbered. What it says is advice; only a signature makes it final, and nobody signs for
//! themself.
#![deny(missing_docs)]

pub mod access;
pub mod check_ins;
pub mod measures;
pub mod retention;
pub mod reviews;
pub mod scorecards;

/// Why something about a person is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TeamError {
    /// Whoever asks stands for nobody who may.
    #[error("{0}")]
    NotYours(String),
    /// What was sent does not fit the cycle or the process.
    #[error("{0}")]
    Invalid(String),
    /// The plugin answered what the contract does not allow.
    #[error("{0}")]
    Unfaithful(String),
}
