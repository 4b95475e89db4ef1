//! Tables: CSV in, columns of codes out.

use std::io::Read;

use csv::{ByteRecord, ErrorKind, ReaderBuilder, Terminator};
use rustc_hash::FxHashMap;

use crate::error::shown;
use crate::{AnonymityError, Limits};

/// A column whose values are numbered in the order in which they first come.
#[derive(Debug, Default)]
pub(crate) struct Column {
    pub name: String,
    /// The number of the value of each row.
    pub codes: Vec<u32>,
    /// The values, by number.
    pub values: Vec<String>,
    /// The line on which each value first comes.
    pub lines: Vec<u64>,
    /// Empty once the table is read.
    numbers: FxHashMap<String, u32>,
}

impl Column {
    fn push(&mut self, value: &str, line: u64) {
        let code = match self.numbers.get(value) {
            Some(&code) => code,
            None => {
                // There are fewer values than rows, and `Limits::rows` is checked against `u32`.
                let code = self.values.len() as u32;
                self.numbers.insert(value.to_owned(), code);
                self.values.push(value.to_owned());
                self.lines.push(line);
                code
            }
        };
        self.codes.push(code);
    }
}

/// A table without the columns that nobody asked for.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub columns: Vec<Column>,
    pub rows: usize,
}

impl Table {
    /// Reads a CSV file with a header. `keep` says of each name of the header whether the column is wanted.
    ///
    /// # Errors
    ///
    /// No header, a name twice, ragged rows, bytes that are not UTF-8, or more than `limits` allow.
    pub fn read(
        file: &str,
        input: impl Read,
        delimiter: u8,
        limits: &Limits,
        mut keep: impl FnMut(&str) -> Result<bool, AnonymityError>,
    ) -> Result<Self, AnonymityError> {
        let most = limits.rows.min(u64::from(u32::MAX / 2));
        let mut table = Self::default();
        let mut kept = Vec::new();
        each_record(file, input, delimiter, limits, |line, record| {
            if kept.is_empty() {
                let names = text_of(file, line, record)?;
                for (index, name) in names.iter().enumerate() {
                    if names[..index].contains(name) {
                        let reason = format!("the header names `{}` twice", shown(name));
                        return Err(AnonymityError::line(file, line, reason));
                    }
                    kept.push(keep(name)?);
                    table.columns.push(Column {
                        name: (*name).to_owned(),
                        ..Column::default()
                    });
                }
                return Ok(());
            }
            table.rows += 1;
            AnonymityError::limit(format!("rows of the {file}"), table.rows as u64, most)?;
            let cells = text_of(file, line, record)?;
            for ((cell, column), &kept) in cells.iter().zip(&mut table.columns).zip(&kept) {
                if kept {
                    column.push(cell, line);
                }
            }
            Ok(())
        })?;
        if kept.is_empty() {
            let reason = "it is empty; the first line must name the columns";
            return Err(AnonymityError::file(file, reason));
        }
        let mut kept = kept.into_iter();
        table.columns.retain(|_| kept.next().unwrap_or(false));
        for column in &mut table.columns {
            column.numbers = FxHashMap::default();
        }
        Ok(table)
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// All records of a CSV file without a header, as text.
pub(crate) fn read_rows(
    file: &str,
    input: impl Read,
    delimiter: u8,
    limits: &Limits,
) -> Result<Vec<Vec<String>>, AnonymityError> {
    let mut rows = Vec::new();
    each_record(file, input, delimiter, limits, |line, record| {
        let cells = text_of(file, line, record)?;
        rows.push(cells.into_iter().map(str::to_owned).collect());
        let most = limits.hierarchy_values as u64;
        AnonymityError::limit(
            format!("values of the hierarchy {file}"),
            rows.len() as u64,
            most,
        )
    })?;
    Ok(rows)
}

fn each_record(
    file: &str,
    input: impl Read,
    delimiter: u8,
    limits: &Limits,
    mut each: impl FnMut(u64, &ByteRecord) -> Result<(), AnonymityError>,
) -> Result<(), AnonymityError> {
    // One byte more than allowed tells a file that is too long from one that just fits.
    let mut input = input.take(limits.file_bytes.saturating_add(1));
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(false)
        .delimiter(delimiter)
        .terminator(Terminator::CRLF)
        .from_reader(&mut input);
    let mut record = ByteRecord::new();
    loop {
        let more = reader
            .read_byte_record(&mut record)
            .map_err(|error| not_csv(file, &error))?;
        AnonymityError::limit(
            format!("bytes of the {file}"),
            reader.position().byte(),
            limits.file_bytes,
        )?;
        if !more {
            return Ok(());
        }
        let line = record.position().map_or(0, csv::Position::line);
        let longest = record.iter().map(<[u8]>::len).max().unwrap_or(0);
        for (what, found, limit) in [
            ("columns", record.len(), limits.columns),
            ("bytes of a cell", longest, limits.cell_bytes),
            (
                "bytes of a record",
                record.as_slice().len(),
                limits.record_bytes,
            ),
        ] {
            let what = format!("{what} of the {file}, line {line}");
            AnonymityError::limit(what, found as u64, limit as u64)?;
        }
        each(line, &record)?;
    }
}

fn text_of<'r>(
    file: &str,
    line: u64,
    record: &'r ByteRecord,
) -> Result<Vec<&'r str>, AnonymityError> {
    let text = |bytes| {
        std::str::from_utf8(bytes).map_err(|_| {
            let reason = "the line is not UTF-8; save the file as UTF-8";
            AnonymityError::line(file, line, reason)
        })
    };
    record.iter().map(text).collect()
}

fn not_csv(file: &str, error: &csv::Error) -> AnonymityError {
    match error.kind() {
        ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => AnonymityError::line(
            file,
            pos.as_ref().map_or(0, csv::Position::line),
            format!(
                "{len} cells where the first line has {expected_len}; check quotes and separators"
            ),
        ),
        _ => AnonymityError::file(file, format!("it could not be read: {error}")),
    }
}
