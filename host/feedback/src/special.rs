//! Tails and quantiles of the distributions that tests and intervals need.
//!
//! The incomplete beta and gamma functions are computed by their continued fractions and series (W. H. Press et al.,
//! Numerical Recipes, 3rd edition, sections 6.2 and 6.4).

use std::f64::consts::{PI, SQRT_2};

/// Below this, a term adds nothing.
const TINY: f64 = 1e-300;
/// Where a continued fraction stands still.
const STILL: f64 = 1e-16;
/// Enough for every parameter up to 10^9: both fractions need a few times the root of their largest parameter.
const MOST_TERMS: usize = 200_000;

/// The density of the standard normal distribution.
pub(crate) fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// The probability that a standard normal variable is at most `x`.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}

/// The probability that a standard normal variable is farther from 0 than `x`, either way.
pub(crate) fn normal_two_sided(x: f64) -> f64 {
    libm::erfc(x.abs() / SQRT_2)
}

/// The value that a standard normal variable is at most with probability `p`, which lies between 0 and 1.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    // Abramowitz and Stegun 26.2.23, good to three digits; Newton's steps triple them.
    let t = (-2.0 * p.max(TINY).ln()).sqrt();
    let mut x = -(t
        - (2.515_517 + 0.802_853 * t + 0.010_328 * t * t)
            / (1.0 + 1.432_788 * t + 0.189_269 * t * t + 0.001_308 * t * t * t));
    for _ in 0..4 {
        let density = normal_density(x);
        if density < TINY {
            break;
        }
        // Halley's method: the second derivative of the distribution is -x times its density.
        let step = (normal_cdf(x) - p) / density;
        x -= step / (1.0 + 0.5 * x * step);
    }
    x
}

/// The regularized incomplete beta function.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let log_front =
        libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * (-x).ln_1p();
    let front = log_front.exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

/// Lentz's method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..MOST_TERMS {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let change = d * c;
        h *= change;
        if (change - 1.0).abs() < STILL {
            break;
        }
    }
    h
}

/// From so many degrees of freedom on, Student's distribution is the normal one to nine digits.
const NORMAL_FROM: f64 = 1e9;

/// The probability that Student's t with `freedom` degrees is farther from 0 than `t`, either way.
pub(crate) fn student_two_sided(t: f64, freedom: f64) -> f64 {
    if freedom >= NORMAL_FROM {
        return normal_two_sided(t);
    }
    incomplete_beta(0.5 * freedom, 0.5, freedom / (freedom + t * t))
}

/// The value that Student's t is within, either way, with probability `1 - alpha`; `alpha` lies between 0 and 1.
pub(crate) fn student_critical(alpha: f64, freedom: f64) -> f64 {
    let mut low = 0.0;
    let mut high = normal_quantile(1.0 - 0.5 * alpha).max(1.0);
    while student_two_sided(high, freedom) > alpha && high < 1e12 {
        low = high;
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if student_two_sided(middle, freedom) > alpha {
            low = middle;
        } else {
            high = middle;
        }
        if high - low <= f64::EPSILON * high {
            break;
        }
    }
    0.5 * (low + high)
}

/// The probability that chi-squared with `freedom` degrees is above `x`.
pub(crate) fn chi_squared_above(x: f64, freedom: f64) -> f64 {
    incomplete_gamma_above(0.5 * freedom, 0.5 * x)
}

/// The regularized upper incomplete gamma function.
fn incomplete_gamma_above(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - libm::lgamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for n in 1..MOST_TERMS {
            term *= x / (a + n as f64);
            sum += term;
            if term < sum * STILL {
                break;
            }
        }
        return (1.0 - front * sum).clamp(0.0, 1.0);
    }
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut h = d;
    for n in 1..MOST_TERMS {
        let n = n as f64;
        let an = -n * (n - a);
        b += 2.0;
        let below = an * d + b;
        d = 1.0 / if below.abs() < TINY { TINY } else { below };
        c = b + an / c;
        if c.abs() < TINY {
            c = TINY;
        }
        let change = d * c;
        h *= change;
        if (change - 1.0).abs() < STILL {
            break;
        }
    }
    (front * h).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(left: f64, right: f64) {
        assert!(
            (left - right).abs() <= 1e-12 * right.abs().max(1.0),
            "{left} {right}"
        );
    }

    #[test]
    fn tabled_values_are_met() {
        near(normal_quantile(0.975), 1.959_963_984_540_054);
        near(normal_quantile(1e-10), -6.361_340_902_404_056);
        near(normal_quantile(0.5), 0.0);
        near(normal_cdf(1.0), 0.841_344_746_068_542_9);
        // The distribution with one degree is Cauchy's, with two it is algebraic.
        near(student_two_sided(1.0, 1.0), 0.5);
        near(student_two_sided(3.0, 2.0), 1.0 - 3.0 / 11f64.sqrt());
        near(student_critical(0.05, 10.0), 2.228_138_851_986_274);
        near(student_critical(0.05, 1e12), normal_quantile(0.975));
        near(chi_squared_above(4.0, 2.0), (-2f64).exp());
        near(chi_squared_above(0.5, 2.0), (-0.25f64).exp());
    }
}
