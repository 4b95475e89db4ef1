//! The life of a model on a real registry and a real ONNX Runtime, with models made for one question.
#![allow(clippy::unwrap_used)] // Helpers of tests stop the test, as the tests themselves do.

mod deploying;
mod hosts;
mod knowing;
mod measuring;
#[allow(
    dead_code,
    reason = "it is shared with the tests of the inference crate"
)]
#[path = "../../../inference/tests/all/onnx.rs"]
mod onnx;
mod rolling_back;
mod shadowing;
mod splitting;
mod support;
