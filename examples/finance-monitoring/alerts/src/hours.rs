//! Whole hours of UTC.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MICROSECONDS: i64 = 3_600_000_000;
/// 1970 to 9000: within what a [`Timestamp`] holds.
const LAST: i64 = 61_600_000;

/// An hour, counted from 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hour(i64);

impl Hour {
    /// The hour with this number; none where the calendar does not have it.
    pub fn new(number: i64) -> Option<Self> {
        (0..=LAST).contains(&number).then_some(Self(number))
    }

    /// The hour that a time lies in, in microseconds since 1970.
    pub fn of(microseconds: i64) -> Option<Self> {
        Self::new(microseconds.div_euclid(MICROSECONDS))
    }

    /// The hour that a time of RFC 3339 lies in.
    pub fn parse(time: &str) -> Option<Self> {
        Self::of(time.parse::<Timestamp>().ok()?.as_microsecond())
    }

    /// Its number.
    pub fn number(self) -> i64 {
        self.0
    }

    /// When it begins, in microseconds since 1970.
    pub fn microseconds(self) -> i64 {
        self.0 * MICROSECONDS
    }

    /// So many hours later, or earlier; at the ends of the calendar the last one that there is.
    #[must_use]
    pub fn plus(self, hours: i64) -> Self {
        Self(self.0.saturating_add(hours).clamp(0, LAST))
    }

    /// `2026-03-02 14:00`
    pub fn short(self) -> String {
        let long = self.to_string();
        format!("{} {}", &long[..10], &long[11..16])
    }
}

/// `2026-03-02T14:00:00Z`
impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Timestamp::from_second(self.0 * 3600).unwrap_or(Timestamp::UNIX_EPOCH);
        write!(f, "{time:.0}")
    }
}

impl Serialize for Hour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong =
            || serde::de::Error::custom("no time between 1970 and 9000, as `2026-03-02T14:00:00Z`");
        Self::parse(&text).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_those_of_the_calendar() {
        let hour = Hour::parse("2026-03-02T22:59:59.9+08:00").unwrap();
        assert_eq!(hour.to_string(), "2026-03-02T14:00:00Z");
        assert_eq!(hour.short(), "2026-03-02 14:00");
        assert_eq!(hour.plus(10).to_string(), "2026-03-03T00:00:00Z");
        assert_eq!(Hour::of(hour.microseconds() + 1), Some(hour));
        assert_eq!(Hour::of(-1), None);
        assert_eq!(Hour::of(i64::MAX), None);
        assert_eq!(hour.plus(i64::MAX).plus(1).to_string().len(), 20);
    }
}
