//! Vectors of texts.

use crate::config::Task;
use crate::error::InferenceError;
use crate::long::{Pool, Rows};
use crate::model::Model;
use crate::tokenize::Row;

/// Vectors of texts, and how they were read.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// One vector for each text, in order, [`Model::dimensions`] long.
    pub vectors: Vec<Vec<f32>>,
    /// How many tokens of each text were computed, the special ones included.
    pub tokens: Vec<u32>,
    /// Of how many texts only the beginning was read; see [`long_text`](crate::ModelConfig::long_text).
    pub truncated: usize,
}

impl Model {
    /// One vector for each text, in order, [`Model::dimensions`] long.
    ///
    /// The vector does not depend on what else is in the call, up to rounding (below 1e-4 for a model computed in
    /// fp32). What of a text counts that is longer than the model reads at once is the word of
    /// [`long_text`](crate::ModelConfig::long_text).
    pub async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, InferenceError> {
        self.embed_counted(texts).await.map(|found| found.vectors)
    }

    /// As [`Model::embed`], with how the texts were read.
    pub async fn embed_counted(&self, texts: &[String]) -> Result<Embedded, InferenceError> {
        self.require(Task::Embed)?;
        let rows = self.rows(texts).await?;
        self.embed_rows(rows, texts.len()).await
    }

    /// As [`Model::embed_counted`], of texts that the model's tokenizer has cut into tokens before
    /// ([`Model::tokenize`]). They are computed as they are: nothing is added to them and none is left out.
    pub async fn embed_tokens(&self, texts: &[Vec<u32>]) -> Result<Embedded, InferenceError> {
        self.require(Task::Embed)?;
        self.check_tokens(texts)?;
        let longest = self.config().max_tokens as usize;
        let mut rows = Rows::with_capacity(texts.len());
        for (index, ids) in texts.iter().enumerate() {
            if ids.is_empty() || ids.len() > longest {
                return Err(InferenceError::InvalidInput(format!(
                    "text {index} has {} tokens; it must have 1 to {longest}",
                    ids.len()
                )));
            }
            let (ids, types) = (ids.clone(), vec![0; ids.len()]);
            rows.push(index, Row { ids, types });
        }
        self.embed_rows(rows, texts.len()).await
    }

    async fn embed_rows(&self, rows: Rows, texts: usize) -> Result<Embedded, InferenceError> {
        let (tokens, truncated) = (rows.tokens(texts), rows.truncated);
        let mut pool = Pool::of(&rows, texts);
        self.run(rows.rows, |row, vector| pool.take(row, vector))
            .await?;
        let mut vectors = pool.vectors();
        if self.config().normalize {
            vectors.iter_mut().for_each(|vector| normalize(vector));
        }
        Ok(Embedded {
            vectors,
            tokens,
            truncated,
        })
    }
}

/// Scales a vector to length 1. The zero vector has no direction and stays.
pub(crate) fn normalize(vector: &mut [f32]) {
    let length = vector
        .iter()
        .map(|number| number * number)
        .sum::<f32>()
        .sqrt();
    if length > f32::MIN_POSITIVE {
        vector.iter_mut().for_each(|number| *number /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zero_vector_stays() {
        let mut vector = [0.0, 0.0];
        normalize(&mut vector);
        assert_eq!(vector, [0.0, 0.0]);
        let mut vector = [3.0, 4.0];
        normalize(&mut vector);
        assert_eq!(vector, [0.6, 0.8]);
    }
}
