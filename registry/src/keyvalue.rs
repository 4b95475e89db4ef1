//! Buckets of keys and values, for functions that are granted them.
//!
//! A bucket belongs to a tenant and is made by the first write to it. Every write is a transaction that
//! takes the row of the bucket first, so that writers to one bucket follow one another on both
//! databases; what was acknowledged is on disk.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqlx::Row as _;

use crate::db::{Write, lacks_parent};
use crate::held::{Held, Holder, holder};
use crate::id::{Name, TenantId};
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

/// The longest key, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 1 << 10;
/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 1 << 20;
/// Keys in one bucket.
pub const MAX_BUCKET_KEYS: u64 = 100_000;
/// Keys and values of one bucket together, in bytes.
pub const MAX_BUCKET_BYTES: u64 = 256 << 20;
/// Keys in one page of a listing.
pub const KEYS_PER_PAGE: usize = 1_000;
/// Keys that can be named in one call, and bytes of the values that one call reads.
pub const MAX_BATCH_KEYS: usize = 1_000;
/// Bytes of all values that one call reads or writes.
pub const MAX_BATCH_BYTES: usize = 16 << 20;

/// A value and the number of the write that it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyvalueEntry {
    /// The value.
    pub value: Vec<u8>,
    /// Another number with every write of the key, also where it was deleted in between.
    pub revision: i64,
}

/// A page of keys, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyvaluePage {
    /// The keys, at most [`KEYS_PER_PAGE`].
    pub keys: Vec<String>,
    /// Where the next page begins; none behind the last.
    pub next: Option<u64>,
}

/// What a key has, as its bucket's row and its own say.
struct Found {
    position: i64,
    revision: i64,
    size: u64,
}

const BUCKETS: Holder = holder!("keyvalue_buckets", "keyvalue_entries", "bucket");

fn check_key(key: &str) -> Result<(), RegistryError> {
    // PostgreSQL stores no NUL in a text.
    if (1..=MAX_KEY_BYTES).contains(&key.len()) && !key.contains('\0') {
        return Ok(());
    }
    Err(RegistryError::Invalid(format!(
        "a key has 1 to {MAX_KEY_BYTES} bytes of UTF-8 without NUL; this one has {}",
        key.len()
    )))
}

fn check_value(value: &[u8]) -> Result<(), RegistryError> {
    if value.len() <= MAX_VALUE_BYTES {
        return Ok(());
    }
    Err(RegistryError::Invalid(format!(
        "the value has {} bytes; at most {MAX_VALUE_BYTES} are kept under one key",
        value.len()
    )))
}

fn check_batch(keys: usize, bytes: usize) -> Result<(), RegistryError> {
    if keys > MAX_BATCH_KEYS || bytes > MAX_BATCH_BYTES {
        return Err(RegistryError::Invalid(format!(
            "{keys} keys and {bytes} bytes in one call; at most {MAX_BATCH_KEYS} and {MAX_BATCH_BYTES} are taken"
        )));
    }
    Ok(())
}

fn decoded(value: &str) -> Result<Vec<u8>, RegistryError> {
    STANDARD.decode(value).map_err(|e| rows::broken("value", e))
}

impl Registry {
    /// The value of a key.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for a key that is none, [`RegistryError::Database`].
    pub async fn keyvalue_get(
        &self,
        tenant: &TenantId,
        bucket: &Name,
        key: &str,
    ) -> Result<Option<KeyvalueEntry>, RegistryError> {
        check_key(key)?;
        let row = sqlx::query(
            "SELECT value, revision FROM keyvalue_entries WHERE tenant = $1 AND bucket = $2 AND name = $3",
        )
        .bind(tenant.as_str())
        .bind(bucket.as_str())
        .bind(key)
        .fetch_optional(&self.db.pool)
        .await?;
        row.map(|row| {
            Ok(KeyvalueEntry {
                value: decoded(&rows::text(&row, "value")?)?,
                revision: row.try_get("revision")?,
            })
        })
        .transpose()
    }

