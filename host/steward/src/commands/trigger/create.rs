//! `steward trigger create`

use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use steward_registry::{EventPattern, Name};

use super::told;
use crate::cli::Context;
use crate::failure::Exit;

/// Make a function run on events, a schedule or a webhook, give it a route, or send events to an address or to people
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward trigger create orders-paid --function orders --events com.example.order.paid --ordered
  steward trigger create nightly --function report --cron '30 2 * * *' --zone Europe/Berlin --missed one
  steward trigger create github --function deploys --webhook github --secret github-hook
  steward trigger create to-crm --url https://hooks.example.com/orders --sign crm-hook --events 'com.example.order.*'
  steward trigger create mails --email li@example.com --relay smtps://smtp.example.com --from steward@example.com \
    --credentials smtp-login --events com.example.alert
  steward trigger create shop-api --function shop --http '/items/{id}' --method GET --public --cors-origin https://shop.example.com

A trigger of the same name is replaced; what waits for it goes on waiting. Events come to the function as POST requests in the \
binary mode of CloudEvents; a status from 200 to 299 says that it is done, anything else lets it come again. With --url they go to an \
address, as CloudEvents in structured mode, signed as standardwebhooks.com has it; with --email to people. A function with \
routes answers to these alone, and without a key where they are --public.", group = ArgGroup::new("on").required(true), group = ArgGroup::new("target").required(true))]
pub struct Create {
    /// Name of the trigger
    pub name: Name,
    /// The function that runs
    #[arg(long, group = "target")]
    pub function: Option<Name>,
    /// Send events to this address in place of a function
    #[arg(
        long,
        value_name = "URL",
        group = "target",
        requires = "sign",
        conflicts_with = "http"
    )]
    pub url: Option<String>,
    /// The secret (`steward secret set`) with which requests to --url are signed: `whsec_` and base64
    #[arg(long, value_name = "SECRET", requires = "url")]
    pub sign: Option<Name>,
    /// Send events to this person by e-mail in place of a function; may be given many times
    #[arg(long, value_name = "ADDRESS", group = "target", requires_all = ["relay", "from"], conflicts_with = "http")]
    pub email: Vec<String>,
    /// Who takes the e-mail: smtps://HOST (TLS), smtp://HOST (STARTTLS) or smtp+plain://HOST (no TLS)
    #[arg(long, value_name = "RELAY", requires = "email")]
    pub relay: Option<String>,
    /// Who writes the e-mail
    #[arg(long, value_name = "ADDRESS", requires = "email")]
    pub from: Option<String>,
    /// The secret that holds USER:PASSWORD for the relay
    #[arg(long, value_name = "SECRET", requires = "email")]
    pub credentials: Option<Name>,
    /// The subject of the e-mail [default: what the event says]
    #[arg(long, value_name = "TEXT", requires = "email")]
    pub mail_subject: Option<String>,
    /// Run on events of these types: `com.example.order.paid`, `com.example.*` or `*`
    #[arg(long, value_name = "TYPE", group = "on")]
    pub events: Option<EventPattern>,
    /// Only on events about this subject
    #[arg(long, requires = "events")]
    pub subject: Option<String>,
    /// Run on a schedule: minute, hour, day of the month, month, day of the week, or six fields with seconds first
    #[arg(long, value_name = "EXPRESSION", group = "on")]
    pub cron: Option<String>,
    /// Time zone of the schedule
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub zone: String,
    /// What becomes of times at which no host ran: `skip`, or `one` to make up for the last of them
    #[arg(long, value_name = "WHAT", default_value = "skip", value_parser = ["skip", "one"])]
    pub missed: String,
    /// Run on requests to /hooks/TENANT/NAME that are signed like this
    #[arg(long, value_name = "SCHEME", group = "on", requires = "secret", value_parser = ["generic", "github", "stripe", "slack", "standard"])]
    pub webhook: Option<String>,
    /// The secret (`steward secret set`) with which the requests are signed
    #[arg(long, value_name = "SECRET", requires = "webhook")]
    pub secret: Option<String>,
    /// Type of the event that a signed request becomes
    #[arg(
        long,
        value_name = "TYPE",
        requires = "webhook",
        default_value = "steward.webhook"
    )]
    pub event_type: String,
    /// How old a signature may be, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "webhook",
        default_value_t = 300
    )]
    pub tolerance: u32,
    /// Answer to this path of the function: `/items`, `/items/{id}` or `/files/*`; may be given many times
    #[arg(long, value_name = "PATH", group = "on")]
    pub http: Vec<String>,
    /// Only to these methods
    #[arg(long, requires = "http")]
    pub method: Vec<String>,
    /// Without a key: anybody may call
    #[arg(long, requires = "http")]
    pub public: bool,
    /// Let pages of this origin ask from a browser; `*` for every one
    #[arg(long, value_name = "ORIGIN", requires = "http")]
    pub cors_origin: Vec<String>,
    /// Header field that such a page may send
    #[arg(long, value_name = "NAME", requires = "cors_origin")]
    pub cors_header: Vec<String>,
    /// Let such a page send cookies along
    #[arg(long, requires = "cors_origin")]
    pub cors_credentials: bool,
    /// The path with which the function is called
    #[arg(long, default_value = "/")]
    pub path: String,
    /// Events about one subject one after the other, in their order
    #[arg(long)]
    pub ordered: bool,
    /// Deliveries at the same time
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub concurrency: u32,
    /// How often a delivery is tried before it is a dead letter
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub attempts: u32,
    /// The first pause before a delivery is tried again; it doubles from try to try
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1000)]
    pub backoff_ms: u32,
    /// The longest pause
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 300_000)]
    pub max_backoff_ms: u32,
}

