//! How an event reaches what a trigger runs.

use std::time::Duration;

use async_trait::async_trait;
use steward_registry::TenantId;
use steward_registry::events::{Event, Trigger, TriggerSpec};

/// The longest pause that whoever gets events can ask for.
pub const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// Why an event did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// It was tried, and failed.
    Failed(String),
    /// It was tried, failed, and is not to be tried before a pause.
    NotBefore {
        /// Why.
        reason: String,
        /// The shortest pause.
        pause: Duration,
    },
    /// It was refused for good: another try would fail as well, and the delivery is dead.
    Refused(String),
    /// It could not be tried: that is nobody's failure, and is not counted.
    Busy {
        /// Why.
        reason: String,
        /// When to come again.
        retry_after: Duration,
    },
}

/// Brings an event to where a trigger points. It has arrived when this returns without an error; the same event may be
/// brought again.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// Brings it once.
    ///
    /// # Errors
    /// [`Undelivered`]
    async fn deliver(
        &self,
        trigger: &Trigger,
        event: &Event,
        attempt: u32,
    ) -> Result<(), Undelivered>;

    /// Whether what a trigger points at can be delivered to, as far as that can be seen before it is written.
    ///
    /// # Errors
    /// What is wrong with it.
    async fn check(&self, tenant: &TenantId, spec: &TriggerSpec) -> Result<(), String> {
        let _ = (tenant, spec);
        Ok(())
    }
}

/// The header field that says which try this is: 1, 2, 3 …
pub const ATTEMPT: &str = "steward-attempt";
/// The header field that names the trigger.
pub const TRIGGER: &str = "steward-trigger";
