//! What a job did.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use steward_registry::Digest;

use crate::DuplicatesReport;
use crate::step::StepAbout;

/// What became of the rows. `read` is the sum of `kept`, `changed`, `dropped` and `rejected`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// Lines that are not blank.
    pub read: u64,
    /// Rows in the output whose text is as it came.
    pub kept: u64,
    /// Rows in the output whose text a step changed.
    pub changed: u64,
    /// Rows that a step left out on purpose.
    pub dropped: u64,
    /// Rows that could not be treated.
    pub rejected: u64,
}

/// Counts of a batch, added up over the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    pub rows: Rows,
    pub dropped: BTreeMap<String, u64>,
    pub rejected: BTreeMap<String, u64>,
    pub changes: BTreeMap<String, u64>,
    pub findings: BTreeMap<String, u64>,
    pub labels: BTreeMap<String, u64>,
}

/// How many names one table of a report holds. Names come from plugins: without a bound a plugin that
/// invents a new rule for every row would make the report as large as the data.
const MAX_NAMES: usize = 1000;
/// What further names are counted under.
const OTHERS: &str = "(others)";

/// Adds to a count.
pub(crate) fn count(table: &mut BTreeMap<String, u64>, name: &str, n: u64) {
    let name = match table.contains_key(name) || table.len() < MAX_NAMES {
        true => name,
        false => OTHERS,
    };
    match table.get_mut(name) {
        Some(count) => *count += n,
        None => {
            table.insert(name.to_owned(), n);
        }
    }
}

impl Tally {
    /// Adds the counts of another batch.
    pub fn add(&mut self, other: &Self) {
        self.rows.read += other.rows.read;
        self.rows.kept += other.rows.kept;
        self.rows.changed += other.rows.changed;
        self.rows.dropped += other.rows.dropped;
        self.rows.rejected += other.rows.rejected;
        for (table, more) in [
            (&mut self.dropped, &other.dropped),
            (&mut self.rejected, &other.rejected),
            (&mut self.changes, &other.changes),
            (&mut self.findings, &other.findings),
            (&mut self.labels, &other.labels),
        ] {
            for (name, n) in more {
                count(table, name, *n);
            }
        }
    }
}

/// What a step cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// How often it was called.
    pub calls: u64,
    /// How many texts it was given.
    pub texts: u64,
    /// How many characters they had.
    pub characters: u64,
    /// How long its calls took, all together, waiting for a turn included.
    pub seconds: f64,
}

/// A file that was read or written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileAbout {
    /// Where it lies; `-` for the standard input.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Digest of its bytes.
    pub digest: Digest,
}

/// What a job did: enough to say later which data, plugins and models an output came from.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What became of the rows.
    pub rows: Rows,
    /// Dropped rows by rule.
    pub dropped: BTreeMap<String, u64>,
    /// Rejected rows by code.
    pub rejected: BTreeMap<String, u64>,
    /// Changes in the rows of the output by rule; one row can have many.
    pub changes: BTreeMap<String, u64>,
    /// Findings in the rows of the output by entity.
    pub findings: BTreeMap<String, u64>,
    /// Rows of the output by label.
    pub labels: BTreeMap<String, u64>,
    /// The steps, in order, with the versions that ran.
    pub steps: Vec<StepAbout>,
    /// What each step cost, in the same order.
    pub costs: Vec<Cost>,
    /// What was found among the rows that the steps left, where duplicates were looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<DuplicatesReport>,
    /// What was read.
    pub input: FileAbout,
    /// What was written.
    pub output: FileAbout,
    /// The rows that could not be treated.
    pub rejects: FileAbout,
    /// The rows that were left out, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_rows: Option<FileAbout>,
    /// Wall time.
    pub seconds: f64,
    /// Rows read per second of wall time.
    pub rows_per_second: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_names_is_bounded() {
        let mut table = BTreeMap::new();
        for i in 0..5000 {
            count(&mut table, &i.to_string(), 2);
        }
        assert_eq!(table.len(), MAX_NAMES + 1);
        assert_eq!(table.values().sum::<u64>(), 10_000);
    }
}
