//! Questions, answers and the ledger, on real databases.
// A failed assumption should stop the test.
#![allow(clippy::unwrap_used)]

mod crash;
mod garbage;
mod ledger;
mod questions;
mod recall;
mod support;
