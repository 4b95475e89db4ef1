//! Containers of objects, for functions that are granted them.
//!
//! The bytes lie in the artifact store, see [`crate::artifacts`]; which bytes an object is, its row
//! says. They are stored before the row is written, and removed after it is gone: a crash in between
//! leaves bytes that nobody sees, never an object without bytes.

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::artifacts::StoredBlob;
use crate::db::{Write, lacks_parent};
use crate::held::{Held, Holder, holder};
use crate::id::{Name, TenantId};
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

/// The longest name of an object, in bytes of UTF-8.
pub const MAX_BLOB_NAME_BYTES: usize = 1 << 10;
/// The largest object, in bytes.
pub const MAX_BLOB_BYTES: u64 = 256 << 20;
/// Objects in one container.
pub const MAX_CONTAINER_BLOBS: u64 = 100_000;
/// All objects of one container together, in bytes.
pub const MAX_CONTAINER_BYTES: u64 = 10 << 30;
/// Names in one page of a listing.
pub const BLOBS_PER_PAGE: usize = 1_000;

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its name in the container.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was written.
    pub created_at: Timestamp,
    /// Where its bytes are.
    pub stored_as: String,
}

/// A page of names of objects, in the order in which they were first written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobPage {
    /// The names, at most [`BLOBS_PER_PAGE`].
    pub names: Vec<String>,
    /// Where the next page begins; none behind the last.
    pub next: Option<u64>,
}

const CONTAINERS: Holder = holder!("blob_containers", "blobs", "container");

fn check_name(name: &str) -> Result<(), RegistryError> {
    if (1..=MAX_BLOB_NAME_BYTES).contains(&name.len()) && !name.contains('\0') {
        return Ok(());
    }
    Err(RegistryError::Invalid(format!(
        "the name of an object has 1 to {MAX_BLOB_NAME_BYTES} bytes of UTF-8 without NUL; this one has {}",
        name.len()
    )))
}

fn no_such_container(name: &Name) -> RegistryError {
    RegistryError::NotFound {
        kind: "container",
        name: name.to_string(),
    }
}

fn read(row: &AnyRow) -> Result<Blob, RegistryError> {
    Ok(Blob {
        name: rows::text(row, "name")?,
        size: rows::count(row, "size")?,
        created_at: rows::time(row, "created_at")?,
        stored_as: rows::text(row, "stored_as")?,
    })
}

