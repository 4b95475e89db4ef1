//! A look at a file for tensors that have their data elsewhere.
//!
//! The file is walked on the disk: what is no message is skipped, so that a gigabyte of weights costs nothing.

use std::io::{BufRead, Seek, SeekFrom};

use crate::error::OnnxError;
use crate::wire::{Kind, MAX_NESTING, MODEL, Shape, TENSOR};

/// The most bytes of a name that are read.
const MAX_NAME: u64 = 256;
/// The number of the name in a tensor, of its list of places, and of the field that says whether it is elsewhere.
const NAME: u64 = 8;
const PLACES: u64 = 13;
const LOCATION: u64 = 14;
/// What the field says of a tensor that has its data in another file.
const EXTERNAL: u32 = 1;

/// A tensor that has its data in another file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct External {
    /// Its name.
    pub tensor: String,
    /// The file, as the model names it.
    pub location: String,
}

/// The first tensor of a model file that has its data in another one, wherever in the model it is: among the weights,
/// in an attribute, in a subgraph or in a function.
///
/// # Errors
/// [`OnnxError::NotAModel`] for what is no protobuf message, [`OnnxError::TooDeep`] for one that nests too deep; and
/// the first again where the reader fails.
pub fn external_tensor(reader: &mut (impl BufRead + Seek)) -> Result<Option<External>, OnnxError> {
    let end = reader.seek(SeekFrom::End(0)).map_err(unread)?;
    reader.seek(SeekFrom::Start(0)).map_err(unread)?;
    let mut scan = Scan { reader, at: 0 };
    scan.message(&MODEL, end, MAX_NESTING)
}

struct Scan<'a, R> {
    reader: &'a mut R,
    /// How many bytes have been read or skipped.
    at: u64,
}

impl<R: BufRead + Seek> Scan<'_, R> {
    fn message(
        &mut self,
        shape: &'static Shape,
        end: u64,
        depth: usize,
    ) -> Result<Option<External>, OnnxError> {
        let Some(deeper) = depth.checked_sub(1) else {
            return Err(OnnxError::TooDeep {
                limit: MAX_NESTING,
                what: "messages",
            });
        };
        let is_tensor = std::ptr::eq(shape, &TENSOR);
        let (mut here, mut elsewhere) = (External::default(), false);
        while self.at < end {
            let key = self.varint()?;
            let number = key >> 3;
            match key & 7 {
                0 => {
                    let value = self.varint()?;
                    // As a decoder does, which keeps the lower half of a number that is too large.
                    elsewhere |= is_tensor && number == LOCATION && value as u32 == EXTERNAL;
                }
                1 => self.skip(8)?,
                5 => self.skip(4)?,
                2 => {
                    let length = self.varint()?;
                    let stop = self.at.checked_add(length).filter(|stop| *stop <= end);
                    let Some(stop) = stop else {
                        return Err(damaged(format!("it ends in the middle of {}", shape.name)));
                    };
                    let inner = shape
                        .fields
                        .iter()
                        .find(|(field, _)| u64::from(*field) == number);
                    match inner {
                        Some((_, Kind::Message(_))) if is_tensor && number == PLACES => {
                            let (key, value) = self.pair(stop)?;
                            if key == "location" {
                                here.location = value;
                            }
                        }
                        Some((_, Kind::Message(inner))) => {
                            if let Some(found) = self.message(inner, stop, deeper)? {
                                return Ok(Some(found));
                            }
                        }
                        _ if is_tensor && number == NAME => here.tensor = self.text(stop)?,
                        _ => self.skip(stop - self.at)?,
                    }
                }
                wire => {
                    return Err(damaged(format!(
                        "field {number} of {} is written in the wire type {wire}",
                        shape.name
                    )));
                }
            }
        }
        if self.at > end {
            return Err(damaged(format!("{} is longer than it says", shape.name)));
        }
        Ok(elsewhere.then_some(here))
    }

    /// A name with its value.
    fn pair(&mut self, end: u64) -> Result<(String, String), OnnxError> {
        let (mut key, mut value) = (String::new(), String::new());
        while self.at < end {
            let field = self.varint()?;
            let stop = match field & 7 {
                2 => {
                    let length = self.varint()?;
                    self.at.checked_add(length)
                }
                _ => None,
            };
            let Some(stop) = stop.filter(|stop| *stop <= end) else {
                return Err(damaged(
                    "the place of a tensor's data is not readable".into(),
                ));
            };
            match field >> 3 {
                1 => key = self.text(stop)?,
                2 => value = self.text(stop)?,
                _ => self.skip(stop - self.at)?,
            }
        }
        Ok((key, value))
    }

    /// The beginning of the text that ends at `stop`.
    fn text(&mut self, stop: u64) -> Result<String, OnnxError> {
        let length = (stop - self.at).min(MAX_NAME);
        let mut bytes = vec![0; length as usize];
        self.reader.read_exact(&mut bytes).map_err(unread)?;
        self.at += length;
        self.skip(stop - self.at)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn varint(&mut self) -> Result<u64, OnnxError> {
        let mut value = 0_u64;
        for place in 0..10 {
            let mut byte = [0];
            self.reader.read_exact(&mut byte).map_err(unread)?;
            self.at += 1;
            value |= u64::from(byte[0] & 0x7f) << (7 * place);
            if byte[0] < 0x80 {
                return Ok(value);
            }
        }
        Err(damaged("a number is longer than ten bytes".into()))
    }

    fn skip(&mut self, count: u64) -> Result<(), OnnxError> {
        let too_far = || damaged("a field is longer than the file".into());
        self.at = self.at.checked_add(count).ok_or_else(too_far)?;
        let count = i64::try_from(count).map_err(|_| too_far())?;
        self.reader.seek_relative(count).map_err(unread)
    }
}

