//! Candidates of several recommenders, ranked anew by what the texts of items mean.

use std::collections::{BTreeMap, BTreeSet};

use crate::shop::History;
use crate::vectors::Vectors;

/// The most neighbours of a new item.
const NEIGHBOURS: usize = 5;

/// How a ranking is made of what recommenders and texts say.
#[derive(Debug)]
pub struct Blend<'a> {
    history: &'a History<'a>,
    vectors: &'a Vectors,
    embedding_weight: f64,
    /// The items that nobody had to do with, each with the others whose texts are nearest to its own.
    new: BTreeMap<usize, Vec<(usize, f64)>>,
}

/// An item that is recommended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The item.
    pub item: usize,
    /// From 0 to 1, for the candidates of one customer.
    pub score: f64,
    /// The item of the customer whose text is nearest to it.
    pub because: Option<usize>,
}

/// What a recommender gave for a customer: items with their scores, on a scale of its own.
pub type Candidates = Vec<(usize, f64)>;

impl<'a> Blend<'a> {
    /// Of what customers did and what the texts of items mean. `embedding_weight` is how much the texts count, 0 to 1; the
    /// rest is what the recommenders say.
    pub fn new(history: &'a History<'a>, vectors: &'a Vectors, embedding_weight: f64) -> Self {
        let customers = history.customers_of_items();
        let is_new = |item: usize| customers.get(item).is_some_and(|count| *count == 0);
        let new = (0..customers.len()).filter(|item| is_new(*item));
        let near = |item| vectors.nearest(item, |other| !is_new(other), NEIGHBOURS);
        Self {
            history,
            vectors,
            embedding_weight,
            new: new.map(|item| (item, near(item))).collect(),
        }
    }

    /// The best items for a customer, best first. To the candidates come the items that nobody had to do with yet: what a
    /// recommender would say of them is taken from the items whose texts are nearest.
    pub fn rank(&self, customer: usize, candidates: &[Candidates], most: usize) -> Vec<Ranked> {
        let had: Vec<(usize, f64)> = self.history.of(customer).collect();
        let said = merged(candidates);
        let items: BTreeSet<usize> = said
            .keys()
            .chain(self.new.keys())
            .copied()
            .filter(|item| *item < self.history.shop().items().len())
            .filter(|item| !self.history.has(customer, *item))
            .collect();
        let of = |item: usize| match self.history.has(customer, item) {
            true => 1.0,
            false => said.get(&item).copied().unwrap_or(0.0),
        };
        let by_recommenders = |item: usize| match self.new.get(&item) {
            None => of(item),
            Some(near) => {
                let near = near.iter();
                weighted(near.map(|(other, cosine)| (of(*other), cosine.max(0.0))))
            }
        };
        let by_texts = |item: usize| {
            let had = had.iter();
            weighted(had.map(|(own, value)| (self.vectors.cosine(*own, item), *value)))
        };
        let texts = scaled(items.iter().map(|item| (*item, by_texts(*item))).collect());
        let mut ranked: Vec<Ranked> = texts
            .into_iter()
            .map(|(item, nearness)| Ranked {
                item,
                score: (1.0 - self.embedding_weight) * by_recommenders(item)
                    + self.embedding_weight * nearness,
                because: nearest_own(&had, item, self.vectors),
            })
            .collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)));
        ranked.truncate(most);
        ranked
    }
}

fn nearest_own(had: &[(usize, f64)], item: usize, vectors: &Vectors) -> Option<usize> {
    let nearer = |a: &&(usize, f64), b: &&(usize, f64)| {
        let (a, b) = (vectors.cosine(a.0, item), vectors.cosine(b.0, item));
        a.total_cmp(&b)
    };
    had.iter().max_by(nearer).map(|(own, _)| *own)
}

/// The mean of values with their weights; 0 where nothing weighs.
fn weighted(values: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (sum, weight) = values.fold((0.0, 0.0), |(sum, all), (value, weight)| {
        (sum + value * weight, all + weight)
    });
    match weight > 0.0 {
        true => sum / weight,
        false => 0.0,
    }
}

