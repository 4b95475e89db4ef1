//! What can go wrong in the engine.

use std::path::PathBuf;

use crate::{InspectError, Lane};

/// What can go wrong in the engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// wasmtime refuses its configuration on this machine.
    #[error("the WebAssembly engine does not start ({lane} lane): {reason}")]
    Start {
        /// Which configuration.
        lane: Lane,
        /// wasmtime's reason.
        reason: String,
    },
    /// The bytes are not a component that this host accepts.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The component does not validate or does not compile.
    #[error("the component does not compile: {0}")]
    Compile(String),
    /// The folder of the cache cannot be read or written.
    #[error("the cache of compiled components at {path}: {source}", path = path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}
