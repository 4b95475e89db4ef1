//! What makes a function run, beside a call with a key: events, schedules, webhooks and routes.
//!
//! [`Triggers`] is the whole of it. Events go into a log that is only appended to; with each event, in the same transaction,
//! a delivery is written for every trigger that asks for its type. Hosts take deliveries with a lease, call the function,
//! and remove what arrived; what fails is tried again with growing pauses, and kept as a dead letter in the end. A host
//! that is killed loses its leases and nothing else. So every acknowledged event is delivered at least once.
//!
//! Schedules and webhooks append an event for themselves, and go the same way from there.
//!
//! [`schedule`], [`webhook`], [`cloudevents`] and [`paths`] are pure functions of their input, for whoever needs the same.
#![deny(missing_docs)]

pub mod check_ins;
pub mod cloudevents;
pub mod deliver;
mod error;
mod events;
pub mod fire;
pub mod paths;
mod receive;
mod rules;
mod run;
pub mod schedule;
mod secrets;
mod triggers;
pub mod webhook;

pub use error::TriggersError;
pub use events::Events;
pub use receive::{Received, Refused};
pub use rules::check;
pub use run::pause;
pub use secrets::{SecretError, Secrets};
pub use triggers::{Triggers, TriggersConfig, TriggersStats};