impl Registry {
    /// Makes an empty container.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where there is one of this name, [`RegistryError::NotFound`] for a
    /// tenant, [`RegistryError::Database`].
    pub async fn create_container(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<(), RegistryError> {
        let mut write = self.db.write().await?;
        let made = sqlx::query(
            "INSERT INTO blob_containers (tenant, name, next, entries, bytes, created_at) \
             VALUES ($1, $2, 1, 0, 0, $3) ON CONFLICT (tenant, name) DO NOTHING",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(rows::now().as_microsecond())
        .execute(&mut *write)
        .await
        .map_err(|e| {
            if lacks_parent(&e) {
                no_such_tenant(tenant)
            } else {
                e.into()
            }
        })?;
        write.commit().await?;
        match made.rows_affected() {
            0 => Err(RegistryError::Conflict {
                kind: "container",
                name: name.to_string(),
                detail: String::new(),
            }),
            _ => Ok(()),
        }
    }

    /// When a container was made.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where there is none, [`RegistryError::Database`].
    pub async fn container(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Timestamp, RegistryError> {
        let row =
            sqlx::query("SELECT created_at FROM blob_containers WHERE tenant = $1 AND name = $2")
                .bind(tenant.as_str())
                .bind(name.as_str())
                .fetch_optional(&self.db.pool)
                .await?
                .ok_or_else(|| no_such_container(name))?;
        rows::time(&row, "created_at")
    }

    /// Deletes a container and every object in it; one that is not there is not missed.
    ///
    /// # Errors
    /// [`RegistryError::Database`]; [`RegistryError::Store`] where the bytes could not be removed: the
    /// container is gone all the same.
    pub async fn delete_container(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<(), RegistryError> {
        let mut write = self.db.write().await?;
        let stored = match hold(&mut write, tenant, name).await {
            Ok(_) => empty(&mut write, tenant, name).await?,
            Err(RegistryError::NotFound { .. }) => return write.roll_back().await,
            Err(e) => return Err(e),
        };
        sqlx::query("DELETE FROM blob_containers WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        self.remove_blobs(&stored).await
    }

    /// Deletes every object of a container.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for a container, and as [`Registry::delete_container`].
    pub async fn clear_container(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<(), RegistryError> {
        let mut write = self.db.write().await?;
        let held = hold(&mut write, tenant, name).await?;
        let stored = empty(&mut write, tenant, name).await?;
        let held = Held {
            next: held.next,
            entries: 0,
            bytes: 0,
        };
        CONTAINERS.put_back(&mut write, tenant, name, &held).await?;
        write.commit().await?;
        self.remove_blobs(&stored).await
    }

    /// An object.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where there is none, [`RegistryError::Invalid`] for a name that is
    /// none, [`RegistryError::Database`].
    pub async fn blob(
        &self,
        tenant: &TenantId,
        container: &Name,
        name: &str,
    ) -> Result<Blob, RegistryError> {
        check_name(name)?;
        let row = sqlx::query(
            "SELECT name, size, created_at, stored_as FROM blobs \
             WHERE tenant = $1 AND container = $2 AND name = $3",
        )
        .bind(tenant.as_str())
        .bind(container.as_str())
        .bind(name)
        .fetch_optional(&self.db.pool)
        .await?;
        read(&row.ok_or_else(|| RegistryError::NotFound {
            kind: "object",
            name: name.to_owned(),
        })?)
    }

    /// The names from `cursor` on, which is 0 or [`BlobPage::next`] of the page before.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn blobs(
        &self,
        tenant: &TenantId,
        container: &Name,
        cursor: u64,
    ) -> Result<BlobPage, RegistryError> {
        let (names, next) = CONTAINERS
            .page(&self.db.pool, tenant, container, cursor, BLOBS_PER_PAGE)
            .await?;
        Ok(BlobPage { names, next })
    }

    /// Makes stored bytes an object, in the place of one of the same name.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for a container; [`RegistryError::Invalid`] for a name that is none, an
    /// object over [`MAX_BLOB_BYTES`], and where the container would hold more than
    /// [`MAX_CONTAINER_BLOBS`] or [`MAX_CONTAINER_BYTES`]; [`RegistryError::Database`]. The stored bytes
    /// are removed then.
    pub async fn put_blob(
        &self,
        tenant: &TenantId,
        container: &Name,
        name: &str,
        stored: &StoredBlob,
    ) -> Result<(), RegistryError> {
        match self.place_blob(tenant, container, name, stored).await {
            Ok(replaced) => self.remove_blobs(&replaced).await,
            Err(error) => {
                self.remove_blobs(std::slice::from_ref(&stored.stored_as))
                    .await?;
                Err(error)
            }
        }
    }

    /// The bytes that were in the place, to be removed.
    async fn place_blob(
        &self,
        tenant: &TenantId,
        container: &Name,
        name: &str,
        stored: &StoredBlob,
    ) -> Result<Vec<String>, RegistryError> {
        check_name(name)?;
        if stored.size > MAX_BLOB_BYTES {
            return Err(RegistryError::Invalid(format!(
                "the object has {} bytes; at most {MAX_BLOB_BYTES} are kept in one",
                stored.size
            )));
        }
        let mut write = self.db.write().await?;
        let held = hold(&mut write, tenant, container).await?;
        let found = find(&mut write, tenant, container, name).await?;
        let freed = found.as_ref().map_or(0, |(_, blob)| blob.size);
        let entries = held.entries + u64::from(found.is_none());
        let bytes = held.bytes.saturating_sub(freed) + stored.size;
        if entries > MAX_CONTAINER_BLOBS || bytes > MAX_CONTAINER_BYTES {
            return Err(RegistryError::Invalid(format!(
                "the container `{container}` is full: it would hold {entries} objects and {bytes} bytes; at \
                 most {MAX_CONTAINER_BLOBS} objects and {MAX_CONTAINER_BYTES} bytes fit"
            )));
        }
        let position = found.as_ref().map_or(held.next, |(position, _)| *position);
        sqlx::query(
            "INSERT INTO blobs (tenant, container, name, position, size, stored_as, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, container, name) DO UPDATE SET \
             size = excluded.size, stored_as = excluded.stored_as, created_at = excluded.created_at",
        )
        .bind(tenant.as_str())
        .bind(container.as_str())
        .bind(name)
        .bind(position)
        .bind(rows::to_bigint("size", stored.size)?)
        .bind(&stored.stored_as)
        .bind(rows::now().as_microsecond())
        .execute(&mut *write)
        .await?;
        let held = Held {
            next: held.next + 1,
            entries,
            bytes,
        };
        CONTAINERS
            .put_back(&mut write, tenant, container, &held)
            .await?;
        write.commit().await?;
        Ok(found.map(|(_, blob)| blob.stored_as).into_iter().collect())
    }

    /// Deletes objects; those that are not there are not missed.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for a container, [`RegistryError::Invalid`] for a name that is none, and
    /// as [`Registry::delete_container`].
    pub async fn delete_blobs(
        &self,
        tenant: &TenantId,
        container: &Name,
        names: &[String],
    ) -> Result<(), RegistryError> {
        names.iter().try_for_each(|name| check_name(name))?;
        let mut write = self.db.write().await?;
        let mut held = hold(&mut write, tenant, container).await?;
        let mut stored = Vec::new();
        for name in names {
            let Some((_, blob)) = find(&mut write, tenant, container, name).await? else {
                continue;
            };
            sqlx::query("DELETE FROM blobs WHERE tenant = $1 AND container = $2 AND name = $3")
                .bind(tenant.as_str())
                .bind(container.as_str())
                .bind(name)
                .execute(&mut *write)
                .await?;
            held.entries = held.entries.saturating_sub(1);
            held.bytes = held.bytes.saturating_sub(blob.size);
            stored.push(blob.stored_as);
        }
        CONTAINERS
            .put_back(&mut write, tenant, container, &held)
            .await?;
        write.commit().await?;
        self.remove_blobs(&stored).await
    }

    /// Removes bytes that belong to no object (any more).
    ///
    /// # Errors
    /// [`RegistryError::Store`]
    pub async fn remove_blobs(&self, stored: &[String]) -> Result<(), RegistryError> {
        for key in stored {
            self.artifacts.remove_blob(key).await?;
        }
        Ok(())
    }
}

/// Takes the row of a container.
async fn hold(
    write: &mut Write,
    tenant: &TenantId,
    container: &Name,
) -> Result<Held, RegistryError> {
    let held = CONTAINERS.take(write, tenant, container).await?;
    held.ok_or_else(|| no_such_container(container))
}

async fn find(
    write: &mut Write,
    tenant: &TenantId,
    container: &Name,
    name: &str,
) -> Result<Option<(i64, Blob)>, RegistryError> {
    let row = sqlx::query(
        "SELECT name, position, size, created_at, stored_as FROM blobs \
         WHERE tenant = $1 AND container = $2 AND name = $3",
    )
    .bind(tenant.as_str())
    .bind(container.as_str())
    .bind(name)
    .fetch_optional(&mut **write)
    .await?;
    row.map(|row| Ok((row.try_get("position")?, read(&row)?)))
        .transpose()
}

/// Deletes the rows of a container's objects and returns where their bytes are.
async fn empty(
    write: &mut Write,
    tenant: &TenantId,
    container: &Name,
) -> Result<Vec<String>, RegistryError> {
    let found = sqlx::query("SELECT stored_as FROM blobs WHERE tenant = $1 AND container = $2")
        .bind(tenant.as_str())
        .bind(container.as_str())
        .fetch_all(&mut **write)
        .await?;
    sqlx::query("DELETE FROM blobs WHERE tenant = $1 AND container = $2")
        .bind(tenant.as_str())
        .bind(container.as_str())
        .execute(&mut **write)
        .await?;
    found
        .iter()
        .map(|row| rows::text(row, "stored_as"))
        .collect()
}
