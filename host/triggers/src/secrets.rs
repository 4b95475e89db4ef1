//! Where the secrets of webhooks come from.

use async_trait::async_trait;
use steward_registry::{Name, TenantId};

/// A secret that cannot be had now. The text holds no part of any secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

/// Gives secrets by name.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret of this name; none where the tenant has no such secret.
    ///
    /// # Errors
    /// [`SecretError`] where it cannot be looked up now.
    async fn get(&self, tenant: &TenantId, name: &Name) -> Result<Option<String>, SecretError>;
}
