//! `long-words`: words that are too short or too long for words go, with the space before them.
//!
//! A word is what stands between white space. It stays where its length fits, with or without the signs around it.
//! Words with Chinese stay: Chinese is written without spaces.

use crate::characters::is_han;
use crate::edits::{Edits, Rewrite};

/// Lengths are code points. Each word is one place.
pub fn apply(text: &str, least: usize, most: usize) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut copied = 0;
    for word in text.split_whitespace() {
        // The word is a part of the text.
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let end = start + word.len();
        if !fits(word, least, most) {
            if start == 0 || copied == start {
                let space = text[end..].chars().next().map_or(0, char::len_utf8);
                edits.remove(start, end + space);
                copied = end + space;
            } else {
                let space = text[..start].chars().next_back().map_or(0, char::len_utf8);
                edits.remove((start - space).max(copied), end);
                copied = end;
            }
        }
    }
    edits.finish()
}

fn fits(word: &str, least: usize, most: usize) -> bool {
    let fits = |word: &str| (least..=most).contains(&word.chars().count());
    fits(word) || fits(word.trim_matches(|c: char| !c.is_alphabetic())) || word.chars().any(is_han)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_of_unfit_length_go() {
        let rewrite = apply(
            "an aaaaaaaaaaaa word\nof \"three\" 一二三四五六七八九十一",
            3,
            10,
        )
        .unwrap();
        assert_eq!(
            (rewrite.text.as_str(), rewrite.places),
            ("word \"three\" 一二三四五六七八九十一", 3)
        );
        assert_eq!(apply("one two", 3, 10), None);
    }

    proptest! {
        #[test]
        fn what_is_left_fits(text in "[a-c]{1,6}([ \\n]{1,2}[a-c.]{1,6}){0,6}|\\p{any}{0,30}") {
            if let Some(rewrite) = apply(&text, 2, 4) {
                prop_assert!(rewrite.text.split_whitespace().all(|word| fits(word, 2, 4)));
                prop_assert_eq!(apply(&rewrite.text, 2, 4), None);
            }
        }
    }
}
