//! `steward feedback funnel`, `retention`, `cohorts` and `paths`

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use steward_registry::events::PersonIn;
use steward_registry::{EventPattern, Name};

use super::understand::word;
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{columns, field, printable, table};
use crate::progress;

/// Which events of the log, and who did them.
#[derive(Debug, Args)]
pub struct Events {
    /// Of these types: com.example.order.paid, com.example.* or * [default: all]
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<EventPattern>,
    /// Of this source
    #[arg(long)]
    source: Option<String>,
    /// What of an event says who did it: subject, an extension attribute, or data.FIELD
    #[arg(long, value_name = "WHERE", default_value = "subject")]
    person: PersonIn,
    /// Of this time or later, as RFC 3339 has it
    #[arg(long, value_name = "TIME")]
    since: Option<jiff::Timestamp>,
    /// Before this time [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<jiff::Timestamp>,
    /// Fewer people than so many are not told; below 30 it takes a key that may read the log
    #[arg(long, value_name = "PEOPLE", default_value_t = 30)]
    minimum: u32,
    /// The deployed function that computes it
    #[arg(long, value_name = "FUNCTION", default_value = "feedback")]
    function: Name,
}

impl Events {
    /// As the fields of a body, with these.
    fn with<const N: usize>(self, fields: [(&str, Value); N]) -> Value {
        let time = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string());
        let events = [
            ("types", json!(self.types)),
            ("source", json!(self.source)),
            ("person", json!(self.person)),
            ("since", json!(time(self.since))),
            ("until", json!(time(self.until))),
            ("minimum", json!(self.minimum)),
            ("function", json!(self.function)),
        ];
        let all = fields.into_iter().chain(events);
        let all: Map<String, Value> = all.map(|(name, value)| (name.to_owned(), value)).collect();
        Value::Object(all)
    }
}

/// Count how many people go through steps, by the log of events
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback funnel --steps signup,search,buy --window 7d
  steward feedback funnel --steps signup,search,buy --since 2026-05-01T00:00:00Z --until 2026-06-01T00:00:00Z --json
  steward feedback funnel --steps shop.see,shop.pay --strict --type 'shop.*' --person data.user.id

Steps are types of events. Of all the ways of a person, the one that leads farthest counts; the window is from its first step to \
its last. With `--strict` another event (of `--type`) between two steps ends the way. `-` stands for fewer people than the \
minimum.")]
pub struct Funnel {
    /// Types of events in their order, separated by commas
    #[arg(long, value_name = "TYPES", required = true, value_delimiter = ',')]
    steps: Vec<String>,
    /// From the first step to the last at most: 90s, 30m, 12h, 7d [default: without limit]
    #[arg(long, value_name = "TIME", value_parser = milliseconds)]
    window: Option<i64>,
    /// Nothing may come between two steps
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    events: Events,
}

impl Funnel {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body = self.events.with([
            ("steps", json!(self.steps)),
            ("window_ms", json!(self.window)),
            ("strict", json!(self.strict)),
        ]);
        ask(&context, "funnels", &body, |answer| {
            let steps = answer["steps"].as_array().into_iter().flatten();
            let rows = steps.map(|step| {
                [
                    field(step, "/name"),
                    count(&step["people"]),
                    percent(&step["of_first"]),
                    percent(&step["of_previous"]),
                    step["median_ms"].as_i64().map_or_else(dash, lasting),
                ]
            });
            table(
                ["STEP", "PEOPLE", "OF FIRST", "OF PREVIOUS", "MEDIAN TIME"],
                rows,
            )
        })
        .await
    }
}

/// What counts as having come back for day N.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// On day N, also called classic
    #[default]
    NDay,
    /// On at least one of the days 1 to N
    Cumulative,
    /// On day N or any later day, also called rolling
    #[value(alias = "rolling")]
    Unbounded,
}

/// Who comes back, and when.
#[derive(Debug, Args)]
pub struct Returning {
    /// The type of the event with which people begin [default: the first of any type]
    #[arg(long, value_name = "TYPE")]
    start: Option<String>,
    /// The type of the event that counts as coming back [default: any]
    #[arg(long, value_name = "TYPE")]
    back: Option<String>,
    /// What counts; `rolling` is another word for unbounded
    #[arg(long, value_enum, default_value_t = Kind::NDay)]
    kind: Kind,
    #[command(flatten)]
    events: Events,
}

impl Returning {
    fn body(self, days: u32, cohort_days: u32) -> Value {
        self.events.with([
            ("start", json!(self.start)),
            ("back", json!(self.back)),
            ("kind", json!(word(&self.kind))),
            ("days", json!(days)),
            ("cohort_days", json!(cohort_days)),
        ])
    }
}

