//! How good rankings are, by the one item of each customer that they should hold.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::cold::popular;
use crate::shop::{History, Shop};
use crate::vectors::Vectors;

/// The places of a ranking that count.
pub const PLACES: usize = 10;
/// The neighbours of an item that are looked at.
const NEIGHBOURS: usize = 5;

/// The quality of the first [`PLACES`] places of rankings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Customers whose item was looked for.
    pub customers: usize,
    /// Normalized discounted cumulative gain: 1 / log2(place + 1) for the item, 0 where it is not there; the mean.
    pub ndcg: f64,
    /// The share of customers whose item is there.
    pub recall: f64,
    /// The share of the catalogue that is recommended to anybody.
    pub coverage: f64,
}

/// Measures one ranking for each customer of whom there is an item to be found; a customer without one counts as not found.
pub fn quality(
    rankings: &BTreeMap<usize, Vec<usize>>,
    wanted: &BTreeMap<usize, usize>,
    items: usize,
) -> Quality {
    let (mut ndcg, mut found) = (0.0, 0.0);
    let mut shown = BTreeSet::new();
    for (customer, own) in wanted {
        let ranking = rankings.get(customer).into_iter().flatten().take(PLACES);
        for (place, item) in ranking.enumerate() {
            shown.insert(*item);
            if item == own {
                found += 1.0;
                ndcg += 1.0 / (place as f64 + 2.0).log2();
            }
        }
    }
    let customers = wanted.len();
    let of = |sum: f64, all: usize| match all {
        0 => 0.0,
        all => sum / all as f64,
    };
    Quality {
        customers,
        ndcg: of(ndcg, customers),
        recall: of(found, customers),
        coverage: of(shown.len() as f64, items),
    }
}

/// What a new customer gets, measured on all as they were when they were new: does what is popular with the others hold the
/// item with which they began? In the segment, and with everybody.
pub fn new_customers(history: &History<'_>) -> (Quality, Quality) {
    let shop = history.shop();
    let first = shop.first_items();
    let of = |segment: &dyn Fn(usize) -> String| {
        let rankings = first.keys().map(|customer| {
            let (_, found) = popular(history, &segment(*customer), Some(*customer), PLACES);
            let items = found.into_iter().map(|(item, _)| item).collect();
            (*customer, items)
        });
        quality(&rankings.collect(), &first, shop.items().len())
    };
    (
        of(&|customer| shop.segment(customer).to_owned()),
        of(&|_| String::new()),
    )
}

/// Whether texts find a place for an item of which nothing else is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NewItems {
    /// Of the five items whose texts are nearest to that of an item, the share that is of its category; the mean over all items.
    pub same_category: f64,
    /// The same share where five items are drawn.
    pub by_chance: f64,
}

/// Measures the neighbours of all items.
pub fn new_items(shop: &Shop, vectors: &Vectors) -> NewItems {
    let items = shop.items();
    let same = |a: usize, b: usize| {
        let category = |place: usize| items.get(place).map(|item| item.category.as_str());
        category(a) == category(b)
    };
    let (mut found, mut looked_at, mut chance) = (0.0, 0.0, 0.0);
    for item in 0..items.len() {
        let near = vectors.nearest(item, |_| true, NEIGHBOURS);
        looked_at += near.len() as f64;
        found += near.iter().filter(|(other, _)| same(item, *other)).count() as f64;
        let alike = (0..items.len()).filter(|other| *other != item && same(item, *other));
        chance += alike.count() as f64 / items.len().saturating_sub(1).max(1) as f64;
    }
    let of = |sum: f64, all: f64| if all > 0.0 { sum / all } else { 0.0 };
    NewItems {
        same_category: of(found, looked_at),
        by_chance: of(chance, items.len() as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_less_the_lower_it_is_and_nothing_below_ten() {
        let held_out = BTreeMap::from([(0, 7), (1, 7), (2, 7), (3, 7)]);
        let eleventh: Vec<usize> = (20..30).chain([7]).collect();
        let rankings = BTreeMap::from([(0, vec![7, 8]), (1, vec![8, 9, 7]), (2, eleventh)]);
        let found = quality(&rankings, &held_out, 26);
        // Of the fourth there is no ranking.
        assert_eq!((found.customers, found.recall), (4, 0.5));
        assert!((found.ndcg - (1.0 + 0.5) / 4.0).abs() < 1e-12);
        assert!((found.coverage - 13.0 / 26.0).abs() < 1e-12);
        let nothing = quality(&rankings, &BTreeMap::new(), 0);
        assert_eq!((nothing.ndcg, nothing.coverage), (0.0, 0.0));
    }
}
