//! Funnels: how many people go through steps in their order.

use super::{Event, by_person};
use crate::FeedbackError;

/// The most steps.
const MAX_STEPS: usize = 50;

/// Steps that people take one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funnel {
    /// Names of events, 2 to 50. A name may stand more than once.
    pub steps: Vec<String>,
    /// From the first step to the last at most, in milliseconds; none: without limit.
    pub window_ms: Option<i64>,
    /// Whether another event between two steps ends the way.
    pub strict: bool,
}

/// How a step went.
#[derive(Debug, Clone, PartialEq)]
pub struct FunnelStep {
    /// The event.
    pub name: String,
    /// People who came here.
    pub people: u32,
    /// Their share of those of the first step; 0 where nobody is there.
    pub of_first: f64,
    /// Their share of those of the step before.
    pub of_previous: f64,
    /// The median of the time since the step before, over those who came here.
    pub median_ms: Option<i64>,
}

impl Funnel {
    /// How each step went. Of all the ways of a person, the one that leads farthest counts.
    ///
    /// # Errors
    /// Fewer than two steps or more than 50, a window that is none, too many events.
    pub fn measure(&self, events: &[Event]) -> Result<Vec<FunnelStep>, FeedbackError> {
        if !(2..=MAX_STEPS).contains(&self.steps.len()) {
            return Err(FeedbackError::Invalid(format!(
                "the funnel has {} steps; it has 2 to {MAX_STEPS}",
                self.steps.len()
            )));
        }
        if self.window_ms.is_some_and(|window| window < 0) {
            return Err(FeedbackError::invalid(
                "the window of the funnel is negative",
            ));
        }
        let mut people = vec![0u32; self.steps.len()];
        let mut waits: Vec<Vec<i64>> = vec![Vec::new(); self.steps.len()];
        for events in by_person(events)?.into_values() {
            let way = self.way(&events);
            for (step, at) in way.iter().enumerate() {
                people[step] += 1;
                if let Some(before) = step.checked_sub(1).and_then(|before| way.get(before)) {
                    waits[step].push(at.saturating_sub(*before));
                }
            }
        }
        let share = |part: u32, of: u32| {
            if of == 0 {
                0.0
            } else {
                f64::from(part) / f64::from(of)
            }
        };
        let step = |(step, name): (usize, &String)| FunnelStep {
            name: name.clone(),
            people: people[step],
            of_first: share(people[step], people[0]),
            of_previous: share(people[step], people[step.saturating_sub(1)]),
            median_ms: median(&mut waits[step]),
        };
        Ok(self.steps.iter().enumerate().map(step).collect())
    }

    /// The times of the steps of the way that leads farthest, the earliest of those.
    fn way(&self, events: &[&Event]) -> Vec<i64> {
        // For each number of steps, the way that began last: it has the most of its window left. It is enough to keep that
        // one, since a way that began earlier can do nothing that this cannot.
        let mut ways: Vec<Option<Vec<i64>>> = vec![None; self.steps.len()];
        let mut best: Vec<i64> = Vec::new();
        for event in events {
            // From the last step down, so that one event is one step.
            for step in (0..self.steps.len()).rev() {
                if self.steps[step] != event.name {
                    if self.strict {
                        // Whoever stood before this step has gone another way.
                        if let Some(before) = step.checked_sub(1) {
                            ways[before] = None;
                        }
                    }
                    continue;
                }
                let way = match step.checked_sub(1) {
                    None => Some(vec![event.at]),
                    Some(before) => {
                        let way = if self.strict {
                            ways[before].take()
                        } else {
                            ways[before].clone()
                        };
                        way.filter(|way| self.in_time(way, event.at))
                            .map(|mut way| {
                                way.push(event.at);
                                way
                            })
                    }
                };
                if let Some(way) = way {
                    if way.len() > best.len() {
                        best.clone_from(&way);
                    }
                    ways[step] = Some(way);
                }
            }
            if best.len() == self.steps.len() {
                break;
            }
        }
        best
    }

    fn in_time(&self, way: &[i64], at: i64) -> bool {
        let begun = way.first().copied().unwrap_or(at);
        self.window_ms
            .is_none_or(|window| at.saturating_sub(begun) <= window)
    }
}

/// The lower one of two in the middle.
fn median(values: &mut [i64]) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::super::event;
    use super::*;

    fn funnel(steps: &[&str], window_ms: Option<i64>, strict: bool) -> Funnel {
        Funnel {
            steps: steps.iter().map(|s| (*s).to_owned()).collect(),
            window_ms,
            strict,
        }
    }

    fn people(funnel: &Funnel, events: &[Event]) -> Vec<u32> {
        funnel
            .measure(events)
            .unwrap()
            .iter()
            .map(|step| step.people)
            .collect()
    }

    fn example() -> Vec<Event> {
        vec![
            event("ann", "see", 0),
            event("ann", "cart", 10),
            event("ann", "pay", 20),
            event("bo", "see", 0),
            event("bo", "look", 5),
            event("bo", "cart", 50),
            event("陈", "cart", 0),
            event("陈", "see", 1),
            event("dee", "see", 0),
            // Too late for the first start, in time for the second.
            event("dee", "see", 100),
            event("dee", "cart", 130),
            event("dee", "pay", 140),
        ]
    }

    #[test]
    fn steps_count_in_their_order() {
        let events = example();
        let steps = funnel(&["see", "cart", "pay"], None, false)
            .measure(&events)
            .unwrap();
        assert_eq!(
            steps.iter().map(|s| s.people).collect::<Vec<_>>(),
            [4, 3, 2]
        );
        assert_eq!((steps[1].of_first, steps[2].of_previous), (0.75, 2.0 / 3.0));
        assert_eq!((steps[0].median_ms, steps[1].median_ms), (None, Some(30)));
        // However they are given.
        let mut backwards = events;
        backwards.reverse();
        assert_eq!(
            people(&funnel(&["see", "cart", "pay"], None, false), &backwards),
            [4, 3, 2]
        );
    }

    #[test]
    fn a_window_is_counted_from_the_first_step_of_a_way() {
        assert_eq!(
            people(
                &funnel(&["see", "cart", "pay"], Some(45), false),
                &example()
            ),
            [4, 2, 2]
        );
        assert_eq!(
            people(&funnel(&["see", "cart", "pay"], Some(0), false), &example()),
            [4, 0, 0]
        );
    }

    #[test]
    fn strictly_nothing_may_come_between() {
        assert_eq!(
            people(&funnel(&["see", "cart", "pay"], None, true), &example()),
            [4, 2, 2]
        );
    }

    #[test]
    fn one_event_is_one_step() {
        let twice = funnel(&["see", "see"], None, false);
        assert_eq!(people(&twice, &example()), [4, 1]);
        assert_eq!(
            people(&funnel(&["see", "see"], None, true), &example()),
            [4, 1]
        );
    }

    #[test]
    fn what_is_no_funnel_is_refused() {
        assert!(funnel(&["see"], None, false).measure(&[]).is_err());
        assert!(
            funnel(&["see", "pay"], Some(-1), false)
                .measure(&[])
                .is_err()
        );
        assert_eq!(people(&funnel(&["see", "pay"], None, false), &[]), [0, 0]);
    }
}
