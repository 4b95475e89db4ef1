//! Runs plugins natively, under `cargo test`, against a host that a test describes.
//!
//! ```
//! use steward_sdk::{config, log, testing::Host};
//!
//! let host = Host::new().config("min_chars", "5").enter();
//! assert_eq!(config::parse_or("min_chars", 0usize)?, 5);
//! log::info!("read");
//! assert_eq!(host.log()[0].message, "read");
//! # Ok::<(), steward_sdk::Error>(())
//! ```
//!
//! [`cleaner_cases`], [`anonymizer_cases`], [`labeller_cases`], [`team_cases`], [`feedback_cases`] and [`step_cases`] run
//! `tests/cases.jsonl`, the file that
//! `steward plugin test` runs against the component.

mod calls;
mod cases;
pub(crate) mod dataset;
pub(crate) mod events;
pub(crate) mod host;
mod json;
mod services;

pub use calls::{
    anonymizer_cases, call_anonymizer, call_cleaner, call_feedback, call_labeller, call_step,
    call_team, cleaner_cases, feedback_cases, labeller_cases, step_cases, team_cases,
};
pub use cases::{CallError, Case, CasesError, MAX_CASES_BYTES, difference, parse_cases};
pub use dataset::Dataset;
pub use host::{Entered, Host, Line, Model};
pub use services::{Given, Recorded, Replay};
