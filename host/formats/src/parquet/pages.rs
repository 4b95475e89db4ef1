//! Pages of a column, measured before they are unpacked.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::{Compression, Encoding, Type};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;

use super::thrift::{FALSE, Reader, STRUCT, TRUE, Wrong};
use super::{codec, delta};
use crate::{Bounds, FormatError};

/// The head of a page is this long at most; it can hold the least and the largest value of the page.
const MAX_HEAD: usize = 4 * 1024 * 1024;
/// How much is read for it at first.
const USUAL_HEAD: usize = 4 * 1024;

/// What the pages of a batch may take together.
#[derive(Debug)]
pub(super) struct Budget {
    most_open: u64,
    most_values: u64,
    /// Bytes of the pages that are open.
    open: AtomicU64,
    /// Of them, bytes of pages that are done with when the batch is.
    stale: AtomicU64,
    /// Values of lists in the pages that were opened for the batch.
    values: AtomicU64,
}

impl Budget {
    pub fn new(bounds: &Bounds) -> Self {
        Self {
            most_open: bounds.open_bytes as u64,
            most_values: bounds.list_values as u64,
            open: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            values: AtomicU64::new(0),
        }
    }

    /// A row group begins.
    pub fn clear(&self) {
        self.open.store(0, Relaxed);
        self.settle();
    }

    /// A batch is done.
    pub fn settle(&self) {
        let stale = self.stale.swap(0, Relaxed);
        let open = self.open.load(Relaxed);
        self.open.store(open.saturating_sub(stale), Relaxed);
        self.values.store(0, Relaxed);
    }

    /// What there is too much of.
    pub fn exceeded(&self) -> Option<FormatError> {
        let open = FormatError::limit(
            "bytes of pages that are open at the same time (write smaller pages, or fewer columns)",
            self.open.load(Relaxed),
            self.most_open,
        );
        let values = FormatError::limit(
            "values of lists in the pages of a few rows (write smaller pages)",
            self.values.load(Relaxed),
            self.most_values,
        );
        open.and(values).err()
    }

    fn take(&self, bytes: u64, values: u64) -> Result<()> {
        let open = self.open.fetch_add(bytes, Relaxed).saturating_add(bytes);
        let values = self
            .values
            .fetch_add(values, Relaxed)
            .saturating_add(values);
        match open > self.most_open || values > self.most_values {
            true => Err(bad("its pages are too large")),
            false => Ok(()),
        }
    }
}

fn bad(what: impl Into<String>) -> ParquetError {
    ParquetError::General(what.into())
}

/// A row group of a file.
pub(super) struct Group {
    pub file: Arc<File>,
    pub metadata: Arc<ParquetMetaData>,
    pub index: usize,
    pub budget: Arc<Budget>,
    pub page_bytes: usize,
}

