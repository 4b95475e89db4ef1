//! Write Steward plugins in Rust.
//!
//! A plugin is a type that implements the trait of its kind, and one line that exports it:
//!
//! ```
//! use steward_sdk::cleaner::{Cleaned, Change, Cleaner, Document, Error, Outcome};
//!
//! struct Trim;
//!
//! impl Cleaner for Trim {
//!     fn new() -> Result<Self, Error> {
//!         Ok(Self)
//!     }
//!
//!     fn clean(&self, batch: Vec<Document>) -> Result<Vec<Outcome>, Error> {
//!         Ok(batch
//!             .into_iter()
//!             .map(|document| {
//!                 let text = document.text.trim();
//!                 if text.len() == document.text.len() {
//!                     return Outcome::Kept;
//!                 }
//!                 let changes = vec![Change { rule: "trim".into(), count: 1 }];
//!                 Outcome::Changed(Cleaned { text: text.into(), changes })
//!             })
//!             .collect())
//!     }
//! }
//!
//! steward_sdk::export_cleaner!(Trim);
//! # fn main() {}
//! ```
//!
//! | module | what a plugin does with it |
//! | --- | --- |
//! | [`cleaner`], [`anonymizer`], [`labeller`], [`team`], [`feedback`] | implement the trait of its kind |
//! | [`config`] | read the configuration of the deployed function |
//! | [`log`] | write lines that `steward function logs` shows |
//! | [`inference`] | use models that the host runs (not for cleaners) |
//! | [`privacy`] | ask about datasets and get answers with noise (functions, feedback) |
//! | [`secrets`] | read secrets of the tenant (functions) |
//! | [`events`] | append to the log of events and query it (functions, team, feedback) |
//! | [`text`] | turn byte ranges into the code points of the contract |
//! | `testing` | run all of it natively under `cargo test` (not part of WebAssembly builds) |
#![deny(missing_docs)]

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod allocator;
pub mod anonymizer;
#[doc(hidden)]
pub mod bindings;
pub mod cleaner;
pub mod config;
pub mod events;
pub mod feedback;
pub mod inference;
pub mod labeller;
pub mod log;
pub mod panic;
pub mod privacy;
pub mod secrets;
pub mod team;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod text;

pub use bindings::imports::steward::types::types::{Document, Error, LabelScore, Span};
