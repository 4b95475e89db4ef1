//! Taking runs: which are due, and who may take them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::Row as _;
use ulid::Ulid;

use super::Which;
use super::lifecycle::{self, Request, Run};
use crate::db::Write;
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// Runs that are due later than they can be: what a host has, or is about to have, is due within two leases ($2), and what
/// waits has begun to wait before now ($3, which leaves room for clocks that are apart).
const TOO_LATE: &str = "due_at > $1 AND \
     CASE WHEN lease = '' AND status = 'waiting' THEN updated_at > $3 ELSE due_at > $2 END";
/// How far the clocks of hosts may be apart.
const APART: Duration = Duration::from_secs(60);
/// Runs that are brought forward at a time.
const MAX_FORWARD: i64 = 1000;

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

impl Registry {
    /// Takes up to `most` runs that are due, for `lease` from now, as the host of this id: those that can begin, whose
    /// timers are due, for which something came in, or whose host gave no sign of life. Each tenant has the same share of
    /// them, and of its share those that wait longest are first: no tenant waits for the runs of another. `most_of` says how
    /// many of a tenant there is room for.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn take_runs(
        &self,
        host: &str,
        lease: Duration,
        most: usize,
        most_of: &(dyn Fn(&TenantId) -> usize + Sync),
    ) -> Result<Vec<TakenRun>, RegistryError> {
        // A look without a lock first: a host that has nothing to do disturbs nobody.
        let chosen = self.due_runs(rows::now(), most, most_of).await?;
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let mut write = self.db.write().await?;
        let now = rows::now();
        // Another host may have taken some of them since they were chosen.
        let due = super::hold(&mut write, &chosen, Which::DueBy(now.as_microsecond())).await?;
        let mut held = Vec::with_capacity(due.len());
        for row in &due {
            held.push((rows::text(row, "id")?, rows::text(row, "lease")?));
        }
        let until = until(now, lease).as_microsecond();
        let mut taken = Vec::with_capacity(held.len());
        let mut left = held.as_slice();
        for size in super::portions(held.len()) {
            let (portion, rest) = left.split_at(size);
            left = rest;
            let sql = format!(
                "UPDATE workflow_runs SET lease = $1, due_at = $2, status = 'running', gated = 0, \
                 woken = CASE WHEN lease = $1 THEN 1 ELSE 0 END WHERE id IN ({}) RETURNING *",
                super::numbered(size, 2)
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(host).bind(until);
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

    /// Runs that are due, from each tenant its share.
    async fn due_runs(
        &self,
        now: Timestamp,
        most: usize,
        most_of: &(dyn Fn(&TenantId) -> usize + Sync),
    ) -> Result<BTreeSet<String>, RegistryError> {
        let mut chosen = BTreeSet::new();
        if most == 0 {
            return Ok(chosen);
        }
        let rows = sqlx::query(
            "SELECT t.name FROM tenants t WHERE EXISTS \
             (SELECT 1 FROM workflow_runs r WHERE r.tenant = t.name AND r.due_at <= $1)",
        )
        .bind(now.as_microsecond())
        .fetch_all(&self.db.pool)
        .await?;
        let mut tenants: Vec<(TenantId, usize)> = Vec::with_capacity(rows.len());
        for row in &rows {
            let tenant = rows::parsed(row, "name")?;
            let room = most_of(&tenant);
            if room > 0 {
                tenants.push((tenant, room));
            }
        }
        // Of more tenants than can have a turn now, chance says which have it: none is always behind the others.
        if !tenants.is_empty() {
            let first = rand::random::<u32>() as usize % tenants.len();
            tenants.rotate_left(first);
        }
        tenants.truncate(most);
        for (at, (tenant, room)) in tenants.iter().enumerate() {
            // What one leaves of its share is for those behind it.
            let share = (most - chosen.len())
                .div_ceil(tenants.len() - at)
                .min(*room);
            let rows = sqlx::query(
                "SELECT id FROM workflow_runs WHERE tenant = $1 AND due_at <= $2 ORDER BY due_at, id LIMIT $3",
            )
            .bind(tenant.as_str())
            .bind(now.as_microsecond())
            .bind(share as i64)
            .fetch_all(&self.db.pool)
            .await?;
            for row in &rows {
                chosen.insert(rows::text(row, "id")?);
            }
        }
        Ok(chosen)
    }

    /// Holds everything that the host of this id has, until the transaction ends.
    async fn hold_own(&self, write: &mut Write, host: &str) -> Result<(), RegistryError> {
        let sql = format!(
            "SELECT id FROM workflow_runs WHERE lease = $1 ORDER BY id{}",
            write.holding()
        );
        let held = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(host);
        held.fetch_all(&mut **write).await?;
        Ok(())
    }

    /// Keeps these runs for `lease` from now, as far as this host still has them: which of them that are. What else is
    /// leased to the host is nothing that it knows of, and passes to whoever takes it when its lease is over.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn renew_runs(
        &self,
        host: &str,
        lease: Duration,
        runs: &[Ulid],
    ) -> Result<HashSet<Ulid>, RegistryError> {
        if runs.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: BTreeSet<String> = runs.iter().map(Ulid::to_string).collect();
        let mut write = self.db.write().await?;
        let (mut own, mut still) = (Vec::with_capacity(ids.len()), HashSet::new());
        for row in &super::hold(&mut write, &ids, Which::Each).await? {
            if rows::text(row, "lease")? == host {
                own.push(rows::text(row, "id")?);
                still.insert(rows::parsed(row, "id")?);
            }
        }
        let due = until(rows::now(), lease).as_microsecond();
        let mut left = own.as_slice();
        for size in super::portions(own.len()) {
            let (portion, rest) = left.split_at(size);
            left = rest;
            let sql = format!(
                "UPDATE workflow_runs SET due_at = $1 WHERE id IN ({})",
                super::numbered(size, 1)
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(due);
            for id in portion {
                query = query.bind(id.as_str());
            }
            query.execute(&mut *write).await?;
        }
        write.commit_alone().await?;
        Ok(still)
    }

    /// Gives back everything that the host of this id had: what a host does when it begins that nobody else can be.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn reclaim_runs(&self, host: &str) -> Result<u64, RegistryError> {
        let mut write = self.db.write().await?;
        self.hold_own(&mut write, host).await?;
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
        let ids: BTreeSet<String> = runs.iter().map(Ulid::to_string).collect();
        let mut write = self.db.write().await?;
        super::hold(&mut write, &ids, Which::Each).await?;
        for id in &ids {
            sqlx::query(
                "UPDATE workflow_runs SET lease = '', due_at = $3 WHERE id = $1 AND lease = $2",
            )
            .bind(id)
            .bind(host)
            .bind(due.as_microsecond())
            .execute(&mut *write)
            .await?;
        }
        write.commit_alone().await
    }

    /// Has runs looked at now that are due later than they can be, where the clock has gone back to `now`: those that a host
    /// has for longer than `lease` allows, those that nobody began when they were due, and those that began to wait in what is
    /// the future again. What a host has is left to it once more where `seen` does not know it with this end of its lease:
    /// one that is renewed between two looks has a host that lives, whose clock is another. How many, a thousand at a time,
    /// and the leases to look at again when a live host would have renewed them.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn bring_runs_forward(
        &self,
        now: Timestamp,
        lease: Duration,
        seen: &HashMap<String, i64>,
    ) -> Result<(u64, HashMap<String, i64>), RegistryError> {
        let leased = until(until(now, lease), lease).as_microsecond();
        let began = until(now, APART).as_microsecond();
        let now = now.as_microsecond();
        // A look without a lock first, by tenant, as the index of what is due has it.
        let sql = format!(
            "SELECT id, lease, due_at FROM workflow_runs WHERE tenant IN (SELECT name FROM tenants) \
             AND {TOO_LATE} ORDER BY lease LIMIT $4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(now)
            .bind(leased)
            .bind(began)
            .bind(MAX_FORWARD)
            .fetch_all(&self.db.pool)
            .await?;
        let (mut forward, mut leases) = (BTreeMap::new(), HashMap::new());
        for row in &rows {
            let (id, due) = (rows::text(row, "id")?, row.try_get("due_at")?);
            match rows::text(row, "lease")?.is_empty() || seen.get(&id) == Some(&due) {
                true => forward.insert(id, due),
                false => leases.insert(id, due),
            };
        }
        if forward.is_empty() {
            return Ok((0, leases));
        }
        let ids = forward.keys().cloned().collect();
        let mut write = self.db.write().await?;
        super::hold(&mut write, &ids, Which::Each).await?;
        let mut brought = 0;
        for (id, due) in &forward {
            // What became of it meanwhile counts.
            let sql = "UPDATE workflow_runs SET due_at = $1 WHERE id = $2 AND due_at = $3";
            let query = sqlx::query(sql).bind(now).bind(id.as_str()).bind(*due);
            brought += query.execute(&mut *write).await?.rows_affected();
        }
        write.commit_alone().await?;
        Ok((brought, leases))
    }

    /// Lets runs of workflows with a limit begin, as many as it leaves room for, those that wait longest first. How many.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn admit_runs(&self) -> Result<u64, RegistryError> {
        let some = sqlx::query("SELECT 1 FROM workflow_runs WHERE gated = 1 LIMIT 1")
            .fetch_optional(&self.db.pool)
            .await?;
        if some.is_none() {
            return Ok(0);
        }
        let waiting = sqlx::query(
            "SELECT w.tenant, w.name FROM workflows w WHERE EXISTS (SELECT 1 FROM workflow_runs r \
             WHERE r.tenant = w.tenant AND r.workflow = w.name AND r.gated = 1)",
        )
        .fetch_all(&self.db.pool)
        .await?;
        let mut admitted = 0;
        for row in &waiting {
            let (tenant, workflow) = (rows::parsed(row, "tenant")?, rows::parsed(row, "name")?);
            admitted += self.admit(&tenant, &workflow).await?;
        }
        Ok(admitted)
    }

    /// Lets runs of one workflow begin.
    async fn admit(&self, tenant: &TenantId, workflow: &Name) -> Result<u64, RegistryError> {
        let mut write = self.db.write().await?;
        // Held: of many hosts one counts at a time.
        let settings = match super::hold_workflow(&mut write, tenant, workflow).await {
            // It was removed since.
            Err(RegistryError::NotFound { .. }) => return Ok(0),
            settings => settings?,
        };
        let row = sqlx::query(
            "SELECT COUNT(*) AS n FROM workflow_runs WHERE tenant = $1 AND workflow = $2 AND gated = 0 \
             AND ended_at IS NULL",
        )
        .bind(tenant.as_str())
        .bind(workflow.as_str())
        .fetch_one(&mut *write)
        .await?;
        let going: i64 = row.try_get("n")?;
        let room = settings
            .concurrency
            .map_or(i64::MAX, |most| i64::from(most).saturating_sub(going));
        if room <= 0 {
            write.roll_back().await?;
            return Ok(0);
        }
        let sql = format!(
            "SELECT id FROM workflow_runs WHERE tenant = $1 AND workflow = $2 AND gated = 1 ORDER BY id LIMIT $3{}",
            write.holding()
        );
        let next = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(tenant.as_str())
            .bind(workflow.as_str())
            .bind(room.min(1000))
            .fetch_all(&mut *write)
            .await?;
        for row in &next {
            sqlx::query("UPDATE workflow_runs SET gated = 0, due_at = $2 WHERE id = $1")
                .bind(rows::text(row, "id")?)
                .bind(rows::now().as_microsecond())
                .execute(&mut *write)
                .await?;
        }
        write.commit_alone().await?;
        Ok(next.len() as u64)
    }
}

fn until(now: Timestamp, lease: Duration) -> Timestamp {
    now.checked_add(lease).unwrap_or(Timestamp::MAX)
}
