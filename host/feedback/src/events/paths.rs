//! Paths: what people do one after the other.

use std::collections::BTreeMap;

use super::{Event, by_person};
use crate::FeedbackError;

/// How many events a path may have.
const LENGTHS: std::ops::RangeInclusive<u32> = 2..=10;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paths {
    /// Events in a path.
    pub length: u32,
    /// A longer pause, in milliseconds, ends a visit; no path leads over it.
    pub pause_ms: i64,
    /// The most paths.
    pub most: u32,
}

/// Events that follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Their names.
    pub steps: Vec<String>,
    /// People who went it.
    pub people: u32,
    /// How often it was gone.
    pub count: u32,
}

impl Paths {
    /// The paths that were gone most often; of equals, those of more people, then by name.
    ///
    /// # Errors
    /// Numbers that are none, too many events.
    pub fn find(&self, events: &[Event]) -> Result<Vec<Path>, FeedbackError> {
        if !LENGTHS.contains(&self.length) {
            return Err(FeedbackError::invalid("a path has 2 to 10 events"));
        }
        if self.pause_ms < 1 {
            return Err(FeedbackError::invalid(
                "`pause_ms` is below 1; half an hour has 1800000 milliseconds",
            ));
        }
        if !(1..=1000).contains(&self.most) {
            return Err(FeedbackError::invalid("`most` is a number from 1 to 1000"));
        }
        let mut found: BTreeMap<Vec<&str>, (u32, u32)> = BTreeMap::new();
        for events in by_person(events)?.into_values() {
            let mut own: BTreeMap<Vec<&str>, u32> = BTreeMap::new();
            for window in events.windows(self.length as usize) {
                let together = window
                    .windows(2)
                    .all(|two| two[1].at.saturating_sub(two[0].at) <= self.pause_ms);
                if together {
                    let names = window.iter().map(|event| event.name.as_str()).collect();
                    *own.entry(names).or_default() += 1;
                }
            }
            for (path, count) in own {
                let all = found.entry(path).or_default();
                all.0 += count;
                all.1 += 1;
            }
        }
        let mut paths: Vec<_> = found.into_iter().collect();
        // Stable: of equals the names decide.
        paths.sort_by_key(|(_, (count, people))| std::cmp::Reverse((*count, *people)));
        paths.truncate(self.most as usize);
        let path = |(steps, (count, people)): (Vec<&str>, (u32, u32))| Path {
            steps: steps.into_iter().map(str::to_owned).collect(),
            people,
            count,
        };
        Ok(paths.into_iter().map(path).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::event;
    use super::*;

    #[test]
    fn the_most_gone_come_first_and_pauses_end_a_visit() {
        let events = [
            event("a", "home", 0),
            event("a", "search", 1),
            event("a", "home", 2),
            event("a", "search", 3),
            event("b", "home", 0),
            event("b", "search", 100),
            event("b", "buy", 101),
        ];
        let paths = Paths {
            length: 2,
            pause_ms: 50,
            most: 10,
        };
        let found = paths.find(&events).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|p| (p.steps.join(">"), p.count, p.people))
            .collect();
        assert_eq!(
            told,
            [
                ("home>search".to_owned(), 2, 1),
                ("search>buy".to_owned(), 1, 1),
                ("search>home".to_owned(), 1, 1)
            ]
        );
        assert_eq!(
            Paths {
                pause_ms: 200,
                most: 1,
                ..paths
            }
            .find(&events)
            .unwrap()[0]
                .count,
            3
        );
        for wrong in [
            Paths { length: 1, ..paths },
            Paths {
                pause_ms: 0,
                ..paths
            },
            Paths { most: 0, ..paths },
        ] {
            assert!(wrong.find(&events).is_err());
        }
    }
}
