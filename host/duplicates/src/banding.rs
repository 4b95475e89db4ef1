//! How a sketch is cut into bands.

use crate::DuplicatesError;

/// The chance to become candidates that two rows have which are just similar enough. More similar ones have a higher
/// one, so that the recall over all duplicates is above this.
const RECALL: f64 = 0.975;

/// A sketch of `bands × rows` values. Two rows are candidates where all values of one band are equal: with a chance of
/// `1 − (1 − pʳ)ᵇ` where one value is equal with the chance `p` (Leskovec, Rajaraman, Ullman: Mining of Massive
/// Datasets, 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Banding {
    /// How many bands.
    pub bands: usize,
    /// Values of each.
    pub rows: usize,
}

impl Banding {
    /// The bands with most values each, and thus the fewest candidates in vain, that find two rows with a chance of
    /// 97.5 % whose values are equal with the chance `p`. A band has at most `longest` values.
    ///
    /// # Errors
    /// [`DuplicatesError::Invalid`] where `values` are too few for that.
    pub fn choose(p: f64, values: usize, longest: usize) -> Result<Self, DuplicatesError> {
        let needed = |rows: usize| {
            let band = p.powi(i32::try_from(rows).unwrap_or(i32::MAX));
            // Equal in each value: one band finds them.
            if band >= 1.0 {
                return Some(1);
            }
            let bands = ((1.0 - RECALL).ln() / (1.0 - band).ln()).ceil();
            (bands >= 1.0 && bands * rows as f64 <= values as f64).then_some(bands as usize)
        };
        let found = (1..=values.min(longest)).rev().find_map(|rows| {
            let bands = needed(rows)?;
            Some(Self { bands, rows })
        });
        found.ok_or_else(|| {
            DuplicatesError::invalid(format!(
                "{values} values of a sketch are too few to find what is so little alike; ask for a higher similarity"
            ))
        })
    }

    /// The chance to become candidates.
    pub fn chance(self, p: f64) -> f64 {
        1.0 - (1.0 - p.powi(self.rows as i32)).powi(self.bands as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_signature_of_128_values_at_usual_similarities() {
        for (similarity, bands, rows) in [(0.5, 28, 3), (0.7, 21, 5), (0.8, 16, 7), (0.9, 10, 11)] {
            let banding = Banding::choose(similarity, 128, 128).unwrap();
            assert_eq!((banding.bands, banding.rows), (bands, rows), "{similarity}");
        }
        assert_eq!(
            Banding::choose(1.0, 128, 128).unwrap(),
            Banding {
                bands: 1,
                rows: 128
            }
        );
        assert!(Banding::choose(0.01, 128, 128).is_err());
        assert!(Banding::choose(0.5, 0, 1).is_err());
    }

    proptest! {
        #[test]
        fn what_is_similar_enough_is_found(p in 0.1f64..=1.0, values in 64usize..512, longest in 1usize..64) {
            if let Ok(banding) = Banding::choose(p, values, longest) {
                prop_assert!(banding.bands * banding.rows <= values && banding.rows <= longest);
                prop_assert!(banding.chance(p) >= RECALL - 1e-9);
            }
        }
    }
}
