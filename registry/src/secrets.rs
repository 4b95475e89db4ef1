//! Secrets of tenants, as ciphertext. What opens them is not in the registry.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use crate::db::lacks_parent;
use crate::id::{Name, TenantId};
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

/// Secrets of one tenant, at most.
const MAX_SECRETS: i64 = 1000;
/// The longest ciphertext, in characters of base64: 64 KiB and what encryption adds.
const MAX_CIPHERTEXT: usize = 96 * 1024;

/// What is known of a secret. Its value is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRecord {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: Name,
    /// 1, 2, 3 … each time that it was set.
    pub version: u64,
    /// When it was set first.
    pub created_at: Timestamp,
    /// When it was set last.
    pub updated_at: Timestamp,
    /// Id of the key that set it last.
    pub updated_by: String,
}

/// An encrypted secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Which key of the host its own key is encrypted under.
    pub key_id: String,
    /// Its own key, encrypted, in base64.
    pub wrapped_key: String,
    /// Its value, encrypted, in base64.
    pub ciphertext: String,
}

/// Without the ciphertexts: they have no place in a log.
impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSecret")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Sets a secret: a new one, or the next version of one.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] beyond 1000 secrets of a tenant or for a ciphertext that is too long;
    /// [`RegistryError::NotFound`] for the tenant; [`RegistryError::Database`].
    pub async fn put_secret(
        &self,
        tenant: &TenantId,
        name: &Name,
        sealed: &SealedSecret,
        by: &str,
    ) -> Result<SecretRecord, RegistryError> {
        if sealed.ciphertext.len() > MAX_CIPHERTEXT {
            return Err(RegistryError::Invalid("the secret is too long".into()));
        }
        let by = rows::one_line("an author", by)?;
        let now = rows::now().as_microsecond();
        // Nothing that hosts keep in memory changes.
        let mut write = self.db.write().await?;
        let count: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM secrets WHERE tenant = $1 AND name <> $2")
                .bind(tenant.as_str())
                .bind(name.as_str())
                .fetch_one(&mut *write)
                .await?;
        if count >= MAX_SECRETS {
            return Err(RegistryError::Invalid(format!(
                "a tenant has at most {MAX_SECRETS} secrets"
            )));
        }
        let written = sqlx::query(
            "INSERT INTO secrets (tenant, name, version, key_id, wrapped_key, ciphertext, created_at, updated_at, \
             updated_by) VALUES ($1, $2, 1, $3, $4, $5, $6, $6, $7) \
             ON CONFLICT (tenant, name) DO UPDATE SET version = secrets.version + 1, key_id = excluded.key_id, \
             wrapped_key = excluded.wrapped_key, ciphertext = excluded.ciphertext, \
             updated_at = excluded.updated_at, updated_by = excluded.updated_by",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(&sealed.key_id)
        .bind(&sealed.wrapped_key)
        .bind(&sealed.ciphertext)
        .bind(now)
        .bind(by)
        .execute(&mut *write)
        .await;
        if let Err(error) = written {
            return Err(match lacks_parent(&error) {
                true => no_such_tenant(tenant),
                false => error.into(),
            });
        }
        let row = sqlx::query("SELECT * FROM secrets WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_one(&mut *write)
            .await?;
        let record = record(&row)?;
        write.commit().await?;
        Ok(record)
    }

    /// What is known of the secrets of a tenant, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn secrets(&self, tenant: &TenantId) -> Result<Vec<SecretRecord>, RegistryError> {
        let rows = sqlx::query(
            "SELECT tenant, name, version, created_at, updated_at, updated_by FROM secrets WHERE tenant = $1",
        )
        .bind(tenant.as_str())
        .fetch_all(&self.db.pool)
        .await?;
        let mut records = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        records.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(records)
    }

    /// One secret, encrypted.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn sealed_secret(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<SealedSecret, RegistryError> {
        let row = sqlx::query(
            "SELECT key_id, wrapped_key, ciphertext FROM secrets WHERE tenant = $1 AND name = $2",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_optional(&self.db.pool)
        .await?;
        sealed(&row.ok_or_else(|| no_such_secret(name))?)
    }

    /// Every secret of every tenant, encrypted, by tenant and name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn all_sealed_secrets(
        &self,
    ) -> Result<Vec<(TenantId, Name, SealedSecret)>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM secrets ORDER BY tenant, name")
            .fetch_all(&self.db.pool)
            .await?;
        let each = |row: &AnyRow| {
            Ok((
                rows::parsed(row, "tenant")?,
                rows::parsed(row, "name")?,
                sealed(row)?,
            ))
        };
        rows.iter().map(each).collect()
    }

    /// The ids of the host keys that secrets of any tenant are encrypted under.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn secret_key_ids(&self) -> Result<Vec<String>, RegistryError> {
        let rows = sqlx::query("SELECT DISTINCT key_id FROM secrets ORDER BY key_id")
            .fetch_all(&self.db.pool)
            .await?;
        rows.iter().map(|row| rows::text(row, "key_id")).collect()
    }

    /// Puts the same secret under another host key, unless it was set or deleted meanwhile; says whether it did. Its
    /// version stays.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn rewrap_secret(
        &self,
        tenant: &TenantId,
        name: &Name,
        old: &SealedSecret,
        new: &SealedSecret,
    ) -> Result<bool, RegistryError> {
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "UPDATE secrets SET key_id = $1, wrapped_key = $2 WHERE tenant = $3 AND name = $4 AND wrapped_key = $5",
        )
        .bind(&new.key_id)
        .bind(&new.wrapped_key)
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(&old.wrapped_key)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Deletes a secret.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn delete_secret(&self, tenant: &TenantId, name: &Name) -> Result<(), RegistryError> {
        let mut write = self.db.write().await?;
        let done = sqlx::query("DELETE FROM secrets WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(no_such_secret(name));
        }
        write.commit().await
    }
}

fn no_such_secret(name: &Name) -> RegistryError {
    RegistryError::NotFound {
        kind: "secret",
        name: name.to_string(),
    }
}

fn record(row: &AnyRow) -> Result<SecretRecord, RegistryError> {
    Ok(SecretRecord {
        tenant: rows::parsed(row, "tenant")?,
        name: rows::parsed(row, "name")?,
        version: rows::count(row, "version")?,
        created_at: rows::time(row, "created_at")?,
        updated_at: rows::time(row, "updated_at")?,
        updated_by: rows::text(row, "updated_by")?,
    })
}

fn sealed(row: &AnyRow) -> Result<SealedSecret, RegistryError> {
    Ok(SealedSecret {
        key_id: rows::text(row, "key_id")?,
        wrapped_key: rows::text(row, "wrapped_key")?,
        ciphertext: rows::text(row, "ciphertext")?,
    })
}
