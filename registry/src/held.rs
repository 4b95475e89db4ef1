//! What a bucket or a container holds: a row that whoever writes into it takes first, and pages of what is in it.

use sqlx::{AnyPool, Row as _};

use crate::db::Write;
use crate::id::{Name, TenantId};
use crate::{RegistryError, rows};

/// The statements about one kind of holder and what it holds.
pub(crate) struct Holder {
    pub(crate) take: &'static str,
    pub(crate) look: &'static str,
    pub(crate) put_back: &'static str,
    pub(crate) page: &'static str,
}

/// A [`Holder`] of its table, the table of what it holds, and the column that names it there.
macro_rules! holder {
    ($holders:literal, $things:literal, $holder:literal) => {
        $crate::held::Holder {
            take: concat!(
                "UPDATE ",
                $holders,
                " SET next = next WHERE tenant = $1 AND name = $2"
            ),
            look: concat!(
                "SELECT next, entries, bytes FROM ",
                $holders,
                " WHERE tenant = $1 AND name = $2"
            ),
            put_back: concat!(
                "UPDATE ",
                $holders,
                " SET next = $3, entries = $4, bytes = $5 WHERE tenant = $1 AND name = $2"
            ),
            page: concat!(
                "SELECT name, position FROM ",
                $things,
                " WHERE tenant = $1 AND ",
                $holder,
                " = $2 AND position >= $3 ORDER BY position LIMIT $4"
            ),
        }
    };
}
pub(crate) use holder;

/// The row of one, held until the transaction ends.
pub(crate) struct Held {
    /// The next position, or the number of the next write.
    pub(crate) next: i64,
    /// How many things are in it.
    pub(crate) entries: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

impl Holder {
    /// Takes the row; none where there is no such holder.
    pub(crate) async fn take(
        &self,
        write: &mut Write,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Option<Held>, RegistryError> {
        // The update locks the row on PostgreSQL; what is read after it is what the last writer left.
        sqlx::query(self.take)
            .bind(tenant.as_str())
            .bind(name.as_str())
            .execute(&mut **write)
            .await?;
        let row = sqlx::query(self.look)
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_optional(&mut **write)
            .await?;
        row.map(|row| {
            Ok(Held {
                next: row.try_get("next")?,
                entries: rows::count(&row, "entries")?,
                bytes: rows::count(&row, "bytes")?,
            })
        })
        .transpose()
    }

    /// Writes the counts back.
    pub(crate) async fn put_back(
        &self,
        write: &mut Write,
        tenant: &TenantId,
        name: &Name,
        held: &Held,
    ) -> Result<(), RegistryError> {
        sqlx::query(self.put_back)
            .bind(tenant.as_str())
            .bind(name.as_str())
            .bind(held.next)
            .bind(rows::to_bigint("entries", held.entries)?)
            .bind(rows::to_bigint("bytes", held.bytes)?)
            .execute(&mut **write)
            .await?;
        Ok(())
    }

    /// At most `per_page` names from `cursor` on, in the order of their positions, and where the next page begins.
    pub(crate) async fn page(
        &self,
        pool: &AnyPool,
        tenant: &TenantId,
        name: &Name,
        cursor: u64,
        per_page: usize,
    ) -> Result<(Vec<String>, Option<u64>), RegistryError> {
        // Positions are positive numbers of BIGINT: what is beyond them has no page.
        let cursor = i64::try_from(cursor).unwrap_or(i64::MAX);
        let found = sqlx::query(self.page)
            .bind(tenant.as_str())
            .bind(name.as_str())
            .bind(cursor)
            .bind(i64::try_from(per_page).unwrap_or(i64::MAX - 1) + 1)
            .fetch_all(pool)
            .await?;
        let next = match found.get(per_page) {
            Some(row) => Some(rows::count(row, "position")?),
            None => None,
        };
        let names = found.iter().take(per_page);
        let names = names
            .map(|row| rows::text(row, "name"))
            .collect::<Result<_, _>>()?;
        Ok((names, next))
    }
}
