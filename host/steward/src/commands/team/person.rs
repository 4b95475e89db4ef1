//! `steward team person …`

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;
use steward_registry::Name;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table};

/// Set, list and erase people of the team
#[derive(Debug, Subcommand)]
pub enum Person {
    Set(Set),
    List(List),
    Erase(Erase),
}

impl Person {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Set(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Erase(command) => command.run(context).await,
        }
    }
}

/// Set a person: a new one, or one that is there
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team person set e-1 --name 李 --team search --principal 01hzy0c4t2vkq7v3m8n5d6x9wb
  steward team person set e-17 --name Ann --team search --lead e-1 --principal 01hzy0d9p6r3sw8x4b7f2g5h1k \
    --contact U024BE7LH --keep-until 2031-01-01T00:00:00Z

It sets the person anew: what is left out is taken away. The id is a pseudonym, as a staff number: it stays in the audit log \
after the person is erased. The principal is the id of the key by which the person comes (steward key create NAME --role \
invoker); what they may see and do follows from it.")]
pub struct Set {
    /// Id of the person: a pseudonym
    pub id: Name,
    /// What people call the person
    #[arg(long)]
    pub name: String,
    /// Which team
    #[arg(long)]
    pub team: String,
    /// Id of who leads the person
    #[arg(long, value_name = "ID")]
    pub lead: Option<Name>,
    /// Id of the key, or principal of the token, by which the person comes
    #[arg(long, value_name = "KEY-ID")]
    pub principal: Option<String>,
    /// Where reminders reach the person, as the member id of Slack; the log of events has it with each reminder
    #[arg(long)]
    pub contact: Option<String>,
    /// When everything about the person is erased, as RFC 3339 has it
    #[arg(long, value_name = "TIME")]
    pub keep_until: Option<Timestamp>,
}

impl Set {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let body = json!({
            "name": self.name, "team": self.team, "lead": self.lead,
            "principal": self.principal, "contact": self.contact, "keep_until": self.keep_until,
        });
        let path = ["api", "v1", "team", "people", self.id.as_str()];
        let set = client.put(&path, &body).await?;
        context.output.show(&set, || format!("Set {}.", self.id))?;
        Ok(Exit::Done)
    }
}

/// List the people of the team
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team person list")]
pub struct List {}

impl List {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let found = client.get(&["api", "v1", "team", "people"]).await?;
        let people = items(found, "people");
        context.output.show(&people, || {
            table(
                ["ID", "NAME", "TEAM", "LEAD"],
                people.iter().map(|person| {
                    [
                        field(person, "/id"),
                        field(person, "/name"),
                        field(person, "/team"),
                        field(person, "/lead"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Erase a person: every review of them, and their id in what they said of others
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team person erase e-17

What was erased is counted, and never named: steward team erasures")]
pub struct Erase {
    /// Id of the person
    pub id: Name,
}

impl Erase {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "team", "people", self.id.as_str()];
        let erased = client.delete(&path).await?;
        context.output.show(&erased, || {
            format!(
                "Erased {}: {} reviews, {} inputs, {} check-ins; their id in {} others. Account {}.",
                self.id,
                field(&erased, "/erased/reviews"),
                field(&erased, "/erased/inputs"),
                field(&erased, "/erased/check_ins"),
                field(&erased, "/erased/unnamed"),
                field(&erased, "/number")
            )
        })?;
        Ok(Exit::Done)
    }
}
