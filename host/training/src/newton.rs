//! Newton's method for smooth convex functions, each step by conjugate gradients.
//!
//! S. G. Nash, "A survey of truncated-Newton methods", Journal of Computational and Applied Mathematics 124 (2000). Near
//! the minimum the number of right digits doubles with each step, so that tight tolerances cost little.

use std::ops::ControlFlow;

use ndarray::Array2;

use crate::TrainingError;

/// The most products with the Hessian in one step.
const MAX_PRODUCTS: usize = 500;
/// How often a step is halved.
const HALVINGS: usize = 40;
/// What share of the decrease that the slope promises a step must bring (L. Armijo, 1966).
const ENOUGH: f64 = 1e-4;
/// A decrease below the rounding of the value cannot be seen: a step may seem to go up by so much.
const ROUNDING: f64 = 1e-12;

/// A function of a table of parameters.
pub(crate) trait Objective {
    /// Its value and its gradient.
    fn at(&mut self, point: &Array2<f64>) -> (f64, Array2<f64>);
    /// The Hessian at the last point times a direction.
    fn curvature(&self, direction: &Array2<f64>) -> Array2<f64>;
}

/// How far a training is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Iteration {
    /// Steps taken.
    pub iterations: u32,
    /// The objective, divided by the sum of the weights of the examples.
    pub objective: f64,
    /// The largest slope of the same.
    pub gradient: f64,
}

/// Walks to the minimum, until no slope is larger than the tolerance.
pub(crate) fn minimize(
    function: &mut impl Objective,
    mut point: Array2<f64>,
    tolerance: f64,
    max_iterations: u32,
    each: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
) -> Result<(Array2<f64>, Iteration), TrainingError> {
    let (mut value, mut slope) = function.at(&point);
    let mut iterations = 0;
    loop {
        let now = Iteration {
            iterations,
            objective: value,
            gradient: slope.iter().fold(0.0, |most: f64, s| most.max(s.abs())),
        };
        if each(&now).is_break() {
            return Err(TrainingError::Stopped);
        }
        if now.gradient <= tolerance {
            return Ok((point, now));
        }
        let step = (iterations < max_iterations)
            .then(|| walk(function, &point, value, &slope))
            .flatten();
        let Some(next) = step else {
            return Err(TrainingError::NotConverged {
                iterations,
                gradient: now.gradient,
                tolerance,
            });
        };
        (point, value, slope) = next;
        iterations += 1;
    }
}

/// One step; none where nothing lower is found.
fn walk(
    function: &mut impl Objective,
    point: &Array2<f64>,
    value: f64,
    slope: &Array2<f64>,
) -> Option<(Array2<f64>, f64, Array2<f64>)> {
    let direction = direction(function, slope);
    let promised = dot(&direction, slope);
    let mut length = 1.0;
    for _ in 0..HALVINGS {
        let next = point + &(&direction * length);
        let (there, slope) = function.at(&next);
        if there <= value + ENOUGH * length * promised + ROUNDING * (1.0 + value.abs()) {
            return Some((next, there, slope));
        }
        length /= 2.0;
    }
    None
}

/// Solves `Hessian · direction = −slope`, as exactly as it pays so far from the minimum.
fn direction(function: &impl Objective, slope: &Array2<f64>) -> Array2<f64> {
    let mut found = Array2::zeros(slope.raw_dim());
    let mut rest = slope.clone();
    let mut along = -slope;
    let mut length = dot(&rest, &rest);
    let enough = length * length.sqrt().sqrt().min(0.5).powi(2);
    for _ in 0..MAX_PRODUCTS {
        let product = function.curvature(&along);
        let bend = dot(&along, &product);
        // No curvature along a direction: only that of rounding is left of it.
        if bend <= f64::EPSILON * dot(&along, &along) {
            break;
        }
        let by = length / bend;
        found.scaled_add(by, &along);
        rest.scaled_add(by, &product);
        let shorter = dot(&rest, &rest);
        if shorter <= enough {
            break;
        }
        along *= shorter / length;
        along -= &rest;
        length = shorter;
    }
    if dot(&found, slope) < 0.0 {
        found
    } else {
        -slope
    }
}

fn dot(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
