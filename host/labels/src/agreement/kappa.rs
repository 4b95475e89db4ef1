//! Fleiss' and Cohen's kappa, from tables of counts.

use serde::{Deserialize, Serialize};

use crate::LabelsError;

/// Fleiss' kappa: `counts[task][label]` is how many annotators gave that label to that task.
///
/// J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76, 1971.
///
/// # Errors
/// [`LabelsError::Undefined`] where tasks have different numbers of annotations, fewer than two, or only one label
/// occurs; [`LabelsError::Invalid`] where rows differ in length.
pub fn fleiss_kappa(counts: &[Vec<u64>]) -> Result<f64, LabelsError> {
    let undefined = |reason: String| Err(LabelsError::undefined("Fleiss' kappa", reason));
    let Some(first) = counts.first() else {
        return undefined("there is no task".into());
    };
    if counts.iter().any(|row| row.len() != first.len()) {
        return Err(LabelsError::invalid(
            "the rows of the table differ in length; count every label in each",
        ));
    }
    let total = |row: &[u64]| row.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
    let raters = total(first);
    if raters < 2 {
        return undefined("a task has fewer than two annotations".into());
    }
    if let Some(other) = counts
        .iter()
        .map(|row| total(row))
        .find(|sum| *sum != raters)
    {
        return undefined(format!(
            "one task has {raters} annotations, another {other}; Krippendorff's alpha takes both"
        ));
    }
    let raters = raters as f64;
    let all = raters * counts.len() as f64;
    let mut labels = vec![0.0; first.len()];
    let mut observed = 0.0;
    for row in counts {
        let mut squares = 0.0;
        for (label, count) in labels.iter_mut().zip(row) {
            let count = *count as f64;
            *label += count / all;
            squares += count * count;
        }
        observed += (squares - raters) / (raters * (raters - 1.0));
    }
    observed /= counts.len() as f64;
    if labels.iter().filter(|share| **share > 0.0).count() < 2 {
        return undefined("only one label occurs, so chance would agree as well".into());
    }
    let expected: f64 = labels.iter().map(|share| share * share).sum();
    Ok((observed - expected) / (1.0 - expected))
}

/// How much a disagreement counts by the distance of both labels in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// Every disagreement the same: labels without an order.
    None,
    /// By the distance.
    Linear,
    /// By the square of the distance.
    Quadratic,
}

/// Cohen's kappa: `table[a][b]` is how many tasks got the label `a` from one annotator and `b` from the other.
///
/// J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20, 1960;
/// weighted: J. Cohen, "Weighted kappa", Psychological Bulletin 70, 1968.
///
/// # Errors
/// [`LabelsError::Undefined`] for an empty table or one where both gave a single, same label;
/// [`LabelsError::Invalid`] where it is not square.
pub fn cohen_kappa(table: &[Vec<u64>], weights: Weights) -> Result<f64, LabelsError> {
    let size = table.len();
    if table.iter().any(|row| row.len() != size) {
        return Err(LabelsError::invalid(
            "the table is not square; count every pair of labels",
        ));
    }
    let undefined = |reason: &str| Err(LabelsError::undefined("Cohen's kappa", reason));
    let mut all = 0.0;
    let (mut rows, mut columns) = (vec![0.0; size], vec![0.0; size]);
    for (a, row) in table.iter().enumerate() {
        for (b, count) in row.iter().enumerate() {
            let count = *count as f64;
            rows[a] += count;
            columns[b] += count;
            all += count;
        }
    }
    if all == 0.0 {
        return undefined("both annotators have no task in common");
    }
    let weight = |a: usize, b: usize| {
        let distance = a.abs_diff(b) as f64;
        match weights {
            Weights::None => f64::from(a != b),
            Weights::Linear => distance,
            Weights::Quadratic => distance * distance,
        }
    };
    let (mut observed, mut expected) = (0.0, 0.0);
    for a in 0..size {
        for b in 0..size {
            observed += weight(a, b) * table[a][b] as f64;
            expected += weight(a, b) * rows[a] * columns[b] / all;
        }
    }
    if expected == 0.0 {
        return undefined("both gave one and the same label, so chance would agree as well");
    }
    Ok(1.0 - observed / expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table 1 of Fleiss, 1971: 30 patients, 6 psychiatrists, 5 diagnoses. The paper prints .430.
    #[test]
    fn the_example_of_fleiss() {
        let counts: [[u64; 5]; 30] = [
            [0, 0, 0, 6, 0],
            [0, 3, 0, 0, 3],
            [0, 1, 4, 0, 1],
            [0, 0, 0, 0, 6],
            [0, 3, 0, 3, 0],
            [2, 0, 4, 0, 0],
            [0, 0, 4, 0, 2],
            [2, 0, 3, 1, 0],
            [2, 0, 0, 4, 0],
            [0, 0, 0, 0, 6],
            [1, 0, 0, 5, 0],
            [1, 1, 0, 4, 0],
            [0, 3, 3, 0, 0],
            [1, 0, 0, 5, 0],
            [0, 2, 0, 3, 1],
            [0, 0, 5, 0, 1],
            [3, 0, 0, 1, 2],
            [5, 1, 0, 0, 0],
            [0, 2, 0, 4, 0],
            [1, 0, 2, 0, 3],
            [0, 0, 0, 0, 6],
            [0, 1, 0, 5, 0],
            [0, 2, 0, 1, 3],
            [2, 0, 0, 4, 0],
            [1, 0, 0, 4, 1],
            [0, 5, 0, 1, 0],
            [4, 0, 0, 0, 2],
            [0, 2, 0, 4, 0],
            [1, 0, 5, 0, 0],
            [0, 0, 0, 0, 6],
        ];
        let table: Vec<_> = counts.iter().map(|row| row.to_vec()).collect();
        let found = fleiss_kappa(&table).unwrap();
        assert!((found - 0.430).abs() < 0.0005, "{found}");
    }

    /// A table that SAS prints .4842 for.
    #[test]
    fn the_example_of_sas() {
        let table = [vec![0, 4, 1], vec![0, 8, 0], vec![0, 1, 5]];
        let found = cohen_kappa(&table, Weights::None).unwrap();
        assert!((found - 0.4842).abs() < 0.00005, "{found}");
    }

    #[test]
    fn by_hand() {
        // (20 + 15) / 50 agree, .5 by chance: .4.
        let table = [vec![20, 5], vec![10, 15]];
        let found = cohen_kappa(&table, Weights::None).unwrap();
        assert!((found - 0.4).abs() < 1e-12);
        // With two labels every distance is 1.
        assert_eq!(cohen_kappa(&table, Weights::Quadratic).unwrap(), found);
    }

    #[test]
    fn tables_without_sense_are_refused() {
        for table in [
            vec![],
            vec![vec![1, 0]],
            vec![vec![2, 0], vec![1, 0]],
            vec![vec![2, 0], vec![2]],
            vec![vec![2, 0], vec![2, 0]],
        ] {
            assert!(fleiss_kappa(&table).is_err(), "{table:?}");
        }
        for table in [
            vec![],
            vec![vec![0]],
            vec![vec![7]],
            vec![vec![1, 2]],
            vec![vec![5, 0], vec![0, 0]],
        ] {
            assert!(cohen_kappa(&table, Weights::Linear).is_err(), "{table:?}");
        }
    }
}