    /// The values of keys, in the order of the keys.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for a key that is none, or more of them or of their values than
    /// [`MAX_BATCH_KEYS`] and [`MAX_BATCH_BYTES`]; [`RegistryError::Database`].
    pub async fn keyvalue_get_many(
        &self,
        tenant: &TenantId,
        bucket: &Name,
        keys: &[String],
    ) -> Result<Vec<Option<Vec<u8>>>, RegistryError> {
        check_batch(keys.len(), 0)?;
        let mut values = Vec::with_capacity(keys.len());
        let mut bytes = 0;
        for key in keys {
            let found = self.keyvalue_get(tenant, bucket, key).await?;
            bytes += found.as_ref().map_or(0, |entry| entry.value.len());
            check_batch(keys.len(), bytes)?;
            values.push(found.map(|entry| entry.value));
        }
        Ok(values)
    }

    /// Whether there is such a key.
    ///
    /// # Errors
    /// As [`Registry::keyvalue_get`].
    pub async fn keyvalue_exists(
        &self,
        tenant: &TenantId,
        bucket: &Name,
        key: &str,
    ) -> Result<bool, RegistryError> {
        check_key(key)?;
        let row = sqlx::query(
            "SELECT revision FROM keyvalue_entries WHERE tenant = $1 AND bucket = $2 AND name = $3",
        )
        .bind(tenant.as_str())
        .bind(bucket.as_str())
        .bind(key)
        .fetch_optional(&self.db.pool)
        .await?;
        Ok(row.is_some())
    }

    /// The keys from `cursor` on, which is 0 or [`KeyvaluePage::next`] of the page before.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn keyvalue_keys(
        &self,
        tenant: &TenantId,
        bucket: &Name,
        cursor: u64,
    ) -> Result<KeyvaluePage, RegistryError> {
        let (keys, next) = BUCKETS
            .page(&self.db.pool, tenant, bucket, cursor, KEYS_PER_PAGE)
            .await?;
        Ok(KeyvaluePage { keys, next })
    }

    /// Sets keys to values, all of them or, on an error, none.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for a key or value that is none, for too many of them, and where the
    /// bucket would hold more than [`MAX_BUCKET_KEYS`] or [`MAX_BUCKET_BYTES`];
    /// [`RegistryError::NotFound`] for a tenant, [`RegistryError::Database`].
    pub async fn keyvalue_set(
        &self,
        tenant: &TenantId,
        bucket: &Name,
        pairs: &[(String, Vec<u8>)],
    ) -> Result<(), RegistryError> {
        check_batch(pairs.len(), pairs.iter().map(|(_, v)| v.len()).sum())?;
        for (key, value) in pairs {
            check_key(key)?;
            check_value(value)?;
        }
        if pairs.is_empty() {
            return Ok(());
        }
        let mut write = self.db.write().await?;
        let mut held = hold(&mut write, tenant, bucket).await?;
        for (key, value) in pairs {
            let found = find(&mut write, tenant, bucket, key).await?;
            put(&mut write, &mut held, (tenant, bucket, key), found, value).await?;
        }
        BUCKETS.put_back(&mut write, tenant, bucket, &held).await?;
        write.commit().await
    }

    /// Deletes keys, all of them or, on an error, none; what is not there is not missed.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for a key that is none or too many of them;
    /// [`RegistryError::NotFound`] for a tenant, [`RegistryError::Database`].
    pub async fn keyvalue_delete(
        &self,
        tenant: &TenantId,
        bucket: &Name,
        keys: &[String],
    ) -> Result<(), RegistryError> {
        check_batch(keys.len(), 0)?;
        keys.iter().try_for_each(|key| check_key(key))?;
        if keys.is_empty() {
            return Ok(());
        }
        let mut write = self.db.write().await?;
        let mut held = hold(&mut write, tenant, bucket).await?;
        for key in keys {
            let Some(found) = find(&mut write, tenant, bucket, key).await? else {
                continue;
            };
            sqlx::query(
                "DELETE FROM keyvalue_entries WHERE tenant = $1 AND bucket = $2 AND name = $3",
            )
            .bind(tenant.as_str())
            .bind(bucket.as_str())
            .bind(key)
            .execute(&mut *write)
            .await?;
            held.entries = held.entries.saturating_sub(1);
            held.bytes = held.bytes.saturating_sub(found.size);
        }
        BUCKETS.put_back(&mut write, tenant, bucket, &held).await?;
        write.commit().await
    }

    /// Adds to the number under a key and returns the sum. The value is the number in decimal digits; a
    /// key that is not there counts as 0. The sum must lie within `range`.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] where the value is no number or the sum is out of range, and as
    /// [`Registry::keyvalue_set`].
    pub async fn keyvalue_increment(
        &self,
        tenant: &TenantId,
        bucket: &Name,
        key: &str,
        delta: i128,
        range: std::ops::RangeInclusive<i128>,
    ) -> Result<i128, RegistryError> {
        check_key(key)?;
        let mut write = self.db.write().await?;
        let mut held = hold(&mut write, tenant, bucket).await?;
        let found = find(&mut write, tenant, bucket, key).await?;
        let before = match &found {
            None => 0,
            Some(_) => number(&value(&mut write, tenant, bucket, key).await?)?,
        };
        let sum = before
            .checked_add(delta)
            .filter(|sum| range.contains(sum))
            .ok_or_else(|| {
                RegistryError::Invalid(format!("{before} and {delta} add up to more than fits"))
            })?;
        let text = sum.to_string();
        let place = (tenant, bucket, key);
        put(&mut write, &mut held, place, found, text.as_bytes()).await?;
        BUCKETS.put_back(&mut write, tenant, bucket, &held).await?;
        write.commit().await?;
        Ok(sum)
    }

    /// Sets a key if its last write is still that of `revision`; none means that there must be no such
    /// key. `false` where somebody else wrote meanwhile; nothing is changed then.
    ///
    /// # Errors
    /// As [`Registry::keyvalue_set`].
    pub async fn keyvalue_swap(
        &self,
        tenant: &TenantId,
        bucket: &Name,
        key: &str,
        revision: Option<i64>,
        value: &[u8],
    ) -> Result<bool, RegistryError> {
        check_key(key)?;
        check_value(value)?;
        let mut write = self.db.write().await?;
        let mut held = hold(&mut write, tenant, bucket).await?;
        let found = find(&mut write, tenant, bucket, key).await?;
        if found.as_ref().map(|found| found.revision) != revision {
            write.roll_back().await?;
            return Ok(false);
        }
        put(&mut write, &mut held, (tenant, bucket, key), found, value).await?;
        BUCKETS.put_back(&mut write, tenant, bucket, &held).await?;
        write.commit().await?;
        Ok(true)
    }
}

