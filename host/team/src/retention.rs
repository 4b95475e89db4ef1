//! Erases what was kept until its date.

use std::time::Duration;

use jiff::Timestamp;
use steward_registry::Registry;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(60);

/// Erases what is over, once a minute, until the future is dropped. Hosts that do so at the same time erase once.
pub async fn keep_erasing(registry: &Registry) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match registry.erase_team_overdue(Timestamp::now()).await {
            Ok(0) => {}
            Ok(accounts) => tracing::info!(accounts, "erased what a team kept until today"),
            Err(error) => tracing::warn!(%error, "what a team kept long enough cannot be erased"),
        }
    }
}
