//! What a trigger is, as somebody wrote it: what it waits for, where it points, how events are brought there.

use serde::{Deserialize, Serialize};

use crate::id::Name;
use crate::permissions::EventPattern;

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
