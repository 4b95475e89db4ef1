//! Principals and their API keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use sqlx::any::AnyRow;
use subtle::ConstantTimeEq as _;

use crate::db::lacks_parent;
use crate::id::TenantId;
use crate::quotas::{self, QuotaKind};
use crate::tenants::no_such_tenant;
use crate::{Principal, Rate, Registry, RegistryError, Role, Scopes, rows};

const PREFIX: &str = "stw_";
const ID_LEN: usize = 26;
const SECRET_LEN: usize = 43;
/// For how long two secrets of one key may work.
const MAX_OVERLAP: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A key that is to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// What narrows that.
    pub scopes: Scopes,
    /// How fast it may ask; none is what the tenant says for every key.
    pub rate: Option<Rate>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

impl NewKey {
    /// One that nothing narrows and that never expires.
    pub fn new(name: &str, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            role,
            scopes: Scopes::default(),
            rate: None,
            expires_at: None,
        }
    }
}

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
    ///
    /// While a rotation overlaps, the secret before it is right too.
    pub fn matches(&self, principal: &Principal) -> bool {
        let hash = self.secret_hash();
        let current = hash.ct_eq(&principal.secret_hash);
        let previous = match (principal.previous_hash, principal.previous_until) {
            (Some(previous), Some(until)) if until > Timestamp::now() => hash.ct_eq(&previous),
            _ => subtle::Choice::from(0),
        };
        self.id == principal.id && bool::from(current | previous)
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
    /// Creates a principal and its key, which nothing narrows; see [`Registry::create_key_with`].
    ///
    /// # Errors
    /// Those of [`Registry::create_key_with`].
    pub async fn create_key(
        &self,
        tenant: &TenantId,
        name: &str,
        role: Role,
        expires_at: Option<Timestamp>,
    ) -> Result<(Principal, ApiKey), RegistryError> {
        let mut new = NewKey::new(name, role);
        new.expires_at = expires_at;
        self.create_key_with(tenant, new).await
    }

    /// Creates a principal and its key. The key is returned here and nowhere else: only the hash of
    /// its secret is kept.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the tenant, [`RegistryError::Invalid`] for a name that is empty,
    /// too long or holds control characters, [`RegistryError::Quota`], [`RegistryError::Database`].
    pub async fn create_key_with(
        &self,
        tenant: &TenantId,
        new: NewKey,
    ) -> Result<(Principal, ApiKey), RegistryError> {
        let key = ApiKey::generate();
        if let Some(rate) = &new.rate {
            rate.check()?;
        }
        let principal = Principal {
            id: key.id.clone(),
            tenant: tenant.clone(),
            name: rows::one_line("the name of a key", &new.name)?.to_owned(),
            role: new.role,
            scopes: new.scopes,
            rate: new.rate,
            secret_hash: key.secret_hash(),
            previous_hash: None,
            previous_until: None,
            created_at: rows::now(),
            expires_at: new.expires_at.map(rows::whole_micros),
            revoked_at: None,
            last_used_at: None,
        };
        let rate = principal
            .rate
            .as_ref()
            .map(|rate| rows::to_json("rate", rate, 1024));
        let mut change = self.db.change().await?;
        quotas::room(&mut change, tenant, QuotaKind::Keys, 1).await?;
        sqlx::query(
            "INSERT INTO principals (id, tenant, name, role, scopes, rate, secret_hash, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(principal.id.as_str())
        .bind(tenant.as_str())
        .bind(principal.name.as_str())
        .bind(principal.role.as_str())
        .bind(rows::to_json("list of scopes", &principal.scopes, 16 * 1024)?)
        .bind(rate.transpose()?)
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

    /// One principal of the tenant.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn key(&self, tenant: &TenantId, id: &str) -> Result<Principal, RegistryError> {
        check_id(id)?;
        let row = sqlx::query("SELECT * FROM principals WHERE tenant = $1 AND id = $2")
            .bind(tenant.as_str())
            .bind(id)
            .fetch_optional(&self.db.pool)
            .await?;
        record(&row.ok_or_else(|| no_such_key(id))?)
    }

    /// Gives a key a new secret. The one before works until the overlap has passed, one from before that not any
    /// more. Id, role and scopes stay.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::Invalid`] for a key that is revoked or has expired and for an
    /// overlap that is negative or longer than 30 days; [`RegistryError::Database`].
    pub async fn rotate_key(
        &self,
        tenant: &TenantId,
        id: &str,
        overlap: SignedDuration,
    ) -> Result<(Principal, ApiKey), RegistryError> {
        check_id(id)?;
        let wrong = |text: &str| RegistryError::Invalid(text.to_owned());
        if overlap.is_negative() || overlap > MAX_OVERLAP {
            return Err(wrong("the overlap of two secrets is 0 to 30 days"));
        }
        let until = rows::now()
            .checked_add(overlap)
            .map_err(|e| RegistryError::Invalid(e.to_string()))?;
        let key = ApiKey {
            id: id.to_owned(),
            secret: rand::random(),
        };
        let mut change = self.db.change().await?;
        let row = sqlx::query(
            "UPDATE principals SET previous_hash = secret_hash, previous_until = $3, secret_hash = $4 \
             WHERE tenant = $1 AND id = $2 RETURNING *",
        )
        .bind(tenant.as_str())
        .bind(id)
        .bind(until.as_microsecond())
        .bind(hex::encode(key.secret_hash()))
        .fetch_optional(&mut *change)
        .await?
        .ok_or_else(|| no_such_key(id))?;
        let principal = record(&row)?;
        // Dropped without a commit, the change is undone.
        if principal.revoked_at.is_some() {
            return Err(wrong("the key is revoked: create another"));
        }
        if principal
            .expires_at
            .is_some_and(|at| at <= Timestamp::now())
        {
            return Err(wrong("the key has expired: create another"));
        }
        change.commit().await?;
        Ok((principal, key))
    }

    /// Writes when keys were used last. A time before the one that is written changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn record_key_use(&self, used: &[(String, Timestamp)]) -> Result<(), RegistryError> {
        if used.is_empty() {
            return Ok(());
        }
        // In one order, so that hosts which write the same rows wait for each other, not in a circle.
        let mut used: Vec<_> = used.iter().collect();
        used.sort();
        // Hosts keep nothing of it in memory: the revision stays.
        let mut write = self.db.write().await?;
        for (id, at) in used {
            sqlx::query(
                "UPDATE principals SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
            )
            .bind(id.as_str())
            .bind(at.as_microsecond())
            .execute(&mut *write)
            .await?;
        }
        write.commit_alone().await
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
        check_id(id)?;
        let mut change = self.db.change().await?;
        let row = sqlx::query(
            "UPDATE principals SET revoked_at = COALESCE(revoked_at, $3) WHERE tenant = $1 AND id = $2 RETURNING *",
        )
        .bind(tenant.as_str())
        .bind(id)
        .bind(rows::now().as_microsecond())
        .fetch_optional(&mut *change)
        .await?
        .ok_or_else(|| no_such_key(id))?;
        let principal = record(&row)?;
        change.commit().await?;
        Ok(principal)
    }
}

