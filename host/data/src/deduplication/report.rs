//! What was found among the rows.

use serde::Serialize;
use steward_duplicates::Work;
use steward_registry::Digest;

use crate::Keep;
use crate::report::Cost;

/// What was found among the rows that the steps left.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DuplicatesReport {
    /// Texts that are nearly the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near: Option<AlikeReport>,
    /// Texts that mean the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semantic: Option<AlikeReport>,
    /// Passages that stood in an earlier text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentences: Option<SentencesReport>,
    /// Which row of a cluster stays.
    pub keep: Keep,
    /// Whether rows and passages were marked and stay.
    pub marked: bool,
    /// How long it took.
    pub seconds: f64,
}

/// Texts that are alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlikeReport {
    /// The least similarity.
    pub similarity: f64,
    /// Whose sketches they were, as `name@version`; `host` where no cleaner gives any.
    pub uses: String,
    /// Digest of the component or of the model file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Bands of a sketch, and values of each.
    pub bands: (usize, usize),
    /// Clusters of more than one row.
    pub clusters: u64,
    /// Rows of the largest one.
    pub largest_cluster: u32,
    /// Rows that another one stands for.
    pub duplicates: u64,
    /// Rows that hold nothing to compare, or of which no sketch could be made.
    pub not_compared: u64,
    /// What comparing cost.
    pub work: Work,
    /// What making the sketches cost.
    pub cost: Cost,
}

/// Passages that stood in an earlier text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SentencesReport {
    /// Sentences of a passage.
    pub passage: usize,
    /// Texts of which something was removed.
    pub texts: u64,
    /// Parts of texts that were removed.
    pub removed: u64,
    /// Characters that were removed.
    pub characters: u64,
}
