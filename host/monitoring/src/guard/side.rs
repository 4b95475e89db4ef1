//! What one side did lately: a ring of time slots.

use super::Outcome;
use crate::latency::Durations;

/// Slots in a window. What a window covers is exact to one of them.
pub(super) const SLOTS: usize = 12;

/// Scores kept of each slot, a uniform sample where there are more.
const SCORES: usize = 512;

/// What happened within some time.
#[derive(Debug, Default)]
pub(super) struct Recent {
    pub(super) calls: u64,
    pub(super) errors: u64,
    pub(super) compared: u64,
    pub(super) disagreements: u64,
    pub(super) latency: Durations,
    pub(super) scores: Vec<f64>,
    /// How many calls failed since the last answer, however long ago.
    pub(super) failed_last: u32,
}

#[derive(Debug, Default)]
struct Slot {
    number: u64,
    scores_seen: u64,
    totals: Recent,
}

#[derive(Debug)]
pub(super) struct Ring {
    slots: [Slot; SLOTS],
    failed_last: u32,
    random: u64,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            slots: Default::default(),
            failed_last: 0,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }
}

impl Ring {
    /// Counts an outcome into the slot of that number.
    pub(super) fn record(&mut self, number: u64, outcome: &Outcome) {
        self.failed_last = match outcome.error {
            true => self.failed_last.saturating_add(1),
            false => 0,
        };
        let slot = &mut self.slots[number as usize % SLOTS];
        if slot.number > number {
            return; // a thread that was held up for a whole window
        }
        if slot.number < number {
            slot.clear(number);
        }
        let totals = &mut slot.totals;
        totals.calls += 1;
        totals.compared += u64::from(outcome.agrees.is_some());
        totals.disagreements += u64::from(outcome.agrees == Some(false));
        if outcome.error {
            totals.errors += 1;
        } else {
            totals.latency.record(outcome.latency);
        }
        if let Some(score) = outcome.score.filter(|score| score.is_finite()) {
            slot.keep(score, &mut self.random);
        }
    }

    /// Everything in the window that ends with the slot of that number.
    pub(super) fn recent(&self, number: u64) -> Recent {
        let mut all = Recent {
            failed_last: self.failed_last,
            ..Recent::default()
        };
        let first = number.saturating_sub(SLOTS as u64 - 1);
        for slot in self.slots.iter().filter(|slot| slot.number >= first) {
            all.calls += slot.totals.calls;
            all.errors += slot.totals.errors;
            all.compared += slot.totals.compared;
            all.disagreements += slot.totals.disagreements;
            all.latency.merge(&slot.totals.latency);
            all.scores.extend(&slot.totals.scores);
        }
        all
    }
}

impl Slot {
    fn clear(&mut self, number: u64) {
        *self = Self {
            number,
            ..Self::default()
        };
    }

    /// J. S. Vitter's algorithm R, "Random sampling with a reservoir", 1985, over G. Marsaglia's xorshift, 2003.
    fn keep(&mut self, score: f64, random: &mut u64) {
        self.scores_seen += 1;
        if self.totals.scores.len() < SCORES {
            self.totals.scores.push(score);
            return;
        }
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let place = *random % self.scores_seen;
        if let Some(kept) = self.totals.scores.get_mut(place as usize) {
            *kept = score;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(score: f64) -> Outcome {
        Outcome {
            score: Some(score),
            ..Outcome::answer(Duration::from_millis(5))
        }
    }

    #[test]
    fn a_window_forgets_slot_by_slot() {
        let mut ring = Ring::default();
        for number in 0..30 {
            ring.record(number, &answer(number as f64));
        }
        assert_eq!(ring.recent(29).calls, SLOTS as u64);
        assert_eq!(ring.recent(35).calls, SLOTS as u64 - 6);
        assert_eq!(ring.recent(100).calls, 0);
        // Late, but within the window; then too late for it.
        ring.record(20, &answer(20.0));
        assert_eq!(ring.recent(29).calls, SLOTS as u64 + 1);
        ring.record(3, &answer(3.0));
        assert_eq!(ring.recent(29).calls, SLOTS as u64 + 1);
    }

    #[test]
    fn scores_are_a_bounded_even_sample() {
        let mut ring = Ring::default();
        for i in 0..100_000 {
            ring.record(0, &answer(f64::from(i)));
        }
        ring.record(0, &answer(f64::NAN));
        let recent = ring.recent(0);
        assert_eq!((recent.calls, recent.scores.len()), (100_001, SCORES));
        let mean = recent.scores.iter().sum::<f64>() / SCORES as f64;
        assert!((mean - 50_000.0).abs() < 6_000.0, "{mean}");
    }
}
