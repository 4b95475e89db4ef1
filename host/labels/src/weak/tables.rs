//! Expectation and maximization of the label model.

use super::{ABSTAIN, FunctionQuality, Votes};
use crate::distribution::exponentiate;

/// How often a vote is right, before anything is known.
const START: f64 = 0.7;
/// As how many rows of each class the start counts.
const PRIOR_ROWS: f64 = 1.0;
/// No probability of the start is less.
const LEAST: f64 = 1e-4;

/// How functions vote for each true class, and the two steps that estimate it.
pub(super) struct Tables {
    classes: usize,
    pub balance: Vec<f64>,
    /// By function, then by vote (abstention last), then by true class.
    tables: Vec<f64>,
    start: Vec<f64>,
}

impl Tables {
    /// Each class of a function's votes is right with the same probability, and wrong ones are spread evenly.
    pub fn start(votes: &Votes, balance: Vec<f64>, patterns: &[(&[u16], f64)]) -> Self {
        let (functions, classes) = (votes.functions().len(), votes.classes().len());
        let rows = votes.rows() as f64;
        let mut frequency = vec![0.0; functions * classes];
        for (pattern, count) in patterns {
            for (function, vote) in pattern.iter().enumerate().filter(|(_, v)| **v != ABSTAIN) {
                frequency[function * classes + usize::from(*vote)] += count / rows;
            }
        }
        let mut start = Vec::with_capacity(functions * (classes + 1) * classes);
        for frequency in frequency.chunks(classes) {
            let mut table = vec![0.0; (classes + 1) * classes];
            for truth in 0..classes {
                let mut voted = 0.0;
                for vote in 0..classes {
                    let right = if vote == truth {
                        START
                    } else {
                        (1.0 - START) / (classes - 1) as f64
                    };
                    let p = (frequency[vote] * right / balance[truth].max(LEAST)).max(LEAST);
                    table[vote * classes + truth] = p;
                    voted += p;
                }
                table[classes * classes + truth] = (1.0 - voted).max(LEAST);
                let sum = voted + table[classes * classes + truth];
                (0..=classes).for_each(|vote| table[vote * classes + truth] /= sum);
            }
            start.extend(table);
        }
        Self {
            classes,
            balance,
            tables: start.clone(),
            start,
        }
    }

    fn place(&self, function: usize, vote: u16) -> usize {
        let vote = if vote == ABSTAIN {
            self.classes
        } else {
            usize::from(vote)
        };
        (function * (self.classes + 1) + vote) * self.classes
    }

    /// The classes of the rows, from the tables; returns by how much they changed, summed over the rows.
    pub fn expect(&self, patterns: &[(&[u16], f64)], posteriors: &mut [Vec<f64>]) -> f64 {
        let logs: Vec<f64> = self.tables.iter().map(|p| p.ln()).collect();
        let balance: Vec<f64> = self.balance.iter().map(|p| p.ln()).collect();
        let mut change = 0.0;
        for ((pattern, count), posterior) in patterns.iter().zip(posteriors) {
            let mut next = balance.clone();
            for (function, vote) in pattern.iter().enumerate() {
                let place = self.place(function, *vote);
                for (sum, log) in next.iter_mut().zip(&logs[place..place + self.classes]) {
                    *sum += log;
                }
            }
            exponentiate(&mut next);
            let moved = next
                .iter()
                .zip(posterior.iter())
                .map(|(a, b)| (a - b).abs());
            change += count * moved.fold(0.0, f64::max);
            *posterior = next;
        }
        change
    }

    /// The tables, from the classes of the rows.
    pub fn maximize(
        &mut self,
        patterns: &[(&[u16], f64)],
        posteriors: &[Vec<f64>],
        estimate_balance: bool,
    ) {
        let classes = self.classes;
        let mut totals = vec![0.0; classes];
        let mut tables: Vec<f64> = self.start.iter().map(|p| p * PRIOR_ROWS).collect();
        for ((pattern, count), posterior) in patterns.iter().zip(posteriors) {
            for (total, p) in totals.iter_mut().zip(posterior) {
                *total += count * p;
            }
            for (function, vote) in pattern.iter().enumerate() {
                let place = self.place(function, *vote);
                for (sum, p) in tables[place..place + classes].iter_mut().zip(posterior) {
                    *sum += count * p;
                }
            }
        }
        for row in tables.chunks_mut(classes) {
            for (sum, total) in row.iter_mut().zip(&totals) {
                *sum /= total + PRIOR_ROWS;
            }
        }
        self.tables = tables;
        if estimate_balance {
            let rows: f64 = totals.iter().map(|total| total + PRIOR_ROWS).sum();
            for (share, total) in self.balance.iter_mut().zip(&totals) {
                *share = (total + PRIOR_ROWS) / rows;
            }
        }
    }

    pub fn qualities(&self, votes: &Votes) -> Vec<FunctionQuality> {
        let classes = self.classes;
        let tables = self.tables.chunks((classes + 1) * classes);
        votes
            .functions()
            .iter()
            .zip(tables)
            .map(|(function, table)| {
                let p = |truth: usize, vote: usize| table[vote * classes + truth];
                let weighed = |of: &dyn Fn(usize) -> f64| -> f64 {
                    (0..classes)
                        .map(|truth| self.balance[truth] * of(truth))
                        .sum()
                };
                let right = weighed(&|truth| p(truth, truth));
                let voted = weighed(&|truth| (0..classes).map(|vote| p(truth, vote)).sum());
                FunctionQuality {
                    function: function.clone(),
                    accuracy: right / voted,
                    table: (0..classes)
                        .map(|truth| (0..=classes).map(|vote| p(truth, vote)).collect())
                        .collect(),
                }
            })
            .collect()
    }
}
