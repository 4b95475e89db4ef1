//! What speaks for a match, learned from the tables.

use super::blocking::{Blocks, Pairs};
use super::compare::Comparison;
use super::spec::{Part, Spec};

/// Pairs that `u` is learned from.
const SAMPLE: u64 = 500_000;
/// The most rounds of an expectation maximization.
const ROUNDS: usize = 200;
/// A round that changes nothing by more than this is the last.
const STILL: f64 = 1e-6;
/// The least chance of a level: what was not seen is not impossible.
const LEAST: f64 = 1e-5;

/// The chances of each level of each comparison.
pub(super) struct Model {
    /// Among pairs of the same.
    pub m: Vec<Vec<f64>>,
    /// Among pairs of others.
    pub u: Vec<Vec<f64>>,
    /// Whether `m` was learned; not where each rule asks for equality in the column.
    pub learned: Vec<bool>,
    /// How probable it is that any two rows are the same.
    pub prior: f64,
}

/// The probability for the natural logarithm of odds.
pub(super) fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

impl Model {
    pub fn learn(spec: &Spec, comparisons: &[Comparison], blocks: &Blocks, pairs: &Pairs) -> Self {
        let u = of_random_pairs(comparisons, blocks);
        let usual: Vec<Vec<f64>> = comparisons.iter().map(|c| usual(c.levels())).collect();
        let mut sums: Vec<Vec<f64>> = usual.iter().map(|m| vec![0.0; m.len()]).collect();
        let mut weights = vec![0.0; comparisons.len()];
        for (rule, parts) in spec.blocking.iter().enumerate() {
            // In a column that all pairs of a rule agree in, they cannot tell what matches look like.
            let free: Vec<usize> = (0..comparisons.len())
                .filter(|&c| {
                    let column = &comparisons[c].spec.column;
                    !parts.iter().map(Part::column).any(|part| part == column)
                })
                .collect();
            let Some((m, matches)) = maximize(rule, &free, pairs, &usual, &u) else {
                continue;
            };
            for &c in &free {
                weights[c] += matches;
                let learned = sums[c].iter_mut().zip(&m[c]);
                learned.for_each(|(sum, m)| *sum += m * matches);
            }
        }
        let learned: Vec<bool> = weights.iter().map(|&weight| weight > 0.0).collect();
        let mean = |c: usize| match learned[c] {
            true => sums[c].iter().map(|sum| sum / weights[c]).collect(),
            false => usual[c].clone(),
        };
        let mut model = Self {
            m: (0..comparisons.len()).map(mean).collect(),
            u,
            learned,
            prior: spec.prior.unwrap_or(0.0),
        };
        if spec.prior.is_none() {
            model.prior = model.of_any_pair(pairs, blocks.possible());
        }
        model
    }

    /// The natural logarithm of the odds that two rows are the same which agree at these levels.
    pub fn log_odds(&self, levels: &[Option<u8>]) -> f64 {
        (self.prior / (1.0 - self.prior)).ln() + self.evidence(levels)
    }

    fn evidence(&self, levels: &[Option<u8>]) -> f64 {
        let each = levels.iter().enumerate();
        each.filter_map(|(c, level)| {
            let level = usize::from((*level)?);
            Some((self.m[c][level] / self.u[c][level]).ln())
        })
        .sum()
    }

    /// How probable it is that any two rows are the same: the one that agrees with how many are found. Pairs that no
    /// rule makes are taken for different.
    fn of_any_pair(&self, pairs: &Pairs, possible: f64) -> f64 {
        let mut counts = vec![0f64; pairs.patterns.len()];
        for pair in &pairs.all {
            counts[pair.pattern as usize] += 1.0;
        }
        let possible = possible.max(1.0);
        // One match among all pairs is the least that can be thought of.
        let bounds = (0.5 / possible, 0.5);
        let mut prior = (0.1 * pairs.all.len() as f64 / possible).clamp(bounds.0, bounds.1);
        for _ in 0..ROUNDS {
            let odds = (prior / (1.0 - prior)).ln();
            let patterns = pairs.patterns.iter().zip(&counts);
            let matches: f64 = patterns
                .map(|(pattern, n)| n * probability(odds + self.evidence(&pattern.levels)))
                .sum();
            let next = (matches / possible).clamp(bounds.0, bounds.1);
            let still = (next - prior).abs() <= STILL * prior;
            prior = next;
            if still {
                break;
            }
        }
        prior
    }
}

