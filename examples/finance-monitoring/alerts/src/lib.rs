//! A step that watches what is said about companies, by the headlines of the log of events.
//!
//! It does two things, as its payload says, and between them the workflow asks a model for the tone of each headline:
//!
//! - `gather` says which hours can be closed and which headlines they have ([`gather`]), with the companies that each names
//!   ([`companies`]);
//! - `watch` takes the tones, counts ([`record`]), judges ([`detect`], by [`robust`] statistics and by [`smoothing`]), and answers
//!   with alerts ([`watch`]) in words ([`explain`]).
//!
//! What is counted is kept as events, one for each hour, and so are the alerts: each under an id of its own, so that an hour
//! that is closed again changes nothing.
#![deny(missing_docs)]

pub mod companies;
pub mod detect;
pub mod explain;
pub mod gather;
pub mod hours;
pub mod record;
pub mod robust;
pub mod smoothing;
pub mod watch;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use steward_sdk::events::{self, NewEvent};
use steward_sdk::step::{Context, Description, Error, Step};
use steward_sdk::{config, log};

use crate::companies::Companies;
use crate::detect::Thresholds;
use crate::gather::{Gathered, HOUR};
use crate::hours::Hour;
use crate::watch::{Alert, Headline, Read, Settings, close};

/// The type of the event of an alert; its data is an [`Alert`].
pub const ALERT: &str = "com.example.finance.alert";

/// Hours that are closed at once, whatever a payload says.
const MOST_HOURS: i64 = 400;

/// The payload.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Payload {
    /// Say what can be closed.
    Gather {
        /// A time: everything before it was sent.
        until: Hour,
    },
    /// Close it.
    Watch(Box<Watched>),
}

/// What `gather` answered, with the tones.
#[derive(Debug, Deserialize)]
pub struct Watched {
    from: Hour,
    until: Hour,
    #[serde(default)]
    late: u64,
    #[serde(default)]
    seq: u64,
    headlines: Vec<Headline>,
    /// For each headline its labels, as the model answers.
    classifications: Vec<Vec<Score>>,
}

/// A label of a text.
#[derive(Debug, Deserialize)]
pub struct Score {
    label: String,
    score: f64,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To `gather`.
    Gathered(Gathered),
    /// To `watch`.
    Watched {
        /// How many hours were closed.
        closed: usize,
        /// What is out of the ordinary, and was not told before.
        alerts: Vec<Alert>,
        /// For each alert a message, as the step `slack-message` takes it.
        messages: Vec<Value>,
    },
}

/// The step.
pub struct Monitor {
    companies: Companies,
    settings: Settings,
    window: i64,
    channel: String,
}

impl Step for Monitor {
    type Input = Payload;
    type Output = Answer;

    fn describe() -> Description {
        let time = json!({"type": "string", "minLength": 20, "maxLength": 40});
        Description {
            name: "finance-alerts".into(),
            summary: "Counts headlines by company and hour, and tells what is out of the ordinary".into(),
            input_schema: json!({
                "type": "object",
                "required": ["do", "until"],
                "properties": {
                    "do": {"enum": ["gather", "watch"]},
                    "from": time,
                    "until": time,
                    "late": {"type": "integer", "minimum": 0},
                    "seq": {"type": "integer", "minimum": 0},
                    "headlines": {"type": "array", "maxItems": 4096, "items": {"type": "object"}},
                    "classifications": {"type": "array", "maxItems": 4096, "items": {"type": "array"}}
                },
                "additionalProperties": false
            })
            .to_string(),
            output_schema: json!({
                "type": "object",
                "properties": {
                    "headlines": {"type": "array"},
                    "more": {"type": "boolean"},
                    "closed": {"type": "integer"},
                    "alerts": {"type": "array"},
                    "messages": {"type": "array"}
                }
            })
            .to_string(),
        }
    }

