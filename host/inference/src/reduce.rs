//! What a model gives for the tokens of a text to what its task needs of it, on the runner's thread: so little is copied.

use crate::config::{ModelConfig, Pooling, Task};

/// What is kept of the vectors of a row's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reduce {
    /// All of them, one after the other.
    Keep,
    /// Their mean.
    Mean,
    /// The first.
    First,
}

impl Reduce {
    pub(crate) fn of(config: &ModelConfig) -> Self {
        match (config.task, config.pooling) {
            (Task::Embed, Pooling::Mean) => Self::Mean,
            (Task::Embed, Pooling::Cls) => Self::First,
            _ => Self::Keep,
        }
    }

    /// Of the vectors of a row's own tokens (`tokens × size`).
    pub(crate) fn apply(self, tokens: &[f32], size: usize) -> Vec<f32> {
        match self {
            Self::Keep => tokens.to_vec(),
            Self::First => tokens[..size].to_vec(),
            Self::Mean => {
                let mut sum = vec![0.0; size];
                let mut count = 0.0;
                for token in tokens.chunks_exact(size) {
                    count += 1.0;
                    add(&mut sum, token);
                }
                sum.iter_mut().for_each(|number| *number /= count);
                sum
            }
        }
    }
}

/// Adds `vector` to `sum`, number by number.
pub(crate) fn add(sum: &mut [f32], vector: &[f32]) {
    sum.iter_mut()
        .zip(vector)
        .for_each(|(sum, number)| *sum += number);
}

/// Adds so much of `vector` to `sum`, number by number.
pub(crate) fn add_scaled(sum: &mut [f32], vector: &[f32], scale: f32) {
    sum.iter_mut()
        .zip(vector)
        .for_each(|(sum, number)| *sum += scale * number);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_become_what_the_task_needs() {
        let tokens = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(Reduce::Mean.apply(&tokens, 2), [2.0, 3.0]);
        assert_eq!(Reduce::First.apply(&tokens, 2), [1.0, 2.0]);
        assert_eq!(Reduce::Keep.apply(&tokens, 2), tokens);
    }
}
