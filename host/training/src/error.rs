//! What can be wrong with examples or with a training.

/// What can be wrong with examples or with a training. The text says what it is and what to do next.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// There is nothing to learn from.
    #[error("there are no examples")]
    Empty,
    /// There is nothing to choose from.
    #[error("every example has the label `{0}`; a head chooses between two labels or more")]
    OneLabel(String),
    /// Vectors of different lengths, or of none.
    #[error(
        "example {row} has {found} numbers where the first has {expected}; vectors of one model have as many each"
    )]
    Dimensions {
        /// Which example, from 0.
        row: usize,
        /// How many numbers its vector has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A number that is none.
    #[error(
        "number {column} of example {row} is not finite; the model that made the vector is broken or its input is"
    )]
    NotFinite {
        /// Which example, from 0.
        row: usize,
        /// Which number of its vector, from 0.
        column: usize,
    },
    /// An option breaks its rule.
    #[error("{0}")]
    Option(String),
    /// A label has too few examples to be in every fold.
    #[error(
        "label {label} has {examples} examples, fewer than the {folds} folds; label more of them, or take fewer folds"
    )]
    Folds {
        /// The place of the label.
        label: usize,
        /// How many examples it has.
        examples: usize,
        /// How many folds were asked for.
        folds: usize,
    },
    /// The steps went too far.
    #[error(
        "the training left all bounds in round {epoch}; take a smaller `learning_rate`, or vectors of length 1"
    )]
    Diverged {
        /// Which round over the examples.
        epoch: u32,
    },
    /// Whoever wanted the head has gone.
    #[error("the training was stopped")]
    Stopped,
    /// The last bits of the tolerance are out of reach.
    #[error(
        "the training has not converged after {iterations} steps: the largest slope is {gradient:e}, more than {tolerance:e}; \
         take a larger `l2`, or vectors of a like scale"
    )]
    NotConverged {
        /// How many steps were taken.
        iterations: u32,
        /// The largest slope that was left.
        gradient: f64,
        /// What it should be at most.
        tolerance: f64,
    },
}
