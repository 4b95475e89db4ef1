//! `steward feedback experiment`

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use steward_registry::Name;

use super::Which;
use super::understand::word;
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, printable, table};

/// Compare versions of a model or of a function by what people said of their answers
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback experiment intents@1.0.0 intents@1.1.0
  steward feedback experiment intents@1.0.0=90 intents@1.1.0=10 --since 2026-05-01T00:00:00Z
  steward feedback experiment support@1.0.0 support@1.1.0 --of function --value rating --survey csat

The first is the control. Each person counts once, for the version that they met; who met several counts for none: split the \
calls with `--sticky`. An answer is right where it was liked and nobody corrected it. `p` is Welch's t-test, read once at the \
end; `p (any time)` holds whenever somebody looks. Numbers behind `=` say how the calls were split.")]
pub struct Experiment {
    /// The versions, `name@version` or `name@version=WEIGHT`
    #[arg(value_name = "VERSION[=WEIGHT]", num_args = 2.., required = true, value_parser = arm)]
    arms: Vec<Arm>,
    /// What they are versions of
    #[arg(long, value_enum, default_value_t)]
    of: Subject,
    /// What is measured
    #[arg(long, value_enum, default_value_t)]
    value: Measured,
    /// The level of tests and intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    alpha: f64,
    /// At about how many users the test that is valid at any time is sharpest
    #[arg(long, value_name = "USERS", default_value_t = 5000.0)]
    sequential_tuning: f64,
    #[command(flatten)]
    which: Which,
    /// The deployed function that compares them
    #[arg(long, default_value = "feedback")]
    function: Name,
}

/// A version and its share.
#[derive(Debug, Clone, PartialEq)]
struct Arm {
    name: String,
    weight: f64,
}

fn arm(text: &str) -> Result<Arm, String> {
    let (name, weight) = match text.split_once('=') {
        None => (text, 1.0),
        Some((name, weight)) => {
            let weight = weight.trim().parse::<f64>();
            let weight = weight.map_err(|_| "the weight behind `=` is no number".to_owned())?;
            (name, weight)
        }
    };
    Ok(Arm {
        name: name.trim().to_owned(),
        weight,
    })
}

/// What the arms are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// A model
    #[default]
    Model,
    /// A function
    Function,
}

/// What is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Measured {
    /// The share of answers that were liked and corrected by nobody
    #[default]
    Right,
    /// The mean rating
    Rating,
}

impl Experiment {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let arms: Vec<Value> = self
            .arms
            .iter()
            .map(|arm| json!({ "name": arm.name, "weight": arm.weight }))
            .collect();
        let mut body = self.which.fields();
        for (name, value) in [
            ("function", json!(self.function)),
            ("arms", json!(arms)),
            ("of", json!(word(&self.of))),
            ("value", json!(word(&self.value))),
            ("alpha", json!(self.alpha)),
            ("sequential_tuning", json!(self.sequential_tuning)),
        ] {
            body.insert(name.into(), value);
        }
        let client = context.connection.client()?;
        let place = ["api", "v1", "feedback", "experiments"];
        let answer = client.post(&place, &Value::Object(body)).await?;
        context.output.show(&answer, || told(&answer))?;
        Ok(Exit::Done)
    }
}

fn told(answer: &Value) -> String {
    let number = |value: Option<&Value>| {
        let number = value.and_then(Value::as_f64);
        number.map_or_else(|| "-".to_owned(), |number| format!("{number:.4}"))
    };
    // A probability is never told as none, nor as certainty.
    let probability = |value: Option<&Value>| match value.and_then(Value::as_f64) {
        Some(low) if low < 0.0001 => "< 0.0001".to_owned(),
        Some(high) if high > 0.9999 => "> 0.9999".to_owned(),
        _ => number(value),
    };
    let comparisons = answer.pointer("/result/comparisons");
    let comparisons = comparisons.and_then(Value::as_array);
    let arms = answer["arms"].as_array().into_iter().flatten();
    let rows = arms.enumerate().map(|(place, arm)| {
        // The control is compared with nothing.
        let place = place.checked_sub(1);
        let comparison = place.and_then(|place| comparisons?.get(place));
        let of = |pointer: &str| comparison.and_then(|found| found.pointer(pointer));
        [
            printable(&field(arm, "/name")),
            field(arm, "/users"),
            number(arm.get("mean")),
            number(of("/absolute/difference")),
            probability(of("/absolute/p_value")),
            probability(of("/absolute/sequential_p_value")),
            probability(of("/absolute/chance_to_win")),
        ]
    });
    let mut told = table(
        [
            "VERSION",
            "USERS",
            "MEAN",
            "DIFFERENCE",
            "P",
            "P (ANY TIME)",
            "CHANCE TO WIN",
        ],
        rows,
    );
    if answer.pointer("/result/sample_ratio_mismatch") == Some(&json!(true)) {
        told.push_str(
            "\nThe sizes of the arms are not those of their weights: the comparison means nothing.",
        );
    }
    let crossed = answer["crossed"].as_u64().unwrap_or_default();
    if crossed > 0 {
        told.push_str(&format!(
            "\n{crossed} people met several versions, and count for none."
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_are_read_with_their_weights() {
        let read = arm("intents@1.1.0=10").unwrap();
        assert_eq!((read.name.as_str(), read.weight), ("intents@1.1.0", 10.0));
        assert_eq!(arm("intents@1.0.0").unwrap().weight, 1.0);
        assert!(arm("intents@1.0.0=much").is_err());
    }

    #[test]
    fn people_read_what_each_arm_did() {
        let effect = json!({ "difference": 0.5, "p_value": 0.01, "sequential_p_value": 0.2, "chance_to_win": 0.99 });
        let answer = json!({
            "arms": [
                { "name": "m@1.0.0", "users": 40, "mean": 0.4 },
                { "name": "m@1.1.0", "users": 44, "mean": 0.9 },
            ],
            "crossed": 2,
            "result": { "sample_ratio_mismatch": true, "comparisons": [{ "absolute": effect }] },
        });
        let told = told(&answer);
        for part in [
            "m@1.1.0",
            "0.5000",
            "0.0100",
            "0.9900",
            "2 people",
            "means nothing",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }
}
