//! Fuzzing without a second compiler: each parser of outside bytes is a target, a plain function of
//! bytes; inputs are mutations of a few good ones. A run of a seed is the same every time.
//!
//! `make fuzz` runs the targets for a while; `cargo test` runs a fixed share of a fixed seed.
#![deny(missing_docs)]

mod documents;
mod messages;
mod mutate;
mod runner;
mod targets;
mod wasm;

pub use mutate::Rng;
pub use runner::{Finding, Runner, SLOW};
pub use targets::{TARGETS, Target};
