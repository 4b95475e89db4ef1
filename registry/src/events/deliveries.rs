//! What becomes of deliveries: done, tried again, dead, or brought back to life.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::claim::{Delivery, DeliveryKey, after};
use super::{Event, TriggerFigures, record, triggers};
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// The longest reason that is kept, in code points.
const MAX_ERROR_CHARS: usize = 2000;

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function took it.
    Done,
    /// It is tried again after a pause.
    Again {
        /// Why.
        error: String,
        /// The pause.
        pause: Duration,
    },
    /// It could not be tried, which counts for nothing.
    Later {
        /// Why.
        error: String,
        /// The pause.
        pause: Duration,
    },
    /// It failed too often.
    Dead {
        /// Why.
        error: String,
    },
}

/// A delivery and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it went.
    pub trigger: Name,
    /// The number of the event.
    pub seq: u64,
    /// What became of it.
    pub outcome: Outcome,
}

impl Finished {
    /// The end of a delivery.
    pub fn of(delivery: &Delivery, outcome: Outcome) -> Self {
        Self {
            tenant: delivery.tenant.clone(),
            trigger: delivery.trigger.clone(),
            seq: delivery.event.seq,
            outcome,
        }
    }

    /// Which delivery it is the end of.
    pub fn key(&self) -> DeliveryKey {
        (self.tenant.clone(), self.trigger.clone(), self.seq)
    }
}

/// An event that could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The event.
    pub event: Event,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last try failed.
    pub error: String,
    /// When it was given up.
    pub died_at: Timestamp,
}

impl Registry {
    /// Writes down what became of deliveries that the host had taken. What it lost meanwhile to another is left alone.
    ///
    /// # Errors
    /// [`RegistryError::Database`]; then nothing of it is written.
    pub async fn finish_deliveries(
        &self,
        host: &str,
        finished: &[Finished],
    ) -> Result<(), RegistryError> {
        let now = rows::now();
        let mut write = self.db.write().await?;
        let ended: BTreeSet<_> = finished.iter().map(|f| (&f.tenant, &f.trigger)).collect();
        for (tenant, trigger) in ended {
            triggers::lock(&mut write, tenant, trigger).await?;
        }
        for Finished {
            tenant,
            trigger,
            seq,
            outcome,
        } in finished
        {
            let seq = rows::to_bigint("the number of an event", *seq)?;
            let here = "WHERE tenant = $1 AND trigger_name = $2 AND seq = $3 AND lease = $4";
            let (change, due, error) = match outcome {
                Outcome::Done => (None, now, ""),
                Outcome::Again { error, pause } => (Some(""), after(now, *pause), error.as_str()),
                Outcome::Later { error, pause } => (
                    Some(", attempts = attempts - 1"),
                    after(now, *pause),
                    error.as_str(),
                ),
                Outcome::Dead { error } => (Some(", state = 'dead'"), now, error.as_str()),
            };
            let sql = match change {
                None => format!("DELETE FROM event_deliveries {here}"),
                Some(change) => format!(
                    "UPDATE event_deliveries SET lease = '', due_at = $5, error = $6{change} {here}"
                ),
            };
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(tenant.as_str())
                .bind(trigger.as_str())
                .bind(seq)
                .bind(host);
            if change.is_some() {
                query = query.bind(due.as_microsecond()).bind(kept(error));
            }
            let done = query.execute(&mut *write).await?;
            if done.rows_affected() == 0 {
                continue;
            }
            let (delivered, tried, died) = match outcome {
                Outcome::Done => (1, 1, 0),
                Outcome::Again { .. } => (0, 1, 0),
                Outcome::Later { .. } => continue,
                Outcome::Dead { .. } => (0, 1, 1),
            };
            sqlx::query(
                "UPDATE triggers SET delivered = delivered + $3, attempts = attempts + $4, died = died + $5 \
                 WHERE tenant = $1 AND name = $2",
            )
            .bind(tenant.as_str())
            .bind(trigger.as_str())
            .bind(i64::from(delivered))
            .bind(i64::from(tried))
            .bind(i64::from(died))
            .execute(&mut *write)
            .await?;
        }
        write.commit().await
    }

