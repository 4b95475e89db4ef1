//! A walk over the bytes of a file before anything of it is decoded.
//!
//! Two bytes of protobuf can become a message of hundreds of bytes in memory, messages can nest without end, and a
//! decoder drops the fields that it does not know. The walk therefore counts what decoding would make, measures how
//! deep it nests, and refuses fields that would be lost; it allocates nothing.

use crate::error::OnnxError;
use crate::limits::Limits;

/// What a field holds.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// One number, or repeated numbers as ONNX writes them: one by one or packed.
    Varint,
    F32,
    F64,
    /// Text or bytes, one or many.
    Bytes,
    Message(&'static Shape),
}

/// A message: its name and its fields by number.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [(u32, Kind)],
}

use Kind::{Bytes, F32, F64, Message, Varint};

macro_rules! shapes {
    ($($name:ident = $text:literal { $($number:literal : $kind:expr),+ $(,)? })+) => {
        $(pub(crate) static $name: Shape = Shape { name: $text, fields: &[$(($number, $kind)),+] };)+
    };
}

shapes! {
    MODEL = "ModelProto" {
        1: Varint, 2: Bytes, 3: Bytes, 4: Bytes, 5: Varint, 6: Bytes, 7: Message(&GRAPH),
        8: Message(&OPSET), 14: Message(&PAIR), 20: Message(&TRAINING), 25: Message(&FUNCTION),
        26: Message(&CONFIGURATION),
    }
    GRAPH = "GraphProto" {
        1: Message(&NODE), 2: Bytes, 5: Message(&TENSOR), 10: Bytes, 11: Message(&VALUE),
        12: Message(&VALUE), 13: Message(&VALUE), 14: Message(&ANNOTATION), 15: Message(&SPARSE),
        16: Message(&PAIR),
    }
    NODE = "NodeProto" {
        1: Bytes, 2: Bytes, 3: Bytes, 4: Bytes, 5: Message(&ATTRIBUTE), 6: Bytes, 7: Bytes,
        8: Bytes, 9: Message(&PAIR), 10: Message(&NODE_DEVICES),
    }
    ATTRIBUTE = "AttributeProto" {
        1: Bytes, 2: F32, 3: Varint, 4: Bytes, 5: Message(&TENSOR), 6: Message(&GRAPH), 7: F32,
        8: Varint, 9: Bytes, 10: Message(&TENSOR), 11: Message(&GRAPH), 13: Bytes,
        14: Message(&TYPE), 15: Message(&TYPE), 20: Varint, 21: Bytes, 22: Message(&SPARSE),
        23: Message(&SPARSE),
    }
    TENSOR = "TensorProto" {
        1: Varint, 2: Varint, 3: Message(&SEGMENT), 4: F32, 5: Varint, 6: Bytes, 7: Varint,
        8: Bytes, 9: Bytes, 10: F64, 11: Varint, 12: Bytes, 13: Message(&PAIR), 14: Varint,
        16: Message(&PAIR),
    }
    SEGMENT = "TensorProto.Segment" { 1: Varint, 2: Varint }
    SPARSE = "SparseTensorProto" { 1: Message(&TENSOR), 2: Message(&TENSOR), 3: Varint }
    VALUE = "ValueInfoProto" { 1: Bytes, 2: Message(&TYPE), 3: Bytes, 4: Message(&PAIR) }
    TYPE = "TypeProto" {
        1: Message(&TENSOR_TYPE), 4: Message(&ELEMENT_TYPE), 5: Message(&MAP_TYPE), 6: Bytes,
        7: Message(&PAIR), 8: Message(&TENSOR_TYPE), 9: Message(&ELEMENT_TYPE),
    }
    TENSOR_TYPE = "TypeProto.Tensor" { 1: Varint, 2: Message(&SHAPE) }
    ELEMENT_TYPE = "TypeProto.Sequence" { 1: Message(&TYPE) }
    MAP_TYPE = "TypeProto.Map" { 1: Varint, 2: Message(&TYPE) }
    SHAPE = "TensorShapeProto" { 1: Message(&DIMENSION) }
    DIMENSION = "TensorShapeProto.Dimension" { 1: Varint, 2: Bytes, 3: Bytes }
    OPSET = "OperatorSetIdProto" { 1: Bytes, 2: Varint }
    PAIR = "StringStringEntryProto" { 1: Bytes, 2: Bytes }
    ANNOTATION = "TensorAnnotation" { 1: Bytes, 2: Message(&PAIR) }
    TRAINING = "TrainingInfoProto" {
        1: Message(&GRAPH), 2: Message(&GRAPH), 3: Message(&PAIR), 4: Message(&PAIR),
    }
    FUNCTION = "FunctionProto" {
        1: Bytes, 4: Bytes, 5: Bytes, 6: Bytes, 7: Message(&NODE), 8: Bytes, 9: Message(&OPSET),
        10: Bytes, 11: Message(&ATTRIBUTE), 12: Message(&VALUE), 13: Bytes, 14: Message(&PAIR),
    }
    CONFIGURATION = "DeviceConfigurationProto" { 1: Bytes, 2: Varint, 3: Bytes }
    NODE_DEVICES = "NodeDeviceConfigurationProto" { 1: Bytes, 2: Message(&SHARDING), 3: Varint }
    SHARDING = "ShardingSpecProto" {
        1: Bytes, 2: Varint, 3: Message(&INT_LIST), 4: Message(&SHARDED_DIM),
    }
    INT_LIST = "IntIntListEntryProto" { 1: Varint, 2: Varint }
    SHARDED_DIM = "ShardedDimProto" { 1: Varint, 2: Message(&SIMPLE_DIM) }
    SIMPLE_DIM = "SimpleShardedDimProto" { 1: Varint, 2: Bytes, 3: Varint }
}

