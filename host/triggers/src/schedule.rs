//! Cron expressions, and the times that they mean in a time zone.
//!
//! The grammar is that of `cron(5)` as Vixie's cron has it: five fields (minute, hour, day of the month, month, day of the
//! week), or six with seconds first; `*`, lists, ranges and steps; names of months and days; `L` for the last day of a
//! month; `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`. Where both days are restricted, either is enough.
//!
//! When clocks are changed, a schedule with fixed hours runs exactly once for each of its times: what falls into an hour
//! that is left out runs at its end, what falls into one that comes twice runs in the first. A schedule whose hours begin
//! with `*` follows the clock on the wall: it runs in both, and not in what is left out.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// The longest expression, in bytes.
const MAX_BYTES: usize = 256;
/// So many days are looked through: 29 February comes at least once in them, also around a century without one.
const MAX_DAYS: usize = 366 * 9;

/// Why a schedule cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no schedule: {reason}")]
pub struct InvalidSchedule {
    given: String,
    reason: String,
}

/// The times that a cron expression means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    last_day: bool,
    months: u64,
    weekdays: u64,
    either_day: bool,
    every_hour: bool,
}

/// One field: its word for messages, its bounds, and the names that stand for its numbers, from the lower bound on.
struct Field {
    word: &'static str,
    from: u8,
    to: u8,
    names: &'static [&'static str],
}

const SECONDS: Field = Field {
    word: "seconds",
    from: 0,
    to: 59,
    names: &[],
};
const MINUTES: Field = Field {
    word: "minutes",
    from: 0,
    to: 59,
    names: &[],
};
const HOURS: Field = Field {
    word: "hours",
    from: 0,
    to: 23,
    names: &[],
};
const DAYS: Field = Field {
    word: "days of the month",
    from: 1,
    to: 31,
    names: &[],
};
const MONTHS: Field = Field {
    word: "months",
    from: 1,
    to: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
const WEEKDAYS: Field = Field {
    word: "days of the week",
    from: 0,
    to: 7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

impl Field {
    fn number(&self, text: &str) -> Result<u8, String> {
        let named = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        if let Some(place) = named {
            return Ok(self.from + place as u8);
        }
        let digits =
            !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse::<u8>().ok()).flatten();
        number
            .filter(|n| (self.from..=self.to).contains(n))
            .ok_or_else(|| {
                format!(
                    "`{text}` is not among the {}, which are {} to {}",
                    self.word, self.from, self.to
                )
            })
    }

    /// The bits of the numbers that a field names.
    fn bits(&self, text: &str) -> Result<u64, String> {
        let mut bits = 0;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                None => (part, None),
                Some((range, step)) => {
                    let digits = step.len() <= 2 && step.bytes().all(|b| b.is_ascii_digit());
                    let step = digits.then(|| step.parse::<u8>().ok()).flatten();
                    let step = step
                        .filter(|s| *s > 0)
                        .ok_or_else(|| format!("`{part}`: a step is a number above 0"))?;
                    (range, Some(step))
                }
            };
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (self.from, self.to),
                None => {
                    let from = self.number(range)?;
                    (from, if step.is_some() { self.to } else { from })
                }
                Some((from, to)) => (self.number(from)?, self.number(to)?),
            };
            if from > to {
                return Err(format!("`{part}` ends before it begins"));
            }
            for number in (from..=to).step_by(usize::from(step.unwrap_or(1))) {
                bits |= 1 << number;
            }
        }
        Ok(bits)
    }
}

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(given: &str) -> Result<Self, InvalidSchedule> {
        let wrong = |reason: String| InvalidSchedule {
            given: given
                .chars()
                .take(80)
                .flat_map(char::escape_debug)
                .collect(),
            reason,
        };
        if given.len() > MAX_BYTES {
            return Err(wrong(format!("it has more than {MAX_BYTES} bytes")));
        }
        let text = match given.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            text => text,
        };
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let (second, rest) = match fields.as_slice() {
            [second, rest @ ..] if rest.len() == 5 => (*second, rest),
            rest if rest.len() == 5 => ("0", rest),
            _ => {
                return Err(wrong(format!(
                    "it has {} fields; five are needed (minute, hour, day of the month, month, day of the week), or six \
                     with seconds first",
                    fields.len()
                )));
            }
        };
        let [minute, hour, day, month, weekday] = rest else {
            return Err(wrong("it has not five fields".into()));
        };
        let last_day = day.split(',').any(|part| part.eq_ignore_ascii_case("l"));
        let numbered: Vec<&str> = day
            .split(',')
            .filter(|part| !part.eq_ignore_ascii_case("l"))
            .collect();
        let days = match numbered.is_empty() {
            true => 0,
            false => DAYS.bits(&numbered.join(",")).map_err(wrong)?,
        };
        let mut weekdays = WEEKDAYS.bits(weekday).map_err(wrong)?;
        // Sunday is 0 and 7.
        weekdays |= weekdays >> 7;
        let schedule = Self {
            text: given.trim().to_owned(),
            seconds: SECONDS.bits(second).map_err(wrong)?,
            minutes: MINUTES.bits(minute).map_err(wrong)?,
            hours: HOURS.bits(hour).map_err(wrong)?,
            days,
            last_day,
            months: MONTHS.bits(month).map_err(wrong)?,
            weekdays,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
            every_hour: hour.starts_with('*'),
        };
        // 31 February and the like.
        let begin = Date::constant(2000, 1, 1).at(0, 0, 0, 0);
        if schedule.next_on_the_wall(begin, true).is_none() {
            return Err(wrong("no day is ever like this".into()));
        }
        Ok(schedule)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The lowest bit that is set from `from` on.
