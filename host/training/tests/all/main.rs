//! What the crate promises: the heads of scikit-learn (`oracle.py`), the same for any order, and clear refusals.
//!
//! The oracle needs what `make setup` installs: a Python with scikit-learn in the folder named by `STEWARD_HOME`;
//! `STEWARD_PYTHON` names another Python.
#![allow(clippy::unwrap_used)]

mod mlp;
mod oracle;
mod properties;
mod refused;

use std::ops::ControlFlow;

use steward_training::{Examples, LogisticOptions, Trained, TrainingError, train_logistic};

/// A vector and its label.
type Row = (Vec<f32>, String);

fn train(rows: &[Row], options: &LogisticOptions) -> Result<Trained, TrainingError> {
    let examples = Examples::new(rows.iter().map(|(v, l)| (v.as_slice(), l.as_str())))?;
    train_logistic(&examples, options, &mut |_| ControlFlow::Continue(()))
}

/// Vectors of length 1 around the directions of their labels, so close that they cannot all be told apart; label 0 has
/// the most. The same for the same seed.
fn cloud(seed: u32, count: usize, dimensions: usize, labels: &[&str]) -> Vec<Row> {
    let mut state = seed;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let row = |_| {
        let label = ((draw() + 0.5).powi(2) * labels.len() as f32) as usize % labels.len();
        let mut vector: Vec<f32> = (0..dimensions).map(|_| draw()).collect();
        vector[label % dimensions] += 0.35;
        let length = vector.iter().map(|n| n * n).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|n| *n /= length);
        (vector, labels[label].to_owned())
    };
    (0..count).map(row).collect()
}
