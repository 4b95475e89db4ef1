//! Gold questions: tasks whose label is known, asked to see how good an annotator is.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Annotations, LabelsError};

/// How an annotator did on gold questions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoldQuality {
    /// The annotator.
    pub annotator: String,
    /// Gold questions answered.
    pub answered: usize,
    /// Those answered right.
    pub correct: usize,
}

impl GoldQuality {
    /// The share of right answers; none where no gold question was answered.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        (self.answered > 0).then(|| self.correct as f64 / self.answered as f64)
    }
}

/// How each annotator did on the gold questions among these annotations. Gold of other tasks is left out.
///
/// # Errors
/// [`LabelsError::UnknownLabel`] for gold that is none of the labels.
pub fn gold_quality(
    annotations: &Annotations,
    gold: &BTreeMap<String, String>,
) -> Result<Vec<GoldQuality>, LabelsError> {
    let mut qualities: Vec<_> = annotations
        .annotators()
        .iter()
        .map(|annotator| GoldQuality {
            annotator: annotator.clone(),
            answered: 0,
            correct: 0,
        })
        .collect();
    let gold = places(annotations, gold)?;
    for vote in annotations.votes() {
        if let Some(right) = gold[vote.task] {
            let quality = &mut qualities[vote.annotator];
            quality.answered += 1;
            quality.correct += usize::from(vote.label == right);
        }
    }
    Ok(qualities)
}

/// The accuracy of each annotator that answered gold, as the skills of
/// [`weighted_vote`](crate::majority::weighted_vote).
#[must_use]
pub fn skills(qualities: &[GoldQuality]) -> BTreeMap<String, f64> {
    qualities
        .iter()
        .filter_map(|quality| Some((quality.annotator.clone(), quality.accuracy()?)))
        .collect()
}

/// The place of the gold label of each task that has one.
pub(crate) fn places(
    annotations: &Annotations,
    gold: &BTreeMap<String, String>,
) -> Result<Vec<Option<usize>>, LabelsError> {
    annotations
        .tasks()
        .iter()
        .map(|task| {
            let label = gold.get(task);
            label
                .map(|label| annotations.label_place(task, label))
                .transpose()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Annotation;

    #[test]
    fn only_gold_questions_count() {
        let annotations = Annotations::new([
            Annotation::new("t1", "a", "x"),
            Annotation::new("t2", "a", "x"),
            Annotation::new("t3", "a", "y"),
            Annotation::new("t3", "b", "x"),
        ])
        .unwrap();
        let gold = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(t, l)| ((*t).into(), (*l).into()))
                .collect()
        };
        let known = gold(&[("t1", "x"), ("t2", "y"), ("t9", "no label of these")]);
        let qualities = gold_quality(&annotations, &known).unwrap();
        assert_eq!((qualities[0].answered, qualities[0].correct), (2, 1));
        assert_eq!(qualities[1].accuracy(), None);
        assert_eq!(skills(&qualities), BTreeMap::from([("a".to_owned(), 0.5)]));
        assert!(matches!(
            gold_quality(&annotations, &gold(&[("t1", "z")])),
            Err(LabelsError::UnknownLabel { .. })
        ));
    }
}
