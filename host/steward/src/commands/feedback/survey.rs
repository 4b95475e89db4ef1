//! `steward feedback survey …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use steward_registry::Name;

use super::behaviour::{lasting, milliseconds, percent};
use super::understand::{Metric, word};
use crate::cli::Context;
use crate::commands::{items, json_of, text_of};
use crate::failure::{Exit, Failure};
use crate::output::{field, printable, sheet, table, time};

/// Surveys: set what is asked of whom, ask so that nobody is asked too often, and see how many answer
#[derive(Debug, Subcommand)]
pub enum Survey {
    Set(Set),
    List(List),
    Show(Show),
    Ask(Ask),
    Remove(Remove),
}

impl Survey {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Set(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Ask(command) => command.run(context).await,
            Self::Remove(command) => command.run(context).await,
        }
    }
}

const AT: [&str; 4] = ["api", "v1", "feedback", "surveys"];

fn path<'p>(rest: &[&'p str]) -> Vec<&'p str> {
    let mut path = AT.to_vec();
    path.extend(rest);
    path
}

/// Set a survey: what is asked, on which scale, and whom it may ask
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback survey set nps-2026 --metric nps --question 'How likely are you to recommend us?'
  steward feedback survey set export --metric csat --question '导出好用吗？' --rule '{\"==\": [{\"var\": \"plan\"}, \"paid\"]}' --share 0.2 --rest 90d
  steward feedback survey set effort --metric ces --question 'How hard was it?' --rule @rule.json --until 2026-12-31T00:00:00Z

nps: 0 to 10. csat: 1 to 5. ces: 1 to 7. Feedback that names the survey answers it (`feedback send --survey`): a rating that is \
not of its scale is not taken. The metric never changes; everything else is set anew. The rule is JSON Logic over the attributes \
of who may be asked, as in flags; who is in the share stays in it when it grows.")]
pub struct Set {
    /// Name of the survey
    name: Name,
    /// What is asked
    #[arg(long, value_enum)]
    metric: Metric,
    /// The question, as people read it
    #[arg(long, value_name = "TEXT")]
    question: String,
    /// Who may be asked at all, as JSON Logic; @FILE, or - for standard input [default: everybody]
    #[arg(long, value_name = "JSON")]
    rule: Option<String>,
    /// The share of people that is asked, between 0 and 1
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    share: f64,
    /// For so long after any survey asked them, people are left alone: 90m, 12h, 7d
    #[arg(long, value_name = "TIME", value_parser = milliseconds, default_value = "30d")]
    rest: i64,
    /// From then on nobody is asked, as RFC 3339 has it [default: never]
    #[arg(long, value_name = "TIME")]
    until: Option<jiff::Timestamp>,
}

impl Set {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let rule = self.rule.as_deref().map(json_of).transpose()?;
        let body = json!({
            "metric": word(&self.metric),
            "question": self.question,
            "audience": { "rule": rule, "share": self.share, "rest_ms": self.rest },
            "until": self.until,
        });
        let client = context.connection.client()?;
        let set = client.put(&path(&[self.name.as_str()]), &body).await?;
        context.output.show(&set, || {
            format!(
                "Set the survey {}, {} from {} to {}.",
                self.name,
                field(&set, "/metric"),
                field(&set, "/lowest"),
                field(&set, "/highest")
            )
        })?;
        Ok(Exit::Done)
    }
}

/// List surveys, with how many of those whom they asked have answered
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback survey list
  steward feedback survey list --json | jq '.[] | select(.open) | .name'")]
pub struct List {}

