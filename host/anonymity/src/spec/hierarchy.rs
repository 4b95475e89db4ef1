//! How the values of a column become coarser.

use serde::{Deserialize, Serialize};

fn star() -> char {
    '*'
}

fn semicolon() -> char {
    ';'
}

/// Where a hierarchy comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum HierarchySpec {
    /// A CSV file without a header, `value;level 1;level 2;…` in each line, as ARX writes it.
    File {
        /// What the file is called; whoever runs the job knows where it lies.
        file: String,
        /// What stands between its cells.
        #[serde(default = "semicolon")]
        delimiter: char,
    },
    /// The same rows, here.
    Rows {
        /// `[value, level 1, level 2, …]` for each value.
        rows: Vec<Vec<String>>,
    },
    /// Values stay as they are.
    Keep,
    /// Numbers become intervals.
    Intervals(IntervalSpec),
    /// Dates lose the day, the month and so on.
    Date {
        /// One level for each, from fine to coarse.
        units: Vec<DateUnit>,
    },
    /// Characters are hidden from one end, as of ZIP codes.
    Mask(MaskSpec),
}

/// Intervals `[from, to)` of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntervalSpec {
    /// The width on each level, each a whole multiple of the one before.
    pub widths: Vec<f64>,
    /// Where one of the intervals begins.
    #[serde(default)]
    pub origin: f64,
    /// All numbers below become one label, because the very young are rare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottom: Option<f64>,
    /// All numbers from here on become one label, because the very old are rare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<f64>,
}

/// What is left of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateUnit {
    /// `2024-02`
    Month,
    /// `2024-Q1`
    Quarter,
    /// `2024`
    Year,
    /// `2020s`
    Decade,
}

/// Characters hidden from one end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskSpec {
    /// How many characters each level hides; none means 1, 2, 3 and so on up to the longest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Vec<usize>>,
    /// From which end.
    #[serde(default)]
    pub side: Side,
    /// What stands for a hidden character.
    #[serde(default = "star")]
    pub mask: char,
}

/// An end of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The end.
    #[default]
    Right,
    /// The beginning.
    Left,
}
