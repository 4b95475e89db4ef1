//! Opens a file of rows, whatever its format.

use std::fs::File;
use std::io::{BufReader, Chain, Cursor, Read, Seek as _};
use std::path::{Path, PathBuf};

use crate::csv::CsvRows;
use crate::lines::Line;
use crate::parquet::ParquetRows;
use crate::text::{self, TextLines};
use crate::{Bounds, Encoding, Format, FormatError, Types};

/// How much of a file is looked at to say what it is, in bytes.
const START: u64 = 64 * 1024;
/// Bytes that are read at a time.
const BUFFER: usize = 256 * 1024;

/// Where rows come from.
pub enum Source {
    /// A file that can be read twice.
    File(PathBuf),
    /// A stream that comes once.
    Stream(Box<dyn Read + Send>),
}

/// What is known of a file beforehand. Everything else is found out.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The format.
    pub format: Option<Format>,
    /// The encoding of its text.
    pub encoding: Option<Encoding>,
    /// What separates the cells of CSV: an ASCII character.
    pub delimiter: Option<u8>,
    /// What the cells of CSV are taken for.
    pub types: Types,
}

/// Rows, one after the other.
pub trait Rows: Send {
    /// The next row, or what is none, with its fault; nothing at the end.
    ///
    /// # Errors
    /// What makes the file unreadable as a whole.
    fn next(&mut self) -> Result<Option<Line>, FormatError>;

    /// About how many bytes of the input are done.
    fn read(&self) -> u64;

    /// SHA-256 and number of the bytes of the input, once all of it is read.
    fn finish(self: Box<Self>) -> ([u8; 32], u64);
}

/// An open file of rows.
pub struct Opened {
    /// Its format.
    pub format: Format,
    /// The encoding of its text; Parquet has none.
    pub encoding: Option<Encoding>,
    /// Its rows.
    pub rows: Box<dyn Rows>,
}

/// Opens a file. `name` is what it is called, where it has a name: its extension says what its content leaves open.
/// Lines of JSON are given as they stand; [`crate::import`] checks them.
///
/// # Errors
/// [`FormatError`], where the file is none of the formats, or breaks the rules of its own.
pub fn open(
    source: Source,
    name: Option<&Path>,
    given: &Given,
    bounds: &Bounds,
) -> Result<Opened, FormatError> {
    match source {
        Source::File(path) => {
            let mut file = File::open(&path)?;
            if !file.metadata()?.is_file() {
                return open(Source::Stream(Box::new(file)), name, given, bounds);
            }
            let start = start_of(&mut file)?;
            file.rewind()?;
            let format = format_of(&start, name, given)?;
            if format == Format::Parquet {
                return Ok(Opened {
                    format,
                    encoding: None,
                    rows: Box::new(ParquetRows::open(file, bounds)?),
                });
            }
            let encoding = match given.encoding {
                Some(encoding) => encoding,
                None => text::of_file(&mut file, &start)?,
            };
            let reader = BufReader::with_capacity(BUFFER, file);
            with_text(
                TextLines::new(reader, encoding, bounds),
                format,
                encoding,
                given,
                bounds,
            )
        }
        Source::Stream(mut stream) => {
            let start = start_of(&mut stream)?;
            let format = format_of(&start, name, given)?;
            if format == Format::Parquet {
                let reason = "its end is read first, which a pipe does not have: write it into a file and name that";
                return Err(FormatError::parquet(reason));
            }
            let encoding = match given.encoding {
                Some(encoding) => encoding,
                None => text::of_start(&start)?,
            };
            let whole: Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>> =
                Cursor::new(start).chain(stream);
            let reader = BufReader::with_capacity(BUFFER, whole);
            with_text(
                TextLines::new(reader, encoding, bounds),
                format,
                encoding,
                given,
                bounds,
            )
        }
    }
}

fn start_of(from: &mut dyn Read) -> Result<Vec<u8>, FormatError> {
    let mut start = Vec::new();
    from.take(START).read_to_end(&mut start)?;
    Ok(start)
}

fn format_of(start: &[u8], name: Option<&Path>, given: &Given) -> Result<Format, FormatError> {
    match given.format {
        Some(format) => Ok(format),
        None => Format::detect(start, name),
    }
}

fn with_text(
    lines: TextLines,
    format: Format,
    encoding: Encoding,
    given: &Given,
    bounds: &Bounds,
) -> Result<Opened, FormatError> {
    let rows: Box<dyn Rows> = match format {
        Format::Csv | Format::Tsv => {
            let delimiter = match format {
                Format::Tsv => given.delimiter.or(Some(b'\t')),
                _ => given.delimiter,
            };
            Box::new(CsvRows::open(lines, delimiter, &given.types, bounds)?)
        }
        _ => Box::new(JsonRows(lines)),
    };
    Ok(Opened {
        format,
        encoding: Some(encoding),
        rows,
    })
}

/// Lines of JSON, as they stand.
struct JsonRows(TextLines);

impl Rows for JsonRows {
    fn next(&mut self) -> Result<Option<Line>, FormatError> {
        while let Some(line) = self.0.next()? {
            if !line.is_blank() {
                return Ok(Some(Line {
                    number: line.number,
                    bytes: line.bytes,
                    fault: line.fault,
                }));
            }
        }
        Ok(None)
    }

    fn read(&self) -> u64 {
        self.0.read()
    }

    fn finish(self: Box<Self>) -> ([u8; 32], u64) {
        self.0.finish()
    }
}
