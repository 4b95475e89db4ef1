//! How large everything may be.

use std::time::Duration;

/// Bounds on what a job reads and how long it searches.
///
/// They belong to who runs the job, not to who wrote it, so they are no part of the [`Spec`](crate::Spec).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest CSV file, in bytes.
    pub file_bytes: u64,
    /// The most rows of a table.
    pub rows: u64,
    /// The most columns of a table.
    pub columns: usize,
    /// The largest cell, in bytes.
    pub cell_bytes: usize,
    /// The largest record, in bytes of its cells.
    pub record_bytes: usize,
    /// The most values of one hierarchy.
    pub hierarchy_values: usize,
    /// The most levels of one hierarchy, the original values included.
    pub hierarchy_levels: usize,
    /// After so many combinations of levels the search ends with the best one so far.
    pub checks: u64,
    /// After so long the search ends with the best combination so far.
    pub time: Duration,
}

impl Default for Limits {
    /// 256 MiB of 4 million rows, cells of 64 KiB, and ten minutes.
    fn default() -> Self {
        Self {
            file_bytes: 256 * 1024 * 1024,
            rows: 4_000_000,
            columns: 1000,
            cell_bytes: 64 * 1024,
            record_bytes: 1024 * 1024,
            hierarchy_values: 200_000,
            hierarchy_levels: 32,
            checks: 10_000_000,
            time: Duration::from_mins(10),
        }
    }
}
