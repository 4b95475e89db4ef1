//! The journals of runs: many runs are written in one transaction, each only by the host that has it.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;
use ulid::Ulid;

use super::lifecycle::RunStatus;
use super::{Which, inbox, no_such_run, placeholders, portions};
use crate::db::Write;
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// The largest entry of a journal, in bytes of JSON.
pub const MAX_ENTRY_BYTES: usize = 4 << 20;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    /// Its place in the journal: 1, 2, 3 …
    pub seq: u64,
    /// What happened, as JSON.
    pub entry: String,
    /// When it was written; set by the registry.
    pub at: Timestamp,
}

/// A step that waits for events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventWait {
    /// The step.
    pub step: String,
    /// The types of the events that may be what it waits for; an empty one means every type.
    pub event_types: Vec<String>,
}

/// What becomes of a run beside the entries of its journal.
#[derive(Debug, Clone, PartialEq)]
pub enum RunChange {
    /// The host keeps it.
    Kept,
    /// It is given back: until this time, or until something comes in for it.
    Waiting(Option<Timestamp>),
    /// It is given back, and begins nothing until it is resumed.
    Paused,
    /// It has ended.
    Ended {
        /// How.
        status: RunStatus,
        /// What came out.
        output: Option<Value>,
        /// Why it failed.
        error: Option<Value>,
    },
}

/// What is written of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunWrite {
    /// Which one.
    pub run: Ulid,
    /// Whose it is.
    pub tenant: TenantId,
    /// What happened: the next entries of its journal.
    pub entries: Vec<JournalEntry>,
    /// Steps that wait for events from now on.
    pub waits: Vec<EventWait>,
    /// Steps that do not wait any more.
    pub waited: Vec<String>,
    /// Numbers of events that came for it and need not come again.
    pub taken_in: Vec<u64>,
    /// What it calls, where that is settled only now.
    pub pins: Option<Value>,
    /// With its end: when the schedule of its workflow is due, where nothing else says so.
    pub next_at: Option<Timestamp>,
    /// What becomes of it.
    pub change: RunChange,
}

impl RunWrite {
    /// Nothing about this run yet.
    pub fn of(run: Ulid, tenant: TenantId) -> Self {
        Self {
            run,
            tenant,
            entries: Vec::new(),
            waits: Vec::new(),
            waited: Vec::new(),
            taken_in: Vec::new(),
            pins: None,
            next_at: None,
            change: RunChange::Kept,
        }
    }
}

impl Registry {
    /// Writes what happened in runs that this host has taken, all in one transaction; when this returns, it is on disk.
    /// Which of them the host still had, in the same order: of the others nothing is written.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for an entry that is too large; [`RegistryError::Database`], also where an entry of this
    /// number was written before. Then nothing is written.
    pub async fn write_runs(
        &self,
        host: &str,
        writes: &[RunWrite],
    ) -> Result<Vec<bool>, RegistryError> {
        for entry in writes.iter().flat_map(|write| &write.entries) {
            if entry.entry.len() > MAX_ENTRY_BYTES {
                return Err(RegistryError::Invalid(format!(
                    "an entry of a journal has {} bytes; at most {MAX_ENTRY_BYTES} are kept",
                    entry.entry.len()
                )));
            }
        }
        let now = rows::now();
        let mut transaction = self.db.write().await?;
        // Cursors before runs, as whoever gives out events takes them: no two wait for each other.
        let listeners = writes.iter().filter(|write| !write.waits.is_empty());
        let tenants: BTreeSet<&TenantId> = listeners.map(|write| &write.tenant).collect();
        let mut ends = HashMap::new();
        for tenant in tenants {
            ends.insert(tenant, inbox::listen(&mut transaction, tenant).await?);
        }
        let held = hold(&mut transaction, host, writes).await?;
        let mut entries = Vec::new();
        for write in writes {
            if held.contains(&write.run) {
                entries.extend(write.entries.iter().map(|entry| (write.run, entry)));
            }
        }
        insert(&mut transaction, &entries, now.as_microsecond()).await?;
        for write in writes {
            if !held.contains(&write.run) {
                continue;
            }
            let after = ends.get(&write.tenant).copied().unwrap_or_default();
            self::write(&mut transaction, write, after, now).await?;
        }
        transaction.commit_alone().await?;
        let still = writes.iter().map(|write| held.contains(&write.run));
        Ok(still.collect())
    }

