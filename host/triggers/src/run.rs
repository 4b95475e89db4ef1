//! What goes on in the background: deliveries, schedules, check-ins, and what is forgotten.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use steward_registry::events::{Backoff, Delivery, Finished, Outcome, Trigger};
use steward_registry::{RegistryError, TenantId};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::Triggers;
use crate::deliver::Undelivered;

/// How often the registry is asked, where nothing wakes this host: what other hosts append is seen so late.
const PERIOD: Duration = Duration::from_millis(500);
/// How long a delivery belongs to a host that says nothing more of itself.
const LEASE: Duration = Duration::from_secs(10);
/// How often it says so.
const RENEW: Duration = Duration::from_secs(3);
/// Deliveries that run on one host at the same time.
const MAX_RUNNING: usize = 64;
/// Of one tenant: what is slow for one leaves room for the others.
const MAX_OF_A_TENANT: usize = MAX_RUNNING / 2;
/// How often what waits is counted for metrics.
const COUNT: Duration = Duration::from_secs(5);
/// How often is looked for what is to be forgotten.
const FORGET: Duration = Duration::from_secs(600);

impl Triggers {
    /// Delivers, fires schedules, asks for check-ins and forgets, until the future is dropped.
    pub async fn run(&self) {
        tokio::join!(
            self.keep_up_to_date(),
            self.keep_delivering(),
            self.keep_writing(),
            self.keep_renewing(),
            self.keep_firing(),
            self.keep_asking(),
            self.keep_counting(),
            self.keep_forgetting(),
        );
    }

    /// Waits until nothing runs that was begun, and writes down what became of it. What still runs when the future is
    /// dropped is delivered again, by this host or another.
    pub async fn drain(&self) {
        loop {
            // Before the look at what runs: whatever ends behind it notifies.
            let ended = self.0.ended.notified();
            let idle = self.0.running.load(Ordering::Acquire) == 0;
            if let Err(error) = self.write_finished().await {
                tracing::warn!(%error, "what became of deliveries is not written; they are delivered again");
                return;
            }
            if idle {
                return;
            }
            ended.await;
        }
    }

