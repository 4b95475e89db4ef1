//! The queue, and the task that empties it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use crate::wire::{self, Line, Span};
use crate::{Config, FunctionLine, LogLayer, TraceContext, metrics};

/// How long a collector that is busy gets before the one more try.
const PAUSE: Duration = Duration::from_millis(500);

/// What was sent, and what was not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spans and log lines that a collector took.
    pub sent: u64,
    /// Spans and log lines for which the queue had no room.
    pub dropped: u64,
    /// Spans and log lines that no collector took.
    pub failed: u64,
}

/// Where spans and log lines are handed in. Cheap to clone; handing in never waits.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

struct Inner {
    queue: mpsc::Sender<Item>,
    config: Config,
    /// Asks for a report of the metrics before its time.
    reporter: OnceLock<mpsc::Sender<oneshot::Sender<()>>>,
    sent: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

enum Item {
    Span(Box<Span>),
    Line(Box<Line>),
    /// Everything before it is sent, then this is answered.
    Flush(oneshot::Sender<()>),
}

/// What the metrics are read from: the text of `/metrics`.
type Exposition = Box<dyn Fn() -> Option<String> + Send + Sync>;

impl Telemetry {
    /// Starts the task that sends, on the runtime that this is called on.
    ///
    /// # Errors
    /// That of the HTTP client.
    pub fn start(config: Config) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(config.timeout)
            // A redirect would carry the header fields, with a key among them, to a place nobody has named.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("steward/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let (queue, items) = mpsc::channel(config.queue);
        let telemetry = Self(Arc::new(Inner {
            queue,
            config,
            reporter: OnceLock::new(),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }));
        let sender = Sender {
            resource: wire::resource(&telemetry.0.config),
            // The task holds the counts alone weakly: it ends when nobody can hand anything in.
            inner: Arc::downgrade(&telemetry.0),
            config: telemetry.0.config.clone(),
            http,
        };
        tokio::spawn(sender.run(items));
        Ok(telemetry)
    }

