//! The footer of a Parquet file: where its row groups and pages lie, and what its columns are.

use std::fs::File;

use bytes::Bytes;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::ChunkReader;

use super::caught;
use super::thrift::{LIST, Reader, STRUCT, Wrong};
use crate::{Bounds, FormatError};

/// The magic at both ends, and the length of the footer before the last.
const TAIL: u64 = 8;
const HEAD: u64 = 4;
/// How deep groups of a schema may lie in each other.
const MAX_DEPTH: usize = 32;
/// The most row groups.
const MAX_GROUPS: u64 = 100_000;

/// Reads the footer. What it says is held against the size of the file.
pub(super) fn read(
    file: &File,
    size: u64,
    bounds: &Bounds,
) -> Result<ParquetMetaData, FormatError> {
    let cut = |what: &str| {
        FormatError::parquet(format!(
            "{what}; its {size} bytes are not all of it: it was cut short, or is still being written"
        ))
    };
    if size < HEAD + TAIL {
        return Err(cut("it has no footer"));
    }
    let tail = bytes_at(file, size - TAIL, TAIL as usize)?;
    match &tail[4..] {
        b"PAR1" => {}
        b"PARE" => {
            let reason = "its footer is encrypted: decrypt it first";
            return Err(FormatError::parquet(reason));
        }
        _ => return Err(cut("it does not end with PAR1, as every whole file does")),
    }
    let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if length > size - HEAD - TAIL {
        return Err(cut("its footer is longer than the file"));
    }
    FormatError::limit("bytes of the footer", length, bounds.footer_bytes as u64)?;
    let start = size - TAIL - length;
    let footer = bytes_at(file, start, length as usize)?;
    walk(&footer, bounds)?;
    let metadata = caught(|| ParquetMetaDataReader::decode_metadata(&footer))?
        .map_err(|e| FormatError::parquet(format!("its footer cannot be read: {e}")))?;
    check(&metadata, start)?;
    Ok(metadata)
}

pub(super) fn bytes_at(file: &File, start: u64, length: usize) -> Result<Bytes, FormatError> {
    file.get_bytes(start, length).map_err(|e| {
        FormatError::parquet(format!(
            "bytes {start} to {} cannot be read: {e}",
            start + length as u64
        ))
    })
}

/// Walks through the bytes of a footer: whether they are what they should be as far as memory and depth go.
fn walk(footer: &[u8], bounds: &Bounds) -> Result<(), FormatError> {
    let mut nodes: Vec<u64> = Vec::new();
    let mut groups = 0;
    let mut chunks = 0;
    let walked = Reader::new(footer).structure(|reader, field, kind| match (field, kind) {
        (2, LIST) => {
            let (kind, count) = reader.list()?;
            if kind != STRUCT {
                return Err(Wrong::Bad);
            }
            for _ in 0..count {
                let mut children = 0;
                reader.structure(|reader, field, kind| match (field, kind) {
                    (5, 5) => {
                        children = u64::try_from(reader.int()?).map_err(|_| Wrong::Bad)?;
                        Ok(())
                    }
                    _ => reader.skip(kind),
                })?;
                nodes.push(children);
            }
            Ok(())
        }
        (4, LIST) => {
            let (kind, count) = reader.list()?;
            if kind != STRUCT {
                return Err(Wrong::Bad);
            }
            groups = count;
            for _ in 0..count {
                reader.structure(|reader, field, kind| match (field, kind) {
                    (1, LIST) => {
                        let (kind, count) = reader.list()?;
                        chunks = count.max(chunks);
                        for _ in 0..count {
                            match kind {
                                STRUCT => reader.skip(kind)?,
                                _ => return Err(Wrong::Bad),
                            }
                        }
                        Ok(())
                    }
                    _ => reader.skip(kind),
                })?;
            }
            Ok(())
        }
        _ => reader.skip(kind),
    });
    if walked.is_err() {
        return Err(FormatError::parquet(
            "its footer cannot be read: it is damaged",
        ));
    }
    let columns = bounds.columns as u64;
    FormatError::limit("columns of a row group", chunks, columns)?;
    // A list or a map has two groups around its values.
    FormatError::limit(
        "fields of the schema",
        nodes.len() as u64,
        columns.saturating_mul(4),
    )?;
    FormatError::limit("row groups", groups, MAX_GROUPS)?;
    FormatError::limit(
        "levels of the schema",
        depth(&nodes) as u64,
        MAX_DEPTH as u64,
    )
}

/// How deep the groups of a schema lie in each other, given the number of children of each, the parents first.
fn depth(nodes: &[u64]) -> usize {
    let mut open: Vec<u64> = Vec::new();
    let mut deepest = 0;
    for children in nodes {
        while open.last() == Some(&0) {
            open.pop();
        }
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        open.push(*children);
        deepest = deepest.max(open.len());
        if deepest > MAX_DEPTH {
            break;
        }
    }
    deepest
}

/// Holds what the footer says of row groups against each other and against the file.
fn check(metadata: &ParquetMetaData, end: u64) -> Result<(), FormatError> {
    let bad = |what: String| Err(FormatError::parquet(what));
    for (index, group) in metadata.row_groups().iter().enumerate() {
        if group.num_rows() < 0 {
            return bad(format!("row group {index} has fewer rows than none"));
        }
        for column in group.columns() {
            let name = column.column_path().string();
            let name: String = name.chars().take(60).collect();
            if column.file_path().is_some() {
                return bad(format!("column `{name}` lies in another file"));
            }
            let start = column
                .dictionary_page_offset()
                .unwrap_or(column.data_page_offset());
            let (start, length) = match (
                u64::try_from(start),
                u64::try_from(column.compressed_size()),
            ) {
                (Ok(start), Ok(length)) => (start, length),
                _ => return bad(format!("column `{name}` of row group {index} lies nowhere")),
            };
            if start
                .checked_add(length)
                .is_none_or(|chunk_end| chunk_end > end)
            {
                return bad(format!(
                    "column `{name}` of row group {index} would go on to byte {}, and the data ends at {end}: it is damaged",
                    start.saturating_add(length)
                ));
            }
            let flat = column.column_descr().max_rep_level() == 0;
            if column.num_values() < 0 || (flat && column.num_values() != group.num_rows()) {
                return bad(format!(
                    "column `{name}` has {} values in the {} rows of row group {index}",
                    column.num_values(),
                    group.num_rows()
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_that_of_the_tree() {
        assert_eq!(depth(&[]), 0);
        assert_eq!(depth(&[2, 0, 0]), 2);
        // root(a(b), c(d(e)))
        assert_eq!(depth(&[2, 1, 0, 1, 1, 0]), 4);
        assert_eq!(depth(&vec![1; 1_000_000]), MAX_DEPTH + 1);
        // Children that never come.
        assert_eq!(depth(&[u64::MAX, 0, 0]), 2);
    }
}
