//! `steward run journal`

use clap::Args;
use serde_json::Value;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// How much is asked for at a time.
const PAGE: usize = 1000;

/// How much of what a step gave is shown to people, in characters.
const SHOWN: usize = 200;

/// What an entry of the journal says beside its kind and its step.
fn with(entry: &Value) -> String {
    let of = |pointer| field(entry, pointer);
    let text = match of("/kind").as_str() {
        "started" => format!("attempt {}", of("/attempt")),
        "completed" => of("/output"),
        "failed" => format!("{}: {}", of("/error/title"), of("/error/detail")),
        "event" => format!("{} {}", of("/event/type"), of("/event/data")),
        "cancelled" => of("/reason"),
        "redriven" => format!("without {}", of("/without")),
        "clock-went-back" => match of("/by_ms").as_str() {
            "0" => "and is where it was".into(),
            ms => format!("by {ms} ms"),
        },
        _ => String::new(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Read what happened in a run: what began, what came of it, what it waited for
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward run journal 01ARZ3NDEKTSV4RRFFQ69G5FAV
  steward run journal 01ARZ3NDEKTSV4RRFFQ69G5FAV --json | jq -c '.[].entry'")]
pub struct Journal {
    /// The run
    pub id: String,
}

impl Journal {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let mut entries: Vec<Value> = Vec::new();
        loop {
            let after = entries.last().map_or(0, |e| e["seq"].as_u64().unwrap_or(0));
            let query = [("after", after.to_string()), ("limit", PAGE.to_string())];
            let path = ["api", "v1", "runs", self.id.as_str(), "journal"];
            let page = items(client.query(&path, &query).await?, "entries");
            let last = page.len() < PAGE;
            entries.extend(page);
            if last {
                break;
            }
        }
        context.output.show(&entries, || {
            if entries.is_empty() {
                let run = &self.id;
                return format!(
                    "Nothing has happened yet. What it waits for is not in the journal before it comes.\n\
                     next: steward run show {run}"
                );
            }
            table(
                ["SEQ", "AT", "WHAT", "STEP", "WITH"],
                entries.iter().map(|e| {
                    let (what, step) = (field(e, "/entry/kind"), field(e, "/entry/key"));
                    let with = with(&e["entry"]);
                    [field(e, "/seq"), time(e, "/at"), what, step, with]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_is_told_in_its_own_words() {
        let started = json!({ "kind": "started", "key": "/do/0/a", "attempt": 2 });
        assert_eq!(with(&started), "attempt 2");
        let completed = json!({ "kind": "completed", "output": { "好": 1 } });
        assert_eq!(with(&completed), "{\"好\":1}");
        let failed =
            json!({ "kind": "failed", "error": { "title": "Not found", "detail": "no order 7" } });
        assert_eq!(with(&failed), "Not found: no order 7");
        let event =
            json!({ "kind": "event", "event": { "type": "steward.approval", "data": true } });
        assert_eq!(with(&event), "steward.approval true");
        let back = json!({ "kind": "clock-went-back", "by_ms": 90_000 });
        assert_eq!(with(&back), "by 90000 ms");
        assert_eq!(with(&json!({ "kind": "paused" })), "");
        let long = json!({ "kind": "completed", "output": "好".repeat(SHOWN + 1) });
        assert_eq!(with(&long), format!("{}…", "好".repeat(SHOWN)));
    }
}
