//! Taking deliveries: which are due, and who may take them.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::Row as _;

use super::{Event, Trigger, record};
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// Which delivery it is: of a tenant to a trigger, by the number of its event.
pub type DeliveryKey = (TenantId, Name, u64);

/// An event on its way to a trigger, taken by a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it goes.
    pub trigger: Name,
    /// The event.
    pub event: Event,
    /// Which try this is: 1, 2, 3 …
    pub attempt: u32,
}

impl Delivery {
    /// Which one it is.
    pub fn key(&self) -> DeliveryKey {
        (self.tenant.clone(), self.trigger.clone(), self.event.seq)
    }
}

impl Registry {
    /// Takes up to `most` deliveries that are due, of a tenant not more than `most_of` it, for `lease` from now, as the host of this id. A host that does not
    /// finish or renew them in time loses them to whoever takes next.
    ///
    /// The concurrency of a trigger counts what all hosts have taken. Of an ordered trigger, no event is taken before
    /// those about the same subject that came earlier.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn claim_deliveries(
        &self,
        triggers: &[Trigger],
        host: &str,
        lease: Duration,
        most: usize,
        most_of: &(dyn Fn(&TenantId) -> usize + Sync),
    ) -> Result<Vec<Delivery>, RegistryError> {
        // A look without a lock first: a host that has nothing to do disturbs nobody.
        let due = sqlx::query(
            "SELECT tenant, trigger_name FROM event_deliveries WHERE state = 'waiting' AND due_at <= $1 \
             GROUP BY tenant, trigger_name",
        )
        .bind(rows::now().as_microsecond())
        .fetch_all(&self.db.pool)
        .await?;
        let known: HashMap<(&str, &str), &Trigger> = triggers
            .iter()
            .filter(|t| t.spec.enabled)
            .map(|t| ((t.tenant.as_str(), t.name.as_str()), t))
            .collect();
        let mut wanted: Vec<&Trigger> = Vec::with_capacity(due.len());
        for row in &due {
            let (tenant, name) = (rows::text(row, "tenant")?, rows::text(row, "trigger_name")?);
            wanted.extend(known.get(&(tenant.as_str(), name.as_str())).copied());
        }
        if wanted.is_empty() || most == 0 {
            return Ok(Vec::new());
        }
        let mut write = self.db.write().await?;
        let row =
            sqlx::query("UPDATE delivery_turn SET value = value + 1 WHERE id = 1 RETURNING value")
                .fetch_one(&mut *write)
                .await?;
        // Another one is first each time: where there are more than can be served, all are served in the end.
        let turn: u64 = rows::count(&row, "value")?;
        let first = turn % wanted.len() as u64;
        wanted.rotate_left(first as usize);
        // Read again under the turn: hosts before this one may have taken some, and time has passed.
        let now = rows::now();
        let until = after(now, lease);
        let mut taken: Vec<Delivery> = Vec::new();
        // Shared out, so that a flood for one trigger does not keep the others waiting.
        let share = most.div_ceil(wanted.len());
        for trigger in wanted {
            let Trigger { tenant, name, .. } = trigger;
            let row = sqlx::query(
                "SELECT COUNT(*) AS n FROM event_deliveries WHERE state = 'waiting' AND tenant = $1 AND trigger_name = $2 \
                 AND due_at > $3 AND lease <> ''",
            )
            .bind(tenant.as_str())
            .bind(name.as_str())
            .bind(now.as_microsecond())
            .fetch_one(&mut *write)
            .await?;
            let running: usize = rows::count(&row, "n")?;
            let free = (trigger.spec.delivery.concurrency as usize).saturating_sub(running);
            let own = taken.iter().filter(|d| d.tenant == *tenant).count();
            let limit = free
                .min(share)
                .min(most - taken.len())
                .min(most_of(tenant).saturating_sub(own));
            if limit == 0 {
                continue;
            }
            let order = if trigger.spec.delivery.ordered {
                "AND NOT EXISTS (SELECT 1 FROM event_deliveries b WHERE b.tenant = d.tenant AND \
                 b.trigger_name = d.trigger_name AND b.subject = d.subject AND b.seq < d.seq AND b.state = 'waiting') "
            } else {
                ""
            };
            let sql = format!(
                "SELECT d.attempts, e.* FROM event_deliveries d JOIN events e ON e.tenant = d.tenant AND e.seq = d.seq \
                 WHERE d.state = 'waiting' AND d.tenant = $1 AND d.trigger_name = $2 AND d.due_at <= $3 {order}\
                 ORDER BY d.due_at, d.seq LIMIT $4"
            );
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(tenant.as_str())
                .bind(name.as_str())
                .bind(now.as_microsecond())
                .bind(limit as i64)
                .fetch_all(&mut *write)
                .await?;
            for row in &rows {
                let event = record::event(row)?;
                let attempt = row.try_get::<i64, _>("attempts")?.saturating_add(1);
                // Counted before it begins: what ends its host each time comes to its end, too.
                sqlx::query(
                    "UPDATE event_deliveries SET attempts = $4, due_at = $5, lease = $6 \
                     WHERE tenant = $1 AND trigger_name = $2 AND seq = $3",
                )
                .bind(tenant.as_str())
                .bind(name.as_str())
                .bind(event.seq as i64)
                .bind(attempt)
                .bind(until.as_microsecond())
                .bind(host)
                .execute(&mut *write)
                .await?;
                taken.push(Delivery {
                    tenant: tenant.clone(),
                    trigger: name.clone(),
                    event,
                    attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
                });
            }
            if taken.len() >= most {
                break;
            }
        }
        match taken.is_empty() {
            // Nothing changed but the turn: not worth a wait for the disk.
            true => write.roll_back().await?,
            false => write.commit().await?,
        }
        Ok(taken)
    }

    /// Keeps these deliveries for `lease` from now, as far as this host still has them. How many those are. What else is
    /// leased to the host is nothing that it knows of, and passes to whoever takes it when its lease is over.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn renew_deliveries(
        &self,
        host: &str,
        lease: Duration,
        held: &BTreeSet<DeliveryKey>,
    ) -> Result<u64, RegistryError> {
        if held.is_empty() {
            return Ok(0);
        }
        let due = after(rows::now(), lease).as_microsecond();
        let mut write = self.db.write().await?;
        let mut renewed = 0;
        for (tenant, trigger, seq) in held {
            let done = sqlx::query(
                "UPDATE event_deliveries SET due_at = $5 WHERE tenant = $1 AND trigger_name = $2 AND seq = $3 \
                 AND lease = $4 AND state = 'waiting'",
            )
            .bind(tenant.as_str())
            .bind(trigger.as_str())
            .bind(rows::to_bigint("the number of an event", *seq)?)
            .bind(host)
            .bind(due)
            .execute(&mut *write)
            .await?;
            renewed += done.rows_affected();
        }
        write.commit().await?;
        Ok(renewed)
    }
}

/// A time from `now` on; the end of time where there is none.
pub(super) fn after(now: Timestamp, pause: Duration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}