impl RowGroups for Group {
    fn num_rows(&self) -> usize {
        usize::try_from(self.metadata.row_group(self.index).num_rows()).unwrap_or(0)
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let about = self.metadata.row_group(self.index).column(column);
        // Both were held against the file when the footer was read.
        let (start, length) = about.byte_range();
        let descr = about.column_descr();
        let pages = Pages {
            file: Arc::clone(&self.file),
            budget: Arc::clone(&self.budget),
            page_bytes: self.page_bytes,
            at: start,
            end: start + length,
            codec: about.compression(),
            left: u64::try_from(about.num_values()).unwrap_or(0),
            repeated: descr.max_rep_level() > 0,
            optional: descr.max_def_level() > 0,
            physical: descr.physical_type(),
            // A value of fixed length counts as many as fit into it.
            weight: u64::try_from(descr.type_length())
                .unwrap_or(0)
                .div_ceil(16)
                .max(1),
            open: 0,
            head: None,
            any: false,
        };
        Ok(Box::new(Once(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata.row_group(self.index)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The one chunk that a column has in a row group.
struct Once(Option<Pages>);

impl Iterator for Once {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0
            .take()
            .map(|pages| Ok(Box::new(pages) as Box<dyn PageReader>))
    }
}

impl PageIterator for Once {}

/// What the head of a page says. Fields that its kind does not have are zero.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    kind: i64,
    unpacked: i64,
    packed: i64,
    crc: Option<i64>,
    values: i64,
    encoding: i64,
    definition_encoding: i64,
    repetition_encoding: i64,
    nulls: i64,
    rows: i64,
    definition_bytes: i64,
    repetition_bytes: i64,
    is_plain: bool,
    /// Its own length.
    length: usize,
}

const DATA: i64 = 0;
const INDEX: i64 = 1;
const DICTIONARY: i64 = 2;
const DATA_V2: i64 = 3;

impl Head {
    /// <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>, `PageHeader`.
    fn parse(bytes: &[u8]) -> std::result::Result<Self, Wrong> {
        let mut head = Self::default();
        let mut reader = Reader::new(bytes);
        reader.structure(|reader, field, kind| {
            let number = |reader: &mut Reader<'_>| match kind {
                5 => reader.int(),
                _ => Err(Wrong::Bad),
            };
            match (field, kind) {
                (1, _) => head.kind = number(reader)?,
                (2, _) => head.unpacked = number(reader)?,
                (3, _) => head.packed = number(reader)?,
                (4, _) => head.crc = Some(number(reader)?),
                (5 | 7 | 8, STRUCT) => reader.structure(|reader, inner, kind| {
                    let place = match (field, inner) {
                        (_, 1) => &mut head.values,
                        (5 | 7, 2) | (8, 4) => &mut head.encoding,
                        (5, 3) => &mut head.definition_encoding,
                        (5, 4) => &mut head.repetition_encoding,
                        (8, 2) => &mut head.nulls,
                        (8, 3) => &mut head.rows,
                        (8, 5) => &mut head.definition_bytes,
                        (8, 6) => &mut head.repetition_bytes,
                        (8, 7) if kind == TRUE || kind == FALSE => {
                            head.is_plain = kind == FALSE;
                            return Ok(());
                        }
                        _ => return reader.skip(kind),
                    };
                    if kind != 5 {
                        return Err(Wrong::Bad);
                    }
                    *place = reader.int()?;
                    Ok(())
                })?,
                _ => reader.skip(kind)?,
            }
            Ok(())
        })?;
        head.length = reader.at();
        Ok(head)
    }
}

/// The pages of a column in a row group, one after the other.
struct Pages {
    file: Arc<File>,
    budget: Arc<Budget>,
    page_bytes: usize,
    at: u64,
    end: u64,
    codec: Compression,
    /// Values that pages have still to bring.
    left: u64,
    repeated: bool,
    optional: bool,
    physical: Type,
    weight: u64,
    /// What the last page took.
    open: u64,
    /// The head of the next page, where it was looked at.
    head: Option<Head>,
    /// Whether there was a page.
    any: bool,
}

impl Pages {
    /// The head of the next page that holds values; none at the end.
    fn peek(&mut self) -> Result<Option<Head>> {
        loop {
            if let Some(head) = self.head {
                return Ok(Some(head));
            }
            if self.left == 0 || self.at >= self.end {
                return match self.left {
                    0 => Ok(None),
                    left => Err(bad(format!("its pages end, and {left} values are missing"))),
                };
            }
            let head = self.read_head()?;
            let size = |size: i64, what: &str| match usize::try_from(size) {
                Ok(size) if size <= self.page_bytes => Ok(size as u64),
                _ => Err(bad(format!(
                    "a page of {size} bytes{what}; at most {} are read",
                    self.page_bytes
                ))),
            };
            let packed = size(head.packed, "")?;
            size(head.unpacked, " once it is unpacked")?;
            if self.at + head.length as u64 + packed > self.end {
                return Err(bad("a page goes on behind the end of its column"));
            }
            match head.kind {
                INDEX => self.at += head.length as u64 + packed,
                DATA | DATA_V2 | DICTIONARY => self.head = Some(head),
                other => return Err(bad(format!("a page is of the unknown kind {other}"))),
            }
        }
    }

    fn read_head(&self) -> Result<Head> {
        let most = usize::try_from(self.end - self.at)
            .unwrap_or(usize::MAX)
            .min(MAX_HEAD);
        let mut length = USUAL_HEAD;
        loop {
            let bytes = self.file.get_bytes(self.at, length.min(most))?;
            match Head::parse(&bytes) {
                Ok(head) => return Ok(head),
                Err(Wrong::Short) if length < most => length *= 16,
                Err(_) => return Err(bad("the head of a page cannot be read")),
            }
        }
    }

    fn next_page(&mut self) -> Result<Option<Page>> {
        let Some(head) = self.peek()? else {
            return Ok(None);
        };
        let count = |n: i64| u32::try_from(n).map_err(|_| bad("a page counts less than none"));
        let values = count(head.values)?;
        let encoding = encoding(head.encoding)?;
        if head.kind == DICTIONARY {
            // An entry has a byte at least, and what is made of it 16.
            if u64::from(values) > head.unpacked as u64 || self.any {
                return Err(bad(
                    "a dictionary has more entries than bytes, or comes too late",
                ));
            }
            self.budget
                .take(head.unpacked as u64 + 16 * u64::from(values), 0)?;
        } else {
            self.left = match self.left.checked_sub(u64::from(values)) {
                Some(left) => left,
                None => return Err(bad("its pages have more values than the column")),
            };
            self.budget.stale.fetch_add(self.open, Relaxed);
            self.open = head.unpacked as u64;
            let weight = if self.repeated { self.weight } else { 0 };
            self.budget
                .take(self.open, u64::from(values).saturating_mul(weight))?;
        }
        self.any = true;
        let start = self.at + head.length as u64;
        let packed = self.file.get_bytes(start, head.packed as usize)?;
        self.at = start + head.packed as u64;
        self.head = None;
        if let Some(said) = head.crc {
            let mut crc = flate2::Crc::new();
            crc.update(&packed);
            if crc.sum() != said as u32 {
                return Err(bad("the checksum of a page does not fit: it is damaged"));
            }
        }
        let size = head.unpacked as usize;
        Ok(Some(match head.kind {
            DICTIONARY => Page::DictionaryPage {
                buf: codec::unpack(self.codec, &packed, size)?,
                num_values: values,
                encoding,
                is_sorted: false,
            },
            DATA => {
                let buf = codec::unpack(self.codec, &packed, size)?;
                let definition = levels(head.definition_encoding, self.optional)?;
                let repetition = levels(head.repetition_encoding, self.repeated)?;
                let mut at = 0;
                for has in [self.repeated, self.optional] {
                    if has {
                        let length = buf
                            .get(at..at + 4)
                            .ok_or_else(|| bad("a page ends inside of its levels"))?;
                        let length =
                            u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
                        at = at.saturating_add(4).saturating_add(length as usize);
                    }
                }
                self.check_values(encoding, buf.get(at..), values)?;
                Page::DataPage {
                    buf,
                    num_values: values,
                    encoding,
                    def_level_encoding: definition,
                    rep_level_encoding: repetition,
                    statistics: None,
                }
            }
            _ => {
                let (definition, repetition) =
                    (count(head.definition_bytes)?, count(head.repetition_bytes)?);
                let plain = definition as usize + repetition as usize;
                if plain > size || plain > packed.len() {
                    return Err(bad("a page has more levels than bytes"));
                }
                let codec = if head.is_plain {
                    Compression::UNCOMPRESSED
                } else {
                    self.codec
                };
                let unpacked = codec::unpack(codec, &packed[plain..], size - plain)?;
                let buf = match plain {
                    0 => unpacked,
                    _ => Bytes::from([&packed[..plain], &unpacked].concat()),
                };
                self.check_values(encoding, buf.get(plain..), values)?;
                Page::DataPageV2 {
                    buf,
                    num_values: values,
                    encoding,
                    num_nulls: count(head.nulls)?.min(values),
                    num_rows: count(head.rows)?,
                    def_levels_byte_len: definition,
                    rep_levels_byte_len: repetition,
                    is_compressed: false,
                    statistics: None,
                }
            }
        }))
    }

    /// Holds the counts inside of the values against the page.
    fn check_values(&self, encoding: Encoding, data: Option<&[u8]>, values: u32) -> Result<()> {
        let data = data.ok_or_else(|| bad("a page ends inside of its levels"))?;
        let most = u64::from(values);
        if data.is_empty() {
            return Ok(());
        }
        match encoding {
            Encoding::DELTA_BINARY_PACKED | Encoding::DELTA_LENGTH_BYTE_ARRAY => {
                let head = delta::Head::read(data, most);
                head.filter(|head| head.values <= most).map(drop)
            }
            Encoding::DELTA_BYTE_ARRAY => match delta::expanded(data, most) {
                Some(bytes) if bytes <= self.page_bytes as u64 => {
                    self.budget.stale.fetch_add(bytes, Relaxed);
                    self.budget.take(bytes, 0)?;
                    Some(())
                }
                _ => None,
            },
            _ => Some(()),
        }
        .ok_or_else(|| {
            bad(format!(
                "a page of {} has other values than it says",
                self.physical
            ))
        })
    }
}

/// Encodings whose decoders take no more memory than their page and their rows justify.
fn encoding(number: i64) -> Result<Encoding> {
    Ok(match number {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        other => {
            return Err(bad(format!(
                "a page has the encoding {other}, which is not read"
            )));
        }
    })
}

/// The encoding of levels. The other one that there was is of before 2013.
fn levels(number: i64, has: bool) -> Result<Encoding> {
    match (number, has) {
        (3, _) | (_, false) => Ok(Encoding::RLE),
        _ => Err(bad(
            "the levels of a page are packed as files before 2013 had them: write it anew",
        )),
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.next_page()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Ok(self.peek()?.map(|head| PageMetadata {
            num_rows: (head.kind == DATA_V2).then_some(head.rows as usize),
            num_levels: (head.kind != DICTIONARY).then_some(head.values as usize),
            is_dict: head.kind == DICTIONARY,
        }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.next_page().map(drop)
    }
}
