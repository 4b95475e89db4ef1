//! `steward feedback …`

mod behaviour;
mod erase;
mod experiment;
mod list;
mod survey;
mod take;
mod understand;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, printable};

/// Take in what people say, anonymized, and understand it and what they do: surveys, themes, preference rows, funnels, retention
#[derive(Debug, Subcommand)]
pub enum Feedback {
    Send(take::Send),
    Import(take::Import),
    Interview(take::Interview),
    List(list::List),
    Analyse(understand::Analyse),
    Score(understand::Score),
    #[command(subcommand)]
    Survey(survey::Survey),
    Export(understand::Export),
    Experiment(experiment::Experiment),
    Funnel(behaviour::Funnel),
    Retention(behaviour::Retention),
    Cohorts(behaviour::Cohorts),
    Paths(behaviour::Paths),
    Erase(erase::Erase),
}

impl Feedback {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Send(command) => command.run(context).await,
            Self::Import(command) => command.run(context).await,
            Self::Interview(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Analyse(command) => command.run(context).await,
            Self::Score(command) => command.run(context).await,
            Self::Survey(command) => command.run(context).await,
            Self::Export(command) => command.run(context).await,
            Self::Experiment(command) => command.run(context).await,
            Self::Funnel(command) => command.run(context).await,
            Self::Retention(command) => command.run(context).await,
            Self::Cohorts(command) => command.run(context).await,
            Self::Paths(command) => command.run(context).await,
            Self::Erase(command) => command.run(context).await,
        }
    }
}

/// Which feedback.
#[derive(Debug, Args)]
pub struct Which {
    /// Of this survey
    #[arg(long)]
    pub survey: Option<String>,
    /// About this function, `name` or `name@version`
    #[arg(long, value_name = "FUNCTION")]
    pub about: Option<String>,
    /// About this model, `name` or `name@version`
    #[arg(long)]
    pub model: Option<String>,
    /// From there
    #[arg(long, value_parser = ["api", "survey", "import", "interview"])]
    pub source: Option<String>,
    /// Said then or later, as RFC 3339 has it
    #[arg(long)]
    pub since: Option<jiff::Timestamp>,
    /// Said before
    #[arg(long)]
    pub until: Option<jiff::Timestamp>,
}

impl Which {
    /// As the fields of a body.
    fn fields(&self) -> Map<String, Value> {
        let time = |time: &Option<jiff::Timestamp>| time.map(|time| time.to_string());
        let fields = [
            ("survey", self.survey.clone()),
            ("about", self.about.clone()),
            ("model", self.model.clone()),
            ("source", self.source.clone()),
            ("since", time(&self.since)),
            ("until", time(&self.until)),
        ];
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))))
            .collect()
    }
}

/// What became of feedback, for people.
fn taken(answer: &Value) -> String {
    let of = |what: &str| field(answer, &format!("/{what}"));
    let mut told = format!(
        "{} added, {} there before, {} not taken; anonymized by {}",
        of("added"),
        of("present"),
        of("rejected"),
        of("anonymizer")
    );
    for reason in answer["reasons"].as_array().into_iter().flatten() {
        let (place, why) = (field(reason, "/place"), field(reason, "/reason"));
        told.push_str(&printable(&format!("\n  {place}: {why}")));
    }
    told
}
