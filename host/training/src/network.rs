//! Heads of one layer or of several.

use ndarray::{Array1, Array2, Axis, Zip};

use crate::draw::Draw;
use crate::head::row_of;
use crate::{Head, TrainingError};

/// An affine layer: numbers times weights plus bias.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// `[inputs, outputs]`
    pub weights: Array2<f64>,
    /// One for each output.
    pub bias: Array1<f64>,
}

/// Layers one after the other, between two of which what is negative becomes 0, and a softmax behind the last: from a
/// vector to a probability for each label. A [`Head`] is one with a single layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    labels: Vec<String>,
    layers: Vec<Layer>,
}

impl Network {
    /// A network that knows nothing yet: weights and biases of a layer are drawn evenly from ±√(6 / (inputs + outputs))
    /// (X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
    /// 2010), those of the seed.
    pub fn drawn(labels: Vec<String>, dimensions: usize, hidden: usize, seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let mut layer = |inputs: usize, outputs: usize| {
            let bound = (6.0 / (inputs + outputs).max(1) as f64).sqrt();
            Layer {
                weights: Array2::from_shape_simple_fn((inputs, outputs), || {
                    draw.around_zero(bound)
                }),
                bias: Array1::from_shape_simple_fn(outputs, || draw.around_zero(bound)),
            }
        };
        let layers = vec![layer(dimensions, hidden), layer(hidden, labels.len())];
        Self { labels, layers }
    }

    /// The labels, sorted: the order of everything that the network says.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The layers, the first sees the vectors.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    pub(crate) fn layers_mut(&mut self) -> &mut [Layer] {
        &mut self.layers
    }

    /// How many numbers a vector has.
    pub fn dimensions(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.weights.nrows())
    }

    /// The same with every number rounded to the nearest of 32 bits, as a file has it.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        let round = |number: f64| f64::from(number as f32);
        for layer in &mut self.layers {
            layer.weights.mapv_inplace(round);
            layer.bias.mapv_inplace(round);
        }
        self
    }

    /// The probability of each label.
    ///
    /// # Errors
    /// [`TrainingError::Dimensions`] and [`TrainingError::NotFinite`], with row 0.
    pub fn probabilities(&self, vector: &[f32]) -> Result<Vec<f64>, TrainingError> {
        let row = row_of(vector, self.dimensions())?;
        let mut seen = self.forward(&row.insert_axis(Axis(0)));
        let scores = seen.pop().unwrap_or_default();
        let mut scores = scores.into_iter().collect::<Vec<f64>>();
        softmax(&mut scores);
        Ok(scores)
    }

    /// What each layer gives for rows: `[rows, outputs]` each, the last without a softmax.
    pub(crate) fn forward(&self, rows: &Array2<f64>) -> Vec<Array2<f64>> {
        let mut seen: Vec<Array2<f64>> = Vec::with_capacity(self.layers.len());
        for (place, layer) in self.layers.iter().enumerate() {
            let input = seen.last().unwrap_or(rows);
            let mut output = input.dot(&layer.weights) + &layer.bias;
            if place + 1 < self.layers.len() {
                output.mapv_inplace(|number| number.max(0.0));
            }
            seen.push(output);
        }
        seen
    }

    /// The mean loss of rows by their weights, and the slope of that for every layer. `penalty` is that of the squared
    /// weights.
    pub(crate) fn slopes(
        &self,
        rows: &Array2<f64>,
        of: &[usize],
        weights: &[f64],
        penalty: f64,
    ) -> (f64, Vec<Layer>) {
        let all: f64 = weights.iter().sum();
        let mut seen = self.forward(rows);
        let mut errors = seen.pop().unwrap_or_default();
        let mut loss = 0.0;
        for ((mut scores, &label), weight) in errors.rows_mut().into_iter().zip(of).zip(weights) {
            let weight = weight / all;
            let scored = scores[label];
            let largest = scores.fold(f64::NEG_INFINITY, |most, score| most.max(*score));
            scores.mapv_inplace(|score| (score - largest).exp());
            let sum = scores.sum();
            loss += weight * (sum.ln() + largest - scored);
            scores.mapv_inplace(|power| weight * power / sum);
            scores[label] -= weight;
        }
        let mut slopes = Vec::with_capacity(self.layers.len());
        for (place, layer) in self.layers.iter().enumerate().rev() {
            let below = place.checked_sub(1).and_then(|below| seen.get(below));
            let input = below.unwrap_or(rows);
            slopes.push(Layer {
                weights: input.t().dot(&errors) + &layer.weights * penalty,
                bias: errors.sum_axis(Axis(0)),
            });
            loss += penalty / 2.0 * layer.weights.iter().map(|w| w * w).sum::<f64>();
            if let Some(below) = below {
                errors = errors.dot(&layer.weights.t());
                Zip::from(&mut errors).and(below).for_each(|error, &seen| {
                    if seen <= 0.0 {
                        *error = 0.0;
                    }
                });
            }
        }
        slopes.reverse();
        (loss, slopes)
    }

    /// The mean loss of rows by their weights, without a penalty.
    pub(crate) fn loss(&self, rows: &Array2<f64>, of: &[usize], weights: &[f64]) -> f64 {
        let all: f64 = weights.iter().sum();
        let mut seen = self.forward(rows);
        let scores = seen.pop().unwrap_or_default();
        let rows = scores.rows().into_iter().zip(of).zip(weights);
        let losses = rows.map(|((scores, &label), weight)| {
            let largest = scores.fold(f64::NEG_INFINITY, |most, score| most.max(*score));
            let sum: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
            weight / all * (sum.ln() + largest - scores[label])
        });
        losses.sum()
    }
}

impl From<Head> for Network {
    fn from(head: Head) -> Self {
        Self {
            labels: head.labels().to_vec(),
            layers: vec![Layer {
                weights: head.weights().to_owned(),
                bias: head.bias().to_owned(),
            }],
        }
    }
}

fn softmax(scores: &mut [f64]) {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores
        .iter_mut()
        .for_each(|score| *score = (*score - largest).exp());
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_small_steps() {
        let labels = ["a", "b", "c"].map(str::to_owned).to_vec();
        let mut network = Network::drawn(labels, 4, 5, 3);
        let mut draw = Draw::new(9);
        let rows = Array2::from_shape_simple_fn((7, 4), || draw.around_zero(1.0));
        let of = [0, 1, 2, 0, 1, 2, 2];
        let weights = [1.0, 2.0, 0.5, 1.0, 1.0, 3.0, 1.0];
        let (_, slopes) = network.slopes(&rows, &of, &weights, 0.3);
        let step = 1e-6;
        let mut at = |layer: usize, change: &dyn Fn(&mut Layer, f64)| {
            let mut side = |by: f64| {
                change(&mut network.layers[layer], by);
                let (value, _) = network.slopes(&rows, &of, &weights, 0.3);
                change(&mut network.layers[layer], -by);
                value
            };
            (side(step) - side(-step)) / (2.0 * step)
        };
        for (layer, slope) in slopes.iter().enumerate() {
            for ((row, column), slope) in slope.weights.indexed_iter() {
                let near = at(layer, &|layer, by| layer.weights[(row, column)] += by);
                assert!(
                    (near - slope).abs() < 1e-7,
                    "{layer} {row} {column}: {near} {slope}"
                );
            }
            for (place, slope) in slope.bias.indexed_iter() {
                let near = at(layer, &|layer, by| layer.bias[place] += by);
                assert!(
                    (near - slope).abs() < 1e-7,
                    "{layer} {place}: {near} {slope}"
                );
            }
        }
    }
}
