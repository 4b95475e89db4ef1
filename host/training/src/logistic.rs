//! Multinomial logistic regression.

use std::ops::ControlFlow;

use ndarray::{Array2, Zip, s};

use crate::newton::{Objective, minimize};
use crate::scale::Scale;
use crate::{Examples, Head, Iteration, LogisticOptions, TrainingError};

/// A head and how its training ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The head.
    pub head: Head,
    /// The end.
    pub end: Iteration,
}

/// Trains a multinomial logistic regression: the head that minimizes
///
/// `Σᵢ sᵢ · −ln softmax(Wᵀxᵢ + b)[yᵢ] + λ/2 · ‖W‖²`
///
/// with sᵢ the weight of the example's label. The minimum is one and is found from zero, so that nothing depends on
/// chance. With two labels both have weights of their own: the head is that of scikit-learn's `LogisticRegression` with
/// C = 2/λ, and with more labels that of C = 1/λ (D. R. Cox, 1966; H. Theil, 1969).
///
/// `each` hears of every step and can stop the training.
///
/// # Errors
/// [`TrainingError::Option`], [`TrainingError::NotConverged`], [`TrainingError::Stopped`].
pub fn train_logistic(
    examples: &Examples,
    options: &LogisticOptions,
    each: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
) -> Result<Trained, TrainingError> {
    options.check()?;
    let of_label = options.class_weights.of(examples)?;
    let mut rows = examples.rows.clone();
    let scale = options.standardize.then(|| Scale::apply(&mut rows));
    let weights: Vec<f64> = examples.of.iter().map(|label| of_label[*label]).collect();
    let all: f64 = weights.iter().sum();
    let labels = of_label.len();
    let start = Array2::zeros((rows.ncols(), labels));
    let mut function = Logistic {
        chances: Array2::zeros((rows.nrows(), labels)),
        rows,
        of: &examples.of,
        weights: weights.iter().map(|weight| weight / all).collect(),
        penalty: options.l2 / all,
    };
    let (tolerance, most) = (options.tolerance, options.max_iterations);
    let (mut parameters, end) = minimize(&mut function, start, tolerance, most, each)?;
    if let Some(scale) = scale {
        scale.undo(&mut parameters);
    }
    let head = Head::new(examples.labels().to_vec(), parameters);
    Ok(Trained { head, end })
}

/// The objective, divided by the sum of the weights.
struct Logistic<'a> {
    /// `[examples, dimensions + 1]`
    rows: Array2<f64>,
    of: &'a [usize],
    /// Of each example; they sum to 1.
    weights: Vec<f64>,
    penalty: f64,
    /// Probabilities at the last point: `[examples, labels]`
    chances: Array2<f64>,
}

impl Logistic<'_> {
    /// Adds the slope of the penalty, which the bias (the last row) does not have.
    fn penalize(&self, slope: &mut Array2<f64>, parameters: &Array2<f64>) {
        let bias = parameters.nrows() - 1;
        let weights = parameters.slice(s![..bias, ..]);
        slope
            .slice_mut(s![..bias, ..])
            .scaled_add(self.penalty, &weights);
    }
}

impl Objective for Logistic<'_> {
    fn at(&mut self, point: &Array2<f64>) -> (f64, Array2<f64>) {
        self.chances = self.rows.dot(point);
        let mut errors = Array2::zeros(self.chances.raw_dim());
        let mut value = 0.0;
        let rows = self.chances.rows_mut().into_iter().zip(errors.rows_mut());
        for ((mut chances, mut errors), (&label, &weight)) in
            rows.zip(self.of.iter().zip(&self.weights))
        {
            let scored = chances[label];
            let largest = chances.fold(f64::NEG_INFINITY, |most, score| most.max(*score));
            chances.mapv_inplace(|score| (score - largest).exp());
            let sum = chances.sum();
            value += weight * (sum.ln() + largest - scored);
            chances /= sum;
            Zip::from(&mut errors)
                .and(&chances)
                .for_each(|error, chance| *error = weight * chance);
            errors[label] -= weight;
        }
        let mut slope = self.rows.t().dot(&errors);
        self.penalize(&mut slope, point);
        let weights = point.slice(s![..point.nrows() - 1, ..]);
        value += self.penalty / 2.0 * weights.iter().map(|w| w * w).sum::<f64>();
        (value, slope)
    }

    fn curvature(&self, direction: &Array2<f64>) -> Array2<f64> {
        let mut bend = self.rows.dot(direction);
        let rows = bend.rows_mut().into_iter().zip(self.chances.rows());
        for ((mut bend, chances), weight) in rows.zip(&self.weights) {
            let mean = bend.dot(&chances);
            Zip::from(&mut bend)
                .and(&chances)
                .for_each(|bend, chance| *bend = weight * chance * (*bend - mean));
        }
        let mut bend = self.rows.t().dot(&bend);
        self.penalize(&mut bend, direction);
        bend
    }
}
