//! Check-ins of teams: when they come round, and who is asked then.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use steward_registry::RegistryError;
use steward_registry::team::{CheckInDate, CheckInSpec};
use tokio::time::{MissedTickBehavior, interval};

use crate::Triggers;
use crate::run::Outage;
use crate::schedule::{InvalidSchedule, Schedule, zone};

/// How often check-ins are looked at: people are asked so late at most.
const PERIOD: Duration = Duration::from_millis(500);
/// The shortest time from one date to the next.
const LEAST: SignedDuration = SignedDuration::from_hours(1);
/// So many dates of a cron expression are looked at for that.
const LOOKED_AT: usize = 100;
/// The longest text of a time span, in bytes.
const MAX_BYTES: usize = 64;

/// When a check-in comes round.
#[derive(Debug, Clone)]
pub struct Rhythm {
    when: When,
    zone: TimeZone,
    within: Span,
    keep: Span,
}

#[derive(Debug, Clone)]
enum When {
    Cron(Box<Schedule>),
    /// From the first date on, in whole days as the calendar has them.
    Every {
        begin: DateTime,
        every: Span,
    },
}

impl Rhythm {
    /// Reads when a check-in comes round that is set now.
    ///
    /// # Errors
    /// A text that names the field, or says why nobody should be asked so.
    pub fn read(spec: &CheckInSpec, now: Timestamp) -> Result<Self, String> {
        let rhythm = Self::parse(spec)?;
        if let Some(begin) = &spec.begin {
            wall(begin)?;
        }
        rhythm.check(now)?;
        Ok(rhythm)
    }

    /// Reads when a check-in comes round that was set before. What was accepted once is not judged again: months and years
    /// differ in length, so that another date would be refused.
    pub(crate) fn parse(spec: &CheckInSpec) -> Result<Self, String> {
        let zone = zone(&spec.zone)?;
        let when = match (&spec.cron, &spec.every, &spec.begin) {
            (Some(cron), None, None) => {
                let cron: Schedule = cron.parse().map_err(|e: InvalidSchedule| e.to_string())?;
                When::Cron(Box::new(cron))
            }
            (None, Some(every), Some(begin)) => When::Every {
                // As it was read when it was set: who sets one is asked more strictly.
                begin: begin.parse().map_err(|_| no_wall(begin))?,
                every: days(every)?,
            },
            _ => {
                return Err(
                    "a check-in has either `cron`, as `0 9 * * mon`, or `every` and `begin`, as `P2W` and `2026-01-05T09:00`"
                        .into(),
                );
            }
        };
        Ok(Self {
            when,
            zone,
            within: span("answer_within", &spec.answer_within)?,
            keep: span("keep_for", &spec.keep_for)?,
        })
    }

    /// Whether there is a next date, at which people can answer, and none so soon after another that they never have done.
    fn check(&self, now: Timestamp) -> Result<(), String> {
        let mut at = self.next(now).ok_or("it is never due")?;
        let date = self
            .date(at)
            .ok_or("`answer_within` and `keep_for` end after all times")?;
        if date.until <= date.due || date.keep_until < date.until {
            return Err(
                "`answer_within` is longer than nothing, and `keep_for` no shorter than that"
                    .into(),
            );
        }
        for _ in 0..LOOKED_AT {
            let Some(next) = self.next(at) else { break };
            if next.duration_since(at) < LEAST {
                return Err(format!(
                    "it is due at {at} and again at {next}: check-ins are at least an hour apart"
                ));
            }
            at = next;
        }
        Ok(())
    }

