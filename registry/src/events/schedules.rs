//! Schedules: triggers that a clock makes due, each time on one host.

use jiff::Timestamp;

use super::triggers::sorted;
use super::{Appended, NewEvent, Trigger, append};
use crate::{Registry, RegistryError};

impl Registry {
    /// The schedules that are due.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn due_schedules(&self, now: Timestamp) -> Result<Vec<Trigger>, RegistryError> {
        let rows = sqlx::query(
            "SELECT * FROM triggers WHERE kind = 'cron' AND enabled = 1 AND next_at <= $1",
        )
        .bind(now.as_microsecond())
        .fetch_all(&self.db.pool)
        .await?;
        sorted(&rows)
    }

    /// Moves a schedule on from the time that it was due, which is `trigger.next_at`, to `next_at`, and appends its event
    /// for itself. Of many hosts that try, one does it; the others are told none.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for the event, [`RegistryError::Database`].
    pub async fn fire_schedule(
        &self,
        trigger: &Trigger,
        next_at: Option<Timestamp>,
        event: Option<&NewEvent>,
    ) -> Result<Option<Appended>, RegistryError> {
        let Trigger { tenant, name, .. } = trigger;
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "UPDATE triggers SET next_at = $4 WHERE tenant = $1 AND name = $2 AND next_at = $3 AND enabled = 1 \
             AND updated_at = $5",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(trigger.next_at.map(Timestamp::as_microsecond))
        .bind(next_at.map(Timestamp::as_microsecond))
        .bind(trigger.updated_at.as_microsecond())
        .execute(&mut *write)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        let by = format!("trigger:{name}");
        let appended = match event {
            None => None,
            Some(event) => {
                let events = std::slice::from_ref(event);
                append(&mut write, tenant, events, Some(name), &by)
                    .await?
                    .pop()
            }
        };
        write.commit().await?;
        Ok(appended)
    }
}
