//! What the gateway counts. Counting is a few atomic additions at fixed places; names and labels
//! exist only when somebody asks for `/metrics`.

mod egress;
mod exposition;
mod histogram;
mod inference;
mod models;
mod runs;
mod telemetry;
mod triggers;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;

pub(crate) use exposition::{CONTENT_TYPE, exposition};
use histogram::Histogram;

/// Which part of the interface a path belongs to. Few and fixed, so that no client can make the
/// number of time series grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Invoke,
    Plugins,
    Functions,
    Models,
    Keys,
    Usage,
    Me,
    System,
    Other,
}

impl Class {
    const ALL: [Self; 9] = [
        Self::Invoke,
        Self::Plugins,
        Self::Functions,
        Self::Models,
        Self::Keys,
        Self::Usage,
        Self::Me,
        Self::System,
        Self::Other,
    ];

    pub fn of(path: &str) -> Self {
        if path.starts_with(crate::invoke::PREFIX) {
            return Self::Invoke;
        }
        let Some(api) = path.strip_prefix("/api/v1/") else {
            return match path {
                "/" | "/livez" | "/readyz" | "/metrics" | "/openapi.json" => Self::System,
                path if path.starts_with(crate::console::PREFIX) => Self::System,
                _ => Self::Other,
            };
        };
        match api.split('/').next() {
            Some("plugins") => Self::Plugins,
            Some("functions") => Self::Functions,
            Some("models") => Self::Models,
            Some("keys") => Self::Keys,
            Some("usage") => Self::Usage,
            Some("me") => Self::Me,
            _ => Self::Other,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Plugins => "plugins",
            Self::Functions => "functions",
            Self::Models => "models",
            Self::Keys => "keys",
            Self::Usage => "usage",
            Self::Me => "me",
            Self::System => "system",
            Self::Other => "other",
        }
    }
}

/// Statuses from 100 to 599. A guest may answer with others; they are counted as 599.
const STATUSES: usize = 500;

struct ClassMetrics {
    statuses: Box<[AtomicU64]>,
    latency: Histogram,
}

/// Requests and connections since the start.
pub(crate) struct HttpMetrics {
    classes: [ClassMetrics; Class::ALL.len()],
    running: AtomicI64,
    connections: AtomicI64,
}

impl HttpMetrics {
    pub fn new() -> Self {
        Self {
            classes: std::array::from_fn(|_| ClassMetrics {
                statuses: (0..STATUSES).map(|_| AtomicU64::new(0)).collect(),
                latency: Histogram::default(),
            }),
            running: AtomicI64::new(0),
            connections: AtomicI64::new(0),
        }
    }

    /// Counts an answer. The time is that to the head of the answer; a body may stream on.
    pub fn answered(&self, class: Class, status: StatusCode, after: Duration) {
        let metrics = &self.classes[class as usize];
        let place = usize::from(status.as_u16()).clamp(100, 99 + STATUSES) - 100;
        metrics.statuses[place].fetch_add(1, Ordering::Relaxed);
        metrics.latency.observe(after);
    }

    /// One more request is in work until the guard is dropped.
    pub fn request(&self) -> Held<'_> {
        Held::new(&self.running)
    }

    /// One more connection is open until the guard is dropped.
    pub fn connection(&self) -> Held<'_> {
        Held::new(&self.connections)
    }
}

/// Keeps a gauge one higher.
pub(crate) struct Held<'a>(&'a AtomicI64);

impl<'a> Held<'a> {
    fn new(gauge: &'a AtomicI64) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(gauge)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_own_place() {
        for (place, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, place);
        }
        for (path, class) in [
            ("/f/a/b", Class::Invoke),
            ("/api/v1/plugins", Class::Plugins),
            ("/api/v1/models/m/embed", Class::Models),
            ("/api/v1/plugins-of-others", Class::Other),
            ("/", Class::System),
            ("/console/app.js", Class::System),
            ("/favicon.ico", Class::Other),
        ] {
            assert_eq!(Class::of(path), class, "{path}");
        }
    }

    #[test]
    fn a_status_outside_of_the_table_is_counted_all_the_same() {
        let metrics = HttpMetrics::new();
        metrics.answered(
            Class::Invoke,
            StatusCode::from_u16(999).unwrap(),
            Duration::ZERO,
        );
        metrics.answered(Class::Invoke, StatusCode::OK, Duration::ZERO);
        let statuses = &metrics.classes[Class::Invoke as usize].statuses;
        assert_eq!(statuses[499].load(Ordering::Relaxed), 1);
        assert_eq!(statuses[100].load(Ordering::Relaxed), 1);
    }
}
