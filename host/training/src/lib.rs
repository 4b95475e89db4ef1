//! Heads: what turns the vector of a text into a label, trained from vectors that have labels.
//!
//! | what | where |
//! | --- | --- |
//! | vectors with labels, checked once | [`Examples`] |
//! | multinomial logistic regression | [`train_logistic`], [`LogisticOptions`] |
//! | what comes out: probabilities, losses | [`Head`] |
//! | a network with one hidden layer | [`train_mlp`], [`MlpOptions`], [`Network`] |
//! | folds for a cross-validation | [`stratified_folds`] |
//! | intervals, confusions, calibration | [`share_interval`], [`confusion`], [`calibration()`] |
//!
//! Everything here is arithmetic. Nothing knows where vectors come from or where heads are kept, and no clock is read. For a
//! logistic regression nothing is drawn at random: the same examples give the same head, to the last bit, in whatever order
//! they come. What is drawn for a network or for folds follows from a seed alone.
//!
//! ```
//! use std::ops::ControlFlow;
//! use steward_training::{Examples, LogisticOptions, train_logistic};
//!
//! let rows: [(&[f32], &str); 4] = [
//!     (&[1.0, 0.1], "billing"),
//!     (&[0.9, 0.0], "billing"),
//!     (&[0.0, 1.0], "故障"),
//!     (&[0.2, 0.8], "故障"),
//! ];
//! let examples = Examples::new(rows)?;
//! let options = LogisticOptions::default();
//! let trained = train_logistic(&examples, &options, &mut |_| ControlFlow::Continue(()))?;
//! assert_eq!(trained.head.predict(&[0.1, 0.9])?, "故障");
//! # Ok::<(), steward_training::TrainingError>(())
//! ```
#![deny(missing_docs)]

mod draw;
mod error;
mod examples;
mod folds;
mod head;
mod logistic;
mod measure;
mod mlp;
mod network;
mod newton;
mod options;
mod scale;

pub use error::TrainingError;
pub use examples::Examples;
pub use folds::{MAX_FOLDS, stratified_folds};
pub use head::Head;
pub use logistic::{Trained, train_logistic};
pub use measure::{
    Calibration, CalibrationBin, ShareInterval, calibration, confusion, share_interval,
};
pub use mlp::{Epoch, MlpOptions, TrainedNetwork, train_mlp};
pub use network::{Layer, Network};
pub use newton::Iteration;
pub use options::{ClassWeights, LogisticOptions};
