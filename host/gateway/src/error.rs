//! Why the gateway could not start or run.

use std::net::SocketAddr;

/// Why the gateway could not start or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The address is taken, not of this machine, or not allowed.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// An issuer of tokens is configured wrongly.
    #[error("issuers of tokens: {0}")]
    Issuers(#[from] steward_identity::IdentityError),
    /// The keys could not be read.
    #[error("cannot read the API keys: {0}")]
    Keys(#[from] steward_registry::RegistryError),
}
