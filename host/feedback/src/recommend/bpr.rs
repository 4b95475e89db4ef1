//! Bayesian personalized ranking: what somebody has is worth more to them than what they do not have.

use super::{Factors, Interactions, Model, check_factors, dot};
use crate::FeedbackError;
use crate::random::Random;

/// Bayesian personalized ranking, by stochastic gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bpr {
    /// Numbers of a vector, beside the one that says how much everybody likes an item.
    pub factors: u32,
    /// How far a step goes.
    pub learning_rate: f64,
    /// How much large numbers are held back.
    pub regularization: f64,
    /// As many steps as there are interactions are one iteration.
    pub iterations: u32,
    /// Of the numbers with which it begins, and of what is drawn.
    pub seed: u64,
}

impl Default for Bpr {
    fn default() -> Self {
        Self {
            factors: 100,
            learning_rate: 0.01,
            regularization: 0.01,
            iterations: 100,
            seed: 0,
        }
    }
}

impl Bpr {
    pub(super) fn fit(&self, interactions: &Interactions) -> Result<Model, FeedbackError> {
        check_factors(self.factors, self.iterations, self.regularization)?;
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return Err(FeedbackError::invalid("`learning_rate` is above 0"));
        }
        let bias = self.factors as usize;
        let mut random = Random::new(self.seed);
        let mut value = || (random.unit() - 0.5) / f64::from(self.factors);
        let mut items = Factors::filled(interactions.items().len(), bias + 1, &mut value);
        let mut users = Factors::filled(interactions.users().len(), bias + 1, &mut value);
        for user in 0..users.rows {
            if let Some(last) = users.row_mut(user).last_mut() {
                *last = 1.0;
            }
        }
        let pairs: Vec<(usize, usize)> = interactions
            .by_user()
            .iter()
            .enumerate()
            .flat_map(|(user, row)| row.iter().map(move |(item, _)| (user, *item)))
            .collect();
        for _ in 0..self.iterations {
            for _ in 0..pairs.len() {
                let (user, liked) = pairs[random.below(pairs.len())];
                // Drawn as often as it is liked by others.
                let (_, disliked) = pairs[random.below(pairs.len())];
                let has = interactions.by_user().get(user).is_some_and(|row| {
                    row.binary_search_by_key(&disliked, |(item, _)| *item)
                        .is_ok()
                });
                if !has {
                    self.step(users.row_mut(user), &mut items, liked, disliked);
                }
            }
        }
        Ok(Model::Factors { users, items })
    }

    /// One step up the likelihood that the one item is liked more than the other.
    fn step(&self, user: &mut [f64], items: &mut Factors, liked: usize, disliked: usize) {
        let score = dot(user, items.row(liked)) - dot(user, items.row(disliked));
        let pull = 1.0 / (1.0 + score.exp());
        let (rate, held) = (self.learning_rate, self.regularization);
        let bias = user.len() - 1;
        let (liked, disliked) = (liked * items.width, disliked * items.width);
        for (j, u) in user.iter_mut().enumerate() {
            let (like, dislike) = (items.values[liked + j], items.values[disliked + j]);
            // The number of the user that meets the bias of an item is 1 and stays 1.
            let before = *u;
            if j < bias {
                *u += rate * (pull * (like - dislike) - held * before);
            }
            items.values[liked + j] += rate * (pull * before - held * like);
            items.values[disliked + j] += rate * (-pull * before - held * dislike);
        }
    }
}
