//! What a training gives.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use crate::TrainingError;

/// An affine map and a softmax: from a vector to a probability for each label.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    labels: Vec<String>,
    /// `[dimensions + 1, labels]`, the bias last.
    parameters: Array2<f64>,
}

impl Head {
    /// `parameters` is `[dimensions + 1, labels]`.
    pub(crate) fn new(labels: Vec<String>, parameters: Array2<f64>) -> Self {
        Self { labels, parameters }
    }

    /// The labels, sorted: the order of everything that the head says.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// How many numbers a vector has.
    pub fn dimensions(&self) -> usize {
        self.parameters.nrows() - 1
    }

    /// The weights, `[dimensions, labels]`.
    pub fn weights(&self) -> ArrayView2<'_, f64> {
        self.parameters.slice(s![..self.dimensions(), ..])
    }

    /// The bias of each label.
    pub fn bias(&self) -> ArrayView1<'_, f64> {
        self.parameters.index_axis(Axis(0), self.dimensions())
    }

    /// The natural logarithm of the probability of each label.
    ///
    /// # Errors
    /// [`TrainingError::Dimensions`] and [`TrainingError::NotFinite`], with row 0.
    pub fn log_probabilities(&self, vector: &[f32]) -> Result<Vec<f64>, TrainingError> {
        let scores = row_of(vector, self.dimensions())?.dot(&self.weights()) + self.bias();
        let largest = scores.fold(f64::NEG_INFINITY, |most, score| most.max(*score));
        let sum: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
        let sum = sum.ln() + largest;
        Ok(scores.iter().map(|score| score - sum).collect())
    }

    /// The most probable label; of several the first.
    ///
    /// # Errors
    /// As [`Head::log_probabilities`].
    pub fn predict(&self, vector: &[f32]) -> Result<&str, TrainingError> {
        let found = self.log_probabilities(vector)?;
        Ok(self.label(&found))
    }

    /// The cross-entropy of a vector that has this label, in nats: −ln of the label's probability. Infinite where the
    /// head does not know the label: it was in none of the examples.
    ///
    /// # Errors
    /// As [`Head::log_probabilities`].
    pub fn loss(&self, vector: &[f32], label: &str) -> Result<f64, TrainingError> {
        let found = self.log_probabilities(vector)?;
        let place = self.place(label);
        Ok(place.map_or(f64::INFINITY, |place| -found[place]))
    }

    /// The place of a label among all.
    pub fn place(&self, label: &str) -> Option<usize> {
        self.labels
            .binary_search_by(|known| known.as_str().cmp(label))
            .ok()
    }

    /// The most probable label of logarithms that the head gave.
    pub fn label(&self, log_probabilities: &[f64]) -> &str {
        let mut best = 0;
        for (place, found) in log_probabilities.iter().enumerate() {
            if *found > log_probabilities[best] {
                best = place;
            }
        }
        self.labels.get(best).map_or("", String::as_str)
    }
}

/// A vector that is asked about, in the precision of the arithmetic.
pub(crate) fn row_of(vector: &[f32], dimensions: usize) -> Result<Array1<f64>, TrainingError> {
    if vector.len() != dimensions {
        return Err(TrainingError::Dimensions {
            row: 0,
            found: vector.len(),
            expected: dimensions,
        });
    }
    if let Some(column) = vector.iter().position(|number| !number.is_finite()) {
        return Err(TrainingError::NotFinite { row: 0, column });
    }
    Ok(vector.iter().copied().map(f64::from).collect())
}
