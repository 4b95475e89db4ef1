//! Recommendations from who did what: by neighbours, by factors, by popularity, and how good they are.
//!
//! The models are those of the library `implicit` (Ben Frederickson), with its formulas: item-item neighbours by cosine,
//! TF-IDF and BM25, alternating least squares for implicit feedback (Hu, Koren, Volinsky, 2008) with conjugate gradients
//! (Takács, Pilászy, Tikk, 2011) or Cholesky's decomposition, and Bayesian personalized ranking (Rendle et al., 2009).

mod als;
mod bpr;
mod evaluate;
mod matrix;
mod neighbours;

pub use als::Als;
pub use bpr::Bpr;
pub use evaluate::{Quality, evaluate};
pub use matrix::Interactions;
pub use neighbours::{ItemKnn, Similarity};

use crate::FeedbackError;

/// What users and items are like, or how items go with each other.
#[derive(Debug, Clone)]
pub enum Model {
    /// What many have is for everybody.
    Popularity(Vec<f64>),
    /// By item: the items that go with it, and how much.
    Neighbours(Vec<Vec<(usize, f64)>>),
    /// Vectors, whose product is what an item is worth to a user.
    Factors {
        /// By user.
        users: Factors,
        /// By item.
        items: Factors,
    },
}

/// A recommender that is yet to learn.
#[derive(Debug, Clone, PartialEq)]
pub enum Recommender {
    /// The items that most users have.
    Popularity,
    /// Items that go with those that the user has.
    ItemKnn(ItemKnn),
    /// Alternating least squares.
    Als(Als),
    /// Bayesian personalized ranking.
    Bpr(Bpr),
}

impl Recommender {
    /// Learns from interactions.
    ///
    /// # Errors
    /// Settings that are none, or a system of equations that has no solution.
    pub fn fit(&self, interactions: &Interactions) -> Result<Model, FeedbackError> {
        match self {
            Self::Popularity => Ok(Model::Popularity(interactions.popularity())),
            Self::ItemKnn(knn) => knn.fit(interactions),
            Self::Als(als) => als.fit(interactions),
            Self::Bpr(bpr) => bpr.fit(interactions),
        }
    }
}

impl Model {
    /// What each item is worth to a user, by item; minus infinity for nothing.
    fn scores(&self, interactions: &Interactions, user: usize) -> Vec<f64> {
        match self {
            Self::Popularity(counts) => counts.clone(),
            Self::Neighbours(similar) => {
                let mut scores = vec![f64::NEG_INFINITY; similar.len()];
                for (item, value) in interactions.of_user(user) {
                    for (other, likeness) in similar.get(item).into_iter().flatten() {
                        if let Some(score) = scores.get_mut(*other) {
                            // Likeness may be below 0 (BM25): minus infinity alone is nothing yet.
                            let before = if score.is_finite() { *score } else { 0.0 };
                            *score = before + likeness * value;
                        }
                    }
                }
                scores
            }
            Self::Factors { users, items } => {
                let user = users.row(user);
                (0..items.rows)
                    .map(|item| dot(user, items.row(item)))
                    .collect()
            }
        }
    }

    /// The best items that the user does not have, with their scores, best first; of equals, the one that came first.
    ///
    /// Fewer than `most` where nothing else is worth anything.
    pub fn recommend(
        &self,
        interactions: &Interactions,
        user: usize,
        most: usize,
    ) -> Vec<(usize, f64)> {
        let mut scores = self.scores(interactions, user);
        for (item, _) in interactions.of_user(user) {
            if let Some(score) = scores.get_mut(item) {
                *score = f64::NEG_INFINITY;
            }
        }
        let mut ranked: Vec<(usize, f64)> = scores
            .into_iter()
            .enumerate()
            .filter(|(_, score)| score.is_finite())
            .collect();
        let better = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if most < ranked.len() && most > 0 {
            ranked.select_nth_unstable_by(most - 1, better);
        }
        ranked.truncate(most);
        ranked.sort_by(better);
        ranked
    }
}

/// Vectors of one length, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors {
    rows: usize,
    width: usize,
    values: Vec<f64>,
}

impl Factors {
    fn filled(rows: usize, width: usize, mut value: impl FnMut() -> f64) -> Self {
        Self {
            rows,
            width,
            values: (0..rows * width).map(|_| value()).collect(),
        }
    }

    /// How many vectors there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// A vector; empty where there is none.
    pub fn row(&self, row: usize) -> &[f64] {
        let start = row * self.width;
        self.values
            .get(start..start + self.width)
            .unwrap_or_default()
    }

    fn row_mut(&mut self, row: usize) -> &mut [f64] {
        let start = row * self.width;
        self.values
            .get_mut(start..start + self.width)
            .unwrap_or_default()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Adds `scale` times `x` to `y`.
fn add_scaled(y: &mut [f64], scale: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += scale * x;
    }
}

/// Settings that every model of factors has.
fn check_factors(factors: u32, iterations: u32, regularization: f64) -> Result<(), FeedbackError> {
    if !(1..=1000).contains(&factors) {
        return Err(FeedbackError::invalid(
            "`factors` is a number from 1 to 1000",
        ));
    }
    if !(1..=10_000).contains(&iterations) {
        return Err(FeedbackError::invalid(
            "`iterations` is a number from 1 to 10000",
        ));
    }
    if !(regularization >= 0.0 && regularization.is_finite()) {
        return Err(FeedbackError::invalid("`regularization` is not below 0"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
