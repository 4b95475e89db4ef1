//! What rows are compared by, from a plugin or a model.

use std::sync::Arc;

use steward_duplicates::{Signer, shingles};

use super::pass::{AsyncMake, Part};
use crate::counted::Counted;
use crate::pipeline::treat;
use crate::record::Record;
use crate::step::{Document, Sketch};
use crate::{DataError, Keep};

/// A row as it is compared; without a sketch where there is nothing to compare.
pub(super) struct Sketched<T> {
    pub sketch: Option<T>,
    pub rank: f64,
}

/// How much a row is worth to be kept.
pub(super) fn rank(keep: &Keep, record: &Record) -> f64 {
    let number = |field: &str| {
        let raw = record.get(field)?;
        let number: f64 = raw.trim_matches('"').trim().parse().ok()?;
        number.is_finite().then_some(number)
    };
    match keep {
        Keep::First => 0.0,
        Keep::Longest => record.text.chars().count() as f64,
        Keep::Highest(field) => number(field).unwrap_or(f64::NEG_INFINITY),
        Keep::Lowest(field) => number(field).map_or(f64::NEG_INFINITY, |number| -number),
    }
}

/// Sketches of a step for texts; none where it fails for a text.
pub(super) async fn sketches(
    step: &Counted,
    texts: impl Iterator<Item = (usize, String)>,
) -> Result<Vec<Option<Sketch>>, DataError> {
    let documents: Vec<Document> = texts
        .map(|(row, text)| Document {
            id: row.to_string(),
            text,
        })
        .collect();
    let sketches = treat(step, &documents, |step, batch| step.sketch(batch)).await?;
    Ok(sketches.into_iter().map(Result::ok).collect())
}

/// Shingles and signatures.
pub(super) struct Signing {
    /// Where a cleaner makes the signatures.
    pub step: Option<Arc<Counted>>,
    pub keep: Keep,
    pub signer: Signer,
}

/// The shingles of a text and its signature.
pub(super) type Signed = (Vec<u32>, Vec<u32>);

impl AsyncMake<Vec<Sketched<Signed>>> for Signing {
    async fn make(&self, part: Part) -> Result<Vec<Sketched<Signed>>, DataError> {
        let rows = part.records.iter();
        let mut signatures = match &self.step {
            None => Vec::new(),
            Some(step) => {
                let texts = rows.clone().map(|record| record.text.clone());
                sketches(step, texts.enumerate()).await?
            }
        };
        let sketched = rows.enumerate().map(|(row, record)| {
            let set = shingles(&record.text);
            let signature = match &self.step {
                None => Some(self.signer.signature(&set).to_vec()),
                Some(_) => match signatures[row].take() {
                    Some(Sketch::MinHash(values)) if !values.is_empty() => Some(values),
                    _ => None,
                },
            };
            Sketched {
                sketch: signature.map(|signature| (set, signature)),
                rank: rank(&self.keep, record),
            }
        });
        Ok(sketched.collect())
    }
}

/// Vectors.
pub(super) struct Embedding {
    pub step: Arc<Counted>,
    pub keep: Keep,
    /// Rows that are duplicates already, in order.
    pub known: Arc<Vec<u32>>,
}

impl AsyncMake<Vec<Sketched<Vec<f32>>>> for Embedding {
    async fn make(&self, part: Part) -> Result<Vec<Sketched<Vec<f32>>>, DataError> {
        let wanted = |row: &usize| {
            let known = self.known.binary_search(&((part.first + row) as u32));
            known.is_err() && !part.records[*row].text.trim().is_empty()
        };
        let rows: Vec<usize> = (0..part.records.len()).filter(wanted).collect();
        let texts = rows
            .iter()
            .map(|&row| (row, part.records[row].text.clone()));
        let vectors = sketches(&self.step, texts).await?;
        let mut sketched: Vec<Sketched<Vec<f32>>> = part
            .records
            .iter()
            .map(|record| Sketched {
                sketch: None,
                rank: rank(&self.keep, record),
            })
            .collect();
        for (row, sketch) in rows.into_iter().zip(vectors) {
            if let Some(Sketch::Vector(vector)) = sketch {
                sketched[row].sketch = Some(vector);
            }
        }
        Ok(sketched)
    }
}

/// The rows themselves.
pub(super) struct Records;

impl AsyncMake<Part> for Records {
    async fn make(&self, part: Part) -> Result<Part, DataError> {
        Ok(part)
    }
}
