//! Events of people: who goes through steps, who comes back, by which way.
//!
//! Times are milliseconds since 1970. Events of one time stand in the order in which they are given.

mod funnel;
mod paths;
mod retention;

use std::collections::BTreeMap;

pub use funnel::{Funnel, FunnelStep};
pub use paths::{Path, Paths};
pub use retention::{Cohort, Retained, Retention, RetentionResult, Returning};

use crate::FeedbackError;
use crate::error::at_most;

/// The most events of one call.
pub const MAX_EVENTS: usize = 2_000_000;

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Who, by an opaque name.
    pub person: String,
    /// What.
    pub name: String,
    /// When.
    pub at: i64,
}

/// The events of each person, in the order of time.
fn by_person(events: &[Event]) -> Result<BTreeMap<&str, Vec<&Event>>, FeedbackError> {
    at_most("events", events.len(), MAX_EVENTS)?;
    let mut people: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        people.entry(&event.person).or_default().push(event);
    }
    for events in people.values_mut() {
        events.sort_by_key(|event| event.at);
    }
    Ok(people)
}

#[cfg(test)]
pub(crate) fn event(person: &str, name: &str, at: i64) -> Event {
    Event {
        person: person.into(),
        name: name.into(),
        at,
    }
}
