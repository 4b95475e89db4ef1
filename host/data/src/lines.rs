//! Reads lines of bounded length from a file of any size.

use std::io::{BufRead, Result};

use sha2::{Digest as _, Sha256};

/// How much of a line is kept to show in the rejects file, in bytes.
pub(crate) const SHOWN_BYTES: usize = 512;

/// A line that is not blank.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// 1 for the first line of the file; blank lines count.
    pub number: u64,
    /// Without the line ending. Where the line is too long, only its beginning.
    pub bytes: Vec<u8>,
    /// Whether the rest of the line was skipped.
    pub too_long: bool,
}

/// Reads lines and computes the digest of everything read.
pub(crate) struct Lines<R> {
    reader: R,
    max_bytes: usize,
    number: u64,
    read: u64,
    hasher: Sha256,
}

impl<R: BufRead> Lines<R> {
    pub fn new(reader: R, max_bytes: usize) -> Self {
        Self {
            reader,
            max_bytes,
            number: 0,
            read: 0,
            hasher: Sha256::new(),
        }
    }

    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Digest and number of the bytes read.
    pub fn finish(self) -> ([u8; 32], u64) {
        (self.hasher.finalize().into(), self.read)
    }

    /// The next line that is not blank; none at the end.
    pub fn next(&mut self) -> Result<Option<Line>> {
        while let Some(mut line) = self.next_raw()? {
            if line.number == 1 && line.bytes.starts_with(b"\xEF\xBB\xBF") {
                line.bytes.drain(..3);
            }
            if line.too_long || !line.bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    fn next_raw(&mut self) -> Result<Option<Line>> {
        let mut bytes = Vec::new();
        let mut too_long = false;
        let mut any = false;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            if available.is_empty() {
                break;
            }
            any = true;
            let newline = available.iter().position(|b| *b == b'\n');
            let content = &available[..newline.unwrap_or(available.len())];
            if !too_long {
                // One byte more than allowed is kept, for a `\r` that belongs to the line ending.
                let room = (self.max_bytes + 1).saturating_sub(bytes.len());
                bytes.extend_from_slice(&content[..content.len().min(room)]);
                too_long = content.len() > room;
            }
            let used = content.len() + usize::from(newline.is_some());
            self.hasher.update(&available[..used]);
            self.read += used as u64;
            self.reader.consume(used);
            if newline.is_some() {
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        if !too_long && bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        if too_long || bytes.len() > self.max_bytes {
            too_long = true;
            bytes.truncate(SHOWN_BYTES);
            bytes.shrink_to_fit();
        }
        Ok(Some(Line {
            number: self.number,
            bytes,
            too_long,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn all(data: &[u8], max: usize, buffer: usize) -> Vec<Line> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, data), max);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(line);
        }
        let (digest, read) = lines.finish();
        assert_eq!(read, data.len() as u64);
        assert_eq!(digest, <[u8; 32]>::from(Sha256::digest(data)));
        found
    }

    #[test]
    fn endings_blank_lines_and_byte_order_marks() {
        let lines = all(b"\xEF\xBB\xBFa\r\n\n \t\nb\nc", 10, 4);
        let seen: Vec<_> = lines
            .iter()
            .map(|l| (l.number, l.bytes.as_slice()))
            .collect();
        assert_eq!(seen, [(1, &b"a"[..]), (4, b"b"), (5, b"c")]);
        assert!(all(b"", 10, 4).is_empty());
        assert!(all(b"\n\n", 10, 4).is_empty());
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let mut data = vec![b'x'; 5000];
        data.extend_from_slice(b"\nshort\n");
        let lines = all(&data, 1000, 64);
        assert!(lines[0].too_long);
        assert_eq!(lines[0].bytes.len(), SHOWN_BYTES);
        assert_eq!(
            (lines[1].number, lines[1].bytes.as_slice()),
            (2, &b"short"[..])
        );
        // The limit counts the line, not its ending.
        assert!(!all(b"12345\r\n", 5, 3)[0].too_long);
        assert!(all(b"123456\n", 5, 3)[0].too_long);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_the_buffer(
            data in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..400),
            max in 1usize..40,
            buffer in 1usize..50,
        ) {
            let lines = all(&data, max, buffer);
            prop_assert_eq!(&lines, &all(&data, max, 4096));
            for line in lines {
                prop_assert!(line.bytes.len() <= max.max(SHOWN_BYTES));
                prop_assert!(!line.bytes.contains(&b'\n'));
            }
        }
    }
}
