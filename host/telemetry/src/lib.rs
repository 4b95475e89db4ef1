//! Traces, logs and metrics to a collector, by [OTLP](https://opentelemetry.io/docs/specs/otlp/) over HTTP.
//!
//! Off unless the standard environment variables name a collector. What is to be sent goes into a bounded queue and is
//! dropped, and counted, where that is full: telling about a request never holds it up. One task takes batches from the
//! queue and posts them; what the collector does not take after one more try is dropped and counted as well.
//!
//! The encoding is JSON (`http/json`), which every collector takes at the same address as protobuf: it needs no
//! generated code and no other library.
//!
//! Only what is put into a [`Span`] or a log line by name leaves: no header, no query and no body is ever an attribute.
#![deny(missing_docs)]

mod config;
mod context;
mod exporter;
mod function;
mod log;
mod metrics;
mod wire;

use std::cell::RefCell;

pub use config::{Config, ConfigError};
pub use context::TraceContext;
pub use exporter::{Counts, Telemetry};
pub use function::FunctionLine;
pub use log::LogLayer;
pub use wire::{AttributeValue, Kind, Span};

/// What a piece of work is noted for.
pub type Notes = Vec<(&'static str, String)>;

/// The span that the running task works for, and what was noted for it.
struct Work {
    context: TraceContext,
    notes: RefCell<Notes>,
}

/// The most notes of one span.
const MAX_NOTES: usize = 32;

tokio::task_local! {
    static CURRENT: Work;
}

/// Runs a future as the work of a span: what it logs names the span, and what it notes comes back with its output.
pub async fn within<F: Future>(context: TraceContext, future: F) -> (F::Output, Notes) {
    let work = Work {
        context,
        notes: RefCell::default(),
    };
    let noted = async {
        let output = future.await;
        (output, CURRENT.with(|work| work.notes.take()))
    };
    CURRENT.scope(work, noted).await
}

/// The same for work that notes nothing.
pub async fn under<F: Future>(context: TraceContext, future: F) -> F::Output {
    within(context, future).await.0
}

/// The span that the running task works for.
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|work| work.context).ok()
}

/// Notes an attribute of the span that the running task works for. Without one nothing is done, and the value is not
/// even made.
pub fn note(name: &'static str, value: impl FnOnce() -> String) {
    let _ = CURRENT.try_with(|work| {
        let mut notes = work.notes.borrow_mut();
        if notes.len() < MAX_NOTES {
            notes.push((name, value()));
        }
    });
}
