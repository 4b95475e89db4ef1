//! Whether the noise is distributed as it must be. Each check raises a false alarm once in a thousand million runs.

use super::{Sensitivity, Share, found, noisy, quantile, top_k};

const ALARM: f64 = 1e-9;
const SAMPLES: usize = 100_000;

const ONE: Sensitivity = Sensitivity {
    numbers: 1,
    each: 1,
};

/// How likely a chi-square is at least this large. With an even number of degrees of freedom it is a finite
/// sum; an odd number is taken as the next one, which gives a little more.
fn chi_square_tail(statistic: f64, freedom: u32) -> f64 {
    let half = statistic / 2.0;
    let (mut term, mut sum) = ((-half).exp(), 0.0);
    for k in 1..=freedom.div_ceil(2) {
        sum += term;
        term *= half / f64::from(k);
    }
    sum
}

/// How likely a normal variable is more than `z`: integrated by Simpson's rule to ten deviations.
fn normal_tail(z: f64) -> f64 {
    let (from, to, steps) = (z.max(-10.0), 12.0_f64, 20_000);
    let width = (to - from) / f64::from(steps);
    let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let sum: f64 = (0..=steps)
        .map(|i| {
            let weight = match i {
                0 => 1.0,
                i if i == steps => 1.0,
                i if i % 2 == 1 => 4.0,
                _ => 2.0,
            };
            weight * density(from + width * f64::from(i))
        })
        .sum();
    sum * width / 3.0
}

/// Whether counts are those of the probabilities; what is expected fewer than 20 times is put together.
fn follows(counts: &[u64], probabilities: &[f64]) -> bool {
    let total: u64 = counts.iter().sum();
    let (mut statistic, mut cells) = (0.0, 0_u32);
    let (mut rest, mut expected_rest) = (0.0, total as f64);
    for (count, probability) in counts.iter().zip(probabilities) {
        let expected = probability * total as f64;
        if expected >= 20.0 {
            statistic += (*count as f64 - expected).powi(2) / expected;
            cells += 1;
            expected_rest -= expected;
        } else {
            rest += *count as f64;
        }
    }
    if expected_rest >= 20.0 {
        statistic += (rest - expected_rest).powi(2) / expected_rest;
        cells += 1;
    } else {
        // Too rare to compare by chi-square: a bound of S. Bernstein on the sum of rare events.
        assert!(rest < 200.0, "{rest} rare values");
    }
    chi_square_tail(statistic, cells - 1) > ALARM
}

/// Whether a sample is that of the distribution function: A. Kolmogorov's test with the bound of P. Massart,
/// 1990.
fn kolmogorov(mut sample: Vec<f64>, distribution: impl Fn(f64) -> f64) -> bool {
    sample.sort_unstable_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distance = sample
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let expected = distribution(*x);
            (expected - i as f64 / n).max((i + 1) as f64 / n - expected)
        })
        .fold(0.0, f64::max);
    2.0 * (-2.0 * n * distance * distance).exp() > ALARM
}

/// Counts of the values from -`reach` to `reach`, and of all others.
fn histogram(values: &[i64], reach: i64) -> Vec<u64> {
    let mut counts = vec![0; 2 * reach as usize + 2];
    for value in values {
        let place = if value.abs() <= reach {
            (value + reach) as usize
        } else {
            counts.len() - 1
        };
        counts[place] += 1;
    }
    counts
}

/// Probabilities of the values from -`reach` to `reach` by their weights, and of all others.
fn probabilities(weight: impl Fn(f64) -> f64, reach: i64) -> Vec<f64> {
    let total: f64 = (-50 * reach..=50 * reach).map(|x| weight(x as f64)).sum();
    let mut of: Vec<f64> = (-reach..=reach).map(|x| weight(x as f64) / total).collect();
    of.push((1.0 - of.iter().sum::<f64>()).max(0.0));
    of
}

fn zeros() -> Vec<i64> {
    vec![0; SAMPLES]
}

#[test]
fn the_checks_know_a_wrong_scale() {
    let noise = noisy(&zeros(), ONE, Share::Pure(0.5)).unwrap().values;
    let counts = histogram(&noise, 30);
    assert!(follows(
        &counts,
        &probabilities(|x| (-x.abs() * 0.5).exp(), 30)
    ));
    for wrong in [0.45, 0.55] {
        let others = probabilities(|x| (-x.abs() * wrong).exp(), 30);
        assert!(!follows(&counts, &others), "{wrong}");
    }
    // Percentiles as they are in any table.
    assert!((chi_square_tail(18.307, 10) - 0.05).abs() < 1e-5);
    assert!((chi_square_tail(9.210, 2) - 0.01).abs() < 1e-5);
    assert!((normal_tail(1.959_963_985) - 0.025).abs() < 1e-6);
}

#[test]
fn laplace_noise_is_that_of_the_discrete_laplace_distribution() {
    for (sensitivity, epsilon) in [
        (ONE, 0.1),
        (ONE, 1.0),
        (ONE, 3.0),
        (
            Sensitivity {
                numbers: 3,
                each: 2,
            },
            1.5,
        ),
    ] {
        let scale = f64::from(sensitivity.numbers) * sensitivity.each as f64 / epsilon;
        let noise = noisy(&zeros(), sensitivity, Share::Pure(epsilon)).unwrap();
        let reach = (scale * 8.0).ceil() as i64;
        let expected = probabilities(|x| (-x.abs() / scale).exp(), reach);
        assert!(
            follows(&histogram(&noise.values, reach), &expected),
            "{epsilon}"
        );
    }
}

