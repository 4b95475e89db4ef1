//! Steps: what happens to a batch of texts.

mod anonymize;
mod classify;
mod clean;
mod embed;
mod open;

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use steward_registry::Digest;

pub(crate) use classify::{Classify, Labels};
pub(crate) use embed::Embed;
pub use open::open;
pub(crate) use open::{labels_for, open_model};

/// One text of a batch. Its id is unique within the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The line of the input. Not the record's own id, which an input may repeat.
    pub id: String,
    /// The text as the step before left it.
    pub text: String,
}

/// What a step did to one text.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Nothing.
    Kept,
    /// The text is another now; each rule with the number of places it changed.
    Changed {
        /// The new text.
        text: String,
        /// Rule and number of places.
        changes: Vec<(String, u32)>,
    },
    /// The row is left out.
    Dropped {
        /// The rule that dropped it.
        rule: String,
        /// The value that decided, for people.
        detail: String,
    },
    /// Personal data was looked for.
    Anonymized {
        /// The text after treatment.
        text: String,
        /// What was found; empty where there is nothing.
        findings: Vec<Finding>,
    },
    /// The text has a label.
    Labelled {
        /// The best label.
        label: String,
        /// How much the model trusts it, between 0 and 1.
        score: f32,
    },
}

/// Personal data that was treated. Holds places, never the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `EMAIL_ADDRESS`, `PHONE_NUMBER`, …
    pub entity: String,
    /// Where it stood in the text that came to the step, in code points.
    pub span: Span,
    /// Where its replacement stands in the text after it, in code points.
    pub new_span: Span,
}

/// A half-open range of code points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// First code point.
    pub start: u32,
    /// One after the last.
    pub end: u32,
}

/// What a text is compared with others by.
#[derive(Debug, Clone, PartialEq)]
pub enum Sketch {
    /// MinHash values, always as many; empty where the step makes none.
    MinHash(Vec<u32>),
    /// A vector.
    Vector(Vec<f32>),
}

/// What a step is, for the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepAbout {
    /// As it was given: `text-cleaner`, `classify:minilm:praise,complaint`.
    pub step: String,
    /// What it does to a row.
    pub kind: Kind,
    /// The plugin or model that ran, as `name@version`.
    pub uses: String,
    /// Digest of the component or of the model file.
    pub digest: Digest,
}

/// What a step does to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Keeps, changes or drops it, and drops duplicates.
    Clean,
    /// Takes personal data out and writes the findings.
    Anonymize,
    /// Writes a label and its score.
    Classify,
}

/// Why a step gave no answer for a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// Something in the batch breaks it (a trap, a refusal): the batch is split until the rows that
    /// do it are alone, and those are rejected.
    #[error("{0}")]
    Batch(String),
    /// Too many calls now: the same call is made again after the wait.
    #[error("too many calls at the same time")]
    Busy(Duration),
    /// Every row would fail: the job stops.
    #[error("{0}")]
    Fatal(String),
}

/// A step of a job. Calls may run at the same time, in any order, for any cut of the rows into
/// batches; the answer for a text must not depend on them.
#[async_trait]
pub trait Step: Send + Sync {
    /// What the step is.
    fn about(&self) -> &StepAbout;

    /// Treats a batch. The answer has one effect per document, in order.
    async fn run(&self, batch: &[Document]) -> Result<Vec<Effect>, StepError>;

    /// Whether the step drops duplicates. The job then drops all rows of one [`Step::fingerprint`] but
    /// the first that survives, and never gives [`Step::run`] two of them in one batch.
    fn finds_duplicates(&self) -> bool {
        false
    }

    /// What identifies each text among all others, one per document, in order. Only called where
    /// [`Step::finds_duplicates`] says so.
    async fn fingerprint(&self, _batch: &[Document]) -> Result<Vec<u128>, StepError> {
        Err(StepError::Fatal("the step gives no fingerprints".into()))
    }

    /// What each text is compared with others by, one per document, in order. Only asked of steps that look for
    /// texts that are alike.
    async fn sketch(&self, _batch: &[Document]) -> Result<Vec<Sketch>, StepError> {
        Err(StepError::Fatal("the step compares no texts".into()))
    }
}
