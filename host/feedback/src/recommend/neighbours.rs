//! Items that go with each other.

use super::{Interactions, Model};
use crate::FeedbackError;

/// How cells of the table weigh before items are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Similarity {
    /// Items scaled to length 1.
    Cosine,
    /// Roots of the values by how rare a user is, scaled to length 1.
    TfIdf,
    /// BM25, with `k1` and `b`.
    Bm25,
}

/// Item-item neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ItemKnn {
    /// How items are compared.
    pub similarity: Similarity,
    /// How many neighbours of each item are kept; itself is one of them.
    pub neighbours: u32,
    /// How soon more of the same counts no more (BM25).
    pub k1: f64,
    /// How much long rows are held back (BM25).
    pub b: f64,
}

impl Default for ItemKnn {
    fn default() -> Self {
        Self {
            similarity: Similarity::Cosine,
            neighbours: 20,
            k1: 1.2,
            b: 0.75,
        }
    }
}

impl ItemKnn {
    /// The neighbours of each item.
    ///
    /// # Errors
    /// Settings that are none.
    pub(super) fn fit(&self, interactions: &Interactions) -> Result<Model, FeedbackError> {
        if !(1..=10_000).contains(&self.neighbours) {
            return Err(FeedbackError::invalid(
                "`neighbours` is a number from 1 to 10000",
            ));
        }
        if !(self.k1 >= 0.0 && self.k1.is_finite() && (0.0..=1.0).contains(&self.b)) {
            return Err(FeedbackError::invalid(
                "`k1` is not below 0, and `b` lies between 0 and 1",
            ));
        }
        let items = self.weighted(interactions);
        let mut by_user: Vec<Vec<(usize, f64)>> = vec![Vec::new(); interactions.users().len()];
        for (item, row) in items.iter().enumerate() {
            for (user, weight) in row {
                by_user[*user].push((item, *weight));
            }
        }
        let mut sums = vec![0.0; items.len()];
        let mut touched = vec![false; items.len()];
        let mut similar = Vec::with_capacity(items.len());
        for row in &items {
            let mut seen = Vec::new();
            for (user, weight) in row {
                for (other, value) in &by_user[*user] {
                    sums[*other] += weight * value;
                    if !touched[*other] {
                        touched[*other] = true;
                        seen.push(*other);
                    }
                }
            }
            let mut near: Vec<(usize, f64)> = Vec::with_capacity(seen.len());
            for other in seen {
                near.push((other, sums[other]));
                sums[other] = 0.0;
                touched[other] = false;
            }
            near.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            near.truncate(self.neighbours as usize);
            similar.push(near);
        }
        Ok(Model::Neighbours(similar))
    }

    /// The users of each item with the weights of the cells. Documents are items, terms are users, as in `implicit`.
    fn weighted(&self, interactions: &Interactions) -> Vec<Vec<(usize, f64)>> {
        let items = interactions.by_item();
        let count = items.len() as f64;
        // By user: how rare it is that an item has them.
        let rarity: Vec<f64> = interactions
            .by_user()
            .iter()
            .map(|row| count.ln() - (row.len() as f64).ln_1p())
            .collect();
        let total: f64 = items.iter().flatten().map(|(_, value)| value).sum();
        let average = total / count.max(1.0);
        items
            .iter()
            .map(|row| {
                let sum: f64 = row.iter().map(|(_, value)| value).sum();
                let held = 1.0 - self.b + self.b * sum / average;
                let weight = |(user, value): &(usize, f64)| {
                    let weight = match self.similarity {
                        Similarity::Cosine => *value,
                        Similarity::TfIdf => value.sqrt() * rarity[*user],
                        Similarity::Bm25 => {
                            value * (self.k1 + 1.0) / (self.k1 * held + value) * rarity[*user]
                        }
                    };
                    (*user, weight)
                };
                let mut weights: Vec<(usize, f64)> = row.iter().map(weight).collect();
                if self.similarity != Similarity::Bm25 {
                    let length: f64 = weights.iter().map(|(_, w)| w * w).sum::<f64>().sqrt();
                    for (_, weight) in &mut weights {
                        // An item all of whose users have everything is like nothing.
                        *weight = if length > 0.0 { *weight / length } else { 0.0 };
                    }
                }
                weights
            })
            .collect()
    }
}
