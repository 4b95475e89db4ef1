//! What is measured of a text, repetition apart.

use super::document::Document;
use crate::characters::is_han;
use crate::sentences::{closes, ends_chinese, ends_spaced, sentences};

/// `part / whole`, or none where there is nothing to be a part of.
pub fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The share of lines (blank ones apart) of which `holds`.
pub fn lines(document: &Document<'_>, holds: impl Fn(&str) -> bool) -> Option<f64> {
    let lines = document.lines();
    share(lines.iter().filter(|line| holds(line)).count(), lines.len())
}

/// How many code points a word has, on average.
pub fn word_length(document: &Document<'_>) -> Option<f64> {
    let words = document.words();
    share(
        words.iter().map(|word| word.chars as usize).sum(),
        words.len(),
    )
}

/// How often one of the signs stands in the text, for each word.
pub fn signs_per_word(document: &Document<'_>, signs: &[&str]) -> Option<f64> {
    let count = signs
        .iter()
        .map(|sign| document.text.matches(sign).count())
        .sum();
    share(count, document.words().len())
}

/// Whether a line begins as an item of a list.
pub fn is_item(line: &str) -> bool {
    line.starts_with([
        '•', '‣', '●', '○', '■', '□', '▪', '▶', '◆', '◇', '·', '※', '★', '☆', '►', '⁃', '◦',
    ]) || ["- ", "* ", "+ "]
        .iter()
        .any(|bullet| line.starts_with(bullet))
}

/// Whether a line breaks off.
pub fn is_cut(line: &str) -> bool {
    line.ends_with("...") || line.ends_with('…') || line.ends_with("。。。")
}

/// Whether a line ends as a sentence does.
pub fn is_ended(line: &str) -> bool {
    line.chars()
        .next_back()
        .is_some_and(|c| ends_chinese(c) || ends_spaced(c) || closes(c))
}

/// The share of words with a letter.
pub fn words_with_letters(document: &Document<'_>) -> Option<f64> {
    let words = document.words();
    share(
        words.iter().filter(|word| word.has_letter).count(),
        document.tokens(),
    )
}

/// How many different stop words of Gopher's the text has.
pub fn different_stop_words(document: &Document<'_>) -> Option<f64> {
    let stop_words = document.stop_words(true);
    let found: std::collections::BTreeSet<u64> = document
        .words()
        .iter()
        .map(|word| word.hash)
        .filter(|hash| stop_words.binary_search(hash).is_ok())
        .collect();
    Some(found.len() as f64)
}

/// The share of stop words among the words.
pub fn stop_words(document: &Document<'_>) -> Option<f64> {
    let stop_words = document.stop_words(false);
    let words = document.words();
    let count = words
        .iter()
        .filter(|word| stop_words.binary_search(&word.hash).is_ok())
        .count();
    Some(share(count, words.len()).unwrap_or(0.0))
}

/// How many flagged words the text has for each of its words. Those in Chinese are found wherever they stand.
pub fn flagged_words(document: &Document<'_>) -> Option<f64> {
    let flagged = &document.lists.flagged;
    let words = document.words();
    let mut count = words
        .iter()
        .filter(|word| flagged.words.binary_search(&word.hash).is_ok())
        .count();
    if !document.text.is_ascii() {
        count += flagged
            .chinese
            .iter()
            .map(|word| document.text.matches(word.as_str()).count())
            .sum::<usize>();
    }
    Some(share(count, words.len()).unwrap_or(0.0).min(1.0))
}

/// The share of code points that are no letters: digits, white space, punctuation, signs, emoji.
pub fn special_characters(document: &Document<'_>) -> Option<f64> {
    let special = document
        .text
        .chars()
        .filter(|&c| !c.is_alphabetic() && !is_mark(c))
        .count();
    share(special, document.chars())
}

/// The share of code points that are signs: neither letters nor digits nor white space nor punctuation of sentences.
pub fn symbols(document: &Document<'_>) -> Option<f64> {
    let is_symbol = |c: char| {
        !c.is_alphanumeric()
            && !is_mark(c)
            && !c.is_whitespace()
            && !ends_chinese(c)
            && !ends_spaced(c)
            && !closes(c)
            && !matches!(
                c,
                ',' | ';'
                    | ':'
                    | '-'
                    | '('
                    | '['
                    | '，'
                    | '、'
                    | '：'
                    | '（'
                    | '【'
                    | '《'
                    | '“'
                    | '‘'
                    | '「'
                    | '『'
                    | '—'
                    | '–'
                    | '·'
                    | '«'
            )
    };
    share(
        document.text.chars().filter(|&c| is_symbol(c)).count(),
        document.chars(),
    )
}

/// Marks that belong to the letter before them.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// The share of code points that are letters or digits.
pub fn letters_and_digits(document: &Document<'_>) -> Option<f64> {
    share(
        document
            .text
            .chars()
            .filter(|c| c.is_alphanumeric())
            .count(),
        document.chars(),
    )
}

/// How many letters there are for each word.
pub fn letters_per_word(document: &Document<'_>) -> Option<f64> {
    share(
        document.text.chars().filter(|c| c.is_alphabetic()).count(),
        document.tokens(),
    )
}

/// How many code points a line has, on average; blank lines count.
pub fn average_line(document: &Document<'_>) -> Option<f64> {
    let lines = document.text.lines().count();
    let breaks = document.text.matches('\n').count();
    share(document.chars() - breaks, lines)
}

/// How many code points the longest line has.
pub fn longest_line(document: &Document<'_>) -> Option<f64> {
    document
        .text
        .lines()
        .map(|line| line.chars().count())
        .max()
        .map(|most| most as f64)
}

/// How many sentences the text has.
pub fn count_sentences(document: &Document<'_>) -> Option<f64> {
    let lines = document.lines().iter();
    Some(lines.map(|line| sentences(line).count()).sum::<usize>() as f64)
}

/// How many line breaks there are for each word.
pub fn breaks_per_word(document: &Document<'_>) -> Option<f64> {
    share(document.text.matches('\n').count(), document.words().len())
}

/// How often a word stands in the text, in any case.
pub fn occurrences(document: &Document<'_>, wanted: &str) -> Option<f64> {
    let first = wanted.bytes().next()?;
    let bytes = document.text.as_bytes();
    let found = bytes.windows(wanted.len()).filter(|part| {
        part[0].eq_ignore_ascii_case(&first) && part.eq_ignore_ascii_case(wanted.as_bytes())
    });
    Some(found.count() as f64)
}

/// The share of code points that are Chinese.
pub fn chinese_characters(document: &Document<'_>) -> Option<f64> {
    share(
        document.text.chars().filter(|&c| is_han(c)).count(),
        document.chars(),
    )
}
