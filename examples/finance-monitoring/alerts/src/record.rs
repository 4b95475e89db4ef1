//! What is kept of an hour, as the event `com.example.finance.hour` has it: the log is the memory of this plugin.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::detect::{Cell, PAST};
use crate::hours::Hour;

/// More headlines about a company than ever come in an hour: sums of so many fit wherever they are made.
const MAX_COUNT: u32 = 1_000_000;

/// One headline that is told with an alert: the text, and its tone.
pub type Told = (String, f64);

/// One company in one hour.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Count {
    /// How many headlines.
    pub count: u32,
    /// The sum of their tones.
    pub tone: f64,
    /// The headlines that stand out most.
    #[serde(default)]
    pub top: Vec<Told>,
}

/// One hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which.
    pub hour: Hour,
    /// Companies that have headlines.
    pub companies: BTreeMap<String, Count>,
    /// Fingerprints of what was counted: the same text is not counted again within a day.
    #[serde(default)]
    pub seen: Vec<String>,
    /// Out of the ordinary in this hour, as `COMPANY/KIND/DIRECTION`.
    #[serde(default)]
    pub unusual: BTreeSet<String>,
    /// How many headlines came after their hour was closed, and were not counted.
    #[serde(default)]
    pub late: u64,
    /// The highest number in the log of what was looked at: what comes behind it for an hour before this one is late.
    #[serde(default)]
    pub seq: u64,
}

/// The hours that were closed, up to [`PAST`] of them.
#[derive(Debug, Clone, Default)]
pub struct History {
    hours: BTreeMap<Hour, Record>,
}

impl History {
    /// Puts an hour in; of two records of the same hour the first counts, as the first event does in the log.
    pub fn put(&mut self, record: Record) {
        self.hours.entry(record.hour).or_insert(record);
        while let (Some(first), Some(last)) = (self.hours.keys().next().copied(), self.last()) {
            if last.number() - first.number() < PAST as i64 {
                break;
            }
            self.hours.remove(&first);
        }
    }

    /// Forgets this hour and those behind it.
    pub fn until(&mut self, hour: Hour) {
        self.hours.retain(|known, _| *known < hour);
    }

    /// The last hour that was closed.
    pub fn last(&self) -> Option<Hour> {
        self.hours.keys().next_back().copied()
    }

    /// The highest number in the log of what was looked at.
    pub fn seq(&self) -> u64 {
        self.hours
            .values()
            .map(|record| record.seq)
            .max()
            .unwrap_or(0)
    }

    /// The hours from one on, in order.
    pub fn since(&self, hour: Hour) -> impl Iterator<Item = &Record> {
        self.hours.range(hour..).map(|(_, record)| record)
    }

    /// The first hour, and a company's cells from there on; none for hours without a record.
    pub fn series(&self, company: &str) -> Option<(i64, Vec<Option<Cell>>)> {
        let (first, last) = (self.hours.keys().next()?.number(), self.last()?.number());
        let cell = |number: i64| {
            let record = self.hours.get(&Hour::new(number)?)?;
            Some(
                record
                    .companies
                    .get(company)
                    .map_or_else(Cell::default, sound),
            )
        };
        Some((first, (first..=last).map(cell).collect()))
    }
}

/// A log may hold anything: a sum of tones is none beyond the number of headlines.
fn sound(count: &Count) -> Cell {
    let (number, most) = (
        count.count.min(MAX_COUNT),
        f64::from(count.count.min(MAX_COUNT)),
    );
    let tone = if count.tone.is_finite() {
        count.tone.clamp(-most, most)
    } else {
        0.0
    };
    Cell {
        count: number,
        tone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(hour: i64, count: u32) -> Record {
        let company = Count {
            count,
            tone: 1e300,
            top: vec![],
        };
        Record {
            hour: Hour::new(hour).unwrap(),
            companies: BTreeMap::from([("a".to_owned(), company)]),
            seen: vec![],
            unusual: BTreeSet::new(),
            late: 0,
            seq: 0,
        }
    }

    #[test]
    fn a_series_has_gaps_where_nothing_was_recorded_and_holds_no_more_than_four_weeks() {
        let mut history = History::default();
        for hour in [10, 11, 13] {
            history.put(record(hour, 2));
        }
        history.put(record(13, 99));
        let (first, cells) = history.series("a").unwrap();
        let cell = Some(Cell {
            count: 2,
            tone: 2.0,
        });
        assert_eq!((first, &cells[..]), (10, &[cell, cell, None, cell][..]));
        assert_eq!(history.series("b").unwrap().1[0], Some(Cell::default()));
        history.until(Hour::new(13).unwrap());
        assert_eq!(history.last(), Hour::new(11));
        history.put(record(5000, 1));
        assert_eq!(history.series("a").unwrap().1.len(), 1);
    }
}
