//! Events: a log of each tenant that is only appended to, and the deliveries that follow from it.
//!
//! An event is what CloudEvents 1.0 says: source and id name it together, and the same pair again is the same event.

mod claim;
mod deliveries;
mod happenings;
mod record;
mod schedules;
mod specs;
mod triggers;

pub use claim::{Delivery, DeliveryKey};
pub use deliveries::{DeadLetter, Finished, Outcome};
pub use happenings::{Happening, HappeningFilter, MAX_HAPPENINGS_PAGE, PersonIn};
pub use record::{Event, EventValue, MAX_EVENT_BYTES, NewEvent};
pub use specs::{
    Backoff, Cors, CronTrigger, DeliveryRules, EmailTarget, EventsTrigger, HttpTrigger, Missed,
    Outside, TriggerKind, TriggerOn, TriggerSpec, UrlTarget, WebhookScheme, WebhookTrigger,
};
pub use triggers::{Trigger, TriggerFigures};

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use crate::db::Write;
use crate::id::{Name, TenantId};
use crate::permissions::EventPattern;
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

/// Events that are appended at a time, at most.
pub const MAX_EVENTS_AT_ONCE: usize = 1000;
/// Events that are answered at a time, at most.
pub const MAX_EVENTS_PAGE: usize = 1000;
/// Bytes of data that are answered at a time, at least one event in any case.
const MAX_PAGE_BYTES: usize = 16 << 20;

/// Which events of a tenant.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of these types; none means of all.
    pub types: Option<EventPattern>,
    /// Of this source.
    pub source: Option<String>,
    /// About this subject.
    pub subject: Option<String>,
    /// Of this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Only those behind this number in the log.
    pub after: u64,
    /// Newest first, those before `after` where it is not 0.
    pub backwards: bool,
}

/// What became of an event that was to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Its number in the log of the tenant: 1, 2, 3 …
    pub seq: u64,
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Whether it was in the log before: then nothing was changed, whatever else it says.
    pub duplicate: bool,
}

impl Registry {
    /// Appends events, in this order, all or none, and with them a delivery to each trigger that asks for their type.
    /// When this returns, they are on disk.
    ///
    /// `to` names a trigger that gets them whatever it asks for: the schedule or the webhook that they come from.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for more than [`MAX_EVENTS_AT_ONCE`]; [`RegistryError::NotFound`] for the tenant or the
    /// trigger; [`RegistryError::Database`].
    pub async fn append_events(
        &self,
        tenant: &TenantId,
        events: &[NewEvent],
        to: Option<&Name>,
        by: &str,
    ) -> Result<Vec<Appended>, RegistryError> {
        let by = rows::one_line("an author", by)?;
        if events.len() > MAX_EVENTS_AT_ONCE {
            return Err(RegistryError::Invalid(format!(
                "{} events at a time are more than the limit of {MAX_EVENTS_AT_ONCE}",
                events.len()
            )));
        }
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let mut write = self.db.write().await?;
        let appended = append(&mut write, tenant, events, to, by).await?;
        write.commit().await?;
        Ok(appended)
    }

    /// Events in the order of the log, at most `limit` and at most [`MAX_EVENTS_PAGE`].
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn events(
        &self,
        tenant: &TenantId,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<Vec<Event>, RegistryError> {
        let mut connection = self.db.pool.acquire().await?;
        read(&mut connection, tenant, filter, limit).await
    }

    /// Forgets what was appended before `before`, dead letters included. What waits to be delivered stays. How many
    /// events were forgotten.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn forget_events(&self, before: Timestamp) -> Result<u64, RegistryError> {
        let mut write = self.db.write().await?;
        sqlx::query(
            "DELETE FROM event_deliveries WHERE state = 'dead' AND EXISTS (SELECT 1 FROM events e WHERE \
             e.tenant = event_deliveries.tenant AND e.seq = event_deliveries.seq AND e.appended_at < $1)",
        )
        .bind(before.as_microsecond())
        .execute(&mut *write)
        .await?;
        let done = sqlx::query(
            "DELETE FROM events WHERE appended_at < $1 AND NOT EXISTS (SELECT 1 FROM event_deliveries d \
             WHERE d.tenant = events.tenant AND d.seq = events.seq) AND NOT EXISTS (SELECT 1 FROM workflow_inbox i \
             WHERE i.tenant = events.tenant AND i.seq = events.seq)",
        )
        .bind(before.as_microsecond())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected())
    }
}

