//! The report of a job, for people.

use std::collections::BTreeMap;

use steward_data::Report;

use super::duplicates;
use crate::output::{sheet, short, size, table};

/// Everything on one screen, as far as the data allow.
pub fn text(report: &Report) -> String {
    let rows = report.rows;
    let mut text = String::new();
    if !report.steps.is_empty() {
        text = steps(report);
        text.push_str("\n\n");
    }
    let share = |n: u64| match rows.read {
        0 => n.to_string(),
        read => format!("{n}  ({:.1} %)", n as f64 * 100.0 / read as f64),
    };
    text.push_str(&sheet([
        ("rows read", rows.read.to_string()),
        ("kept", share(rows.kept)),
        ("changed", share(rows.changed)),
        ("dropped", share(rows.dropped)),
        ("rejected", share(rows.rejected)),
        (
            "time",
            format!(
                "{:.2} s, {:.0} rows/s",
                report.seconds, report.rows_per_second
            ),
        ),
        (
            "output",
            format!(
                "{} ({}, {})",
                report.output.path.display(),
                size(report.output.bytes),
                short(&report.output.digest.to_string())
            ),
        ),
    ]));
    if let Some(found) = &report.duplicates {
        text.push('\n');
        text.push_str(&duplicates::text(&serde_json::json!(found)));
        text.push('\n');
    }
    for (name, counts) in [
        ("DROPPED BY RULE", &report.dropped),
        ("REJECTED BY REASON", &report.rejected),
        ("CHANGED BY RULE", &report.changes),
        ("FINDINGS BY ENTITY", &report.findings),
        ("LABELS", &report.labels),
    ] {
        if !counts.is_empty() {
            text.push('\n');
            text.push_str(&ranked(name, counts));
            text.push('\n');
        }
    }
    text
}

/// What ran.
fn steps(report: &Report) -> String {
    table(
        ["STEP", "USES", "DIGEST"],
        report
            .steps
            .iter()
            .map(|s| [s.step.clone(), s.uses.clone(), short(&s.digest.to_string())]),
    )
}

/// Largest first; equal counts by name.
fn ranked(name: &str, counts: &BTreeMap<String, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    table(
        [name, "COUNT"],
        counts
            .into_iter()
            .map(|(name, n)| [name.clone(), n.to_string()]),
    )
}
