//! Principals and their API keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;
use subtle::ConstantTimeEq as _;

use crate::db::lacks_parent;
use crate::id::TenantId;
use crate::tenants::no_such_tenant;
use crate::{Principal, Registry, RegistryError, Role, rows};

const PREFIX: &str = "stw_";
const ID_LEN: usize = 26;
const SECRET_LEN: usize = 43;

/// An API key as its holder has it: `stw_`, the id of the principal (a lower-case ULID, 26
/// characters), `_`, and 32 random bytes in base64url (43 characters).
///
/// `Display` shows the whole key, so that it can be handed out once; `Debug` hides the secret.
#[derive(Clone)]
pub struct ApiKey {
    id: String,
    secret: [u8; 32],
}

impl ApiKey {
    fn generate() -> Self {
        Self {
            id: ulid::Ulid::generate().to_string().to_ascii_lowercase(),
            secret: rand::random(),
        }
    }

    /// Reads a key. Only the exact form is accepted: every key has one spelling.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`], which does not repeat what was given.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let wrong = || {
            RegistryError::Invalid(
                "this is not an API key: `stw_<26 characters>_<43 characters>`".into(),
            )
        };
        let rest = text.strip_prefix(PREFIX).ok_or_else(wrong)?;
        let (id, secret) = rest.split_at_checked(ID_LEN).ok_or_else(wrong)?;
        let secret = secret.strip_prefix('_').ok_or_else(wrong)?;
        let is_ulid = matches!(id.as_bytes()[0], b'0'..=b'7')
            && id
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'z') && !b"ilou".contains(&b));
        if !is_ulid || secret.len() != SECRET_LEN {
            return Err(wrong());
        }
        let bytes = URL_SAFE_NO_PAD.decode(secret).map_err(|_| wrong())?;
        Ok(Self {
            id: id.to_owned(),
            secret: bytes.try_into().map_err(|_| wrong())?,
        })
    }

    /// The public part: the id of the principal.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// SHA-256 of the secret part, as it is stored.
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }

    /// Whether this is the key of that principal, in a time that does not depend on how much of the
    /// secret is right. Says nothing about expiry and revocation.
    pub fn matches(&self, principal: &Principal) -> bool {
        self.id == principal.id && bool::from(self.secret_hash().ct_eq(&principal.secret_hash))
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PREFIX}{}_{}",
            self.id,
            URL_SAFE_NO_PAD.encode(self.secret)
        )
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_***", self.id)
    }
}

impl Registry {
    /// Creates a principal and its key. The key is returned here and nowhere else: only the hash of
    /// its secret is kept.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the tenant, [`RegistryError::Invalid`] for a name that is empty,
    /// too long or holds control characters, [`RegistryError::Database`].
    pub async fn create_key(
        &self,
        tenant: &TenantId,
        name: &str,
        role: Role,
        expires_at: Option<Timestamp>,
    ) -> Result<(Principal, ApiKey), RegistryError> {
        let key = ApiKey::generate();
        let principal = Principal {
            id: key.id.clone(),
            tenant: tenant.clone(),
            name: rows::one_line("the name of a key", name)?.to_owned(),
            role,
            secret_hash: key.secret_hash(),
            created_at: rows::now(),
            expires_at: expires_at.map(rows::whole_micros),
            revoked_at: None,
        };
        let mut change = self.db.change().await?;
        sqlx::query(
            "INSERT INTO principals (id, tenant, name, role, secret_hash, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(principal.id.as_str())
        .bind(tenant.as_str())
        .bind(name)
        .bind(role.as_str())
        .bind(hex::encode(principal.secret_hash))
        .bind(principal.created_at.as_microsecond())
        .bind(principal.expires_at.map(Timestamp::as_microsecond))
        .execute(&mut *change)
        .await
        .map_err(|e| {
            if lacks_parent(&e) {
                no_such_tenant(tenant)
            } else {
                e.into()
            }
        })?;
        change.commit().await?;
        Ok((principal, key))
    }

    /// Every principal of the tenant, oldest first; also those revoked or expired.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn keys(&self, tenant: &TenantId) -> Result<Vec<Principal>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM principals WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_all(&self.db.pool)
            .await?;
        oldest_first(&rows)
    }

    /// Every principal of every tenant, oldest first.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn all_keys(&self) -> Result<Vec<Principal>, RegistryError> {
        oldest_first(
            &sqlx::query("SELECT * FROM principals")
                .fetch_all(&self.db.pool)
                .await?,
        )
    }

    /// Revokes a key for good. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn revoke_key(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Principal, RegistryError> {
        // The id comes from outside, and PostgreSQL takes no NUL: what is no id is not asked for.
        if id.len() != ID_LEN || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(RegistryError::NotFound {
                kind: "key",
                name: id.chars().take(80).collect(),
            });
        }
        let mut change = self.db.change().await?;
        let row = sqlx::query(
            "UPDATE principals SET revoked_at = COALESCE(revoked_at, $3) WHERE tenant = $1 AND id = $2 RETURNING *",
        )
        .bind(tenant.as_str())
        .bind(id)
        .bind(rows::now().as_microsecond())
        .fetch_optional(&mut *change)
        .await?
        .ok_or_else(|| RegistryError::NotFound { kind: "key", name: id.to_owned() })?;
        let principal = record(&row)?;
        change.commit().await?;
        Ok(principal)
    }
}

fn oldest_first(rows: &[AnyRow]) -> Result<Vec<Principal>, RegistryError> {
    let mut all = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(all)
}

fn record(row: &AnyRow) -> Result<Principal, RegistryError> {
    let mut secret_hash = [0u8; 32];
    hex::decode_to_slice(rows::text(row, "secret_hash")?, &mut secret_hash).map_err(|e| {
        sqlx::Error::ColumnDecode {
            index: "secret_hash".into(),
            source: e.into(),
        }
    })?;
    Ok(Principal {
        id: rows::text(row, "id")?,
        tenant: rows::parsed(row, "tenant")?,
        name: rows::text(row, "name")?,
        role: rows::parsed(row, "role")?,
        secret_hash,
        created_at: rows::time(row, "created_at")?,
        expires_at: rows::optional_time(row, "expires_at")?,
        revoked_at: rows::optional_time(row, "revoked_at")?,
    })
}