/// Events in the order of the log, as a transaction sees them.
pub(crate) async fn read(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    filter: &EventFilter,
    limit: usize,
) -> Result<Vec<Event>, RegistryError> {
    let (prefix, exact) = match &filter.types {
        None => (String::new(), String::new()),
        Some(types) => match types.prefix() {
            Some(prefix) => (prefix.to_owned(), String::new()),
            None => (String::new(), types.to_string()),
        },
    };
    let after = i64::try_from(filter.after).unwrap_or(i64::MAX);
    let order = if filter.backwards {
        "AND ($2 = 0 OR seq < $2) ORDER BY seq DESC LIMIT $9"
    } else {
        "AND seq > $2 ORDER BY seq LIMIT $9"
    };
    // The prefix is compared byte by byte: a collation of the database would order types otherwise.
    let sql = format!(
        "SELECT * FROM events WHERE tenant = $1 AND ($3 = '' OR event_type = $3) \
         AND ($4 = '' OR substr(event_type, 1, CAST($5 AS INTEGER)) = $4) AND ($6 = '' OR subject = $6) \
         AND time >= $7 AND time < $8 AND ($10 = '' OR source = $10) {order}"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(tenant.as_str())
        .bind(after)
        .bind(&exact)
        .bind(&prefix)
        .bind(prefix.len() as i64)
        .bind(filter.subject.as_deref().unwrap_or_default())
        .bind(filter.since.map_or(i64::MIN, Timestamp::as_microsecond))
        .bind(filter.until.map_or(i64::MAX, Timestamp::as_microsecond))
        .bind(limit.min(MAX_EVENTS_PAGE) as i64)
        .bind(filter.source.as_deref().unwrap_or_default())
        .fetch_all(connection)
        .await?;
    let mut events = Vec::with_capacity(rows.len());
    let mut bytes = 0;
    for row in &rows {
        let event = record::event(row)?;
        bytes += event.event.data.as_ref().map_or(0, |data| data.len());
        if bytes > MAX_PAGE_BYTES && !events.is_empty() {
            break;
        }
        events.push(event);
    }
    Ok(events)
}

/// The event of a row of the log.
pub(crate) fn of_row(row: &AnyRow) -> Result<Event, RegistryError> {
    record::event(row)
}

/// Appends within a transaction that does more.
pub(crate) async fn append(
    write: &mut Write,
    tenant: &TenantId,
    events: &[NewEvent],
    to: Option<&Name>,
    by: &str,
) -> Result<Vec<Appended>, RegistryError> {
    // From here to the end of the transaction nobody else appends to this log.
    let row = sqlx::query(
        "INSERT INTO event_heads (tenant, seq) SELECT name, 0 FROM tenants WHERE name = $1 \
         ON CONFLICT (tenant) DO UPDATE SET seq = event_heads.seq RETURNING seq",
    )
    .bind(tenant.as_str())
    .fetch_optional(&mut **write)
    .await?
    .ok_or_else(|| no_such_tenant(tenant))?;
    let before: i64 = row.try_get("seq")?;
    let triggers = triggers::that_take_events(write, tenant).await?;
    if let Some(to) = to {
        triggers::exists(write, tenant, to).await?;
    }
    let now = rows::now().as_microsecond();
    let mut seq = before;
    let mut appended = Vec::with_capacity(events.len());
    for event in events {
        let known =
            sqlx::query("SELECT seq FROM events WHERE tenant = $1 AND source = $2 AND id = $3")
                .bind(tenant.as_str())
                .bind(&event.source)
                .bind(&event.id)
                .fetch_optional(&mut **write)
                .await?;
        let duplicate = known.is_some();
        let number = match known {
            Some(row) => rows::count(&row, "seq")?,
            None => {
                seq += 1;
                record::insert(write, tenant, seq, event, now, by).await?;
                for (name, takes) in &triggers {
                    if Some(name) == to || takes.takes(&event.event_type, event.subject.as_deref())
                    {
                        deliver(write, tenant, name, seq, event, now).await?;
                    }
                }
                if let Some(to) = to
                    && triggers.iter().all(|(name, _)| name != to)
                {
                    deliver(write, tenant, to, seq, event, now).await?;
                }
                seq as u64
            }
        };
        appended.push(Appended {
            seq: number,
            source: event.source.clone(),
            id: event.id.clone(),
            duplicate,
        });
    }
    if seq > before {
        sqlx::query("UPDATE event_heads SET seq = $2 WHERE tenant = $1")
            .bind(tenant.as_str())
            .bind(seq)
            .execute(&mut **write)
            .await?;
    }
    Ok(appended)
}

async fn deliver(
    write: &mut Write,
    tenant: &TenantId,
    trigger: &Name,
    seq: i64,
    event: &NewEvent,
    now: i64,
) -> Result<(), RegistryError> {
    sqlx::query(
        "INSERT INTO event_deliveries (tenant, trigger_name, seq, subject, state, attempts, due_at, lease, error, created_at) \
         VALUES ($1, $2, $3, $4, 'waiting', 0, $5, '', '', $5)",
    )
    .bind(tenant.as_str())
    .bind(trigger.as_str())
    .bind(seq)
    .bind(event.subject.as_deref().unwrap_or_default())
    .bind(now)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// A column that is empty where there is nothing.
fn filled(row: &AnyRow, column: &str) -> Result<Option<String>, RegistryError> {
    Ok(Some(rows::text(row, column)?).filter(|text| !text.is_empty()))
}
