//! What comes in for runs: events of the log, and that somebody else is done.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sqlx::Row as _;
use ulid::Ulid;

use super::Which;
use super::lifecycle::Request;
use crate::db::Write;
use crate::events::{Event, EventFilter};
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// Events that are given out at a time.
const MAX_EVENTS: usize = 200;

/// Events that are handed to a run at a time.
pub const MAX_MAIL: usize = 100;

/// What became of a look at the log of a tenant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// Events that were looked at.
    pub events: usize,
    /// Runs that were woken.
    pub woken: usize,
    /// Workflows that start with an event, and the event.
    pub starts: Vec<(Name, Event)>,
}

/// What came in for a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// What is asked of it.
    pub request: Option<Request>,
    /// Events, in the order of the log.
    pub events: Vec<Event>,
}

impl Registry {
    /// The tenants of which runs or workflows wait for events that the log has already.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn tenants_with_news(&self) -> Result<Vec<TenantId>, RegistryError> {
        let rows = sqlx::query(
            "SELECT c.tenant FROM workflow_cursors c JOIN event_heads h ON h.tenant = c.tenant WHERE h.seq > c.seq",
        )
        .fetch_all(&self.db.pool)
        .await?;
        rows.iter().map(|row| rows::parsed(row, "tenant")).collect()
    }

    /// Gives the next events of the log of a tenant to the runs that wait for their type, each to each run once. `start` makes
    /// the run that an event starts: it is started in the same transaction.
    ///
    /// # Errors
    /// [`RegistryError::Database`]; then nothing was given.
    pub async fn give_events(
        &self,
        tenant: &TenantId,
        start: &(dyn Fn(&Name, &Event) -> Option<super::NewRun> + Sync),
    ) -> Result<Given, RegistryError> {
        let mut write = self.db.write().await?;
        let row =
            sqlx::query("UPDATE workflow_cursors SET seq = seq WHERE tenant = $1 RETURNING seq")
                .bind(tenant.as_str())
                .fetch_optional(&mut *write)
                .await?;
        let Some(row) = row else {
            return Ok(Given::default());
        };
        let cursor: u64 = rows::count(&row, "seq")?;
        let filter = EventFilter {
            after: cursor,
            ..EventFilter::default()
        };
        let events = crate::events::read(&mut write, tenant, &filter, MAX_EVENTS).await?;
        let Some(last) = events.last().map(|event| event.seq) else {
            return Ok(Given::default());
        };
        let now = rows::now().as_microsecond();
        let mut given = Given {
            events: events.len(),
            ..Given::default()
        };
        // First who gets what, then one after the other in the order in which everybody holds them.
        let mut starters: BTreeSet<(Name, usize)> = BTreeSet::new();
        let mut mail: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for (at, event) in events.iter().enumerate() {
            let seq = rows::to_bigint("the number of an event", event.seq)?;
            let waiting = sqlx::query(
                "SELECT DISTINCT run FROM workflow_waits WHERE tenant = $1 AND (event_type = $2 OR event_type = '') \
                 AND after < $3",
            )
            .bind(tenant.as_str())
            .bind(&event.event.event_type)
            .bind(seq)
            .fetch_all(&mut *write)
            .await?;
            for row in &waiting {
                let run = rows::text(row, "run")?;
                match run.split_once('/') {
                    Some((_, workflow)) => {
                        let workflow = workflow.parse();
                        let workflow =
                            workflow.map_err(|e: crate::InvalidId| rows::broken("run", e))?;
                        starters.insert((workflow, at));
                    }
                    None => mail.entry(run).or_default().push(seq),
                }
            }
        }
        for (workflow, at) in starters {
            let Some(event) = events.get(at) else {
                continue;
            };
            if let Some(new) = start(&workflow, event) {
                match super::start::start(&mut write, &new).await {
                    Ok(_) => given.starts.push((workflow, event.clone())),
                    Err(RegistryError::Database(error)) => return Err(error.into()),
                    // It cannot be started, and could not be later: the others are not kept waiting.
                    Err(_) => {}
                }
            }
        }
        let runs: BTreeSet<String> = mail.keys().cloned().collect();
        for row in &super::hold(&mut write, &runs, Which::Open).await? {
            let run = rows::text(row, "id")?;
            for seq in mail.remove(&run).unwrap_or_default() {
                sqlx::query(
                    "INSERT INTO workflow_inbox (run, tenant, seq) VALUES ($1, $2, $3) ON CONFLICT (run, seq) DO NOTHING",
                )
                .bind(&run)
                .bind(tenant.as_str())
                .bind(seq)
                .execute(&mut *write)
                .await?;
            }
            wake(&mut write, &run, now).await?;
            given.woken += 1;
        }
        sqlx::query("UPDATE workflow_cursors SET seq = $2 WHERE tenant = $1")
            .bind(tenant.as_str())
            .bind(rows::to_bigint("the number of an event", last)?)
            .execute(&mut *write)
            .await?;
        write.commit_alone().await?;
        Ok(given)
    }

    /// What came in for a run that this host has; none where it has it no more. What comes later wakes it again.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn run_mail(&self, host: &str, run: Ulid) -> Result<Option<Mail>, RegistryError> {
        let mut write = self.db.write().await?;
        let row = sqlx::query(
            "UPDATE workflow_runs SET woken = 0 WHERE id = $1 AND lease = $2 RETURNING requested",
        )
        .bind(run.to_string())
        .bind(host)
        .fetch_optional(&mut *write)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let request = Request::read(&rows::text(&row, "requested")?);
        let events = sqlx::query(
            "SELECT e.* FROM workflow_inbox i JOIN events e ON e.tenant = i.tenant AND e.seq = i.seq \
             WHERE i.run = $1 ORDER BY i.seq LIMIT $2",
        )
        .bind(run.to_string())
        .bind(MAX_MAIL as i64)
        .fetch_all(&mut *write)
        .await?;
        let events = events
            .iter()
            .map(crate::events::of_row)
            .collect::<Result<_, _>>()?;
        write.commit_alone().await?;
        Ok(Some(Mail { request, events }))
    }

    /// Of these runs, those that something came in for.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn woken_runs(&self, host: &str) -> Result<HashSet<Ulid>, RegistryError> {
        let rows = sqlx::query("SELECT id FROM workflow_runs WHERE lease = $1 AND woken = 1")
            .bind(host)
            .fetch_all(&self.db.pool)
            .await?;
        rows.iter().map(|row| rows::parsed(row, "id")).collect()
    }
}

