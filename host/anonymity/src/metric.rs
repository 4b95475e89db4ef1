//! Information loss: what it is of one combination of levels, and what it is at least of all coarser ones.

use crate::classes::{Classes, Packing};
use crate::hierarchy::Hierarchy;
use crate::spec::{Aggregate, Metric};

/// A metric with all that it needs of the table.
pub(crate) struct Measure<'h> {
    metric: Metric,
    hierarchies: &'h [Hierarchy],
    weights: Vec<f64>,
    rows: f64,
    /// What a generalized cell counts.
    generalized: f64,
    /// What a suppressed cell counts.
    suppressed: f64,
    /// For each column and level what all rows together lose, suppressed or not, before weights.
    columns: Vec<Vec<f64>>,
}

impl<'h> Measure<'h> {
    /// `counts` says how many rows have each value of each column.
    pub fn new(
        metric: Metric,
        hierarchies: &'h [Hierarchy],
        weights: &[f64],
        counts: &[Vec<u64>],
        rows: usize,
    ) -> Self {
        let weight = metric.suppression_weight();
        let largest = weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let columns = hierarchies
            .iter()
            .zip(counts)
            .map(|(hierarchy, counts)| {
                (0..=hierarchy.height())
                    .map(|level| of_column(&metric, hierarchy, counts, level))
                    .collect()
            })
            .collect();
        Self {
            metric,
            hierarchies,
            weights: weights.iter().map(|weight| weight / largest).collect(),
            rows: rows as f64,
            generalized: if weight > 0.5 {
                2.0 - 2.0 * weight
            } else {
                1.0
            },
            suppressed: if weight < 0.5 { 2.0 * weight } else { 1.0 },
            columns,
        }
    }

    /// The loss of classes on these levels, where `kept` says which are released.
    pub fn loss(
        &self,
        packing: &Packing,
        levels: &[usize],
        classes: &Classes,
        kept: &[bool],
    ) -> f64 {
        let gone = || {
            let lost = kept.iter().zip(&classes.counts).zip(&classes.keys);
            lost.filter(|((kept, _), _)| !**kept)
                .map(|((_, &count), &key)| (key, f64::from(count)))
        };
        let gone_rows: f64 = gone().map(|(_, count)| count).sum();
        let (g, s) = (self.generalized, self.suppressed);
        match &self.metric {
            Metric::Loss { aggregate, .. } => self.aggregate(*aggregate, |column| {
                let hierarchy = &self.hierarchies[column];
                let share = |(key, count)| {
                    count * share(hierarchy, levels[column], packing.get(key, column))
                };
                let of_gone: f64 = gone().map(share).sum();
                let of_kept = self.columns[column][levels[column]] - of_gone;
                self.by_domain(column, g * of_kept + of_gone + s * (gone_rows - of_gone))
            }),
            Metric::NonUniformEntropy {
                aggregate,
                ignore_suppression,
                ..
            } => self.aggregate(*aggregate, |column| {
                let lost = g * self.columns[column][levels[column]];
                if *ignore_suppression || gone_rows == 0.0 {
                    return lost;
                }
                let mut times =
                    vec![0.0; self.hierarchies[column].levels[levels[column]].labels.len()];
                for (key, count) in gone() {
                    times[packing.get(key, column) as usize] += count;
                }
                let bits = times
                    .iter()
                    .filter(|count| **count > 0.0)
                    .map(|count| count * (gone_rows / count).log2());
                lost + s * bits.sum::<f64>()
            }),
            Metric::Precision {
                aggregate,
                ignore_suppression,
                ..
            } => self.aggregate(*aggregate, |column| {
                let level = self.columns[column][levels[column]];
                if *ignore_suppression {
                    return g * level;
                }
                ((self.rows - gone_rows) * level * g + gone_rows * s) / self.rows
            }),
            Metric::Height { aggregate } => {
                self.aggregate(*aggregate, |column| self.columns[column][levels[column]])
            }
            Metric::AverageClassSize { .. } => {
                let released = kept
                    .iter()
                    .zip(&classes.counts)
                    .filter(|(kept, count)| **kept && **count > 0);
                // The weights change sides: here many classes are good, and not many rows in one.
                let classes = released.count() as f64 * s;
                self.rows / (classes + if gone_rows > 0.0 { g } else { 0.0 })
            }
            Metric::Discernibility { ignore_suppression } => classes
                .counts
                .iter()
                .zip(kept)
                .map(|(&count, kept)| {
                    f64::from(count)
                        * if *kept || *ignore_suppression {
                            f64::from(count)
                        } else {
                            self.rows
                        }
                })
                .sum(),
            Metric::Ambiguity => {
                let each = classes.keys.iter().zip(&classes.counts).zip(kept);
                each.map(|((&key, &count), kept)| {
                    f64::from(count) * self.combinations(packing, levels, key, *kept)
                })
                .sum()
            }
        }
    }

