//! Reads lines of bounded length from a file of any size.

use std::io::{BufRead, Result};

use sha2::{Digest as _, Sha256};

use crate::Fault;

/// How much of a line that is too long is kept to show, in bytes.
pub const SHOWN_BYTES: usize = 512;

/// A line that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// 1 for the first line of the file; blank lines count. Of Parquet, the number of the row.
    pub number: u64,
    /// A row as JSON, without a line ending. Where it is none, what stands in the file: of a line that is too long,
    /// only its beginning.
    pub bytes: Vec<u8>,
    /// Why it is no row, where that is known.
    pub fault: Option<Fault>,
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By the end of the file.
    File,
    Lf,
    CrLf,
}

impl Ending {
    pub fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::File => b"",
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }
}

/// Any line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawLine {
    pub number: u64,
    /// Without the ending, and without a byte order mark.
    pub bytes: Vec<u8>,
    pub ending: Ending,
    pub fault: Option<Fault>,
}

impl RawLine {
    pub fn is_blank(&self) -> bool {
        self.fault.is_none() && self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

/// Lines of bytes, one after the other.
pub(crate) trait RawLines: Send {
    fn next_raw(&mut self) -> Result<Option<RawLine>>;
    /// Bytes read so far.
    fn read(&self) -> u64;
    /// Digest and number of the bytes read.
    fn finish(self: Box<Self>) -> ([u8; 32], u64);
}

/// Reads lines and computes the digest of everything read.
pub struct Lines<R> {
    reader: R,
    max_bytes: usize,
    number: u64,
    read: u64,
    hasher: Sha256,
}

impl<R: BufRead> Lines<R> {
    /// Lines of at most `max_bytes`, their endings not counted.
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
    ///
    /// # Errors
    /// Those of the reader.
    #[allow(clippy::should_implement_trait, reason = "it can fail")]
    pub fn next(&mut self) -> Result<Option<Line>> {
        while let Some(line) = self.next_line()? {
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

    fn next_line(&mut self) -> Result<Option<RawLine>> {
        let mut bytes = Vec::new();
        let mut too_long = false;
        let mut any = false;
        let mut ending = Ending::File;
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
            let newline = memchr(available);
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
                ending = Ending::Lf;
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        if !too_long && bytes.last() == Some(&b'\r') {
            bytes.pop();
            if ending == Ending::Lf {
                ending = Ending::CrLf;
            }
        }
        if too_long || bytes.len() > self.max_bytes {
            too_long = true;
            bytes.truncate(SHOWN_BYTES);
            bytes.shrink_to_fit();
        }
        if self.number == 1 && bytes.starts_with(b"\xEF\xBB\xBF") {
            bytes.drain(..3);
        }
        Ok(Some(RawLine {
            number: self.number,
            bytes,
            ending,
            fault: too_long.then_some(Fault::TooLong(self.max_bytes)),
        }))
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|b| *b == b'\n')
}

impl<R: BufRead + Send> RawLines for Lines<R> {
    fn next_raw(&mut self) -> Result<Option<RawLine>> {
        self.next_line()
    }

    fn read(&self) -> u64 {
        self.read
    }

    fn finish(self: Box<Self>) -> ([u8; 32], u64) {
        Lines::finish(*self)
    }
}

/// Lines of UTF-16, which has zeros and line feeds inside of other characters.
pub(crate) struct WideLines<R> {
    reader: R,
    big_endian: bool,
    max_bytes: usize,
    /// The first half of a unit whose second has not come.
    half: Option<u8>,
    number: u64,
    read: u64,
    hasher: Sha256,
}

impl<R: BufRead> WideLines<R> {
    /// Lines of at most `max_bytes` as they stand in the file, two bytes for most characters.
    pub fn new(reader: R, big_endian: bool, max_bytes: usize) -> Self {
        Self {
            reader,
            big_endian,
            max_bytes,
            half: None,
            number: 0,
            read: 0,
            hasher: Sha256::new(),
        }
    }
}

impl<R: BufRead + Send> RawLines for WideLines<R> {
    fn next_raw(&mut self) -> Result<Option<RawLine>> {
        let unit = |pair: [u8; 2]| match self.big_endian {
            true => u16::from_be_bytes(pair),
            false => u16::from_le_bytes(pair),
        };
        let mut bytes = Vec::new();
        let mut too_long = false;
        let mut any = false;
        let mut ending = Ending::File;
        while ending == Ending::File {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            if available.is_empty() {
                // A file that is cut inside of a unit: the half stands for itself, and is not decoded.
                if let Some(half) = self.half.take() {
                    any = true;
                    bytes.push(half);
                }
                break;
            }
            any = true;
            let mut used = 0;
            while used < available.len() {
                let second = available[used];
                used += 1;
                let Some(first) = self.half.take() else {
                    self.half = Some(second);
                    continue;
                };
                if unit([first, second]) == u16::from(b'\n') {
                    ending = Ending::Lf;
                    break;
                }
                // Two bytes more than allowed are kept, for a `\r` that belongs to the line ending.
                if bytes.len() <= self.max_bytes {
                    bytes.extend_from_slice(&[first, second]);
                } else {
                    too_long = true;
                }
            }
            self.hasher.update(&available[..used]);
            self.read += used as u64;
            self.reader.consume(used);
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        if let (false, [.., first, second]) = (too_long, &bytes[..])
            && unit([*first, *second]) == u16::from(b'\r')
            && ending == Ending::Lf
        {
            bytes.truncate(bytes.len() - 2);
            ending = Ending::CrLf;
        }
        if too_long || bytes.len() > self.max_bytes {
            too_long = true;
            bytes.truncate(SHOWN_BYTES);
        }
        if let (1, [first, second, ..]) = (self.number, &bytes[..])
            && unit([*first, *second]) == 0xFEFF
        {
            bytes.drain(..2);
        }
        Ok(Some(RawLine {
            number: self.number,
            bytes,
            ending,
            fault: too_long.then_some(Fault::TooLong(self.max_bytes / 2)),
        }))
    }

    fn read(&self) -> u64 {
        self.read
    }

    fn finish(self: Box<Self>) -> ([u8; 32], u64) {
        (self.hasher.finalize().into(), self.read)
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
        assert!(lines[0].fault.is_some());
        assert_eq!(lines[0].bytes.len(), SHOWN_BYTES);
        assert_eq!(
            (lines[1].number, lines[1].bytes.as_slice()),
            (2, &b"short"[..])
        );
        // The limit counts the line, not its ending.
        assert!(all(b"12345\r\n", 5, 3)[0].fault.is_none());
        assert!(all(b"123456\n", 5, 3)[0].fault.is_some());
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

    fn wide(text: &str, big_endian: bool, cut: usize, buffer: usize) -> Vec<RawLine> {
        let units = text.encode_utf16();
        let mut data: Vec<u8> = match big_endian {
            true => units.flat_map(u16::to_be_bytes).collect(),
            false => units.flat_map(u16::to_le_bytes).collect(),
        };
        data.truncate(data.len() - cut);
        let reader = BufReader::with_capacity(buffer, &data[..]);
        let mut lines: Box<dyn RawLines + '_> = Box::new(WideLines::new(reader, big_endian, 1000));
        let mut found = Vec::new();
        while let Some(line) = lines.next_raw().unwrap() {
            found.push(line);
        }
        assert_eq!(lines.finish().1, data.len() as u64);
        found
    }

    #[test]
    fn wide_lines_end_at_line_feeds_and_not_inside_of_characters() {
        // U+0A0A, U+0D0A and U+0A00 have the bytes of line endings in them.
        let text = "\u{FEFF}\u{0A0A}\u{0D0A}\r\n\u{0A00}x\n\nend";
        for big_endian in [true, false] {
            for buffer in [1, 3, 4096] {
                let lines = wide(text, big_endian, 0, buffer);
                let lengths: Vec<_> = lines.iter().map(|l| (l.bytes.len(), l.ending)).collect();
                let expected = [
                    (4, Ending::CrLf),
                    (4, Ending::Lf),
                    (0, Ending::Lf),
                    (6, Ending::File),
                ];
                assert_eq!(lengths, expected);
                assert_eq!(wide(text, big_endian, 1, buffer)[3].bytes.len(), 5);
            }
        }
        assert!(wide(&"x".repeat(501), false, 0, 7)[0].fault.is_some());
        assert!(
            wide(&format!("{}\r\n", "x".repeat(500)), false, 0, 7)[0]
                .fault
                .is_none()
        );
    }
}
