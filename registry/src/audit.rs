//! The audit log: who changed what, and who was refused. Entries are only ever added, and each holds the hash of
//! the one before it, so that a change behind the back of the host is found ([`Registry::verify_audit`]).
//!
//! Whoever works for a principal does so within [`audited`]. The first transaction that commits there carries the
//! entry that is due: the change and the record of it are one. What changed nothing in the registry, or was refused,
//! is recorded by itself ([`Registry::record_audit`]).

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;

use crate::db::Write;
use crate::id::TenantId;
use crate::{Registry, RegistryError, rows};

/// The hash before the first entry.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The longest text of an entry, in characters.
const MAX_TEXT: usize = 300;
/// How many entries are read at a time.
const PAGE: i64 = 1000;

/// The outcome of what was done.
pub const DONE: &str = "done";

tokio::task_local! {
    static TRAIL: Arc<Trail>;
}

/// What will be written down of something that is being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditDraft {
    /// Into the logs of which tenants: the one of the principal, and the one that is changed where that is another.
    pub tenants: Vec<TenantId>,
    /// Id of the principal.
    pub principal: String,
    /// What is done: method and route as they are described, or a command.
    pub action: String,
    /// What it is done to: the path.
    pub target: String,
}

/// The entry that is due for a request, until it is written.
#[derive(Debug, Default)]
pub struct Trail(Mutex<Option<AuditDraft>>);

impl Trail {
    /// From now on this entry is due.
    pub fn begin(&self, draft: AuditDraft) {
        *self.due() = Some(draft);
    }

    /// The entry goes into the log of this tenant too.
    pub fn also(&self, tenant: &TenantId) {
        if let Some(draft) = self.due().as_mut()
            && !draft.tenants.contains(tenant)
        {
            draft.tenants.push(tenant.clone());
        }
    }

    /// The entry, if it is due and not written; it is not due any more.
    pub fn take(&self) -> Option<AuditDraft> {
        self.due().take()
    }

    fn due(&self) -> std::sync::MutexGuard<'_, Option<AuditDraft>> {
        // Nothing panics while it is held, and a draft is whole at any moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does the work; the first transaction that it commits carries the entry that is due in the trail.
pub async fn audited<F: Future>(trail: Arc<Trail>, work: F) -> F::Output {
    TRAIL.scope(trail, work).await
}

/// Adds the entry that is due to a transaction that is about to be committed. Gives back what must be put back
/// where the commit fails.
pub(crate) async fn carry(
    write: &mut Write,
) -> Result<Option<(Arc<Trail>, AuditDraft)>, RegistryError> {
    let Ok(trail) = TRAIL.try_with(Arc::clone) else {
        return Ok(None);
    };
    let Some(draft) = trail.take() else {
        return Ok(None);
    };
    if let Err(error) = append(write, &draft, DONE).await {
        trail.begin(draft);
        return Err(error);
    }
    Ok(Some((trail, draft)))
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// 1, 2, 3 … within the tenant.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Id of the principal.
    pub principal: String,
    /// What was done, or refused.
    pub action: String,
    /// To what.
    pub target: String,
    /// `done`, or the code of the problem that refused it.
    pub outcome: String,
    /// Hash of the entry before; zeros for the first.
    pub previous: String,
    /// SHA-256 of everything above, in hex.
    pub hash: String,
}

impl AuditEntry {
    /// The hash that an entry of this tenant with these values has: SHA-256 of its fields in their order, each
    /// preceded by its length in bytes as 8 bytes, big-endian, so that no two entries have the same bytes.
    fn hashed(&self, tenant: &TenantId) -> String {
        let mut hash = Sha256::new();
        for field in [
            tenant.as_str(),
            &self.number.to_string(),
            &self.at.as_microsecond().to_string(),
            &self.principal,
            &self.action,
            &self.target,
            &self.outcome,
            &self.previous,
        ] {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field.as_bytes());
        }
        hex::encode(hash.finalize())
    }
}

/// What a look over the whole log found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditVerification {
    /// How many entries hold together from the first on.
    pub entries: u64,
    /// Hash of the last of them; zeros where there is none.
    pub head: String,
    /// Where the chain breaks; none where it is whole.
    pub broken: Option<AuditBreak>,
}

