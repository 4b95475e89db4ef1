//! Texts as vectors, each once.

use std::sync::Arc;
use std::time::Duration;

use steward_inference::InferenceError;
use steward_models::{ModelError, OpenModel};

use crate::DataError;

/// Texts that go to the model at a time.
const BATCH: usize = 256;
/// How often a model that has too many calls is asked again.
const BUSY_TRIES: u32 = 200;
/// The most numbers in all: 128 MiB as they are kept, and twice as much of those that a head is trained on.
const MAX_NUMBERS: usize = 32 << 20;

/// The vectors of some texts.
#[derive(Debug)]
pub(crate) struct Vectors {
    dimensions: usize,
    numbers: Vec<f32>,
    /// Where the vector of each text is, by the place of the text.
    places: Vec<Option<usize>>,
}

impl Vectors {
    /// Embeds the texts at these places, each once. `far` hears how many are done.
    ///
    /// One call decides the vector of a text for all sets that have it: what another call would give may differ in the
    /// last digits, and a treatment that changed nothing would cost something.
    pub async fn embed(
        model: &OpenModel,
        name: &str,
        texts: &[Arc<str>],
        wanted: &[usize],
        far: impl Fn(usize),
    ) -> Result<Self, DataError> {
        let mut vectors = Self {
            dimensions: model.dimensions().unwrap_or_default(),
            numbers: Vec::new(),
            places: vec![None; texts.len()],
        };
        check_size(wanted.len(), vectors.dimensions)?;
        for (round, batch) in wanted.chunks(BATCH).enumerate() {
            let given: Vec<String> = batch.iter().map(|at| texts[*at].to_string()).collect();
            for (at, vector) in batch.iter().zip(ask(model, name, &given).await?) {
                vectors.add(name, *at, &vector)?;
            }
            far(round * BATCH + batch.len());
        }
        Ok(vectors)
    }

    fn add(&mut self, name: &str, at: usize, vector: &[f32]) -> Result<(), DataError> {
        if self.numbers.is_empty() {
            self.dimensions = vector.len();
        }
        if vector.len() != self.dimensions || vector.iter().any(|number| !number.is_finite()) {
            return Err(DataError::Invalid(format!(
                "the model `{name}` gave a vector with a number that is not finite, or of another length, for one of the \
                 texts; nothing can be learned from it. `steward model evaluate` shows how it does"
            )));
        }
        self.places[at] = Some(self.numbers.len());
        self.numbers.extend_from_slice(vector);
        Ok(())
    }

    /// The vector of a text; empty where it was not wanted.
    pub fn of(&self, text: usize) -> &[f32] {
        match self.places.get(text).copied().flatten() {
            Some(at) => &self.numbers[at..at + self.dimensions],
            None => &[],
        }
    }
}

/// Refuses texts whose numbers are more than is kept in memory.
pub(crate) fn check_size(texts: usize, each: usize) -> Result<(), DataError> {
    if texts.saturating_mul(each) <= MAX_NUMBERS {
        return Ok(());
    }
    Err(DataError::Invalid(format!(
        "{texts} texts of {each} numbers each are more than is kept in memory; take a sample of {} rows",
        MAX_NUMBERS / each.max(1)
    )))
}

/// Waits where others are served: nobody waits for a single row of a run.
async fn ask(model: &OpenModel, name: &str, texts: &[String]) -> Result<Vec<Vec<f32>>, DataError> {
    let mut busy = 0;
    loop {
        match model.embed(texts).await {
            Ok(answer) => return Ok(answer.value),
            Err(ModelError::Inference(InferenceError::Overloaded { retry_after }))
                if busy < BUSY_TRIES =>
            {
                busy += 1;
                let wait = retry_after.clamp(Duration::from_millis(10), Duration::from_secs(5));
                tokio::time::sleep(wait).await;
            }
            Err(source) => {
                return Err(DataError::Model {
                    step: name.to_owned(),
                    source: Box::new(source),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_with_a_number_that_is_none_is_refused_and_a_text_that_was_not_asked_for_has_none() {
        let mut vectors = Vectors {
            dimensions: 2,
            numbers: Vec::new(),
            places: vec![None; 3],
        };
        vectors.add("m", 2, &[0.5, -1.0]).unwrap();
        assert_eq!((vectors.of(2), vectors.of(0)), (&[0.5, -1.0][..], &[][..]));
        for bad in [&[f32::NAN, 0.0][..], &[0.0, f32::INFINITY], &[0.0], &[]] {
            let error = vectors.add("m", 1, bad).unwrap_err().to_string();
            assert!(
                error.contains("`m`") && error.contains("not finite"),
                "{error}"
            );
        }
    }
}
