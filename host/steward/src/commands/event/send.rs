//! `steward event send`

use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use steward_registry::events::MAX_EVENT_BYTES;
use steward_triggers::cloudevents::STRUCTURED;

use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::output::field;

/// Append an event to the log; what triggers ask for its type runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward event send --type com.example.order.paid --source /shop --subject order/7 --data '{\"amount\": 3}'
  steward event send --type com.example.file.added --source /uploads --id upload-17 --data @notes.txt --content-type text/plain
  steward event send --type com.example.ping --source /shop --extension region=eu

It is answered once the event is on disk. The same source and id again are the same event: nothing is appended twice.")]
pub struct Send {
    /// What kind of thing happened
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: String,
    /// Where it happened: a URI or a path
    #[arg(long)]
    pub source: String,
    /// Unique within the source [default: a new one]
    #[arg(long)]
    pub id: Option<String>,
    /// What it happened to
    #[arg(long)]
    pub subject: Option<String>,
    /// When it happened, as RFC 3339 has it [default: now]
    #[arg(long)]
    pub time: Option<jiff::Timestamp>,
    /// The data; `@FILE` reads a file, `-` standard input
    #[arg(long, value_name = "DATA|@FILE|-")]
    pub data: Option<String>,
    /// Media type of the data
    #[arg(long, value_name = "TYPE", default_value = "application/json")]
    pub content_type: String,
    /// An attribute beside those of the specification
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub extension: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is written `NAME=VALUE`")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Send {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let event = self.event()?;
        let client = context.connection.client()?;
        let body = (STRUCTURED.to_owned(), event.to_string().into_bytes());
        let answer = client
            .call(Method::POST, &["api", "v1", "events"], Some(body))
            .await?;
        let appended: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| Failure::new(Exit::Failed, "the server's answer cannot be read"))?;
        let appended = appended.get(0).cloned().unwrap_or_default();
        context.output.show(&appended, || {
            let seq = field(&appended, "/seq");
            match appended["duplicate"].as_bool() {
                Some(true) => format!("The event was there already, as number {seq}."),
                _ => format!("Appended as number {seq}, id {}.", field(&appended, "/id")),
            }
        })?;
        Ok(Exit::Done)
    }

    /// The event in the structured mode.
    fn event(&self) -> Result<Value, Failure> {
        let id = match &self.id {
            Some(id) => id.clone(),
            None => hex::encode(rand::random::<[u8; 16]>()),
        };
        let mut event = json!({ "specversion": "1.0", "id": id, "type": self.event_type, "source": self.source });
        if let Some(subject) = &self.subject {
            event["subject"] = json!(subject);
        }
        if let Some(time) = self.time {
            event["time"] = json!(time.to_string());
        }
        for (name, value) in &self.extension {
            event[name.as_str()] = json!(value);
        }
        let Some(data) = self.bytes()? else {
            return Ok(event);
        };
        event["datacontenttype"] = json!(self.content_type);
        if self.content_type.contains("json") {
            event["data"] = serde_json::from_slice(&data).map_err(|e| {
                Failure::invalid("the data is no JSON")
                    .cause(e.to_string())
                    .next("name what it is with --content-type")
            })?;
        } else {
            match String::from_utf8(data) {
                Ok(text) => event["data"] = json!(text),
                Err(other) => event["data_base64"] = json!(STANDARD.encode(other.as_bytes())),
            }
        }
        Ok(event)
    }

    fn bytes(&self) -> Result<Option<Vec<u8>>, Failure> {
        let read = |from: &mut dyn Read, name: &str| {
            let mut bytes = Vec::new();
            from.take(MAX_EVENT_BYTES as u64 + 1)
                .read_to_end(&mut bytes)
                .map_err(|e| Failure::file("read", Path::new(name), &e))?;
            if bytes.len() > MAX_EVENT_BYTES {
                return Err(Failure::invalid(format!(
                    "{name} has more than {MAX_EVENT_BYTES} bytes"
                ))
                .next("put it elsewhere, and where it is into the event"));
            }
            Ok(Some(bytes))
        };
        match self.data.as_deref() {
            None => Ok(None),
            Some("-") => read(&mut std::io::stdin(), "standard input"),
            Some(data) => match data.strip_prefix('@') {
                None => Ok(Some(data.as_bytes().to_vec())),
                Some(path) => {
                    let mut file = std::fs::File::open(path)
                        .map_err(|e| Failure::file("read", Path::new(path), &e))?;
                    read(&mut file, path)
                }
            },
        }
    }
}
