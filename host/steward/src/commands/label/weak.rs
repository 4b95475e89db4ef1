//! `steward label weak`

use clap::Args;
use serde_json::{Map, Value, json};
use steward_registry::Name;

use super::predict::{Order, trusted};
use super::{number, path};
use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::output::{field, sheet, table};
use crate::progress;

/// Let labelling functions vote on every task, and a model of them label (weak supervision)
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label weak intents --function labeller
  steward label weak intents --function labeller,my-rules --balance estimated --precision 0.9
  steward label weak intents --function labeller --balance billing=0.3,bug=0.2,other=0.5

The functions of deployed labellers are asked about all tasks. How good each is, is estimated from where they agree, \
without any known label; gold questions and what judges decided show how good they are indeed. COVERAGE is the share of \
tasks that a function votes on; OVERLAP, where another votes too; CONFLICT, where votes differ. `results` and `export` \
take what the functions say with --auto-precision or --auto-threshold, and --auto-model where models have predicted too.")]
pub struct Weak {
    /// Name of the project
    project: Name,
    /// Deployed functions of the kind `labeller`
    #[arg(
        long = "function",
        value_name = "NAME,NAME",
        value_delimiter = ',',
        required = true
    )]
    functions: Vec<Name>,
    /// What annotators get first
    #[arg(long, value_enum, default_value_t)]
    order: Order,
    /// How frequent the labels are: uniform, estimated, or LABEL=SHARE,LABEL=SHARE
    #[arg(long, default_value = "uniform", value_name = "BALANCE")]
    balance: String,
    /// How often the functions together shall be right at least
    #[arg(long, default_value_t = 0.95, value_name = "SHARE")]
    precision: f64,
}

impl Weak {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let body = json!({
            "functions": self.functions,
            "order": self.order.json(),
            "balance": balance(&self.balance)?,
        });
        let (weak, trust) = (
            path(self.project.as_str(), ["weak"]),
            path(self.project.as_str(), ["trust"]),
        );
        let bar = progress::spinner(context.output, "voting");
        let answer = client.post(&weak, &body).await;
        bar.finish_and_clear();
        let mut answer = answer?;
        answer["trust"] = Value::Null;
        if answer["predicted"].as_u64() > Some(0) {
            let asked = [
                ("model", field(&answer, "/source")),
                ("precision", self.precision.to_string()),
            ];
            answer["trust"] = client.query(&trust, &asked).await?;
        }
        context.output.show(&answer, || told(&answer))?;
        Ok(Exit::Done)
    }
}

/// A word, or the share of each label.
fn balance(given: &str) -> Result<Value, Failure> {
    if !given.contains('=') {
        return Ok(json!(given));
    }
    let mut shares = Map::new();
    for part in given.split([',', '，']) {
        // The share has no `=`, a label may.
        let share = part.rsplit_once('=');
        let share = share.and_then(|(label, share)| {
            let share: f64 = share.trim().parse().ok()?;
            Some((label.trim().to_owned(), json!(share)))
        });
        let (label, share) = share.ok_or_else(|| {
            Failure::invalid(format!("`{}` is no share of a label", part.trim()))
                .next("write LABEL=SHARE,LABEL=SHARE, for example billing=0.3,bug=0.7")
        })?;
        shares.insert(label, share);
    }
    Ok(Value::Object(shares))
}

fn told(answer: &Value) -> String {
    let functions = answer["functions"].as_array().into_iter().flatten();
    let mut told = table(
        [
            "FUNCTION",
            "LABELS",
            "COVERAGE",
            "OVERLAP",
            "CONFLICT",
            "ESTIMATED",
            "ACCURACY",
            "KNOWN",
        ],
        functions.map(|function| {
            let labels = function["labels"].as_array().into_iter().flatten();
            let labels: Vec<String> = labels.map(|label| field(label, "")).collect();
            [
                field(function, "/function"),
                labels.join(", "),
                number(&function["coverage"]),
                number(&function["overlap"]),
                number(&function["conflict"]),
                number(&function["estimated_accuracy"]),
                number(&function["accuracy"]),
                format!(
                    "{} of {}",
                    field(function, "/correct"),
                    field(function, "/checked")
                ),
            ]
        }),
    );
    let of = |what: &str| field(answer, &format!("/{what}"));
    let plugins = answer["labellers"].as_array().into_iter().flatten();
    let plugins: Vec<String> = plugins.map(|labeller| field(labeller, "/plugin")).collect();
    let together = [
        ("source", of("source")),
        ("plugins", plugins.join(", ")),
        (
            "predicted",
            format!(
                "{} of {} tasks; {} without a vote, {} tied",
                of("predicted"),
                of("tasks"),
                of("abstained"),
                of("tied")
            ),
        ),
        (
            "right where known",
            format!("{} of {}", of("correct"), of("checked")),
        ),
    ];
    told.push('\n');
    told.push_str(&sheet(
        together.into_iter().chain(trusted(&answer["trust"])),
    ));
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_is_a_word_or_shares() {
        assert_eq!(balance("estimated").unwrap(), json!("estimated"));
        assert_eq!(
            balance("退款=0.25， a=b=0.75").unwrap(),
            json!({ "退款": 0.25, "a=b": 0.75 })
        );
        for bad in ["a=", "a=x", "a=0.5,b"] {
            assert!(balance(bad).is_err(), "{bad}");
        }
    }
}
