//! `steward model status`

use clap::Args;
use serde_json::Value;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// Show how the deployed versions of a model do
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model status minilm
  steward model status minilm --json | jq .candidate.guard

The figures are those of the host that answers, since it was started. DRIFT is the population stability index of the \
scores against what was normal: from 0.1 worth a look, from 0.25 another world.")]
pub struct Status {
    /// Name of the model
    #[arg(value_name = "MODEL")]
    pub model: Name,
    /// Every revision instead
    #[arg(long)]
    pub history: bool,
}

impl Status {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let name = self.model.as_str();
        if self.history {
            let revisions = client
                .get(&["api", "v1", "models", name, "deployments"])
                .await?;
            context.output.show(&revisions, || history(&revisions))?;
        } else {
            let status = client.get(&["api", "v1", "models", name, "status"]).await?;
            context.output.show(&status, || told(&status))?;
        }
        Ok(Exit::Done)
    }
}

fn weights(target: &Value) -> String {
    match target["variant"].as_str() {
        Some(variant) => format!("{}~{variant}", field(target, "/version")),
        None => field(target, "/version"),
    }
}

fn number(value: Option<&Value>, places: usize) -> String {
    value
        .and_then(Value::as_f64)
        .map_or_else(|| "-".into(), |number| format!("{number:.places$}"))
}

fn told(status: &Value) -> String {
    let parts = ["stable", "candidate", "shadow"];
    let there = parts.iter().filter(|part| status[**part].is_object());
    let mut text = table(
        [
            "PART", "VERSION", "SHARE", "CALLS", "ERRORS", "P50 MS", "P99 MS", "DRIFT", "AGREES",
        ],
        there.clone().map(|part| {
            let target = &status[*part];
            [
                (*part).to_owned(),
                weights(target),
                match field(target, "/percent") {
                    percent if percent.is_empty() => String::new(),
                    percent => format!("{percent} %"),
                },
                field(target, "/calls"),
                field(target, "/errors"),
                number(target.get("p50_ms"), 1),
                number(target.get("p99_ms"), 1),
                number(target.pointer("/drift/scores/psi"), 3),
                number(target.pointer("/comparison/agreement"), 3),
            ]
        }),
    );
    for part in there {
        let guard = &status[*part]["guard"];
        let said = match guard["verdict"].as_str() {
            Some("keep") => "within its bounds".to_owned(),
            Some("undecided") => format!("no verdict before {} more calls", field(guard, "/needs")),
            Some(_) => format!("out of bounds: {}", field(guard, "/reason")),
            None => continue,
        };
        text.push_str(&format!("\n{part}: {said}"));
    }
    let last = &status["last_rollback"];
    if last.is_object() {
        text.push_str(&format!(
            "\nrolled back by the host at {} (revision {}): {}",
            time(last, "/created_at"),
            field(last, "/revision"),
            field(last, "/reason")
        ));
    }
    text
}

fn history(revisions: &Value) -> String {
    table(
        [
            "REVISION",
            "STABLE",
            "CANDIDATE",
            "SHADOW",
            "AT",
            "BY",
            "REASON",
        ],
        revisions.as_array().into_iter().flatten().map(|revision| {
            let part = |part: &str| {
                let target = &revision["spec"][part];
                match target["percent"].as_u64() {
                    Some(percent) => format!("{} {percent} %", weights(target)),
                    None => weights(target),
                }
            };
            [
                field(revision, "/revision"),
                part("stable"),
                part("candidate"),
                part("shadow"),
                time(revision, "/created_at"),
                field(revision, "/created_by"),
                field(revision, "/reason"),
            ]
        }),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_trial_and_the_last_roll_back_are_shown() {
        let status = json!({
            "stable": { "version": "1.0.0", "calls": 90, "errors": 0, "p50_ms": 5.0, "p99_ms": 9.25, "drift": {} },
            "candidate": {
                "version": "1.1.0", "variant": "int8", "percent": 10, "calls": 10, "errors": 1, "drift": { "scores": { "psi": 0.5 } },
                "comparison": {}, "guard": { "verdict": "undecided", "needs": 90 },
            },
            "shadow": null,
            "last_rollback": { "revision": 2, "reason": "错误太多", "created_at": "2026-01-02T03:04:05Z" },
        });
        let text = told(&status);
        for part in ["1.1.0~int8", "10 %", "0.500", "90 more calls", "错误太多"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
