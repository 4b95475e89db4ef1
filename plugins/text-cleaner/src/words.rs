//! Words: of Chinese by the dictionary and the method of jieba, of other scripts by the spaces between.
//!
//! jieba takes, of all ways to cut a run of characters into words of its dictionary, the one whose words are together
//! the most frequent (the shortest path through the graph of words). Its guesses at words that are not in the
//! dictionary (a hidden Markov model) are left out: they are names for the most part, which no measure here asks for.
//! Measured with `tests/oracle.rs` against jieba 0.42.1 without them.

use crate::characters::is_han;
use crate::dictionary::{Dictionary, dictionary};

/// The cost of a character that is no word of the dictionary: as rare as a word that was seen once.
const UNKNOWN: u32 = 143;

/// Runs are cut here, so that the memory for a run is bounded. Texts have punctuation long before.
const RUN_BYTES: usize = 12_000;

/// Cuts texts into words.
#[derive(Debug)]
pub struct Words {
    dictionary: &'static Dictionary,
    /// For each byte of a run: the cost from there to its end, and where the best word there ends.
    best: Vec<(u32, u32)>,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            dictionary: dictionary!("words"),
            best: Vec::new(),
        }
    }
}

impl Words {
    /// Calls `word` with each word, from left to right. Punctuation of Chinese is a word of its own, as in jieba;
    /// that of other scripts stays with the word it is written to.
    pub fn each<'a>(&mut self, text: &'a str, mut word: impl FnMut(&'a str)) {
        for chunk in text.split_whitespace() {
            if chunk.is_ascii() {
                word(chunk);
                continue;
            }
            let mut rest = chunk;
            while let Some(first) = rest.chars().next() {
                if is_han(first) {
                    let end = rest.find(|c| !is_han(c)).unwrap_or(rest.len());
                    self.cut(&rest[..end], &mut word);
                    rest = &rest[end..];
                } else if is_wide(first) {
                    let (own, after) = rest.split_at(first.len_utf8());
                    word(own);
                    rest = after;
                } else {
                    let end = rest.find(|c| is_han(c) || is_wide(c)).unwrap_or(rest.len());
                    word(&rest[..end]);
                    rest = &rest[end..];
                }
            }
        }
    }

    /// Cuts a run of Chinese characters.
    fn cut<'a>(&mut self, run: &'a str, word: &mut impl FnMut(&'a str)) {
        let mut rest = run;
        while !rest.is_empty() {
            let mut end = rest.len().min(RUN_BYTES);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let (run, after) = rest.split_at(end);
            self.cut_short(run, word);
            rest = after;
        }
    }

    fn cut_short<'a>(&mut self, run: &'a str, word: &mut impl FnMut(&'a str)) {
        let bytes = run.as_bytes();
        self.best.clear();
        self.best.resize(bytes.len() + 1, (0, 0));
        for (start, c) in run.char_indices().rev() {
            let after = start + c.len_utf8();
            let mut best = (UNKNOWN + self.best[after].0, after as u32);
            let costs = &self.best;
            self.dictionary
                .each_prefix(bytes[start..].iter().copied(), |found| {
                    let end = start + found.bytes;
                    let cost = found.number as u32 + costs[end].0;
                    // Of two ways that cost the same, jieba takes the longer word.
                    if cost <= best.0 {
                        best = (cost, end as u32);
                    }
                });
            self.best[start] = best;
        }
        let mut start = 0;
        while start < run.len() {
            let end = self.best[start].1 as usize;
            word(&run[start..end]);
            start = end;
        }
    }
}

/// Punctuation of Chinese, full-width signs: characters that are written without spaces around.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{303F}' | '\u{FF00}'..='\u{FFEF}' | '“' | '”' | '‘' | '’' | '…' | '—' | '·')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<&str> {
        let mut words = Vec::new();
        Words::default().each(text, |word| words.push(word));
        words
    }

    #[test]
    fn chinese_is_cut_by_the_dictionary() {
        assert_eq!(
            words("我来到北京清华大学"),
            ["我", "来到", "北京", "清华大学"]
        );
        assert_eq!(
            words("他来到了网易杭研大厦"),
            ["他", "来到", "了", "网易", "杭", "研", "大厦"]
        );
    }

    #[test]
    fn scripts_meet() {
        assert_eq!(
            words("用Rust写，it's fast。 ok!"),
            ["用", "Rust", "写", "，", "it's", "fast", "。", "ok!"]
        );
        assert_eq!(words(""), Vec::<&str>::new());
    }

    #[test]
    fn long_runs_take_linear_time() {
        let text = "中国人民大学".repeat(200_000);
        let begun = std::time::Instant::now();
        assert!(words(&text).len() >= 200_000);
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn words_are_the_text_without_its_spaces(text in "[我们的中国人民a-c ，。\\n]{0,40}|\\p{any}{0,40}") {
            let spaceless: String = text.split_whitespace().collect();
            prop_assert_eq!(words(&text).concat(), spaceless);
        }
    }
}