    fn new() -> Result<Self, Error> {
        let wrong = |key: &str, why: &str| Error::InvalidConfig(format!("`{key}`: {why}"));
        let list = config::get("companies")?.unwrap_or_default();
        let companies = Companies::read(&list).map_err(|why| wrong("companies", &why))?;
        let threshold = |key: &str, otherwise: f64| -> Result<f64, Error> {
            let value = config::parse_or(key, otherwise)?;
            match (1.0..=100.0).contains(&value) {
                true => Ok(value),
                false => Err(wrong(key, "a number from 1 to 100")),
            }
        };
        let hours = |key: &str, otherwise: i64| -> Result<i64, Error> {
            let value = config::parse_or(key, otherwise)?;
            match (1..=168).contains(&value) {
                true => Ok(value),
                false => Err(wrong(key, "a number from 1 to 168")),
            }
        };
        Ok(Self {
            companies,
            settings: Settings {
                thresholds: Thresholds {
                    volume: threshold("volume_threshold", 3.2)?,
                    tone: threshold("tone_threshold", 2.5)?,
                },
                quiet_hours: hours("quiet_hours", 8)?,
            },
            window: hours("window_hours", 24)?,
            channel: config::parse_or("channel", "#alerts".to_owned())?,
        })
    }

    fn run(&self, _context: &Context, payload: Payload) -> Result<Answer, Error> {
        match payload {
            Payload::Gather { until } => {
                let gathered = gather::gather(&self.companies, until, self.window)?;
                if gathered.late > 0 {
                    log::warn!(late = gathered.late; "headlines came after their hour was closed, and are not counted");
                }
                Ok(Answer::Gathered(gathered))
            }
            Payload::Watch(watched) => self.watch(*watched),
        }
    }
}

impl Monitor {
    fn watch(&self, watched: Watched) -> Result<Answer, Error> {
        let hours = watched.until.number() - watched.from.number();
        if !(0..=MOST_HOURS).contains(&hours) {
            return Err(Error::InvalidInput(format!(
                "`from` to `until` are {hours} hours; 0 to {MOST_HOURS} are closed at once"
            )));
        }
        let tones = tones(&watched.classifications)?;
        if tones.len() != watched.headlines.len() {
            let (n, m) = (watched.headlines.len(), tones.len());
            return Err(Error::InvalidInput(format!(
                "{n} `headlines` have {m} `classifications`"
            )));
        }
        let headlines: Vec<(Headline, f64)> = watched.headlines.into_iter().zip(tones).collect();
        let mut history = gather::history()?;
        let read = Read {
            late: watched.late,
            seq: watched.seq,
        };
        let span = (watched.from, watched.until);
        let (records, alerts) = close(
            &mut history,
            &self.companies,
            self.settings,
            span,
            &headlines,
            read,
        );
        let mut told = Vec::with_capacity(records.len() + alerts.len());
        for record in &records {
            let event = NewEvent::new(HOUR)
                .id(&format!("hour/{}", record.hour))
                .time(record.hour.microseconds());
            told.push(event.json(&written(record)?));
        }
        for alert in &alerts {
            let event = NewEvent::new(ALERT)
                .id(&format!("alert/{}", alert.id))
                .subject(&alert.company);
            told.push(
                event
                    .time(alert.hour.plus(1).microseconds())
                    .json(&written(alert)?),
            );
        }
        // All of them or none: an hour is never closed without its alerts.
        if !told.is_empty() {
            events::append(&told)?;
        }
        log::info!(hours = records.len(), headlines = headlines.len(), alerts = alerts.len(); "closed hours");
        let message = |alert: &Alert| json!({"channel": self.channel, "text": explain::for_slack(&alert.text)});
        Ok(Answer::Watched {
            closed: records.len(),
            messages: alerts.iter().map(message).collect(),
            alerts,
        })
    }
}

fn written(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::Other(e.to_string()))
}

/// How likely each headline is positive, less how likely it is negative.
fn tones(classifications: &[Vec<Score>]) -> Result<Vec<f64>, Error> {
    let tone = |scores: &Vec<Score>| {
        let of = |label: &str| scores.iter().find(|s| s.label == label).map(|s| s.score);
        match (of("positive"), of("negative")) {
            (Some(positive), Some(negative)) => Ok((positive - negative).clamp(-1.0, 1.0)),
            _ => Err(Error::InvalidInput(
                "the model does not give each text the labels `positive` and `negative`: train it on the labels of this example".into(),
            )),
        }
    };
    classifications.iter().map(tone).collect()
}

steward_sdk::export_step!(Monitor);