/// Scores from 0 (the least) to 1 (the most); 1 where all are the same.
fn scaled(scores: Vec<(usize, f64)>) -> Vec<(usize, f64)> {
    let least = scores.iter().map(|(_, s)| *s).fold(f64::INFINITY, f64::min);
    let most = scores
        .iter()
        .map(|(_, s)| *s)
        .fold(f64::NEG_INFINITY, f64::max);
    let range = most - least;
    let one = |(item, score): (usize, f64)| match range > 0.0 {
        true => (item, (score - least) / range),
        false => (item, 1.0),
    };
    scores.into_iter().map(one).collect()
}

/// The mean of what the recommenders say of each item, each on the scale from 0 to 1; 0 where one does not name it.
fn merged(candidates: &[Candidates]) -> BTreeMap<usize, f64> {
    let share = 1.0 / candidates.len().max(1) as f64;
    let mut said = BTreeMap::new();
    for list in candidates {
        for (item, score) in scaled(list.clone()) {
            *said.entry(item).or_insert(0.0) += share * score;
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::Shop;

    /// Five items; the first two are of one kind, the next two of another, and the last, which is new, is of the second.
    fn shop() -> (Shop, Vectors) {
        let mut shop = Shop::default();
        for id in ["a", "b", "c", "d", "e"] {
            let text = serde_json::json!({ "en": id, "zh": id });
            let item =
                serde_json::json!({ "id": id, "category": "", "title": text, "about": text });
            shop.take("x.listed", id, 0, item.to_string().as_bytes());
        }
        for (customer, item) in [
            ("one", "a"),
            ("two", "c"),
            ("two", "b"),
            ("three", "d"),
            ("three", "b"),
        ] {
            let data = serde_json::json!({ "customer": customer }).to_string();
            shop.take("x.viewed", item, 0, data.as_bytes());
        }
        let vectors = [
            [1.0, 0.0],
            [0.8, 0.6],
            [0.0, 1.0],
            [0.1, 0.99],
            [0.05, 0.995],
        ];
        let vectors = Vectors::new(vectors.iter().map(|v| v.to_vec()).collect(), 5).unwrap();
        (shop.settled(), vectors)
    }

    fn order(ranked: &[Ranked]) -> Vec<usize> {
        ranked.iter().map(|ranked| ranked.item).collect()
    }

    #[test]
    fn recommenders_and_texts_each_have_their_weight() {
        let (shop, vectors) = shop();
        let history = shop.history();
        let one = shop.customer("one").unwrap();
        // One recommender says `c` before `d`, on whatever scale; the texts say that `b` is nearest to `a`.
        let candidates = [vec![(2, 900.0), (3, 800.0), (1, 100.0)]];
        let rank = |embedding_weight| {
            order(&Blend::new(&history, &vectors, embedding_weight).rank(one, &candidates, 10))
        };
        assert_eq!(rank(0.0)[..1], [2]);
        assert_eq!(rank(1.0)[..1], [1]);
        // What a customer has is not recommended, even where a recommender names it.
        let own = [vec![(0, 1.0), (1, 0.5)]];
        let ranked = Blend::new(&history, &vectors, 0.5).rank(one, &own, 10);
        assert!(!order(&ranked).contains(&0));
        assert!(
            ranked
                .iter()
                .all(|ranked| ranked.because == Some(0) && (0.0..=1.0).contains(&ranked.score))
        );
    }

    #[test]
    fn a_new_item_stands_where_its_neighbours_stand() {
        let (shop, vectors) = shop();
        let history = shop.history();
        let [one, two] = ["one", "two"].map(|name| shop.customer(name).unwrap());
        let blend = Blend::new(&history, &vectors, 0.3);
        // Whoever has `c` gets `e`, which is like it and which no recommender can name.
        let ranked = blend.rank(two, &[vec![(3, 1.0), (0, 0.1)]], 10);
        assert_eq!(order(&ranked)[..2], [3, 4]);
        assert_eq!(ranked[1].because, Some(2));
        // Whom recommenders send to the first kind gets it last.
        let ranked = blend.rank(one, &[vec![(1, 1.0), (2, 0.2), (3, 0.1)]], 10);
        assert_eq!(order(&ranked)[0], 1);
        assert!(ranked[0].score > 2.0 * ranked.iter().find(|r| r.item == 4).unwrap().score);
        // Nothing is known: the new items alone are left.
        assert_eq!(order(&blend.rank(99, &[], 10)), [4]);
    }
}
