//! `steward team check-in …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};
use steward_registry::Name;

use super::read;
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, printable, table, time};

/// Check-ins that come round: set, list, answer and remove them
#[derive(Debug, Subcommand)]
pub enum CheckIn {
    Set(Set),
    List(List),
    Show(Show),
    Answer(Answer),
    Remove(Remove),
}

impl CheckIn {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Set(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Answer(command) => command.run(context).await,
            Self::Remove(command) => command.run(context).await,
        }
    }
}

const AT: [&str; 4] = ["api", "v1", "team", "check-ins"];

fn path<'p>(rest: &[&'p str]) -> Vec<&'p str> {
    let mut path = AT.to_vec();
    path.extend(rest);
    path
}

/// Set a check-in: who is asked what, and when it comes round
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team check-in set weekly --file check-in.json

The file:
  {\"who\": {\"team\": \"search\"}, \"questions\": [\"What did you finish?\", \"什么卡住了？\"],
   \"cron\": \"0 9 * * mon\", \"zone\": \"Europe/Berlin\", \"answer_within\": \"P1D\", \"keep_for\": \"P1Y\"}

`who` is a team, a cycle ({\"cycle\": \"h1-2026\"}) or people ({\"people\": [\"e-17\"]}). In place of `cron` there may be \
`every` and `begin`: \"every\": \"P2W\", \"begin\": \"2026-01-05T09:00\". At each date everybody is asked once, by an event \
steward.team.check-in.due. It sets the check-in anew; a date that is due and was not asked for yet stays due.")]
pub struct Set {
    /// Name of the check-in
    pub name: Name,
    /// The check-in as JSON
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
}

impl Set {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body = read(&self.file)?;
        let client = context.connection.client()?;
        let set = client.put(&path(&[self.name.as_str()]), &body).await?;
        context.output.show(&set, || {
            format!(
                "Set the check-in {}; it is next due at {} UTC.",
                self.name,
                time(&set, "/next_at")
            )
        })?;
        Ok(Exit::Done)
    }
}

/// List the check-ins that have asked you or whom you lead; all of them for whoever manages keys
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team check-in list

Whom each asks is for whoever manages keys.")]
pub struct List {}

impl List {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let check_ins = items(client.get(&AT).await?, "check-ins");
        context.output.show(&check_ins, || {
            table(
                ["NAME", "WHO", "WHEN", "ZONE", "NEXT (UTC)"],
                check_ins.iter().map(|one| {
                    let when = match one["cron"].as_str() {
                        Some(_) => field(one, "/cron"),
                        None => format!("{} from {}", field(one, "/every"), field(one, "/begin")),
                    };
                    [
                        field(one, "/name"),
                        who(&one["who"]),
                        when,
                        field(one, "/zone"),
                        time(one, "/next_at"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Whom a check-in asks, in words; nothing where that is not shown.
fn who(who: &Value) -> String {
    match (&who["team"], &who["cycle"], &who["people"]) {
        _ if who.is_null() => String::new(),
        (Value::String(team), _, _) => printable(&format!("team {team}")),
        (_, Value::String(cycle), _) => printable(&format!("cycle {cycle}")),
        (_, _, Value::Array(people)) => {
            let people: Vec<&str> = people.iter().filter_map(Value::as_str).collect();
            printable(&people.join(", "))
        }
        _ => printable(&who.to_string()),
    }
}

/// List who was asked, who answered what, and who is overdue, as far as you may see it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team check-in show weekly
  steward team check-in show weekly --person e-17 --json

Answers are for the person and who leads them.")]
pub struct Show {
    /// Name of the check-in
    pub name: Name,
    /// Of this person alone
    #[arg(long, value_name = "ID")]
    pub person: Option<Name>,
}

impl Show {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let query: Vec<_> = self
            .person
            .map(|person| ("person", person.to_string()))
            .into_iter()
            .collect();
        let at = path(&[self.name.as_str(), "entries"]);
        let entries = items(client.query(&at, &query).await?, "entries");
        context.output.show(&entries, || {
            table(
                ["DUE (UTC)", "PERSON", "STATUS", "UNTIL (UTC)", "ANSWERS"],
                entries.iter().map(|entry| {
                    [
                        time(entry, "/due"),
                        field(entry, "/person"),
                        field(entry, "/status"),
                        time(entry, "/until"),
                        answers(entry),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// The answers in a line.
fn answers(entry: &Value) -> String {
    let answers = entry["answers"].as_array().into_iter().flatten();
    let answers: Vec<&str> = answers.filter_map(Value::as_str).collect();
    crate::output::printable(&answers.join(" · "))
}

/// Answer a check-in that you were asked for
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team check-in answer weekly --answer 'the new index' --answer '等数据'
  steward team check-in answer weekly --due 2026-01-05T08:00:00Z --answer 'the new index' --answer ''

One answer to each question, in their order. It takes the place of what you answered before. Your key must be that of a \
person of the team: steward team person set ID --principal KEY-ID")]
pub struct Answer {
    /// Name of the check-in
    pub name: Name,
    /// The answer to the next question; given once for each
    #[arg(
        long = "answer",
        value_name = "TEXT",
        required = true,
        allow_hyphen_values = true
    )]
    pub answers: Vec<String>,
    /// Of this date [default: the last one]
    #[arg(long, value_name = "TIME")]
    pub due: Option<Timestamp>,
}

impl Answer {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let body = json!({ "answers": self.answers, "due": self.due });
        let at = path(&[self.name.as_str(), "answers"]);
        let kept = client.put(&at, &body).await?;
        context.output.show(&kept, || {
            format!(
                "Kept what you answered to {} of {} UTC: {}.",
                self.name,
                time(&kept, "/due"),
                field(&kept, "/status")
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Remove a check-in, with all that was asked and answered
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team check-in remove weekly

What was erased is counted, and never named: steward team erasures")]
pub struct Remove {
    /// Name of the check-in
    pub name: Name,
}

impl Remove {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let erased = client.delete(&path(&[self.name.as_str()])).await?;
        context.output.show(&erased, || {
            format!(
                "Removed {}: {} entries. Account {}.",
                self.name,
                field(&erased, "/erased/check_ins"),
                field(&erased, "/number")
            )
        })?;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_it_asks_is_said_in_words() {
        assert_eq!(who(&json!({ "team": "搜索" })), "team 搜索");
        assert_eq!(who(&json!({ "cycle": "h1-2026" })), "cycle h1-2026");
        assert_eq!(who(&json!({ "people": ["e-1", "e-17"] })), "e-1, e-17");
        assert_eq!(who(&Value::Null), "");
    }
}
