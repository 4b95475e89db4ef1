//! Runs: what is asked of them, and what is known of them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use ulid::Ulid;

use super::{Which, no_such_run};
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// Runs that are answered at a time, at most.
const MAX_PAGE: usize = 1000;
/// The bytes of runs that are answered at a time, but for the first.
const MAX_PAGE_BYTES: u64 = 16 << 20;

/// How a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It has not begun.
    Pending,
    /// A host is at it, or will be at once.
    Running,
    /// It waits for a time, an event or another run, and is in nobody's memory.
    Waiting,
    /// It was paused.
    Paused,
    /// It has its output.
    Completed,
    /// It failed, and can be tried again from where it failed: a dead letter.
    Faulted,
    /// It was cancelled.
    Cancelled,
}

impl RunStatus {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Faulted => "faulted",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens by itself.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Faulted | Self::Cancelled)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RunStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [
            Self::Pending,
            Self::Running,
            Self::Waiting,
            Self::Paused,
            Self::Completed,
            Self::Faulted,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| {
            "a run is pending, running, waiting, paused, completed, faulted or cancelled".to_owned()
        })
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: Ulid,
    /// Whose it is.
    pub tenant: TenantId,
    /// The workflow that it follows.
    pub workflow: Name,
    /// The version that it follows to its end.
    pub version: semver::Version,
    /// How it does.
    pub status: RunStatus,
    /// What it calls, each in the version that was deployed when it began.
    pub pins: Value,
    /// What it was given.
    pub input: Value,
    /// What came out.
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<Value>,
    /// The run that called it as a part of itself.
    pub parent: Option<Ulid>,
    /// The run whose beginning it shares.
    pub replay_of: Option<Ulid>,
    /// The span that started it, as the header `traceparent` has it; none where the run begins a trace.
    pub traceparent: Option<String>,
    /// When it is next looked at: the next of its timers, while it waits.
    pub due_at: Option<Timestamp>,
    /// When it was started.
    pub created_at: Timestamp,
    /// When something last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who started it: the id of a principal, `run:ID` of the run that called it, `schedule` or `event`.
    pub created_by: String,
}

/// Which runs of a tenant.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this workflow.
    pub workflow: Option<Name>,
    /// That do so.
    pub status: Option<RunStatus>,
    /// That were started before this one.
    pub before: Option<Ulid>,
}

/// What is asked of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// To begin nothing more.
    Pause,
    /// To go on.
    Resume,
    /// To end.
    Cancel,
    /// To go on from where it failed.
    Redrive,
}

impl Request {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Redrive => "redrive",
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        [Self::Pause, Self::Resume, Self::Cancel, Self::Redrive]
            .into_iter()
            .find(|request| request.as_str() == text)
    }
}

