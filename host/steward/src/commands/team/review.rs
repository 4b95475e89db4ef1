//! `steward team review …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use steward_registry::Name;

use super::{read, whole};
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table};

/// Goals, ratings, calibrations and signatures of reviews
#[derive(Debug, Subcommand)]
pub enum Review {
    List(List),
    Show(Show),
    Goals(Goals),
    Rate(Rate),
    Calibrate(Calibrate),
    Sign(Sign),
}

impl Review {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Goals(command) => command.run(context).await,
            Self::Rate(command) => command.run(context).await,
            Self::Calibrate(command) => command.run(context).await,
            Self::Sign(command) => command.run(context).await,
        }
    }
}

/// Which review.
#[derive(Debug, Args)]
pub struct Which {
    /// Name of the cycle
    pub cycle: Name,
    /// Id of the person
    pub person: Name,
}

impl Which {
    fn path<'w>(&'w self, rest: &[&'w str]) -> Vec<&'w str> {
        let mut path = vec![
            "api",
            "v1",
            "team",
            "cycles",
            self.cycle.as_str(),
            "reviews",
            self.person.as_str(),
        ];
        path.extend(rest);
        path
    }
}

/// A line for each review.
pub(super) fn summary(reviews: &[Value]) -> String {
    table(
        ["PERSON", "STATUS", "SCORE", "REVISION", "WHY"],
        reviews.iter().map(|review| {
            let answer = "/evaluation/answer";
            [
                field(review, "/person"),
                field(review, "/status"),
                field(review, &format!("{answer}/advised/score")),
                field(review, "/revision"),
                field(review, &format!("{answer}/refused/reasons/0/en")),
            ]
        }),
    )
}

/// List the reviews of a cycle, each as far as your key may see it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team review list h1-2026")]
pub struct List {
    /// Name of the cycle
    pub cycle: Name,
}

impl List {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = [
            "api",
            "v1",
            "team",
            "cycles",
            self.cycle.as_str(),
            "reviews",
        ];
        let reviews = items(client.get(&path).await?, "reviews");
        context.output.show(&reviews, || summary(&reviews))?;
        Ok(Exit::Done)
    }
}

/// Show a review as far as your key may see it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team review show h1-2026 e-17")]
pub struct Show {
    #[command(flatten)]
    pub which: Which,
}

impl Show {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let review = client.get(&self.which.path(&[])).await?;
        context.output.show(&review, || whole(&review))?;
        Ok(Exit::Done)
    }
}

/// Set what a person set out to do
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team review goals h1-2026 e-17 --file goals.json

The file:
  {\"goals\": [{\"title\": \"Faster search\", \"weight\": 1,
    \"key_results\": [{\"title\": \"p95 in ms\", \"weight\": 1, \"begin\": 90, \"target\": 40, \"current\": 52}],
    \"evidence\": [{\"source\": \"https://example.com/dashboard\", \"summary\": \"p95 before and after\"}]}]}")]
pub struct Goals {
    #[command(flatten)]
    pub which: Which,
    /// The goals as JSON
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
}

impl Goals {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body = read(&self.file)?;
        let client = context.connection.client()?;
        let set = client.put(&self.which.path(&["goals"]), &body).await?;
        context
            .output
            .show(&set, || format!("Set the goals of {}.", self.which.person))?;
        Ok(Exit::Done)
    }
}

/// Say what you think of a person: of yourself, of whom you lead, or of a peer
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team review rate h1-2026 e-17 --rating craft=4 --rating 协作=3 --evidence 'https://example.com/pr/7=clear review'

Your key must be that of a person of the team: steward team person set ID --principal KEY-ID")]
pub struct Rate {
    #[command(flatten)]
    pub which: Which,
    /// What you think of one criterion; each criterion of the cycle once
    #[arg(long = "rating", value_name = "CRITERION=VALUE", value_parser = rating, required = true)]
    pub ratings: Vec<(String, f64)>,
    /// What it rests on; may be given again
    #[arg(long = "evidence", value_name = "SOURCE=SUMMARY", value_parser = evidence)]
    pub evidence: Vec<(String, String)>,
}

fn rating(text: &str) -> Result<(String, f64), String> {
    let wrong = || format!("`{text}` is not CRITERION=VALUE, as craft=4");
    let (criterion, value) = text.rsplit_once('=').ok_or_else(wrong)?;
    let value = value.parse().map_err(|_| wrong())?;
    Ok((criterion.to_owned(), value))
}

/// Addresses may hold a `=` too: the last one parts them from what they show.
fn evidence(text: &str) -> Result<(String, String), String> {
    let wrong = || format!("`{text}` is not SOURCE=SUMMARY");
    let (source, summary) = text.rsplit_once('=').ok_or_else(wrong)?;
    Ok((source.to_owned(), summary.to_owned()))
}

impl Rate {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let ratings: Vec<Value> = self
            .ratings
            .iter()
            .map(|(criterion, value)| json!({ "criterion": criterion, "value": value }))
            .collect();
        let evidence: Vec<Value> = self
            .evidence
            .iter()
            .map(|(source, summary)| json!({ "source": source, "summary": summary }))
            .collect();
        let body = json!({ "ratings": ratings, "evidence": evidence });
        let given = client.put(&self.which.path(&["input"]), &body).await?;
        context.output.show(&given, || {
            format!("Took what you say of {}.", self.which.person)
        })?;
        Ok(Exit::Done)
    }
}

/// Move the score of a review by hand, with a reason that is kept
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team review calibrate h1-2026 e-17 --revision 7 --after 3.5 --reason 'aligned with the other teams'

It has to be evaluated anew before it can be signed: steward team cycle evaluate h1-2026 --person e-17 \
When goals, ratings or the cycle change, it holds no longer: the score is then another one.")]
pub struct Calibrate {
    #[command(flatten)]
    pub which: Which,
    /// The revision that you have seen
    #[arg(long)]
    pub revision: u64,
    /// Where the score is moved to
    #[arg(long, value_name = "SCORE")]
    pub after: f64,
    /// Why
    #[arg(long)]
    pub reason: String,
}

impl Calibrate {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let body = json!({
            "revision": self.revision, "after": self.after, "reason": self.reason,
        });
        let path = self.which.path(&["calibrations"]);
        let moved = client.post(&path, &body).await?;
        context.output.show(&moved, || {
            format!(
                "Moved the score of {person} to {}.\nnext: steward team cycle evaluate {} --person {person}",
                self.after,
                self.which.cycle,
                person = self.which.person
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Make a review final, as you have seen it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team review sign h1-2026 e-17 --revision 8

The lead of the person or whoever manages keys signs, and never the person.")]
pub struct Sign {
    #[command(flatten)]
    pub which: Which,
    /// The revision that you have seen
    #[arg(long)]
    pub revision: u64,
}

impl Sign {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let body = json!({ "revision": self.revision });
        let path = self.which.path(&["sign-off"]);
        let signed = client.post(&path, &body).await?;
        context.output.show(&signed, || {
            format!("The review of {} is final.", self.which.person)
        })?;
        Ok(Exit::Done)
    }
}
