//! How likely a person is found again in a table.
//!
//! Prosecutor, journalist and marketer risk as in K. El Emam, "Guide to the De-Identification of Personal Health
//! Information", 2013. Suppressed rows show nothing and are in none of the numbers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::classes::Classes;

/// How likely people are found again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Risk {
    /// Rows that are looked at: those that are not suppressed.
    pub rows: u64,
    /// Classes of rows that look alike.
    pub classes: u64,
    /// The share of rows that look like no other.
    pub unique: f64,
    /// The attacker knows that the person is in the table.
    pub prosecutor: Attack,
    /// The attacker looks for anybody of the population.
    pub journalist: Journalist,
    /// The share of rows that an attacker who looks for everybody gets right on average.
    pub marketer: f64,
    /// How many classes there are of each size, from the smallest on.
    pub sizes: Vec<Sizes>,
}

/// One attacker's chances.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attack {
    /// Of the row that is found most easily: one by the size of its class.
    pub highest: f64,
    /// Of all rows.
    pub average: f64,
    /// The share of rows that are found with more than `threshold`.
    pub at_risk: f64,
    /// From where on a row is at risk.
    pub threshold: f64,
}

/// The chances of an attacker who does not know who is in the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Journalist {
    /// One by the number of people of the population who look like the row.
    #[serde(flatten)]
    pub attack: Attack,
    /// Where the number of people comes from.
    pub population: Population,
}

/// Where the number of people who look alike comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Population {
    /// The population was given.
    Given,
    /// No population was given, so the table stands for it and the risk is the prosecutor's: the worst that it can be.
    SameAsTable,
}

/// Classes of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Rows of each class.
    pub size: u32,
    /// Classes.
    pub classes: u64,
}

/// The risk of the classes for which `kept` is true.
pub(crate) fn risk(classes: &Classes, kept: &[bool], threshold: f64) -> Risk {
    let released = || {
        let all = classes.counts.iter().zip(kept).enumerate();
        all.filter(|(_, (count, kept))| **kept && **count > 0)
            .map(|(class, (&count, _))| (class, count))
    };
    let mut sizes: BTreeMap<u32, u64> = BTreeMap::new();
    for (_, count) in released() {
        *sizes.entry(count).or_default() += 1;
    }
    let rows: u64 = sizes
        .iter()
        .map(|(&size, &classes)| u64::from(size) * classes)
        .sum();
    let many: u64 = sizes.values().sum();
    let given = !classes.population.is_empty();
    let people = |class: usize, count| {
        if given {
            classes.population[class]
        } else {
            count
        }
    };
    let prosecutor = attack(released().map(|(_, count)| (count, count)), rows, threshold);
    let attack = attack(
        released().map(|(class, count)| (count, people(class, count))),
        rows,
        threshold,
    );
    Risk {
        rows,
        classes: many,
        unique: of(sizes.get(&1).copied().unwrap_or(0) as f64, rows),
        marketer: attack.average,
        prosecutor,
        journalist: Journalist {
            attack,
            population: if given {
                Population::Given
            } else {
                Population::SameAsTable
            },
        },
        sizes: sizes
            .into_iter()
            .map(|(size, classes)| Sizes { size, classes })
            .collect(),
    }
}

/// Of classes of `(rows, people)`.
fn attack(classes: impl Iterator<Item = (u32, u32)>, rows: u64, threshold: f64) -> Attack {
    let (mut highest, mut sum, mut at_risk) = (0.0, 0.0, 0_u64);
    for (count, people) in classes {
        let risk = 1.0 / f64::from(people.max(1));
        highest = f64::max(highest, risk);
        sum += f64::from(count) * risk;
        if risk > threshold {
            at_risk += u64::from(count);
        }
    }
    Attack {
        highest,
        average: of(sum, rows),
        at_risk: of(at_risk as f64, rows),
        threshold,
    }
}

fn of(part: f64, rows: u64) -> f64 {
    if rows == 0 { 0.0 } else { part / rows as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risk_is_one_by_the_size_of_the_class() {
        let classes = Classes {
            counts: vec![1, 4, 5, 0],
            keys: vec![0, 1, 2, 3],
            ..Classes::default()
        };
        let risk = risk(&classes, &[true, true, true, true], 0.2);
        assert_eq!((risk.rows, risk.classes, risk.unique), (10, 3, 0.1));
        assert_eq!(risk.prosecutor.highest, 1.0);
        assert!((risk.prosecutor.average - 0.3).abs() < 1e-12);
        // 1/5 is the threshold and not above it.
        assert!((risk.prosecutor.at_risk - 0.5).abs() < 1e-12);
        assert_eq!(risk.journalist.attack, risk.prosecutor);
        assert_eq!(risk.journalist.population, Population::SameAsTable);
        assert_eq!(
            risk.sizes[0],
            Sizes {
                size: 1,
                classes: 1
            }
        );
    }

    #[test]
    fn a_population_lowers_the_journalists_risk_and_suppressed_rows_have_none() {
        let classes = Classes {
            counts: vec![1, 4],
            population: vec![1, 40],
            keys: vec![0, 1],
            ..Classes::default()
        };
        let risk = risk(&classes, &[false, true], 0.2);
        assert_eq!(risk.prosecutor.highest, 0.25);
        assert_eq!(risk.journalist.attack.highest, 0.025);
        assert_eq!(risk.marketer, 0.025);
        assert_eq!(risk.journalist.population, Population::Given);
        let nothing = super::risk(&classes, &[false, false], 0.2);
        assert_eq!(
            (nothing.rows, nothing.marketer, nothing.prosecutor.highest),
            (0, 0.0, 0.0)
        );
    }
}