fn number(value: &[u8]) -> Result<i128, RegistryError> {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            RegistryError::Invalid(
                "the value is no number in decimal digits: it cannot be incremented".into(),
            )
        })
}

/// Takes the row of a bucket, which is made where there is none.
async fn hold(write: &mut Write, tenant: &TenantId, bucket: &Name) -> Result<Held, RegistryError> {
    sqlx::query(
        "INSERT INTO keyvalue_buckets (tenant, name, next, entries, bytes) VALUES ($1, $2, 1, 0, 0) \
         ON CONFLICT (tenant, name) DO NOTHING",
    )
    .bind(tenant.as_str())
    .bind(bucket.as_str())
    .execute(&mut **write)
    .await
    .map_err(|e| {
        if lacks_parent(&e) {
            no_such_tenant(tenant)
        } else {
            e.into()
        }
    })?;
    let held = BUCKETS.take(write, tenant, bucket).await?;
    // It was made above, and the transaction keeps it.
    held.ok_or_else(|| RegistryError::Database(sqlx::Error::RowNotFound))
}

async fn find(
    write: &mut Write,
    tenant: &TenantId,
    bucket: &Name,
    key: &str,
) -> Result<Option<Found>, RegistryError> {
    let row = sqlx::query(
        "SELECT position, revision, size FROM keyvalue_entries \
         WHERE tenant = $1 AND bucket = $2 AND name = $3",
    )
    .bind(tenant.as_str())
    .bind(bucket.as_str())
    .bind(key)
    .fetch_optional(&mut **write)
    .await?;
    row.map(|row| {
        Ok(Found {
            position: row.try_get("position")?,
            revision: row.try_get("revision")?,
            size: rows::count(&row, "size")?,
        })
    })
    .transpose()
}

