//! Rows that belong together, and which of them stays.

use rustc_hash::FxHashMap;
use serde::Serialize;

/// A row that another one stands for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Duplicate {
    /// Which row, by the order in which it was pushed, from 0.
    pub row: u32,
    /// The first row of its cluster, whose number names the cluster.
    pub cluster: u32,
    /// The row of the cluster that stays.
    pub kept: u32,
    /// How similar it is to the row that stays. In a cluster that hangs together through others, this can be less than
    /// what was asked for.
    pub similarity: f64,
}

/// Rows that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// Its first row, whose number names it.
    pub cluster: u32,
    /// The row that stays.
    pub kept: u32,
    /// How many rows it has, at least 2.
    pub rows: u32,
}

/// What a search has cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Rows that were compared; rows that hold nothing to compare are not.
    pub rows: u64,
    /// How often a pair was compared, or was known not to be alike, for it shares a band.
    pub compared: u64,
    /// Pairs of them that are similar enough.
    pub similar: u64,
    /// Rows that were not compared with all candidates of a band, for there are thousands of them that are not alike.
    pub cut_short: u64,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Found {
    /// The rows that another one stands for, in order.
    pub duplicates: Vec<Duplicate>,
    /// The clusters, by their first rows.
    pub clusters: Vec<Cluster>,
    /// What it has cost.
    pub work: Work,
}

/// Disjoint sets of rows. The root of a set is its first row, so that it does not depend on the order of the unions.
#[derive(Debug, Default)]
pub(crate) struct Union(Vec<u32>);

impl Union {
    pub fn of(rows: usize) -> Self {
        Self((0..rows).map(|row| row as u32).collect())
    }

    pub fn find(&mut self, mut row: u32) -> u32 {
        // Halves the path as it goes (Tarjan and van Leeuwen 1984).
        while self.0[row as usize] != row {
            let above = self.0[self.0[row as usize] as usize];
            self.0[row as usize] = above;
            row = above;
        }
        row
    }

    /// Makes one set of two; answers its root.
    pub fn unite(&mut self, one: u32, other: u32) -> u32 {
        let (one, other) = (self.find(one), self.find(other));
        let (root, below) = (one.min(other), one.max(other));
        self.0[below as usize] = root;
        root
    }

    /// The sets of more than one row, by their roots. Of each, the row of the highest rank stays, the first of equals.
    pub fn clusters(&mut self, rank: impl Fn(u32) -> f64) -> Vec<Cluster> {
        let worth = |row| match rank(row) {
            rank if rank.is_nan() => f64::NEG_INFINITY,
            rank => rank,
        };
        let mut clusters: FxHashMap<u32, Cluster> = FxHashMap::default();
        for row in 0..self.0.len() as u32 {
            let cluster = self.find(row);
            if cluster == row {
                continue;
            }
            let found = clusters.entry(cluster).or_insert(Cluster {
                cluster,
                kept: cluster,
                rows: 1,
            });
            found.rows += 1;
            if worth(row) > worth(found.kept) {
                found.kept = row;
            }
        }
        let mut clusters: Vec<Cluster> = clusters.into_values().collect();
        clusters.sort_unstable_by_key(|found| found.cluster);
        clusters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_best_of_a_cluster_stays_and_the_first_of_equals() {
        let mut union = Union::of(6);
        union.unite(5, 2);
        union.unite(2, 3);
        union.unite(0, 4);
        let ranks = [f64::NAN, 9.0, 1.0, 7.0, f64::NAN, 7.0];
        let clusters = union.clusters(|row| ranks[row as usize]);
        let found: Vec<_> = clusters
            .iter()
            .map(|c| (c.cluster, c.kept, c.rows))
            .collect();
        assert_eq!(found, [(0, 0, 2), (2, 3, 3)]);
    }

    proptest! {
        #[test]
        fn the_order_of_unions_does_not_count(
            pairs in proptest::collection::vec((0u32..20, 0u32..20), 0..20), seed in any::<usize>()
        ) {
            let of = |pairs: &[(u32, u32)]| {
                let mut union = Union::of(20);
                for &(a, b) in pairs { union.unite(a, b); }
                (0..20).map(|row| union.find(row)).collect::<Vec<_>>()
            };
            let mut turned = pairs.clone();
            turned.rotate_left(if pairs.is_empty() { 0 } else { seed % pairs.len() });
            turned.iter_mut().for_each(|(a, b)| std::mem::swap(a, b));
            prop_assert_eq!(of(&pairs), of(&turned));
        }
    }
}
