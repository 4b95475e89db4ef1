//! The log of the host, as one more place that it goes to.

use std::fmt;

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::Telemetry;
use crate::wire::Line;

/// The most fields of a line that are told.
const MAX_FIELDS: usize = 32;
/// The longest text of a line, in characters.
const MAX_TEXT: usize = 4096;

/// Takes every line that the filter lets through.
pub struct LogLayer(pub(crate) Telemetry);

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        // What the sending itself says would be sent in turn, without end.
        let own = ["steward_telemetry", "reqwest", "hyper", "h2", "rustls"];
        if own.iter().any(|name| target.starts_with(name)) {
            return;
        }
        let (severity, number) = match *event.metadata().level() {
            Level::TRACE => ("TRACE", 1),
            Level::DEBUG => ("DEBUG", 5),
            Level::INFO => ("INFO", 9),
            Level::WARN => ("WARN", 13),
            Level::ERROR => ("ERROR", 17),
        };
        let mut line = Line {
            time: Timestamp::now(),
            severity,
            number,
            target: target.to_owned(),
            message: String::new(),
            attributes: Vec::new(),
            context: crate::current(),
        };
        event.record(&mut Fields(&mut line));
        self.0.line(line);
    }
}

struct Fields<'a>(&'a mut Line);

impl Fields<'_> {
    fn add(&mut self, field: &Field, value: String) {
        let value: String = value.chars().take(MAX_TEXT).collect();
        match field.name() {
            "message" => self.0.message = value,
            name if self.0.attributes.len() < MAX_FIELDS => {
                self.0.attributes.push((name.to_owned(), value));
            }
            _ => {}
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }
}