    /// The journal of a run from its entry behind `after` on, at most `limit`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the run, [`RegistryError::Database`].
    pub async fn journal(
        &self,
        tenant: &TenantId,
        run: Ulid,
        after: u64,
        limit: usize,
    ) -> Result<Vec<JournalEntry>, RegistryError> {
        let known = sqlx::query("SELECT 1 FROM workflow_runs WHERE tenant = $1 AND id = $2")
            .bind(tenant.as_str())
            .bind(run.to_string())
            .fetch_optional(&self.db.pool)
            .await?;
        if known.is_none() {
            return Err(no_such_run(&run));
        }
        let rows = sqlx::query(
            "SELECT seq, entry, at FROM workflow_journal WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        )
        .bind(run.to_string())
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.db.pool)
        .await?;
        let entry = |row| -> Result<_, RegistryError> {
            Ok(JournalEntry {
                seq: rows::count(row, "seq")?,
                entry: rows::text(row, "entry")?,
                at: rows::time(row, "at")?,
            })
        };
        rows.iter().map(entry).collect()
    }
}

/// Holds everything that is written, in the order in which everybody holds it. Those runs that the host has.
async fn hold(
    transaction: &mut Write,
    host: &str,
    writes: &[RunWrite],
) -> Result<HashSet<Ulid>, RegistryError> {
    let own: BTreeSet<Ulid> = writes.iter().map(|write| write.run).collect();
    let mut ids: BTreeSet<String> = own.iter().map(Ulid::to_string).collect();
    let mut workflows = BTreeSet::new();
    // An end is told to the workflow whose schedule counts from it, to the run that called this one and, where it was
    // cancelled, to those that it called. Who they are never changes.
    for write in writes {
        let RunChange::Ended { status, .. } = &write.change else {
            continue;
        };
        let run = write.run.to_string();
        let row = sqlx::query("SELECT workflow, parent FROM workflow_runs WHERE id = $1")
            .bind(&run)
            .fetch_optional(&mut **transaction)
            .await?;
        let Some(row) = row else {
            continue;
        };
        if write.next_at.is_some() {
            let workflow: Name = rows::parsed(&row, "workflow")?;
            workflows.insert((&write.tenant, workflow));
        }
        let parent = rows::text(&row, "parent")?;
        if !parent.is_empty() {
            ids.insert(parent);
        }
        if *status == RunStatus::Cancelled {
            let parts =
                sqlx::query("SELECT id FROM workflow_runs WHERE parent = $1 AND ended_at IS NULL")
                    .bind(&run)
                    .fetch_all(&mut **transaction)
                    .await?;
            for part in &parts {
                ids.insert(rows::text(part, "id")?);
            }
        }
    }
    for (tenant, workflow) in &workflows {
        super::hold_workflow(transaction, tenant, workflow).await?;
    }
    let mut held = HashSet::with_capacity(own.len());
    for row in &super::hold(transaction, &ids, Which::Each).await? {
        let id = rows::parsed(row, "id")?;
        if own.contains(&id) && rows::text(row, "lease")? == host {
            held.insert(id);
        }
    }
    Ok(held)
}