async fn value(
    write: &mut Write,
    tenant: &TenantId,
    bucket: &Name,
    key: &str,
) -> Result<Vec<u8>, RegistryError> {
    let row = sqlx::query(
        "SELECT value FROM keyvalue_entries WHERE tenant = $1 AND bucket = $2 AND name = $3",
    )
    .bind(tenant.as_str())
    .bind(bucket.as_str())
    .bind(key)
    .fetch_one(&mut **write)
    .await?;
    decoded(&rows::text(&row, "value")?)
}

/// Writes a value within the bounds of its bucket.
async fn put(
    write: &mut Write,
    held: &mut Held,
    (tenant, bucket, key): (&TenantId, &Name, &str),
    found: Option<Found>,
    value: &[u8],
) -> Result<(), RegistryError> {
    let size = (key.len() + value.len()) as u64;
    let freed = found.as_ref().map_or(0, |found| found.size);
    let entries = held.entries + u64::from(found.is_none());
    let bytes = held.bytes.saturating_sub(freed) + size;
    if entries > MAX_BUCKET_KEYS || bytes > MAX_BUCKET_BYTES {
        return Err(RegistryError::Invalid(format!(
            "the bucket `{bucket}` is full: it would hold {entries} keys and {bytes} bytes; at most \
             {MAX_BUCKET_KEYS} keys and {MAX_BUCKET_BYTES} bytes fit"
        )));
    }
    let revision = held.next;
    let position = found.map_or(revision, |found| found.position);
    sqlx::query(
        "INSERT INTO keyvalue_entries (tenant, bucket, name, position, revision, size, value) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, bucket, name) DO UPDATE SET \
         revision = excluded.revision, size = excluded.size, value = excluded.value",
    )
    .bind(tenant.as_str())
    .bind(bucket.as_str())
    .bind(key)
    .bind(position)
    .bind(revision)
    .bind(rows::to_bigint("size", size)?)
    .bind(STANDARD.encode(value))
    .execute(&mut **write)
    .await?;
    *held = Held {
        next: revision + 1,
        entries,
        bytes,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArtifactsConfig, RegistryConfig};

    #[tokio::test]
    async fn a_full_bucket_takes_what_does_not_make_it_larger() {
        let folder = tempfile::tempdir().unwrap();
        let config = RegistryConfig {
            database_url: format!("sqlite://{}", folder.path().join("steward.db").display()),
            artifacts: ArtifactsConfig::Local(folder.path().join("artifacts")),
        };
        let registry = Registry::open(&config).await.unwrap();
        let (acme, bucket): (TenantId, Name) = ("acme".parse().unwrap(), "b".parse().unwrap());
        registry.create_tenant(&acme).await.unwrap();
        let set = async |key: &str, value: &[u8]| {
            let pairs = [(key.to_owned(), value.to_vec())];
            registry.keyvalue_set(&acme, &bucket, &pairs).await
        };
        let counts = async |entries: u64, bytes: u64| {
            sqlx::query("UPDATE keyvalue_buckets SET entries = $1, bytes = $2")
                .bind(entries as i64)
                .bind(bytes as i64)
                .execute(&registry.db.pool)
                .await
                .unwrap();
        };
        set("key", b"value").await.unwrap();
        counts(1, MAX_BUCKET_BYTES).await;
        assert!(matches!(
            set("key", b"longer").await,
            Err(RegistryError::Invalid(_))
        ));
        set("key", b"other").await.unwrap();
        counts(MAX_BUCKET_KEYS, 8).await;
        let refused = set("another", b"").await.unwrap_err().to_string();
        assert!(refused.contains("`b` is full"), "{refused}");
        set("key", b"still").await.unwrap();
        let keys = ["key".to_owned()];
        registry
            .keyvalue_delete(&acme, &bucket, &keys)
            .await
            .unwrap();
        set("another", b"").await.unwrap();
    }
}
