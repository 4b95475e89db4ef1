//! Jobs over data sets on this machine: a file of rows (JSON Lines, CSV or Parquet) goes through a chain of steps (clean,
//! anonymize, classify) and comes out as another, with a report of what happened to every row.
//!
//! What a reader can rely on:
//!
//! - **The same input gives the same output**, byte for byte, whatever the batch size and the number
//!   of batches in flight. Rows leave in the order in which they came; a duplicate is judged by input
//!   order, not by who was quicker.
//! - **A bad row never stops the run.** It goes to the rejects file with its line number and a reason.
//! - **There is never half an output.** Files are written beside their place and renamed at the end.
//! - **Memory does not grow with the data**: lines, batches and queues are bounded. Only what is known of
//!   duplicates grows, by some tens of bytes for each text that was kept.
//!
//! Datasets of the registry are treated by the same jobs ([`Datasets`]), and labelled ([`labelling`]); what a treatment
//! costs or gains a model that learns from them is measured ([`ImpactSpec`]).
//!
//! The steps are the same components and models that answer over HTTP, called in batches and without
//! JSON in between. A [`Step`] is a trait, so that a test or another crate can bring its own.
#![deny(missing_docs)]

mod counted;
mod datasets;
mod deduplication;
mod duplicates;
mod error;
pub mod feedback;
mod heads;
mod impact;
mod job;
mod labelled;
pub mod labelling;
mod pipeline;
mod questions;
mod record;
mod reject;
mod report;
mod sink;
mod spec;
pub mod step;
mod tables;

pub use datasets::{Compared, Datasets, FieldsGiven, LabelsGiven, RunSpec, StepGiven, Upload};
pub use deduplication::{
    Deduplication, DuplicatesGiven, DuplicatesReport, Keep, NearGiven, SemanticGiven,
    SentencesGiven,
};
pub use error::DataError;
pub use feedback::Feedback;
pub use heads::{CharactersWanted, HeadFields, HeadSpec};
pub use impact::{ImpactFields, ImpactSpec, LossKind, Overlap};
pub use job::{Input, Job, Progress};
pub use labelling::Labelling;
pub use questions::{Account, Questions};
pub use record::Fields;
pub use report::{Cost, FileAbout, Report, Rows};
pub use spec::{ClassLabels, StepSpec};
pub use step::{Document, Effect, Step, StepAbout, StepError};
pub use steward_formats::{DiffSpec, Encoding, Format, Given, Types};
pub use tables::{LinkedTables, Protected, TableFiles};

/// Rows of one batch, where the job does not say otherwise.
pub const DEFAULT_BATCH: usize = 256;
/// The longest line that is read, in bytes, where the job does not say otherwise.
pub const DEFAULT_MAX_LINE_BYTES: usize = 1024 * 1024;
