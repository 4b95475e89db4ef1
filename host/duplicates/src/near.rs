//! Texts that are nearly the same.

use xxhash_rust::xxh3::xxh3_64;

use crate::blobs::words;
use crate::clusters::Found;
use crate::matcher::{Matcher, Measure};
use crate::{Banding, DuplicatesError, Space};

/// Texts are duplicates where the Jaccard similarity of their shingles is at least what is asked for, and so are those
/// that hang together through others.
///
/// Rows are pushed one by one and numbered from 0.
pub struct Near {
    banding: Banding,
    values: usize,
    matcher: Matcher<Jaccard>,
    item: Vec<[u8; 4]>,
}

impl Near {
    /// For texts whose signatures have so many values, and a similarity between 0.1 and 1.
    ///
    /// # Errors
    /// [`DuplicatesError::Invalid`] where the similarity is out of these bounds, or cannot be found by so few values.
    pub fn new(similarity: f64, values: usize, space: &Space) -> Result<Self, DuplicatesError> {
        if !(0.1..=1.0).contains(&similarity) {
            return Err(DuplicatesError::invalid(format!(
                "the similarity of texts is between 0.1 and 1, not {similarity}"
            )));
        }
        Ok(Self {
            banding: Banding::choose(similarity, values, values)?,
            values,
            matcher: Matcher::new(similarity, space),
            item: Vec::new(),
        })
    }

    /// How signatures are cut.
    pub fn banding(&self) -> Banding {
        self.banding
    }

    /// Adds a text: its [`shingles`](crate::shingles), sorted and each once; its signature; and its rank, the highest of
    /// which stays. A text without shingles is a duplicate of none.
    ///
    /// # Errors
    /// [`DuplicatesError::Invalid`] where the signature has another length than the others; [`DuplicatesError::Io`].
    pub fn push(
        &mut self,
        shingles: &[u32],
        signature: &[u32],
        rank: f64,
    ) -> Result<(), DuplicatesError> {
        if shingles.is_empty() {
            return self.matcher.skip();
        }
        if signature.len() != self.values {
            return Err(DuplicatesError::invalid(format!(
                "a signature has {} values, and others have {}",
                signature.len(),
                self.values
            )));
        }
        let rows = self.banding.rows;
        let mut bytes = Vec::with_capacity(rows * 4);
        let bands = signature.chunks_exact(rows).take(self.banding.bands);
        let bands = bands.map(|band| {
            bytes.clear();
            bytes.extend(band.iter().flat_map(|value| value.to_le_bytes()));
            xxh3_64(&bytes)
        });
        self.item.clear();
        self.item.extend(shingles.iter().map(|s| s.to_le_bytes()));
        self.matcher.push(&self.item, bands, rank)
    }

    /// Compares, and decides which rows stay.
    ///
    /// # Errors
    /// [`DuplicatesError::Io`]
    pub fn finish(self) -> Result<Found, DuplicatesError> {
        self.matcher.finish()
    }
}

/// The similarity of Jaccard of two sets.
struct Jaccard;

impl Measure for Jaccard {
    type Item = Vec<u32>;

    fn decode(bytes: &[u8]) -> Vec<u32> {
        words(bytes).map(u32::from_le_bytes).collect()
    }

    fn similarity(one: &Vec<u32>, other: &Vec<u32>) -> f64 {
        let (mut a, mut b, mut common) = (0, 0, 0usize);
        while a < one.len() && b < other.len() {
            let (x, y) = (one[a], other[b]);
            // Without branches: which of two numbers is smaller cannot be foretold.
            common += usize::from(x == y);
            a += usize::from(x <= y);
            b += usize::from(y <= x);
        }
        common as f64 / (one.len() + other.len() - common).max(1) as f64
    }

    /// The smaller set divided by the larger one is the most that they can have in common.
    fn possible(one: usize, other: usize, similarity: f64) -> bool {
        one.min(other) as f64 >= similarity * one.max(other) as f64
    }
}
