//! Which types of events are meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidPattern;
use crate::id::shown;

/// Types of events: one, as `com.example.order.paid`, all below a prefix, as `com.example.*`, or
/// all, as `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventPattern(String);

/// The longest type of an event, in bytes.
pub const MAX_EVENT_TYPE_BYTES: usize = 255;

impl EventPattern {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the types begin with, where more than one is meant: `com.example.`, or nothing for `*`.
    pub fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }

    /// Whether an event of this type is meant.
    pub fn matches(&self, event_type: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => event_type.len() > prefix.len() && event_type.starts_with(prefix),
            None => self.0 == event_type,
        }
    }

    /// Whether every type that `wanted` means is meant.
    pub fn covers(&self, wanted: &Self) -> bool {
        match wanted.0.strip_suffix('*') {
            // `a.*` covers `a.*` and `a.b.*`, though not the prefix itself.
            Some(prefix) => self
                .0
                .strip_suffix('*')
                .is_some_and(|own| prefix.starts_with(own)),
            None => self.matches(&wanted.0),
        }
    }
}

/// Whether this can be the type of an event: words of letters, digits, `-`, `_` and `/`, with dots between.
pub fn is_event_type(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/'))
    };
    (1..=MAX_EVENT_TYPE_BYTES).contains(&text.len()) && text.split('.').all(word)
}

impl FromStr for EventPattern {
    type Err = InvalidPattern;
    fn from_str(given: &str) -> Result<Self, InvalidPattern> {
        let exact = given.strip_suffix(".*").unwrap_or(given);
        if given == "*" || is_event_type(exact) {
            return Ok(Self(given.to_owned()));
        }
        Err(InvalidPattern {
            given: shown(given),
            what: "a type of events: `com.example.order.paid`, `com.example.*` or `*`",
        })
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for EventPattern {
    type Error = InvalidPattern;
    fn try_from(s: String) -> Result<Self, InvalidPattern> {
        s.parse()
    }
}

impl From<EventPattern> for String {
    fn from(pattern: EventPattern) -> Self {
        pattern.0
    }
}
