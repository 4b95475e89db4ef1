//! Two sets, sample by sample.

use std::collections::BTreeMap;

use serde::Serialize;
use steward_models::{label_metrics, macro_f1};

use super::bootstrap::{Interval, mean_interval};
use super::given::LossKind;
use super::heads::Judged;
use super::lineage::Between;

/// Below this change, in nats, a sample is as good as before: two heads always differ a little.
const EVEN: f64 = 0.001;

/// A number before and after.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Pair {
    pub before: f64,
    pub after: f64,
}

/// Samples, and how much their losses changed in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Side {
    pub samples: u64,
    pub sum: f64,
}

/// What changed for the samples of one label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct OfLabel {
    pub label: String,
    pub samples: u64,
    /// Of the losses, in all.
    pub change: f64,
    pub recall: Pair,
}

/// One treatment: what it costs and gains.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Comparison {
    pub before: String,
    pub after: String,
    pub kind: LossKind,
    /// `lineage`, or `caller`.
    pub kind_by: &'static str,
    /// What lies between by the lineage, the first first; none where it does not lead from one to the other.
    pub steps: Option<Vec<serde_json::Value>>,
    /// Whether these are the ends of a chain whose parts are compared too.
    pub whole: bool,
    /// In nats, over all samples, added up as its kind says.
    pub loss: f64,
    pub loss_per_sample: f64,
    pub mean_change: f64,
    pub interval: Interval,
    pub worse: Side,
    pub better: Side,
    /// Samples whose loss changed by less than 0.001.
    pub even: u64,
    /// Samples whose most probable label was right and is not.
    pub became_wrong: u64,
    /// The other way.
    pub became_right: u64,
    pub mean_loss: Pair,
    pub accuracy: Pair,
    pub macro_f1: Pair,
    /// The label that lost most first.
    pub labels: Vec<OfLabel>,
}

/// Places of the samples that changed most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extremes {
    pub worst: Vec<usize>,
    pub best: Vec<usize>,
}

/// What two sets are called and what lies between them.
pub(super) struct Treatment<'a> {
    pub before: &'a str,
    pub after: &'a str,
    pub between: &'a Between,
    /// Where the caller says it.
    pub kind: Option<LossKind>,
    pub whole: bool,
}

/// Compares what two heads say of the same samples, `labels` being the right ones.
pub(super) fn compare(
    treatment: &Treatment<'_>,
    labels: &[&str],
    (before, after): (&Judged, &Judged),
    seed: u64,
) -> Comparison {
    let changes = changes(before, after);
    let all = changes.len().max(1) as f64;
    let sum: f64 = changes.iter().sum();
    let kind = treatment.kind.unwrap_or(treatment.between.kind);
    let (mut worse, mut better, mut even) = (Side::default(), Side::default(), 0);
    for change in &changes {
        let side = match *change {
            change if change > EVEN => &mut worse,
            change if change < -EVEN => &mut better,
            _ => {
                even += 1;
                continue;
            }
        };
        side.samples += 1;
        side.sum += change;
    }
    let right = |judged: &Judged, at: usize| judged.predicted[at] == labels[at];
    let turned = |first: &Judged, then: &Judged| {
        let places = 0..labels.len();
        places
            .filter(|at| right(first, *at) && !right(then, *at))
            .count() as u64
    };
    let loss = match kind {
        LossKind::Cleaning => changes.iter().map(|change| change.max(0.0)).sum(),
        LossKind::Privacy | LossKind::Treatment => sum,
    };
    let of = |number: &dyn Fn(&Judged) -> f64| Pair {
        before: number(before),
        after: number(after),
    };
    Comparison {
        before: treatment.before.to_owned(),
        after: treatment.after.to_owned(),
        kind,
        kind_by: match treatment.kind {
            Some(_) => "caller",
            None => "lineage",
        },
        steps: treatment.between.steps.clone(),
        whole: treatment.whole,
        loss,
        loss_per_sample: loss / all,
        mean_change: sum / all,
        interval: mean_interval(&changes, seed),
        worse,
        better,
        even,
        became_wrong: turned(before, after),
        became_right: turned(after, before),
        mean_loss: of(&mean_loss),
        accuracy: of(&|judged| accuracy(labels, judged)),
        macro_f1: of(&|judged| f1(labels, judged)),
        labels: by_label(labels, &changes, before, after),
    }
}

/// After − before, for each sample.
pub(super) fn changes(before: &Judged, after: &Judged) -> Vec<f64> {
    let pairs = before.losses.iter().zip(&after.losses);
    pairs.map(|(before, after)| after - before).collect()
}

/// The samples whose loss grew most, and those whose loss shrank most, so many of each at most.
pub(super) fn extremes(changes: &[f64], most: usize) -> Extremes {
    let mut order: Vec<usize> = (0..changes.len()).collect();
    order.sort_by(|a, b| changes[*b].total_cmp(&changes[*a]));
    let worst = order.iter().copied().take_while(|at| changes[*at] > EVEN);
    let best = order.iter().rev().copied();
    let best = best.take_while(|at| changes[*at] < -EVEN);
    Extremes {
        worst: worst.take(most).collect(),
        best: best.take(most).collect(),
    }
}