    /// The first date behind this time.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.when {
            When::Cron(cron) => cron.next(after, &self.zone),
            When::Every { begin, every } => {
                let mut n = self.number_by(*begin, every, after)?;
                loop {
                    let at = self.nth(*begin, every, n)?;
                    if at > after {
                        return Some(at);
                    }
                    n = n.checked_add(1)?;
                }
            }
        }
    }

    /// The last date by now of those from `due` on.
    fn last(&self, due: Timestamp, now: Timestamp) -> Timestamp {
        let last = match &self.when {
            When::Cron(cron) => cron.last(due, now, &self.zone),
            When::Every { begin, every } => {
                let by = || {
                    let mut n = self.number_by(*begin, every, now)?;
                    let mut last = None;
                    while let Some(at) = self.nth(*begin, every, n).filter(|at| *at <= now) {
                        last = Some(at);
                        n = n.checked_add(1)?;
                    }
                    last
                };
                by()
            }
        };
        last.filter(|last| *last > due).unwrap_or(due)
    }

    /// A number of a date that is at or before this time, or that of the first: close to it, so that the cost does not grow
    /// with the time between.
    fn number_by(&self, begin: DateTime, every: &Span, time: Timestamp) -> Option<i64> {
        let first = self.nth(begin, every, 0)?;
        let second = self.nth(begin, every, 1)?;
        let length = second.duration_since(first).as_secs().max(1);
        let mut n = (time.duration_since(first).as_secs() / length).max(0);
        // Months and years are of different lengths: the guess may be too late.
        while n > 0 && self.nth(begin, every, n).is_none_or(|at| at > time) {
            n -= 1 + n / 64;
        }
        Some(n.max(0))
    }

    /// The n-th date. Counted from the first each time, so that the 31st comes back after a shorter month.
    fn nth(&self, begin: DateTime, every: &Span, n: i64) -> Option<Timestamp> {
        let wall = begin.checked_add(every.checked_mul(n).ok()?).ok()?;
        // A time that the clock leaves out is as much later, one that it shows twice is the first.
        self.zone.to_ambiguous_timestamp(wall).compatible().ok()
    }

    /// A date with its ends.
    fn date(&self, due: Timestamp) -> Option<CheckInDate> {
        let behind = |span: Span| {
            let end = due
                .to_zoned_datetime(self.zone.clone())
                .checked_add(span)
                .ok()?;
            Some(end.timestamp())
        };
        Some(CheckInDate {
            due,
            until: behind(self.within)?,
            keep_until: behind(self.keep)?,
        })
    }

    /// What a check-in that was due at `due` does now: the date at which people are asked, and when it is due again.
    ///
    /// Dates that passed while no host ran are not made up for, but for the last of them, as long as there is time to answer.
    /// What is asked is kept until that is over, also where `keep_for` ends before it at this date.
    pub(crate) fn ask(
        &self,
        due: Timestamp,
        now: Timestamp,
    ) -> (Option<CheckInDate>, Option<Timestamp>) {
        let date = self.date(self.last(due, now));
        let date = date.filter(|date| date.until > now);
        let date = date.map(|date| CheckInDate {
            keep_until: date.keep_until.max(date.until),
            ..date
        });
        (date, self.next(now))
    }
}

/// A date and time as a clock shows it. One with a zone or an offset is refused: it would be dropped.
fn wall(text: &str) -> Result<DateTime, String> {
    let read = match text.len() {
        16 => DateTime::strptime("%Y-%m-%dT%H:%M", text).ok(),
        19 => DateTime::strptime("%Y-%m-%dT%H:%M:%S", text).ok(),
        _ => None,
    };
    read.ok_or_else(|| no_wall(text))
}

fn no_wall(text: &str) -> String {
    format!(
        "`begin`: `{}` is no date and time without a zone, as `2026-01-05T09:00`",
        shown(text)
    )
}

/// A span of whole days, weeks, months or years.
fn days(text: &str) -> Result<Span, String> {
    let read = span("every", text)?;
    let of_days = read.get_hours() == 0
        && read.get_minutes() == 0
        && read.get_seconds() == 0
        && read.get_milliseconds() == 0
        && read.get_microseconds() == 0
        && read.get_nanoseconds() == 0;
    match of_days {
        true => Ok(read),
        false => Err(format!(
            "`every`: `{}` has less than days: it is days, weeks, months or years, as `P1D` or `P2W`; `cron` says more",
            shown(text)
        )),
    }
}

/// A span of time.
fn span(field: &str, text: &str) -> Result<Span, String> {
    let read = Some(text)
        .filter(|text| text.len() <= MAX_BYTES)
        .and_then(|text| text.parse::<Span>().ok())
        .filter(|span| span.is_positive());
    read.ok_or_else(|| {
        format!(
            "`{field}`: `{}` is no span of time as ISO 8601 has it: `P1D`, `PT4H`, `P2W`, `P1Y`",
            shown(text)
        )
    })
}

fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

