//! ONNX models as data: read, inspected, made smaller, and written again.
//!
//! A [`Model`] is parsed from the bytes of a file and encoded to bytes; nothing of it is lost in between, and no
//! ONNX Runtime and no Python is needed. Around it are functions that each take a model and return a new one:
//!
//! - [`quantize`] to int8, int8 with fixed ranges, int4 in blocks, or fp16 ([`Options`]);
//! - [`choose_kept`], which also finds the layers that must stay in fp32 for a wanted similarity;
//! - [`prune`], which sets the smallest weights to zero;
//! - [`fold`], which makes a plain fp32 graph of a model that stores integers and computes in fp32. The other
//!   functions begin with it, so that such a model can be quantized anew.
//!
//! [`head_alone`] writes a classifier of vectors, and [`join_head`] puts it behind the model that makes them.
//!
//! [`external_tensor`] looks at a file, without reading all of it, for tensors that have their data elsewhere.
//!
//! ```no_run
//! use steward_onnx::{Block, Model, Options, OnnxError, layers, quantize};
//!
//! # fn example(bytes: &[u8]) -> Result<Vec<u8>, OnnxError> {
//! let model = Model::parse(bytes)?;
//! for layer in layers(&model)? {
//!     println!("{} {:?} {} parameters", layer.name, layer.shape, layer.parameters);
//! }
//! let (smaller, report) = quantize(&model, &Options::int4(Block::Of32))?;
//! println!("{} bytes became {}", report.bytes_before, report.bytes_after);
//! # Ok(smaller.encode())
//! # }
//! ```
//!
//! # Which target
//! - [`Target::Int8`] needs no data and is the fastest on processors with VNNI or AMX. The range of an activation is
//!   that of its whole batch: an answer depends a little on its neighbours.
//! - [`Target::Int8Static`] answers the same in every batch and is as fast. It needs ranges: run the model of
//!   [`with_calibration_outputs`] on a few hundred texts like those to come and [`Ranges::observe`] its outputs.
//! - [`Target::Int4`] is the smallest. ONNX Runtime unpacks the weights while it multiplies, which pays most where
//!   few rows are multiplied at a time.
//! - [`Target::Fp16`] halves the file at next to no loss, for processors that compute in it.
//!
//! # How it is built
//! A file is checked three times before anything is made of it: its wire format, against limits on how much
//! decoding may allocate and for fields that decoding would drop; its tensors, against their shapes; its graph, for
//! names that nothing makes. After each rewrite the graph is checked again.
//!
//! Rewriting goes node by node in the order of the graph and leaves every name that stays in use as it is. New nodes
//! are those of `onnxruntime.quantization`, in the patterns that ONNX Runtime fuses. Subgraphs (`If`, `Loop`, `Scan`)
//! and local functions are left untouched; what subgraphs read from around them stays under its name. The operator
//! set is raised only where no operator of the model changes its meaning by it.
#![deny(missing_docs)]

mod array;
mod calibration;
mod choose;
mod elem;
mod error;
mod external;
mod fold;
mod graph;
mod head;
mod layer;
mod limits;
mod model;
mod nbits;
mod opset;
mod proto;
mod prune;
mod quantize;
mod report;
mod types;
mod wire;

pub use calibration::{Ranges, calibration_points, with_calibration_outputs};
pub use choose::{Choice, ChooseError, Goal, Trial, choose_kept};
pub use error::OnnxError;
pub use external::{External, external_tensor};
pub use fold::fold;
pub use head::{Affine, Characters, Pooled, TokenPooling, head_alone, join_head};
pub use layer::{Layer, LayerOp, layers};
pub use limits::Limits;
pub use model::{Dim, Model, Value};
pub use prune::{PruneReport, PruneScope, PrunedLayer, prune};
pub use quantize::{Block, Options, Target, quantize};
pub use report::{LayerReport, Report, Treatment};
