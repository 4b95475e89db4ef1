//! `steward function invoke`

use std::io::Read;
use std::path::Path;

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use steward_registry::Name;

use crate::cli::Context;
use crate::client::Answer;
use crate::failure::{Exit, Failure};

/// The largest body that is sent, in bytes.
const MAX_BODY: u64 = 64 * 1024 * 1024;

/// Call a function
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward function invoke text-cleaner --text 'ｈｅｌｌｏ   ｗｏｒｌｄ'
  steward function invoke anonymizer --export detect --text 'mail me: li@example.com'
  steward function invoke text-cleaner --data '{\"batch\":[{\"id\":\"1\",\"text\":\"你好\"}]}'
  steward function invoke text-cleaner --data @batch.json
  steward function invoke my-step --data '{\"text\":\"hello\"}'
  steward function invoke hello --path greet/world

--text builds a batch of one document; --data is the payload of a step. A function of the world `function` (wasi:http) gets the request \
as it is: --path, --method and --data. The answer of the function goes to standard output; the exit code \
follows its status.")]
pub struct Invoke {
    /// The function
    pub name: Name,
    /// Which export of a typed function [default: the first: clean, anonymize, propose, run]
    #[arg(long, conflicts_with_all = ["path", "method"])]
    pub export: Option<Name>,
    /// The body: JSON, `@FILE`, or `-` for standard input
    #[arg(long, value_name = "JSON|@FILE|-")]
    pub data: Option<String>,
    /// One text, sent as a batch of one document
    #[arg(long, conflicts_with = "data")]
    pub text: Option<String>,
    /// Path that a wasi:http function sees
    #[arg(long)]
    pub path: Option<String>,
    /// Method that a wasi:http function sees [default: POST with a body, else GET]
    #[arg(long)]
    pub method: Option<Method>,
    /// Tenant of the function [default: that of the key]
    #[arg(long, env = "STEWARD_TENANT")]
    pub tenant: Option<steward_registry::TenantId>,
}

impl Invoke {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body = self.body()?;
        let client = context.connection.client()?;
        let tenant = match &self.tenant {
            Some(tenant) => tenant.to_string(),
            None => client.tenant().await?,
        };
        let mut path = vec!["f", tenant.as_str(), self.name.as_str()];
        path.extend(self.export.as_ref().map(Name::as_str));
        path.extend(
            self.path
                .iter()
                .flat_map(|rest| rest.trim_start_matches('/').split('/')),
        );
        let nothing = body.is_none();
        let method = self.method.unwrap_or(match nothing {
            true => Method::GET,
            false => Method::POST,
        });
        let body = body.map(|bytes| ("application/json".to_owned(), bytes));
        let answer = client.call(method, &path, body).await;
        let answer = answer.map_err(|failure| {
            if nothing && failure.is_of("method-not-allowed") {
                return failure
                    .next("say what it is called with: --text 'a text', or --data with JSON");
            }
            failure
        })?;
        show(context, &answer)?;
        Ok(if answer.status < 400 {
            Exit::Done
        } else {
            Exit::of_status(answer.status)
        })
    }

    fn body(&self) -> Result<Option<Vec<u8>>, Failure> {
        match (&self.text, self.data.as_deref()) {
            (Some(text), _) => Ok(Some(
                json!({ "batch": [{ "id": "1", "text": text }] })
                    .to_string()
                    .into_bytes(),
            )),
            (None, None) => Ok(None),
            (None, Some("-")) => {
                let failed = |e| Failure::file("read", Path::new("standard input"), &e);
                read(std::io::stdin(), "standard input", failed).map(Some)
            }
            (None, Some(data)) => match data.strip_prefix('@') {
                None => Ok(Some(data.as_bytes().to_vec())),
                Some(path) => {
                    let failed = |e| Failure::file("read", Path::new(path), &e);
                    read(std::fs::File::open(path).map_err(failed)?, path, failed).map(Some)
                }
            },
        }
    }
}

fn read(
    from: impl Read,
    name: &str,
    failed: impl Fn(std::io::Error) -> Failure,
) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    from.take(MAX_BODY + 1)
        .read_to_end(&mut body)
        .map_err(failed)?;
    if body.len() as u64 > MAX_BODY {
        return Err(Failure::invalid(format!(
            "{name} has more than {MAX_BODY} bytes"
        )));
    }
    Ok(body)
}

fn show(context: Context, answer: &Answer) -> anyhow::Result<()> {
    let parsed = match answer.content_type.contains("json") {
        true => serde_json::from_slice::<Value>(&answer.body).ok(),
        false => None,
    };
    match parsed {
        Some(value) => {
            let pretty = serde_json::to_string_pretty(&value)?;
            context.output.show(&value, || pretty)
        }
        // With --json, standard output holds JSON whatever the function answers.
        None if context.output.is_json() => {
            let body = String::from_utf8_lossy(&answer.body);
            context.output.show(
                &json!({ "status": answer.status, "content_type": answer.content_type, "body": body }),
                String::new,
            )
        }
        None => context.output.raw(&answer.body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invoke(data: Option<&str>, text: Option<&str>) -> Invoke {
        Invoke {
            name: "f".parse().unwrap(),
            export: None,
            data: data.map(Into::into),
            text: text.map(Into::into),
            path: None,
            method: None,
            tenant: None,
        }
    }

    #[test]
    fn a_text_becomes_a_batch_of_one() {
        let body = invoke(None, Some("说\"hi\"")).body().unwrap().unwrap();
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            value,
            json!({ "batch": [{ "id": "1", "text": "说\"hi\"" }] })
        );
        assert_eq!(invoke(None, None).body().unwrap(), None);
        assert_eq!(
            invoke(Some("not json"), None).body().unwrap().unwrap(),
            b"not json"
        );
        assert_eq!(
            invoke(Some("@/no/such"), None).body().unwrap_err().exit,
            Exit::NotFound
        );
    }
}