/// How many messages may lie inside each other. A subgraph adds three levels, and the decoder stops at 100.
pub(crate) const MAX_NESTING: usize = 96;

/// Checks that the bytes are one whole `ModelProto` within `limits` and that decoding loses nothing of it.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), OnnxError> {
    let mut walk = Walk {
        parts: limits.max_parts,
        numbers: limits.max_numbers,
        limits,
    };
    walk.message(bytes, &MODEL, MAX_NESTING)
}

struct Walk<'a> {
    /// How many messages and texts may still come.
    parts: usize,
    /// How many numbers outside of raw data may still come.
    numbers: usize,
    limits: &'a Limits,
}

impl Walk<'_> {
    fn message(&mut self, bytes: &[u8], shape: &Shape, depth: usize) -> Result<(), OnnxError> {
        let Some(deeper) = depth.checked_sub(1) else {
            return Err(OnnxError::TooDeep {
                limit: MAX_NESTING,
                what: "messages",
            });
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let key = varint(&mut rest, shape)?;
            let (number, wire) = (key >> 3, key & 7);
            let known = shape
                .fields
                .iter()
                .find(|(field, _)| u64::from(*field) == number);
            let Some(&(_, kind)) = known else {
                return Err(damaged(format!(
                    "{} has a field number {number}, which ONNX does not define up to IR version 14",
                    shape.name
                )));
            };
            match (kind, wire) {
                (Varint, 0) => {
                    varint(&mut rest, shape)?;
                    self.count_numbers(1)?;
                }
                (Varint, 2) => {
                    let packed = take_prefixed(&mut rest, shape)?;
                    // Every number ends with the one byte whose highest bit is clear.
                    self.count_numbers(packed.iter().filter(|byte| **byte < 0x80).count())?;
                }
                (F32, 5) => {
                    take(&mut rest, 4, shape)?;
                    self.count_numbers(1)?;
                }
                (F64, 1) => {
                    take(&mut rest, 8, shape)?;
                    self.count_numbers(1)?;
                }
                (F32 | F64, 2) => {
                    take_prefixed(&mut rest, shape)?;
                }
                (Bytes, 2) => {
                    take_prefixed(&mut rest, shape)?;
                    self.count_part()?;
                }
                (Message(inner), 2) => {
                    let body = take_prefixed(&mut rest, shape)?;
                    self.count_part()?;
                    self.message(body, inner, deeper)?;
                }
                _ => {
                    return Err(damaged(format!(
                        "field {number} of {} is written in the wire type {wire}, which does not \
                         fit it",
                        shape.name
                    )));
                }
            }
        }
        Ok(())
    }

    fn count_part(&mut self) -> Result<(), OnnxError> {
        self.parts = self.parts.checked_sub(1).ok_or(OnnxError::TooMany {
            what: "nodes, tensors, attributes and names",
            limit: self.limits.max_parts,
        })?;
        Ok(())
    }

    fn count_numbers(&mut self, count: usize) -> Result<(), OnnxError> {
        self.numbers = self.numbers.checked_sub(count).ok_or(OnnxError::TooMany {
            what: "numbers outside of raw data",
            limit: self.limits.max_numbers,
        })?;
        Ok(())
    }
}

fn damaged(reason: String) -> OnnxError {
    OnnxError::NotAModel { reason }
}

fn varint(rest: &mut &[u8], shape: &Shape) -> Result<u64, OnnxError> {
    let mut value = 0_u64;
    for place in 0..10 {
        let Some((&byte, after)) = rest.split_first() else {
            return Err(cut(shape));
        };
        *rest = after;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(damaged(format!(
        "a number in {} is longer than ten bytes",
        shape.name
    )))
}

fn take<'a>(rest: &mut &'a [u8], count: usize, shape: &Shape) -> Result<&'a [u8], OnnxError> {
    let (taken, after) = rest.split_at_checked(count).ok_or_else(|| cut(shape))?;
    *rest = after;
    Ok(taken)
}

fn take_prefixed<'a>(rest: &mut &'a [u8], shape: &Shape) -> Result<&'a [u8], OnnxError> {
    let length = varint(rest, shape)?;
    let length = usize::try_from(length).map_err(|_| cut(shape))?;
    take(rest, length, shape)
}

fn cut(shape: &Shape) -> OnnxError {
    damaged(format!("it ends in the middle of {}", shape.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> Vec<u8> {
        // graph > node > attribute > graph …
        let inner = [1_u8, 5, 6];
        let mut bytes = Vec::new();
        for level in (0..levels).rev() {
            let field = if level == 0 {
                7
            } else {
                inner[(level - 1) % 3]
            };
            let mut outer = vec![field << 3 | 2];
            prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
            outer.extend(&bytes);
            bytes = outer;
        }
        bytes
    }

    #[test]
    fn nesting_is_bounded() {
        check(&nested(40), &Limits::default()).unwrap();
        let error = check(&nested(200), &Limits::default()).unwrap_err();
        assert!(matches!(error, OnnxError::TooDeep { .. }), "{error}");
    }

    #[test]
    fn empty_messages_are_counted() {
        let mut graph = Vec::new();
        for _ in 0..100 {
            graph.extend([0x0a, 0x00]);
        }
        let mut bytes = vec![7 << 3 | 2, 200, 1];
        bytes.extend(graph);
        let limits = Limits {
            max_parts: 100,
            ..Limits::default()
        };
        let error = check(&bytes, &limits).unwrap_err();
        assert!(matches!(error, OnnxError::TooMany { .. }), "{error}");
    }

    #[test]
    fn unknown_fields_are_refused() {
        let error = check(&[99 << 3 & 0x7f | 0x80, 0x06, 1], &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("field number"), "{error}");
    }
}
