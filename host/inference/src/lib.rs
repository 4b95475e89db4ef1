//! Models that the host runs natively: text in, vectors, labels or entities out.
//!
//! [`Inference`] loads models, each an ONNX file with its `tokenizer.json` and a [`ModelConfig`]; a [`Model`] answers
//! calls with batches of texts. ONNX Runtime is a shared library that is loaded when the first model is, so that a
//! host without models runs without it; where it is missing or broken, the error says where it was looked for.
//!
//! Guests and HTTP clients come through the same functions. This crate knows neither: no WebAssembly, no HTTP, no
//! SQL.
//!
//! ```no_run
//! use steward_inference::{Inference, InferenceConfig, ModelConfig, ModelFiles, Task};
//!
//! # async fn example() -> Result<(), steward_inference::InferenceError> {
//! let inference = Inference::new(InferenceConfig::default());
//! let files = ModelFiles { model: "minilm/model.onnx".into(), tokenizer: Some("minilm/tokenizer.json".into()) };
//! let model = inference.load("default/minilm@1.0.0", &files, &ModelConfig::new(Task::Embed)).await?;
//! let vectors = model.embed(&["hello".to_owned(), "你好".to_owned()]).await?;
//! assert_eq!(vectors.len(), 2);
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]

mod batch;
mod classify;
mod config;
mod embed;
mod engine;
mod error;
mod graph;
mod library;
mod model;
mod quantize;
mod queue;
mod reduce;
mod session;
mod shared;
mod shared_object;
mod stats;
mod token;
mod tokenize;

pub use classify::{LabelExamples, LabelScore, TEMPERATURE};
pub use config::{MAX_LABELS, MAX_TOKENS, ModelConfig, ModelFiles, Pooling, Task};
pub use engine::{Inference, InferenceConfig, LoadedModel};
pub use error::{Attempt, InferenceError};
pub use model::{MAX_CALL_BYTES, MAX_TEXT_BYTES, MAX_TEXTS, MAX_WINDOWS, Model};
pub use quantize::{
    KeptLayer, MAX_EVALUATION_TEXTS, MIN_EVALUATION_TEXTS, Precision, Quantization, Quantized,
    Similarity, VariantReport,
};
pub use queue::Caller;
pub use stats::{BatchStats, Device, ModelStats, Timing};
pub use token::Entity;