/// Where a chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditBreak {
    /// The number of the entry.
    pub number: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl Registry {
    /// Adds an entry by itself: for what was refused, or changed nothing in the registry.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn record_audit(
        &self,
        draft: &AuditDraft,
        outcome: &str,
    ) -> Result<(), RegistryError> {
        let mut write = self.db.write().await?;
        append(&mut write, draft, outcome).await?;
        write.commit_alone().await
    }

    /// The entries of a tenant before a number, the newest first; none means from the newest on.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn audit(
        &self,
        tenant: &TenantId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, RegistryError> {
        let before = before.map_or(i64::MAX, |b| i64::try_from(b).unwrap_or(i64::MAX));
        sqlx::query("SELECT * FROM audit_entries WHERE tenant = $1 AND number < $2 ORDER BY number DESC LIMIT $3")
            .bind(tenant.as_str())
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(&self.db.pool)
            .await?
            .iter()
            .map(record)
            .collect()
    }

    /// Computes every hash of the tenant's log again, and says where the chain breaks.
    ///
    /// Whoever can write the whole database can write a whole chain. Keep a number and a hash elsewhere from time to
    /// time: `anchor` must then still be in the log.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn verify_audit(
        &self,
        tenant: &TenantId,
        anchor: Option<(u64, &str)>,
    ) -> Result<AuditVerification, RegistryError> {
        // The head first: entries that come meanwhile are after it.
        let head = sqlx::query("SELECT number, hash FROM audit_heads WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        let head: Option<(u64, String)> = head
            .map(|row| {
                Ok::<_, RegistryError>((rows::count(&row, "number")?, rows::text(&row, "hash")?))
            })
            .transpose()?;
        let mut found = AuditVerification {
            entries: 0,
            head: GENESIS.to_owned(),
            broken: None,
        };
        let breaks = |number, reason: &str| {
            Some(AuditBreak {
                number,
                reason: reason.to_owned(),
            })
        };
        loop {
            let page = sqlx::query(
                "SELECT * FROM audit_entries WHERE tenant = $1 AND number > $2 ORDER BY number LIMIT $3",
            )
            .bind(tenant.as_str())
            .bind(rows::to_bigint("a number", found.entries)?)
            .bind(PAGE)
            .fetch_all(&self.db.pool)
            .await?;
            for row in &page {
                let entry = record(row)?;
                let number = found.entries + 1;
                found.broken = if entry.number != number {
                    breaks(number, "it is missing")
                } else if entry.previous != found.head {
                    breaks(number, "it does not follow the entry before it")
                } else if entry.hashed(tenant) != entry.hash {
                    breaks(number, "its hash is not that of its contents")
                } else if head
                    .as_ref()
                    .is_some_and(|(last, hash)| *last == number && *hash != entry.hash)
                {
                    breaks(number, "it is not the entry that was written last")
                } else if anchor.is_some_and(|(at, hash)| at == number && hash != entry.hash) {
                    breaks(number, "it is not the entry that was noted")
                } else {
                    None
                };
                if found.broken.is_some() {
                    return Ok(found);
                }
                found.entries = number;
                found.head = entry.hash;
            }
            if i64::try_from(page.len()).unwrap_or(PAGE) < PAGE {
                break;
            }
        }
        let written = head.map_or(0, |(number, _)| number);
        let noted = anchor.map_or(0, |(number, _)| number);
        // Entries that came after the head was read are there as well; fewer must not be.
        if found.entries < written.max(noted) || (written == 0 && found.entries > 0) {
            found.broken = breaks(
                found.entries + 1,
                if found.entries < written.max(noted) {
                    "it is missing: the log was cut off"
                } else {
                    "the number of the last entry was removed"
                },
            );
        }
        Ok(found)
    }
}

pub(crate) async fn append(
    write: &mut Write,
    draft: &AuditDraft,
    outcome: &str,
) -> Result<(), RegistryError> {
    for tenant in &draft.tenants {
        // Taking the number locks the row: whoever adds to the same log waits for the end of this transaction.
        let row = sqlx::query(
            "INSERT INTO audit_heads (tenant, number, hash) VALUES ($1, 1, $2) \
             ON CONFLICT (tenant) DO UPDATE SET number = audit_heads.number + 1 RETURNING number, hash",
        )
        .bind(tenant.as_str())
        .bind(GENESIS)
        .fetch_one(&mut **write)
        .await?;
        let mut entry = AuditEntry {
            number: rows::count(&row, "number")?,
            at: rows::now(),
            principal: plain(&draft.principal),
            action: plain(&draft.action),
            target: plain(&draft.target),
            outcome: plain(outcome),
            previous: rows::text(&row, "hash")?,
            hash: String::new(),
        };
        entry.hash = entry.hashed(tenant);
        sqlx::query(
            "INSERT INTO audit_entries (tenant, number, at, principal, action, target, outcome, previous, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(tenant.as_str())
        .bind(rows::to_bigint("a number", entry.number)?)
        .bind(entry.at.as_microsecond())
        .bind(entry.principal.as_str())
        .bind(entry.action.as_str())
        .bind(entry.target.as_str())
        .bind(entry.outcome.as_str())
        .bind(entry.previous.as_str())
        .bind(entry.hash.as_str())
        .execute(&mut **write)
        .await?;
        sqlx::query("UPDATE audit_heads SET hash = $2 WHERE tenant = $1")
            .bind(tenant.as_str())
            .bind(entry.hash.as_str())
            .execute(&mut **write)
            .await?;
    }
    Ok(())
}

/// One line of bounded length that a terminal does not obey and that PostgreSQL can store.
fn plain(text: &str) -> String {
    text.chars()
        .take(MAX_TEXT)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn record(row: &AnyRow) -> Result<AuditEntry, RegistryError> {
    Ok(AuditEntry {
        number: rows::count(row, "number")?,
        at: rows::time(row, "at")?,
        principal: rows::text(row, "principal")?,
        action: rows::text(row, "action")?,
        target: rows::text(row, "target")?,
        outcome: rows::text(row, "outcome")?,
        previous: rows::text(row, "previous")?,
        hash: rows::text(row, "hash")?,
    })
}
