//! From which confidence on a model may label without a person, measured on tasks whose label is known.

use std::collections::BTreeMap;

use serde::Serialize;
use steward_statistics::{Z_95_ONE_SIDED, wilson};

use crate::LabelsError;
use crate::error::at_most;

/// The most answers of a model that are taken at once.
const MAX_ANSWERS: usize = 20_000_000;

/// What a model said about a task whose label is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What the model said.
    pub label: String,
    /// How sure it was, 0 to 1.
    pub confidence: f64,
    /// Whether it was right.
    pub correct: bool,
}

/// What happens on the known tasks where answers from a confidence on are taken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Threshold {
    /// Answers with at least this confidence are taken.
    pub threshold: f64,
    /// How many that are.
    pub labelled: usize,
    /// How many of them are right.
    pub correct: usize,
    /// `correct / labelled`.
    pub precision: f64,
    /// What the precision is at least, 19 times of 20: the lower bound of Wilson's interval, one-sided.
    pub at_least: f64,
    /// `labelled` over all known tasks.
    pub coverage: f64,
}

/// The answers of a model on known tasks, ready to be asked for thresholds.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// One for each confidence that occurs, from the highest down.
    steps: Vec<Threshold>,
    all: usize,
}

impl Calibration {
    /// Sorts the answers.
    ///
    /// # Errors
    /// [`LabelsError::Invalid`] for a confidence that is not within 0 and 1; [`LabelsError::TooMany`] over 20 million.
    pub fn new(answers: &[Answer]) -> Result<Self, LabelsError> {
        Self::of(answers.iter())
    }

    /// One for each label that the model gives: a model may be trusted with one label and not with another.
    ///
    /// # Errors
    /// Those of [`Calibration::new`].
    pub fn by_label(answers: &[Answer]) -> Result<BTreeMap<String, Self>, LabelsError> {
        at_most("answers", answers.len(), MAX_ANSWERS)?;
        let mut of_label = BTreeMap::<&str, Vec<&Answer>>::new();
        for answer in answers {
            of_label.entry(&answer.label).or_default().push(answer);
        }
        of_label
            .into_iter()
            .map(|(label, answers)| Ok((label.to_owned(), Self::of(answers.into_iter())?)))
            .collect()
    }

    fn of<'a>(answers: impl ExactSizeIterator<Item = &'a Answer>) -> Result<Self, LabelsError> {
        at_most("answers", answers.len(), MAX_ANSWERS)?;
        let mut sorted = Vec::with_capacity(answers.len());
        for answer in answers {
            if !(0.0..=1.0).contains(&answer.confidence) {
                return Err(LabelsError::invalid(format!(
                    "the confidence {} is not within 0 and 1",
                    answer.confidence
                )));
            }
            sorted.push((answer.confidence, answer.correct));
        }
        sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let all = sorted.len();
        let (mut labelled, mut correct) = (0, 0);
        let steps = sorted
            .chunk_by(|a, b| a.0 == b.0)
            .map(|alike| {
                labelled += alike.len();
                correct += alike.iter().filter(|(_, correct)| *correct).count();
                step(alike[0].0, labelled, correct, all)
            })
            .collect();
        Ok(Self { steps, all })
    }

    /// One entry for each confidence that occurs, from the highest down: each is a threshold that could be set.
    pub fn thresholds(&self) -> &[Threshold] {
        &self.steps
    }

    /// What happens where answers from this confidence on are taken; none where no answer is that sure.
    pub fn at(&self, threshold: f64) -> Option<Threshold> {
        let taken = self
            .steps
            .partition_point(|step| step.threshold >= threshold);
        let last = self.steps.get(taken.checked_sub(1)?)?;
        Some(step(threshold, last.labelled, last.correct, self.all))
    }

    /// The lowest threshold whose precision is at least `precision`, 19 times of 20; none where no threshold is known to
    /// be that good. Some tens of known tasks are needed to be sure of anything: 52 right answers and no wrong one are
    /// at least .95.
    ///
    /// It is chosen by looking at all thresholds, so measure the one that is used again on other known tasks.
    pub fn lowest(&self, precision: f64) -> Option<Threshold> {
        let good = self.steps.iter().rev();
        good.copied().find(|step| step.at_least >= precision)
    }
}

fn step(threshold: f64, labelled: usize, correct: usize, all: usize) -> Threshold {
    Threshold {
        threshold,
        labelled,
        correct,
        precision: correct as f64 / labelled as f64,
        at_least: wilson(correct as f64, labelled as f64, Z_95_ONE_SIDED).low,
        coverage: labelled as f64 / all as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(given: &[(f64, bool)]) -> Vec<Answer> {
        let answer = |(confidence, correct): &(f64, bool)| Answer {
            label: "x".into(),
            confidence: *confidence,
            correct: *correct,
        };
        given.iter().map(answer).collect()
    }

    #[test]
    fn precision_is_measured_at_a_threshold() {
        let given = [(0.9, true), (0.8, true), (0.8, false), (0.3, false)];
        let calibration = Calibration::new(&answers(&given)).unwrap();
        let at = |threshold| {
            let found = calibration.at(threshold)?;
            Some((found.labelled, found.correct, found.coverage))
        };
        assert_eq!(at(0.95), None);
        assert_eq!(at(0.9), Some((1, 1, 0.25)));
        assert_eq!(at(0.85), Some((1, 1, 0.25)));
        assert_eq!(at(0.8), Some((3, 2, 0.75)));
        assert_eq!(at(0.0), Some((4, 2, 1.0)));
        assert_eq!(calibration.thresholds().len(), 3);
        // Two right answers prove nothing.
        assert_eq!(calibration.lowest(0.9), None);
    }

    #[test]
    fn the_lowest_threshold_is_sure_of_its_precision() {
        // Right whenever above .6, half the time below.
        let given: Vec<_> = (0..1000)
            .map(|i| (f64::from(i) / 1000.0, i >= 600 || i % 2 == 0))
            .collect();
        let calibration = Calibration::new(&answers(&given)).unwrap();
        let found = calibration.lowest(0.95).unwrap();
        assert!(found.at_least >= 0.95 && found.precision > found.at_least);
        assert!((0.55..0.6).contains(&found.threshold), "{found:?}");
        assert_eq!(calibration.lowest(1.0), None);
        let sure = |n| Calibration::new(&answers(&vec![(0.9, true); n])).unwrap();
        assert_eq!(sure(51).lowest(0.95), None);
        assert!(sure(52).lowest(0.95).is_some());
    }

    #[test]
    fn each_label_has_its_own() {
        let mut given = answers(&[(0.9, true), (0.9, false)]);
        given[1].label = "负面".into();
        let found = Calibration::by_label(&given).unwrap();
        let precision = |label: &str| found[label].at(0.5).unwrap().precision;
        assert_eq!((precision("x"), precision("负面")), (1.0, 0.0));
    }

    #[test]
    fn a_confidence_is_a_probability() {
        for bad in [f64::NAN, -0.1, 1.1] {
            assert!(Calibration::new(&answers(&[(bad, true)])).is_err());
        }
        let none = Calibration::new(&[]).unwrap();
        assert_eq!((none.at(0.0), none.lowest(0.0)), (None, None));
        let some = Calibration::new(&answers(&[(0.5, true)])).unwrap();
        assert_eq!(some.at(f64::NAN), None);
    }
}