impl List {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let surveys = items(client.get(&AT).await?, "surveys");
        context.output.show(&surveys, || {
            table(
                [
                    "NAME", "METRIC", "OPEN", "ASKED", "ANSWERED", "RATE", "QUESTION",
                ],
                surveys.iter().map(|one| {
                    let question = field(one, "/question").replace('\n', " ");
                    [
                        field(one, "/name"),
                        field(one, "/metric"),
                        field(one, "/open"),
                        field(one, "/asked"),
                        field(one, "/answered"),
                        percent(&one["response_rate"]),
                        question.chars().take(80).collect(),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Show a survey: whom it asks, how often it asked somebody, and how many of them answered
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback survey show nps-2026
  steward feedback survey show nps-2026 --json | jq .response_rate

What the answers say: steward feedback score nps-2026 --metric nps")]
pub struct Show {
    /// Name of the survey
    name: Name,
}

impl Show {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let survey = client.get(&path(&[self.name.as_str()])).await?;
        context.output.show(&survey, || told(&survey))?;
        Ok(Exit::Done)
    }
}

fn told(survey: &Value) -> String {
    let of = |pointer: &str| field(survey, pointer);
    let rest = survey.pointer("/audience/rest_ms").and_then(Value::as_i64);
    sheet([
        ("survey", of("/name")),
        (
            "metric",
            format!("{}, {} to {}", of("/metric"), of("/lowest"), of("/highest")),
        ),
        ("question", of("/question")),
        ("rule", of("/audience/rule")),
        ("share", of("/audience/share")),
        ("rest", rest.map_or_else(String::new, lasting)),
        ("until", time(survey, "/until")),
        ("open", of("/open")),
        ("asked", of("/asked")),
        ("answered", of("/answered")),
        ("response rate", percent(&survey["response_rate"])),
    ])
}

/// Decide whom a survey asks now, and remember that they were asked
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback survey ask nps-2026 r-17 r-18 r-19
  steward feedback survey ask nps-2026 --file people.jsonl --json | jq -r '.asked[]'

The file has a line for each, at most 1,000 in all:
  {\"id\": \"r-17\", \"attributes\": {\"plan\": \"paid\"}}

Send the question to those in the answer, and to nobody else. Who was asked lately, by any survey, is left alone: the same \
command again asks nobody. A respondent is an opaque name, and the attributes are not kept.")]
pub struct Ask {
    /// Name of the survey
    name: Name,
    /// Who may be asked, by opaque names
    #[arg(value_name = "RESPONDENT", required_unless_present = "file")]
    respondents: Vec<String>,
    /// JSON Lines with the id and the attributes of who may be asked; - is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The deployed anonymizer that looks at their names first
    #[arg(long, value_name = "FUNCTION", default_value = "anonymizer")]
    anonymizer: Name,
}

impl Ask {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let named = self.respondents.iter().map(|id| json!({ "id": id }));
        let mut respondents: Vec<Value> = named.collect();
        if let Some(file) = &self.file {
            respondents.extend(people(&text_of(file)?)?);
        }
        let body = json!({ "anonymizer": self.anonymizer, "respondents": respondents });
        let client = context.connection.client()?;
        let place = path(&[self.name.as_str(), "ask"]);
        let answer = client.post(&place, &body).await?;
        context.output.show(&answer, || asked(&answer))?;
        Ok(Exit::Done)
    }
}

/// What each line of a file says of somebody.
fn people(text: &str) -> Result<Vec<Value>, Failure> {
    let lines = text.lines().zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim().is_empty());
    lines
        .map(|(line, number)| {
            serde_json::from_str(line).map_err(|error| {
                Failure::invalid(format!("line {number} is not JSON")).cause(error.to_string())
            })
        })
        .collect()
}

fn asked(answer: &Value) -> String {
    let asked = answer["asked"].as_array().map_or(&[][..], Vec::as_slice);
    let mut told = format!("{} to ask", asked.len());
    for id in asked {
        told.push_str(&printable(&format!("\n  {}", field(id, ""))));
    }
    for (why, count) in answer["skipped"].as_object().into_iter().flatten() {
        told.push_str(&printable(&format!("\n{count} not: {why}")));
    }
    told
}

/// Remove a survey, with whom it asked; what they answered stays
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback survey remove nps-2026

Whom it asked is forgotten, so that other surveys may ask them at once. To end a survey and leave people alone, set it with \
--until.")]
pub struct Remove {
    /// Name of the survey
    name: Name,
}

impl Remove {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let removed = client.delete(&path(&[self.name.as_str()])).await?;
        context.output.show(&removed, || {
            format!(
                "Removed {}, which had asked {} times.",
                self.name,
                field(&removed, "/asked")
            )
        })?;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_people_is_read_line_by_line() {
        let text = "{\"id\": \"r-1\", \"attributes\": {\"plan\": \"付费\"}}\n\n{\"id\": \"r-2\"}\n";
        let read = people(text).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0]["attributes"]["plan"], "付费");
        let wrong = people("{\"id\": \"r-1\"}\nr-2\n").unwrap_err();
        assert_eq!(wrong.what, "line 2 is not JSON");
    }

    #[test]
    fn people_read_whom_to_ask_and_how_many_not() {
        let answer = json!({ "asked": ["r-1", "r-3"], "skipped": { "asked_lately": 4 } });
        assert_eq!(
            asked(&answer),
            "2 to ask\n  r-1\n  r-3\n4 not: asked_lately"
        );
        assert_eq!(asked(&json!({ "asked": [], "skipped": {} })), "0 to ask");
    }

    #[test]
    fn people_read_what_a_survey_is() {
        let survey = json!({
            "name": "nps-2026", "metric": "nps", "lowest": 0, "highest": 10, "question": "推荐吗？", "until": null, "open": true,
            "audience": { "rule": { "var": "paid" }, "share": 0.5, "rest_ms": 2_592_000_000_i64 },
            "asked": 4, "answered": 1, "response_rate": 0.25,
        });
        let told = told(&survey);
        for part in [
            "nps, 0 to 10",
            "推荐吗？",
            "{\"var\":\"paid\"}",
            "30.0 d",
            "25.0 %",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert!(!told.contains("until"), "{told}");
    }
}
