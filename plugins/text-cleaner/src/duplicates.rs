//! Which texts are the same, and the number by which they are known.
//!
//! Two texts are the same when their *keys* are equal. The key is the text after cleaning,
//! 1. without white space and without the punctuation of sentences (`，。！？、：；“”‘’（）《》【】…—～`, `,.!?:;'"()[]{}-_/\*`,
//!    and the like), except where punctuation belongs to a number: between two digits (`3.5`, `12:30`), or a `-` or `.`
//!    before a digit that no letter or digit of ASCII precedes (`-5`);
//! 2. folded to lower case by way of upper case, so that `ß` equals `SS` and `ς` equals `σ`.
//!
//! Letters, digits, signs (`%`, `+`, `$`, `@`, `#`, …) and emoji stay: `5%` is not `5`, and 👍 is not 👎. A text of
//! punctuation only is its own key.
//!
//! The number is the XXH3 hash of the key, 128 bits, written as 32 hexadecimal digits.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use xxhash_rust::xxh3::xxh3_128;

use crate::characters::is_plain_cjk;
use crate::settings::Sameness;

/// Computes the hashes of many texts with one buffer.
#[derive(Debug)]
pub struct Hasher {
    sameness: Sameness,
    key: String,
}

impl Hasher {
    /// For texts that are the same as `sameness` has it.
    pub fn new(sameness: Sameness) -> Self {
        Self {
            sameness,
            key: String::new(),
        }
    }

    /// The hash of a clean text.
    pub fn hash(&mut self, text: &str) -> u128 {
        if self.sameness == Sameness::Exact {
            return xxh3_128(text.as_bytes());
        }
        write_key(text, &mut self.key);
        let key = if self.key.is_empty() { text } else { &self.key };
        xxh3_128(key.as_bytes())
    }
}

/// A hash as signatures have it.
pub fn hexadecimal(hash: u128) -> String {
    format!("{hash:032x}")
}

/// The texts of a batch that were seen.
#[derive(Debug, Default)]
pub struct Seen(HashMap<u128, usize>);

impl Seen {
    /// The position of the first text with this hash, if there was one; else `position` is the first.
    pub fn before(&mut self, hash: u128, position: usize) -> Option<usize> {
        match self.0.entry(hash) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(position);
                None
            }
        }
    }
}

/// Writes the key of a text as the module describes it.
fn write_key(text: &str, key: &mut String) {
    key.clear();
    key.reserve(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_ascii_alphanumeric() {
            key.push(c.to_ascii_lowercase());
        } else if is_plain_cjk(c) && !is_punctuation(c) {
            key.push(c);
        } else if is_punctuation(c) {
            let digit_follows = rest.peek().is_some_and(char::is_ascii_digit);
            let signs = matches!(c, '-' | '.') && !before.is_ascii_alphanumeric();
            if digit_follows && (before.is_ascii_digit() || signs) {
                key.push(c);
            }
        } else if !c.is_whitespace() {
            key.extend(c.to_uppercase().flat_map(char::to_lowercase));
        }
        before = c;
    }
}

/// The punctuation of sentences. Signs that change what a text says (`%`, `+`, `=`, `$`, `@`, `#`, `&`, …) are not in it.
fn is_punctuation(c: char) -> bool {
    matches!(c,
        '!' | '"' | '\'' | '(' | ')' | '*' | ',' | '-' | '.' | '/' | ':' | ';' | '?' | '[' | '\\' | ']' | '_' | '{' | '}'
        | '¡' | '§' | '«' | '¶' | '·' | '»' | '¿'
        | '\u{2010}'..='\u{2027}' | '\u{2032}'..='\u{205E}' | '\u{2E00}'..='\u{2E7F}'
        | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301F}' | '\u{3030}' | '\u{30FB}'
        | '\u{FE10}'..='\u{FE19}' | '\u{FE30}'..='\u{FE4F}'
        | '！' | '＂' | '＇' | '（' | '）' | '＊' | '，' | '－' | '．' | '／' | '：' | '；' | '？' | '［' | '＼' | '］' | '＿'
        | '｛' | '｝' | '～' | '｟'..='･'
        | '،' | '؛' | '؟' | '۔' | '।' | '॥')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        let mut hasher = Hasher::new(Sameness::Normalised);
        hasher.hash(a) == hasher.hash(b)
    }

    #[test]
    fn case_space_and_punctuation_do_not_count() {
        assert!(same("Where is my order?", "where is my ORDER!"));
        assert!(same("我的订单，到哪里了？", "我的订单 到哪里了。"));
        assert!(same("Straße", "STRASSE"));
        assert!(same("《合同》“正本”", "合同正本……"));
    }

    #[test]
    fn numbers_signs_and_emoji_count() {
        for (a, b) in [
            ("3.5元", "35元"),
            ("12:30", "1230"),
            ("气温-5度", "气温5度"),
            ("down to -5", "down to 5"),
            ("5%", "5"),
            ("好👍", "好👎"),
            ("a+b", "a b"),
            ("。。。", "？？？"),
            ("!", ""),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    #[test]
    fn exact_counts_everything() {
        let mut hasher = Hasher::new(Sameness::Exact);
        assert_ne!(hasher.hash("好"), hasher.hash("好。"));
    }

    #[test]
    fn hashes_are_those_of_xxh3() {
        assert_eq!(
            hexadecimal(Hasher::new(Sameness::Normalised).hash("")),
            "99aa06d3014798d86001c324468d497f"
        );
    }

    #[test]
    fn the_first_is_remembered() {
        let mut seen = Seen::default();
        assert_eq!(seen.before(7, 0), None);
        assert_eq!(seen.before(8, 1), None);
        assert_eq!(seen.before(7, 2), Some(0));
        assert_eq!(seen.before(7, 3), Some(0));
    }
}
