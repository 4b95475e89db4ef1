//! Files of every format, in and out, and files that are no good.
#![allow(clippy::unwrap_used)]

mod damaged;
mod imports;
mod oracle;
mod round_trips;

use std::io::Write as _;
use std::path::Path;

use steward_formats::{Bounds, Format, FormatError, Given, Imported, Source, export, import};

/// Rows and rejects of some bytes.
pub struct Read {
    pub about: Imported,
    pub rows: String,
    pub rejects: Vec<serde_json::Value>,
}

pub fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

pub fn read_with(
    bytes: &[u8],
    name: &str,
    given: &Given,
    bounds: &Bounds,
) -> Result<Read, FormatError> {
    let (mut rows, mut rejects) = (Vec::new(), Vec::new());
    let source = Source::File(file(bytes).into_temp_path().keep().unwrap());
    let Source::File(path) = &source else {
        unreachable!()
    };
    let path = path.clone();
    let most = 1 << 30;
    let about = import(
        source,
        Some(Path::new(name)),
        given,
        bounds,
        most,
        &mut rows,
        &mut rejects,
    );
    std::fs::remove_file(path).unwrap();
    let rejects = String::from_utf8(rejects).unwrap();
    Ok(Read {
        about: about?,
        rows: String::from_utf8(rows).unwrap(),
        rejects: rejects
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    })
}

pub fn read(bytes: &[u8], name: &str) -> Result<Read, FormatError> {
    read_with(bytes, name, &Given::default(), &Bounds::default())
}

pub fn write(rows: &str, format: Format) -> Result<Vec<u8>, FormatError> {
    let mut out = Vec::new();
    export(
        file(rows.as_bytes()).path(),
        format,
        &mut out,
        &Bounds::default(),
    )?;
    Ok(out)
}