fn damaged(reason: String) -> OnnxError {
    OnnxError::NotAModel { reason }
}

fn unread(error: std::io::Error) -> OnnxError {
    damaged(match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it ends in the middle of a field".into(),
        _ => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn field(number: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        prost::encoding::encode_varint(u64::from(number) << 3 | 2, &mut bytes);
        prost::encoding::encode_varint(body.len() as u64, &mut bytes);
        bytes.extend(body);
        bytes
    }

    fn tensor(location: u8, path: &str) -> Vec<u8> {
        let pair = [field(1, b"location"), field(2, path.as_bytes())].concat();
        let mut bytes = [field(8, b"weights"), field(13, &pair), field(9, &[0; 5000])].concat();
        bytes.extend([14 << 3, location]);
        bytes
    }

    fn scan(model: &[u8]) -> Result<Option<External>, OnnxError> {
        external_tensor(&mut Cursor::new(model))
    }

    #[test]
    fn data_elsewhere_is_found_wherever_it_is() {
        let path = "../../etc/passwd";
        let outside = tensor(1, path);
        let found = External {
            tensor: "weights".into(),
            location: path.into(),
        };
        let attribute = |number, body: &[u8]| field(1, &field(5, &field(number, body)));
        let graphs = [
            field(5, &outside),
            field(15, &field(1, &outside)),
            attribute(5, &outside),
            attribute(10, &outside),
            attribute(6, &field(5, &outside)),
            attribute(11, &attribute(22, &field(2, &outside))),
        ];
        for graph in &graphs {
            assert_eq!(scan(&field(7, graph)).unwrap().as_ref(), Some(&found));
        }
        let function = field(25, &field(7, &field(5, &field(5, &outside))));
        assert_eq!(scan(&function).unwrap(), Some(found));
        let inside = field(7, &field(5, &tensor(0, path)));
        assert_eq!(scan(&inside).unwrap(), None);
    }

    #[test]
    fn a_field_that_is_not_known_is_skipped() {
        let mut model = field(15, &[0xff; 9]);
        model.extend(field(7, &field(5, &tensor(1, "a"))));
        assert_eq!(scan(&model).unwrap().unwrap().location, "a");
    }

    #[test]
    fn what_is_cut_is_no_model() {
        let model = field(7, &field(5, &tensor(0, "a")));
        for end in 1..model.len() {
            assert!(scan(&model[..end]).is_err(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn noise_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = scan(&bytes);
            let _ = scan(&field(7, &field(5, &bytes)));
        }
    }
}