/// Count how many people come back on the days after their first, by the log of events
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback retention --start signup
  steward feedback retention --start signup --back open --kind unbounded --days 14 --since 2026-05-01T00:00:00Z
  steward feedback retention --type 'shop.*' --json | jq '.overall[6].share'

Days are counted from the event with which a person begins, not by a calendar. A day that is not over yet counts for nobody: \
ELIGIBLE are the people for whom it is over. `-` stands for fewer people than the minimum.")]
pub struct Retention {
    /// How many days after the first, 1 to 400
    #[arg(long, default_value_t = 7)]
    days: u32,
    #[command(flatten)]
    returning: Returning,
}

impl Retention {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body = self.returning.body(self.days, 7);
        ask(&context, "retentions", &body, |answer| {
            let days = answer["overall"].as_array().into_iter().flatten();
            let rows = days.map(|day| {
                [
                    field(day, "/day"),
                    count(&day["eligible"]),
                    count(&day["people"]),
                    percent(&day["share"]),
                ]
            });
            // As what it was computed, whatever word it was asked by.
            let came_back = format!("CAME BACK ({})", field(answer, "/kind"));
            table(["DAY", "ELIGIBLE", came_back.as_str(), "SHARE"], rows)
        })
        .await
    }
}

/// Compare when people come back by when they began, by the log of events
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback cohorts --start signup
  steward feedback cohorts --start signup --cohort-days 1 --days 14 --kind cumulative --since 2026-05-01T00:00:00Z

A row for each cohort, a column for each day after the first: the share of those for whom the day is over. Empty where it is over \
for nobody; `-` where it would tell of fewer people than the minimum.")]
pub struct Cohorts {
    /// How many days after the first, 1 to 400
    #[arg(long, default_value_t = 7)]
    days: u32,
    /// People who began within the same so many days are one cohort
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    cohort_days: u32,
    #[command(flatten)]
    returning: Returning,
}

impl Cohorts {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body = self.returning.body(self.days, self.cohort_days);
        ask(&context, "retentions", &body, cohorts).await
    }
}

fn cohorts(answer: &Value) -> String {
    let all = || answer["cohorts"].as_array().into_iter().flatten();
    let days = answer["overall"].as_array().map_or(0, Vec::len);
    let head: Vec<String> = ["COHORT".to_owned(), "PEOPLE".to_owned()]
        .into_iter()
        .chain((1..=days).map(|day| format!("DAY {day}")))
        .collect();
    let rows = all().map(|cohort| {
        let start = field(cohort, "/start").chars().take(10).collect();
        let cells = cohort["days"].as_array().into_iter().flatten();
        let cells = cells.map(|day| match day["eligible"].as_u64() {
            Some(0) => String::new(),
            _ => percent(&day["share"]),
        });
        let row = [start, count(&cohort["size"])].into_iter().chain(cells);
        row.collect::<Vec<String>>()
    });
    columns(&head, rows)
}

/// Find what people do one after the other, by the log of events
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback paths
  steward feedback paths --length 4 --pause 10m --type 'shop.*' --most 50 --since 2026-05-01T00:00:00Z

A pause ends a visit; no path leads over it. Paths of fewer people than the minimum are not told.")]
pub struct Paths {
    /// Events in a path, 2 to 10
    #[arg(long, default_value_t = 3)]
    length: u32,
    /// A longer pause ends a visit: 90s, 30m, 12h, 7d
    #[arg(long, value_name = "TIME", value_parser = milliseconds, default_value = "30m")]
    pause: i64,
    /// The most paths, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 20)]
    most: u32,
    #[command(flatten)]
    events: Events,
}

impl Paths {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body = self.events.with([
            ("length", json!(self.length)),
            ("pause_ms", json!(self.pause)),
            ("most", json!(self.most)),
        ]);
        ask(&context, "paths", &body, |answer| {
            let paths = answer["paths"].as_array().into_iter().flatten();
            let rows = paths.map(|path| {
                let steps = path["steps"].as_array().into_iter().flatten();
                let steps: Vec<&str> = steps.filter_map(Value::as_str).collect();
                [
                    count(&path["count"]),
                    count(&path["people"]),
                    steps.join(" > "),
                ]
            });
            let mut told = table(["TIMES", "PEOPLE", "PATH"], rows);
            let hidden = answer["hidden"].as_u64().unwrap_or_default();
            if hidden > 0 {
                let minimum = field(answer, "/minimum");
                told.push_str(&format!(
                    "\n{hidden} paths that fewer than {minimum} people went are not told."
                ));
            }
            told
        })
        .await
    }
}

