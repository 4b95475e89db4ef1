//! Rows as files of other formats.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use crate::{Bounds, Format, FormatError};

/// The longest row that is written, in bytes. Steps may have made it longer than rows that come in.
pub(crate) const MAX_ROW: usize = 64 * 1024 * 1024;
/// Why a line is not written.
pub(crate) const NO_ROW: &str = "it is not a good JSON object, as lines that were added without a look at them may be; a run rejects such rows";

/// Writes a file of rows, lines of JSON, in another format; how many there are.
///
/// # Errors
/// [`FormatError::Unwritable`] where a line is not a row, [`FormatError::TooMuch`] where rows have too many fields.
pub fn export(
    rows: &Path,
    format: Format,
    mut out: impl Write + Send,
    bounds: &Bounds,
) -> Result<u64, FormatError> {
    let mut open = || Ok(BufReader::with_capacity(256 * 1024, File::open(rows)?));
    match format {
        Format::JsonLines => {
            std::io::copy(&mut File::open(rows)?, &mut out)?;
            let mut lines = crate::Lines::new(open()?, MAX_ROW);
            let mut count = 0;
            while lines.next()?.is_some() {
                count += 1;
            }
            Ok(count)
        }
        Format::Csv => crate::csv::write(&mut open, &mut out, b',', bounds),
        Format::Tsv => crate::csv::write(&mut open, &mut out, b'\t', bounds),
        Format::Parquet => crate::parquet::write(&mut open, out, bounds),
    }
}
