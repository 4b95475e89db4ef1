//! What is counted of outgoing requests.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::EgressError;

/// The ways in which a request ends; an [`EgressError`] is one of them by its [`reason`](EgressError::reason).
const OUTCOMES: [&str; 19] = [
    ANSWERED,
    DENIED,
    ABANDONED,
    "invalid-uri",
    "invalid-method",
    "invalid-length",
    "request-head-too-large",
    "blocked",
    "no-such-host",
    "connect",
    "tls",
    "connect-timeout",
    "first-byte-timeout",
    "between-bytes-timeout",
    "deadline",
    "too-many",
    "response-head-too-large",
    "incomplete",
    OTHER,
];

const ANSWERED: &str = "answered";
const DENIED: &str = "denied";
const ABANDONED: &str = "abandoned";
const OTHER: &str = "other";

/// What was counted since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressStats {
    /// How many requests ended in which way: `answered` with the head of an answer, `denied` without a grant,
    /// `abandoned` by their function, or by the [`reason`](EgressError::reason) for which they failed.
    pub requests: Vec<(&'static str, u64)>,
    /// Bodies of answers that broke off.
    pub broken_off: u64,
    /// Bodies of requests, in bytes.
    pub sent_bytes: u64,
    /// Bodies of answers, in bytes.
    pub received_bytes: u64,
    /// Connections that are open now, those that wait for a next request included.
    pub connections: usize,
}

impl EgressError {
    /// The word for it in figures.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::InvalidUri(_) => "invalid-uri",
            Self::InvalidMethod => "invalid-method",
            Self::InvalidLength => "invalid-length",
            Self::RequestHeadTooLarge(_) => "request-head-too-large",
            Self::Blocked { .. } => "blocked",
            Self::NoSuchHost => "no-such-host",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::ConnectTimeout => "connect-timeout",
            Self::FirstByteTimeout => "first-byte-timeout",
            Self::BetweenBytesTimeout => "between-bytes-timeout",
            Self::Deadline => "deadline",
            Self::TooMany => "too-many",
            Self::ResponseHeadTooLarge => "response-head-too-large",
            Self::Incomplete => "incomplete",
            Self::RequestBody | Self::Protocol(_) => OTHER,
        }
    }
}

/// Counted by whoever sends, read by whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: [AtomicU64; OUTCOMES.len()],
    broken_off: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counters {
    pub(crate) fn ended(&self, outcome: &str) {
        let place = OUTCOMES.iter().position(|known| *known == outcome);
        let place = place.unwrap_or(OUTCOMES.len() - 1);
        self.requests[place].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn denied(&self) {
        self.ended(DENIED);
    }

    pub(crate) fn broken_off(&self) {
        self.broken_off.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, connections: usize) -> EgressStats {
        let requests = OUTCOMES.into_iter().zip(&self.requests);
        EgressStats {
            requests: requests
                .map(|(outcome, count)| (outcome, count.load(Ordering::Relaxed)))
                .filter(|(_, count)| *count > 0)
                .collect(),
            broken_off: self.broken_off.load(Ordering::Relaxed),
            sent_bytes: self.sent.load(Ordering::Relaxed),
            received_bytes: self.received.load(Ordering::Relaxed),
            connections,
        }
    }
}

/// Counts one request when it has ended, however that was.
pub(crate) struct Counting<'a> {
    counters: &'a Counters,
    outcome: &'static str,
}

impl<'a> Counting<'a> {
    /// Abandoned, unless something else is said.
    pub(crate) fn begin(counters: &'a Counters) -> Self {
        Self {
            counters,
            outcome: ABANDONED,
        }
    }

    pub(crate) fn end<T>(mut self, result: Result<T, EgressError>) -> Result<T, EgressError> {
        self.outcome = match &result {
            Ok(_) => ANSWERED,
            Err(error) => error.reason(),
        };
        result
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.counters.ended(self.outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        let io = || std::io::Error::other("x");
        let errors = [
            EgressError::InvalidUri("x"),
            EgressError::InvalidMethod,
            EgressError::InvalidLength,
            EgressError::RequestHeadTooLarge(1),
            EgressError::Blocked {
                host: "x".into(),
                what: "x",
            },
            EgressError::NoSuchHost,
            EgressError::Connect(io()),
            EgressError::Tls(io()),
            EgressError::ConnectTimeout,
            EgressError::FirstByteTimeout,
            EgressError::BetweenBytesTimeout,
            EgressError::Deadline,
            EgressError::TooMany,
            EgressError::ResponseHeadTooLarge,
            EgressError::Incomplete,
            EgressError::RequestBody,
        ];
        let counters = Counters::default();
        let count = errors.len();
        for error in errors {
            let _ = Counting::begin(&counters).end::<()>(Err(error));
        }
        drop(Counting::begin(&counters));
        let read = counters.read(0).requests;
        assert_eq!(read.len(), count + 1);
        assert!(read.iter().all(|(_, count)| *count == 1), "{read:?}");
    }
}
