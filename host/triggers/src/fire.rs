//! Schedules: who fires them, for which of the times that they were due, and as what event.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use steward_registry::RegistryError;
use steward_registry::events::{CronTrigger, Missed, NewEvent, Trigger, TriggerOn};
use tokio::time::{MissedTickBehavior, interval};

use crate::Triggers;
use crate::run::Outage;
use crate::schedule::{Schedule, zone};

/// How often schedules are looked at: they fire so late at most.
const PERIOD: Duration = Duration::from_millis(500);
/// What is later than this was missed.
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// The type of the event of a schedule.
pub const CRON_TYPE: &str = "steward.cron";

/// What a schedule that is due does now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The time that it fires for; none where that was missed and is left out.
    pub at: Option<Timestamp>,
    /// Whether it was missed and is made up for.
    pub late: bool,
    /// When it is due again.
    pub next: Option<Timestamp>,
}

/// What becomes of a schedule that was due at `due` and is looked at now, `now`.
///
/// It fires once, for the last of the times that have passed, where that is not over a minute ago or missed times are made
/// up for.
///
/// # Errors
/// A text, where the expression or the zone cannot be read.
pub fn due(cron: &CronTrigger, due: Timestamp, now: Timestamp) -> Result<Due, String> {
    let schedule: Schedule = cron
        .schedule
        .parse()
        .map_err(|e: crate::schedule::InvalidSchedule| e.to_string())?;
    let zone = zone(&cron.zone)?;
    let last = schedule.last(due, now, &zone).unwrap_or(due);
    let late = now.duration_since(last) > LATE;
    Ok(Due {
        at: (!late || cron.missed == Missed::One).then_some(last),
        late,
        next: schedule.next(now, &zone),
    })
}

impl Triggers {
    pub(crate) async fn keep_firing(&self) {
        let mut failing = Outage::default();
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            failing.saw(self.fire_what_is_due().await, "schedules cannot be read");
        }
    }

    async fn fire_what_is_due(&self) -> Result<(), RegistryError> {
        let now = Timestamp::now();
        for trigger in self.registry().due_schedules(now).await? {
            let (TriggerOn::Cron(cron), Some(was_due)) = (&trigger.spec.on, trigger.next_at) else {
                continue;
            };
            let due = match due(cron, was_due, now) {
                Ok(due) => due,
                Err(error) => {
                    tracing::error!(tenant = %trigger.tenant, trigger = %trigger.name, error, "a schedule cannot be read");
                    Due {
                        at: None,
                        late: false,
                        next: None,
                    }
                }
            };
            let event = due.at.map(|at| event(&trigger, cron, at, due.late));
            let fired = self
                .registry()
                .fire_schedule(&trigger, due.next, event.as_ref())
                .await;
            match fired {
                Ok(Some(_)) => self.0.events.wake(),
                // Another host was first, or the time was left out.
                Ok(None) => {}
                // One schedule that cannot be written does not keep the others.
                Err(error) => {
                    tracing::warn!(tenant = %trigger.tenant, trigger = %trigger.name, %error, "a schedule was not fired")
                }
            }
        }
        Ok(())
    }
}

fn event(trigger: &Trigger, cron: &CronTrigger, at: Timestamp, late: bool) -> NewEvent {
    let mut event = NewEvent::new(format!("/triggers/{}", trigger.name), CRON_TYPE);
    // The same for the same time, whichever host it is.
    event.id = format!("{}@{at}", trigger.name);
    event.subject = Some(trigger.name.to_string());
    event.time = Some(at);
    event.content_type = Some("application/json".into());
    let data = json!({
        "trigger": trigger.name, "schedule": cron.schedule, "zone": cron.zone, "due": at.to_string(), "late": late,
    });
    event.data = Some(data.to_string().into());
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_missed_is_left_out_or_made_up_for_once() {
        let cron = |missed| CronTrigger {
            schedule: "0 * * * *".into(),
            zone: "UTC".into(),
            missed,
        };
        let was_due = at("2025-01-01T03:00:00Z");
        let look = |missed, now: &str| due(&cron(missed), was_due, at(now)).unwrap();
        // In time.
        for missed in [Missed::Skip, Missed::One] {
            let due = look(missed, "2025-01-01T03:00:00.4Z");
            assert_eq!(
                due,
                Due {
                    at: Some(was_due),
                    late: false,
                    next: Some(at("2025-01-01T04:00:00Z"))
                }
            );
        }
        // The hosts were down until the afternoon.
        let next = Some(at("2025-01-01T16:00:00Z"));
        assert_eq!(
            look(Missed::Skip, "2025-01-01T15:30:00Z"),
            Due {
                at: None,
                late: true,
                next
            }
        );
        assert_eq!(
            look(Missed::One, "2025-01-01T15:30:00Z"),
            Due {
                at: Some(at("2025-01-01T15:00:00Z")),
                late: true,
                next
            }
        );
        // Back just in time: the missed ones are left out, this one is not.
        assert_eq!(
            look(Missed::Skip, "2025-01-01T15:00:01Z").at,
            Some(at("2025-01-01T15:00:00Z"))
        );
    }
}
