//! What the texts of items mean, as vectors of a model.

/// One vector of length 1 for each item of a catalogue, in its order.
#[derive(Debug)]
pub struct Vectors(Vec<Vec<f32>>);

impl Vectors {
    /// Of what a model answered about so many texts.
    ///
    /// # Errors
    /// Where these are not as many vectors, of one length.
    pub fn new(vectors: Vec<Vec<f32>>, items: usize) -> Result<Self, String> {
        if vectors.len() != items {
            return Err(format!(
                "the model answered about {} of {items} texts",
                vectors.len()
            ));
        }
        let width = vectors.first().map_or(0, Vec::len);
        if vectors.iter().any(|vector| vector.len() != width) {
            return Err("the vectors of the model differ in length".into());
        }
        Ok(Self(vectors))
    }

    /// The cosine between two items: 1 for the same meaning. 0 where there is no such item.
    pub fn cosine(&self, a: usize, b: usize) -> f64 {
        let (Some(a), Some(b)) = (self.0.get(a), self.0.get(b)) else {
            return 0.0;
        };
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    }

    /// The items that mean most nearly what this one means, nearest first, of those that are asked for.
    pub fn nearest(
        &self,
        item: usize,
        among: impl Fn(usize) -> bool,
        most: usize,
    ) -> Vec<(usize, f64)> {
        let others = (0..self.0.len()).filter(|other| *other != item && among(*other));
        let mut found: Vec<(usize, f64)> = others
            .map(|other| (other, self.cosine(item, other)))
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(most);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_comes_first() {
        let vectors = vec![
            vec![1.0, 0.0],
            vec![0.6, 0.8],
            vec![0.8, 0.6],
            vec![0.0, 1.0],
        ];
        let vectors = Vectors::new(vectors, 4).unwrap();
        let found = vectors.nearest(0, |other| other != 3, 5);
        assert_eq!(
            found.iter().map(|(item, _)| *item).collect::<Vec<_>>(),
            [2, 1]
        );
        assert!((found[0].1 - 0.8).abs() < 1e-6);
        assert!(Vectors::new(vec![vec![1.0]], 2).is_err());
        assert!(Vectors::new(vec![vec![1.0], vec![]], 2).is_err());
    }
}
