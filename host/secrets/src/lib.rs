//! Secrets of tenants, encrypted before they are stored.
//!
//! Envelope encryption: every value is encrypted with AES-256-GCM under a random key of its own, and that key under the
//! key of the host. The registry keeps both ciphertexts and never a value; the key of the host is not in it. Tenant and
//! name are part of what is authenticated, so that a row which was moved to another name or tenant opens nothing.
//!
//! The key of the host comes from a [`KeySource`]: a file, a variable, or the output of a command. It has an id, and there
//! can be older ones beside it, so that it can be replaced: [`Vault::rewrap`] encrypts the keys of the values anew and
//! touches no value.
#![deny(missing_docs)]

mod envelope;
mod error;
mod key;
mod secret;
mod sign;
mod source;
mod vault;

pub use error::SecretsError;
pub use key::{HostKey, KeyRing};
pub use secret::{MAX_SECRET_BYTES, Secret};
pub use source::KeySource;
pub use vault::Vault;