    /// Reports the metrics from now on, every interval, and once more when all is sent ([`Telemetry::flush`]). Further calls
    /// do nothing.
    pub fn report(&self, exposition: impl Fn() -> Option<String> + Send + Sync + 'static) {
        let Some(url) = self.0.config.metrics.clone() else {
            return;
        };
        let (inner, exposition): (_, Exposition) = (Arc::downgrade(&self.0), Box::new(exposition));
        let begin = Timestamp::now();
        let http = reqwest::Client::builder()
            .timeout(self.0.config.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let Ok(http) = http else { return };
        let (reporter, mut asked) = mpsc::channel(1);
        if self.0.reporter.set(reporter).is_err() {
            return;
        }
        tokio::spawn(async move {
            loop {
                let Some(interval) = inner.upgrade().map(|inner| inner.config.interval) else {
                    return;
                };
                // Nobody can ask any more once nothing can be handed in, and then this ends.
                let done: Option<oneshot::Sender<()>> = tokio::select! {
                    () = tokio::time::sleep(interval) => None,
                    done = asked.recv() => done,
                };
                // Alone what is needed to send: a slow collector must not keep the queue alive.
                let Some(config) = inner.upgrade().map(|inner| inner.config.clone()) else {
                    return;
                };
                if let Some(text) = exposition() {
                    let read = metrics::read(&text, begin, Timestamp::now());
                    let body = wire::metrics(&wire::resource(&config), read);
                    let _ = post(&http, &config, &url, &body).await;
                }
                if let Some(done) = done {
                    let _ = done.send(());
                }
            }
        });
    }

    /// The span of a request: below the caller's, or the first of a new trace, of which a share is told.
    pub fn begin(&self, traceparent: Option<&str>) -> (TraceContext, Option<TraceContext>) {
        match traceparent.and_then(TraceContext::parse) {
            Some(caller) => (caller.child(), Some(caller)),
            None => {
                let sampled = rand::random::<f64>() < self.0.config.ratio;
                (TraceContext::begin(sampled), None)
            }
        }
    }

    /// Whether a trace of this id, which begins here, is told of: the same each time it is asked, from the last seven bytes of
    /// the id, as OpenTelemetry's sampler by ratio has it.
    pub fn samples(&self, trace: [u8; 16]) -> bool {
        let drawn = u128::from_be_bytes(trace) & ((1 << 56) - 1);
        drawn < (self.0.config.ratio * (1u64 << 56) as f64) as u128
    }

    /// The span of work that the host does for the one that the running task works for; without one, the first of a
    /// new trace.
    pub fn begin_below(&self) -> (TraceContext, Option<TraceContext>) {
        match crate::current() {
            Some(above) => (above.child(), Some(above)),
            None => self.begin(None),
        }
    }

    /// Hands a span in.
    pub fn span(&self, span: Span) {
        if span.context.is_sampled() && self.0.config.traces.is_some() {
            self.hand_in(Item::Span(Box::new(span)));
        }
    }

    pub(crate) fn line(&self, line: Line) {
        if self.0.config.logs.is_some() {
            self.hand_in(Item::Line(Box::new(line)));
        }
    }

    /// Whether the lines of functions are sent, which is where the operator asks for it.
    pub fn tells_function_lines(&self) -> bool {
        self.0.config.function_logs && self.0.config.logs.is_some()
    }

    /// Hands in a line that a function logged, where such lines are sent.
    pub fn function_line(&self, line: &FunctionLine<'_>) {
        if !self.tells_function_lines() {
            return;
        }
        // Functions may log as much as they like: half of the queue stays for what the host tells.
        if self.0.queue.capacity() <= self.0.queue.max_capacity() / 2 {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.hand_in(Item::Line(Box::new(line.to_line())));
    }

    fn hand_in(&self, item: Item) {
        if self.0.queue.try_send(item).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A layer that hands in what is logged; none where no collector takes logs.
    pub fn log_layer(&self) -> Option<LogLayer> {
        let wanted = self.0.config.logs.is_some();
        wanted.then(|| LogLayer(self.clone()))
    }

    /// What was sent so far, and what was not.
    pub fn counts(&self) -> Counts {
        Counts {
            sent: self.0.sent.load(Ordering::Relaxed),
            dropped: self.0.dropped.load(Ordering::Relaxed),
            failed: self.0.failed.load(Ordering::Relaxed),
        }
    }

    /// Sends what was handed in and the metrics as they are now, and waits for it no longer than this.
    pub async fn flush(&self, within: Duration) {
        let items = async {
            let (sender, receiver) = oneshot::channel();
            if self.0.queue.send(Item::Flush(sender)).await.is_ok() {
                let _ = receiver.await;
            }
        };
        let figures = async {
            let Some(reporter) = self.0.reporter.get() else {
                return;
            };
            let (sender, receiver) = oneshot::channel();
            if reporter.send(sender).await.is_ok() {
                let _ = receiver.await;
            }
        };
        let _ = tokio::time::timeout(within, async { tokio::join!(items, figures) }).await;
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Telemetry").field(&self.0.config).finish()
    }
}

struct Sender {
    inner: std::sync::Weak<Inner>,
    config: Config,
    resource: Value,
    http: reqwest::Client,
}

impl Sender {
    async fn run(self, mut items: mpsc::Receiver<Item>) {
        let (mut spans, mut lines) = (Vec::new(), Vec::new());
        let mut tick =
            tokio::time::interval_at(Instant::now() + self.config.delay, self.config.delay);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let flushed = tokio::select! {
                item = items.recv() => match item {
                    Some(Item::Span(span)) => {
                        spans.push(*span);
                        if spans.len() < self.config.batch { continue }
                        None
                    }
                    Some(Item::Line(line)) => {
                        lines.push(*line);
                        if lines.len() < self.config.batch { continue }
                        None
                    }
                    Some(Item::Flush(done)) => Some(done),
                    None => return,
                },
                _ = tick.tick() => None,
            };
            if !spans.is_empty() {
                let body = wire::traces(&self.resource, &spans);
                self.send(&self.config.traces, &body, spans.len()).await;
                spans.clear();
            }
            if !lines.is_empty() {
                let body = wire::logs(&self.resource, &lines);
                self.send(&self.config.logs, &body, lines.len()).await;
                lines.clear();
            }
            if let Some(done) = flushed {
                let _ = done.send(());
            }
        }
    }

    async fn send(&self, url: &Option<Url>, body: &Value, items: usize) {
        let took = match url {
            Some(url) => post(&self.http, &self.config, url, body).await,
            None => false,
        };
        if let Some(inner) = self.inner.upgrade() {
            let count = if took { &inner.sent } else { &inner.failed };
            count.fetch_add(items as u64, Ordering::Relaxed);
        }
    }
}

/// Posts a batch, once more where the collector is busy; whether it was taken.
async fn post(http: &reqwest::Client, config: &Config, url: &Url, body: &Value) -> bool {
    let body = body.to_string();
    for try_ in 0..2 {
        let request = http
            .post(url.clone())
            .headers(config.headers.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body.clone());
        match request.send().await.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => return true,
            // What the standard says to try again; everything else would fail again.
            Ok(status) if ![429, 502, 503, 504].contains(&status.as_u16()) => {
                tracing::debug!(%status, "the collector refuses");
                return false;
            }
            Ok(_) | Err(_) if try_ == 0 => tokio::time::sleep(PAUSE).await,
            Ok(status) => tracing::debug!(%status, "the collector is busy"),
            // Without the address, which may hold a password.
            Err(error) => {
                tracing::debug!(error = %error.without_url(), "the collector does not answer")
            }
        }
    }
    false
}

#[cfg(test)]
mod tests;
