//! The log of events as guests reach it: the two crates do not know each other.

use async_trait::async_trait;
use steward_capabilities::events::EventLog;
use steward_registry::events::{Appended, Event, EventFilter, NewEvent};
use steward_registry::{RegistryError, TenantId};
use steward_triggers::Events;

/// Gives guests the log.
pub struct LogOfGuests(pub Events);

#[async_trait]
impl EventLog for LogOfGuests {
    async fn append(
        &self,
        tenant: &TenantId,
        events: &[NewEvent],
        by: &str,
    ) -> Result<Vec<Appended>, RegistryError> {
        self.0.append(tenant, events, by).await
    }

    async fn query(
        &self,
        tenant: &TenantId,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<Vec<Event>, RegistryError> {
        self.0.query(tenant, filter, limit).await
    }
}
