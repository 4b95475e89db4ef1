//! Whether a candidate may stay beside the stable version, or must go back.
//!
//! A [`Guard`] sees the outcome of each call of both sides over a sliding window and holds them against [`Bounds`]. A
//! bound that is passed is not enough: it must be passed by more than chance explains, so that a candidate as good as
//! stable is not sent back over a few unlucky calls, and verdicts may be asked for as often as one likes.

mod bounds;
mod chance;
mod pace;
mod side;

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;

pub use bounds::{Bounds, BoundsError};
pub use pace::Pace;

use crate::drift::Reference;
use chance::{CHANCE, Z, at_least, share_of};
use side::{Recent, Ring, SLOTS};

/// Which version answered a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The version that is relied on.
    Stable,
    /// The version on trial.
    Candidate,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The version failed. Calls that the caller got wrong are no outcome: record none for them.
    pub error: bool,
    /// How long it took; counted where it did not fail, because failing fast is no speed.
    pub latency: Duration,
    /// A number that says what it answered, compared between both sides for drift: a score, a norm.
    pub score: Option<f64>,
    /// In shadow traffic, on the candidate's side: whether it answered the same as stable did.
    pub agrees: Option<bool>,
}

impl Outcome {
    /// An answer.
    #[must_use]
    pub fn answer(latency: Duration) -> Self {
        Self {
            error: false,
            latency,
            score: None,
            agrees: None,
        }
    }

    /// A failure.
    #[must_use]
    pub fn error() -> Self {
        Self {
            error: true,
            ..Self::answer(Duration::ZERO)
        }
    }
}

/// What a guard decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Enough calls, and no bound is passed.
    Keep,
    /// Too few calls of the candidate in the window.
    Undecided {
        /// How many there are.
        calls: u64,
        /// How many it takes.
        needed: u64,
    },
    /// The candidate must go back.
    RollBack {
        /// A sentence with the numbers and the bound.
        reason: String,
    },
}

/// What one side did within the window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Calls, failed ones too.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Mean latency of answers in milliseconds.
    pub mean_ms: Option<f64>,
    /// Median latency of answers in milliseconds.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the latency of answers in milliseconds.
    pub p99_ms: Option<f64>,
    /// Answers compared with stable's.
    pub compared: u64,
    /// Those of them that differ.
    pub disagreements: u64,
}

/// What a guard sees and decides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuardStatus {
    /// `keep`, `undecided` or `roll-back`.
    pub verdict: &'static str,
    /// Where it is undecided: how many more calls it needs within its window.
    pub needs: u64,
    /// Why it would roll back.
    pub reason: Option<String>,
    /// What the candidate may not pass.
    pub bounds: Bounds,
    /// What the stable version did within the window.
    pub stable: Figures,
    /// What the candidate did within the window.
    pub candidate: Figures,
}

/// Watches a candidate beside stable. Memory is bounded (under 1 MiB), whatever the traffic.
#[derive(Debug)]
pub struct Guard {
    bounds: Bounds,
    start: Instant,
    stable: Mutex<Ring>,
    candidate: Mutex<Ring>,
}

impl Guard {
    /// A guard that has seen nothing; `now` begins its window.
    ///
    /// # Errors
    /// Where the bounds are not valid.
    pub fn new(bounds: Bounds, now: Instant) -> Result<Self, BoundsError> {
        bounds.validate()?;
        Ok(Self {
            bounds,
            start: now,
            stable: Mutex::default(),
            candidate: Mutex::default(),
        })
    }

    /// Counts a call that ended at `now`: one short lock of its side. Calls older than the window are left out.
    pub fn record(&self, side: Side, now: Instant, outcome: Outcome) {
        self.ring(side).lock().record(self.slot(now), &outcome);
    }

    /// What one side did within the window that ends at `now`.
    #[must_use]
    pub fn figures(&self, side: Side, now: Instant) -> Figures {
        let recent = self.recent(side, now);
        let quantile = |q| recent.latency.quantile(q).map(ms);
        Figures {
            calls: recent.calls,
            errors: recent.errors,
            mean_ms: recent.latency.mean().map(ms),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            compared: recent.compared,
            disagreements: recent.disagreements,
        }
    }

