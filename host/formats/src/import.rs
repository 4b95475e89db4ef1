//! A file of any format as a file of rows and a file of what are none.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{Bounds, Fault, Format, FormatError, Given, Line, Source, json, open};

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its format.
    pub format: Format,
    /// The encoding of its text; Parquet has none.
    pub encoding: Option<&'static str>,
    /// Rows that are kept.
    pub rows: u64,
    /// What is no row, by the code of its fault.
    pub rejected: BTreeMap<&'static str, u64>,
    /// The first of them, for people.
    pub first_reject: Option<String>,
    /// SHA-256 of the file.
    pub digest: [u8; 32],
    /// Its size, in bytes.
    pub bytes: u64,
}

impl Imported {
    /// How much is no row.
    pub fn rejects(&self) -> u64 {
        self.rejected.values().sum()
    }
}

#[derive(Serialize)]
struct Reject<'a> {
    line: u64,
    code: &'static str,
    reason: String,
    raw: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// Reads a file and writes its rows as lines of JSON, and what are none as lines `{"line", "code", "reason", "raw"}`, with
/// `base64` where the bytes are no text. A row that is JSON already is written as it stands. `most` is how many bytes all
/// rows may have.
///
/// # Errors
/// [`FormatError`], where the file is unreadable as a whole.
pub fn import(
    source: Source,
    name: Option<&Path>,
    given: &Given,
    bounds: &Bounds,
    most: u64,
    rows: &mut dyn Write,
    rejects: &mut dyn Write,
) -> Result<Imported, FormatError> {
    let mut opened = open(source, name, given, bounds)?;
    let mut imported = Imported {
        format: opened.format,
        encoding: opened.encoding.map(crate::Encoding::name),
        rows: 0,
        rejected: BTreeMap::new(),
        first_reject: None,
        digest: [0; 32],
        bytes: 0,
    };
    let mut written = 0;
    while let Some(mut line) = opened.rows.next()? {
        if line.fault.is_none() && opened.format == Format::JsonLines {
            line.fault = json::check(&line.bytes).err();
        }
        match &line.fault {
            None => {
                line.bytes.push(b'\n');
                written += line.bytes.len() as u64;
                FormatError::limit("bytes of all rows, as JSON", written, most)?;
                rows.write_all(&line.bytes)?;
                imported.rows += 1;
            }
            Some(fault) => {
                let of = if opened.format == Format::Parquet {
                    "row"
                } else {
                    "line"
                };
                imported
                    .first_reject
                    .get_or_insert_with(|| format!("{of} {}: {fault}", line.number));
                *imported.rejected.entry(fault.code()).or_default() += 1;
                rejects.write_all(&reject(&line, fault))?;
            }
        }
    }
    (imported.digest, imported.bytes) = opened.rows.finish();
    Ok(imported)
}

fn reject(line: &Line, fault: &Fault) -> Vec<u8> {
    let text = String::from_utf8_lossy(&line.bytes);
    let (raw, damaged) = match (&text, fault) {
        // A cut may go through a character.
        (std::borrow::Cow::Owned(text), Fault::TooLong(_)) => {
            (text.trim_end_matches('\u{FFFD}'), false)
        }
        (text, _) => (&**text, matches!(text, std::borrow::Cow::Owned(_))),
    };
    let reject = Reject {
        line: line.number,
        code: fault.code(),
        reason: fault.to_string(),
        raw,
        base64: damaged.then(|| STANDARD.encode(&line.bytes)),
    };
    // Strings and a number, into memory: that cannot fail.
    let mut json = serde_json::to_vec(&reject).unwrap_or_default();
    json.push(b'\n');
    json
}

/// SHA-256 and size of a file, which is at its beginning afterwards.
pub(crate) fn digest_of(mut file: &File) -> Result<([u8; 32], u64), FormatError> {
    file.rewind()?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.into()),
        };
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
    file.rewind()?;
    Ok((hasher.finalize().into(), size))
}
