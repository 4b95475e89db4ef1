//! A text under judgement, with what several measures ask for, computed once and when first asked.

use std::cell::OnceCell;

use xxhash_rust::xxh3::xxh3_64;

use super::{Bounds, detect, shown, stop_words};
use crate::characters::is_han;
use crate::words::Words;

/// Words and languages that rules ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    /// Whether texts are Chinese; none: by their letters.
    pub chinese: Option<bool>,
    /// Languages that are welcome, by code; empty: all that are told.
    pub languages: Vec<String>,
    /// Hashes of the words that are flagged, sorted; and those with Chinese, which are looked for as they stand.
    pub flagged: Flagged,
    /// Hashes of stop words instead of the lists of the plugin, sorted.
    pub stop_words: Option<Vec<u64>>,
    /// Of how many characters the n-grams of `character-repetition` are.
    pub repeated_chars: usize,
    /// Of how many words the n-grams of `word-repetition` are.
    pub repeated_words: usize,
}

/// Flagged words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flagged {
    /// Hashes of those in other scripts, sorted.
    pub words: Vec<u64>,
    /// Those in Chinese.
    pub chinese: Vec<String>,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            chinese: None,
            languages: Vec::new(),
            flagged: Flagged::default(),
            stop_words: None,
            repeated_chars: 10,
            repeated_words: 10,
        }
    }
}

impl Lists {
    /// The hash by which words are known, whatever their case.
    pub fn hash(word: &str) -> u64 {
        if word
            .bytes()
            .any(|byte| byte.is_ascii_uppercase() || byte >= 0x80)
        {
            return xxh3_64(word.to_lowercase().as_bytes());
        }
        xxh3_64(word.as_bytes())
    }

    /// Hashes of words, sorted.
    pub fn hashes<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<u64> {
        let mut hashes: Vec<u64> = words.into_iter().map(Self::hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }
}

/// A word without the signs around it.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    /// By what it is known.
    pub hash: u64,
    /// Its code points.
    pub chars: u32,
    /// Whether it has a letter.
    pub has_letter: bool,
}

/// How much of a text is judged: what is measured of its words takes several times as much memory. Its length is that
/// of all of it.
const JUDGED_BYTES: usize = 4 << 20;

/// A text under judgement.
#[derive(Debug)]
pub struct Document<'a> {
    /// The text, up to 4 MiB.
    pub text: &'a str,
    /// All of it.
    pub whole: &'a str,
    /// What the configuration lists.
    pub lists: &'a Lists,
    chinese: OnceCell<bool>,
    words: OnceCell<(Vec<Word>, usize)>,
    chars: OnceCell<usize>,
    lines: OnceCell<Vec<&'a str>>,
    language: OnceCell<Option<(&'static str, f64)>>,
}

impl<'a> Document<'a> {
    /// Nothing is computed yet.
    pub fn new(whole: &'a str, lists: &'a Lists) -> Self {
        let mut end = whole.len().min(JUDGED_BYTES);
        while !whole.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            text: &whole[..end],
            whole,
            lists,
            chinese: OnceCell::new(),
            words: OnceCell::new(),
            chars: OnceCell::new(),
            lines: OnceCell::new(),
            language: OnceCell::new(),
        }
    }

    /// Whether the text is Chinese: a fifth of its letters or more are Chinese characters, which say more each than
    /// letters do, and next to none are kana or hangul.
    pub fn chinese(&self) -> bool {
        *self.chinese.get_or_init(|| {
            self.lists.chinese.unwrap_or_else(|| {
                if self.text.is_ascii() {
                    return false;
                }
                let (mut han, mut others, mut neighbours) = (0usize, 0usize, 0usize);
                for c in self.text.chars() {
                    match c {
                        c if is_han(c) => han += 1,
                        '\u{3041}'..='\u{30FF}' | '\u{AC00}'..='\u{D7A3}' => neighbours += 1,
                        c if c.is_alphabetic() => others += 1,
                        _ => {}
                    }
                }
                han * 4 >= others && han > 0 && neighbours * 10 < han
            })
        })
    }

    /// The code points that are judged.
    pub fn chars(&self) -> usize {
        *self.chars.get_or_init(|| self.text.chars().count())
    }

    /// Its words without the signs around them.
    pub fn words(&self) -> &[Word] {
        &self.read_words().0
    }

    /// How many words it has, with those that are only signs.
    pub fn tokens(&self) -> usize {
        self.read_words().1
    }

    fn read_words(&self) -> &(Vec<Word>, usize) {
        self.words.get_or_init(|| {
            let mut words = Vec::new();
            let mut tokens = 0;
            let mut take = |token: &str| {
                tokens += 1;
                let word = token.trim_matches(|c: char| !c.is_alphanumeric());
                if !word.is_empty() {
                    words.push(Word {
                        hash: Lists::hash(word),
                        chars: word.chars().count() as u32,
                        has_letter: word.chars().any(char::is_alphabetic),
                    });
                }
            };
            if self.text.is_ascii() {
                self.text.split_whitespace().for_each(take);
            } else {
                Words::default().each(self.text, &mut take);
            }
            (words, tokens)
        })
    }

    /// Its lines that are not blank, without the white space around.
    pub fn lines(&self) -> &[&'a str] {
        self.lines.get_or_init(|| {
            self.text
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect()
        })
    }

    /// Its language and the trust in it.
    pub fn language(&self) -> Option<(&'static str, f64)> {
        *self.language.get_or_init(|| detect(self.text))
    }

    /// The hashes of the stop words for the language of the text; for Gopher's rule, `gopher` names its own.
    pub fn stop_words(&self, gopher: bool) -> Vec<u64> {
        if let Some(own) = self.lists.stop_words.as_ref().filter(|_| !gopher) {
            return own.clone();
        }
        let list = match (gopher, self.chinese()) {
            (true, false) => stop_words::GOPHER,
            (true, true) => stop_words::GOPHER_CHINESE,
            (false, false) => stop_words::ENGLISH,
            (false, true) => stop_words::CHINESE,
        };
        Lists::hashes(list.iter().copied())
    }

    /// Why the language of the text is not welcome: it is another, or not sure enough.
    pub fn unwelcome_language(&self, confidence: f64, bounds: Bounds) -> Option<String> {
        let Some((language, _)) = self.language() else {
            return Some("no language".to_owned());
        };
        let welcome = &self.lists.languages;
        if !welcome.is_empty() && !welcome.iter().any(|code| code == language) {
            let trust = shown(confidence);
            return Some(format!(
                "{language} ({trust}) is not one of {}",
                welcome.join(", ")
            ));
        }
        bounds.broken(confidence, &format!(" for {language}"))
    }
}
