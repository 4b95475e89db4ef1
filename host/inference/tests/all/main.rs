//! The contract of the crate, on real models and on small ones made for one question.
#![allow(clippy::unwrap_used)] // Helpers of tests stop the test, as the tests themselves do.

mod broken;
mod embedding;
mod engine;
mod heads;
mod limits;
mod long;
mod memory;
mod onnx;
mod pairs;
mod quantize;
mod sequences;
mod small;
mod stats;
mod support;
mod tensors;
mod tokens;
mod vocabulary;
