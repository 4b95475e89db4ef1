//! `steward privacy budget`, `steward privacy budgets` and `steward privacy ledger`

use clap::Args;
use serde_json::{Map, Value, json};
use steward_registry::{Name, PrivacyAsker};

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// Whose budget it is.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Who {
    /// Id of the key that asks
    #[arg(long, value_name = "ID")]
    pub key_id: Option<String>,
    /// Name of the function that asks
    #[arg(long, value_name = "NAME")]
    pub function: Option<Name>,
}

impl Who {
    /// As the ledger has it.
    fn principal(self) -> String {
        match self.function {
            Some(name) => PrivacyAsker::Function(name).to_string(),
            // One of the two is given.
            None => self.key_id.unwrap_or_default(),
        }
    }
}

/// Set what a key or a function may learn about a dataset
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward privacy budget orders --key-id 01kb3v5w0000000000000000aa --unit customer --epsilon 1
  steward privacy budget orders --key-id 01kb3v5w0000000000000000aa --unit customer --epsilon 1 --delta 1e-6
  steward privacy budget orders --key-id 01kb3v5w0000000000000000aa --unit customer --rho 0.1
  steward privacy budget orders --function shop --unit customer --epsilon 1

The unit is the field whose value is the same in all rows of one person or account: who is protected. It is named once \
for a dataset. Budgets are of the dataset, its snapshots of all times together, and what is spent stays spent. With \
--epsilon alone losses are counted as pure, with --delta as approximate, with --rho as concentrated differential privacy. \
`steward key list` shows the ids of keys. The budget of a function is shared by all who may call it and by all its versions; \
its deployment must grant the dataset too.")]
pub struct Budget {
    /// Name of the dataset
    pub dataset: Name,
    #[command(flatten)]
    pub who: Who,
    /// The field that says whose a row is
    #[arg(long, value_name = "FIELD")]
    pub unit: String,
    /// ε in all
    #[arg(long, value_name = "NUMBER", required_unless_present = "rho")]
    pub epsilon: Option<f64>,
    /// ρ in all
    #[arg(long, value_name = "NUMBER", conflicts_with = "epsilon")]
    pub rho: Option<f64>,
    /// δ in all
    #[arg(long, value_name = "NUMBER")]
    pub delta: Option<f64>,
}

impl Budget {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let accounting = match (self.rho, self.delta) {
            (Some(_), _) => "concentrated",
            (None, Some(_)) => "approximate",
            (None, None) => "pure",
        };
        let mut body = Map::new();
        body.insert("unit".into(), json!(self.unit));
        body.insert("accounting".into(), json!(accounting));
        for (name, value) in [
            ("epsilon", self.epsilon),
            ("rho", self.rho),
            ("delta", self.delta),
        ] {
            if let Some(value) = value {
                body.insert(name.into(), json!(value));
            }
        }
        let client = context.connection.client()?;
        let dataset = self.dataset.as_str();
        let who = self.who.principal();
        let path = ["api", "v1", "privacy", "budgets", dataset, &who];
        let set = client.put(&path, &Value::Object(body)).await?;
        context.output.show(&set, || {
            format!(
                "{} may spend {} on {}; {} is left.",
                who,
                field(&set, "/limit"),
                self.dataset,
                field(&set, "/left")
            )
        })?;
        Ok(Exit::Done)
    }
}

/// List the budgets of the tenant
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward privacy budgets")]
pub struct Budgets {}

impl Budgets {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let budgets = client.get(&["api", "v1", "privacy", "budgets"]).await?;
        let budgets = items(budgets, "budgets");
        context.output.show(&budgets, || {
            table(
                ["DATASET", "WHO", "ACCOUNTING", "LIMIT", "SPENT", "LEFT"],
                budgets.iter().map(|b| {
                    [
                        "/dataset",
                        "/principal",
                        "/accounting",
                        "/limit",
                        "/spent",
                        "/left",
                    ]
                    .map(|name| field(b, name))
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Show what was paid from a budget
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward privacy ledger orders --key-id 01kb3v5w0000000000000000aa
  steward privacy ledger orders --function shop")]
pub struct Ledger {
    /// Name of the dataset
    pub dataset: Name,
    #[command(flatten)]
    pub who: Who,
}

impl Ledger {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let dataset = self.dataset.as_str();
        let who = self.who.principal();
        let path = ["api", "v1", "privacy", "budgets", dataset, &who];
        let entries = items(client.get(&path).await?, "entries");
        context.output.show(&entries, || {
            table(
                ["PAID", "ANSWERED", "QUESTION"],
                entries.iter().map(|entry| {
                    [
                        time(entry, "/paid_at"),
                        time(entry, "/answered_at"),
                        field(entry, "/question/query"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
