//! `steward feedback erase`

use clap::Args;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::field;

/// Erase all that one respondent said, and that surveys asked them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback erase r-17

Datasets that were made of it before stay as they are: they are snapshots.")]
pub struct Erase {
    /// The opaque name of the respondent
    respondent: String,
}

impl Erase {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let place = [
            "api",
            "v1",
            "feedback",
            "respondents",
            self.respondent.as_str(),
        ];
        let answer = client.delete(&place).await?;
        context.output.show(&answer, || {
            format!(
                "{} pieces of feedback erased; forgotten that they were asked {} times",
                field(&answer, "/erased"),
                field(&answer, "/asked")
            )
        })?;
        Ok(Exit::Done)
    }
}