    /// Holds the window that ends at `now` against the bounds. Takes some tens of microseconds, more where both sides
    /// give scores: ask once a second, not at every call.
    #[must_use]
    pub fn verdict(&self, now: Instant) -> Verdict {
        let candidate = self.recent(Side::Candidate, now);
        let bounds = &self.bounds;
        let (failed, most) = (candidate.failed_last, bounds.max_consecutive_errors);
        if failed >= most {
            let reason = format!(
                "the candidate failed its last {failed} calls; `max_consecutive_errors` is {most}"
            );
            return Verdict::RollBack { reason };
        }
        if candidate.calls < bounds.min_calls {
            return Verdict::Undecided {
                calls: candidate.calls,
                needed: bounds.min_calls,
            };
        }
        let stable = self.recent(Side::Stable, now);
        let reason = self
            .errors(&candidate)
            .or_else(|| self.errors_beside(&candidate, &stable))
            .or_else(|| self.slow(&candidate))
            .or_else(|| self.slow_beside(&candidate, &stable))
            .or_else(|| self.slow_tail_beside(&candidate, &stable))
            .or_else(|| self.disagreement(&candidate))
            .or_else(|| self.drift(&candidate, &stable));
        reason.map_or(Verdict::Keep, |reason| Verdict::RollBack { reason })
    }

    /// All of it, for people.
    #[must_use]
    pub fn status(&self, now: Instant) -> GuardStatus {
        let (verdict, needs, reason) = match self.verdict(now) {
            Verdict::Keep => ("keep", 0, None),
            Verdict::Undecided { calls, needed } => ("undecided", needed - calls, None),
            Verdict::RollBack { reason } => ("roll-back", 0, Some(reason)),
        };
        GuardStatus {
            verdict,
            needs,
            reason,
            bounds: self.bounds.clone(),
            stable: self.figures(Side::Stable, now),
            candidate: self.figures(Side::Candidate, now),
        }
    }

    fn errors(&self, candidate: &Recent) -> Option<String> {
        let bound = self.bounds.max_error_rate?;
        let Recent { calls, errors, .. } = *candidate;
        (at_least(errors, calls, bound) < CHANCE).then(|| {
            format!(
                "the candidate failed {errors} of {calls} calls ({}); `max_error_rate` is {}",
                percent(errors, calls),
                percent_of(bound)
            )
        })
    }

    /// Two Poisson rates, given the failures of both together: J. Przyborowski and H. Wilenski, "Homogeneity of results
    /// in testing samples from Poisson series", Biometrika 31, 1940.
    fn errors_beside(&self, candidate: &Recent, stable: &Recent) -> Option<String> {
        let ratio = self.bounds.max_error_ratio?;
        let share = share_of(ratio * candidate.calls as f64, stable.calls as f64);
        let tolerated = self.bounds.tolerated_error_rate;
        let by_chance = at_least(candidate.errors, candidate.errors + stable.errors, share);
        let beyond = at_least(candidate.errors, candidate.calls, tolerated) < CHANCE;
        (by_chance < CHANCE && beyond).then(|| {
            format!(
                "the candidate failed {} of {} calls ({}), stable {} of {} ({}); `max_error_ratio` is {ratio}",
                candidate.errors,
                candidate.calls,
                percent(candidate.errors, candidate.calls),
                stable.errors,
                stable.calls,
                percent(stable.errors, stable.calls)
            )
        })
    }

    fn slow(&self, candidate: &Recent) -> Option<String> {
        let bound = self.bounds.max_p99_ms?;
        let (longer, by_chance) = tail(candidate, Duration::from_secs_f64(bound / 1e3));
        (by_chance < CHANCE).then(|| {
            format!(
                "{longer} of the candidate's {} answers took longer than {bound} ms, its 99th percentile is {} ms; \
                 `max_p99_ms` is {bound}",
                candidate.latency.count(),
                p99(candidate)
            )
        })
    }

