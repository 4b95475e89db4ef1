//! [`Events`]: the log as everybody above it reaches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use steward_registry::events::{Appended, Event, EventFilter, NewEvent};
use steward_registry::{Name, Registry, RegistryError, TenantId};
use tokio::sync::Notify;

/// The log of events. Whoever appends wakes what delivers on this host. Cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<Inner>);

struct Inner {
    registry: Registry,
    wake: Notify,
    appended: AtomicU64,
}

impl Events {
    /// The log in this registry.
    pub fn new(registry: Registry) -> Self {
        Self(Arc::new(Inner {
            registry,
            wake: Notify::new(),
            appended: AtomicU64::new(0),
        }))
    }

    /// Appends events; when this returns they are on disk, and will be delivered.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub async fn append(
        &self,
        tenant: &TenantId,
        events: &[NewEvent],
        by: &str,
    ) -> Result<Vec<Appended>, RegistryError> {
        self.append_to(tenant, events, None, by).await
    }

    pub(crate) async fn append_to(
        &self,
        tenant: &TenantId,
        events: &[NewEvent],
        to: Option<&Name>,
        by: &str,
    ) -> Result<Vec<Appended>, RegistryError> {
        for event in events {
            event.check()?;
        }
        let appended = self
            .0
            .registry
            .append_events(tenant, events, to, by)
            .await?;
        let new = appended.iter().filter(|a| !a.duplicate).count();
        self.0.appended.fetch_add(new as u64, Ordering::Relaxed);
        if new > 0 {
            self.wake();
        }
        Ok(appended)
    }

    /// Events in the order of the log.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub async fn query(
        &self,
        tenant: &TenantId,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<Vec<Event>, RegistryError> {
        self.0.registry.events(tenant, filter, limit).await
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// There may be something to deliver: what was appended by another way than this.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.0.wake.notified().await;
    }

    pub(crate) fn appended(&self) -> u64 {
        self.0.appended.load(Ordering::Relaxed)
    }
}
