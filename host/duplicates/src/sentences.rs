//! Passages of some sentences that stood in an earlier text.
//!
//! Of each passage of three sentences that occurs more than once, C4 (Raffel et al. 2020) and datatrove keep one; so does
//! this. What is removed from a text still stands somewhere before it, sentence by sentence.

mod split;

use std::iter::Peekable;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::shingles::each_token;
use crate::sorter::{Sorted, Sorter};
use crate::{DuplicatesError, Space};
pub(crate) use split::sentences;

/// The most sentences of a text: their number has its place beside that of the row.
const MOST_SENTENCES: usize = 1 << 31;

/// What counts as a passage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentencesSpec {
    /// Sentences in a row. 3 in C4.
    pub passage: usize,
    /// A passage of fewer code points stays: `Thanks. Bye. Anna` is no boilerplate.
    pub min_characters: usize,
}

/// First pass: reads all texts, in order.
pub struct Sentences {
    spec: SentencesSpec,
    rows: u32,
    passages: Sorter,
    space: Space,
}

/// Second pass: the same texts in the same order, now with what stood before.
pub struct Passages {
    spec: SentencesSpec,
    row: u32,
    /// Row and sentence at which a passage begins that stood before; the row of its first place.
    known: Peekable<Sorted>,
}

/// A part of a text that was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Its first code point in the text as it came.
    pub start: usize,
    /// One after its last.
    pub end: usize,
    /// The row in which it stood first; where several passages meet, that of the first of them.
    pub first: u32,
}

/// A text without the passages that stood before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Treated {
    /// What is left.
    pub text: String,
    /// What was removed, in order.
    pub removed: Vec<Removed>,
}

impl Sentences {
    /// For passages of 1 to 100 sentences.
    ///
    /// # Errors
    /// [`DuplicatesError::Invalid`]
    pub fn new(spec: SentencesSpec, space: &Space) -> Result<Self, DuplicatesError> {
        if !(1..=100).contains(&spec.passage) {
            return Err(DuplicatesError::invalid(format!(
                "a passage has 1 to 100 sentences, not {}",
                spec.passage
            )));
        }
        let half = Space {
            dir: space.dir.clone(),
            bytes: space.bytes / 2,
        };
        Ok(Self {
            spec,
            rows: 0,
            passages: Sorter::new(&half),
            space: half,
        })
    }

    /// Adds a text.
    ///
    /// # Errors
    /// [`DuplicatesError::Io`], and [`DuplicatesError::Invalid`] for too many rows.
    pub fn push(&mut self, text: &str) -> Result<(), DuplicatesError> {
        let row = self.rows;
        self.rows = row
            .checked_add(1)
            .ok_or_else(|| DuplicatesError::invalid("more than 4,294,967,295 rows"))?;
        for (sentence, key) in keys(text, self.spec) {
            self.passages.push((key, place(row, sentence)))?;
        }
        Ok(())
    }

    /// Ends the first pass.
    ///
    /// # Errors
    /// [`DuplicatesError::Io`]
    pub fn finish(self) -> Result<Passages, DuplicatesError> {
        let mut known = Sorter::new(&self.space);
        let mut first: Option<(u64, u64)> = None;
        for record in self.passages.sorted()? {
            let (key, at) = record?;
            match first {
                Some((of, first)) if of == key => {
                    // Two places of one text may overlap, as in `No. No. No. No.`: those are one passage.
                    let distance = at - first;
                    if at >> 32 != first >> 32 || distance >= self.spec.passage as u64 {
                        known.push((at, first >> 32))?;
                    }
                }
                _ => first = Some((key, at)),
            }
        }
        Ok(Passages {
            spec: self.spec,
            row: 0,
            known: known.sorted()?.peekable(),
        })
    }
}

impl Passages {
    /// Takes the next text; answers what is left of it, or none where nothing stood before.
    ///
    /// # Errors
    /// [`DuplicatesError::Io`]
    pub fn treat(&mut self, text: &str) -> Result<Option<Treated>, DuplicatesError> {
        let row = self.row;
        self.row += 1;
        let mut places = Vec::new();
        while let Some(next) = self.known.peek() {
            match next {
                Ok((at, _)) if at >> 32 == u64::from(row) => {}
                Ok(_) => break,
                Err(_) => {}
            }
            let Some(next) = self.known.next() else { break };
            let (at, first) = next?;
            places.push(((at & 0xFFFF_FFFF) as usize, first as u32));
        }
        Ok((!places.is_empty()).then(|| without(text, &places, self.spec.passage)))
    }
}

/// Row and sentence as one number, in order.
fn place(row: u32, sentence: usize) -> u64 {
    u64::from(row) << 32 | sentence as u64
}

/// Each passage of a text: its first sentence and what it is known by.
///
/// Sentences are the same where their words are: case, punctuation and white space do not count. Sentences without words
/// are none.
fn keys(text: &str, spec: SentencesSpec) -> Vec<(usize, u64)> {
    let mut sentence_keys = Vec::new();
    for sentence in with_words(text).take(MOST_SENTENCES) {
        let mut bytes = Vec::new();
        each_token(sentence.text, |token| bytes.extend(token.to_le_bytes()));
        sentence_keys.push((xxh3_64(&bytes), sentence.text.trim().chars().count()));
    }
    let passages = sentence_keys.windows(spec.passage).enumerate();
    passages
        .filter(|(_, passage)| {
            passage.iter().map(|(_, size)| size).sum::<usize>() >= spec.min_characters
        })
        .map(|(at, passage)| {
            let bytes: Vec<u8> = passage
                .iter()
                .flat_map(|(key, _)| key.to_le_bytes())
                .collect();
            (at, xxh3_64(&bytes))
        })
        .collect()
}

/// A sentence that holds a word, with what follows it up to the next one.
struct Sentence<'a> {
    text: &'a str,
    /// Its first byte.
    start: usize,
}

/// The sentences that hold a word. Those without any (`…`, `- - -`) belong to the one before.
fn with_words(text: &str) -> impl Iterator<Item = Sentence<'_>> {
    sentences(text).filter_map(|(start, sentence)| {
        let any = sentence.chars().any(char::is_alphanumeric);
        any.then_some(Sentence {
            text: sentence,
            start,
        })
    })
}

/// The text without the passages that begin at these sentences.
fn without(text: &str, places: &[(usize, u32)], passage: usize) -> Treated {
    let starts: Vec<usize> = with_words(text).map(|sentence| sentence.start).collect();
    let byte = |sentence: usize| starts.get(sentence).copied().unwrap_or(text.len());
    let mut treated = Treated {
        text: String::with_capacity(text.len()),
        removed: Vec::new(),
    };
    // Passages that meet are one part.
    let mut parts: Vec<(usize, usize, u32)> = Vec::new();
    for &(at, first) in places {
        match parts.last_mut() {
            Some((_, end, _)) if at <= *end => *end = at + passage,
            _ => parts.push((at, at + passage, first)),
        }
    }
    let (mut byte_at, mut character_at) = (0, 0);
    for (from, to, first) in parts {
        let (from, to) = (byte(from), byte(to));
        let kept = &text[byte_at..from];
        let start = character_at + kept.chars().count();
        let end = start + text[from..to].chars().count();
        treated.text.push_str(kept);
        treated.removed.push(Removed { start, end, first });
        (byte_at, character_at) = (to, end);
    }
    treated.text.push_str(&text[byte_at..]);
    // White space stood between what was removed and what is left.
    treated.text = treated.text.trim().to_owned();
    treated
}

#[cfg(test)]
mod tests;
