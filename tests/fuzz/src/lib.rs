//! Fuzzing without a second compiler: a target is a plain function of bytes around parsers of what comes from outside;
//! inputs are mutations of a few good ones. A run of a seed is the same every time. `docs/security.md` says which parser
//! is tried by which target, and which by something else.
//!
//! `make fuzz` runs the targets for a while; `cargo test` runs a fixed share of a fixed seed.
#![deny(missing_docs)]

mod asked;
mod documents;
mod messages;
mod mutate;
mod runner;
mod targets;
mod wasm;

pub use mutate::Rng;
pub use runner::{Finding, Runner, SLOW};
pub use targets::{TARGETS, Target};
