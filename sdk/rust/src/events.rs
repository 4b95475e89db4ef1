//! The log of events of the tenant: append to it, query it. For functions.
//!
//! Types must be requested in `steward.toml` and granted by the deployment:
//!
//! ```toml
//! [requests]
//! append_events = ["com.example.order.*"]
//! read_events = ["com.example.order.paid"]
//! ```
//!
//! ```no_run
//! use steward_sdk::events::{self, Filter, NewEvent};
//!
//! let paid = NewEvent::new("com.example.order.paid")
//!     .id("order-7-paid")
//!     .subject("order/7")
//!     .json(r#"{"amount": 3}"#);
//! let appended = events::append(&[paid])?;
//! let before = events::query(&Filter::types("com.example.order.paid").subject("order/7"))?;
//! println!("{} and {} before", appended[0].seq, before.len());
//! # Ok::<(), events::Error>(())
//! ```
//!
//! A function that a trigger runs gets its event as a request in the binary mode of CloudEvents over HTTP: the attributes are
//! the header fields `ce-id`, `ce-source`, `ce-type`, `ce-subject` and so on, the data is the body. Every status from 200 to
//! 299 says that it is done; anything else, and it comes again. It may come again in any case: `ce-source` and `ce-id` tell.

#[cfg(target_family = "wasm")]
use crate::bindings::imports::steward::events::events as wit;
pub use crate::bindings::imports::steward::events::events::{
    Appended, Attribute, Error, Event, Filter, NewEvent,
};

impl NewEvent {
    /// An event of this type, with nothing but what it must have.
    pub fn new(event_type: &str) -> Self {
        Self {
            id: None,
            event_type: event_type.into(),
            subject: None,
            time: None,
            content_type: None,
            data: None,
            extensions: Vec::new(),
        }
    }

    /// With this id: appended again, it is the same event and changes nothing.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.into());
        self
    }

    /// About this subject.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Of this time, in microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn time(mut self, microseconds: i64) -> Self {
        self.time = Some(microseconds);
        self
    }

    /// With data of a media type.
    #[must_use]
    pub fn data(mut self, content_type: &str, data: impl Into<Vec<u8>>) -> Self {
        self.content_type = Some(content_type.into());
        self.data = Some(data.into());
        self
    }

    /// With JSON as data.
    #[must_use]
    pub fn json(self, json: &str) -> Self {
        self.data("application/json", json)
    }

    /// With an attribute beside those of the specification.
    #[must_use]
    pub fn extension(mut self, name: &str, value: &str) -> Self {
        self.extensions.push(Attribute {
            name: name.into(),
            value: value.into(),
        });
        self
    }
}

impl Filter {
    /// Events of these types, from the begin of the log on, at most 100.
    pub fn types(types: &str) -> Self {
        Self {
            types: types.into(),
            subject: None,
            since: None,
            until: None,
            after: 0,
            limit: 100,
        }
    }

    /// About this subject.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Of this time or later, in microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn since(mut self, microseconds: i64) -> Self {
        self.since = Some(microseconds);
        self
    }

    /// Before this time, in microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn until(mut self, microseconds: i64) -> Self {
        self.until = Some(microseconds);
        self
    }

    /// Behind this number in the log.
    #[must_use]
    pub fn after(mut self, seq: u64) -> Self {
        self.after = seq;
        self
    }

    /// At most so many: 1 to 1,000.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }
}

/// Appends events, in this order, all of them or none. When it returns, they are on disk.
///
/// # Errors
/// [`Error::Denied`], [`Error::InvalidInput`], [`Error::Unavailable`].
pub fn append(events: &[NewEvent]) -> Result<Vec<Appended>, Error> {
    #[cfg(target_family = "wasm")]
    return wit::append(events);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::events::append(events)
}

/// Events in the order of the log.
///
/// # Errors
/// [`Error::Denied`], [`Error::InvalidInput`], [`Error::Unavailable`].
pub fn query(filter: &Filter) -> Result<Vec<Event>, Error> {
    #[cfg(target_family = "wasm")]
    return wit::query(filter);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::events::query(filter)
}
