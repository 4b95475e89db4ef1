//! Scores of pairs of texts: by a model that reads the two together, or by the likeness of their vectors.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::classify::{LabelScore, dot, ranked, softmax};
use crate::config::{LongText, Task};
use crate::embed::normalize;
use crate::error::InferenceError;
use crate::long::{Rows, too_long};
use crate::model::{Model, check};
use crate::tokenize::Tokenizer;

/// How the second text of a pair goes with the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairScore {
    /// The cosine of the vectors of an embedding model, between -1 and 1; the sigmoid of the output of a model that
    /// has one, between 0 and 1; the probability of the best label of a model with labels.
    pub score: f32,
    /// The labels of the pair, best first, of a model that has some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelScore>,
}

/// Scores of pairs, and how the texts were read.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredPairs {
    /// The score of each pair, in order.
    pub scores: Vec<PairScore>,
    /// Of how many pairs (of an embedding model: texts) only the beginning was read; see
    /// [`long_text`](crate::ModelConfig::long_text).
    pub truncated: usize,
}

impl Model {
    /// How well the second text of each pair goes with the first.
    ///
    /// A model of the task `score-pairs` reads both together; of pairs that are too long, more of the longer text is
    /// left out. An embedding model compares the vectors of the two.
    pub async fn score_pairs(
        &self,
        pairs: &[(String, String)],
    ) -> Result<Vec<PairScore>, InferenceError> {
        self.score_pairs_counted(pairs)
            .await
            .map(|found| found.scores)
    }

    /// As [`Model::score_pairs`], with of how many only the beginning was read.
    pub async fn score_pairs_counted(
        &self,
        pairs: &[(String, String)],
    ) -> Result<ScoredPairs, InferenceError> {
        // Text number 2n is the first of pair n, and 2n + 1 the second.
        let texts: Vec<String> = pairs
            .iter()
            .flat_map(|(first, second)| [first.clone(), second.clone()])
            .collect();
        if self.config().task == Task::Embed {
            return self.compare(&texts).await;
        }
        self.require(Task::ScorePairs)?;
        let rows = self.pair_rows(texts).await?;
        let truncated = rows.truncated;
        let labels = &self.config().labels;
        let mut scores = vec![None; pairs.len()];
        self.run(rows.rows, |position, logits| {
            scores[position] = Some(scored(labels, &logits));
        })
        .await?;
        Ok(ScoredPairs {
            // `run` hands over an answer for every row, or fails.
            scores: scores.into_iter().flatten().collect(),
            truncated,
        })
    }

    async fn compare(&self, texts: &[String]) -> Result<ScoredPairs, InferenceError> {
        let mut embedded = self.embed_counted(texts).await?;
        embedded
            .vectors
            .iter_mut()
            .for_each(|vector| normalize(vector));
        let cosine = |pair: &[Vec<f32>]| PairScore {
            score: dot(&pair[0], &pair[1]).clamp(-1.0, 1.0),
            labels: Vec::new(),
        };
        Ok(ScoredPairs {
            scores: embedded.vectors.chunks_exact(2).map(cosine).collect(),
            truncated: embedded.truncated,
        })
    }

    /// The pairs as rows, one each.
    async fn pair_rows(&self, texts: Vec<String>) -> Result<Rows, InferenceError> {
        check(&texts)?;
        let reject = self.config().long_texts() == LongText::Reject;
        let longest = self.config().max_tokens;
        let model = Arc::clone(self.texts()?);
        let cut = move |tokenizer: &Tokenizer| {
            let mut rows = Rows::with_capacity(texts.len() / 2);
            for (index, pair) in texts.chunks_exact(2).enumerate() {
                let (first, second) = (pair[0].as_str(), pair[1].as_str());
                let beginning = tokenizer.pair(first, second)?;
                if beginning.cut && reject {
                    return Err(too_long(index, tokenizer.count((first, second))?, longest));
                }
                rows.truncated += usize::from(beginning.cut);
                rows.push(index, beginning.row);
            }
            Ok(rows)
        };
        model.tokenized(cut).await
    }
}

fn scored(labels: &[String], logits: &[f32]) -> PairScore {
    if let ([], [logit]) = (labels, logits) {
        return PairScore {
            score: 1.0 / (1.0 + (-logit).exp()),
            labels: Vec::new(),
        };
    }
    let labels = ranked(labels.iter().map(String::as_str), softmax(logits));
    PairScore {
        score: labels.first().map_or(0.0, |best| best.score),
        labels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_output_is_a_score_and_more_are_labels() {
        assert_eq!(scored(&[], &[0.0]).score, 0.5);
        assert!(scored(&[], &[-200.0]).score < 1e-6);
        let labels = ["不同".to_owned(), "same".to_owned()];
        let found = scored(&labels, &[0.0, 3.0_f32.ln()]);
        assert_eq!(found.labels[0].label, "same");
        assert!((found.score - 0.75).abs() < 1e-6);
        // A single output that has a name is one that is always right.
        assert_eq!(scored(&labels[..1], &[0.3]).score, 1.0);
    }
}
