//! `steward privacy ask`

use std::io::Read as _;
use std::path::Path;

use clap::Args;
use serde_json::Value;
use steward_registry::DatasetRef;

use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::output::{field, sheet, table};

/// The largest question, in bytes.
const MAX_QUESTION: u64 = 2 << 20;

/// Ask a question about a dataset; the answer has noise, and is paid from the budget of the key
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward privacy ask orders '{\"ask\": {\"kind\": \"count\"}, \"spend\": {\"epsilon\": 0.1}}'
  steward privacy ask orders @question.json --json

Questions (JSON, or the path of a file after @):
  {\"ask\": {\"kind\": \"mean\", \"column\": \"amount\", \"lower\": 0, \"upper\": 500}, \"spend\": {\"epsilon\": 0.2}}
  {\"ask\": {\"kind\": \"quantile\", \"column\": \"amount\", \"lower\": 0, \"upper\": 500, \"q\": 0.5}, \"spend\": {\"epsilon\": 0.2}}
  {\"ask\": {\"kind\": \"histogram\", \"column\": \"city\", \"bins\": {\"keys\": [\"北京\", \"上海\"]}}, \"spend\": {\"epsilon\": 0.2}}
  {\"ask\": {\"kind\": \"top-k\", \"column\": \"topic\", \"k\": 3, \"keys\": [\"a\", \"b\", \"c\", \"d\"]}, \"spend\": {\"epsilon\": 0.2}}
  {\"ask\": {\"kind\": \"table\", \"by\": [\"city\"], \"measures\": [{\"kind\": \"count\"}]}, \"spend\": {\"epsilon\": 0.2, \"delta\": 1e-7}}
Also `where` (conditions), `rows_per_unit` and `groups_per_unit`. Bounds, keys and edges are chosen without a look at the \
data. The same question about the same snapshot is answered as before and costs nothing.")]
pub struct Ask {
    /// `name` for the newest snapshot, or `name@3`
    pub dataset: DatasetRef,
    /// The question: JSON, or `@FILE`
    pub question: String,
}

impl Ask {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let question: Value = match self.question.strip_prefix('@') {
            None => parsed(&self.question)?,
            Some(path) => {
                let mut text = String::new();
                std::fs::File::open(path)
                    .and_then(|file| file.take(MAX_QUESTION).read_to_string(&mut text))
                    .map_err(|e| Failure::file("read", Path::new(path), &e))?;
                parsed(&text)?
            }
        };
        let client = context.connection.client()?;
        let dataset = self.dataset.to_string();
        let path = ["api", "v1", "privacy", "ask", &dataset];
        let answer = client.post(&path, &question).await?;
        context.output.show(&answer, || told(&answer))?;
        Ok(Exit::Done)
    }
}

fn parsed(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text)
        .map_err(|e| Failure::invalid("the question is not JSON").cause(e.to_string()))
}

fn told(answer: &Value) -> String {
    let release = &answer["release"];
    let mut text = match field(release, "/kind").as_str() {
        "number" => {
            let within = match release["error"].as_f64() {
                None => String::new(),
                Some(error) => format!("  (within {error:.1} in 95 of 100 cases)"),
            };
            format!("{}{within}\n", field(release, "/value"))
        }
        "ranking" => list(&release["keys"]).join("\n") + "\n",
        _ => groups(release),
    };
    let cost = match answer["repeated"].as_bool() {
        Some(true) => "nothing: it was asked before".to_owned(),
        _ => field(answer, "/cost"),
    };
    text.push_str(&sheet([
        ("cost", cost),
        ("left", field(answer, "/budget/left")),
    ]));
    text
}

fn groups(release: &Value) -> String {
    let head = [list(&release["by"]), list(&release["measures"])].map(|names| names.join(", "));
    let rows = release["groups"].as_array().into_iter().flatten();
    let mut text = table(
        [head[0].as_str(), head[1].as_str()],
        rows.map(|group| {
            [
                list(&group["key"]).join(", "),
                list(&group["values"]).join(", "),
            ]
        }),
    );
    text.push('\n');
    text
}

fn list(values: &Value) -> Vec<String> {
    let values = values.as_array().into_iter().flatten();
    values.map(|value| field(value, "")).collect()
}
