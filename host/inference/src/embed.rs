//! Vectors of texts.

use crate::config::{Pooling, Task};
use crate::error::InferenceError;
use crate::graph::Output;
use crate::model::Model;

impl Model {
    /// One vector for each text, in order, [`Model::dimensions`] long.
    ///
    /// The vector does not depend on what else is in the call, up to rounding (below 1e-4 for a model computed in
    /// fp32). Only the first [`max_tokens`](crate::ModelConfig::max_tokens) tokens of a text count.
    pub async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, InferenceError> {
        self.require(Task::Embed)?;
        let rows = self.rows(texts).await?;
        let mut vectors = vec![Vec::new(); rows.len()];
        let (pooling, scaled) = (self.config().pooling, self.config().normalize);
        self.run(&rows, |positions, mask, output| {
            for (&position, mut vector) in
                positions
                    .iter()
                    .zip(pool(output, mask, positions.len(), pooling))
            {
                if scaled {
                    normalize(&mut vector);
                }
                vectors[position] = vector;
            }
        })
        .await?;
        Ok(vectors)
    }
}

/// The vector of each row. A graph that has pooled already is taken at its word.
fn pool(output: &Output, mask: &[i64], rows: usize, pooling: Pooling) -> Vec<Vec<f32>> {
    let size = output.size;
    if !output.per_token {
        return output
            .data
            .chunks_exact(size)
            .map(<[f32]>::to_vec)
            .collect();
    }
    let width = mask.len() / rows.max(1);
    let texts = output
        .data
        .chunks_exact(width * size)
        .zip(mask.chunks_exact(width));
    texts
        .map(|(tokens, mask)| match pooling {
            Pooling::Cls => tokens[..size].to_vec(),
            Pooling::Mean => {
                let mut sum = vec![0.0; size];
                let mut count = 0.0;
                for (token, _) in tokens
                    .chunks_exact(size)
                    .zip(mask)
                    .filter(|&(_, &mask)| mask == 1)
                {
                    count += 1.0;
                    add(&mut sum, token);
                }
                sum.iter_mut().for_each(|number| *number /= count);
                sum
            }
        })
        .collect()
}

/// Adds `vector` to `sum`, number by number.
pub(crate) fn add(sum: &mut [f32], vector: &[f32]) {
    sum.iter_mut()
        .zip(vector)
        .for_each(|(sum, number)| *sum += number);
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

    fn tokens(data: &[f32]) -> Output {
        Output {
            per_token: true,
            size: 2,
            data: data.to_vec(),
        }
    }

    #[test]
    fn padding_does_not_count() {
        let output = tokens(&[
            1.0,
            2.0,
            3.0,
            4.0,
            9.0,
            9.0,
            5.0,
            5.0,
            f32::NAN,
            9.0,
            9.0,
            9.0,
        ]);
        let mask = [1, 1, 0, 1, 0, 0];
        assert_eq!(
            pool(&output, &mask, 2, Pooling::Mean),
            [[2.0, 3.0], [5.0, 5.0]]
        );
        assert_eq!(
            pool(&output, &mask, 2, Pooling::Cls),
            [[1.0, 2.0], [5.0, 5.0]]
        );
    }

    #[test]
    fn a_pooled_output_is_kept() {
        let output = Output {
            per_token: false,
            size: 2,
            data: vec![1.0, 2.0, 3.0, 4.0],
        };
        assert_eq!(
            pool(&output, &[1, 1, 1, 0], 2, Pooling::Mean),
            [[1.0, 2.0], [3.0, 4.0]]
        );
    }

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