impl Registry {
    /// One run.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn run(&self, tenant: &TenantId, id: Ulid) -> Result<Run, RegistryError> {
        let row = sqlx::query("SELECT * FROM workflow_runs WHERE tenant = $1 AND id = $2")
            .bind(tenant.as_str())
            .bind(id.to_string())
            .fetch_optional(&self.db.pool)
            .await?;
        run(&row.ok_or_else(|| no_such_run(&id))?)
    }

    /// The run that was started with this key.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn run_of_key(
        &self,
        tenant: &TenantId,
        workflow: &Name,
        key: &str,
    ) -> Result<Option<Run>, RegistryError> {
        let row = sqlx::query(
            "SELECT * FROM workflow_runs WHERE tenant = $1 AND workflow = $2 AND start_key = $3",
        )
        .bind(tenant.as_str())
        .bind(workflow.as_str())
        .bind(key)
        .fetch_optional(&self.db.pool)
        .await?;
        row.as_ref().map(run).transpose()
    }

    /// Runs of a tenant, newest first, at most `limit` and at most 1000, and no more than 16 MiB of them, but one in any case:
    /// those behind the last one are asked for with [`RunFilter::before`].
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn runs(
        &self,
        tenant: &TenantId,
        filter: &RunFilter,
        limit: usize,
    ) -> Result<Vec<Run>, RegistryError> {
        // None is its own condition: which text is behind all ids is a matter of the collation of the database.
        let before = filter.before.map_or_else(String::new, |id| id.to_string());
        // The ids first, which an index has.
        let rows = sqlx::query(
            "SELECT id, CAST(OCTET_LENGTH(input) + COALESCE(OCTET_LENGTH(output), 0) + COALESCE(OCTET_LENGTH(error), 0) AS BIGINT) \
             AS bytes FROM workflow_runs WHERE id IN (SELECT id FROM workflow_runs \
             WHERE tenant = $1 AND ($2 = '' OR workflow = $2) AND ($3 = '' OR status = $3) AND ($4 = '' OR id < $4) \
             ORDER BY id DESC LIMIT $5) ORDER BY id DESC",
        )
        .bind(tenant.as_str())
        .bind(filter.workflow.as_ref().map_or("", Name::as_str))
        .bind(filter.status.map_or("", RunStatus::as_str))
        .bind(before)
        .bind(limit.min(MAX_PAGE) as i64)
        .fetch_all(&self.db.pool)
        .await?;
        let (mut ids, mut bytes) = (Vec::with_capacity(rows.len()), 0_u64);
        for row in &rows {
            bytes = bytes.saturating_add(rows::count(row, "bytes")?);
            if bytes > MAX_PAGE_BYTES && !ids.is_empty() {
                break;
            }
            ids.push(rows::text(row, "id")?);
        }
        let mut runs = Vec::with_capacity(ids.len());
        let mut left = ids.as_slice();
        for size in super::portions(ids.len()) {
            let (portion, rest) = left.split_at(size);
            left = rest;
            let sql = format!(
                "SELECT * FROM workflow_runs WHERE id IN ({}) ORDER BY id DESC",
                super::numbered(size, 0)
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for id in portion {
                query = query.bind(id);
            }
            for row in &query.fetch_all(&self.db.pool).await? {
                runs.push(run(row)?);
            }
        }
        Ok(runs)
    }

    /// How many runs of a workflow do what.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn count_runs(
        &self,
        tenant: &TenantId,
        workflow: &Name,
    ) -> Result<Vec<(RunStatus, u64)>, RegistryError> {
        let rows = sqlx::query(
            "SELECT status, COUNT(*) AS n FROM workflow_runs WHERE tenant = $1 AND workflow = $2 GROUP BY status",
        )
        .bind(tenant.as_str())
        .bind(workflow.as_str())
        .fetch_all(&self.db.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((rows::parsed(row, "status")?, rows::count(row, "n")?)))
            .collect()
    }

    /// Asks something of a run. When this returns, it will be done, whatever happens to the host; a run that no host has is
    /// paused or resumed at once. Asked again, nothing changes.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::Invalid`] where the run is past it; [`RegistryError::Database`].
    pub async fn request_run(
        &self,
        tenant: &TenantId,
        id: Ulid,
        request: Request,
    ) -> Result<Run, RegistryError> {
        let mut write = self.db.write().await?;
        // Holds the row: what is decided here is decided about what it is.
        let row = sqlx::query(
            "UPDATE workflow_runs SET updated_at = $3 WHERE tenant = $1 AND id = $2 RETURNING *",
        )
        .bind(tenant.as_str())
        .bind(id.to_string())
        .bind(rows::now().as_microsecond())
        .fetch_optional(&mut *write)
        .await?
        .ok_or_else(|| no_such_run(&id))?;
        let seen = run(&row)?;
        let held = !rows::text(&row, "lease")?.is_empty();
        let wrong = |what: &str| {
            Err(RegistryError::Invalid(format!(
                "the run {id} is {}: {what}",
                seen.status
            )))
        };
        let now =
            "SET requested = $2, woken = 1, due_at = CASE WHEN lease = '' THEN $3 ELSE due_at END";
        let set = match (request, seen.status) {
            (Request::Pause, RunStatus::Paused) | (Request::Cancel, RunStatus::Cancelled) => {
                return Ok(seen);
            }
            (Request::Pause | Request::Cancel, status) if status.has_ended() => {
                return wrong("it has ended");
            }
            (Request::Pause, _) if !held => {
                "SET requested = '', status = 'paused', gated = 0, due_at = NULL"
            }
            // The words of who pauses and who cancels meet: to end is more than to pause.
            (Request::Pause, _) => {
                "SET requested = CASE WHEN requested = 'cancel' THEN requested ELSE $2 END, woken = 1"
            }
            (Request::Cancel, _) => now,
            (Request::Resume, RunStatus::Paused) => {
                "SET requested = '', status = 'running', woken = 1, due_at = $3"
            }
            (Request::Resume, status) if status.has_ended() => return wrong("it has ended"),
            (Request::Resume, _) => {
                "SET requested = CASE WHEN requested = 'pause' THEN '' ELSE requested END"
            }
            (Request::Redrive, RunStatus::Faulted) => {
                "SET requested = $2, status = 'running', ended_at = NULL, error = NULL, woken = 1, due_at = $3"
            }
            (Request::Redrive, _) => {
                return wrong("only a faulted run is redriven");
            }
        };
        // Always true, so that each has all three values: PostgreSQL knows no type of one that a statement does not name.
        let sql = format!(
            "UPDATE workflow_runs {set} WHERE id = $1 AND ($2 <> '' OR $3 > 0) RETURNING *"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id.to_string())
            .bind(request.as_str())
            .bind(rows::now().as_microsecond())
            .fetch_one(&mut *write)
            .await?;
        let changed = run(&row)?;
        write.commit().await?;
        Ok(changed)
    }

    /// Forgets runs that completed or were cancelled before `before`, a thousand at a time. How many. Those that faulted
    /// stay until their workflow goes.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn forget_runs(&self, before: Timestamp) -> Result<u64, RegistryError> {
        let mut write = self.db.write().await?;
        let rows = sqlx::query(
            "SELECT id FROM workflow_runs WHERE ended_at < $1 AND status <> 'faulted' LIMIT 1000",
        )
        .bind(before.as_microsecond())
        .fetch_all(&mut *write)
        .await?;
        let mut ids = BTreeSet::new();
        for row in &rows {
            ids.insert(rows::text(row, "id")?);
        }
        super::hold(&mut write, &ids, Which::Each).await?;
        for id in &ids {
            for statement in [
                "DELETE FROM workflow_journal WHERE run = $1",
                "DELETE FROM workflow_inbox WHERE run = $1",
                "DELETE FROM workflow_waits WHERE run = $1",
                "DELETE FROM workflow_runs WHERE id = $1",
            ] {
                sqlx::query(statement).bind(id).execute(&mut *write).await?;
            }
        }
        write.commit().await?;
        Ok(ids.len() as u64)
    }
}

pub(super) fn run(row: &AnyRow) -> Result<Run, RegistryError> {
    let id = |column| -> Result<Option<Ulid>, RegistryError> {
        match rows::text(row, column)?.as_str() {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|e: ulid::DecodeError| rows::broken(column, e)),
        }
    };
    Ok(Run {
        id: rows::parsed(row, "id")?,
        tenant: rows::parsed(row, "tenant")?,
        workflow: rows::parsed(row, "workflow")?,
        version: rows::parsed(row, "version")?,
        status: rows::parsed(row, "status")?,
        pins: rows::json(row, "pins")?,
        input: rows::json(row, "input")?,
        output: rows::optional_json(row, "output")?,
        error: rows::optional_json(row, "error")?,
        parent: id("parent")?,
        replay_of: id("replay_of")?,
        traceparent: Some(rows::text(row, "traceparent")?).filter(|text| !text.is_empty()),
        due_at: match row.try_get::<String, _>("lease")?.is_empty() {
            true => rows::optional_time(row, "due_at")?,
            false => None,
        },
        created_at: rows::time(row, "created_at")?,
        updated_at: rows::time(row, "updated_at")?,
        ended_at: rows::optional_time(row, "ended_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