    /// Dead letters of a trigger in the order of the log, behind `after`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the trigger, [`RegistryError::Database`].
    pub async fn dead_letters(
        &self,
        tenant: &TenantId,
        trigger: &Name,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, RegistryError> {
        self.trigger(tenant, trigger).await?;
        let rows = sqlx::query(
            "SELECT d.attempts, d.error, d.due_at, e.* FROM event_deliveries d JOIN events e ON e.tenant = d.tenant \
             AND e.seq = d.seq WHERE d.state = 'dead' AND d.tenant = $1 AND d.trigger_name = $2 AND d.seq > $3 \
             ORDER BY d.seq LIMIT $4",
        )
        .bind(tenant.as_str())
        .bind(trigger.as_str())
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(limit.min(super::MAX_EVENTS_PAGE) as i64)
        .fetch_all(&self.db.pool)
        .await?;
        let letter = |row| -> Result<_, RegistryError> {
            Ok(DeadLetter {
                event: record::event(row)?,
                attempts: rows::count(row, "attempts")?,
                error: rows::text(row, "error")?,
                died_at: rows::time(row, "due_at")?,
            })
        };
        rows.iter().map(letter).collect()
    }

    /// Brings dead letters back: each is tried again from the first try on. Without numbers it means all of them. How many.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the trigger, or a number that is no dead letter: then none is brought back;
    /// [`RegistryError::Database`].
    pub async fn redrive(
        &self,
        tenant: &TenantId,
        trigger: &Name,
        seqs: Option<&[u64]>,
    ) -> Result<u64, RegistryError> {
        self.trigger(tenant, trigger).await?;
        let now = rows::now().as_microsecond();
        let mut write = self.db.write().await?;
        let revive = "UPDATE event_deliveries SET state = 'waiting', attempts = 0, due_at = $3, lease = '' \
                      WHERE state = 'dead' AND tenant = $1 AND trigger_name = $2";
        let mut revived = 0;
        match seqs {
            None => {
                let done = sqlx::query(revive)
                    .bind(tenant.as_str())
                    .bind(trigger.as_str())
                    .bind(now)
                    .execute(&mut *write)
                    .await?;
                revived = done.rows_affected();
            }
            Some(seqs) => {
                let one = format!("{revive} AND seq = $4");
                for seq in seqs {
                    let done = sqlx::query(sqlx::AssertSqlSafe(one.clone()))
                        .bind(tenant.as_str())
                        .bind(trigger.as_str())
                        .bind(now)
                        .bind(i64::try_from(*seq).unwrap_or(i64::MAX))
                        .execute(&mut *write)
                        .await?;
                    if done.rows_affected() == 0 {
                        return Err(RegistryError::NotFound {
                            kind: "dead letter",
                            name: format!("{trigger}, event {seq}"),
                        });
                    }
                    revived += 1;
                }
            }
        }
        write.commit().await?;
        Ok(revived)
    }

    /// What waits for each trigger now, of every tenant or of one.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn trigger_figures(
        &self,
        tenant: Option<&TenantId>,
    ) -> Result<Vec<TriggerFigures>, RegistryError> {
        let rows = sqlx::query(
            "SELECT tenant, trigger_name, COALESCE(MIN(CASE WHEN state = 'waiting' THEN created_at END), -1) AS oldest, \
             COUNT(CASE WHEN state = 'waiting' THEN 1 END) AS waiting, COUNT(CASE WHEN state = 'dead' THEN 1 END) AS dead \
             FROM event_deliveries WHERE $1 = '' OR tenant = $1 GROUP BY tenant, trigger_name",
        )
        .bind(tenant.map(TenantId::as_str).unwrap_or_default())
        .fetch_all(&self.db.pool)
        .await?;
        let figures = |row| -> Result<_, RegistryError> {
            let waiting = rows::count(row, "waiting")?;
            Ok(TriggerFigures {
                tenant: rows::parsed(row, "tenant")?,
                name: rows::parsed(row, "trigger_name")?,
                waiting,
                dead: rows::count(row, "dead")?,
                oldest: match waiting {
                    0 => None,
                    _ => Some(rows::time(row, "oldest")?),
                },
            })
        };
        rows.iter().map(figures).collect()
    }
}

/// A reason as it is kept: bounded, without NUL, which PostgreSQL cannot store.
fn kept(error: &str) -> String {
    error
        .chars()
        .filter(|c| *c != '\0')
        .take(MAX_ERROR_CHARS)
        .collect()
}
