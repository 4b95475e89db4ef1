//! Pairs of numbers, sorted, however many there are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Error, ErrorKind, Read, Result, Seek, Write};
use std::path::PathBuf;

use crate::Space;

/// What is sorted: by the first number, then by the second.
pub(crate) type Record = (u64, u64);

/// Bytes of a record.
const RECORD: usize = 16;

/// Files that are merged at once.
const FAN_IN: usize = 64;

/// The least that is read or written at once, in bytes.
const PIECE: usize = 4096;

/// Takes records in any order. What does not fit goes to files, sorted, and those are merged.
pub(crate) struct Sorter {
    dir: PathBuf,
    bytes: usize,
    buffer: Vec<Record>,
    /// Sorted files. Those of one level are about equally long; when there are [`FAN_IN`] of them, they become one of
    /// the next, so that a record is written once for each level.
    levels: Vec<Vec<File>>,
}

impl Sorter {
    pub fn new(space: &Space) -> Self {
        Self {
            dir: space.dir.clone(),
            bytes: space.bytes,
            buffer: Vec::new(),
            levels: Vec::new(),
        }
    }

    pub fn push(&mut self, record: Record) -> Result<()> {
        // Growing doubles what is held, for a moment.
        if self.buffer.len() == self.buffer.capacity()
            && !self.buffer.is_empty()
            && self.buffer.len() * RECORD * 3 > self.bytes
        {
            self.put_aside()?;
        }
        self.buffer.push(record);
        Ok(())
    }

    fn put_aside(&mut self) -> Result<()> {
        self.buffer.sort_unstable();
        let records = std::mem::take(&mut self.buffer);
        let file = self.write(records.iter().copied().map(Ok))?;
        self.buffer = records;
        self.buffer.clear();
        self.add(0, file)
    }

    fn add(&mut self, level: usize, file: File) -> Result<()> {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(file);
        if self.levels[level].len() < FAN_IN {
            return Ok(());
        }
        let files = std::mem::take(&mut self.levels[level]);
        let merged = self.write(Merge::new(files, self.bytes)?)?;
        self.add(level + 1, merged)
    }

    fn write(&self, records: impl Iterator<Item = Result<Record>>) -> Result<File> {
        let file = tempfile::tempfile_in(&self.dir)?;
        let mut file = BufWriter::with_capacity((self.bytes / FAN_IN).max(PIECE), file);
        for record in records {
            let (key, value) = record?;
            file.write_all(&key.to_le_bytes())?;
            file.write_all(&value.to_le_bytes())?;
        }
        let mut file = file.into_inner().map_err(|e| e.into_error())?;
        file.rewind()?;
        Ok(file)
    }

    /// Everything that was pushed, in order.
    pub fn sorted(mut self) -> Result<Sorted> {
        if self.levels.is_empty() {
            self.buffer.sort_unstable();
            return Ok(Sorted::Memory(self.buffer.into_iter()));
        }
        if !self.buffer.is_empty() {
            self.put_aside()?;
        }
        self.buffer = Vec::new();
        let files = self.levels.into_iter().flatten().collect();
        Ok(Sorted::Files(Merge::new(files, self.bytes)?))
    }
}

/// Records in order.
pub(crate) enum Sorted {
    Memory(std::vec::IntoIter<Record>),
    Files(Merge),
}

impl Iterator for Sorted {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Memory(records) => records.next().map(Ok),
            Self::Files(merge) => merge.next(),
        }
    }
}

/// Sorted files as one.
pub(crate) struct Merge {
    files: Vec<BufReader<File>>,
    next: BinaryHeap<Reverse<(Record, usize)>>,
}

impl Merge {
    fn new(files: Vec<File>, bytes: usize) -> Result<Self> {
        let piece = (bytes / files.len().max(1)).clamp(PIECE, 1 << 20);
        let files = files
            .into_iter()
            .map(|file| BufReader::with_capacity(piece, file));
        let mut merge = Self {
            files: files.collect(),
            next: BinaryHeap::new(),
        };
        for file in 0..merge.files.len() {
            merge.read(file)?;
        }
        Ok(merge)
    }

    fn read(&mut self, file: usize) -> Result<()> {
        let mut bytes = [0; RECORD];
        match self.files[file].read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        let (key, value) = bytes.split_at(RECORD / 2);
        let number = |bytes: &[u8]| {
            let bytes = bytes.try_into().map_err(|_| ErrorKind::InvalidData)?;
            Ok::<_, Error>(u64::from_le_bytes(bytes))
        };
        let record = (number(key)?, number(value)?);
        self.next.push(Reverse((record, file)));
        Ok(())
    }
}

impl Iterator for Merge {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((record, file)) = self.next.pop()?;
        Some(self.read(file).map(|()| record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_give_the_same_order_as_memory() {
        let mut seed = 1u64;
        let mut number = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 50
        };
        let records: Vec<Record> = (0..40_000).map(|_| (number(), number())).collect();
        let mut expected = records.clone();
        expected.sort_unstable();
        // With the least memory, there are more files than are merged at once, on three levels.
        for bytes in [usize::MAX / 4, 1 << 16, 64] {
            let dir = std::env::temp_dir();
            let mut sorter = Sorter::new(&Space { dir, bytes });
            for &record in &records {
                sorter.push(record).unwrap();
            }
            assert_eq!(sorter.levels.is_empty(), bytes > 1 << 20);
            let sorted: Result<Vec<Record>> = sorter.sorted().unwrap().collect();
            assert_eq!(sorted.unwrap(), expected);
        }
    }
}
