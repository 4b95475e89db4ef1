//! Metadata and artifacts: what the platform must never lose.
//!
//! Metadata (tenants, plugins, functions, models, principals, usage, datasets, labelling projects, privacy
//! budgets) lives in SQL through [`sqlx`], on embedded SQLite or on PostgreSQL. Artifacts (components, models,
//! rows) live in an object store, addressed by their SHA-256 digest, in a local folder or in S3.
//!
//! This crate runs no code and knows no HTTP. The types in [`id`], [`manifest`] and [`records`] are
//! parsed once, at the edge, and cannot hold a wrong value afterwards.
#![deny(missing_docs)]

pub mod artifacts;
mod datasets;
mod db;
mod deployments;
mod error;
mod evaluations;
mod functions;
pub mod id;
pub mod labelling;
pub mod manifest;
mod models;
pub mod permissions;
mod plugins;
mod principals;
mod privacy;
pub mod records;
mod references;
mod registry;
mod rows;
pub mod supply;
mod tenants;
mod usage;
mod variants;
mod versions;

pub use artifacts::{Artifacts, ArtifactsConfig};
pub use error::RegistryError;
pub use id::{DatasetRef, Digest, InvalidId, ModelRef, Name, Selector, TenantId};
pub use manifest::{Limits, Manifest, ManifestError, World};
pub use permissions::{EventPattern, Origin, Permission, PermissionKind, Permissions};
pub use principals::ApiKey;
pub use privacy::{
    PrivacyAccount, PrivacyAccounting, PrivacyAsker, PrivacyBudget, PrivacyEntry, PrivacyLoss,
    PrivacyQuestion, PrivacyReservation,
};
pub use records::*;
pub use registry::{Registry, RegistryConfig};
pub use supply::{Attached, PluginPolicy, PluginSupply, Supplied, TrustedKey, Unvouched};
