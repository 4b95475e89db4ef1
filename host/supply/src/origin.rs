//! What a document about a plugin can be refused for.

/// Why a bill of materials or a provenance is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// More bytes than are read.
    #[error("the {what} has {size} bytes; at most {most} are read")]
    TooLarge {
        /// `SBOM` or `provenance`.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The limit.
        most: usize,
    },
    /// Not JSON, or not of the shape of any known format.
    #[error("the {what} cannot be read: {reason}")]
    Unreadable {
        /// `SBOM` or `provenance`.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The provenance says how something else was built.
    #[error(
        "the provenance is not of this component: it names none with sha256:{component}, but {named}"
    )]
    OtherComponent {
        /// SHA-256 of the component, in hex.
        component: String,
        /// What it names.
        named: String,
    },
}
