//! Numbers of mean 0 and deviation 1.

use ndarray::{Array1, Array2, Axis, s};

/// Means and deviations over examples. A number that is the same in all of them keeps its scale.
pub(crate) struct Scale {
    mean: Array1<f64>,
    deviation: Array1<f64>,
}

impl Scale {
    /// Scales all columns but the last, that of the ones, and says how.
    pub(crate) fn apply(rows: &mut Array2<f64>) -> Self {
        let last = rows.ncols() - 1;
        let mut numbers = rows.slice_mut(s![.., ..last]);
        let count = numbers.nrows() as f64;
        let mean = numbers.sum_axis(Axis(0)) / count;
        numbers -= &mean;
        let squares = numbers.mapv(|number| number * number);
        let deviation = (squares.sum_axis(Axis(0)) / count).mapv(|variance| {
            let deviation = variance.sqrt();
            // What rounding leaves of a number that does not vary is no deviation.
            if deviation > 1e-12 { deviation } else { 1.0 }
        });
        numbers /= &deviation;
        Self { mean, deviation }
    }

    /// The same head for vectors as they are: Wᵀ(x − m)/s + b is (W/s)ᵀx + (b − (W/s)ᵀm).
    pub(crate) fn undo(&self, parameters: &mut Array2<f64>) {
        let last = parameters.nrows() - 1;
        let (mut weights, mut bias) = parameters.view_mut().split_at(Axis(0), last);
        weights /= &self.deviation.view().insert_axis(Axis(1));
        let moved = self.mean.dot(&weights);
        bias.row_mut(0).scaled_add(-1.0, &moved);
    }
}
