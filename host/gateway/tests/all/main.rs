//! The gateway over real HTTP, with a real registry and real components.

#![allow(
    clippy::unwrap_used,
    reason = "a failed assumption in a test should stop that test"
)]

mod access;
mod bodies;
mod guest;
mod host;
mod interface;
mod keys;
mod lifetime;
mod limits;
mod problems;
