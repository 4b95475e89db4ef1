//! Apache Parquet.
//!
//! Decoding is Arrow's; what comes before it is ours, because a file may say of itself what it likes: the footer is walked
//! through before it is parsed ([`footer`]), pages are measured before they are unpacked ([`pages`]), and counts inside of
//! pages are held against the pages ([`delta`]). Strings are read as views into their pages, so that one long entry of a
//! dictionary that many rows name is in memory once.

mod codec;
mod delta;
mod footer;
mod infer;
mod pages;
mod schema;
mod thrift;
mod value;
mod write;

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use ::parquet::arrow::FieldLevels;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ParquetMetaData;
use arrow_array::RecordBatch;

use self::pages::{Budget, Group};
use self::schema::Plan;
use crate::lines::Line;
use crate::open::Rows;
use crate::{Bounds, Fault, FormatError};

pub(crate) use write::write;

/// Rows that are decoded at a time.
const BATCH: usize = 256;

/// Rows of a Parquet file.
pub(crate) struct ParquetRows {
    file: Arc<File>,
    digest: ([u8; 32], u64),
    metadata: Arc<ParquetMetaData>,
    levels: FieldLevels,
    plan: Plan,
    bounds: Bounds,
    budget: Arc<Budget>,
    /// The row group that is read next.
    group: usize,
    reader: Option<ParquetRecordBatchReader>,
    /// Rows of the group that were decoded.
    decoded: i64,
    batch: Option<(RecordBatch, usize)>,
    number: u64,
    done_bytes: u64,
}

impl ParquetRows {
    /// Reads the footer and says whether every column can be a field of a row.
    pub fn open(file: File, bounds: &Bounds) -> Result<Self, FormatError> {
        let digest = crate::import::digest_of(&file)?;
        let metadata = footer::read(&file, digest.1, bounds)?;
        let (plan, levels) = caught(|| schema::plan(&metadata))??;
        Ok(Self {
            file: Arc::new(file),
            digest,
            metadata: Arc::new(metadata),
            levels,
            plan,
            bounds: *bounds,
            budget: Arc::new(Budget::new(bounds)),
            group: 0,
            reader: None,
            decoded: 0,
            batch: None,
            number: 0,
            done_bytes: 0,
        })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, FormatError> {
        loop {
            if self.reader.is_none() {
                if self.group == self.metadata.num_row_groups() {
                    return Ok(None);
                }
                self.budget.clear();
                let group = Group {
                    file: Arc::clone(&self.file),
                    metadata: Arc::clone(&self.metadata),
                    index: self.group,
                    budget: Arc::clone(&self.budget),
                    page_bytes: self.bounds.page_bytes,
                };
                let levels = &self.levels;
                let reader = caught(|| {
                    ParquetRecordBatchReader::try_new_with_row_groups(levels, &group, BATCH, None)
                })?;
                self.reader = Some(reader.map_err(|e| self.broken(&e))?);
                self.decoded = 0;
            }
            self.budget.settle();
            let next = match &mut self.reader {
                Some(reader) => caught(|| reader.next())?,
                None => None,
            };
            let about = self.metadata.row_group(self.group);
            match next {
                Some(Ok(batch)) if batch.num_rows() > 0 => {
                    self.decoded += batch.num_rows() as i64;
                    return Ok(Some(batch));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    let source = ParquetError::General(error.to_string());
                    return Err(self.broken(&source));
                }
                None if self.decoded != about.num_rows() => {
                    let (has, says) = (self.decoded, about.num_rows());
                    let reason = format!(
                        "row group {} has {has} rows, and its footer says {says}",
                        self.group
                    );
                    return Err(FormatError::parquet(reason));
                }
                None => {
                    self.done_bytes += u64::try_from(about.compressed_size()).unwrap_or(0);
                    self.reader = None;
                    self.group += 1;
                }
            }
        }
    }

    fn broken(&self, error: &ParquetError) -> FormatError {
        if let Some(too_much) = self.budget.exceeded() {
            return too_much;
        }
        let text = error.to_string();
        let text = [
            "Parquet argument error: ",
            "Parquet error: ",
            "Parquet: ",
            "External: ",
        ]
        .iter()
        .fold(text.as_str(), |text, prefix| {
            text.trim_start_matches(prefix)
        });
        FormatError::parquet(format!("row group {}: {text}", self.group))
    }
}

impl Rows for ParquetRows {
    fn next(&mut self) -> Result<Option<Line>, FormatError> {
        loop {
            let Some((batch, row)) = &mut self.batch else {
                match self.next_batch()? {
                    Some(batch) => self.batch = Some((batch, 0)),
                    None => return Ok(None),
                }
                continue;
            };
            if *row == batch.num_rows() {
                self.batch = None;
                continue;
            }
            let mut bytes = Vec::new();
            let written = self
                .plan
                .write_row(batch, *row, &mut bytes, self.bounds.row_bytes);
            *row += 1;
            self.number += 1;
            if let Err(Fault::TooLong(_)) = written {
                bytes.truncate(crate::SHOWN_BYTES);
            }
            return Ok(Some(Line {
                number: self.number,
                bytes,
                fault: written.err(),
            }));
        }
    }

    fn read(&self) -> u64 {
        self.done_bytes
    }

    fn finish(self: Box<Self>) -> ([u8; 32], u64) {
        self.digest
    }
}

/// A library that meets what it does not expect may panic. That is a broken file, and not the end of the host.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, FormatError> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        FormatError::parquet("its bytes contradict themselves; it is damaged, or made to do harm")
    })
}
