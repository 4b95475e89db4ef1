//! The log of events, read page by page into as little as a question needs.

use std::collections::HashMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use steward_registry::events::{Happening, HappeningFilter, MAX_HAPPENINGS_PAGE};
use steward_registry::{EventPattern, Registry, TenantId};

use super::given::EventsWhich;
use crate::DataError;

/// The most events of one question: as JSON for the function and in its memory they take some 600 bytes each.
pub(super) const MOST_EVENTS: usize = 500_000;
/// The most people of one question.
pub(super) const MOST_PEOPLE: usize = 200_000;
/// How many types are named where one is not there.
const TYPES_NAMED: usize = 20;

/// The log of a registry.
pub(super) struct Log<'a>(pub &'a Registry);

/// What happened, without names of people: a number stands for each.
#[derive(Debug, Default)]
pub(super) struct Happened {
    types: Vec<String>,
    /// Person, type and milliseconds since 1970.
    events: Vec<(u32, u32, i64)>,
    people: HashMap<[u8; 16], u32>,
    by_type: HashMap<String, u32>,
    nameless: u64,
}

impl Log<'_> {
    /// All events of these types (none: of all) that `which` means.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for more events or people than one question takes; [`DataError::Registry`].
    pub(super) async fn read(
        &self,
        tenant: &TenantId,
        which: &EventsWhich,
        types: Vec<EventPattern>,
    ) -> Result<Happened, DataError> {
        let mut filter = HappeningFilter {
            types,
            source: which.source.clone(),
            since: which.since,
            until: which.until,
            person: which.person.clone(),
            after: 0,
        };
        let mut happened = Happened::default();
        loop {
            let page = self
                .0
                .happenings(tenant, &filter, MAX_HAPPENINGS_PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok(happened);
            };
            filter.after = last.seq;
            for one in page {
                happened.add(one);
            }
            happened.not_too_much()?;
        }
    }

    /// Whether the log has this type.
    ///
    /// # Errors
    /// [`DataError::Invalid`] where it has not, with the types that it has; [`DataError::Registry`].
    pub(super) async fn has(
        &self,
        tenant: &TenantId,
        field: &str,
        name: &str,
    ) -> Result<(), DataError> {
        if self.0.has_events_of(tenant, name).await? {
            return Ok(());
        }
        let types = self.0.event_types(tenant, TYPES_NAMED + 1).await?;
        let named: Vec<String> = types
            .iter()
            .take(TYPES_NAMED)
            .map(|one| format!("`{one}`"))
            .collect();
        let has = match named.is_empty() {
            true => "the log is empty".to_owned(),
            false => format!("the log has {}", named.join(", ")),
        };
        let more = if types.len() > TYPES_NAMED {
            " and more"
        } else {
            ""
        };
        Err(DataError::Invalid(format!(
            "`{field}`: no event of the log is of the type `{name}`; {has}{more}"
        )))
    }
}

impl Happened {
    fn add(&mut self, one: Happening) {
        let Some(person) = one.person else {
            self.nameless += 1;
            return;
        };
        // A hash of each name, so that names of any length take as much as others.
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(Sha256::digest(person.as_bytes())) {
            *to = from;
        }
        let next = number(self.people.len());
        let person = *self.people.entry(key).or_insert(next);
        let kind = match self.by_type.get(&one.event_type) {
            Some(kind) => *kind,
            None => {
                let kind = number(self.types.len());
                self.types.push(one.event_type.clone());
                self.by_type.insert(one.event_type, kind);
                kind
            }
        };
        self.events.push((person, kind, one.time.as_millisecond()));
    }

    fn not_too_much(&self) -> Result<(), DataError> {
        let (events, people) = (self.events.len(), self.people.len());
        if events <= MOST_EVENTS && people <= MOST_PEOPLE {
            return Ok(());
        }
        Err(DataError::Invalid(format!(
            "more than {MOST_EVENTS} events, or than {MOST_PEOPLE} people; narrow them by a time (`since`, `until`), by `types` or \
             by a `source`"
        )))
    }

    /// How many events there are.
    pub(super) fn events(&self) -> u64 {
        self.events.len() as u64
    }

    /// How many people did something.
    pub(super) fn people(&self) -> u64 {
        self.people.len() as u64
    }

    /// How many events do not say who did them.
    pub(super) fn nameless(&self) -> u64 {
        self.nameless
    }

    /// The times of the first and of the last event, in milliseconds since 1970.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        let times = || self.events.iter().map(|(_, _, at)| *at);
        Some((times().min()?, times().max()?))
    }

    /// As the function takes it. It learns of people by numbers, which mean nothing outside of this call.
    pub(super) fn into_list(self) -> Value {
        let Self { types, events, .. } = self;
        let event = |(person, kind, at): (u32, u32, i64)| {
            let name = usize::try_from(kind).ok().and_then(|kind| types.get(kind));
            json!({ "person": person.to_string(), "name": name, "at": at })
        };
        events.into_iter().map(event).collect()
    }
}

/// There are never so many that a number has no room: [`Happened::not_too_much`] ends it a page later at most.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happening(person: Option<&str>, event_type: &str, ms: i64) -> Happening {
        Happening {
            seq: 1,
            event_type: event_type.into(),
            time: jiff::Timestamp::from_millisecond(ms).unwrap(),
            person: person.map(str::to_owned),
        }
    }

    #[test]
    fn people_are_numbers_and_the_order_stays() {
        let mut happened = Happened::default();
        for one in [
            happening(Some("陈"), "see", 5),
            happening(None, "see", 6),
            happening(Some("ann"), "buy", 5),
            happening(Some("陈"), "buy", 4),
        ] {
            happened.add(one);
        }
        assert_eq!(
            (happened.events(), happened.people(), happened.nameless()),
            (3, 2, 1)
        );
        assert_eq!(
            happened.into_list(),
            json!([
                { "person": "0", "name": "see", "at": 5 },
                { "person": "1", "name": "buy", "at": 5 },
                { "person": "0", "name": "buy", "at": 4 },
            ])
        );
    }

    #[test]
    fn too_many_events_or_people_are_refused() {
        let events = |count: usize| Happened {
            events: vec![(0, 0, 0); count],
            ..Happened::default()
        };
        assert!(events(MOST_EVENTS).not_too_much().is_ok());
        assert!(events(MOST_EVENTS + 1).not_too_much().is_err());
        let mut people = Happened::default();
        for n in 0..=MOST_PEOPLE {
            people.add(happening(Some(&n.to_string()), "x", 0));
        }
        let error = people.not_too_much().unwrap_err().to_string();
        assert!(error.contains("200000 people; narrow"), "{error}");
    }
}
