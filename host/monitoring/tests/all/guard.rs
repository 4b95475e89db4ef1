//! How often a guard is wrong: many seeds, no clock.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use steward_monitoring::guard::{Bounds, Guard, Outcome, Side, Verdict};

/// How a version behaves.
#[derive(Clone, Copy)]
struct Version {
    errors: f64,
    typical_ms: f64,
    score: f64,
    disagrees: f64,
}

const GOOD: Version = Version {
    errors: 0.02,
    typical_ms: 10.0,
    score: 0.7,
    disagrees: 0.05,
};

fn normal(random: &mut StdRng) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

impl Version {
    fn call(self, random: &mut StdRng) -> Outcome {
        // A long tail: the 99th percentile is some six times the median.
        let milliseconds = self.typical_ms * (0.8 * normal(random)).exp();
        Outcome {
            error: random.random_bool(self.errors),
            latency: Duration::from_secs_f64(milliseconds / 1e3),
            score: Some(self.score + 0.1 * normal(random)),
            agrees: Some(!random.random_bool(self.disagrees)),
        }
    }
}

/// Calls of the candidate until it is rolled back, at most `most`; a tenth of the traffic is the candidate's, 50 calls
/// a second, one verdict a second.
fn rolled_back(seed: u64, bounds: &Bounds, candidate: Version, most: u64) -> Option<(u64, String)> {
    let random = &mut StdRng::seed_from_u64(seed);
    let start = Instant::now();
    let guard = Guard::new(bounds.clone(), start).unwrap();
    let (mut calls, mut tick) = (0, 0);
    while calls < most {
        let now = start + Duration::from_millis(20 * tick);
        if random.random_ratio(1, 10) {
            calls += 1;
            guard.record(Side::Candidate, now, candidate.call(random));
        } else {
            guard.record(Side::Stable, now, GOOD.call(random));
        }
        tick += 1;
        if tick % 50 == 0
            && let Verdict::RollBack { reason } = guard.verdict(now)
        {
            return Some((calls, reason));
        }
    }
    None
}

#[test]
fn a_candidate_as_good_as_stable_stays() {
    // 200 candidates, each judged some 200 times over 1,000 calls.
    for seed in 0..200 {
        let back = rolled_back(seed, &Bounds::default(), GOOD, 1000);
        assert_eq!(back, None, "seed {seed}");
    }
}

#[test]
fn a_clearly_worse_candidate_goes_back_soon_and_for_its_reason() {
    let few = Bounds {
        max_p99_ms: Some(100.0),
        ..Bounds::default()
    };
    let tail = Bounds {
        max_latency_ratio: None,
        max_p99_ratio: Some(1.5),
        ..Bounds::default()
    };
    let beside = Bounds {
        max_error_rate: None,
        ..Bounds::default()
    };
    #[rustfmt::skip]
    let cases = [
        ("max_error_rate", &few, Version { errors: 0.25, ..GOOD }, 200),
        ("max_error_ratio", &beside, Version { errors: 0.12, ..GOOD }, 1500),
        ("max_latency_ratio", &few, Version { typical_ms: 35.0, ..GOOD }, 300),
        ("max_p99_ratio", &tail, Version { typical_ms: 50.0, ..GOOD }, 300),
        ("max_psi", &few, Version { score: 0.4, ..GOOD }, 300),
        ("max_disagreement", &few, Version { disagrees: 0.45, ..GOOD }, 300),
        ("max_consecutive_errors", &few, Version { errors: 1.0, ..GOOD }, 60),
    ];
    for (bound, bounds, version, most) in cases {
        for seed in 0..50 {
            let (calls, reason) = rolled_back(seed, bounds, version, most)
                .unwrap_or_else(|| panic!("{bound}, seed {seed}: still there after {most} calls"));
            assert!(
                calls >= 20 && reason.contains("candidate"),
                "{calls}: {reason}"
            );
            let slow_either_way = bound.contains("latency") && reason.contains("max_p99");
            assert!(
                reason.contains(bound) || slow_either_way,
                "{bound}: {reason}"
            );
        }
    }
}

fn fill(guard: &Guard, side: Side, now: Instant, calls: u64, errors: u64) {
    for i in 0..calls {
        let outcome = match i < errors {
            true => Outcome::error(),
            false => Outcome::answer(Duration::from_millis(10)),
        };
        guard.record(side, now, outcome);
    }
}

#[test]
fn few_calls_decide_nothing_and_old_ones_are_forgotten() {
    let start = Instant::now();
    let guard = Guard::new(Bounds::default(), start).unwrap();
    fill(&guard, Side::Stable, start, 1000, 0);
    fill(&guard, Side::Candidate, start, 99, 19);
    let undecided = Verdict::Undecided {
        calls: 99,
        needed: 100,
    };
    assert_eq!(guard.verdict(start), undecided);
    fill(&guard, Side::Candidate, start, 1, 0);
    let Verdict::RollBack { reason } = guard.verdict(start) else {
        panic!("19 of 100 failed");
    };
    assert_eq!(
        reason,
        "the candidate failed 19 of 100 calls (19 %); `max_error_rate` is 5 %"
    );
    let later = start + Duration::from_secs(301);
    assert_eq!(
        guard.verdict(later),
        Verdict::Undecided {
            calls: 0,
            needed: 100
        }
    );
    fill(&guard, Side::Candidate, later, 200, 0);
    assert_eq!(guard.verdict(later), Verdict::Keep);
}

#[test]
fn failures_in_a_row_need_no_other_calls() {
    let now = Instant::now();
    let bounds = Bounds {
        max_consecutive_errors: 5,
        ..Bounds::default()
    };
    let guard = Guard::new(bounds, now).unwrap();
    fill(&guard, Side::Candidate, now, 4, 4);
    assert!(matches!(
        guard.verdict(now),
        Verdict::Undecided { calls: 4, .. }
    ));
    fill(&guard, Side::Candidate, now, 1, 0);
    fill(&guard, Side::Candidate, now, 4, 4);
    assert!(matches!(
        guard.verdict(now),
        Verdict::Undecided { calls: 9, .. }
    ));
    fill(&guard, Side::Candidate, now, 1, 1);
    assert!(matches!(guard.verdict(now), Verdict::RollBack { .. }));
}

#[test]
fn threads_record_at_once() {
    let now = Instant::now();
    let guard = Guard::new(Bounds::default(), now).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fill(&guard, Side::Candidate, now, 1000, 10));
        }
    });
    let figures = guard.figures(Side::Candidate, now);
    assert_eq!((figures.calls, figures.errors), (4000, 40));
    assert!((figures.p99_ms.unwrap() - 10.0).abs() < 0.1, "{figures:?}");
    assert_eq!(guard.figures(Side::Stable, now).p50_ms, None);
}