    async fn keep_up_to_date(&self) {
        let mut failing = Outage::default();
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            failing.saw(
                self.refresh().await,
                "the triggers cannot be read; serving what is known",
            );
        }
    }

    async fn keep_delivering(&self) {
        let mut failing = Outage::default();
        loop {
            let room = MAX_RUNNING.saturating_sub(self.0.running.load(Ordering::Acquire));
            let taken = match room {
                0 => Ok(0),
                _ => self.take(room).await,
            };
            let idle = !matches!(taken, Ok(taken) if taken > 0);
            failing.saw(
                taken,
                "nothing can be delivered: the registry does not answer",
            );
            if idle {
                // Whoever appends or ends a delivery wakes this, and what is due again soon; other hosts do not.
                let _ = timeout(PERIOD, self.0.events.woken()).await;
            }
        }
    }

    /// Takes what is due and begins with it. How many.
    async fn take(&self, room: usize) -> Result<usize, RegistryError> {
        let snapshot = self.0.snapshot.load_full();
        let taken = self
            .registry()
            .claim_deliveries(&snapshot.triggers, &self.0.host, LEASE, room, &|tenant| {
                MAX_OF_A_TENANT.saturating_sub(self.running_of(tenant))
            })
            .await?;
        let count = taken.len();
        for delivery in taken {
            let trigger = snapshot
                .triggers
                .iter()
                .find(|t| t.tenant == delivery.tenant && t.name == delivery.trigger);
            let Some(trigger) = trigger.cloned() else {
                continue;
            };
            self.0.running.fetch_add(1, Ordering::AcqRel);
            self.0.held.lock().insert(delivery.key());
            *self
                .0
                .tenants
                .lock()
                .entry(trigger.tenant.clone())
                .or_default() += 1;
            let triggers = self.clone();
            tokio::spawn(async move { triggers.deliver(trigger, delivery).await });
        }
        Ok(count)
    }

    fn running_of(&self, tenant: &TenantId) -> usize {
        self.0.tenants.lock().get(tenant).copied().unwrap_or(0)
    }

    fn ended_of(&self, tenant: &TenantId) {
        let mut tenants = self.0.tenants.lock();
        if let Some(running) = tenants.get_mut(tenant) {
            *running = running.saturating_sub(1);
            if *running == 0 {
                tenants.remove(tenant);
            }
        }
    }

    async fn deliver(&self, trigger: Trigger, delivery: Delivery) {
        let rules = &trigger.spec.delivery;
        let attempt = delivery.attempt;
        let result = if attempt > rules.attempts {
            // Counted when it was begun, and never ended: it may be what ended the host.
            Err(Undelivered::Failed(
                "the host ended while it was delivered".into(),
            ))
        } else {
            let (deliver, trigger, event) = (
                Arc::clone(&self.0.deliver),
                trigger.clone(),
                delivery.event.clone(),
            );
            // A task of its own: a panic is this delivery's failure and nobody else's.
            let task =
                tokio::spawn(async move { deliver.deliver(&trigger, &event, attempt).await });
            task.await.unwrap_or_else(|_| {
                Err(Undelivered::Failed(
                    "the host failed while it was delivered".into(),
                ))
            })
        };
        let counted = &self.0.counted;
        let outcome = match result {
            Ok(()) => {
                counted.delivered.fetch_add(1, Ordering::Relaxed);
                Outcome::Done
            }
            Err(Undelivered::Busy {
                reason,
                retry_after,
            }) => Outcome::Later {
                error: reason,
                pause: retry_after,
            },
            Err(Undelivered::Failed(error)) => {
                self.tried(&trigger, &delivery, error, Some(Duration::ZERO))
            }
            Err(Undelivered::NotBefore { reason, pause }) => {
                self.tried(&trigger, &delivery, reason, Some(pause))
            }
            Err(Undelivered::Refused(error)) => self.tried(&trigger, &delivery, error, None),
        };
        self.0
            .finished
            .lock()
            .push(Finished::of(&delivery, outcome));
        self.ended_of(&delivery.tenant);
        self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_waiters();
        self.0.ended.notify_one();
    }

    /// What becomes of a delivery whose try failed: another one after a pause of at least `least`, or none.
    fn tried(
        &self,
        trigger: &Trigger,
        delivery: &Delivery,
        error: String,
        least: Option<Duration>,
    ) -> Outcome {
        let (counted, rules) = (&self.0.counted, &trigger.spec.delivery);
        counted.failed.fetch_add(1, Ordering::Relaxed);
        match least.filter(|_| delivery.attempt < rules.attempts) {
            Some(least) => Outcome::Again {
                error,
                pause: pause(&rules.backoff, delivery.attempt, rand::random()).max(least),
            },
            None => {
                counted.dead.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    tenant = %trigger.tenant, trigger = %trigger.name, seq = delivery.event.seq, error, "a delivery is dead"
                );
                Outcome::Dead { error }
            }
        }
    }

    async fn keep_writing(&self) {
        let mut failing = Outage::default();
        loop {
            // Also where nobody notified: a write that failed is tried again.
            let _ = timeout(PERIOD, self.0.ended.notified()).await;
            let written = self.write_finished().await;
            failing.saw(written, "what became of deliveries cannot be written yet");
        }
    }

    /// Writes down what became of deliveries, all that have ended at once.
    async fn write_finished(&self) -> Result<(), RegistryError> {
        let _alone = self.0.writing.lock().await;
        let ended = self.0.finished.lock().clone();
        if ended.is_empty() {
            return Ok(());
        }
        // Renewed no more from here on: what is to be tried again may be taken again before this goes on.
        let keys: Vec<_> = ended.iter().map(Finished::key).collect();
        self.0.held.lock().retain(|key| !keys.contains(key));
        let written = self.registry().finish_deliveries(&self.0.host, &ended);
        if let Err(error) = written.await {
            self.0.held.lock().extend(keys);
            return Err(error);
        }
        // Only then: where this was interrupted, they are written again, which changes nothing.
        self.0.finished.lock().drain(..ended.len());
        self.0.events.wake();
        for Finished { outcome, .. } in ended {
            if let Outcome::Again { pause, .. } | Outcome::Later { pause, .. } = outcome
                && pause < PERIOD
            {
                // The next look of itself would come up to a period late.
                let events = self.0.events.clone();
                tokio::spawn(async move {
                    sleep(pause).await;
                    events.wake();
                });
            }
        }
        Ok(())
    }

    async fn keep_renewing(&self) {
        let mut failing = Outage::default();
        let mut ticks = interval(RENEW);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let _alone = self.0.writing.lock().await;
            let held = self.0.held.lock().clone();
            if held.is_empty() {
                continue;
            }
            let renewed = self.registry().renew_deliveries(&self.0.host, LEASE, &held);
            failing.saw(
                renewed.await,
                "leases of deliveries cannot be renewed; others may take them",
            );
        }
    }

    async fn keep_counting(&self) {
        let mut failing = Outage::default();
        let mut ticks = interval(COUNT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let figures = self.registry().trigger_figures(None).await;
            let figures = figures.map(|figures| self.0.figures.store(Arc::new(figures)));
            failing.saw(figures, "what waits for triggers cannot be counted");
        }
    }

    async fn keep_forgetting(&self) {
        let Some(retention) = self.0.config.retention else {
            return;
        };
        let mut ticks = interval(FORGET);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Ok(before) = jiff::Timestamp::now().checked_sub(retention) else {
                continue;
            };
            match self.registry().forget_events(before).await {
                Ok(0) => {}
                Ok(events) => tracing::info!(events, "forgot events that were kept long enough"),
                Err(error) => tracing::warn!(%error, "old events cannot be forgotten"),
            }
        }
    }
}

/// The pause behind a try: doubled each time, at most the longest, shortened by up to a half; `chance` is 0 to 1.
pub fn pause(backoff: &Backoff, attempt: u32, chance: f64) -> Duration {
    let doubled = u64::from(backoff.first_ms)
        .checked_shl(attempt.saturating_sub(1))
        .filter(|ms| attempt <= 32 && *ms > 0)
        .unwrap_or(u64::MAX);
    let whole = doubled.min(u64::from(backoff.most_ms));
    Duration::from_millis(whole).mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
}

/// Says once that something fails, and once that it goes on.
#[derive(Default)]
pub(crate) struct Outage(bool);

impl Outage {
    pub(crate) fn saw<T>(&mut self, result: Result<T, RegistryError>, what: &'static str) {
        match result {
            Err(error) if !self.0 => {
                self.0 = true;
                tracing::warn!(%error, "{what}");
            }
            Ok(_) if self.0 => {
                self.0 = false;
                tracing::info!("the registry answers again");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff {
            first_ms: 100,
            most_ms: 1000,
        };
        let pauses: Vec<u128> = (1..=6)
            .map(|n| pause(&backoff, n, 0.0).as_millis())
            .collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(pause(&backoff, 1, 1.0).as_millis(), 50);
        assert_eq!(pause(&backoff, u32::MAX, 0.0).as_millis(), 1000);
        assert_eq!(pause(&backoff, 64, 0.0).as_millis(), 1000);
    }
}
