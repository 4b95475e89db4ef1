//! When the schedule of a workflow is due.

use jiff::{SignedDuration, Timestamp};
use steward_triggers::schedule::{Schedule as Cron, zone};
use steward_workflow::{Schedule, Workflow};

/// The shortest time between two starts.
const MIN_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// When it is due for the first time, behind `now`: none where only events or the end of another run start it. `after` counts
/// from now: a workflow that was applied is begun once by itself.
///
/// # Errors
/// Why it cannot be followed.
pub(crate) fn first(schedule: &Schedule, now: Timestamp) -> Result<Option<Timestamp>, String> {
    for length in [schedule.every, schedule.after].into_iter().flatten() {
        if length < MIN_EVERY {
            return Err("`schedule`: the time between two runs is at least a second".into());
        }
    }
    match (&schedule.cron, schedule.every, schedule.after) {
        (Some(cron), _, _) => {
            let next = next_of(cron, &schedule.zone, now)?;
            next.map(Some)
                .ok_or_else(|| "`schedule.cron` is never due".into())
        }
        (None, Some(length), _) | (None, None, Some(length)) => Ok(behind(now, length)),
        (None, None, None) => Ok(None),
    }
}

/// What a schedule that was due at `due` does now: the time that it fires for, and when it is due again.
///
/// Times that passed while no host ran are not made up for, but for the last of them.
pub(crate) fn fire(
    schedule: &Schedule,
    due: Timestamp,
    now: Timestamp,
) -> (Timestamp, Option<Timestamp>) {
    if let Some(cron) = &schedule.cron {
        let last = cron
            .parse::<Cron>()
            .ok()
            .zip(zone(&schedule.zone).ok())
            .and_then(|(cron, zone)| cron.last(due, now, &zone));
        // One that cannot be read any more is not due again.
        let next = next_of(cron, &schedule.zone, now).unwrap_or(None);
        return (last.unwrap_or(due), next);
    }
    let Some(every) = schedule.every else {
        // Due again when the run that begins now has ended.
        return (due, None);
    };
    // In the rhythm of the first time, where the clock jumped or no host ran.
    let passed = now.duration_since(due).as_millis() / every.as_millis().max(1);
    let passed = i32::try_from(passed.max(0)).unwrap_or(i32::MAX);
    let last = every
        .checked_mul(passed)
        .and_then(|jump| due.checked_add(jump).ok())
        .unwrap_or(due);
    (last, behind(last, every))
}

/// When the schedule of a workflow is due that counts from the end of a run, which is now.
pub(crate) fn behind_an_end(workflow: &Workflow) -> Option<Timestamp> {
    let schedule = workflow.schedule()?;
    if schedule.cron.is_some() || schedule.every.is_some() {
        return None;
    }
    behind(Timestamp::now(), schedule.after?)
}

/// When a schedule is due that is said to be due later than it can be, counted from now: the clock has gone back since.
pub(crate) fn too_late(schedule: &Schedule, due: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let latest = match (&schedule.cron, schedule.every, schedule.after) {
        (Some(cron), _, _) => next_of(cron, &schedule.zone, now).unwrap_or(None),
        (None, Some(length), _) | (None, None, Some(length)) => behind(now, length),
        (None, None, None) => None,
    };
    latest.filter(|latest| *latest < due)
}

fn next_of(cron: &str, in_zone: &str, now: Timestamp) -> Result<Option<Timestamp>, String> {
    let cron: Cron = cron
        .parse()
        .map_err(|e: steward_triggers::schedule::InvalidSchedule| e.to_string())?;
    Ok(cron.next(now, &zone(in_zone)?))
}

fn behind(time: Timestamp, length: SignedDuration) -> Option<Timestamp> {
    time.checked_add(length).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn every(seconds: i64) -> Schedule {
        Schedule {
            every: Some(SignedDuration::from_secs(seconds)),
            ..Schedule::default()
        }
    }

    #[test]
    fn a_rhythm_is_kept_over_pauses_and_jumps_of_the_clock() {
        let due = at("2025-01-01T00:00:00Z");
        let fired = |now: &str| fire(&every(60), due, at(now));
        assert_eq!(
            fired("2025-01-01T00:00:00.2Z"),
            (due, Some(at("2025-01-01T00:01:00Z")))
        );
        // Ten minutes without a host: once for the last of them.
        assert_eq!(
            fired("2025-01-01T00:10:30Z"),
            (at("2025-01-01T00:10:00Z"), Some(at("2025-01-01T00:11:00Z")))
        );
        // A clock that went back.
        assert_eq!(fired("2024-12-31T23:00:00Z").0, due);
    }

    #[test]
    fn a_clock_that_was_in_the_future_keeps_no_schedule_waiting() {
        let now = at("2025-01-01T00:00:00Z");
        let ahead = at("2031-01-01T00:00:00Z");
        assert_eq!(
            too_late(&every(60), ahead, now),
            Some(at("2025-01-01T00:01:00Z"))
        );
        assert_eq!(too_late(&every(60), at("2025-01-01T00:00:59Z"), now), None);
        let cron = Schedule {
            cron: Some("0 6 * * *".into()),
            zone: "UTC".into(),
            ..Schedule::default()
        };
        let next = at("2025-01-01T06:00:00Z");
        assert_eq!(too_late(&cron, ahead, now), Some(next));
        assert_eq!(too_late(&cron, next, now), None);
        assert_eq!(too_late(&Schedule::default(), ahead, now), None);
    }

    #[test]
    fn cron_is_that_of_triggers() {
        let cron = Schedule {
            cron: Some("30 2 * * *".into()),
            zone: "Asia/Shanghai".into(),
            ..Schedule::default()
        };
        let now = at("2025-01-01T00:00:00Z");
        assert_eq!(first(&cron, now), Ok(Some(at("2025-01-01T18:30:00Z"))));
        let (last, next) = fire(
            &cron,
            at("2025-01-01T18:30:00Z"),
            at("2025-01-03T00:00:00Z"),
        );
        assert_eq!(last, at("2025-01-02T18:30:00Z"));
        assert_eq!(next, Some(at("2025-01-03T18:30:00Z")));
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let now = at("2025-01-01T00:00:00Z");
        assert!(first(&every(0), now).is_err());
        assert_eq!(first(&Schedule::default(), now), Ok(None));
        let bad = |cron: &str, zone: &str| Schedule {
            cron: Some(cron.into()),
            zone: zone.into(),
            ..Schedule::default()
        };
        for schedule in [
            bad("61 * * * *", "UTC"),
            bad("0 0 30 2 *", "UTC"),
            bad("* * * * *", "Nowhere/Town"),
        ] {
            assert!(first(&schedule, now).is_err(), "{schedule:?}");
        }
    }
}
