//! The numbers of an evaluation, each as the field defines it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// How well one label is found.
///
/// Precision is the share of what was called so that is so, recall the share of what is so that was
/// called so, F1 their harmonic mean (C. J. van Rijsbergen, "Information Retrieval", 2nd edition 1979,
/// chapter 7). Where a share has nothing to be a share of, it is 0, as in scikit-learn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct LabelMetrics {
    /// The share of what was called so that is so.
    pub precision: f64,
    /// The share of what is so that was called so.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
    /// How many are so.
    pub support: u64,
}

/// What was found, what was called so, and what is so.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Found {
    pub(crate) right: u64,
    pub(crate) called: u64,
    pub(crate) is: u64,
}

impl Found {
    pub(crate) fn metrics(self) -> LabelMetrics {
        let share = |of: u64| match of {
            0 => 0.0,
            of => self.right as f64 / of as f64,
        };
        let (precision, recall) = (share(self.called), share(self.is));
        let sum = precision + recall;
        LabelMetrics {
            precision,
            recall,
            f1: if sum > 0.0 {
                2.0 * precision * recall / sum
            } else {
                0.0
            },
            support: self.is,
        }
    }
}

/// The metrics of each label that is or was called, from pairs of what is and what was called.
pub fn label_metrics<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> BTreeMap<String, LabelMetrics> {
    let mut found = BTreeMap::<&str, Found>::new();
    for (is, called) in pairs {
        found.entry(is).or_default().is += 1;
        found.entry(called).or_default().called += 1;
        if is == called {
            found.entry(is).or_default().right += 1;
        }
    }
    let metrics = |(label, found): (&str, Found)| (label.to_owned(), found.metrics());
    found.into_iter().map(metrics).collect()
}

/// The mean of F1 over labels, each counting the same. Higher is better.
pub fn macro_f1(labels: &BTreeMap<String, LabelMetrics>) -> Option<f64> {
    mean(labels.values().map(|metrics| metrics.f1))
}

/// The mean of -ln of the probability that was given to what is (I. J. Good, "Rational decisions",
/// Journal of the Royal Statistical Society B 14, 1952). Probabilities are clipped as by scikit-learn,
/// to the smallest step of a float from 0 and 1. Lower is better.
pub(crate) fn log_loss(probabilities: impl Iterator<Item = f64>) -> Option<f64> {
    mean(probabilities.map(|p| -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()))
}

/// The product-moment correlation (K. Pearson, 1895). None where one side does not vary.
pub(crate) fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let (mean_a, mean_b) = (mean(a.iter().copied())?, mean(b.iter().copied())?);
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        both += a * b;
        of_a += a * a;
        of_b += b * b;
    }
    let scale = (of_a * of_b).sqrt();
    (scale > 0.0).then(|| (both / scale).clamp(-1.0, 1.0))
}

/// The rank correlation (C. Spearman, 1904): that of Pearson over ranks, equals sharing their mean
/// rank. None where one side does not vary.
pub(crate) fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    pearson(&ranks(a), &ranks(b))
}

fn ranks(numbers: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
    let mut ranks = vec![0.0; numbers.len()];
    let mut first = 0;
    for equals in order.chunk_by(|a, b| numbers[*a] == numbers[*b]) {
        let rank = first as f64 + (equals.len() + 1) as f64 / 2.0;
        equals.iter().for_each(|at| ranks[*at] = rank);
        first += equals.len();
    }
    ranks
}

/// A part of a text with a label.
pub(crate) type Piece<'a> = (u32, u32, &'a str);

/// How well the entities of each label are found: an entity counts where its start, end and label are
/// those of one that is (E. F. Tjong Kim Sang and F. De Meulder, "Introduction to the CoNLL-2003 shared
/// task", 2003). Of texts, those that are and those that were called.
pub(crate) fn entities<'a>(
    texts: impl Iterator<Item = (Vec<Piece<'a>>, Vec<Piece<'a>>)>,
) -> (LabelMetrics, BTreeMap<String, LabelMetrics>) {
    let mut all = Found::default();
    let mut found = BTreeMap::<&str, Found>::new();
    for (is, called) in texts {
        let (is, called) = (BTreeSet::from_iter(is), BTreeSet::from_iter(called));
        for piece in &is {
            found.entry(piece.2).or_default().is += 1;
        }
        for piece in &called {
            found.entry(piece.2).or_default().called += 1;
        }
        for piece in is.intersection(&called) {
            found.entry(piece.2).or_default().right += 1;
        }
    }
    for one in found.values() {
        all.right += one.right;
        all.called += one.called;
        all.is += one.is;
    }
    let metrics = |(label, found): (&str, Found)| (label.to_owned(), found.metrics());
    (all.metrics(), found.into_iter().map(metrics).collect())
}

/// The number that a share of all, 0 to 1, does not pass. Sorts.
pub(crate) fn quantile(numbers: &mut [f64], share: f64) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let rank = (share * numbers.len() as f64).ceil().max(1.0) as usize;
    numbers.get(rank - 1).copied()
}

/// None of none.
pub(crate) fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = numbers.fold((0.0, 0u64), |(sum, count), n| (sum + n, count + 1));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests;