/// The id comes from outside, and PostgreSQL takes no NUL: what is no id is not asked for.
fn check_id(id: &str) -> Result<(), RegistryError> {
    if id.len() == ID_LEN && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        Err(no_such_key(id))
    }
}

fn no_such_key(id: &str) -> RegistryError {
    RegistryError::NotFound {
        kind: "key",
        name: id.chars().take(80).collect(),
    }
}

fn oldest_first(rows: &[AnyRow]) -> Result<Vec<Principal>, RegistryError> {
    let mut all = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(all)
}

fn record(row: &AnyRow) -> Result<Principal, RegistryError> {
    let hash = |column: &str, text: String| -> Result<[u8; 32], RegistryError> {
        let mut hash = [0u8; 32];
        hex::decode_to_slice(text, &mut hash).map_err(|e| sqlx::Error::ColumnDecode {
            index: column.into(),
            source: e.into(),
        })?;
        Ok(hash)
    };
    let previous: Option<String> = row.try_get("previous_hash")?;
    Ok(Principal {
        id: rows::text(row, "id")?,
        tenant: rows::parsed(row, "tenant")?,
        name: rows::text(row, "name")?,
        role: rows::parsed(row, "role")?,
        scopes: rows::json(row, "scopes")?,
        rate: rows::optional_json(row, "rate")?,
        secret_hash: hash("secret_hash", rows::text(row, "secret_hash")?)?,
        previous_hash: previous
            .map(|text| hash("previous_hash", text))
            .transpose()?,
        previous_until: rows::optional_time(row, "previous_until")?,
        created_at: rows::time(row, "created_at")?,
        expires_at: rows::optional_time(row, "expires_at")?,
        revoked_at: rows::optional_time(row, "revoked_at")?,
        last_used_at: rows::optional_time(row, "last_used_at")?,
    })
}