    /// No combination of levels that is nowhere finer loses less than this.
    ///
    /// Some metrics say more of the classes than of the levels alone; `classes` are those of these levels.
    pub fn at_least(&self, packing: &Packing, levels: &[usize], classes: Option<&Classes>) -> f64 {
        let (g, s) = (self.generalized, self.suppressed);
        let column = |column: usize| self.columns[column][levels[column]];
        match &self.metric {
            Metric::Loss { aggregate, .. } => {
                self.aggregate(*aggregate, |c| self.by_domain(c, g * column(c)))
            }
            Metric::NonUniformEntropy { aggregate, .. } => {
                self.aggregate(*aggregate, |c| g * column(c))
            }
            Metric::Precision {
                aggregate,
                ignore_suppression,
                ..
            } => self.aggregate(*aggregate, |c| {
                // A suppressed row may count less than a generalized one.
                let level = g * column(c);
                if *ignore_suppression {
                    level
                } else {
                    level.min(s)
                }
            }),
            Metric::Height { aggregate } => self.aggregate(*aggregate, column),
            Metric::AverageClassSize { .. } => classes.map_or(0.0, |classes| {
                let all = classes.counts.iter().filter(|count| **count > 0).count() as f64;
                self.rows / ((all - 1.0) * s + g.max(s))
            }),
            Metric::Discernibility { .. } => classes.map_or(0.0, |classes| {
                classes
                    .counts
                    .iter()
                    .map(|&count| f64::from(count) * f64::from(count))
                    .sum()
            }),
            Metric::Ambiguity => classes.map_or(0.0, |classes| {
                let each = classes.keys.iter().zip(&classes.counts);
                each.map(|(&key, &count)| {
                    f64::from(count) * self.combinations(packing, levels, key, true)
                })
                .sum()
            }),
        }
    }

    /// How much one class alone loses; with it a search chooses among classes of one size.
    pub fn of_class(&self, packing: &Packing, levels: &[usize], key: u128) -> f64 {
        (0..levels.len())
            .map(|column| {
                share(
                    &self.hierarchies[column],
                    levels[column],
                    packing.get(key, column),
                )
            })
            .sum()
    }

    fn aggregate(&self, aggregate: Aggregate, each: impl Fn(usize) -> f64) -> f64 {
        let columns = self.weights.iter().enumerate();
        let many = self.weights.len() as f64;
        match aggregate {
            Aggregate::Sum => columns.map(|(column, weight)| each(column) * weight).sum(),
            Aggregate::ArithmeticMean => {
                columns
                    .map(|(column, weight)| each(column) * weight)
                    .sum::<f64>()
                    / many
            }
            Aggregate::GeometricMean => {
                columns
                    .map(|(column, weight)| ((each(column) + 1.0) * weight).powf(1.0 / many))
                    .product::<f64>()
                    - 1.0
            }
            Aggregate::Maximum => columns
                .map(|(column, weight)| each(column) * weight)
                .fold(0.0, f64::max),
        }
    }

    /// From 0, where every cell shows its value, to 1, where every cell shows the root.
    fn by_domain(&self, column: usize, sum: f64) -> f64 {
        let least = self.generalized * self.rows / self.hierarchies[column].values() as f64;
        let range = self.rows - least;
        // A column of one value cannot lose anything.
        if range > 0.0 {
            ((sum - least) / range).max(0.0)
        } else {
            0.0
        }
    }

    fn combinations(&self, packing: &Packing, levels: &[usize], key: u128, kept: bool) -> f64 {
        let each = self.hierarchies.iter().enumerate();
        each.map(|(column, hierarchy)| {
            if !kept {
                return hierarchy.values() as f64;
            }
            let label = packing.get(key, column) as usize;
            f64::from(hierarchy.levels[levels[column]].sizes[label])
        })
        .product()
    }
}

/// The share of the domain that a label covers.
fn share(hierarchy: &Hierarchy, level: usize, label: u32) -> f64 {
    f64::from(hierarchy.levels[level].sizes[label as usize]) / hierarchy.values() as f64
}

fn of_column(metric: &Metric, hierarchy: &Hierarchy, counts: &[u64], level: usize) -> f64 {
    let mut rows = vec![0_u64; hierarchy.levels[level].labels.len()];
    for (&label, &count) in hierarchy.levels[level].of.iter().zip(counts) {
        rows[label as usize] += count;
    }
    let bits = |count: &u64| {
        if *count == 0 {
            0.0
        } else {
            *count as f64 * (*count as f64).log2()
        }
    };
    match metric {
        Metric::Loss { .. } => {
            let each = (0..).zip(&rows);
            each.map(|(label, &count)| count as f64 * share(hierarchy, level, label))
                .sum()
        }
        Metric::NonUniformEntropy { .. } => {
            (rows.iter().map(bits).sum::<f64>() - counts.iter().map(bits).sum::<f64>()).max(0.0)
        }
        Metric::Precision { .. } => level as f64 / hierarchy.height().max(1) as f64,
        Metric::Height { .. } => level as f64,
        Metric::AverageClassSize { .. } | Metric::Discernibility { .. } | Metric::Ambiguity => 0.0,
    }
}
