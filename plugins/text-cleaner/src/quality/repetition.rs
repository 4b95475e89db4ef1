//! How much of a text says again what it said before.
//!
//! N-grams are counted by their hashes, sorted: the time is that of sorting, whatever the text.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

use super::document::{Document, Word};

/// The share of repeated parts (lines or paragraphs), and the share of the text's code points in them. A part is
/// repeated when an earlier one is equal.
pub fn repeated_parts<'a>(
    parts: impl Iterator<Item = &'a str>,
    chars: usize,
) -> Option<(f64, f64)> {
    let mut seen = HashSet::new();
    let (mut count, mut repeated, mut repeated_chars) = (0usize, 0usize, 0usize);
    for part in parts {
        count += 1;
        if !seen.insert(xxh3_64(part.as_bytes())) {
            repeated += 1;
            repeated_chars += part.chars().count();
        }
    }
    (count > 0 && chars > 0).then(|| {
        (
            repeated as f64 / count as f64,
            repeated_chars as f64 / chars as f64,
        )
    })
}

/// A run of words as one number.
fn joined(words: &[Word]) -> u64 {
    words.iter().fold(words.len() as u64, |sum, word| {
        (sum.rotate_left(23) ^ word.hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    })
}

/// How long a run of words is in the text: with spaces between, unless it is Chinese.
fn length(words: &[Word], chinese: bool) -> usize {
    let spaces = if chinese { 0 } else { words.len() - 1 };
    words.iter().map(|word| word.chars as usize).sum::<usize>() + spaces
}

/// The share of code points in the n-gram that is the most frequent of those that occur twice or more (of equally
/// frequent ones, in the longest). N-grams may overlap, as in the paper, so that the share is cut at 1.
pub fn top_ngram(document: &Document<'_>, n: usize) -> Option<f64> {
    let words = document.words();
    let chars = document.chars();
    if words.len() < n || chars == 0 {
        return None;
    }
    let chinese = document.chinese();
    let mut grams: Vec<(u64, u32)> = words
        .windows(n)
        .map(|gram| (joined(gram), length(gram, chinese) as u32))
        .collect();
    grams.sort_unstable();
    let equal = grams.chunk_by(|a, b| a.0 == b.0);
    let top = equal
        .filter(|same| same.len() > 1)
        .map(|same| (same.len(), same[0].1))
        .max();
    let share = top.map_or(0.0, |(times, length)| {
        times as f64 * f64::from(length) / chars as f64
    });
    Some(share.min(1.0))
}

/// The share of code points in n-grams that occurred before, none counted twice.
pub fn repeated_ngrams(document: &Document<'_>, n: usize) -> Option<f64> {
    let words = document.words();
    let chars = document.chars();
    if words.len() < n || chars == 0 {
        return None;
    }
    let mut seen = HashSet::with_capacity(words.len());
    let mut repeated = 0;
    let mut at = 0;
    while let Some(gram) = words.get(at..at + n) {
        if seen.insert(joined(gram)) {
            at += 1;
        } else {
            repeated += length(gram, true);
            at += n;
        }
    }
    Some(repeated as f64 / chars as f64)
}

/// The share of n-grams of words that occur more than once.
pub fn word_repetition(document: &Document<'_>, n: usize) -> Option<f64> {
    let words = document.words();
    if n == 0 || words.len() < n {
        return None;
    }
    let mut grams: Vec<u64> = words.windows(n).map(joined).collect();
    grams.sort_unstable();
    let repeated: usize = grams
        .chunk_by(|a, b| a == b)
        .map(<[u64]>::len)
        .filter(|&times| times > 1)
        .sum();
    Some(repeated as f64 / grams.len() as f64)
}

/// The share of the most frequent n-grams of characters: of those that occur more than once, as many as the square
/// root of how many different ones there are (Laurençon et al. 2022).
pub fn character_repetition(document: &Document<'_>, n: usize) -> Option<f64> {
    if n == 0 {
        return None;
    }
    let starts: Vec<usize> = document
        .text
        .char_indices()
        .map(|(start, _)| start)
        .chain([document.text.len()])
        .collect();
    if starts.len() <= n {
        return None;
    }
    let bytes = document.text.as_bytes();
    let mut grams: Vec<u64> = starts
        .windows(n + 1)
        .map(|ends| xxh3_64(&bytes[ends[0]..ends[n]]))
        .collect();
    grams.sort_unstable();
    let mut times: Vec<usize> = grams.chunk_by(|a, b| a == b).map(<[u64]>::len).collect();
    times.sort_unstable_by(|a, b| b.cmp(a));
    let more_than_once = times.iter().take_while(|&&times| times > 1).count();
    let counted = more_than_once.min(times.len().isqrt());
    Some(times[..counted].iter().sum::<usize>() as f64 / grams.len() as f64)
}
