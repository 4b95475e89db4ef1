//! Models that the host runs natively: text in, vectors, labels, scores or entities out; or tensors in and out.
//!
//! [`Inference`] loads models, each an ONNX file with its `tokenizer.json` and a [`ModelConfig`]; a [`Model`] answers
//! calls with batches of texts, or, where its task is `tensors`, with tensors and without a tokenizer. ONNX Runtime is a
//! shared library that is loaded when the first model is, so that a host without models runs without it; where it is
//! missing or broken, the error says where it was looked for.
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
mod device;
mod embed;
mod engine;
mod error;
mod graph;
mod heads;
mod library;
mod long;
mod machine;
mod memory;
mod model;
mod pairs;
mod prune;
mod quantize;
mod queue;
mod reduce;
mod session;
mod shared;
mod shared_object;
mod stats;
mod tensors;
mod token;
mod tokenize;
mod vocabulary;

pub use classify::{Classified, LabelExamples, LabelScore, TEMPERATURE};
pub use config::{
    LongText, MAX_LABELS, MAX_SEQUENCE_IDLE_S, MAX_SEQUENCES, MAX_STATE_NUMBERS, MAX_STATES,
    MAX_TOKENS, ModelConfig, ModelFiles, Pooling, StateConfig, Task,
};
pub use device::{Device, DeviceChoice, GpuConfig};
pub use embed::Embedded;
pub use engine::{Inference, InferenceConfig, LoadedModel};
pub use error::{Attempt, InferenceError};
pub use heads::{Alphabet, Joined, TrainedHead};
pub use model::{MAX_CALL_BYTES, MAX_TEXT_BYTES, MAX_TEXTS, MAX_WINDOWS, Model};
pub use pairs::{PairScore, ScoredPairs};
pub use prune::{Pruned, PrunedLayer, Pruning, PruningReport};
pub use quantize::{
    KeptLayer, MAX_EVALUATION_TEXTS, MIN_EVALUATION_TEXTS, Precision, Quantization, Quantized,
    Similarity, VariantReport,
};
pub use queue::{Caller, Meter};
pub use stats::{BatchStats, ModelStats, Timing};
pub use steward_onnx::Affine;
pub use tensors::{
    ElementType, MAX_CALLS_OF_SEQUENCE, MAX_INPUT_BYTES, MAX_OUTPUT_BYTES, MAX_SEQUENCE_NAME_BYTES,
    Port, Sequence, Signature, Tensor, TensorData,
};
pub use token::{Entity, Tagged};
pub use vocabulary::{MAX_CALL_TOKENS, Tokenized};
