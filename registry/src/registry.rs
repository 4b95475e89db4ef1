//! The registry as a whole. Each subject (tenants, plugins, functions …) adds its methods in a
//! module of its own.

use std::fmt;

use sqlx::Row as _;

use crate::artifacts::{Artifacts, ArtifactsConfig};
use crate::db::Db;
use crate::error::RegistryError;

/// Where the registry keeps what it must not lose.
#[derive(Clone)]
pub struct RegistryConfig {
    /// `sqlite:///path/steward.db` (the path is taken as it stands, without escapes or parameters;
    /// file and folder are created) or `postgres://user:password@host/database`.
    pub database_url: String,
    /// Where artifacts are kept.
    pub artifacts: ArtifactsConfig,
}

/// Without the URL of the database, which may hold a password.
impl fmt::Debug for RegistryConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryConfig")
            .field("artifacts", &self.artifacts)
            .finish_non_exhaustive()
    }
}

/// Metadata and artifacts. A clone is cheap and means the same registry.
///
/// Every method that changes something returns once the change is durable: what was acknowledged
/// outlives the process, killed or not.
#[derive(Clone)]
pub struct Registry {
    pub(crate) db: Db,
    pub(crate) artifacts: Artifacts,
}

impl Registry {
    /// Connects to the database and to the artifact store, and brings the schema to this version.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for a URL that is none, [`RegistryError::Database`],
    /// [`RegistryError::Schema`] (also where a newer host has written to this database),
    /// [`RegistryError::Store`], [`RegistryError::File`].
    pub async fn open(config: &RegistryConfig) -> Result<Self, RegistryError> {
        let artifacts = Artifacts::open(&config.artifacts).await?;
        let db = Db::open(&config.database_url).await?;
        Ok(Self { db, artifacts })
    }

    /// Asks the database and the artifact store for an answer.
    ///
    /// # Errors
    /// That of the one which does not answer.
    pub async fn ping(&self) -> Result<(), RegistryError> {
        self.revision().await?;
        self.artifacts.ping().await
    }

    /// The artifact store.
    pub fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    /// A number that grows with every change of a tenant, plugin, model, alias, function or
    /// principal, in the transaction of that change: who has read everything after revision `n` needs
    /// to read nothing until it is more than `n`.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn revision(&self) -> Result<i64, RegistryError> {
        let row = sqlx::query("SELECT value FROM registry_revision WHERE id = 1")
            .fetch_one(&self.db.pool)
            .await?;
        Ok(row.try_get("value")?)
    }
}
