//! What an evaluation found.

use std::collections::BTreeMap;

use serde::Serialize;
use steward_inference::Task;

use super::metrics::LabelMetrics;

/// What a model scored on rows that say what is right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationReport {
    /// What the model does.
    pub task: Task,
    /// How many rows there were.
    pub rows: usize,
    /// Every number by its name. Of a part of the rows the name has the part appended, as
    /// `accuracy[lang=zh]`. What cannot be computed, as a correlation with what does not vary, is left
    /// out.
    ///
    /// | name | of | what |
    /// | --- | --- | --- |
    /// | `accuracy`, `macro_f1`, `log_loss` | labels | the share that is right; the mean F1 of the labels; the mean of -ln of the probability of what is right |
    /// | `pearson`, `spearman` | pairs | the correlation of the cosines with the scores, and of their ranks |
    /// | `precision`, `recall`, `f1` | entities | over all entities, those right whose start, end and label are |
    /// | `texts_per_second`, `p50_ms`, `p99_ms` | all | in batches of 64; of calls with one text |
    /// | `similarity_mean`, `similarity_min`, `same_label`, `overlap_mean`, `overlap_min`, `speedup` | variants | beside the version as it was pushed: the cosine of vectors, the share of texts with the same label, the Jaccard index of entities |
    pub metrics: BTreeMap<String, f64>,
    /// Of labels and entities: the numbers of each label.
    pub labels: BTreeMap<String, LabelMetrics>,
}

/// Numbers by name.
#[derive(Debug, Default)]
pub(super) struct Metrics(pub(super) BTreeMap<String, f64>);

impl Metrics {
    /// Sets a number, unless there is none.
    pub(super) fn set(&mut self, name: &str, number: Option<f64>) {
        if let Some(number) = number.filter(|number| number.is_finite()) {
            self.0.insert(name.to_owned(), number);
        }
    }
}