/// The end of the log of a tenant: from here on events are given to its runs.
pub(super) async fn listen(write: &mut Write, tenant: &TenantId) -> Result<i64, RegistryError> {
    // Held until the end of the transaction: nobody gives out events before the one who waits can be seen.
    sqlx::query(
        "INSERT INTO workflow_cursors (tenant, seq) VALUES ($1, COALESCE((SELECT seq FROM event_heads WHERE tenant = $1), 0)) \
         ON CONFLICT (tenant) DO UPDATE SET seq = workflow_cursors.seq",
    )
    .bind(tenant.as_str())
    .execute(&mut **write)
    .await?;
    let row =
        sqlx::query("SELECT COALESCE((SELECT seq FROM event_heads WHERE tenant = $1), 0) AS seq")
            .bind(tenant.as_str())
            .fetch_one(&mut **write)
            .await?;
    Ok(row.try_get("seq")?)
}

/// Has a run wait for events of a type behind a number of the log.
pub(super) async fn wait(
    write: &mut Write,
    run: &str,
    step: &str,
    event_type: &str,
    tenant: &TenantId,
    after: i64,
) -> Result<(), RegistryError> {
    sqlx::query(
        "INSERT INTO workflow_waits (run, step, event_type, tenant, after) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (run, step, event_type) DO NOTHING",
    )
    .bind(run)
    .bind(step)
    .bind(event_type)
    .bind(tenant.as_str())
    .bind(after)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Has a run looked at, now or by the host that has it.
pub(super) async fn wake(write: &mut Write, run: &str, now: i64) -> Result<(), RegistryError> {
    sqlx::query(
        "UPDATE workflow_runs SET woken = 1, due_at = CASE WHEN lease = '' AND status = 'waiting' THEN $2 ELSE due_at END \
         WHERE id = $1",
    )
    .bind(run)
    .bind(now)
    .execute(&mut **write)
    .await?;
    Ok(())
}
