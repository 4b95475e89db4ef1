//! Models that the host runs natively. A cleaner has no models.
//!
//! A model must be requested in `steward.toml` and granted by the deployment:
//!
//! ```toml
//! [requests]
//! inference = ["minilm"]
//! ```
//!
//! Send batches: many texts in one call cost hardly more than one.

pub use crate::LabelScore;
#[cfg(target_family = "wasm")]
use crate::bindings::imports::steward::inference::inference as wit;
pub use crate::bindings::imports::steward::inference::inference::{Entity, Error, PairScore};

#[cfg(target_family = "wasm")]
use wit::Model as Handle;

#[cfg(not(target_family = "wasm"))]
use crate::testing::host::OpenModel as Handle;

/// The right to use one model.
#[derive(Debug)]
pub struct Model(Handle);

/// Opens a model by name: `name`, `name@version` or `name@alias`.
///
/// # Errors
/// [`Error::NoSuch`], or [`Error::Denied`] with the manifest line and the grant that would allow it.
pub fn open(name: &str) -> Result<Model, Error> {
    #[cfg(target_family = "wasm")]
    let handle = wit::open(name)?;
    #[cfg(not(target_family = "wasm"))]
    let handle = crate::testing::host::open(name)?;
    Ok(Model(handle))
}

impl Model {
    /// One vector of length 1 per text, in order.
    ///
    /// # Errors
    /// Where the model cannot embed, or cannot run now.
    pub fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Error> {
        self.0.embed(texts)
    }

    /// One list of labels per text, best first.
    ///
    /// `labels` narrows the labels of a classifier; an embedding model compares with them (zero-shot).
    ///
    /// # Errors
    /// Where the model cannot classify, or cannot run now.
    pub fn classify(
        &self,
        texts: &[String],
        labels: Option<&[String]>,
    ) -> Result<Vec<Vec<LabelScore>>, Error> {
        self.0.classify(texts, labels)
    }

    /// The entities of each text, in order of their start; spans count code points.
    ///
    /// # Errors
    /// Where the model does not classify tokens, or cannot run now.
    pub fn classify_tokens(&self, texts: &[String]) -> Result<Vec<Vec<Entity>>, Error> {
        self.0.classify_tokens(texts)
    }

    /// How well the second text of each pair goes with the first, in order: by a model that reads the
    /// two together, or by the likeness of their vectors.
    ///
    /// # Errors
    /// Where the model does neither, or cannot run now.
    pub fn score_pairs(&self, pairs: &[(String, String)]) -> Result<Vec<PairScore>, Error> {
        self.0.score_pairs(pairs)
    }
}

/// So that `?` works in a plugin.
impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuch(text) => Self::InvalidConfig(format!("no model of this name: {text}")),
            Error::Denied(text) => Self::InvalidConfig(text),
            Error::InvalidInput(text) => Self::InvalidInput(text),
            Error::Unavailable(text) => Self::Unavailable(text),
            Error::Other(text) => Self::Other(text),
        }
    }
}
