//! `steward:events`: the log of events, of the types that the tenant granted.
//!
//! What a function appends has the function as its source, so that nobody speaks for another.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use steward_registry::events::{Appended, Event, EventFilter, EventValue, NewEvent};
use steward_registry::{EventPattern, Name, Permission, RegistryError, TenantId};
use wasmtime::component::{HasSelf, Linker};

use crate::GuestState;
use crate::bindings::steward::events::events as wit;

/// The most events of one call.
const MAX_EVENTS: usize = 1000;

/// The log, as guests reach it.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends events, all or none; when this returns they are on disk.
    ///
    /// # Errors
    /// [`RegistryError`]
    async fn append(
        &self,
        tenant: &TenantId,
        events: &[NewEvent],
        by: &str,
    ) -> Result<Vec<Appended>, RegistryError>;

    /// Events in the order of the log.
    ///
    /// # Errors
    /// [`RegistryError`]
    async fn query(
        &self,
        tenant: &TenantId,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<Vec<Event>, RegistryError>;
}

/// As whom the guest appends.
#[derive(Clone)]
pub struct Authorized {
    source: String,
    author: String,
}

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

pub(crate) fn authorize(function: &Name) -> Authorized {
    Authorized {
        source: format!("/functions/{function}"),
        author: format!("function:{function}"),
    }
}

fn told(error: RegistryError) -> wit::Error {
    match error {
        RegistryError::Invalid(why) => wit::Error::InvalidInput(why),
        error => {
            tracing::error!(%error, "the log of events does not answer a function");
            wit::Error::Unavailable("the log of events does not answer now".into())
        }
    }
}

fn invalid(text: impl Into<String>) -> wit::Error {
    wit::Error::InvalidInput(text.into())
}

fn time(microseconds: i64) -> Result<Timestamp, wit::Error> {
    Timestamp::from_microsecond(microseconds).map_err(|_| {
        invalid(format!(
            "{microseconds} microseconds since 1970 are no time of the calendar"
        ))
    })
}

impl GuestState {
    fn event_log(&self) -> Result<Arc<dyn EventLog>, wit::Error> {
        self.events
            .clone()
            .ok_or_else(|| wit::Error::Unavailable("this host keeps no events".into()))
    }

    fn may(&self, permission: &Permission) -> Result<(), wit::Error> {
        let checked = self.authorized.permitted.check(permission);
        checked.map_err(|denial| wit::Error::Denied(denial.to_string()))
    }

    async fn append_events(
        &mut self,
        events: Vec<wit::NewEvent>,
    ) -> Result<Vec<wit::Appended>, wit::Error> {
        if events.len() > MAX_EVENTS {
            return Err(invalid(format!(
                "{} events are more than {MAX_EVENTS}",
                events.len()
            )));
        }
        let mut new = Vec::with_capacity(events.len());
        for event in events {
            let exactly: EventPattern = event
                .event_type
                .parse()
                .ok()
                .filter(|types: &EventPattern| types.prefix().is_none())
                .ok_or_else(|| {
                    invalid("`event-type` is no type of events, as `com.example.order.paid`")
                })?;
            self.may(&Permission::AppendEvents(exactly))?;
            new.push(self.new_event(event)?);
        }
        let log = self.event_log()?;
        let author = &self.authorized.events.author;
        let appended = log
            .append(&self.source.tenant, &new, author)
            .await
            .map_err(told)?;
        let appended = appended.into_iter().map(|a| wit::Appended {
            seq: a.seq,
            id: a.id,
            duplicate: a.duplicate,
        });
        Ok(appended.collect())
    }

    fn new_event(&self, event: wit::NewEvent) -> Result<NewEvent, wit::Error> {
        let source = self.authorized.events.source.as_str();
        let mut new = NewEvent::new(source, event.event_type);
        if let Some(id) = event.id {
            new.id = id;
        }
        new.subject = event.subject;
        new.time = event.time.map(time).transpose()?;
        new.content_type = event.content_type;
        new.data = event.data.map(Into::into);
        for attribute in event.extensions {
            let value = EventValue::Text(attribute.value);
            if new.extensions.insert(attribute.name, value).is_some() {
                return Err(invalid("an extension attribute is there twice"));
            }
        }
        new.check().map_err(told)?;
        Ok(new)
    }

    async fn query_events(&mut self, filter: wit::Filter) -> Result<Vec<wit::Event>, wit::Error> {
        let types: EventPattern = filter
            .types
            .parse()
            .map_err(|e: steward_registry::permissions::InvalidPattern| invalid(e.to_string()))?;
        self.may(&Permission::ReadEvents(types.clone()))?;
        let limit = filter.limit as usize;
        if !(1..=MAX_EVENTS).contains(&limit) {
            return Err(invalid(format!("`limit` is 1 to {MAX_EVENTS}")));
        }
        let wanted = EventFilter {
            types: Some(types),
            subject: filter.subject,
            since: filter.since.map(time).transpose()?,
            until: filter.until.map(time).transpose()?,
            after: filter.after,
            ..EventFilter::default()
        };
        let found = self.event_log()?;
        let found = found
            .query(&self.source.tenant, &wanted, limit)
            .await
            .map_err(told)?;
        Ok(found.into_iter().map(shown).collect())
    }
}

fn shown(event: Event) -> wit::Event {
    let Event {
        seq,
        event,
        appended_at,
        ..
    } = event;
    let attribute = |(name, value): (String, EventValue)| wit::Attribute {
        name,
        value: match value {
            EventValue::Boolean(value) => value.to_string(),
            EventValue::Integer(value) => value.to_string(),
            EventValue::Text(value) => value,
        },
    };
    wit::Event {
        seq,
        id: event.id,
        source: event.source,
        event_type: event.event_type,
        subject: event.subject,
        time: event.time.unwrap_or(appended_at).as_microsecond(),
        content_type: event.content_type,
        data: event.data.map(Into::into),
        extensions: event.extensions.into_iter().map(attribute).collect(),
    }
}

impl wit::Host for GuestState {
    async fn append(
        &mut self,
        events: Vec<wit::NewEvent>,
    ) -> wasmtime::Result<Result<Vec<wit::Appended>, wit::Error>> {
        self.count_host_call()?;
        Ok(self.append_events(events).await)
    }

    async fn query(
        &mut self,
        filter: wit::Filter,
    ) -> wasmtime::Result<Result<Vec<wit::Event>, wit::Error>> {
        self.count_host_call()?;
        Ok(self.query_events(filter).await)
    }
}