    /// Geometric means, because latencies have long tails: B. L. Welch's test of two means of logarithms, "The
    /// generalization of 'Student's' problem", Biometrika 34, 1947, with the normal distribution for that many calls.
    fn slow_beside(&self, candidate: &Recent, stable: &Recent) -> Option<String> {
        let ratio = self.bounds.max_latency_ratio?;
        let (n, m) = (candidate.latency.count(), stable.latency.count());
        if n.min(m) < self.bounds.min_calls {
            return None;
        }
        let (ours, our_variance) = candidate.latency.log_moments()?;
        let (theirs, their_variance) = stable.latency.log_moments()?;
        let error = (our_variance / n as f64 + their_variance / m as f64).sqrt();
        let beyond = ours - theirs - ratio.ln();
        // Latencies are counted in microseconds.
        let noticed = ours.exp() / 1e3 > self.bounds.tolerated_latency_ms;
        (noticed && beyond > 0.0 && beyond > Z * error).then(|| {
            format!(
                "the candidate typically answers in {:.3} ms (geometric mean of {n}), stable in {:.3} ms (of {m}), \
                 {:.2} times as long; `max_latency_ratio` is {ratio}",
                ours.exp() / 1e3,
                theirs.exp() / 1e3,
                (ours - theirs).exp()
            )
        })
    }

    /// The 99th percentile of stable is only known to lie below some answer of its window; how far up that is follows
    /// from the binomial distribution (H. A. David and H. N. Nagaraja, "Order Statistics", 2003, section 7.1). It takes
    /// some 900 answers of stable.
    fn slow_tail_beside(&self, candidate: &Recent, stable: &Recent) -> Option<String> {
        let ratio = self.bounds.max_p99_ratio?;
        let answers = stable.latency.count();
        // How many of stable's answers lie above its true 99th percentile is binomial; the fewest that are likely.
        let above = (0..=answers / 100)
            .rev()
            .find(|above| at_least(answers - above, answers, 0.99) < CHANCE)?;
        let limit = stable.latency.at_rank(answers - above)?.mul_f64(ratio);
        let tolerated = Duration::from_secs_f64(self.bounds.tolerated_latency_ms / 1e3);
        let limit = limit.max(tolerated);
        let (longer, by_chance) = tail(candidate, limit);
        (by_chance < CHANCE).then(|| {
            format!(
                "the candidate's 99th percentile is {} ms over {} answers ({longer} of them longer than {:.3} ms), \
                 stable's is {} ms over {answers}; `max_p99_ratio` is {ratio}",
                p99(candidate),
                candidate.latency.count(),
                ms(limit),
                p99(stable)
            )
        })
    }

    fn disagreement(&self, candidate: &Recent) -> Option<String> {
        let bound = self.bounds.max_disagreement?;
        let (differ, compared) = (candidate.disagreements, candidate.compared);
        (at_least(differ, compared, bound) < CHANCE).then(|| {
            format!(
                "the candidate answered {differ} of {compared} calls otherwise than stable ({}); `max_disagreement` is {}",
                percent(differ, compared),
                percent_of(bound)
            )
        })
    }

    /// The index alone grows by chance where numbers are few, so the Kolmogorov–Smirnov test must agree.
    fn drift(&self, candidate: &Recent, stable: &Recent) -> Option<String> {
        let bound = self.bounds.max_psi?;
        let reference = Reference::new(&stable.scores).ok()?;
        let drift = reference.compare(&candidate.scores)?;
        (drift.psi > bound && drift.p_value < CHANCE).then(|| {
            format!(
                "the candidate's scores are not distributed as stable's: population stability index {:.3}, \
                 Kolmogorov–Smirnov statistic {:.3}, over {} and {} scores; `max_psi` is {bound}",
                drift.psi, drift.ks, drift.count, drift.reference_count
            )
        })
    }

    fn ring(&self, side: Side) -> &Mutex<Ring> {
        match side {
            Side::Stable => &self.stable,
            Side::Candidate => &self.candidate,
        }
    }

    fn recent(&self, side: Side, now: Instant) -> Recent {
        self.ring(side).lock().recent(self.slot(now))
    }

    /// The number of the time slot since the start.
    fn slot(&self, now: Instant) -> u64 {
        let slot = Duration::from_secs(self.bounds.window_seconds) / SLOTS as u32;
        (now.saturating_duration_since(self.start).as_nanos() / slot.as_nanos()) as u64
    }
}

/// How many answers are longer than a limit, and how likely that is where its 99th percentile is no longer.
fn tail(side: &Recent, limit: Duration) -> (u64, f64) {
    let longer = side.latency.longer_than(limit);
    (longer, at_least(longer, side.latency.count(), 0.01))
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn p99(side: &Recent) -> String {
    let p99 = side.latency.quantile(0.99).unwrap_or_default();
    format!("{:.3}", ms(p99))
}

fn percent(part: u64, all: u64) -> String {
    percent_of(part as f64 / all.max(1) as f64)
}

fn percent_of(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
