//! Where a plugin comes from: who signed it, how it was built, and what it is made of.
//!
//! - [`keys`]: Ed25519 keys as people keep and name them.
//! - [`signature`]: a signature over a component and its manifest, as a DSSE envelope around an in-toto statement.
//! - [`provenance`]: the SLSA provenance of a build, as far as it is shown.
//! - [`sbom`]: a CycloneDX or SPDX bill of materials, as far as it is shown, and how one is written.
//! - [`sections`]: what toolchains write into a component of themselves.
//!
//! A leaf: it knows no WebAssembly runtime, no SQL and no HTTP. Every reader takes bytes of strangers, and is bounded.
#![deny(missing_docs)]

pub mod keys;
mod origin;
pub mod provenance;
pub mod sbom;
pub mod sections;
pub mod signature;

pub use keys::{KeyError, PublicKey, SigningKey};
pub use origin::DocumentError;
pub use provenance::Provenance;
pub use sbom::Sbom;
pub use sections::Sections;
pub use signature::{Envelope, SignatureError, Subject};

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

/// Text of a stranger for one line: without control characters, cut after `most` characters.
fn line(text: &str, most: usize) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(most)
        .collect()
}
