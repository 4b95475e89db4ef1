//! Metadata and artifacts: what the platform must never lose.
//!
//! Metadata (tenants, plugins, functions, models, principals, usage, datasets, labelling projects, privacy
//! budgets, buckets) lives in SQL through [`sqlx`], on embedded SQLite or on PostgreSQL. Artifacts (components, models,
//! rows) live in an object store, addressed by their SHA-256 digest, in a local folder or in S3; objects of
//! containers lie beside them.
//!
//! This crate runs no code and knows no HTTP. The types in [`id`], [`manifest`] and [`records`] are
//! parsed once, at the edge, and cannot hold a wrong value afterwards.
#![deny(missing_docs)]

pub mod artifacts;
pub mod audit;
pub mod blobs;
mod datasets;
mod db;
mod deployments;
mod error;
mod evaluations;
pub mod events;
pub mod feedback;
mod functions;
mod held;
pub mod id;
pub mod keyvalue;
pub mod labelling;
pub mod manifest;
mod models;
pub mod permissions;
mod plugins;
mod principals;
mod privacy;
mod quotas;
pub mod records;
mod references;
mod registry;
mod rollout;
mod rows;
mod scopes;
mod secrets;
mod sharing;
pub mod supply;
pub mod team;
mod tenants;
mod usage;
mod variants;
mod versions;
pub mod words;
pub mod workflows;

pub use artifacts::{Artifacts, ArtifactsConfig, BlobUpload, StoredBlob};
pub use audit::{AuditBreak, AuditDraft, AuditEntry, AuditVerification, Trail, audited};
pub use error::RegistryError;
pub use id::{DatasetRef, Digest, InvalidId, ModelRef, Name, Selector, TenantId};
pub use manifest::{FunctionSection, Limits, Manifest, ManifestError, Reuse, World};
pub use permissions::{EventPattern, Origin, Permission, PermissionKind, Permissions};
pub use principals::{ApiKey, NewKey};
pub use privacy::{
    PrivacyAccount, PrivacyAccounting, PrivacyAsker, PrivacyBudget, PrivacyEntry, PrivacyLoss,
    PrivacyQuestion, PrivacyReservation,
};
pub use quotas::{Period, QuotaExceeded, QuotaKind, QuotaUse};
pub use records::*;
pub use registry::{Registry, RegistryConfig};
pub use rollout::{HeaderRule, Rollout};
pub use scopes::{Scope, Scopes};
pub use secrets::{SealedSecret, SecretRecord};
pub use sharing::{PluginShare, SharedPlugin, SharedWith};
pub use supply::{Attached, PluginPolicy, PluginSupply, Supplied, TrustedKey, Unvouched};
pub use tenants::{Rate, Tenant, TenantSettings};
