//! What rows are compared by, each found by its number.

use std::fs::File;
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::Space;

/// Pieces of bytes, written once, in order, and read in any order. The last ones are in memory, the others in a file.
pub(crate) struct Blobs {
    dir: PathBuf,
    bytes: usize,
    file: Option<File>,
    /// How many bytes are in the file.
    put_aside: u64,
    memory: Vec<u8>,
    /// Where each piece ends.
    ends: Vec<u64>,
}

impl Blobs {
    pub fn new(space: &Space) -> Self {
        Self {
            dir: space.dir.clone(),
            bytes: space.bytes,
            file: None,
            put_aside: 0,
            memory: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// How many pieces there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a piece.
    pub fn push(&mut self, piece: impl IntoIterator<Item = [u8; 4]>) -> Result<()> {
        self.memory.extend(piece.into_iter().flatten());
        self.ends.push(self.put_aside + self.memory.len() as u64);
        if self.memory.len() > self.bytes {
            if self.file.is_none() {
                self.file = Some(tempfile::tempfile_in(&self.dir)?);
            }
            if let Some(file) = &mut self.file {
                file.write_all(&self.memory)?;
            }
            self.put_aside += self.memory.len() as u64;
            self.memory.clear();
        }
        Ok(())
    }

    fn range(&self, row: u32) -> (u64, usize) {
        let row = row as usize;
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        (start, (self.ends[row] - start) as usize)
    }

    /// How long a piece is, in bytes.
    pub fn size(&self, row: u32) -> usize {
        self.range(row).1
    }

    /// Reads a piece.
    pub fn read<T>(&self, row: u32, take: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let (start, size) = self.range(row);
        if let Some(start) = start.checked_sub(self.put_aside) {
            let start = start as usize;
            return Ok(take(&self.memory[start..start + size]));
        }
        let mut bytes = vec![0; size];
        let file = self.file.as_ref();
        let file = file.ok_or_else(|| Error::from(ErrorKind::NotFound))?;
        file.read_exact_at(&mut bytes, start)?;
        Ok(take(&bytes))
    }
}

/// The numbers of a piece.
pub(crate) fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> + '_ {
    bytes.as_chunks().0.iter().copied()
}
