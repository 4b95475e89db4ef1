//! How an event reaches what a trigger runs.

use std::time::Duration;

use async_trait::async_trait;
use steward_registry::events::{Event, Trigger};

/// Why an event did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// It was tried, and failed.
    Failed(String),
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
}

/// The header field that says which try this is: 1, 2, 3 …
pub const ATTEMPT: &str = "steward-attempt";
/// The header field that names the trigger.
pub const TRIGGER: &str = "steward-trigger";
