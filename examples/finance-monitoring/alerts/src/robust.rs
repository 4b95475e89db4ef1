//! Median and median absolute deviation: what a few wild values do not move.

/// What the median absolute deviation of the normal distribution is multiplied with to be its standard deviation: 1/Φ⁻¹(3/4).
const NORMAL: f64 = 1.482_602_218_505_602;

/// The median; 0 of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (odd, half) if odd % 2 == 1 => sorted[half],
        (_, half) => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// The standard deviation of normal values with the same median absolute deviation around their median.
pub fn scale(values: &[f64]) -> f64 {
    let middle = median(values);
    let away: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    NORMAL * median(&away)
}

/// The root of the mean square.
pub fn root_mean_square(values: &[f64]) -> f64 {
    match values {
        [] => 0.0,
        values => (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wild_values_move_neither() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        let tame = [1.0, 2.0, 3.0, 4.0, 5.0];
        let wild = [1.0, 2.0, 3.0, 4.0, 5e9];
        assert_eq!((median(&tame), scale(&tame)), (3.0, NORMAL));
        assert_eq!((median(&wild), scale(&wild)), (3.0, NORMAL));
        assert_eq!(root_mean_square(&[3.0, -4.0, 0.0, 0.0]), 2.5);
    }
}
