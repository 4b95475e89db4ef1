//! Retention: how many of those who began come back, and when.

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, by_person};
use crate::FeedbackError;

/// The most days after the first.
const MAX_DAYS: u32 = 400;

/// What counts as having come back for day N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returning {
    /// An event on day N, also called classic.
    NDay,
    /// An event on at least one of the days 1 to N.
    Cumulative,
    /// An event on day N or any later day: Amplitude's word for what Unity, AppMetrica and others call rolling.
    Unbounded,
}

/// What is measured. Days are counted from the event with which a person begins, not by a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// The event that begins; none: the first of any name.
    pub start: Option<String>,
    /// The event that counts as coming back; none: any.
    pub back: Option<String>,
    /// What counts.
    pub returning: Returning,
    /// The length of a day in milliseconds.
    pub day_ms: i64,
    /// How many days after the first are reported.
    pub days: u32,
    /// Until when events are complete. A day that was not over then counts for nobody.
    pub until: i64,
    /// People who began within the same so many days are one cohort.
    pub cohort_days: u32,
}

/// How many came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retained {
    /// Counted from the first, which is 0.
    pub day: u32,
    /// People for whom the day is over.
    pub eligible: u32,
    /// Those of them who came back.
    pub people: u32,
}

/// People who began at about the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cohort {
    /// When it began: a multiple of the length of a cohort since 1970.
    pub start: i64,
    /// People in it.
    pub size: u32,
    /// By day.
    pub days: Vec<Retained>,
}

/// Who came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionResult {
    /// Of all, by day.
    pub overall: Vec<Retained>,
    /// By cohort, the earliest first.
    pub cohorts: Vec<Cohort>,
}

impl Retention {
    /// Who came back.
    ///
    /// # Errors
    /// Lengths that are none, too many events.
    pub fn measure(&self, events: &[Event]) -> Result<RetentionResult, FeedbackError> {
        let wrong = |what: &str| Err(FeedbackError::Invalid(what.to_owned()));
        if self.day_ms < 1 {
            return wrong("`day_ms` is below 1; a day has 86400000 milliseconds");
        }
        if !(1..=MAX_DAYS).contains(&self.days) {
            return wrong("`days` is a number from 1 to 400");
        }
        if !(1..=MAX_DAYS).contains(&self.cohort_days) {
            return wrong("`cohort_days` is a number from 1 to 400");
        }
        let length = self.day_ms.saturating_mul(i64::from(self.cohort_days));
        let mut overall = self.none();
        let mut cohorts: BTreeMap<i64, Cohort> = BTreeMap::new();
        for events in by_person(events)?.into_values() {
            let begins =
                |event: &&Event| self.start.as_ref().is_none_or(|start| *start == event.name);
            let Some(first) = events.iter().find(|event| begins(event)) else {
                continue;
            };
            // What is not complete is not looked at.
            if first.at >= self.until {
                continue;
            }
            let start = first.at.div_euclid(length).saturating_mul(length);
            let cohort = cohorts.entry(start).or_insert_with(|| Cohort {
                start,
                size: 0,
                days: self.none(),
            });
            cohort.size += 1;
            let seen = self.days_seen(&events, first.at);
            let over = self.until.saturating_sub(first.at) / self.day_ms;
            for (all, own) in overall.iter_mut().zip(&mut cohort.days) {
                let day = all.day;
                if i64::from(day) >= over {
                    continue;
                }
                let back = match self.returning {
                    Returning::NDay => seen.contains(&i64::from(day)),
                    Returning::Cumulative => seen.range(1..=i64::from(day)).next().is_some(),
                    Returning::Unbounded => seen.range(i64::from(day)..).next().is_some(),
                };
                for count in [all, own] {
                    count.eligible += 1;
                    count.people += u32::from(back);
                }
            }
        }
        Ok(RetentionResult {
            overall,
            cohorts: cohorts.into_values().collect(),
        })
    }

    fn none(&self) -> Vec<Retained> {
        let day = |day| Retained {
            day,
            eligible: 0,
            people: 0,
        };
        (1..=self.days).map(day).collect()
    }

    /// The days after the first on which the person came back.
    fn days_seen(&self, events: &[&Event], first: i64) -> BTreeSet<i64> {
        let counts = |event: &&&Event| {
            let back = self.back.as_ref().is_none_or(|back| *back == event.name);
            back && event.at >= first && event.at < self.until
        };
        let day = |event: &&Event| event.at.saturating_sub(first) / self.day_ms;
        events
            .iter()
            .filter(counts)
            .map(day)
            .filter(|day| *day >= 1)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::event;
    use super::*;

    fn retention(returning: Returning) -> Retention {
        Retention {
            start: None,
            back: None,
            returning,
            day_ms: 10,
            days: 3,
            until: 45,
            cohort_days: 2,
        }
    }

    /// Days of ten milliseconds: ann is there on days 0, 1 and 3, bo on 0 and 2, cai begins on day 3.
    fn example() -> Vec<Event> {
        [
            ("ann", 0),
            ("ann", 15),
            ("ann", 39),
            ("bo", 4),
            ("bo", 26),
            ("cai", 30),
            ("cai", 41),
            ("cai", 99),
            ("dee", 45),
        ]
        .map(|(who, at)| event(who, if at < 10 { "join" } else { "use" }, at))
        .to_vec()
    }

    fn counts(days: &[Retained]) -> Vec<(u32, u32)> {
        days.iter().map(|day| (day.people, day.eligible)).collect()
    }

    #[test]
    fn each_kind_counts_what_it_says() {
        let of = |returning| counts(&retention(returning).measure(&example()).unwrap().overall);
        // For cai only day 0 is over at 45, and dee is not there yet.
        assert_eq!(of(Returning::NDay), [(1, 2), (1, 2), (1, 2)]);
        assert_eq!(of(Returning::Cumulative), [(1, 2), (2, 2), (2, 2)]);
        assert_eq!(of(Returning::Unbounded), [(2, 2), (2, 2), (1, 2)]);
    }

    #[test]
    fn cohorts_are_those_who_began_together() {
        let result = retention(Returning::NDay).measure(&example()).unwrap();
        let sizes: Vec<_> = result.cohorts.iter().map(|c| (c.start, c.size)).collect();
        assert_eq!(sizes, [(0, 2), (20, 1)]);
        assert_eq!(counts(&result.cohorts[1].days), [(0, 0); 3]);
    }

    #[test]
    fn what_begins_and_what_counts_can_be_named() {
        let mut named = retention(Returning::Unbounded);
        named.start = Some("join".into());
        named.back = Some("use".into());
        let result = named.measure(&example()).unwrap();
        assert_eq!(counts(&result.overall)[0], (2, 2));
        assert_eq!(result.cohorts.len(), 1, "cai never joined");
        named.back = Some("nothing".into());
        assert_eq!(
            counts(&named.measure(&example()).unwrap().overall)[0],
            (0, 2)
        );
    }

    #[test]
    fn lengths_that_are_none_are_refused() {
        for change in [
            (|r: &mut Retention| r.day_ms = 0) as fn(&mut Retention),
            |r| r.days = 0,
            |r| r.days = 401,
            |r| r.cohort_days = 0,
        ] {
            let mut wrong = retention(Returning::NDay);
            change(&mut wrong);
            assert!(wrong.measure(&[]).is_err(), "{wrong:?}");
        }
        // Times at the ends of what there is do no harm.
        let far = [event("a", "x", i64::MIN), event("a", "x", i64::MAX)];
        assert!(retention(Returning::NDay).measure(&far).is_ok());
    }
}
