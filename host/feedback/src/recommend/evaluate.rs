//! How well a model finds what was held back, by the measures of `implicit.evaluation`.

use std::collections::BTreeSet;

use super::{Interactions, Model};
use crate::FeedbackError;

/// How good the first places of a ranking are, over the users of whom something was held back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Those users.
    pub users: usize,
    /// Found, by what could have been found: the places, or what was held back where that is less.
    pub precision: f64,
    /// Found, by what was held back.
    pub recall: f64,
    /// Mean average precision.
    pub map: f64,
    /// Normalized discounted cumulative gain.
    pub ndcg: f64,
}

/// Measures the first `most` places. Items that the training does not know count as not found.
///
/// # Errors
/// Where nothing was held back of anybody whom the training knows, or `most` is 0 or above 10,000.
pub fn evaluate(
    model: &Model,
    train: &Interactions,
    test: &Interactions,
    most: usize,
) -> Result<Quality, FeedbackError> {
    if !(1..=10_000).contains(&most) {
        return Err(FeedbackError::invalid("`most` is a number from 1 to 10000"));
    }
    let gains: Vec<f64> = (0..most)
        .map(|place| 1.0 / (place as f64 + 2.0).log2())
        .collect();
    let mut best = Vec::with_capacity(most);
    for gain in &gains {
        best.push(best.last().copied().unwrap_or(0.0) + gain);
    }
    let (mut users, mut found, mut possible, mut held_back) = (0usize, 0.0, 0.0, 0.0);
    let (mut recall_sum, mut map, mut ndcg) = (0.0, 0.0, 0.0);
    for (place, name) in test.users().iter().enumerate() {
        let Some(user) = train.user(name) else {
            continue;
        };
        let mut unknown = 0usize;
        let mut likes = BTreeSet::new();
        for (item, _) in test.of_user(place) {
            match test.items().get(item).and_then(|name| train.item(name)) {
                Some(item) => drop(likes.insert(item)),
                None => unknown += 1,
            }
        }
        let wanted = likes.len() + unknown;
        let reachable = wanted.min(most);
        let (mut hits, mut precision, mut gained) = (0.0, 0.0, 0.0);
        for (place, (item, _)) in model.recommend(train, user, most).iter().enumerate() {
            if likes.contains(item) {
                hits += 1.0;
                precision += hits / (place as f64 + 1.0);
                gained += gains[place];
            }
        }
        users += 1;
        found += hits;
        possible += reachable as f64;
        held_back += wanted as f64;
        recall_sum += hits / wanted as f64;
        map += precision / reachable as f64;
        ndcg += gained / best[reachable - 1];
    }
    if users == 0 || held_back == 0.0 {
        return Err(FeedbackError::invalid(
            "nothing was held back of anybody who is in the training; hold back some interactions of users who have others",
        ));
    }
    let users_f = users as f64;
    Ok(Quality {
        users,
        precision: found / possible,
        recall: recall_sum / users_f,
        map: map / users_f,
        ndcg: ndcg / users_f,
    })
}
