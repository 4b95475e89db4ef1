//! `steward function status`

use clap::Args;
use serde_json::Value;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, table};

/// Show how the versions of a function do, and whether the one on trial may stay
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward function status text-cleaner
  steward function status text-cleaner --json | jq .candidate.guard

The figures are those of the host that answers, since it was started.")]
pub struct Status {
    /// The function
    pub name: Name,
}

impl Status {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "functions", self.name.as_str(), "status"];
        let status = client.get(&path).await?;
        context.output.show(&status, || told(&status))?;
        Ok(Exit::Done)
    }
}

fn told(status: &Value) -> String {
    let candidate = field(status, "/candidate/version");
    let targets = status["targets"].as_array().cloned().unwrap_or_default();
    let mut text = table(
        ["VERSION", "", "SHARE", "CALLS", "ERRORS", "MEAN MS"],
        targets.iter().map(|target| {
            let version = field(target, "/version");
            let part = match version == candidate {
                true => "on trial",
                false => "",
            };
            let mean = target["mean_ms"].as_f64();
            [
                version,
                part.to_owned(),
                format!("{} %", field(target, "/percent")),
                field(target, "/calls"),
                field(target, "/errors"),
                mean.map_or_else(|| "-".into(), |mean| format!("{mean:.2}")),
            ]
        }),
    );
    let guard = &status["candidate"]["guard"];
    if let Some(verdict) = guard["verdict"].as_str() {
        let said = match verdict {
            "keep" => "within its bounds".to_owned(),
            "undecided" => format!("not judged before {} more calls", field(guard, "/needs")),
            _ => format!("out of bounds: {}", field(guard, "/reason")),
        };
        text += &format!("\n{candidate} is {said}");
    }
    let last = &status["last_rollback"];
    if last.is_object() {
        text += &format!(
            "\nrolled back by itself in revision {}: {}",
            field(last, "/revision"),
            field(last, "/reason")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_on_trial_is_told_with_its_verdict() {
        let text = told(&json!({
            "revision": 2,
            "targets": [
                { "version": "1.0.0", "percent": 90, "calls": 900, "errors": 0, "mean_ms": 0.5 },
                { "version": "1.1.0", "percent": 10, "calls": 90, "errors": 1, "mean_ms": null },
            ],
            "candidate": { "version": "1.1.0", "guard": { "verdict": "undecided", "needs": 10 } },
            "last_rollback": null,
        }));
        assert!(text.contains("on trial"), "{text}");
        assert!(
            text.ends_with("1.1.0 is not judged before 10 more calls"),
            "{text}"
        );
    }
}
