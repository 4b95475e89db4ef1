//! The wire protocols of model serving, over one backend trait.
//!
//! Two routers put a [`Backend`] on the network:
//!
//! - [`rest`]: the Open Inference Protocol v2 over HTTP (`/v2/…`) with Triton's extensions for
//!   binary tensor data, classification, configurations, statistics and the model repository;
//!   OpenAI's embeddings and list of models (`/v1/…`); and the tokenizer of a model
//!   (`/v2/models/{model}/tokenize` and `/decode`, see [`rest`](rest()) for their JSON).
//! - [`grpc`]: the same inference protocol as `inference.GRPCInferenceService`.
//!
//! Both are plain axum routers that can be merged and served on one port, since gRPC is HTTP/2.
//! They know nobody: a layer in front of them finds out who calls, and puts the backend's
//! [`Context`](Backend::Context) into the extensions of the request. Such a layer refuses a request
//! in the words of its protocol with [`rest_error`], [`openai::response`] and [`grpc_error`].
//! What is to hold of every route is looked at with [`routes`](routes()).
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use steward_protocols::*;
//! # fn routes<B: Backend<Context = String>>(backend: B) -> axum::Router {
//! let backend = Arc::new(backend);
//! rest(Arc::clone(&backend))
//!     .merge(grpc(backend))
//!     .layer(axum::Extension("the only caller".to_owned()))
//! # }
//! ```
#![deny(missing_docs)]

mod backend;
mod classification;
mod error;
mod grpc;
mod infer;
mod limits;
mod model;
pub mod openai;
mod parameters;
mod rest;
mod routes;
mod tensor;
mod text;

pub use backend::{
    Backend, DecodeRequest, EmbedInput, EmbedRequest, Embeddings, LoadRequest, TokenizeRequest,
    Tokens, UnloadRequest,
};
pub use error::{Error, ErrorKind};
pub use grpc::{grpc, grpc_with, response as grpc_error};
pub use infer::{InferRequest, InferResponse, Output, RequestedOutput};
pub use limits::Limits;
pub use model::{
    BatchStatistics, DynamicBatching, InferStatistics, MemoryUsage, ModelCard, ModelConfig,
    ModelIndex, ModelMetadata, ModelRef, ModelState, ModelStatistics, ServerMetadata,
    StatisticDuration, TensorConfig, TensorMetadata,
};
pub use parameters::{Parameter, Parameters};
pub use rest::{response as rest_error, rest, rest_with};
pub use routes::{Route, routes};
pub use tensor::{Data, DataType, Element, Fault, MAX_NAME_BYTES, MAX_RANK, Tensor, TensorError};
