//! Which group each row is in.

use std::collections::HashMap;

use crate::PrivacyError;
use crate::bounded::{Key, key_of_row, key_of_texts};
use crate::query::Bins;
use crate::rows::{Rows, Texts};

/// The number of a row that is in no group.
const NONE: u32 = u32::MAX;

/// The groups and the one that each row is in.
pub(crate) struct Groups {
    /// What the groups are called; none where there is one without a name.
    pub(crate) keys: Vec<Vec<String>>,
    of_row: Vec<u32>,
}

impl Groups {
    /// One group of every row that meets the conditions.
    pub(crate) fn one(met: &[bool]) -> Self {
        let of_row = met.iter().map(|met| if *met { 0 } else { NONE }).collect();
        Self {
            keys: vec![Vec::new()],
            of_row,
        }
    }

    /// A group for each bin of a histogram.
    pub(crate) fn bins(
        rows: &Rows,
        met: &[bool],
        column: &str,
        bins: &Bins,
    ) -> Result<Self, PrivacyError> {
        match bins {
            Bins::Keys(keys) => {
                let keys = keys.iter().map(|key| vec![key.clone()]).collect();
                Ok(Self::named(&[rows.texts(column)?], met, keys))
            }
            Bins::Edges(edges) => {
                let values = rows.numbers(column)?;
                let bin = |value: f64| {
                    // The bin after the last edge that is not above the value.
                    let after = edges.partition_point(|edge| *edge <= value);
                    let inside = value.is_finite() && after > 0 && after < edges.len();
                    inside
                        .then(|| after - 1)
                        .and_then(|bin| u32::try_from(bin).ok())
                };
                let of_row = values
                    .iter()
                    .zip(met)
                    .map(|(value, met)| {
                        if *met {
                            bin(*value).unwrap_or(NONE)
                        } else {
                            NONE
                        }
                    })
                    .collect();
                let pairs = edges.iter().zip(edges.iter().skip(1));
                Ok(Self {
                    keys: pairs
                        .map(|(from, to)| vec![format!("[{from}, {to})")])
                        .collect(),
                    of_row,
                })
            }
        }
    }

    /// Groups that the question names.
    pub(crate) fn named(columns: &[&Texts], met: &[bool], keys: Vec<Vec<String>>) -> Self {
        let numbers: HashMap<Key, u32> = keys
            .iter()
            .zip(0..)
            .filter_map(|(texts, number)| Some((key_of_texts(columns, texts)?, number)))
            .collect();
        let number = |row| numbers.get(&key_of_row(columns, row)?).copied();
        Self {
            of_row: numbered(met, number),
            keys,
        }
    }

    /// Every group that a row is in: what they are is not public.
    pub(crate) fn all(columns: &[&Texts], met: &[bool]) -> Self {
        let mut numbers: HashMap<Key, u32> = HashMap::new();
        let mut keys = Vec::new();
        let number = |row| {
            let key = key_of_row(columns, row)?;
            let next = u32::try_from(keys.len()).ok()?;
            Some(*numbers.entry(key).or_insert_with(|| {
                let texts = columns.iter().zip(key);
                keys.push(texts.map(|(c, code)| c.text(code).to_owned()).collect());
                next
            }))
        };
        let of_row = numbered(met, number);
        Self { keys, of_row }
    }

    /// Some of the groups, in this order.
    pub(crate) fn only(&self, chosen: &[u32]) -> Self {
        let new: HashMap<u32, u32> = chosen.iter().copied().zip(0..).collect();
        let renumbered = |old| new.get(old).copied().unwrap_or(NONE);
        Self {
            keys: chosen.iter().map(|old| self.key(*old)).collect(),
            of_row: self.of_row.iter().map(renumbered).collect(),
        }
    }

    fn key(&self, number: u32) -> Vec<String> {
        self.keys.get(number as usize).cloned().unwrap_or_default()
    }

    /// The group of a row.
    pub(crate) fn of(&self, row: usize) -> Option<u32> {
        self.of_row.get(row).copied().filter(|group| *group != NONE)
    }
}

fn numbered(met: &[bool], mut number: impl FnMut(usize) -> Option<u32>) -> Vec<u32> {
    let rows = met.iter().enumerate();
    rows.map(|(row, met)| met.then(|| number(row)).flatten().unwrap_or(NONE))
        .collect()
}
