//! How runs begin.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use ulid::{Generator, Ulid};

use super::Which;
use super::journal::JournalEntry;
use crate::db::Write;
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// The largest input of a run, in bytes of JSON.
const MAX_INPUT_BYTES: usize = 4 << 20;
/// How deep runs may be parts of each other.
const MAX_DEPTH: usize = 32;

/// A run to be started.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Whose it is.
    pub tenant: TenantId,
    /// The workflow.
    pub workflow: Name,
    /// The version that it follows.
    pub version: semver::Version,
    /// A run of this workflow with the same key is the same run.
    pub key: Option<String>,
    /// What it calls, each in a version.
    pub pins: Value,
    /// What it is given.
    pub input: Value,
    /// The run that waits for it.
    pub parent: Option<Ulid>,
    /// The run whose beginning it shares, and that beginning.
    pub replay: Option<(Ulid, Vec<JournalEntry>)>,
    /// The span that starts it, as the header `traceparent` has it.
    pub traceparent: Option<String>,
    /// Who starts it.
    pub by: String,
}

/// What became of a run that was to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its id.
    pub id: Ulid,
    /// Whether there was one of this key before: then nothing was started.
    pub duplicate: bool,
}

impl Registry {
    /// Starts runs, in this order, all in one transaction. What became of each comes in the same order; one that cannot be
    /// started keeps none of the others.
    ///
    /// # Errors
    /// [`RegistryError::Database`]; then none is started.
    pub async fn start_runs(
        &self,
        new: &[NewRun],
    ) -> Result<Vec<Result<Started, RegistryError>>, RegistryError> {
        let mut write = self.db.write().await?;
        // All that is held, in the order in which everybody holds it.
        let workflows: BTreeSet<_> = new.iter().map(|run| (&run.tenant, &run.workflow)).collect();
        for (tenant, workflow) in workflows {
            match super::hold_workflow(&mut write, tenant, workflow).await {
                // It is the answer to who asked for it.
                Err(RegistryError::NotFound { .. }) => {}
                held => drop(held?),
            }
        }
        let parents = new.iter().filter_map(|run| run.parent);
        let parents: BTreeSet<String> = parents.map(|id| id.to_string()).collect();
        super::hold(&mut write, &parents, Which::Each).await?;
        let mut started = Vec::with_capacity(new.len());
        for run in new {
            match start(&mut write, run).await {
                Err(RegistryError::Database(error)) => return Err(error.into()),
                other => started.push(other),
            }
        }
        write.commit_alone().await?;
        Ok(started)
    }
}

/// Starts a run within a transaction that does more.
pub(super) async fn start(write: &mut Write, new: &NewRun) -> Result<Started, RegistryError> {
    let by = rows::one_line("an author", &new.by)?;
    if let Some(key) = &new.key {
        rows::one_line("the key of a run", key)?;
    }
    if let Some(traceparent) = &new.traceparent {
        rows::one_line("`traceparent`", traceparent)?;
    }
    let pins = rows::to_json("pins of the run", &new.pins, MAX_INPUT_BYTES)?;
    let input = rows::to_json("input of the run", &new.input, MAX_INPUT_BYTES)?;
    let settings = super::hold_workflow(write, &new.tenant, &new.workflow).await?;
    if let Some(parent) = new.parent {
        // Held: a run that is cancelled meanwhile finds this one and cancels it too.
        let one = BTreeSet::from([parent.to_string()]);
        if super::hold(write, &one, Which::Open).await?.is_empty() {
            return Err(RegistryError::Invalid(
                "the run that calls it as a part of itself has ended".into(),
            ));
        }
        check_depth(write, parent).await?;
    }
    let version = new.version.to_string();
    let known = sqlx::query(
        "SELECT 1 FROM workflow_versions WHERE tenant = $1 AND workflow = $2 AND version = $3",
    )
    .bind(new.tenant.as_str())
    .bind(new.workflow.as_str())
    .bind(&version)
    .fetch_optional(&mut **write)
    .await?;
    if known.is_none() {
        return Err(RegistryError::NotFound {
            kind: "workflow version",
            name: format!("{}@{version}", new.workflow),
        });
    }
    let id = next_id();
    let now = rows::now().as_microsecond();
    let gated = settings.concurrency.is_some();
    let done = sqlx::query(
        "INSERT INTO workflow_runs (id, tenant, workflow, version, status, start_key, pins, input, parent, replay_of, \
         requested, gated, woken, lease, due_at, created_at, updated_at, created_by, traceparent) \
         VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7, $8, $9, '', $10, 0, '', $11, $12, $12, $13, $14) \
         ON CONFLICT (tenant, workflow, start_key) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(new.tenant.as_str())
    .bind(new.workflow.as_str())
    .bind(&version)
    .bind(new.key.as_deref())
    .bind(pins)
    .bind(input)
    .bind(new.parent.map_or_else(String::new, |id| id.to_string()))
    .bind(new.replay.as_ref().map_or_else(String::new, |(id, _)| id.to_string()))
    .bind(i64::from(gated))
    .bind((!gated).then_some(now))
    .bind(now)
    .bind(by)
    .bind(new.traceparent.as_deref().unwrap_or_default())
    .execute(&mut **write)
    .await?;
    if done.rows_affected() == 0 {
        let row = sqlx::query(
            "SELECT id FROM workflow_runs WHERE tenant = $1 AND workflow = $2 AND start_key = $3",
        )
        .bind(new.tenant.as_str())
        .bind(new.workflow.as_str())
        .bind(new.key.as_deref())
        .fetch_one(&mut **write)
        .await?;
        return Ok(Started {
            id: rows::parsed(&row, "id")?,
            duplicate: true,
        });
    }
    if let Some((_, shared)) = &new.replay {
        let shared: Vec<_> = shared.iter().map(|entry| (id, entry)).collect();
        super::journal::insert(write, &shared, now).await?;
    }
    Ok(Started {
        id,
        duplicate: false,
    })
}

/// Greater than all that this host gave before: runs of one millisecond take their turns in the order they came, and a
/// clock that is set back does not turn it round.
fn next_id() -> Ulid {
    static IDS: Mutex<Generator> = Mutex::new(Generator::new());
    let mut ids = IDS.lock().unwrap_or_else(PoisonError::into_inner);
    match ids.generate() {
        Ok(id) => id,
        Err(overflow) => overflow.commit_overflow_increment(),
    }
}

/// Whether a run may call another one: a workflow that is a part of itself would otherwise never come to an end.
async fn check_depth(write: &mut Write, parent: Ulid) -> Result<(), RegistryError> {
    let mut at = parent.to_string();
    for _ in 1..MAX_DEPTH {
        let row = sqlx::query("SELECT parent FROM workflow_runs WHERE id = $1")
            .bind(&at)
            .fetch_optional(&mut **write)
            .await?;
        at = match row {
            Some(row) => rows::text(&row, "parent")?,
            // It has ended, and was forgotten.
            None => return Ok(()),
        };
        if at.is_empty() {
            return Ok(());
        }
    }
    Err(RegistryError::Invalid(format!(
        "runs are parts of each other {MAX_DEPTH} deep already: look for a workflow that runs itself"
    )))
}
