//! OpenID Connect bearer tokens: who is behind one, in which tenant, with which role.
//!
//! An [`IssuerConfig`] says whose tokens are taken, for which audience, and how their claims become a tenant, a role
//! and scopes. Whatever no line of it names is refused. [`Issuers`] checks tokens: the signature by the keys that the
//! issuer publishes (RFC 7517), the claims by RFC 7519 and OpenID Connect Core 1.0, section 3.1.3.7.
//!
//! Only RS256, ES256 and EdDSA (Ed25519) are known. The algorithm is that of the issuer's key and never a word of the
//! token alone, so that `none` and a public key taken for a shared secret open nothing.
#![deny(missing_docs)]

mod claims;
mod config;
mod error;
mod fetch;
mod issuers;
mod jwks;
mod provider;

pub use config::{IssuerConfig, SignatureAlgorithm};
pub use error::IdentityError;
pub use issuers::{Issuers, MAX_TOKEN_BYTES};
pub use jwks::Looks;
