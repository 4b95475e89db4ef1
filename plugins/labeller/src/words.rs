//! Terms in texts, where words have spaces between them and where they have none.

use aho_corasick::AhoCorasick;
use unicode_normalization::UnicodeNormalization as _;

/// The most terms of one labelling function.
const MAX_TERMS: usize = 20_000;
/// The longest term, in characters.
const MAX_CHARS: usize = 200;

/// A text as terms are compared with it: compatibility forms and capital letters are one (`ＲＥＦＵＮＤ`, `refund`).
pub fn folded(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).collect()
}

/// Terms that are looked for together.
#[derive(Debug)]
pub struct Terms {
    automaton: AhoCorasick,
    ends: Vec<Ends>,
}

/// Whether a term must begin and end where a word does.
#[derive(Debug, Clone, Copy)]
struct Ends {
    start: bool,
    end: bool,
}

impl Terms {
    /// Reads terms. A `*` at the end of a term stands for any ending of its last word.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn new<'a>(terms: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let (mut texts, mut ends) = (Vec::new(), Vec::new());
        for given in terms {
            if texts.len() == MAX_TERMS {
                return Err(format!("there are more than {MAX_TERMS} terms"));
            }
            if given.chars().take(MAX_CHARS + 1).count() > MAX_CHARS {
                return Err(format!("a term has more than {MAX_CHARS} characters"));
            }
            let (term, open) = match given.strip_suffix('*') {
                Some(begin) => (begin, true),
                None => (given, false),
            };
            let term = folded(term.trim());
            let (Some(first), Some(last)) = (term.chars().next(), term.chars().next_back()) else {
                return Err(format!("the term `{given}` is empty"));
            };
            ends.push(Ends {
                start: spaced(first),
                end: spaced(last) && !open,
            });
            texts.push(term);
        }
        let automaton = AhoCorasick::new(&texts).map_err(|e| e.to_string())?;
        Ok(Self { automaton, ends })
    }

    /// The places of the terms that a folded text has, in order.
    pub fn found(&self, folded: &str) -> Vec<usize> {
        let mut found = vec![false; self.ends.len()];
        for hit in self.automaton.find_overlapping_iter(folded) {
            let term = hit.pattern().as_usize();
            if found[term] {
                continue;
            }
            let Ends { start, end } = self.ends[term];
            let before = folded[..hit.start()].chars().next_back();
            let after = folded[hit.end()..].chars().next();
            let free =
                |wanted: bool, neighbour: Option<char>| !(wanted && neighbour.is_some_and(spaced));
            found[term] = free(start, before) && free(end, after);
        }
        (0..found.len()).filter(|term| found[*term]).collect()
    }

    /// Whether a folded text has one of the terms.
    pub fn any(&self, folded: &str) -> bool {
        !self.found(folded).is_empty()
    }

    /// How many terms there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }
}

/// Whether a character belongs to a word that others are parted from by spaces or signs. Chinese, Japanese and Thai part
/// words by nothing, and Korean writes particles behind them: there, a term counts wherever it stands.
fn spaced(c: char) -> bool {
    let without = matches!(c as u32,
        0x0E00..=0x0EFF      // Thai, Lao
        | 0x1000..=0x109F    // Myanmar
        | 0x1780..=0x17FF    // Khmer
        | 0x1100..=0x11FF | 0x3130..=0x318F | 0xAC00..=0xD7FF // Hangul
        | 0x3005..=0x3007 | 0x3040..=0x30FF | 0x31F0..=0x31FF // Hiragana, Katakana
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF // Han
    );
    !without && (c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn has(term: &str, text: &str) -> bool {
        Terms::new([term]).unwrap().any(&folded(text))
    }

    #[test]
    fn words_with_spaces_count_whole_and_words_without_anywhere() {
        for (term, text) in [
            ("refund", "Refund, please"),
            ("refund", "我要refund了"),
            ("refund", "ＲＥＦＵＮＤ"),
            ("退款", "我想申请退款。"),
            ("app崩溃", "我的APP崩溃了"),
            ("credit card", "my Credit Card."),
            ("crash*", "it crashes"),
            ("c++", "in C++ 20"),
            ("24/7", "open 24/7!"),
            ("ﬁle", "a file"),
            ("환불", "환불을 원해요"),
            ("straße", "in der STRAßE"),
        ] {
            assert!(has(term, text), "{term} in {text}");
        }
        for (term, text) in [
            ("refund", "refunds"),
            ("refund", "prefund"),
            ("crash*", "a_crash"),
            ("退款", "退 款"),
            ("app崩溃", "snapp崩溃"),
            ("24/7", "124/7"),
        ] {
            assert!(!has(term, text), "{term} in {text}");
        }
    }

    #[test]
    fn terms_inside_others_are_found_too() {
        let terms = Terms::new(["人工", "人工智能", "智能", "工智"]).unwrap();
        assert_eq!(terms.found("人工智能"), [0, 1, 2, 3]);
        // The first place of a term is no word, the second is.
        assert!(has("art", "start art"));
    }

    #[test]
    fn bad_terms_are_refused() {
        for bad in ["", " ", "*", &"长".repeat(201)] {
            assert!(Terms::new([bad]).is_err(), "{bad}");
        }
        assert!(Terms::new(std::iter::repeat_n("a", MAX_TERMS + 1)).is_err());
        assert!(!Terms::new([]).unwrap().any("a"));
    }

    proptest! {
        /// What is parted from its neighbours by a space is found, whatever it is.
        #[test]
        fn a_term_is_found_between_spaces(term in "\\PC{1,12}", before in "\\PC{0,8}", after in "\\PC{0,8}") {
            prop_assume!(!folded(term.strip_suffix('*').unwrap_or(&term).trim()).trim().is_empty());
            let whole = term.strip_suffix('*').unwrap_or(&term).trim();
            // A mark at the start would be composed with the space before it.
            let text = format!("{before} {whole} {after}");
            prop_assume!(folded(&text).contains(&format!(" {} ", folded(whole))));
            prop_assert!(has(&term, &text));
        }
    }
}
