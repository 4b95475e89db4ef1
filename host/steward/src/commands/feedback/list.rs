//! `steward feedback list`

use clap::Args;

use super::Which;
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// List feedback, the newest in the order in which it came
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback list
  steward feedback list --about support@1.2.0 --limit 20
  steward feedback list --survey nps-2026 --since 2026-01-01T00:00:00Z --json | jq '.[].said'")]
pub struct List {
    #[command(flatten)]
    which: Which,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let mut query = vec![
            ("newest", "true".to_owned()),
            ("limit", self.limit.to_string()),
        ];
        query.extend(self.which.survey.map(|name| ("survey", name)));
        query.extend(self.which.about.map(|name| ("function", name)));
        query.extend(self.which.model.map(|name| ("model", name)));
        query.extend(self.which.source.map(|name| ("source", name)));
        query.extend(self.which.since.map(|time| ("since", time.to_string())));
        query.extend(self.which.until.map(|time| ("until", time.to_string())));
        let client = context.connection.client()?;
        let answer = client.query(&["api", "v1", "feedback"], &query).await?;
        let mut feedback = items(answer, "feedback");
        feedback.reverse();
        context.output.show(&feedback, || {
            table(
                [
                    "NUMBER", "SAID", "SOURCE", "SURVEY", "RATING", "FUNCTION", "MODEL", "TRACE",
                    "TEXT",
                ],
                feedback.iter().map(|one| {
                    // Of what somebody says of an answer, the question tells most.
                    let said = ["/said/text", "/said/prompt"].map(|place| field(one, place));
                    let said = said.into_iter().find(|said| !said.is_empty());
                    let mut text: String = said.unwrap_or_default().chars().take(80).collect();
                    text = text.replace('\n', " ");
                    [
                        field(one, "/number"),
                        time(one, "/said_at"),
                        field(one, "/source"),
                        field(one, "/survey"),
                        field(one, "/said/rating"),
                        field(one, "/function"),
                        field(one, "/model"),
                        field(one, "/trace"),
                        text,
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
