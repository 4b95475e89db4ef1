//! Alternating least squares for implicit feedback.

use super::{Factors, Interactions, Model, add_scaled, check_factors, dot};
use crate::FeedbackError;
use crate::random::Random;

/// A residual below it is none.
const SMALL: f64 = 1e-20;

/// Alternating least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Als {
    /// Numbers of a vector.
    pub factors: u32,
    /// How much large numbers are held back.
    pub regularization: f64,
    /// How much more an interaction says than that there is none.
    pub alpha: f64,
    /// How often users and items are solved in turn.
    pub iterations: u32,
    /// Steps of the conjugate gradient for each; 0 solves exactly, by Cholesky's decomposition.
    pub cg_steps: u32,
    /// Of the numbers with which it begins.
    pub seed: u64,
}

impl Default for Als {
    fn default() -> Self {
        Self {
            factors: 64,
            regularization: 0.01,
            alpha: 1.0,
            iterations: 15,
            cg_steps: 3,
            seed: 0,
        }
    }
}

impl Als {
    pub(super) fn fit(&self, interactions: &Interactions) -> Result<Model, FeedbackError> {
        let width = self.factors as usize;
        let mut random = Random::new(self.seed);
        let mut value = || random.unit() * 0.01;
        let users = Factors::filled(interactions.users().len(), width, &mut value);
        let items = Factors::filled(interactions.items().len(), width, &mut value);
        self.fit_from(interactions, users, items)
    }

    /// From these numbers on.
    pub(super) fn fit_from(
        &self,
        interactions: &Interactions,
        mut users: Factors,
        mut items: Factors,
    ) -> Result<Model, FeedbackError> {
        check_factors(self.factors, self.iterations, self.regularization)?;
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            return Err(FeedbackError::invalid("`alpha` is above 0"));
        }
        for _ in 0..self.iterations {
            self.solve(interactions.by_user(), &mut users, &items)?;
            self.solve(interactions.by_item(), &mut items, &users)?;
        }
        Ok(Model::Factors { users, items })
    }

    /// Solves each row of `x` while `y` stands.
    fn solve(
        &self,
        rows: &[Vec<(usize, f64)>],
        x: &mut Factors,
        y: &Factors,
    ) -> Result<(), FeedbackError> {
        let width = y.width;
        // The products of all vectors, which every row shares.
        let mut gram = vec![0.0; width * width];
        for row in 0..y.rows {
            let vector = y.row(row);
            for (i, value) in vector.iter().enumerate() {
                add_scaled(&mut gram[i * width..(i + 1) * width], *value, vector);
            }
        }
        for i in 0..width {
            gram[i * width + i] += self.regularization;
        }
        for (place, row) in rows.iter().enumerate() {
            let cells: Vec<(&[f64], f64)> = row
                .iter()
                .map(|(other, value)| (y.row(*other), self.alpha * value))
                .collect();
            let vector = x.row_mut(place);
            if cells.is_empty() {
                vector.fill(0.0);
            } else if self.cg_steps == 0 {
                exactly(&gram, &cells, vector)?;
            } else {
                by_gradients(&gram, &cells, vector, self.cg_steps);
            }
        }
        Ok(())
    }
}

/// By Cholesky's decomposition of the normal equations.
fn exactly(gram: &[f64], cells: &[(&[f64], f64)], x: &mut [f64]) -> Result<(), FeedbackError> {
    let width = x.len();
    let mut a = gram.to_vec();
    let mut b = vec![0.0; width];
    for (vector, confidence) in cells {
        add_scaled(&mut b, *confidence, vector);
        for (i, value) in vector.iter().enumerate() {
            add_scaled(
                &mut a[i * width..(i + 1) * width],
                (confidence - 1.0) * value,
                vector,
            );
        }
    }
    for i in 0..width {
        for j in 0..=i {
            let sum =
                a[i * width + j] - dot(&a[i * width..i * width + j], &a[j * width..j * width + j]);
            if i != j {
                a[i * width + j] = sum / a[j * width + j];
            } else if sum > 0.0 {
                a[i * width + i] = sum.sqrt();
            } else {
                return Err(FeedbackError::invalid(
                    "the least squares have no single solution; raise `regularization`",
                ));
            }
        }
    }
    for i in 0..width {
        b[i] = (b[i] - dot(&a[i * width..i * width + i], &b[..i])) / a[i * width + i];
    }
    for i in (0..width).rev() {
        let below: f64 = (i + 1..width).map(|k| a[k * width + i] * b[k]).sum();
        b[i] = (b[i] - below) / a[i * width + i];
    }
    x.copy_from_slice(&b);
    Ok(())
}

/// What the matrix of the normal equations does to a vector, without that matrix.
fn times(gram: &[f64], cells: &[(&[f64], f64)], p: &[f64]) -> Vec<f64> {
    let mut product: Vec<f64> = gram.chunks_exact(p.len()).map(|row| dot(row, p)).collect();
    for (vector, confidence) in cells {
        add_scaled(&mut product, (confidence - 1.0) * dot(vector, p), vector);
    }
    product
}

/// From where the vector stands, a few steps nearer.
fn by_gradients(gram: &[f64], cells: &[(&[f64], f64)], x: &mut [f64], steps: u32) {
    let mut r: Vec<f64> = times(gram, cells, x).iter().map(|value| -value).collect();
    for (vector, confidence) in cells {
        add_scaled(&mut r, *confidence, vector);
    }
    let mut p = r.clone();
    let mut old = dot(&r, &r);
    if old < SMALL {
        return;
    }
    for _ in 0..steps {
        let product = times(gram, cells, &p);
        let step = old / dot(&p, &product);
        add_scaled(x, step, &p);
        add_scaled(&mut r, -step, &product);
        let new = dot(&r, &r);
        if new < SMALL {
            break;
        }
        for (p, r) in p.iter_mut().zip(&r) {
            *p = r + new / old * *p;
        }
        old = new;
    }
}
