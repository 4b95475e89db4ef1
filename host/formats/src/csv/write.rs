//! Rows as CSV.

use std::collections::HashMap;
use std::io::{BufRead, Write};

use crate::json::{Members, Node};
use crate::lines::Lines;
use crate::{Bounds, Format, FormatError};

/// Writes lines of JSON as CSV: a header with every field in the order in which they first come, then a line for each row.
///
/// A text is written as it is, a number or truth value as its literal, null and a missing field as nothing, an empty text
/// as `""`, and what is nested as JSON. Nothing is put before cells that a spreadsheet takes for formulas.
pub(crate) fn write<R: BufRead>(
    open: &mut dyn FnMut() -> std::io::Result<R>,
    out: &mut dyn Write,
    delimiter: u8,
    bounds: &Bounds,
) -> Result<u64, FormatError> {
    let mut columns: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut any = 0;
    each(open()?, |number, Members(members)| {
        any = number;
        for (name, _) in members {
            if !places.contains_key(&name) {
                places.insert(name.clone(), columns.len());
                columns.push(name);
            }
        }
        FormatError::limit(
            "fields of the rows, each of them a column",
            columns.len() as u64,
            bounds.columns as u64,
        )
    })?;
    if columns.is_empty() {
        return match any {
            0 => Ok(0),
            row => Err(FormatError::Unwritable {
                row,
                format: Format::Csv,
                reason: "no row has a field".into(),
            }),
        };
    }
    let mut line = Vec::new();
    for (index, name) in columns.iter().enumerate() {
        put(index, name, columns.len() == 1, delimiter, &mut line);
    }
    end(&mut line, out)?;
    let mut rows = 0;
    each(open()?, |number, Members(members)| {
        let mut cells: Vec<Option<&str>> = vec![None; columns.len()];
        for (name, value) in &members {
            if let Some(at) = places.get(name) {
                if cells[*at].is_some() {
                    return Err(FormatError::Unwritable {
                        row: number,
                        format: Format::Csv,
                        reason: format!("the field `{name:.60}` stands there twice"),
                    });
                }
                cells[*at] = Some(value.get());
            }
        }
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                line.push(delimiter);
            }
            match cell.map(|raw| (raw, raw.as_bytes().first())) {
                // A line with nothing in it would not be a row.
                None if columns.len() == 1 => line.extend_from_slice(b"\"\""),
                None | Some(("null", _)) => {
                    if columns.len() == 1 {
                        line.extend_from_slice(b"\"\"");
                    }
                }
                Some((raw, Some(b'"'))) => {
                    let text: String = serde_json::from_str(raw).map_err(|_| unreadable(number))?;
                    quoted(&text, text.is_empty(), delimiter, &mut line);
                }
                Some((raw, Some(b'{' | b'['))) => {
                    let json =
                        Node::parse(raw).map_or_else(|_| raw.to_owned(), |node| node.to_json());
                    quoted(&json, false, delimiter, &mut line);
                }
                Some((raw, _)) => line.extend_from_slice(raw.as_bytes()),
            }
        }
        rows += 1;
        end(&mut line, out)
    })?;
    Ok(rows)
}

/// Calls `each` with every row.
fn each<R: BufRead>(
    reader: R,
    mut each: impl FnMut(u64, Members<'_>) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let mut lines = Lines::new(reader, crate::export::MAX_ROW);
    let mut number = 0;
    while let Some(line) = lines.next()? {
        number += 1;
        if line.fault.is_some() {
            return Err(unreadable(number));
        }
        let members: Members<'_> =
            serde_json::from_slice(&line.bytes).map_err(|_| unreadable(number))?;
        each(number, members)?;
    }
    Ok(())
}

fn unreadable(row: u64) -> FormatError {
    FormatError::Unwritable {
        row,
        format: Format::Csv,
        reason: crate::export::NO_ROW.into(),
    }
}

fn put(index: usize, cell: &str, alone: bool, delimiter: u8, line: &mut Vec<u8>) {
    if index > 0 {
        line.push(delimiter);
    }
    quoted(cell, alone && cell.is_empty(), delimiter, line);
}

/// Appends a cell, in quotes where it needs them or somebody else does.
fn quoted(cell: &str, always: bool, delimiter: u8, line: &mut Vec<u8>) {
    let special = |b: u8| b == delimiter || matches!(b, b'"' | b'\n' | b'\r');
    // Spaces around a cell, which some readers would trim.
    let edges = cell.starts_with(char::is_whitespace) || cell.ends_with(char::is_whitespace);
    if !always && !edges && !cell.bytes().any(special) && !cell.starts_with('\u{FEFF}') {
        line.extend_from_slice(cell.as_bytes());
        return;
    }
    line.push(b'"');
    for byte in cell.bytes() {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}

fn end(line: &mut Vec<u8>, out: &mut dyn Write) -> Result<(), FormatError> {
    line.extend_from_slice(b"\r\n");
    out.write_all(line)?;
    line.clear();
    Ok(())
}