impl Create {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "triggers", self.name.as_str()];
        let trigger = client.put(&path, &self.spec()).await?;
        context.output.show(&trigger, || {
            let mut text = told(&trigger);
            if self.webhook.is_some() {
                let tenant = trigger["tenant"].as_str().unwrap_or_default();
                text.push_str(&format!(
                    "\nSend to: {}/hooks/{tenant}/{}",
                    client.url(),
                    self.name
                ));
            }
            text
        })?;
        Ok(Exit::Done)
    }

    fn spec(&self) -> Value {
        let on = if let Some(types) = &self.events {
            let mut events = json!({ "types": types });
            if let Some(subject) = &self.subject {
                events["subject"] = json!(subject);
            }
            json!({ "events": events })
        } else if let Some(schedule) = &self.cron {
            json!({ "cron": { "schedule": schedule, "zone": self.zone, "missed": self.missed } })
        } else if let Some(scheme) = &self.webhook {
            json!({ "webhook": {
                "scheme": scheme, "secret": self.secret, "event_type": self.event_type, "tolerance_s": self.tolerance,
            } })
        } else {
            let mut http =
                json!({ "paths": self.http, "methods": self.method, "public": self.public });
            if !self.cors_origin.is_empty() {
                http["cors"] = json!({
                    "origins": self.cors_origin, "headers": self.cors_header, "credentials": self.cors_credentials,
                });
            }
            json!({ "http": http })
        };
        let to = if let Some(url) = &self.url {
            json!({ "url": { "url": url, "secret": self.sign } })
        } else if !self.email.is_empty() {
            json!({ "email": {
                "relay": self.relay, "from": self.from, "to": self.email, "credentials": self.credentials,
                "subject": self.mail_subject,
            } })
        } else {
            Value::Null
        };
        json!({
            "function": self.function, "to": to, "on": on, "path": self.path,
            "delivery": {
                "ordered": self.ordered, "concurrency": self.concurrency, "attempts": self.attempts,
                "backoff": { "first_ms": self.backoff_ms, "most_ms": self.max_backoff_ms },
            },
        })
    }
}
