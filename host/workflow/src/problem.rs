//! What is wrong with a definition: all of it at once, each with its place.

use std::fmt;

use serde::Serialize;

/// So many problems are told; what follows would not be read.
pub const MAX_PROBLEMS: usize = 100;

/// One thing that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A JSON pointer (RFC 6901) to what is wrong; empty for the whole definition.
    pub pointer: String,
    /// The reason, and what to do instead.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() {
            "/"
        } else {
            &self.pointer
        };
        write!(f, "{place}: {}", self.reason)
    }
}

/// Everything that is wrong with a definition, in the order of the text; at least one, and at most [`MAX_PROBLEMS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("the workflow is refused:\n{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);

/// Where problems are collected while a definition is read.
#[derive(Debug, Default)]
pub(crate) struct Sink(Vec<Problem>);

impl Sink {
    pub fn add(&mut self, pointer: &str, reason: impl Into<String>) {
        let problem = Problem {
            pointer: pointer.to_owned(),
            reason: reason.into(),
        };
        if self.0.len() < MAX_PROBLEMS && !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_problems(self) -> Problems {
        Problems(self.0)
    }
}

/// Outside text as a message quotes it: short, on one line.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}
