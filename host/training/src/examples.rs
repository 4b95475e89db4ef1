//! Vectors with labels.

use std::collections::BTreeMap;

use ndarray::Array2;

use crate::TrainingError;

/// Vectors with labels, checked and in an order of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// One row for each, with a last column of ones for the bias: `[examples, dimensions + 1]`.
    pub(crate) rows: Array2<f64>,
    /// The place of each row's label.
    pub(crate) of: Vec<usize>,
    /// Sorted.
    labels: Vec<String>,
}

impl Examples {
    /// Takes vectors, all of one length, and the label of each. Labels that no example has are no labels of the head.
    ///
    /// # Errors
    /// [`TrainingError::Empty`], [`TrainingError::OneLabel`], [`TrainingError::Dimensions`],
    /// [`TrainingError::NotFinite`].
    pub fn new<'a>(
        examples: impl IntoIterator<Item = (&'a [f32], &'a str)>,
    ) -> Result<Self, TrainingError> {
        let mut given: Vec<(&str, &[f32])> = Vec::new();
        for (row, (vector, label)) in examples.into_iter().enumerate() {
            let expected = given.first().map_or(vector.len().max(1), |(_, v)| v.len());
            if vector.len() != expected {
                let found = vector.len();
                return Err(TrainingError::Dimensions {
                    row,
                    found,
                    expected,
                });
            }
            if let Some(column) = vector.iter().position(|number| !number.is_finite()) {
                return Err(TrainingError::NotFinite { row, column });
            }
            given.push((label, vector));
        }
        // Sums of floats depend on the order of what is added.
        given.sort_by(|(a, left), (b, right)| a.cmp(b).then_with(|| by_numbers(left, right)));
        let (first, last) = match (given.first(), given.last()) {
            (Some(first), Some(last)) => (first, last),
            _ => return Err(TrainingError::Empty),
        };
        if first.0 == last.0 {
            return Err(TrainingError::OneLabel(first.0.to_owned()));
        }
        let mut labels: Vec<String> = Vec::new();
        let mut of = Vec::with_capacity(given.len());
        let mut rows = Array2::ones((given.len(), first.1.len() + 1));
        for ((label, vector), mut row) in given.iter().zip(rows.rows_mut()) {
            if labels.last().is_none_or(|last| last != label) {
                labels.push((*label).to_owned());
            }
            of.push(labels.len() - 1);
            for (to, from) in row.iter_mut().zip(*vector) {
                *to = f64::from(*from);
            }
        }
        Ok(Self { rows, of, labels })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether there are none, which cannot be.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// How many numbers a vector has.
    pub fn dimensions(&self) -> usize {
        self.rows.ncols() - 1
    }

    /// The labels, sorted.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// How many examples each label has.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for &label in &self.of {
            *counts.entry(self.labels[label].as_str()).or_default() += 1;
        }
        counts
    }
}

fn by_numbers(left: &[f32], right: &[f32]) -> std::cmp::Ordering {
    let pairs = left.iter().zip(right);
    pairs
        .map(|(left, right)| left.total_cmp(right))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}