/// Asks, and shows what is answered, with the events behind it.
async fn ask(
    context: &Context,
    what: &str,
    body: &Value,
    told: impl FnOnce(&Value) -> String,
) -> anyhow::Result<Exit> {
    let client = context.connection.client()?;
    let bar = progress::spinner(context.output, "reading events");
    let answer = client.post(&["api", "v1", "feedback", what], body).await;
    bar.finish_and_clear();
    let answer = answer?;
    context.output.show(&answer, || {
        let nameless = answer["nameless"].as_u64().unwrap_or_default();
        let mut text = told(&answer);
        if hides(&answer) {
            let minimum = field(&answer, "/minimum");
            text.push_str(&format!(
                "\n`-` is fewer than {minimum} people, and what would tell of them; `--minimum` says how many are told."
            ));
        }
        if nameless > 0 {
            let person = printable(&field(&answer, "/person"));
            text.push_str(&format!(
                "\nEvents that do not say who did them (`{person}`), and so count for nobody: {nameless}"
            ));
        }
        text
    })?;
    Ok(Exit::Done)
}

/// Whether a number of people is not told somewhere in an answer.
fn hides(answer: &Value) -> bool {
    match answer {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let people = ["people", "size", "eligible"].contains(&name.as_str());
            (people && value.is_null()) || hides(value)
        }),
        Value::Array(all) => all.iter().any(hides),
        _ => false,
    }
}

fn dash() -> String {
    "-".into()
}

fn count(value: &Value) -> String {
    value.as_u64().map_or_else(dash, |count| count.to_string())
}

pub(super) fn percent(value: &Value) -> String {
    let share = value.as_f64();
    share.map_or_else(dash, |share| format!("{:.1} %", share * 100.0))
}

/// How long something took, in the largest unit of which there is one.
pub(super) fn lasting(ms: i64) -> String {
    let units = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
    ];
    let unit = units.into_iter().find(|(_, length)| ms >= *length);
    unit.map_or_else(
        || format!("{ms} ms"),
        |(unit, length)| format!("{:.1} {unit}", ms as f64 / length as f64),
    )
}

/// A length of time with its unit, in milliseconds. None at all is left to the server, which says why it is none.
pub(super) fn milliseconds(text: &str) -> Result<i64, String> {
    let wrong = || "it is a whole number with its unit, as 90s, 30m, 12h or 7d".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        _ => return Err(wrong()),
    };
    let number: i64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit() {
        for (text, ms) in [
            ("0s", 0),
            ("250ms", 250),
            ("90s", 90_000),
            ("30m", 1_800_000),
            ("12h", 43_200_000),
            ("7d", 604_800_000),
            ("2w", 1_209_600_000),
        ] {
            assert_eq!(milliseconds(text), Ok(ms), "{text}");
        }
        for wrong in [
            "",
            "7",
            "d",
            "-1d",
            "1.5h",
            "7天",
            "99999999999999999999d",
            "9999999999999w",
        ] {
            assert!(milliseconds(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            [lasting(12), lasting(5_400_000), lasting(86_400_000)],
            ["12 ms", "1.5 h", "1.0 d"]
        );
    }

    #[test]
    fn rolling_is_another_word_for_unbounded() {
        let kind = |text| Kind::from_str(text, false);
        assert_eq!(kind("rolling"), Ok(Kind::Unbounded));
        assert_eq!(word(&Kind::Unbounded).as_deref(), Some("unbounded"));
        assert_eq!(kind("n-day"), Ok(Kind::NDay));
        assert!(kind("classic").is_err());
    }

    #[test]
    fn a_row_is_a_cohort_and_few_people_are_a_dash() {
        let day = |eligible: Value, share: Value| json!({ "eligible": eligible, "share": share });
        let answer = json!({
            "overall": [{}, {}],
            "cohorts": [
                { "start": "2026-05-04T00:00:00Z", "size": 40, "days": [day(json!(40), json!(0.5)), day(json!(40), Value::Null)] },
                { "start": "2026-05-11T00:00:00Z", "size": null, "days": [day(Value::Null, Value::Null), day(json!(0), Value::Null)] },
            ],
        });
        let told = cohorts(&answer);
        let lines: Vec<Vec<&str>> = told
            .lines()
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|cell| !cell.is_empty())
                    .collect()
            })
            .collect();
        assert_eq!(lines[0], ["COHORT", "PEOPLE", "DAY 1", "DAY 2"], "{told}");
        assert_eq!(lines[1], ["2026-05-04", "40", "50.0 %", "-"], "{told}");
        assert_eq!(lines[2], ["2026-05-11", "-", "-"], "{told}");
        assert!(hides(&answer));
        assert!(!hides(
            &json!({ "overall": [{ "people": 0, "share": null }] })
        ));
    }
}
