//! Texts that mean the same, as far as their vectors do.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::blobs::words;
use crate::clusters::Found;
use crate::matcher::{Matcher, Measure};
use crate::{Banding, DuplicatesError, Space};

/// The most signs of a sketch.
const SIGNS: usize = 1024;

/// The most signs of a band: as many part four thousand million rows; more would only cost.
const LONGEST: usize = 32;

/// The most numbers of a vector.
const MOST_DIMENSIONS: usize = 1 << 16;

/// Vectors are duplicates where their cosine is at least what is asked for, and so are those that hang together through
/// others.
///
/// Candidates share a band of signs of random projections: two vectors at the angle θ have equal signs with the chance
/// `1 − θ/π` (Charikar 2002). This is chosen over a graph of neighbours since it promises a recall for any data, gives
/// the same answer on each run, and needs no memory that grows with the vectors.
pub struct Semantic {
    banding: Banding,
    dimensions: usize,
    /// Directions, one after the other.
    planes: Vec<f32>,
    matcher: Matcher<Cosine>,
    item: Vec<[u8; 4]>,
    unit: Vec<f32>,
}

impl Semantic {
    /// For vectors of so many numbers, and a cosine between 0.5 and 1.
    ///
    /// # Errors
    /// [`DuplicatesError::Invalid`] where the cosine or the dimensions are out of bounds.
    pub fn new(similarity: f64, dimensions: usize, space: &Space) -> Result<Self, DuplicatesError> {
        if !(0.5..=1.0).contains(&similarity) {
            return Err(DuplicatesError::invalid(format!(
                "the similarity of meanings is a cosine between 0.5 and 1, not {similarity}"
            )));
        }
        if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
            return Err(DuplicatesError::invalid(format!(
                "a vector has 1 to {MOST_DIMENSIONS} numbers, not {dimensions}"
            )));
        }
        // What is asked for up to rounding: a vector is as good as equal to itself.
        let similarity = similarity.min(1.0 - 1e-6);
        let p = 1.0 - similarity.acos() / std::f64::consts::PI;
        let banding = Banding::choose(p, SIGNS, LONGEST)?;
        Ok(Self {
            banding,
            dimensions,
            planes: directions(banding.bands * banding.rows * dimensions),
            matcher: Matcher::new(similarity, space),
            item: Vec::with_capacity(dimensions),
            unit: Vec::with_capacity(dimensions),
        })
    }

    /// How signs are cut.
    pub fn banding(&self) -> Banding {
        self.banding
    }

    /// Adds a row that is compared with no other.
    ///
    /// # Errors
    /// [`DuplicatesError::Io`]
    pub fn skip(&mut self) -> Result<(), DuplicatesError> {
        self.matcher.skip()
    }

    /// Adds a vector of any length and its rank, the highest of which stays. Answers whether it is compared: a vector
    /// that holds something else than numbers, or that is zero, has no direction.
    ///
    /// # Errors
    /// [`DuplicatesError::Invalid`] where it has other dimensions than the others; [`DuplicatesError::Io`].
    pub fn push(&mut self, vector: &[f32], rank: f64) -> Result<bool, DuplicatesError> {
        if vector.len() != self.dimensions {
            return Err(DuplicatesError::invalid(format!(
                "a vector has {} numbers, and others have {}",
                vector.len(),
                self.dimensions
            )));
        }
        let length = vector
            .iter()
            .map(|&x| f64::from(x).powi(2))
            .sum::<f64>()
            .sqrt();
        if !length.is_finite() || length <= 0.0 {
            self.matcher.skip()?;
            return Ok(false);
        }
        self.unit.clear();
        let unit = vector.iter().map(|&x| (f64::from(x) / length) as f32);
        self.unit.extend(unit);
        let keys = self.keys();
        self.item.clear();
        self.item.extend(self.unit.iter().map(|x| x.to_le_bytes()));
        self.matcher.push(&self.item, keys, rank)?;
        Ok(true)
    }

    /// The signs of each band as a number.
    fn keys(&self) -> Vec<u64> {
        let band = self.banding.rows * self.dimensions;
        let bands = self.planes.chunks_exact(band);
        let key = |band: &[f32]| {
            let planes = band.chunks_exact(self.dimensions);
            planes.fold(0, |key, plane| {
                key << 1 | u64::from(dot(plane, &self.unit) >= 0.0)
            })
        };
        bands.map(key).collect()
    }

    /// Compares, and decides which rows stay.
    ///
    /// # Errors
    /// [`DuplicatesError::Io`]
    pub fn finish(self) -> Result<Found, DuplicatesError> {
        self.matcher.finish()
    }
}

/// Directions that are spread evenly: numbers of a normal distribution (Box and Muller 1958), the same on each run.
fn directions(numbers: usize) -> Vec<f32> {
    let uniform = |n: u64| {
        let bits = xxh3_64_with_seed(&n.to_le_bytes(), 0x5EED) >> 11;
        (bits as f64 + 0.5) / (1u64 << 53) as f64
    };
    let normal = |n: usize| {
        let n = 2 * n as u64;
        let radius = (-2.0 * uniform(n).ln()).sqrt();
        (radius * (std::f64::consts::TAU * uniform(n + 1)).cos()) as f32
    };
    (0..numbers).map(normal).collect()
}

/// The product of two vectors, added up in sixteen sums that the processor keeps apart.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0f32; 16];
    let ((a, rest_a), (b, rest_b)) = (one.as_chunks::<16>(), other.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// The cosine of two vectors of length 1.
struct Cosine;

impl Measure for Cosine {
    type Item = Vec<f32>;

    fn decode(bytes: &[u8]) -> Vec<f32> {
        words(bytes).map(f32::from_le_bytes).collect()
    }

    fn similarity(one: &Vec<f32>, other: &Vec<f32>) -> f64 {
        f64::from(dot(one, other)).clamp(-1.0, 1.0)
    }
}
