//! Triggers: what makes a function run, or an event leave.

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{EventsTrigger, TriggerOn, TriggerSpec};
use crate::db::Write;
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// The largest specification, in bytes of JSON.
const MAX_SPEC_BYTES: usize = 64 * 1024;
/// The most triggers of a tenant.
const MAX_TRIGGERS: i64 = 1000;

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: Name,
    /// What it is.
    pub spec: TriggerSpec,
    /// When its schedule is next due.
    pub next_at: Option<Timestamp>,
    /// Deliveries that succeeded.
    pub delivered: u64,
    /// Tries, those that failed included.
    pub attempts: u64,
    /// Deliveries that failed too often.
    pub died: u64,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// Id of the principal that wrote it last.
    pub created_by: String,
}

/// What waits for a trigger now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerFigures {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: Name,
    /// Deliveries that wait, those that run included.
    pub waiting: u64,
    /// Dead letters.
    pub dead: u64,
    /// Since when the oldest delivery waits.
    pub oldest: Option<Timestamp>,
}

impl Registry {
    /// Writes a trigger, a new one or in place of the one of this name; `next_at` is when its schedule is next due.
    /// What waits for it goes on waiting.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the tenant or the function; [`RegistryError::Invalid`];
    /// [`RegistryError::Database`].
    pub async fn put_trigger(
        &self,
        tenant: &TenantId,
        name: &Name,
        spec: &TriggerSpec,
        next_at: Option<Timestamp>,
        by: &str,
    ) -> Result<Trigger, RegistryError> {
        let by = rows::one_line("an author", by)?;
        let json = rows::to_json("trigger", spec, MAX_SPEC_BYTES)?;
        if let Some(function) = &spec.function {
            self.function(tenant, function).await?;
        }
        let mut change = self.db.change().await?;
        let row =
            sqlx::query("SELECT COUNT(*) AS n FROM triggers WHERE tenant = $1 AND name <> $2")
                .bind(tenant.as_str())
                .bind(name.as_str())
                .fetch_one(&mut *change)
                .await?;
        if row.try_get::<i64, _>("n")? >= MAX_TRIGGERS {
            return Err(RegistryError::Invalid(format!(
                "the tenant has {MAX_TRIGGERS} triggers already: remove one that is not needed"
            )));
        }
        let now = rows::now();
        sqlx::query(
            "INSERT INTO triggers (tenant, name, kind, spec, enabled, next_at, delivered, attempts, died, created_at, \
             updated_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, $7, $7, $8) \
             ON CONFLICT (tenant, name) DO UPDATE SET kind = $3, spec = $4, enabled = $5, next_at = $6, updated_at = $7, \
             created_by = $8",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(spec.kind().as_str())
        .bind(json)
        .bind(i64::from(spec.enabled))
        .bind(next_at.map(Timestamp::as_microsecond))
        .bind(now.as_microsecond())
        .bind(by)
        .execute(&mut *change)
        .await?;
        let row = sqlx::query("SELECT * FROM triggers WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_one(&mut *change)
            .await?;
        let written = trigger(&row)?;
        change.commit().await?;
        Ok(written)
    }

    /// The triggers of a tenant, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn triggers(&self, tenant: &TenantId) -> Result<Vec<Trigger>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM triggers WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_all(&self.db.pool)
            .await?;
        sorted(&rows)
    }

    /// The triggers of every tenant, by tenant and name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn all_triggers(&self) -> Result<Vec<Trigger>, RegistryError> {
        sorted(
            &sqlx::query("SELECT * FROM triggers")
                .fetch_all(&self.db.pool)
                .await?,
        )
    }

    /// One trigger.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn trigger(&self, tenant: &TenantId, name: &Name) -> Result<Trigger, RegistryError> {
        let row = sqlx::query("SELECT * FROM triggers WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        trigger(&row.ok_or_else(|| no_such_trigger(name))?)
    }

    /// Removes a trigger, and with it what waits for it and its dead letters. The events stay in the log.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn delete_trigger(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<(), RegistryError> {
        let mut change = self.db.change().await?;
        // Everybody who writes here takes rows in this order, so that no two wait for each other: the turn, the trigger,
        // the head of the log, deliveries. With all of them, nobody takes, ends or appends a delivery meanwhile.
        sqlx::query("UPDATE delivery_turn SET value = value + 1 WHERE id = 1")
            .execute(&mut *change)
            .await?;
        lock(&mut change, tenant, name).await?;
        sqlx::query("UPDATE event_heads SET seq = seq WHERE tenant = $1")
            .bind(tenant.as_str())
            .execute(&mut *change)
            .await?;
        sqlx::query("DELETE FROM event_deliveries WHERE tenant = $1 AND trigger_name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .execute(&mut *change)
            .await?;
        let done = sqlx::query("DELETE FROM triggers WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .execute(&mut *change)
            .await?;
        if done.rows_affected() == 0 {
            return Err(no_such_trigger(name));
        }
        change.commit().await
    }
}

/// The triggers of a tenant that ask for events of the log.
pub(super) async fn that_take_events(
    write: &mut Write,
    tenant: &TenantId,
) -> Result<Vec<(Name, EventsTrigger)>, RegistryError> {
    let rows = sqlx::query(
        "SELECT name, spec FROM triggers WHERE tenant = $1 AND kind = 'events' AND enabled = 1",
    )
    .bind(tenant.as_str())
    .fetch_all(&mut **write)
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let spec: TriggerSpec = rows::json(row, "spec")?;
        if let TriggerOn::Events(events) = spec.on {
            found.push((rows::parsed(row, "name")?, events));
        }
    }
    Ok(found)
}

/// Takes the row of a trigger until the transaction ends.
pub(super) async fn lock(
    write: &mut Write,
    tenant: &TenantId,
    name: &Name,
) -> Result<(), RegistryError> {
    sqlx::query("UPDATE triggers SET delivered = delivered WHERE tenant = $1 AND name = $2")
        .bind(tenant.as_str())
        .bind(name.as_str())
        .execute(&mut **write)
        .await?;
    Ok(())
}

pub(super) async fn exists(
    write: &mut Write,
    tenant: &TenantId,
    name: &Name,
) -> Result<(), RegistryError> {
    sqlx::query("SELECT 1 FROM triggers WHERE tenant = $1 AND name = $2")
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_optional(&mut **write)
        .await?
        .map(drop)
        .ok_or_else(|| no_such_trigger(name))
}

pub(super) fn no_such_trigger(name: &Name) -> RegistryError {
    RegistryError::NotFound {
        kind: "trigger",
        name: name.to_string(),
    }
}

/// What rows say, by tenant and name.
pub(super) fn sorted(rows: &[AnyRow]) -> Result<Vec<Trigger>, RegistryError> {
    let mut all = rows.iter().map(trigger).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|a, b| (&a.tenant, &a.name).cmp(&(&b.tenant, &b.name)));
    Ok(all)
}

fn trigger(row: &AnyRow) -> Result<Trigger, RegistryError> {
    Ok(Trigger {
        tenant: rows::parsed(row, "tenant")?,
        name: rows::parsed(row, "name")?,
        spec: rows::json(row, "spec")?,
        next_at: rows::optional_time(row, "next_at")?,
        delivered: rows::count(row, "delivered")?,
        attempts: rows::count(row, "attempts")?,
        died: rows::count(row, "died")?,
        created_at: rows::time(row, "created_at")?,
        updated_at: rows::time(row, "updated_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
