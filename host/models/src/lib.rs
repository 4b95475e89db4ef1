//! Registered models, opened by name: what the registry knows, laid out as files and run by the inference engine.
//!
//! HTTP, guests and jobs come through [`Models::open`] alike.
#![deny(missing_docs)]

mod error;
mod models;

pub use error::ModelError;
pub use models::{MODEL_FILE, Models, TOKENIZER_FILE};
