//! `steward event …`

mod list;
mod send;
mod tail;

use clap::{Args, Subcommand};
use serde_json::Value;
use steward_registry::EventPattern;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, printable, time};

/// Append to the log of events, and read it
#[derive(Debug, Subcommand)]
pub enum Event {
    Send(send::Send),
    List(list::List),
    Tail(tail::Tail),
}

impl Event {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Send(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Tail(command) => command.run(context).await,
        }
    }
}

/// Which events.
#[derive(Debug, Args)]
pub struct Filter {
    /// Of these types: `com.example.order.paid`, `com.example.*` or `*`
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Option<EventPattern>,
    /// Of this source
    #[arg(long)]
    pub source: Option<String>,
    /// About this subject
    #[arg(long)]
    pub subject: Option<String>,
}

impl Filter {
    fn query(&self) -> Vec<(&'static str, String)> {
        let types = self.types.as_ref().map(ToString::to_string);
        [
            ("type", types),
            ("source", self.source.clone()),
            ("subject", self.subject.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

/// The data of an event in one line.
fn data(event: &Value) -> String {
    let text = match event.get("data") {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None if event.get("data_base64").is_some() => "(bytes)".into(),
        None => String::new(),
    };
    let mut short: String = text.chars().take(100).collect();
    if text.chars().nth(100).is_some() {
        short.push('…');
    }
    short.replace('\n', " ")
}

fn line(event: &Value) -> String {
    printable(&format!(
        "{} {:>6} {} {} {} {}",
        time(event, "/time"),
        field(event, "/stewardseq"),
        field(event, "/type"),
        field(event, "/source"),
        field(event, "/subject"),
        data(event)
    ))
}
