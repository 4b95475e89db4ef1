//! `steward label agreement`

use clap::Args;
use serde_json::Value;
use steward_registry::Name;

use super::{number, path};
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, sheet, table};

/// Show how far annotators agree, and how good each is
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label agreement intents
  steward label agreement intents --json | jq '.annotators[] | select(.gold_accuracy < 0.8) | .annotator'

Krippendorff's alpha and Fleiss' kappa are 1 where everybody agrees and about 0 where answers are drawn from a hat. \
ACCURACY is the probability of a right answer as Dawid and Skene estimate it; INFORMATION is what an answer tells of the \
right one: 0 for who always answers the same, however often that is right.")]
pub struct Agreement {
    /// Name of the project
    project: Name,
}

impl Agreement {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let place = path(self.project.as_str(), ["agreement"]);
        let agreement = client.get(&place).await?;
        context.output.show(&agreement, || told(&agreement))?;
        Ok(Exit::Done)
    }
}

fn told(agreement: &Value) -> String {
    let mut told = sheet([
        (
            "tasks with two or more annotations",
            field(agreement, "/tasks"),
        ),
        ("annotations", field(agreement, "/annotations")),
        (
            "Krippendorff's alpha",
            measure(agreement, "krippendorff_alpha"),
        ),
        ("Fleiss' kappa", measure(agreement, "fleiss_kappa")),
        ("F1 of pairs", measure(agreement, "span_f1")),
    ]);
    let annotators = agreement["annotators"].as_array().into_iter().flatten();
    told.push('\n');
    told.push_str(&table(
        [
            "ANNOTATOR",
            "ANNOTATIONS",
            "GOLD",
            "ACCURACY",
            "INFORMATION",
        ],
        annotators.map(|who| {
            [
                field(who, "/annotator"),
                field(who, "/annotations"),
                format!(
                    "{} of {}",
                    field(who, "/gold_correct"),
                    field(who, "/gold_answered")
                ),
                number(&who["accuracy"]),
                number(&who["information"]),
            ]
        }),
    ));
    told
}

/// A number, or why there is none; empty where it is not measured.
fn measure(agreement: &Value, name: &str) -> String {
    match agreement[name].get("value") {
        Some(value) => number(value),
        None => field(&agreement[name], "/undefined"),
    }
}
