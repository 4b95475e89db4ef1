//! `steward team process …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use steward_registry::Name;

use super::{read, whole};
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// Processes that candidates go through: scores, scorecards, decisions
#[derive(Debug, Subcommand)]
pub enum Process {
    Set(Set),
    List(List),
    Score(Score),
    Scores(Scores),
    Evaluate(Evaluate),
    Decide(Decide),
    Decisions(Decisions),
    Erase(Erase),
}

impl Process {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Set(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Score(command) => command.run(context).await,
            Self::Scores(command) => command.run(context).await,
            Self::Evaluate(command) => command.run(context).await,
            Self::Decide(command) => command.run(context).await,
            Self::Decisions(command) => command.run(context).await,
            Self::Erase(command) => command.run(context).await,
        }
    }
}

const AT: [&str; 4] = ["api", "v1", "team", "processes"];

fn path<'p>(rest: &[&'p str]) -> Vec<&'p str> {
    let mut path = AT.to_vec();
    path.extend(rest);
    path
}

/// Set a process: its stages, what they rate, and on which scale
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team process set engineer --file process.json

The file:
  {\"stages\": [{\"name\": \"screen\", \"raters\": 2, \"scale\": {\"lowest\": 1, \"highest\": 5, \"step\": 1},
    \"criteria\": [{\"name\": \"craft\", \"weight\": 1}]}], \"keep_until\": \"2027-01-01T00:00:00Z\"}")]
pub struct Set {
    /// Name of the process
    pub name: Name,
    /// The process as JSON
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
}

impl Set {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body = read(&self.file)?;
        let client = context.connection.client()?;
        let set = client.put(&path(&[self.name.as_str()]), &body).await?;
        context
            .output
            .show(&set, || format!("Set the process {}.", self.name))?;
        Ok(Exit::Done)
    }
}

/// List the processes
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team process list")]
pub struct List {}

impl List {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let processes = items(client.get(&AT).await?, "processes");
        context.output.show(&processes, || {
            table(
                ["NAME", "FUNCTION", "KEPT UNTIL"],
                processes.iter().map(|process| {
                    [
                        field(process, "/name"),
                        field(process, "/function"),
                        time(process, "/keep_until"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Say what you think of a candidate about one criterion
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team process score engineer c-7 --stage screen --criterion craft --value 4 --evidence 'asked for the edge cases first'

The candidate is a pseudonym. Your key must be that of a person of the team: steward team person set ID --principal KEY-ID")]
pub struct Score {
    /// Name of the process
    pub name: Name,
    /// A pseudonym of the candidate
    pub candidate: Name,
    /// In which stage
    #[arg(long)]
    pub stage: String,
    /// About what
    #[arg(long)]
    pub criterion: String,
    /// On the scale of the stage
    #[arg(long)]
    pub value: f64,
    /// What it rests on
    #[arg(long, value_name = "TEXT")]
    pub evidence: String,
}

impl Score {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let body = json!({
            "stage": self.stage,
            "scores": [{ "criterion": self.criterion, "value": self.value, "evidence": self.evidence }],
        });
        let rest = [
            self.name.as_str(),
            "candidates",
            self.candidate.as_str(),
            "scores",
        ];
        let given = items(client.put(&path(&rest), &body).await?, "scores");
        context.output.show(&given, || {
            format!(
                "Took it; you gave {} scores of {}.",
                given.len(),
                self.candidate
            )
        })?;
        Ok(Exit::Done)
    }
}

/// List scores: all for whoever manages keys, your own otherwise
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team process scores engineer")]
pub struct Scores {
    /// Name of the process
    pub name: Name,
}

impl Scores {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let found = client.get(&path(&[self.name.as_str(), "scores"])).await?;
        let scores = items(found, "scores");
        context.output.show(&scores, || {
            table(
                [
                    "CANDIDATE",
                    "STAGE",
                    "CRITERION",
                    "RATER",
                    "VALUE",
                    "EVIDENCE",
                ],
                scores.iter().map(|score| {
                    [
                        field(score, "/candidate"),
                        field(score, "/stage"),
                        field(score, "/criterion"),
                        field(score, "/rater"),
                        field(score, "/value"),
                        field(score, "/evidence"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Bring the scores together: advice about each candidate, and how far raters agree
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team process evaluate engineer --json")]
pub struct Evaluate {
    /// Name of the process
    pub name: Name,
}

impl Evaluate {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let at = path(&[self.name.as_str(), "evaluation"]);
        let card = client.post(&at, &json!({})).await?;
        context.output.show(&card, || whole(&card))?;
        Ok(Exit::Done)
    }
}

/// Decide about a candidate, once; the advice of the moment is kept beside it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team process decide engineer c-7 --decision offer --reason 'both raters see strong craft'")]
pub struct Decide {
    /// Name of the process
    pub name: Name,
    /// The pseudonym of the candidate
    pub candidate: Name,
    /// What is decided
    #[arg(long)]
    pub decision: String,
    /// Why
    #[arg(long)]
    pub reason: String,
}

impl Decide {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let body = json!({ "decision": self.decision, "reason": self.reason });
        let rest = [
            self.name.as_str(),
            "candidates",
            self.candidate.as_str(),
            "sign-off",
        ];
        let decided = client.post(&path(&rest), &body).await?;
        context.output.show(&decided, || {
            format!("Decided about {}: {}.", self.candidate, self.decision)
        })?;
        Ok(Exit::Done)
    }
}

/// List the decisions of a process
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team process decisions engineer")]
pub struct Decisions {
    /// Name of the process
    pub name: Name,
}

impl Decisions {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let found = client
            .get(&path(&[self.name.as_str(), "decisions"]))
            .await?;
        let decisions = items(found, "decisions");
        context.output.show(&decisions, || {
            table(
                ["CANDIDATE", "DECISION", "REASON", "SIGNED BY", "WHEN"],
                decisions.iter().map(|decision| {
                    [
                        field(decision, "/candidate"),
                        field(decision, "/decision"),
                        field(decision, "/reason"),
                        field(decision, "/signed_by"),
                        time(decision, "/signed_at"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Erase a candidate: every score and the decision
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team process erase engineer c-7")]
pub struct Erase {
    /// Name of the process
    pub name: Name,
    /// The pseudonym of the candidate
    pub candidate: Name,
}

impl Erase {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let rest = [self.name.as_str(), "candidates", self.candidate.as_str()];
        let erased = client.delete(&path(&rest)).await?;
        context.output.show(&erased, || {
            format!(
                "Erased {}: {} scores, {} decisions.",
                self.candidate,
                field(&erased, "/erased/scores"),
                field(&erased, "/erased/decisions")
            )
        })?;
        Ok(Exit::Done)
    }
}