/// Writes entries of journals.
pub(super) async fn insert(
    transaction: &mut Write,
    entries: &[(Ulid, &JournalEntry)],
    now: i64,
) -> Result<(), RegistryError> {
    let mut left = entries;
    for size in portions(left.len()) {
        let (rows, rest) = left.split_at(size);
        left = rest;
        let sql = format!(
            "INSERT INTO workflow_journal (run, seq, entry, at) VALUES {}",
            placeholders(size, 4)
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for (run, entry) in rows {
            query = query
                .bind(run.to_string())
                .bind(rows::to_bigint("the number of an entry", entry.seq)?)
                .bind(entry.entry.as_str())
                .bind(now);
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

/// What else is written of a run that the host has; `after` is the end of the log.
async fn write(
    transaction: &mut Write,
    write: &RunWrite,
    after: i64,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let run = write.run.to_string();
    for step in &write.waited {
        sqlx::query("DELETE FROM workflow_waits WHERE run = $1 AND step = $2")
            .bind(&run)
            .bind(step)
            .execute(&mut **transaction)
            .await?;
    }
    for wait in &write.waits {
        for event_type in &wait.event_types {
            let (step, tenant) = (&wait.step, &write.tenant);
            inbox::wait(transaction, &run, step, event_type, tenant, after).await?;
        }
    }
    for seq in &write.taken_in {
        sqlx::query("DELETE FROM workflow_inbox WHERE run = $1 AND seq = $2")
            .bind(&run)
            .bind(rows::to_bigint("the number of an event", *seq)?)
            .execute(&mut **transaction)
            .await?;
    }
    if let Some(pins) = &write.pins {
        sqlx::query("UPDATE workflow_runs SET pins = $2 WHERE id = $1")
            .bind(&run)
            .bind(rows::to_json("pins of the run", pins, MAX_ENTRY_BYTES)?)
            .execute(&mut **transaction)
            .await?;
    }
    let at = now.as_microsecond();
    match &write.change {
        RunChange::Kept => Ok(()),
        // What came in since the host looked is looked at at once.
        RunChange::Waiting(due) => {
            sqlx::query(
                "UPDATE workflow_runs SET lease = '', updated_at = $2, \
                 status = CASE WHEN woken = 1 THEN 'running' ELSE 'waiting' END, \
                 requested = CASE WHEN requested = 'redrive' THEN '' ELSE requested END, \
                 due_at = CASE WHEN woken = 1 THEN $2 ELSE $3 END WHERE id = $1",
            )
            .bind(&run)
            .bind(at)
            .bind(due.map(Timestamp::as_microsecond))
            .execute(&mut **transaction)
            .await?;
            Ok(())
        }
        // Who cancels or resumes it meanwhile is obeyed.
        RunChange::Paused => {
            sqlx::query(
                "UPDATE workflow_runs SET lease = '', updated_at = $2, \
                 status = CASE WHEN requested = 'pause' THEN 'paused' ELSE 'running' END, \
                 due_at = CASE WHEN requested = 'pause' THEN NULL ELSE $2 END, \
                 requested = CASE WHEN requested = 'pause' THEN '' ELSE requested END WHERE id = $1",
            )
            .bind(&run)
            .bind(at)
            .execute(&mut **transaction)
            .await?;
            Ok(())
        }
        RunChange::Ended {
            status,
            output,
            error,
        } => {
            let json = |value: &Option<Value>| -> Result<Option<String>, RegistryError> {
                value
                    .as_ref()
                    .map(|value| rows::to_json("end of a run", value, MAX_ENTRY_BYTES))
                    .transpose()
            };
            let row = sqlx::query(
                "UPDATE workflow_runs SET lease = '', due_at = NULL, requested = '', status = $2, output = $3, error = $4, \
                 updated_at = $5, ended_at = $5 WHERE id = $1 RETURNING workflow, parent",
            )
            .bind(&run)
            .bind(status.as_str())
            .bind(json(output)?)
            .bind(json(error)?)
            .bind(at)
            .fetch_one(&mut **transaction)
            .await?;
            for table in ["workflow_waits", "workflow_inbox"] {
                let sql = format!("DELETE FROM {table} WHERE run = $1");
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(&run)
                    .execute(&mut **transaction)
                    .await?;
            }
            if let Some(next_at) = write.next_at {
                sqlx::query(
                    "UPDATE workflows SET next_at = $3 WHERE tenant = $1 AND name = $2 AND next_at IS NULL",
                )
                .bind(write.tenant.as_str())
                .bind(rows::text(&row, "workflow")?)
                .bind(next_at.as_microsecond())
                .execute(&mut **transaction)
                .await?;
            }
            let parent = rows::text(&row, "parent")?;
            if !parent.is_empty() {
                inbox::wake(transaction, &parent, at).await?;
            }
            if *status == RunStatus::Cancelled {
                // What it called as a part of itself ends with it.
                sqlx::query(
                    "UPDATE workflow_runs SET requested = 'cancel', woken = 1, \
                     due_at = CASE WHEN lease = '' THEN $2 ELSE due_at END WHERE parent = $1 AND ended_at IS NULL",
                )
                .bind(&run)
                .bind(at)
                .execute(&mut **transaction)
                .await?;
            }
            Ok(())
        }
    }
}