fn bit(bits: u64, from: u8) -> Option<u8> {
    let rest = bits.checked_shr(u32::from(from)).unwrap_or(0);
    (rest != 0).then(|| from + rest.trailing_zeros() as u8)
}

impl Schedule {
    /// The first time behind `after`; none where the calendar ends before it.
    ///
    /// ```
    /// use jiff::{Timestamp, tz::TimeZone};
    /// use steward_triggers::schedule::Schedule;
    ///
    /// let nightly: Schedule = "30 2 * * *".parse()?;
    /// let berlin = TimeZone::get("Europe/Berlin")?;
    /// let now: Timestamp = "2025-01-10T12:00:00Z".parse()?;
    /// assert_eq!(nightly.next(now, &berlin), Some("2025-01-11T01:30:00Z".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.every_hour {
            self.next_by_the_clock(after, zone)
        } else {
            self.next_once(after, zone)
        }
    }

    /// The last time at or before `now` and behind `after`.
    ///
    /// Looks back from `now`, so that its cost does not grow with the time between the two; an hour, a day, a week and so on
    /// are tried until one of the times lies within.
    pub fn last(&self, after: Timestamp, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut span = 60;
        loop {
            let begin = now
                .checked_sub(jiff::SignedDuration::from_secs(span))
                .ok()
                .filter(|begin| *begin > after)
                .unwrap_or(after);
            let mut last = None;
            let mut at = begin;
            while let Some(next) = self.next(at, zone).filter(|next| *next <= now) {
                last = Some(next);
                at = next;
            }
            if last.is_some() || begin == after {
                return last;
            }
            span = span.saturating_mul(8);
        }
    }

    /// Every wall clock time once, in whatever the clock does.
    fn next_once(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut wall = zone.to_datetime(after);
        // At most an hour that is repeated, in seconds, is skipped.
        loop {
            wall = self.next_on_the_wall(wall, false)?;
            let ambiguous = zone.to_ambiguous_timestamp(wall);
            let at = match ambiguous.offset() {
                // The end of the gap: the moment at which the clock was set forward.
                AmbiguousOffset::Gap { .. } => {
                    let behind = ambiguous.compatible().ok()?;
                    let around = behind
                        .checked_add(jiff::SignedDuration::from_nanos(1))
                        .ok()?;
                    zone.preceding(around).next()?.timestamp()
                }
                _ => ambiguous.earlier().ok()?,
            };
            if at > after {
                return Some(at);
            }
        }
    }

    /// Every moment at which the clock shows one of the times.
    fn next_by_the_clock(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let (mut from, mut inclusive) = (after, false);
        loop {
            let offset = zone.to_offset(from);
            let wall = self.next_on_the_wall(offset.to_datetime(from), inclusive)?;
            let at = offset.to_timestamp(wall).ok()?;
            match zone.following(from).next() {
                // The clock is set before then: it has to be read anew from there.
                Some(change) if change.timestamp() <= at => {
                    (from, inclusive) = (change.timestamp(), true);
                }
                _ => return Some(at),
            }
        }
    }

    /// The first time on the wall behind `from`, or at it.
    fn next_on_the_wall(&self, from: DateTime, inclusive: bool) -> Option<DateTime> {
        let mut from = from;
        let whole = from.subsec_nanosecond() == 0;
        if !inclusive || !whole {
            from = from
                .with()
                .subsec_nanosecond(0)
                .build()
                .ok()?
                .checked_add(jiff::SignedDuration::from_secs(1))
                .ok()?;
        }
        let mut date = from.date();
        let mut time = from.time();
        for _ in 0..MAX_DAYS {
            if self.has_day(date)
                && let Some(time) = self.time_from(time)
            {
                return Some(date.to_datetime(time));
            }
            date = date.tomorrow().ok()?;
            time = Time::midnight();
        }
        None
    }

    fn has_day(&self, date: Date) -> bool {
        let among = |bits: u64, number: i8| bits & (1 << number) != 0;
        if !among(self.months, date.month()) {
            return false;
        }
        let day =
            among(self.days, date.day()) || (self.last_day && date.day() == date.days_in_month());
        let weekday = among(self.weekdays, date.weekday().to_sunday_zero_offset());
        if self.either_day {
            day || weekday
        } else {
            day && weekday
        }
    }

    /// The first time of a day at or behind this one.
    fn time_from(&self, from: Time) -> Option<Time> {
        let (h, m, s) = (from.hour() as u8, from.minute() as u8, from.second() as u8);
        let first_second = bit(self.seconds, 0)?;
        let first_minute = bit(self.minutes, 0)?;
        let time = |h: u8, m: u8, s: u8| Time::new(h as i8, m as i8, s as i8, 0).ok();
        let mut hour = bit(self.hours, h)?;
        if hour == h {
            let mut minute = bit(self.minutes, m);
            if minute == Some(m) {
                if let Some(second) = bit(self.seconds, s) {
                    return time(h, m, second);
                }
                minute = bit(self.minutes, m + 1);
            }
            if let Some(minute) = minute {
                return time(h, minute, first_second);
            }
            hour = bit(self.hours, h + 1)?;
        }
        time(hour, first_minute, first_second)
    }
}

/// The time zone of this IANA name.
///
/// # Errors
/// A text that says that there is none.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
        format!("there is no time zone `{shown}`; zones have IANA names, as `Europe/Berlin` or `Asia/Shanghai`")
    })
}

#[cfg(test)]
mod tests;
