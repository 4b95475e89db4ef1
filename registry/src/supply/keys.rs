//! Keys whose signatures a tenant accepts.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use steward_supply::PublicKey;

use crate::db::{is_taken, lacks_parent};
use crate::id::{Name, TenantId};
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

/// The most keys that a tenant trusts.
pub const MAX_TRUSTED_KEYS: usize = 100;

/// A key whose signatures a tenant accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrustedKey {
    /// Whose trust it is.
    pub tenant: TenantId,
    /// What the tenant calls it.
    pub name: Name,
    /// `ed25519:…`
    #[serde(serialize_with = "as_text")]
    pub key: PublicKey,
    /// Since when.
    pub created_at: Timestamp,
    /// Id of the principal that said so.
    pub created_by: String,
}

fn as_text<S: serde::Serializer>(key: &PublicKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

impl Registry {
    /// The keys that the tenant trusts, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn trusted_keys(&self, tenant: &TenantId) -> Result<Vec<TrustedKey>, RegistryError> {
        trusted(&mut *self.db.pool.acquire().await?, tenant).await
    }

    /// Trusts a key from now on.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where the name or the key is there already, [`RegistryError::Invalid`] for more than
    /// [`MAX_TRUSTED_KEYS`], [`RegistryError::NotFound`] for the tenant, [`RegistryError::Database`].
    pub async fn add_trusted_key(
        &self,
        tenant: &TenantId,
        name: &Name,
        key: PublicKey,
        by: &str,
    ) -> Result<TrustedKey, RegistryError> {
        let by = rows::one_line("an author", by)?;
        let mut change = self.db.change().await?;
        let there = trusted(&mut change, tenant).await?;
        if there.len() >= MAX_TRUSTED_KEYS {
            return Err(RegistryError::Invalid(format!(
                "a tenant trusts at most {MAX_TRUSTED_KEYS} keys: remove one first"
            )));
        }
        let taken = |detail: String| RegistryError::Conflict {
            kind: "trusted key",
            name: name.to_string(),
            detail,
        };
        if let Some(same) = there.iter().find(|known| known.key == key) {
            return Err(taken(format!(", under the name `{}`", same.name)));
        }
        let added = TrustedKey {
            tenant: tenant.clone(),
            name: name.clone(),
            key,
            created_at: rows::now(),
            created_by: by.to_owned(),
        };
        let done = sqlx::query(
            "INSERT INTO trusted_keys (tenant, name, public_key, created_at, created_by) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(key.to_string())
        .bind(added.created_at.as_microsecond())
        .bind(by)
        .execute(&mut *change)
        .await;
        match done {
            Ok(_) => {
                change.commit().await?;
                Ok(added)
            }
            Err(e) if is_taken(&e) => Err(taken(String::new())),
            Err(e) if lacks_parent(&e) => Err(no_such_tenant(tenant)),
            Err(e) => Err(e.into()),
        }
    }

    /// Trusts a key no longer.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn remove_trusted_key(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<TrustedKey, RegistryError> {
        let mut change = self.db.change().await?;
        let row =
            sqlx::query("DELETE FROM trusted_keys WHERE tenant = $1 AND name = $2 RETURNING *")
                .bind(tenant.as_str())
                .bind(name.as_str())
                .fetch_optional(&mut *change)
                .await?
                .ok_or_else(|| RegistryError::NotFound {
                    kind: "trusted key",
                    name: name.to_string(),
                })?;
        let removed = key_record(&row)?;
        change.commit().await?;
        Ok(removed)
    }
}

/// The keys that a tenant trusts, by name.
pub(super) async fn trusted(
    connection: &mut AnyConnection,
    tenant: &TenantId,
) -> Result<Vec<TrustedKey>, RegistryError> {
    let rows = sqlx::query("SELECT * FROM trusted_keys WHERE tenant = $1")
        .bind(tenant.as_str())
        .fetch_all(connection)
        .await?;
    let mut keys = rows.iter().map(key_record).collect::<Result<Vec<_>, _>>()?;
    keys.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(keys)
}

fn key_record(row: &AnyRow) -> Result<TrustedKey, RegistryError> {
    Ok(TrustedKey {
        tenant: rows::parsed(row, "tenant")?,
        name: rows::parsed(row, "name")?,
        key: rows::parsed(row, "public_key")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
