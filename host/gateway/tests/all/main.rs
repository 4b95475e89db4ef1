//! The gateway over real HTTP, with a real registry and real components.

#![allow(
    clippy::unwrap_used,
    reason = "a failed assumption in a test should stop that test"
)]

mod access;
mod bodies;
mod console;
mod deployments;
mod guest;
mod host;
mod identity;
mod interface;
mod keys;
mod lifetime;
mod limits;
#[path = "../../../inference/tests/all/onnx.rs"]
#[allow(
    dead_code,
    reason = "it is shared with the tests of the inference crate"
)]
mod onnx;
mod problems;
mod protocols;
