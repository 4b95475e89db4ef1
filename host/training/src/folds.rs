//! Examples parted into folds.

use crate::TrainingError;
use crate::draw::Draw;

/// The most folds.
pub const MAX_FOLDS: usize = 20;

/// The fold of each example, from 0, for a cross-validation: every fold has its share of every label, and of all examples,
/// up to one (R. Kohavi, "A study of cross-validation and bootstrap", IJCAI 1995). `of` is the place of each example's
/// label. The same examples in the same order, number and seed give the same folds.
///
/// # Errors
/// [`TrainingError::Option`] for less than 2 folds or more than 20; [`TrainingError::Folds`] where a label has fewer
/// examples than there are folds.
pub fn stratified_folds(
    of: &[usize],
    folds: usize,
    seed: u64,
) -> Result<Vec<usize>, TrainingError> {
    if !(2..=MAX_FOLDS).contains(&folds) {
        return Err(TrainingError::Option(format!(
            "`folds` is {folds}; it is from 2 to {MAX_FOLDS}"
        )));
    }
    let labels = of.iter().max().map_or(0, |most| most + 1);
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); labels];
    for (place, label) in of.iter().enumerate() {
        places[*label].push(place);
    }
    let mut draw = Draw::new(seed);
    let mut fold = vec![0; of.len()];
    // Each label goes on where the last one ended, so that the folds are of one size.
    let mut next = 0;
    for (label, places) in places.iter_mut().enumerate() {
        if !places.is_empty() && places.len() < folds {
            return Err(TrainingError::Folds {
                label,
                examples: places.len(),
                folds,
            });
        }
        draw.shuffle(places);
        for place in places {
            fold[*place] = next % folds;
            next += 1;
        }
    }
    Ok(fold)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn folds_share_every_label_and_everything_evenly(
            counts in prop::collection::vec(5_usize..40, 1..6),
            folds in 2_usize..6,
            seed: u64,
        ) {
            let of: Vec<usize> = counts.iter().enumerate()
                .flat_map(|(label, count)| std::iter::repeat_n(label, *count)).collect();
            let fold = stratified_folds(&of, folds, seed).unwrap();
            prop_assert_eq!(&fold, &stratified_folds(&of, folds, seed).unwrap());
            let size = |label: Option<usize>, wanted: usize| of.iter().zip(&fold)
                .filter(|(of, fold)| **fold == wanted && label.is_none_or(|label| **of == label)).count();
            for label in (0..counts.len()).map(Some).chain([None]) {
                let sizes: Vec<usize> = (0..folds).map(|fold| size(label, fold)).collect();
                let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
                prop_assert!(most - least <= 1, "{:?}", sizes);
            }
        }
    }

    #[test]
    fn folds_that_cannot_be_are_refused() {
        let few = stratified_folds(&[0, 0, 0, 1, 1], 3, 0).unwrap_err();
        let expected = TrainingError::Folds {
            label: 1,
            examples: 2,
            folds: 3,
        };
        assert_eq!(few, expected);
        for folds in [0, 1, 21] {
            let error = stratified_folds(&[0; 50], folds, 0).unwrap_err();
            assert!(matches!(error, TrainingError::Option(_)));
        }
        assert_ne!(
            stratified_folds(&[0; 50], 5, 0),
            stratified_folds(&[0; 50], 5, 1)
        );
    }
}
