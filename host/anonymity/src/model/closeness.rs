//! Earth mover's distances between the sensitive values of a class and of the table.

use std::cell::RefCell;

use crate::hierarchy::Hierarchy;

/// All values equally far apart: half the sum of the differences of the shares.
///
/// Values that the class lacks add their whole share, which is why only those of the class are visited.
pub(crate) fn equal(pairs: &[(u32, u32)], count: u32, shares: &[f64]) -> f64 {
    let total = f64::from(count);
    let sum: f64 = pairs
        .iter()
        .map(|&(value, times)| {
            let share = shares[value as usize];
            (f64::from(times) / total - share).abs() - share
        })
        .sum();
    (1.0 + sum) / 2.0
}

/// Values on a line: what must be carried past each gap, by the number of gaps.
pub(crate) fn ordered(pairs: &[(u32, u32)], count: u32, places: &[u32], shares: &[f64]) -> f64 {
    let values = places.iter().max().map_or(0, |&last| last as usize + 1);
    if values < 2 {
        return 0.0;
    }
    let total = f64::from(count);
    let mut gaps = vec![0.0; values];
    for (value, &place) in places.iter().enumerate() {
        gaps[place as usize] -= shares[value];
    }
    for &(value, times) in pairs {
        gaps[places[value as usize] as usize] += f64::from(times) / total;
    }
    let mut carried: f64 = 0.0;
    let mut work = 0.0;
    for gap in gaps {
        carried += gap;
        work += carried.abs();
    }
    work / (values - 1) as f64
}

/// Values at the leaves of a tree, as far apart as the level on which they meet, by the height.
#[derive(Debug)]
pub(crate) struct Tree {
    /// For each level the node of the next level above each of its nodes; the first level has the sensitive values.
    parents: Vec<Vec<u32>>,
    work: RefCell<Work>,
}

/// Kept between calls: a search asks for the distance of millions of classes.
#[derive(Debug, Default)]
struct Work {
    /// What each node has too much of; below zero, what it lacks.
    extra: Vec<i64>,
    above: Vec<i64>,
    /// What the children of each node have too much of, without what others lack.
    surplus: Vec<i64>,
}

impl Tree {
    /// `codes` are the numbers of the sensitive values in the hierarchy.
    pub fn new(hierarchy: &Hierarchy, codes: &[u32]) -> Self {
        let mut parents = Vec::new();
        let mut labels = codes.to_vec();
        for level in &hierarchy.levels[..hierarchy.height()] {
            let above: Vec<u32> = labels
                .iter()
                .map(|&label| level.up[label as usize])
                .collect();
            // Labels without a value in the data have nothing to carry and get no node.
            let mut nodes = above.clone();
            nodes.sort_unstable();
            nodes.dedup();
            let node = |label: &u32| nodes.partition_point(|node| node < label) as u32;
            parents.push(above.iter().map(node).collect());
            labels = nodes;
        }
        Self {
            parents,
            work: RefCell::default(),
        }
    }

    /// For each inner node what meets there costs its level: the smaller of what its children have too much of and of
    /// what they lack. Counts are multiplied by the other side's total, so that they stay whole numbers.
    pub fn distance(&self, pairs: &[(u32, u32)], count: u32, totals: &[u64]) -> f64 {
        let rows: u64 = totals.iter().sum();
        let mut work = self.work.borrow_mut();
        let Work {
            extra,
            above,
            surplus,
        } = &mut *work;
        extra.clear();
        // Counts are below 2^31, so that products of two fit.
        extra.extend(
            totals
                .iter()
                .map(|&total| -(total as i64) * i64::from(count)),
        );
        for &(value, times) in pairs {
            extra[value as usize] += i64::from(times) * rows as i64;
        }
        let mut cost = 0.0;
        for (level, parents) in self.parents.iter().enumerate() {
            let nodes = parents.iter().max().map_or(0, |&last| last as usize + 1);
            above.clear();
            above.resize(nodes, 0);
            surplus.clear();
            surplus.resize(nodes, 0);
            for (&extra, &parent) in extra.iter().zip(parents) {
                above[parent as usize] += extra;
                surplus[parent as usize] += extra.max(0);
            }
            let met: i64 = surplus
                .iter()
                .zip(&*above)
                .map(|(&has, &sum)| has.min(has - sum))
                .sum();
            cost += met as f64 * (level + 1) as f64;
            std::mem::swap(extra, above);
        }
        cost / self.parents.len().max(1) as f64 / (rows as f64 * f64::from(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::hierarchy::from_rows;

    /// Nine salaries, each once; the class has three of them: the examples of the paper.
    const SHARES: [f64; 9] = [1.0 / 9.0; 9];

    #[test]
    fn ordered_distance_is_that_of_the_paper() {
        let places: Vec<u32> = (0..9).collect();
        let low = ordered(&[(0, 1), (1, 1), (2, 1)], 3, &places, &SHARES);
        let spread = ordered(&[(3, 1), (5, 1), (8, 1)], 3, &places, &SHARES);
        assert!((low - 0.375).abs() < 1e-12, "{low}");
        assert!((spread - 1.0 / 6.0).abs() < 1e-12, "{spread}");
    }

    #[test]
    fn equal_distance_is_half_the_sum_of_differences() {
        let distance = equal(&[(0, 1), (1, 1), (2, 1)], 3, &SHARES);
        assert!((distance - 2.0 / 3.0).abs() < 1e-12, "{distance}");
    }

    #[test]
    fn in_a_tree_values_of_one_branch_are_near() {
        let rows = ["a;x;*", "b;x;*", "c;y;*", "d;y;*"];
        let rows = rows
            .map(|row| row.split(';').map(str::to_owned).collect())
            .to_vec();
        let hierarchy = from_rows("job", rows, &Limits::default()).unwrap();
        let tree = Tree::new(&hierarchy, &[0, 1, 2, 3]);
        // One of each in the table. A class of `a` alone lacks a quarter within its branch and half of it beyond.
        let distance = tree.distance(&[(0, 3)], 3, &[1, 1, 1, 1]);
        assert!((distance - (0.25 * 0.5 + 0.5)).abs() < 1e-12, "{distance}");
        // `a` and `c` differ from all four within the branches only.
        let distance = tree.distance(&[(0, 1), (2, 1)], 2, &[1, 1, 1, 1]);
        assert!((distance - 0.5 * 0.5).abs() < 1e-12, "{distance}");
        assert_eq!(
            tree.distance(&[(0, 1), (1, 1), (2, 1), (3, 1)], 4, &[2, 2, 2, 2]),
            0.0
        );
    }
}