/// `u`: how often each level occurs among any two rows.
fn of_random_pairs(comparisons: &[Comparison], blocks: &Blocks) -> Vec<Vec<f64>> {
    let mut counts: Vec<Vec<f64>> = comparisons.iter().map(|c| vec![0.0; c.levels()]).collect();
    blocks.sample(SAMPLE, |one, other| {
        for (comparison, counts) in comparisons.iter().zip(&mut counts) {
            if let Some(level) = comparison.level(one, other) {
                counts[usize::from(level)] += 1.0;
            }
        }
    });
    counts.into_iter().map(shares).collect()
}

/// Where nothing is known: mostly equal, and the less so the rarer.
fn usual(levels: usize) -> Vec<f64> {
    let rest = 0.1 / (levels - 1) as f64;
    let mut m = vec![rest; levels];
    m[0] = 0.9;
    m
}

/// Counts as shares, none of which is zero.
fn shares(counts: Vec<f64>) -> Vec<f64> {
    let all: f64 = counts.iter().sum();
    let least = match all > 0.0 {
        true => LEAST.max(0.5 / all).min(0.1),
        false => 1.0,
    };
    let raised: Vec<f64> = counts
        .iter()
        .map(|n| (n / all.max(1.0)).max(least))
        .collect();
    let all: f64 = raised.iter().sum();
    raised.iter().map(|share| share / all).collect()
}

/// `m` of the free columns among the pairs of one rule, and how many matches it has; none where it has no pairs.
fn maximize(
    rule: usize,
    free: &[usize],
    pairs: &Pairs,
    usual: &[Vec<f64>],
    u: &[Vec<f64>],
) -> Option<(Vec<Vec<f64>>, f64)> {
    let patterns: Vec<(&[Option<u8>], f64)> = pairs
        .patterns
        .iter()
        .map(|pattern| (&*pattern.levels, pattern.by_rule[rule] as f64))
        .filter(|(_, n)| *n > 0.0)
        .collect();
    let all: f64 = patterns.iter().map(|(_, n)| n).sum();
    if free.is_empty() || patterns.is_empty() {
        return None;
    }
    let mut m = usual.to_vec();
    let mut share: f64 = 0.3;
    for _ in 0..ROUNDS {
        let mut counts: Vec<Vec<f64>> = m.iter().map(|m| vec![0.0; m.len()]).collect();
        let mut matches = 0.0;
        for (levels, n) in &patterns {
            let known = free
                .iter()
                .filter_map(|&c| Some((c, usize::from(levels[c]?))));
            let evidence: f64 = known.clone().map(|(c, l)| (m[c][l] / u[c][l]).ln()).sum();
            let expected = n * probability((share / (1.0 - share)).ln() + evidence);
            matches += expected;
            known.for_each(|(c, l)| counts[c][l] += expected);
        }
        let next_share = (matches / all).clamp(1e-9, 1.0 - 1e-9);
        let mut moved = (next_share - share).abs();
        share = next_share;
        for &c in free {
            let next = match counts[c].iter().sum::<f64>() > 0.0 {
                true => shares(std::mem::take(&mut counts[c])),
                false => m[c].clone(),
            };
            let steps = next.iter().zip(&m[c]).map(|(a, b)| (a - b).abs());
            moved = steps.fold(moved, f64::max);
            m[c] = next;
        }
        if moved < STILL {
            break;
        }
    }
    Some((m, share * all))
}
