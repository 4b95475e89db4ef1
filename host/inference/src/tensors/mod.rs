//! Models of any kind: tensors in, tensors out.

mod check;
mod graph;
mod infer;
mod runner;
mod sequence;
mod signature;
mod tensor;

pub use infer::{MAX_INPUT_BYTES, MAX_OUTPUT_BYTES};
pub(crate) use runner::{Opening, Tensors};
pub use sequence::{MAX_CALLS_OF_SEQUENCE, MAX_SEQUENCE_NAME_BYTES, Sequence};
pub use signature::{Port, Signature};
pub use tensor::{ElementType, Tensor, TensorData};
