//! `steward dataset diff`

use clap::Args;
use serde_json::Value;
use steward_registry::DatasetRef;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, printable, sheet, table};

/// Say how a snapshot differs from another, row by row
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward dataset diff messages@1 messages@2
  steward dataset diff messages messages-clean --by id --sample 3
  steward dataset diff messages@1 messages@2 --json | jq .fields

Rows are matched by a field that says which row is which; rows without one, and rows whose id an earlier row has, by their \
content. The order of rows and of their fields means nothing.")]
pub struct Diff {
    /// The older: `name` for the newest snapshot, or `name@3`
    pub before: DatasetRef,
    /// The newer
    pub after: DatasetRef,
    /// The field that says which row is which
    #[arg(long, value_name = "FIELD", default_value = "id")]
    pub by: String,
    /// How many rows to show of each kind, at most 100
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub sample: usize,
}

impl Diff {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let (before, after) = (self.before.to_string(), self.after.to_string());
        let path = ["api", "v1", "datasets", &before, "diff", &after];
        let query = [("by", self.by), ("sample", self.sample.to_string())];
        let diff = client.query(&path, &query).await?;
        context.output.show(&diff, || text(&diff))?;
        Ok(Exit::Done)
    }
}

fn text(diff: &Value) -> String {
    let of = |what: &str| field(diff, &format!("/{what}"));
    let both = |what: &str| match (of(&format!("{what}/before")), of(&format!("{what}/after"))) {
        (before, after) if before == "0" && after == "0" => String::new(),
        (before, after) => format!("{before} and {after}"),
    };
    let mut text = sheet([
        (
            "before",
            format!("{}  ({} rows)", of("before"), of("rows/before")),
        ),
        (
            "after",
            format!("{}  ({} rows)", of("after"), of("rows/after")),
        ),
        ("added", of("added")),
        ("removed", of("removed")),
        ("changed", of("changed")),
        ("unchanged", of("unchanged")),
        ("without id", both("without_id")),
        ("repeated id", both("repeated_id")),
    ]);
    let fields = diff["fields"].as_object();
    if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
        text.push_str("\n\n");
        text.push_str(&table(
            ["FIELD", "CHANGED", "ADDED", "REMOVED"],
            fields.iter().map(|(name, counts)| {
                let count = |what: &str| field(counts, &format!("/{what}"));
                [
                    printable(name),
                    count("changed"),
                    count("added"),
                    count("removed"),
                ]
            }),
        ));
    }
    let rows = |kind: &str| diff["sample"][kind].as_array().cloned().unwrap_or_default();
    for change in rows("changed") {
        text.push_str(&format!("\n\n  {}", printable(&field(&change, "/id"))));
        for (sign, side) in [("-", "before"), ("+", "after")] {
            for (name, value) in change[side].as_object().into_iter().flatten() {
                let value = printable(&value.to_string());
                text.push_str(&format!("\n  {sign} {}: {value}", printable(name)));
            }
        }
    }
    for (sign, kind) in [("-", "removed"), ("+", "added")] {
        for row in rows(kind) {
            text.push_str(&format!("\n\n  {sign} {}", printable(&row.to_string())));
        }
    }
    text
}
