//! Taking runs: which are due, and who may take them.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::Row as _;
use ulid::Ulid;

use super::WorkflowSettings;
use super::lifecycle::{self, Request, Run};
use crate::{Registry, RegistryError, rows};

/// A run that a host has taken.
#[derive(Debug, Clone, PartialEq)]
pub struct TakenRun {
    /// The run.
    pub run: Run,
    /// Whether another host had it, which did not give it back.
    pub left: bool,
    /// What is asked of it.
    pub request: Option<Request>,
    /// Whether events came for it: [`Registry::run_mail`] has them. What comes later wakes it.
    pub has_mail: bool,
}

/// A run that the host has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which one.
    pub run: Ulid,
    /// Whether something came in for it.
    pub woken: bool,
}

impl Registry {
    /// Takes up to `most` runs that are due, for `lease` from now, as the host of this id: those that can begin, whose
    /// timers are due, for which something came in, or whose host gave no sign of life. The one that waits longest is first.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn take_runs(
        &self,
        host: &str,
        lease: Duration,
        most: usize,
    ) -> Result<Vec<TakenRun>, RegistryError> {
        // A look without a lock first: a host that has nothing to do disturbs nobody.
        let due = sqlx::query("SELECT 1 FROM workflow_runs WHERE due_at <= $1 LIMIT 1")
            .bind(rows::now().as_microsecond())
            .fetch_optional(&self.db.pool)
            .await?;
        if due.is_none() || most == 0 {
            return Ok(Vec::new());
        }
        let mut write = self.db.write().await?;
        let now = rows::now();
        // Due is said twice: on PostgreSQL another host may have taken a row since it was chosen.
        let rows = sqlx::query(
            "SELECT id, lease FROM workflow_runs WHERE due_at <= $1 ORDER BY due_at LIMIT $2",
        )
        .bind(now.as_microsecond())
        .bind(most as i64)
        .fetch_all(&mut *write)
        .await?;
        let mut chosen = Vec::with_capacity(rows.len());
        for row in &rows {
            chosen.push((rows::text(row, "id")?, rows::text(row, "lease")?));
        }
        chosen.sort();
        let until = until(now, lease).as_microsecond();
        let mut taken = Vec::with_capacity(chosen.len());
        let mut left = chosen.as_slice();
        for size in super::portions(chosen.len()) {
            let (portion, rest) = left.split_at(size);
            left = rest;
            let sql = format!(
                "UPDATE workflow_runs SET lease = $1, due_at = $2, status = 'running', woken = 0 \
                 WHERE due_at <= $3 AND id IN ({}) RETURNING *",
                super::numbered(size, 3)
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(host)
                .bind(until)
                .bind(now.as_microsecond());
            for (id, _) in portion {
                query = query.bind(id);
            }
            let found = query.fetch_all(&mut *write).await?;
            let sql = format!(
                "SELECT DISTINCT run FROM workflow_inbox WHERE run IN ({})",
                super::numbered(size, 0)
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for (id, _) in portion {
                query = query.bind(id);
            }
            let mut with_mail = HashSet::new();
            for row in &query.fetch_all(&mut *write).await? {
                with_mail.insert(rows::text(row, "run")?);
            }
            for row in &found {
                let run = lifecycle::run(row)?;
                let id = run.id.to_string();
                let had = portion.iter().find(|(known, _)| *known == id);
                taken.push(TakenRun {
                    left: had.is_some_and(|(_, lease)| !lease.is_empty()),
                    request: Request::read(&rows::text(row, "requested")?),
                    has_mail: with_mail.contains(&id),
                    run,
                });
            }
        }
        match taken.is_empty() {
            true => write.roll_back().await?,
            false => write.commit_alone().await?,
        }
        Ok(taken)
    }

    /// Keeps what this host has for `lease` from now. What it has.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn renew_runs(
        &self,
        host: &str,
        lease: Duration,
    ) -> Result<Vec<Held>, RegistryError> {
        let mut write = self.db.write().await?;
        let rows = sqlx::query(
            "UPDATE workflow_runs SET due_at = $2 WHERE lease = $1 RETURNING id, woken",
        )
        .bind(host)
        .bind(until(rows::now(), lease).as_microsecond())
        .fetch_all(&mut *write)
        .await?;
        write.commit_alone().await?;
        let held = |row| -> Result<_, RegistryError> {
            Ok(Held {
                run: rows::parsed(row, "id")?,
                woken: rows::count::<u64>(row, "woken")? == 1,
            })
        };
        rows.iter().map(held).collect()
    }

    /// Gives back everything that the host of this id had: what a host does when it begins that nobody else can be.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn reclaim_runs(&self, host: &str) -> Result<u64, RegistryError> {
        let mut write = self.db.write().await?;
        let done = sqlx::query("UPDATE workflow_runs SET lease = '', due_at = $2 WHERE lease = $1")
            .bind(host)
            .bind(rows::now().as_microsecond())
            .execute(&mut *write)
            .await?;
        write.commit_alone().await?;
        Ok(done.rows_affected())
    }

    /// Gives back runs that the host has and does nothing with: another one may take them after a pause.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn give_back_runs(
        &self,
        host: &str,
        runs: &[Ulid],
        pause: Duration,
    ) -> Result<(), RegistryError> {
        let due = until(rows::now(), pause);
        let mut write = self.db.write().await?;
        for run in runs {
            sqlx::query(
                "UPDATE workflow_runs SET lease = '', due_at = $3 WHERE id = $1 AND lease = $2",
            )
            .bind(run.to_string())
            .bind(host)
            .bind(due.as_microsecond())
            .execute(&mut *write)
            .await?;
        }
        write.commit_alone().await
    }

    /// Lets runs of workflows with a limit begin, as many as it leaves room for, those that wait longest first. How many.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn admit_runs(&self) -> Result<u64, RegistryError> {
        let gated = "SELECT DISTINCT r.tenant, r.workflow, w.settings FROM workflow_runs r JOIN workflows w \
                     ON w.tenant = r.tenant AND w.name = r.workflow WHERE r.gated = 1";
        let waiting = sqlx::query(gated).fetch_all(&self.db.pool).await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let mut admitted = 0;
        for row in &waiting {
            let (tenant, workflow) = (rows::text(row, "tenant")?, rows::text(row, "workflow")?);
            let mut write = self.db.write().await?;
            // Held: of many hosts one counts at a time.
            let row = sqlx::query(
                "UPDATE workflows SET updated_at = updated_at WHERE tenant = $1 AND name = $2 RETURNING settings",
            )
            .bind(&tenant)
            .bind(&workflow)
            .fetch_optional(&mut *write)
            .await?;
            let Some(row) = row else {
                continue;
            };
            let settings: WorkflowSettings = rows::json(&row, "settings")?;
            let row = sqlx::query(
                "SELECT COUNT(*) AS n FROM workflow_runs WHERE tenant = $1 AND workflow = $2 AND gated = 0 \
                 AND status IN ('pending', 'running', 'waiting', 'paused')",
            )
            .bind(&tenant)
            .bind(&workflow)
            .fetch_one(&mut *write)
            .await?;
            let going: i64 = row.try_get("n")?;
            let room = settings
                .concurrency
                .map_or(i64::MAX, |most| i64::from(most).saturating_sub(going));
            if room <= 0 {
                continue;
            }
            let done = sqlx::query(
                "UPDATE workflow_runs SET gated = 0, due_at = $3 WHERE id IN (SELECT id FROM workflow_runs \
                 WHERE tenant = $1 AND workflow = $2 AND gated = 1 ORDER BY id LIMIT $4)",
            )
            .bind(&tenant)
            .bind(&workflow)
            .bind(rows::now().as_microsecond())
            .bind(room.min(1000))
            .execute(&mut *write)
            .await?;
            write.commit_alone().await?;
            admitted += done.rows_affected();
        }
        Ok(admitted)
    }
}

fn until(now: Timestamp, lease: Duration) -> Timestamp {
    now.checked_add(lease).unwrap_or(Timestamp::MAX)
}
