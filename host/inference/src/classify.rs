//! Labels of texts: by a classifier's own outputs, or by likeness to texts that describe the labels.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::config::Task;
use crate::embed::normalize;
use crate::error::InferenceError;
use crate::long::Pool;
use crate::model::Model;
use crate::reduce::add;

/// Divides the cosines before the softmax of a classification by likeness.
///
/// Cosines of sentence encoders lie close together, so that a softmax over the bare numbers would call every label
/// about as likely as any other. At 0.05 a lead of 0.1 makes a label seven times as likely. The order of the labels
/// does not depend on it; the scores are not calibrated probabilities.
pub const TEMPERATURE: f32 = 0.05;

/// How many sets of labels a model keeps the vectors of.
const REMEMBERED: usize = 16;

/// A label and how likely it is for a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelScore {
    /// The label.
    pub label: String,
    /// Between 0 and 1; the scores of one text add up to 1.
    pub score: f32,
}

/// A label and texts that are typical of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelExamples {
    /// The label.
    pub label: String,
    /// At least one text: examples of what carries the label, or words that describe it.
    pub texts: Vec<String>,
}

/// Labels of texts, and how the texts were read.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// The labels of each text, best first.
    pub labels: Vec<Vec<LabelScore>>,
    /// Of how many texts only the beginning was read; see [`long_text`](crate::ModelConfig::long_text).
    pub truncated: usize,
}

/// Vectors of label sets that were asked for lately, the latest first: a caller asks about the same labels again
/// and again, one batch of texts after the other.
#[derive(Default)]
pub(crate) struct Prototypes(Mutex<VecDeque<Remembered>>);

struct Remembered {
    labels: Vec<LabelExamples>,
    places: Places,
}

/// One vector of length 1 for each label, in the order of the labels.
type Places = Arc<Vec<Vec<f32>>>;

impl Model {
    /// The labels of each text, best first.
    ///
    /// With a classifier, `labels` narrows its own labels: the scores are a softmax over the logits of those alone.
    /// With an embedding model, `labels` are texts to compare with, as in
    /// [`classify_by_examples`](Self::classify_by_examples) with one example each, and must not be empty.
    pub async fn classify(
        &self,
        texts: &[String],
        labels: Option<&[String]>,
    ) -> Result<Vec<Vec<LabelScore>>, InferenceError> {
        let classified = self.classify_counted(texts, labels).await;
        classified.map(|found| found.labels)
    }

    /// As [`Model::classify`], with of how many texts only the beginning was read.
    pub async fn classify_counted(
        &self,
        texts: &[String],
        labels: Option<&[String]>,
    ) -> Result<Classified, InferenceError> {
        if self.config().task == Task::Embed {
            let named = labels.unwrap_or_default().iter();
            let examples: Vec<LabelExamples> = named
                .map(|label| LabelExamples {
                    label: label.clone(),
                    texts: vec![label.clone()],
                })
                .collect();
            return self.by_examples(texts, &examples).await;
        }
        self.require(Task::Classify)?;
        let chosen = self.choose(labels)?;
        let rows = self.rows(texts).await?;
        let truncated = rows.truncated;
        let mut pool = Pool::of(&rows, texts.len());
        self.run(rows.rows, |row, logits| {
            let logits: Vec<f32> = chosen.iter().map(|&index| logits[index]).collect();
            pool.take(row, softmax(&logits));
        })
        .await?;
        let own = &self.config().labels;
        let names = || chosen.iter().map(|&index| own[index].as_str());
        let scores = pool.vectors().into_iter();
        Ok(Classified {
            labels: scores.map(|scores| ranked(names(), scores)).collect(),
            truncated,
        })
    }

    /// The labels of each text, best first, by an embedding model and examples alone.
    ///
    /// A label's place is the mean of the (normalised) vectors of its texts. The scores are a softmax over the
    /// cosines between the text and the places of the labels, divided by [`TEMPERATURE`].
    pub async fn classify_by_examples(
        &self,
        texts: &[String],
        labels: &[LabelExamples],
    ) -> Result<Vec<Vec<LabelScore>>, InferenceError> {
        self.by_examples(texts, labels)
            .await
            .map(|found| found.labels)
    }

    async fn by_examples(
        &self,
        texts: &[String],
        labels: &[LabelExamples],
    ) -> Result<Classified, InferenceError> {
        self.require(Task::Embed)?;
        if labels.is_empty() {
            return Err(InferenceError::InvalidInput(
                "an embedding model needs labels to compare with".into(),
            ));
        }
        distinct(labels.iter().map(|label| label.label.as_str()))?;
        if let Some(bare) = labels.iter().find(|label| label.texts.is_empty()) {
            return Err(InferenceError::InvalidInput(format!(
                "the label `{}` has no example",
                bare.label
            )));
        }
        let places = self.places(labels).await?;
        let embedded = self.embed_counted(texts).await?;
        let answer = |mut vector: Vec<f32>| {
            normalize(&mut vector);
            let likeness: Vec<f32> = places
                .iter()
                .map(|place| dot(&vector, place) / TEMPERATURE)
                .collect();
            ranked(
                labels.iter().map(|label| label.label.as_str()),
                softmax(&likeness),
            )
        };
        Ok(Classified {
            labels: embedded.vectors.into_iter().map(answer).collect(),
            truncated: embedded.truncated,
        })
    }

