//! A log of events in memory, for native tests.

use crate::events::{Appended, Error, Event, Filter, NewEvent};

/// What a test lets the plugin append and read, by the patterns of the manifest.
#[derive(Default)]
pub(super) struct Log {
    pub(super) may_append: Vec<String>,
    pub(super) may_read: Vec<String>,
    pub(super) events: Vec<Event>,
}

/// Whether a pattern means a type, or every type that another pattern means.
fn covers(pattern: &str, wanted: &str) -> bool {
    match (pattern.strip_suffix('*'), wanted.strip_suffix('*')) {
        (Some(prefix), Some(wanted)) => wanted.starts_with(prefix),
        (Some(prefix), None) => wanted.len() > prefix.len() && wanted.starts_with(prefix),
        (None, _) => pattern == wanted,
    }
}

pub(crate) fn append(events: &[NewEvent]) -> Result<Vec<Appended>, Error> {
    let host = super::host::current();
    let mut log = host.events.borrow_mut();
    let denied = |event: &&NewEvent| !log.may_append.iter().any(|p| covers(p, &event.event_type));
    if let Some(event) = events.iter().find(denied) {
        return Err(Error::Denied(format!(
            "not granted: `[requests] append_events = [\"{}\"]`",
            event.event_type
        )));
    }
    let source = "/functions/test";
    let mut appended = Vec::new();
    for event in events {
        let number = log.events.len() as u64 + 1;
        let id = event
            .id
            .clone()
            .unwrap_or_else(|| format!("event-{number}"));
        let known = log.events.iter().find(|e| e.source == source && e.id == id);
        let (seq, duplicate) = known.map_or((number, false), |e| (e.seq, true));
        if !duplicate {
            log.events.push(Event {
                seq,
                id: id.clone(),
                source: source.into(),
                event_type: event.event_type.clone(),
                subject: event.subject.clone(),
                time: event.time.unwrap_or(0),
                content_type: event.content_type.clone(),
                data: event.data.clone(),
                extensions: event.extensions.clone(),
            });
        }
        appended.push(Appended { seq, id, duplicate });
    }
    Ok(appended)
}

pub(crate) fn query(filter: &Filter) -> Result<Vec<Event>, Error> {
    let host = super::host::current();
    let log = host.events.borrow();
    if !log.may_read.iter().any(|p| covers(p, &filter.types)) {
        return Err(Error::Denied(format!(
            "not granted: `[requests] read_events = [\"{}\"]`",
            filter.types
        )));
    }
    let meant = |event: &&Event| {
        covers(&filter.types, &event.event_type)
            && filter
                .subject
                .as_ref()
                .is_none_or(|s| event.subject.as_ref() == Some(s))
            && filter.since.is_none_or(|since| event.time >= since)
            && filter.until.is_none_or(|until| event.time < until)
            && event.seq > filter.after
    };
    let found = log.events.iter().filter(meant).take(filter.limit as usize);
    Ok(found.cloned().collect())
}

#[cfg(test)]
mod tests {
    use crate::events::{self, Error, Filter, NewEvent};
    use crate::testing::Host;

    #[test]
    fn a_plugin_finds_what_it_appended() {
        let host = Host::new().append_events("a.*").read_events("a.b").enter();
        let event = NewEvent::new("a.b").id("1").subject("s").json("{}");
        let first = events::append(&[event.clone(), NewEvent::new("a.c")]).unwrap();
        assert_eq!(first.iter().map(|a| a.seq).collect::<Vec<_>>(), [1, 2]);
        assert!(events::append(&[event]).unwrap()[0].duplicate);
        let found = events::query(&Filter::types("a.b").subject("s")).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].data.as_deref(), Some(b"{}".as_slice()));
        assert!(
            events::query(&Filter::types("a.b").after(1))
                .unwrap()
                .is_empty()
        );
        assert_eq!(host.events().len(), 2);
        assert!(matches!(
            events::append(&[NewEvent::new("b")]),
            Err(Error::Denied(_))
        ));
        assert!(matches!(
            events::query(&Filter::types("a.*")),
            Err(Error::Denied(_))
        ));
    }
}
