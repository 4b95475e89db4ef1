//! Triggers: what makes a function run.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Appended, NewEvent, append};
use crate::db::Write;
use crate::id::{Name, TenantId};
use crate::permissions::EventPattern;
use crate::{Registry, RegistryError, rows};

/// The largest specification, in bytes of JSON.
const MAX_SPEC_BYTES: usize = 64 * 1024;
/// The most triggers of a tenant.
const MAX_TRIGGERS: i64 = 1000;

/// What a trigger waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TriggerOn {
    /// Events of the log.
    Events(EventsTrigger),
    /// A schedule.
    Cron(CronTrigger),
    /// Requests of another service, with its signature.
    Webhook(WebhookTrigger),
    /// Requests of anybody, beside those with a key.
    Http(HttpTrigger),
}

/// The kinds of [`TriggerOn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggerKind {
    /// `events`
    Events,
    /// `cron`
    Cron,
    /// `webhook`
    Webhook,
    /// `http`
    Http,
}

impl TriggerKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Cron => "cron",
            Self::Webhook => "webhook",
            Self::Http => "http",
        }
    }
}

/// Events of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsTrigger {
    /// Of these types.
    pub types: EventPattern,
    /// About this subject alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl EventsTrigger {
    /// Whether it asks for such an event.
    pub fn takes(&self, event_type: &str, subject: Option<&str>) -> bool {
        self.types.matches(event_type)
            && self
                .subject
                .as_deref()
                .is_none_or(|wanted| subject == Some(wanted))
    }
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CronTrigger {
    /// A cron expression of five fields, or of six with seconds first.
    pub schedule: String,
    /// The time zone whose clock it means, by its IANA name.
    #[serde(default = "utc")]
    pub zone: String,
    /// What becomes of times at which no host ran.
    #[serde(default)]
    pub missed: Missed,
}

fn utc() -> String {
    "UTC".into()
}

/// What becomes of times at which no host ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// They are left out.
    #[default]
    Skip,
    /// The last of them is made up for, once.
    One,
}

/// Requests of another service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookTrigger {
    /// How the service signs.
    pub scheme: WebhookScheme,
    /// The secret of the tenant that it signs with.
    pub secret: Name,
    /// The type of the event that a request becomes.
    #[serde(default = "webhook_type")]
    pub event_type: String,
    /// How far the time of a signature may be from now, in seconds, where the scheme has one.
    #[serde(default = "tolerance")]
    pub tolerance_s: u32,
}

fn webhook_type() -> String {
    "steward.webhook".into()
}

fn tolerance() -> u32 {
    300
}

/// How a service signs its requests. All of them are HMAC-SHA256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookScheme {
    /// `X-Signature: HEX` over the body, or over `TIME.BODY` where `X-Timestamp: TIME` is sent.
    Generic,
    /// `X-Hub-Signature-256: sha256=HEX` over the body.
    Github,
    /// `Stripe-Signature: t=TIME,v1=HEX` over `TIME.BODY`.
    Stripe,
    /// `X-Slack-Signature: v0=HEX` over `v0:TIME:BODY`, with `X-Slack-Request-Timestamp`.
    Slack,
    /// `webhook-signature: v1,BASE64` over `ID.TIME.BODY` (standardwebhooks.com).
    Standard,
}

/// Requests of anybody, beside those with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTrigger {
    /// Paths behind `/f/{tenant}/{function}`: `/orders/{id}` for one word, `/files/*` for everything below.
    pub paths: Vec<String>,
    /// Methods; none named means all.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Whether requests need no key.
    #[serde(default)]
    pub public: bool,
    /// Which pages of other origins may ask from a browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
}

/// Which pages of other origins may ask from a browser (the Fetch standard's CORS protocol).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins as browsers write them, `https://shop.example.com`, or `*` for every one.
    pub origins: Vec<String>,
    /// Header fields that a page may send beside the usual ones.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Header fields of the answer that a page may read beside the usual ones.
    #[serde(default)]
    pub expose: Vec<String>,
    /// Whether cookies and keys may be sent along. Not with `*`.
    #[serde(default)]
    pub credentials: bool,
    /// How long a browser may remember the answer to a preflight, in seconds.
    #[serde(default = "max_age")]
    pub max_age_s: u32,
}

fn max_age() -> u32 {
    600
}

/// How events are brought to the function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeliveryRules {
    /// Whether events about one subject come one after the other, in the order of the log.
    pub ordered: bool,
    /// Deliveries at the same time, over all hosts: 1 to 1,000.
    pub concurrency: u32,
    /// How often a delivery is tried before it is dead: 1 to 100.
    pub attempts: u32,
    /// The pauses between tries.
    pub backoff: Backoff,
}

impl Default for DeliveryRules {
    fn default() -> Self {
        Self {
            ordered: false,
            concurrency: 10,
            attempts: 8,
            backoff: Backoff::default(),
        }
    }
}

/// Pauses that double from try to try, each shortened by up to a half at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Backoff {
    /// The first one, in milliseconds.
    pub first_ms: u32,
    /// The longest one, in milliseconds.
    pub most_ms: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first_ms: 1000,
            most_ms: 300_000,
        }
    }
}

/// Where events go that leave the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outside {
    /// To an address, as CloudEvents in the structured mode of the HTTP binding.
    Url(UrlTarget),
    /// By e-mail.
    Email(EmailTarget),
}

/// An address that events are sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrlTarget {
    /// `https://HOST/PATH`
    pub url: String,
    /// The secret of the tenant with which the requests are signed (standardwebhooks.com): `whsec_` and base64.
    pub secret: Name,
}

/// People who get events by e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailTarget {
    /// `smtps://HOST[:465]` (TLS), `smtp://HOST[:587]` (TLS after `STARTTLS`) or `smtp+plain://HOST[:25]` (no TLS).
    pub relay: String,
    /// The secret of the tenant that holds `USER:PASSWORD` for the relay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Name>,
    /// Who writes: `Steward <steward@example.com>`.
    pub from: String,
    /// Who gets it: 1 to 50 addresses.
    pub to: Vec<String>,
    /// The subject, in place of what the event says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// A trigger as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerSpec {
    /// The function that runs. Either this or `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<Name>,
    /// Where events go, in place of a function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Outside>,
    /// What it waits for.
    pub on: TriggerOn,
    /// The path with which the function is called.
    #[serde(default = "root")]
    pub path: String,
    /// How events are brought to the function.
    #[serde(default)]
    pub delivery: DeliveryRules,
    /// Whether it does anything. Events that come while it does nothing are not delivered later.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn root() -> String {
    "/".into()
}

fn yes() -> bool {
    true
}

impl TriggerSpec {
    /// What it waits for, in one word.
    pub fn kind(&self) -> TriggerKind {
        match self.on {
            TriggerOn::Events(_) => TriggerKind::Events,
            TriggerOn::Cron(_) => TriggerKind::Cron,
            TriggerOn::Webhook(_) => TriggerKind::Webhook,
            TriggerOn::Http(_) => TriggerKind::Http,
        }
    }
}

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

fn sorted(rows: &[AnyRow]) -> Result<Vec<Trigger>, RegistryError> {
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
