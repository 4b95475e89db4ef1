//! Drift beside SciPy and NumPy.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use steward_monitoring::drift::{Reference, Shift};

/// Roughly normal: twelve uniforms.
fn normal(random: &mut StdRng, count: usize, mean: f64, spread: f64) -> Vec<f64> {
    let mut one = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    (0..count).map(|_| mean + spread * one()).collect()
}

#[test]
fn psi_and_ks_are_those_of_numpy_and_scipy() {
    let random = &mut StdRng::seed_from_u64(7);
    let lengths = |values: Vec<f64>| values.into_iter().map(f64::round).collect::<Vec<_>>();
    let pairs = [
        (normal(random, 500, 0.0, 1.0), normal(random, 400, 0.0, 1.0)),
        (
            normal(random, 2000, 0.0, 1.0),
            normal(random, 3000, 0.2, 1.0),
        ),
        (
            normal(random, 300, 0.6, 0.1),
            normal(random, 5000, 0.9, 0.3),
        ),
        // Lengths in tokens: whole numbers, many alike.
        (
            lengths(normal(random, 1500, 30.0, 4.0)),
            lengths(normal(random, 900, 33.0, 6.0)),
        ),
        // Nearly constant, and without a number in common.
        ([vec![1.0; 600], vec![2.0; 20]].concat(), vec![1.0; 250]),
        (
            normal(random, 200, -5.0, 1.0),
            normal(random, 200, 90.0, 1.0),
        ),
    ];
    for bins in [4, 10, 20] {
        for (reference, current) in &pairs {
            let built = Reference::with_bins(reference, bins).unwrap();
            let drift = built.compare(current).unwrap();
            let input = json!({"reference": reference, "current": current, "bins": bins});
            let oracle = super::ask("drift", &input);
            let near = |key: &str, ours: f64, off: f64| {
                let theirs = oracle[key].as_f64().unwrap();
                assert!((ours - theirs).abs() <= off, "{key}: {ours} for {theirs}");
            };
            near("psi", drift.psi, 1e-9 * (1.0 + drift.psi));
            near("ks", drift.ks, 1e-12);
            // SciPy takes the exact distribution of one sample of the harmonic size, ours is its corrected limit.
            near("p_value", drift.p_value, 0.001 + 0.02 * drift.p_value);
            near("p_limit", drift.p_value, 1e-9);
        }
    }
}

#[test]
fn one_distribution_seldom_looks_like_two() {
    let random = &mut StdRng::seed_from_u64(11);
    let (mut large, mut unlikely) = (0, 0);
    for _ in 0..500 {
        let reference = Reference::new(&normal(random, 1000, 0.0, 1.0)).unwrap();
        let drift = reference.compare(&normal(random, 500, 0.0, 1.0)).unwrap();
        large += usize::from(drift.shift() != Shift::None);
        unlikely += usize::from(drift.p_value < 0.01);
    }
    assert_eq!(large, 0);
    assert!(unlikely <= 15, "{unlikely} of 500 below .01"); // five are expected
}