    async fn places(&self, labels: &[LabelExamples]) -> Result<Places, InferenceError> {
        if let Some(places) = self.prototypes.get(labels) {
            return Ok(places);
        }
        let texts: Vec<String> = labels
            .iter()
            .flat_map(|label| label.texts.iter().cloned())
            .collect();
        let mut vectors = self.embed(&texts).await?.into_iter();
        let size = self.texts()?.shape().size;
        let place = |label: &LabelExamples| {
            let mut sum = vec![0.0; size];
            for mut vector in vectors.by_ref().take(label.texts.len()) {
                normalize(&mut vector);
                add(&mut sum, &vector);
            }
            normalize(&mut sum);
            sum
        };
        let places = Arc::new(labels.iter().map(place).collect::<Vec<_>>());
        self.prototypes.put(labels, &places);
        Ok(places)
    }

    /// The positions of the labels that a caller wants of a classifier.
    fn choose(&self, labels: Option<&[String]>) -> Result<Vec<usize>, InferenceError> {
        let own = &self.config().labels;
        let Some(labels) = labels else {
            return Ok((0..own.len()).collect());
        };
        if labels.is_empty() {
            return Err(InferenceError::InvalidInput(
                "the list of labels is empty; leave it out for all".into(),
            ));
        }
        distinct(labels.iter().map(String::as_str))?;
        let position = |label: &String| {
            own.iter().position(|known| known == label).ok_or_else(|| {
                let known = own
                    .iter()
                    .take(20)
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join("`, `");
                InferenceError::InvalidInput(format!(
                    "the model has no label `{label}`; it has `{known}`"
                ))
            })
        };
        labels.iter().map(position).collect()
    }
}

impl Prototypes {
    fn get(&self, labels: &[LabelExamples]) -> Option<Places> {
        let mut kept = self.0.lock();
        let at = kept.iter().position(|known| known.labels == labels)?;
        let entry = kept.remove(at)?;
        let places = Arc::clone(&entry.places);
        kept.push_front(entry);
        Some(places)
    }

    fn put(&self, labels: &[LabelExamples], places: &Places) {
        let mut kept = self.0.lock();
        let (labels, places) = (labels.to_vec(), Arc::clone(places));
        kept.push_front(Remembered { labels, places });
        kept.truncate(REMEMBERED);
    }
}

fn distinct<'a>(labels: impl Iterator<Item = &'a str>) -> Result<(), InferenceError> {
    let mut seen = BTreeSet::new();
    for label in labels {
        if !seen.insert(label) {
            return Err(InferenceError::InvalidInput(format!(
                "the label `{label}` is given twice"
            )));
        }
    }
    Ok(())
}

/// Probabilities that add up to 1, in the order of the logits, which are finite.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f32> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - highest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// Best first; labels of the same score stay in the order they came in.
pub(crate) fn ranked<'a>(
    labels: impl Iterator<Item = &'a str>,
    scores: Vec<f32>,
) -> Vec<LabelScore> {
    let paired = labels.zip(scores).map(|(label, score)| LabelScore {
        label: label.to_owned(),
        score,
    });
    let mut answer: Vec<LabelScore> = paired.collect();
    answer.sort_by(|a, b| b.score.total_cmp(&a.score));
    answer
}

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn scores_are_probabilities_in_falling_order(
            logits in prop::collection::vec(-1e30f32..1e30, 1..50),
        ) {
            let labels: Vec<String> = (0..logits.len()).map(|index| index.to_string()).collect();
            let answer = ranked(labels.iter().map(String::as_str), softmax(&logits));
            prop_assert_eq!(answer.len(), logits.len());
            prop_assert!((answer.iter().map(|label| label.score).sum::<f32>() - 1.0).abs() < 1e-4);
            prop_assert!(answer.iter().all(|label| (0.0..=1.0).contains(&label.score)));
            prop_assert!(answer.windows(2).all(|pair| pair[0].score >= pair[1].score));
            let best: usize = answer[0].label.parse().unwrap();
            prop_assert!(logits.iter().all(|&logit| logit <= logits[best]));
        }
    }

    #[test]
    fn equal_scores_keep_the_callers_order() {
        let answer = ranked(["乙", "甲"].into_iter(), softmax(&[1.0, 1.0]));
        assert_eq!(
            answer[0],
            LabelScore {
                label: "乙".into(),
                score: 0.5
            }
        );
    }

    #[test]
    fn the_labels_asked_for_longest_ago_are_forgotten() {
        let prototypes = Prototypes::default();
        let labels = |name: usize| {
            vec![LabelExamples {
                label: name.to_string(),
                texts: vec!["x".into()],
            }]
        };
        for name in 0..REMEMBERED {
            prototypes.put(&labels(name), &Arc::new(vec![vec![name as f32]]));
        }
        assert!(prototypes.get(&labels(0)).is_some());
        prototypes.put(&labels(99), &Arc::new(Vec::new()));
        assert!(prototypes.get(&labels(0)).is_some());
        assert!(prototypes.get(&labels(1)).is_none());
    }
}
