//! Tables: CSV with a header.

use std::io::Read;

use csv::{ReaderBuilder, StringRecord};

use super::Limits;
use crate::DuplicatesError;

/// The most columns of a table.
const MOST_COLUMNS: usize = 1000;

/// A table in memory.
#[derive(Debug)]
pub(crate) struct Table {
    /// What it is called in messages.
    what: &'static str,
    pub header: StringRecord,
    pub rows: Vec<StringRecord>,
}

impl Table {
    pub fn read(
        what: &'static str,
        input: &mut dyn Read,
        limits: &Limits,
    ) -> Result<Self, DuplicatesError> {
        let wrong = |why: String| DuplicatesError::Invalid(format!("{what}: {why}"));
        // One byte more tells a table that is cut from one that ends there.
        let mut input = input.take(limits.bytes + 1);
        let mut reader = ReaderBuilder::new().from_reader(&mut input);
        let read = |e: csv::Error| wrong(format!("{e}; it must be CSV in UTF-8 with a header"));
        let mut header = reader.headers().map_err(read)?.clone();
        if let Some(first) = header.get(0).and_then(|name| name.strip_prefix('\u{FEFF}')) {
            let rest = header.iter().skip(1).map(str::to_owned);
            header = std::iter::once(first.to_owned()).chain(rest).collect();
        }
        if header.is_empty() || header.len() > MOST_COLUMNS {
            return Err(wrong(format!(
                "it must have 1 to {MOST_COLUMNS} columns, named in its first line"
            )));
        }
        for (at, name) in header.iter().enumerate() {
            if header.iter().take(at).any(|before| before == name) {
                return Err(wrong(format!("the header names `{name}` twice")));
            }
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            rows.push(record.map_err(read)?);
            if rows.len() > limits.rows {
                return Err(wrong(format!("more than {} rows", limits.rows)));
            }
        }
        drop(reader);
        if input.limit() == 0 {
            return Err(wrong(format!("more than {} bytes", limits.bytes)));
        }
        Ok(Self { what, header, rows })
    }

    /// Where a column is.
    pub fn column(&self, name: &str) -> Result<usize, DuplicatesError> {
        let at = self.header.iter().position(|column| column == name);
        at.ok_or_else(|| {
            let there: Vec<&str> = self.header.iter().take(20).collect();
            DuplicatesError::Invalid(format!(
                "{} has no column `{name}`; there are {}",
                self.what,
                there.join(", ")
            ))
        })
    }
}