#[test]
fn gaussian_noise_is_that_of_the_discrete_gaussian_distribution() {
    for (sensitivity, rho) in [
        (ONE, 0.005),
        (ONE, 0.1),
        (ONE, 2.0),
        (
            Sensitivity {
                numbers: 9,
                each: 2,
            },
            0.5,
        ),
    ] {
        let each = sensitivity.each as f64;
        let variance = each * each * f64::from(sensitivity.numbers) / (2.0 * rho);
        let noise = noisy(&zeros(), sensitivity, Share::Concentrated(rho)).unwrap();
        let reach = (variance.sqrt() * 5.0).ceil() as i64;
        let expected = probabilities(|x| (-x * x / (2.0 * variance)).exp(), reach);
        assert!(
            follows(&histogram(&noise.values, reach), &expected),
            "{rho}"
        );
    }
}

#[test]
fn noise_of_fine_steps_is_that_of_the_continuous_distributions() {
    let fine = Sensitivity {
        numbers: 1,
        each: 1 << 30,
    };
    let unit = (1_u64 << 30) as f64;
    let drawn = |share| -> Vec<f64> {
        let noise = noisy(&zeros(), fine, share).unwrap().values;
        noise.into_iter().map(|x| x as f64 / unit).collect()
    };
    let laplace = |scale: f64| {
        move |x: f64| {
            let tail = (-x.abs() / scale).exp() / 2.0;
            if x < 0.0 { tail } else { 1.0 - tail }
        }
    };
    let sample = drawn(Share::Pure(0.25));
    assert!(kolmogorov(sample.clone(), laplace(4.0)));
    assert!(!kolmogorov(sample, laplace(4.8)));
    let sample = drawn(Share::Concentrated(0.125));
    let near: Vec<f64> = sample.iter().take(20_000).copied().collect();
    assert!(kolmogorov(near, |x| 1.0 - normal_tail(x / 2.0)));
}

#[test]
fn errors_cover_95_of_100() {
    for share in [Share::Pure(0.2), Share::Concentrated(0.02)] {
        let each = Sensitivity {
            numbers: 1,
            each: 1 << 20,
        };
        let noise = noisy(&zeros(), each, share).unwrap();
        let inside = noise
            .values
            .iter()
            .filter(|x| x.abs() as f64 <= noise.error);
        let inside = inside.count() as u64;
        assert!(
            follows(&[inside, SAMPLES as u64 - inside], &[0.95, 0.05]),
            "{share:?}: {inside}"
        );
    }
}

#[test]
fn rankings_follow_their_mechanism() {
    // Permute-and-flip: the worse of two candidates is looked at first in half of the cases, and then
    // taken with exp(-gap / scale).
    let (counts, draws, epsilon) = (vec![10, 12], 20_000, 0.5);
    let worse = |share| {
        (0..draws)
            .filter(|_| top_k(&counts, 1, 1, share).unwrap() == [0])
            .count() as u64
    };
    let flipped = (-2.0_f64 * epsilon).exp() / 2.0;
    let seen = worse(Share::Pure(epsilon));
    assert!(
        follows(&[seen, draws - seen], &[flipped, 1.0 - flipped]),
        "{seen}"
    );
    // The exponential mechanism at a scale of sqrt(1 / (8 rho)).
    let rho = 0.05_f64;
    let weight = (-2.0 * (8.0 * rho).sqrt()).exp();
    let seen = worse(Share::Concentrated(rho));
    let expected = weight / (1.0 + weight);
    assert!(
        follows(&[seen, draws - seen], &[expected, 1.0 - expected]),
        "{seen}"
    );
}

#[test]
fn quantiles_follow_their_mechanism() {
    // Of the median, a candidate's score is half the difference of the rows above and below it.
    let values = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let (candidates, draws, rho) = ([0.5, 2.5, 3.5], 20_000, 0.1_f64);
    let scores = [3.0, 1.0, 0.0];
    let scale = (1.0 / (8.0 * rho)).sqrt();
    let weights = scores.map(|score: f64| (-score / scale).exp());
    let total: f64 = weights.iter().sum();
    let mut counts = [0; 3];
    for _ in 0..draws {
        let value = quantile(&values, 1, 0.5, &candidates, Share::Concentrated(rho)).unwrap();
        counts[candidates.iter().position(|c| *c == value).unwrap()] += 1;
    }
    assert!(follows(&counts, &weights.map(|w| w / total)), "{counts:?}");
}

#[test]
fn a_group_of_one_unit_passes_as_seldom_as_delta_allows() {
    let counts = (0..SAMPLES as u32).map(|group| (group, 1)).collect();
    for share in [Share::Pure(0.1), Share::Concentrated(0.005)] {
        let delta = 0.01;
        let passed = found(&counts, ONE, share, delta).unwrap().counts.len() as f64;
        let most = delta * SAMPLES as f64;
        // Six deviations, on the side that matters.
        assert!(passed < most + 6.0 * most.sqrt(), "{share:?}: {passed}");
        // And not far less: then more groups would be hidden than need be.
        assert!(passed > most / 4.0, "{share:?}: {passed}");
        let many = (0..100).map(|group| (group, 1_000)).collect();
        assert_eq!(found(&many, ONE, share, delta).unwrap().counts.len(), 100);
    }
}
