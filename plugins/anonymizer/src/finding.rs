//! What recognizers propose.

use crate::entity::Entity;

/// A place that may hold personal data, in positions of the folded text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// What it is.
    pub entity: Entity,
    /// Its first character.
    pub start: usize,
    /// One past its last character; greater than `start`.
    pub end: usize,
    /// Where it may end at the earliest: equal to `end` but for URLs, which stay URLs when a
    /// stronger finding takes a place in their path.
    pub least_end: usize,
    /// How sure: 1 where a checksum proves it.
    pub score: f32,
    /// Which recognizer proposed it.
    pub source: Source,
}

/// A recognizer, by what findings call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// One of this plugin.
    BuiltIn(&'static str),
    /// One of the configuration, by its place there.
    Own(u16),
}
