//! Everything that can go wrong between a text and an answer.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::device::Device;

/// Why a model could not be loaded or could not answer.
///
/// The text of each error says what is wrong and, where a person can act, what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// No usable ONNX Runtime library was found. The next call looks again, so the host recovers once it is there.
    #[error(
        "ONNX Runtime 1.{needed} or newer is needed and was not found; {}. \
         Run `make setup`, or set ORT_DYLIB_PATH to the path of libonnxruntime.so",
        Listed(tried)
    )]
    Library {
        /// The minor version of ONNX Runtime that this host needs at least.
        needed: u32,
        /// Each place that was looked at, in order, and why it did not do.
        tried: Vec<Attempt>,
    },
    /// The device that the host is to compute on cannot be used.
    #[error(
        "models are to be computed on `{device}`, which cannot be used: {reason}. Mend that, or start the host with \
         `--device auto`, which takes the processor then"
    )]
    Device {
        /// The device that was asked for.
        device: Device,
        /// Why not.
        reason: String,
    },
    /// The model does not fit in the memory that models may take.
    #[error(
        "the model needs {} and models may take {}, of which {} cannot be freed: {}",
        Mebibytes(*needed), Mebibytes(*limit), Mebibytes(*kept),
        if needed > limit {
            "raise `--model-memory-mib`, or use a smaller variant (`steward model quantize`)"
        } else {
            "raise `--model-memory-mib`, or take a model out of its deployment"
        }
    )]
    Memory {
        /// Bytes that the model needs: the size of its files before it is loaded, what was measured after.
        needed: u64,
        /// Bytes that models may take together.
        limit: u64,
        /// Bytes of models that are deployed, and so stay, or are being loaded.
        kept: u64,
    },
    /// The ONNX file is missing, damaged, or not a model that this host can serve.
    #[error("model file `{}`: {reason}", path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tokenizer file is missing, damaged, or does not fit the model's configuration.
    #[error("tokenizer file `{}`: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The model's configuration contradicts itself.
    #[error("model configuration: {0}")]
    Config(String),
    /// The caller asked for something the model cannot do, or broke a limit.
    #[error("{0}")]
    InvalidInput(String),
    /// The model was loaded but failed on this batch.
    #[error("the model failed: {0}")]
    Run(String),
    /// The caller's deadline passed before it was the call's turn.
    #[error("it was not the call's turn before its deadline: too much waits for this model")]
    Late,
    /// Too many calls are waiting for this model; the same call may succeed later.
    #[error(
        "too many calls are waiting for this model; try again in {} s",
        retry_after.as_secs()
    )]
    Overloaded {
        /// When what waits now will have been computed, at the speed of late. Whole seconds.
        retry_after: Duration,
    },
}

/// One place where the ONNX Runtime library was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The file, or a bare name that the system's loader searches for.
    pub library: PathBuf,
    /// Why it could not be used.
    pub reason: String,
}

impl InferenceError {
    /// Whether the model is to blame, rather than the caller, the load, or the host: every host would refuse it so.
    pub fn is_of_model(&self) -> bool {
        matches!(
            self,
            Self::ModelFile { .. } | Self::Tokenizer { .. } | Self::Config(_) | Self::Run(_)
        )
    }
}

struct Mebibytes(u64);

impl fmt::Display for Mebibytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB", self.0 as f64 / f64::from(1 << 20))
    }
}

struct Listed<'a>(&'a [Attempt]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attempt) in self.0.iter().enumerate() {
            let before = if index == 0 { "tried" } else { ";" };
            write!(
                f,
                "{before} `{}` ({})",
                attempt.library.display(),
                attempt.reason
            )?;
        }
        Ok(())
    }
}

/// The words of a panic, for code that others wrote and that must not take the host down.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}
