//! What can go wrong with triggers.

use steward_registry::RegistryError;

/// What can go wrong with triggers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TriggersError {
    /// The trigger breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}