pub(super) fn mean_loss(judged: &Judged) -> f64 {
    judged.losses.iter().sum::<f64>() / judged.losses.len().max(1) as f64
}

/// The share of samples whose most probable label is the right one.
pub(super) fn accuracy(labels: &[&str], judged: &Judged) -> f64 {
    let pairs = labels.iter().zip(&judged.predicted);
    pairs.filter(|(is, found)| *is == found).count() as f64 / labels.len().max(1) as f64
}

/// The mean of F1 over the labels that are or were predicted.
pub(super) fn f1(labels: &[&str], judged: &Judged) -> f64 {
    let pairs = labels.iter().copied();
    let pairs = pairs.zip(judged.predicted.iter().map(String::as_str));
    macro_f1(&label_metrics(pairs)).unwrap_or_default()
}

fn by_label(labels: &[&str], changes: &[f64], before: &Judged, after: &Judged) -> Vec<OfLabel> {
    let mut found = BTreeMap::<&str, OfLabel>::new();
    for (at, label) in labels.iter().enumerate() {
        let of = found.entry(label).or_insert_with(|| OfLabel {
            label: (*label).to_owned(),
            samples: 0,
            change: 0.0,
            recall: Pair {
                before: 0.0,
                after: 0.0,
            },
        });
        of.samples += 1;
        of.change += changes[at];
        of.recall.before += f64::from(before.predicted[at] == *label);
        of.recall.after += f64::from(after.predicted[at] == *label);
    }
    let mut found: Vec<OfLabel> = found.into_values().collect();
    for of in &mut found {
        of.recall.before /= of.samples as f64;
        of.recall.after /= of.samples as f64;
    }
    found.sort_by(|a, b| b.change.total_cmp(&a.change));
    found
}

#[cfg(test)]
mod tests {
    use steward_training::Iteration;

    use super::*;

    fn judged(losses: &[f64], predicted: &[&str]) -> Judged {
        Judged {
            losses: losses.to_vec(),
            predicted: predicted.iter().map(|label| (*label).to_owned()).collect(),
            unknown: 0,
            end: Iteration {
                iterations: 0,
                objective: 0.0,
                gradient: 0.0,
            },
        }
    }

    fn compared(kind: LossKind) -> Comparison {
        let labels = ["a", "a", "b", "b"];
        let before = judged(&[1.0, 0.5, 2.0, 0.3], &["a", "a", "a", "b"]);
        let after = judged(&[1.5, 0.5004, 0.5, 0.4], &["b", "a", "b", "b"]);
        let between = Between {
            kind,
            steps: Some(Vec::new()),
        };
        let treatment = Treatment {
            before: "x@1",
            after: "x@2",
            between: &between,
            kind: None,
            whole: false,
        };
        compare(&treatment, &labels, (&before, &after), 1)
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }

    #[test]
    fn a_cleaning_loss_does_not_set_gains_against_losses_and_a_privacy_loss_does() {
        let cleaning = compared(LossKind::Cleaning);
        near(cleaning.loss, 0.5 + 0.0004 + 0.1);
        near(cleaning.loss_per_sample, 0.6004 / 4.0);
        let privacy = compared(LossKind::Privacy);
        near(privacy.loss, 0.6004 - 1.5);
        near(privacy.mean_change, privacy.loss / 4.0);
        // What is told beside the loss is the same.
        near(cleaning.mean_change, privacy.mean_change);
        assert!(cleaning.interval.low < cleaning.mean_change);
        assert!(cleaning.mean_change < cleaning.interval.high);
    }

    #[test]
    fn sides_labels_and_scores_are_counted() {
        let found = compared(LossKind::Cleaning);
        assert_eq!(
            (found.worse.samples, found.better.samples, found.even),
            (2, 1, 1)
        );
        near(found.worse.sum, 0.6);
        near(found.better.sum, -1.5);
        assert_eq!((found.became_wrong, found.became_right), (1, 1));
        let accuracy = Pair {
            before: 0.75,
            after: 0.75,
        };
        assert_eq!(found.accuracy, accuracy);
        // Before: of a 2 of 2 found and 2 of 3 right, of b 1 of 2 and 1 of 1. After, the other way round.
        near(found.macro_f1.before, (0.8 + 2.0 / 3.0) / 2.0);
        near(found.macro_f1.after, (0.8 + 2.0 / 3.0) / 2.0);
        let labels: Vec<_> = found.labels.iter().map(|of| &*of.label).collect();
        assert_eq!(labels, ["a", "b"]);
        near(found.labels[0].recall.after, 0.5);
        near(found.labels[1].change, -1.4);
    }

    #[test]
    fn extremes_are_those_that_changed() {
        let found = extremes(&[0.1, -0.2, 0.0005, 0.3, -0.4, 0.0], 5);
        let expected = Extremes {
            worst: vec![3, 0],
            best: vec![4, 1],
        };
        assert_eq!(found, expected);
        assert_eq!(extremes(&[0.1, 0.3], 1).worst, [1]);
    }
}
