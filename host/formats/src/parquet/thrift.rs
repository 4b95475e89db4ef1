//! Thrift's compact protocol, as far as it takes to look at what a Parquet file says of itself before it is believed.
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// Why bytes are not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// They end too early; with more of them it may go on.
    Short,
    /// They are no Thrift, or nested without an end.
    Bad,
}

/// How deep structures may lie in each other.
const MAX_DEPTH: usize = 32;

/// The kind of a value.
pub(super) type Kind = u8;
pub(super) const TRUE: Kind = 1;
pub(super) const FALSE: Kind = 2;
pub(super) const LIST: Kind = 9;
pub(super) const STRUCT: Kind = 12;

/// Reads values one after the other.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub fn at(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8, Wrong> {
        let byte = *self.bytes.get(self.at).ok_or(Wrong::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip_bytes(&mut self, count: u64) -> Result<(), Wrong> {
        let left = (self.bytes.len() - self.at) as u64;
        match count <= left {
            true => {
                self.at += count as usize;
                Ok(())
            }
            false => Err(Wrong::Short),
        }
    }

    /// A number of seven bits a byte, the lowest first.
    pub fn varint(&mut self) -> Result<u64, Wrong> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Wrong::Bad)
    }

    /// A number with its sign in the lowest bit.
    pub fn int(&mut self) -> Result<i64, Wrong> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Calls `each` with the number and kind of every field of a structure; it must read or skip the value.
    pub fn structure(
        &mut self,
        mut each: impl FnMut(&mut Self, i64, Kind) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        let mut field = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            field = match i64::from(head >> 4) {
                0 => self.int()?,
                step => field + step,
            };
            each(self, field, head & 0x0F)?;
        }
    }

    /// The head of a list: the kind of its items, and how many there are.
    pub fn list(&mut self) -> Result<(Kind, u64), Wrong> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            short => u64::from(short),
        };
        // Each item has a byte at least.
        match count <= (self.bytes.len() - self.at) as u64 {
            true => Ok((head & 0x0F, count)),
            false => Err(Wrong::Short),
        }
    }

    /// Skips the value of a field.
    pub fn skip(&mut self, kind: Kind) -> Result<(), Wrong> {
        self.skip_at(kind, false, 0)
    }

    fn skip_at(&mut self, kind: Kind, in_list: bool, depth: usize) -> Result<(), Wrong> {
        if depth == MAX_DEPTH {
            return Err(Wrong::Bad);
        }
        match kind {
            // The kind of a field says it; an item of a list has a byte.
            TRUE | FALSE => match in_list {
                true => self.skip_bytes(1),
                false => Ok(()),
            },
            3 => self.skip_bytes(1),
            4..=6 => self.varint().map(drop),
            7 => self.skip_bytes(8),
            8 => {
                let length = self.varint()?;
                self.skip_bytes(length)
            }
            LIST | 10 => {
                let (kind, count) = self.list()?;
                for _ in 0..count {
                    self.skip_at(kind, true, depth + 1)?;
                }
                Ok(())
            }
            11 => {
                let count = self.varint()?;
                if count > 0 {
                    let kinds = self.byte()?;
                    for _ in 0..count {
                        self.skip_at(kinds >> 4, true, depth + 1)?;
                        self.skip_at(kinds & 0x0F, true, depth + 1)?;
                    }
                }
                Ok(())
            }
            STRUCT => {
                let mut field = 0;
                loop {
                    let head = self.byte()?;
                    if head == 0 {
                        return Ok(());
                    }
                    field = match i64::from(head >> 4) {
                        0 => self.int()?,
                        step => field + step,
                    };
                    self.skip_at(head & 0x0F, false, depth + 1)?;
                }
            }
            _ => Err(Wrong::Bad),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_skipped_whole() {
        // 1: i32 -1; 2: list of two strings; 20: true; end.
        let bytes = [0x15, 0x01, 0x19, 0x28, 0x01, b'a', 0x00, 0x01, 0x28, 0x00];
        let mut seen = Vec::new();
        let mut reader = Reader::new(&bytes);
        let read = reader.structure(|reader, field, kind| {
            seen.push((field, kind));
            reader.skip(kind)
        });
        assert_eq!(read, Ok(()));
        assert_eq!(seen, [(1, 5), (2, LIST), (20, TRUE)]);
        assert_eq!(reader.at(), bytes.len());
        assert_eq!(
            Reader::new(&[0x19, 0xF8, 0xFF, 0xFF, 0xFF, 0x7F]).structure(|r, _, k| r.skip(k)),
            Err(Wrong::Short)
        );
        assert_eq!(
            Reader::new(&[0x1C; 1000]).structure(|r, _, k| r.skip(k)),
            Err(Wrong::Bad)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            let _ = reader.structure(|reader, _, kind| reader.skip(kind));
            prop_assert!(reader.at() <= bytes.len());
        }
    }
}
