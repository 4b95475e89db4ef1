//! `steward trigger …`

mod create;
mod dead;
mod delete;
mod enable;
mod list;
mod redrive;
mod show;

use clap::Subcommand;
use serde_json::Value;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::field;

/// Make functions run on events, schedules and webhooks, give them routes, and send events to addresses and people
#[derive(Debug, Subcommand)]
pub enum Trigger {
    Create(Box<create::Create>),
    List(list::List),
    Show(show::Show),
    Enable(enable::Enable),
    Disable(enable::Disable),
    Dead(dead::Dead),
    Redrive(redrive::Redrive),
    Delete(delete::Delete),
}

impl Trigger {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Enable(command) => command.run(context).await,
            Self::Disable(command) => command.run(context).await,
            Self::Dead(command) => command.run(context).await,
            Self::Redrive(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
        }
    }
}

/// What a trigger waits for, in a few words.
fn waits_for(trigger: &Value) -> String {
    let on = &trigger["spec"]["on"];
    let names = |value: &Value| {
        let all = value.as_array().into_iter().flatten();
        all.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
    };
    match trigger["kind"].as_str() {
        Some("events") => {
            let subject = field(on, "/events/subject");
            let types = field(on, "/events/types");
            match subject.is_empty() {
                true => types,
                false => format!("{types} about {subject}"),
            }
        }
        Some("cron") => format!(
            "{} ({})",
            field(on, "/cron/schedule"),
            field(on, "/cron/zone")
        ),
        Some("webhook") => format!("signed requests ({})", field(on, "/webhook/scheme")),
        Some("http") => {
            let public = if on["http"]["public"] == true {
                ", public"
            } else {
                ""
            };
            let (methods, paths) = (names(&on["http"]["methods"]), names(&on["http"]["paths"]));
            let methods = if methods.is_empty() { "any" } else { &methods };
            format!("{methods} {paths}{public}")
        }
        _ => String::new(),
    }
}

/// What it runs, or where it sends events.
fn points_at(trigger: &Value) -> String {
    let to = &trigger["spec"]["to"];
    if to["url"].is_object() {
        return field(to, "/url/url");
    }
    if to["email"].is_object() {
        let people = to["email"]["to"].as_array().into_iter().flatten();
        return people.filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    }
    field(trigger, "/spec/function")
}

/// One line for what was written.
fn told(trigger: &Value) -> String {
    let next = match trigger["next_at"].as_str() {
        Some(_) => format!(", next at {} UTC", crate::output::time(trigger, "/next_at")),
        None => String::new(),
    };
    format!(
        "{} {} {} on {}{next}.",
        field(trigger, "/name"),
        if trigger["spec"]["to"].is_object() {
            "sends to"
        } else {
            "runs"
        },
        points_at(trigger),
        waits_for(trigger)
    )
}