impl Triggers {
    /// Beside the schedules of triggers, which do not wait until many people are asked.
    pub(crate) async fn keep_asking(&self) {
        let mut failing = Outage::default();
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            failing.saw(
                self.look_at_check_ins().await,
                "check-ins of teams cannot be read",
            );
        }
    }

    /// Asks those who are due, and tells who is overdue.
    async fn look_at_check_ins(&self) -> Result<(), RegistryError> {
        let (registry, now) = (self.registry(), Timestamp::now());
        let mut told = 0;
        for (tenant, check_in) in registry.due_team_check_ins(now).await? {
            let Some(due) = check_in.next_at else {
                continue;
            };
            let (date, next) = match Rhythm::parse(&check_in.spec) {
                Ok(rhythm) => rhythm.ask(due, now),
                Err(error) => {
                    tracing::error!(%tenant, check_in = %check_in.name, error, "a check-in does not come round any more");
                    (None, None)
                }
            };
            match registry
                .ask_team_check_in(&tenant, &check_in, date, next)
                .await
            {
                Ok(asked) => told += asked.unwrap_or(0),
                // One that cannot be written does not keep the others.
                Err(error) => {
                    tracing::warn!(%tenant, check_in = %check_in.name, %error, "a check-in was not asked for");
                }
            }
        }
        told += registry.tell_overdue_team_check_ins(now).await?;
        if told > 0 {
            self.events().wake();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use steward_registry::team::Asked;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn spec() -> CheckInSpec {
        CheckInSpec {
            who: Asked::Team("search".into()),
            questions: vec!["进展如何？".into()],
            cron: None,
            every: None,
            begin: None,
            zone: "Europe/Berlin".into(),
            answer_within: "P1D".into(),
            keep_for: "P1Y".into(),
        }
    }

    fn every(every: &str, begin: &str) -> CheckInSpec {
        CheckInSpec {
            every: Some(every.into()),
            begin: Some(begin.into()),
            ..spec()
        }
    }

    fn cron(cron: &str) -> CheckInSpec {
        CheckInSpec {
            cron: Some(cron.into()),
            ..spec()
        }
    }

    fn dates(spec: &CheckInSpec, after: &str, count: usize) -> Vec<String> {
        let rhythm = Rhythm::read(spec, at(NOW)).unwrap();
        let mut time = at(after);
        (0..count)
            .map(|_| {
                time = rhythm.next(time).unwrap();
                time.to_string()
            })
            .collect()
    }

    #[test]
    fn every_other_week_stays_at_the_hour_of_the_wall() {
        // Clocks go forward in Berlin on 29 March 2026.
        assert_eq!(
            dates(&every("P2W", "2026-01-05T09:00"), "2026-03-16T08:00:00Z", 3),
            [
                "2026-03-30T07:00:00Z",
                "2026-04-13T07:00:00Z",
                "2026-04-27T07:00:00Z"
            ]
        );
        // Before the first there is none.
        assert_eq!(
            dates(&every("P2W", "2026-01-05T09:00"), "2020-01-01T00:00:00Z", 1),
            ["2026-01-05T08:00:00Z"]
        );
    }

    #[test]
    fn the_last_of_the_month_comes_back_after_a_shorter_one() {
        assert_eq!(
            dates(&every("P1M", "2026-01-31T12:00"), "2026-01-31T11:00:00Z", 3),
            [
                "2026-02-28T11:00:00Z",
                "2026-03-31T10:00:00Z",
                "2026-04-30T10:00:00Z"
            ]
        );
    }

    #[test]
    fn cron_is_that_of_triggers() {
        assert_eq!(
            dates(&cron("0 9 * * mon"), NOW, 2),
            ["2026-01-05T08:00:00Z", "2026-01-12T08:00:00Z"]
        );
    }

    #[test]
    fn what_was_missed_is_asked_once_while_there_is_time() {
        for spec in [cron("0 9 * * mon"), every("P1W", "2026-01-05T09:00")] {
            let rhythm = Rhythm::read(&spec, at(NOW)).unwrap();
            let due = at("2026-01-05T08:00:00Z");
            let ask = |now: &str| {
                let (date, next) = rhythm.ask(due, at(now));
                (
                    date.map(|date| date.due.to_string()),
                    next.unwrap().to_string(),
                )
            };
            let second = "2026-01-12T08:00:00Z".to_owned();
            assert_eq!(
                ask("2026-01-05T08:00:00.3Z"),
                (Some(due.to_string()), second.clone())
            );
            // Three weeks without a host: the last of the dates, if it is not over.
            let third = "2026-01-19T08:00:00Z".to_owned();
            assert_eq!(ask("2026-01-13T07:00:00Z"), (Some(second), third.clone()));
            assert_eq!(ask("2026-01-14T07:00:00Z"), (None, third));
        }
    }

    #[test]
    fn what_was_accepted_once_comes_round_in_every_month() {
        let spec = CheckInSpec {
            answer_within: "P30D".into(),
            keep_for: "P1M".into(),
            ..cron("0 9 1 * *")
        };
        assert!(Rhythm::read(&spec, at("2025-12-15T00:00:00Z")).is_ok());
        // February has fewer than 30 days.
        let (first, second) = (at("2026-01-01T08:00:00Z"), at("2026-02-01T08:00:00Z"));
        assert!(Rhythm::read(&spec, first).is_err());
        let rhythm = Rhythm::parse(&spec).unwrap();
        let (date, next) = rhythm.ask(first, first);
        assert_eq!(date.map(|date| date.due), Some(first));
        assert_eq!(next, Some(second));
        let date = rhythm.ask(second, second).0.unwrap();
        assert_eq!(date.keep_until, date.until);
        // Nor is a date that is refused by now.
        let offset = every("P1D", "2026-01-05T09:00+02:00");
        assert!(Rhythm::read(&offset, first).is_err());
        assert!(Rhythm::parse(&offset).is_ok());
    }

    #[test]
    fn a_date_has_its_ends_by_the_calendar() {
        let rhythm = Rhythm::read(&cron("0 9 * * *"), at(NOW)).unwrap();
        // The night in which an hour is left out: a day later is at the same hour of the wall.
        let (date, _) = rhythm.ask(at("2026-03-28T08:00:00Z"), at("2026-03-28T08:00:01Z"));
        let date = date.unwrap();
        assert_eq!(date.until, at("2026-03-29T07:00:00Z"));
        assert_eq!(date.keep_until, at("2027-03-28T07:00:00Z"));
    }

    #[test]
    fn what_comes_round_too_often_or_never_is_refused() {
        let with = |change: fn(&mut CheckInSpec)| {
            let mut spec = cron("0 9 * * mon");
            change(&mut spec);
            spec
        };
        for (spec, says) in [
            (spec(), "either `cron`"),
            (with(|s| s.every = Some("P1D".into())), "either `cron`"),
            (
                with(|s| s.begin = Some("2026-01-05T09:00".into())),
                "either `cron`",
            ),
            (cron("* * * * *"), "an hour apart"),
            (cron("0,30 9 * * *"), "an hour apart"),
            (cron("0 0 30 2 *"), "no day is ever like this"),
            (cron("0 25 * * *"), "is no schedule"),
            (every("PT2H", "2026-01-05T09:00"), "less than days"),
            (every("P0D", "2026-01-05T09:00"), "`every`"),
            (every("-P1D", "2026-01-05T09:00"), "`every`"),
            (every("P1D", "2026-01-05T09:00Z"), "`begin`"),
            (every("P1D", "2026-01-05T09:00+02"), "`begin`"),
            (every("P1D", "2026-01-05T09:00+02:00"), "`begin`"),
            (every("P1D", "2026-01-05T09:00[Europe/Berlin]"), "`begin`"),
            (every("P1D", "2026-01-05"), "`begin`"),
            (every("P1D", "soon"), "`begin`"),
            (every("P9000Y", "2026-01-05T09:00"), ""),
            (with(|s| s.zone = "Mars/Base".into()), "no time zone"),
            (with(|s| s.answer_within = "1".into()), "`answer_within`"),
            (with(|s| s.keep_for = "PT1H".into()), "`keep_for`"),
            (with(|s| s.keep_for = "P".repeat(70)), "`keep_for`"),
        ] {
            let refused = Rhythm::read(&spec, at(NOW));
            let why = refused.err().unwrap_or_else(|| panic!("{spec:?}"));
            assert!(why.contains(says), "{why}");
        }
    }

    proptest! {
        #[test]
        fn dates_follow_one_another(days in 1i64..800, months in 0i64..30, after in -4_000_000_000i64..40_000_000_000) {
            let spec = every(&format!("P{months}M{days}D"), "2026-01-31T02:30");
            let rhythm = Rhythm::read(&spec, at(NOW)).unwrap();
            let after = Timestamp::from_second(after).unwrap();
            if let Some(next) = rhythm.next(after) {
                prop_assert!(next > after);
                // Nothing lies between, and the date by then is the one before.
                prop_assert_eq!(rhythm.next(next - SignedDuration::from_secs(1)), Some(next));
                prop_assert_eq!(rhythm.last(Timestamp::MIN, next), next);
            }
        }

        #[test]
        fn no_text_ends_the_host(text in "\\PC{0,80}") {
            let _ = Rhythm::read(&every(&text, "2026-01-05T09:00"), at(NOW));
            let _ = Rhythm::read(&every("P1D", &text), at(NOW));
        }
    }
}
