//! Words near a place.

use crate::text::{is_word, small};

/// How far before and behind a place its label may stand, in characters.
const BEFORE: usize = 48;
const BEHIND: usize = 24;

/// Looks for labels near places of one text. What was read for a place is kept for the next rule
/// that asks for it.
pub struct Windows<'a> {
    chars: &'a [char],
    /// How far it looks before and behind.
    reach: (usize, usize),
    /// Nothing before this is looked at.
    floor: usize,
    before: Near,
    behind: Near,
}

/// The text beside a place, in small letters.
#[derive(Default)]
struct Near {
    place: Option<usize>,
    text: String,
    pairs: Pairs,
}

impl<'a> Windows<'a> {
    /// For the folded characters of a text.
    pub fn new(chars: &'a [char]) -> Self {
        Self::reaching(chars, (BEFORE, BEHIND))
    }

    /// As [`Self::new`], looking so many characters before and behind.
    pub fn reaching(chars: &'a [char], reach: (usize, usize)) -> Self {
        Self {
            chars,
            reach,
            floor: 0,
            before: Near::default(),
            behind: Near::default(),
        }
    }

    /// Looks at nothing before this position any more: what stands there belongs to something else.
    pub fn close(&mut self, floor: usize) {
        self.floor = floor;
        self.before.place = None;
    }

    /// Whether one of the words, in small letters, stands near `[start, end)` in the same paragraph.
    /// Words of scripts with spaces count as a whole.
    pub fn announces(&mut self, start: usize, end: usize, words: &[&str]) -> bool {
        if words.is_empty() {
            return false;
        }
        if self.before.place != Some(start) {
            self.read_before(start);
        }
        if self.behind.place != Some(end) {
            self.read_behind(end);
        }
        words
            .iter()
            .any(|word| self.before.contains(word) || self.behind.contains(word))
    }

    /// Whether one of the words, in small letters, stands right before `start`, with no more between
    /// them than `number`, `no.`, `id`, `#` or a colon.
    pub fn labels(&mut self, start: usize, words: &[&str]) -> bool {
        const MARKS: [char; 4] = [' ', ':', '#', '.'];
        if self.before.place != Some(start) {
            self.read_before(start);
        }
        let label = self.before.text.trim_end_matches(MARKS);
        let between = ["number", "no", "id"];
        let bare = between.iter().find_map(|word| label.strip_suffix(word));
        [Some(label), bare].into_iter().flatten().any(|label| {
            let label = label.trim_end_matches(MARKS);
            let before = words.iter().find_map(|word| label.strip_suffix(word));
            before.is_some_and(|before| !before.ends_with(is_word))
        })
    }

    fn read_before(&mut self, start: usize) {
        let first = start
            .saturating_sub(self.reach.0)
            .max(self.floor)
            .min(start);
        let near = &self.chars[first..start];
        let line = near
            .windows(2)
            .rposition(|two| two == ['\n', '\n'])
            .map_or(0, |i| i + 2);
        self.before.read(start, near[line..].iter());
    }

    fn read_behind(&mut self, end: usize) {
        let near = self.chars[end.min(self.chars.len())..]
            .iter()
            .take(self.reach.1);
        self.behind.read(end, near.take_while(|c| **c != '\n'));
    }
}

impl Near {
    fn read<'a>(&mut self, place: usize, chars: impl Iterator<Item = &'a char>) {
        self.place = Some(place);
        self.text.clear();
        for c in chars {
            self.text.push(small(*c));
            // The only character whose small form is longer.
            if *c == 'İ' {
                self.text.push('\u{307}');
            }
        }
        self.pairs = Pairs::of(&self.text);
    }

    fn contains(&self, word: &str) -> bool {
        self.pairs.may_hold(word) && contains(&self.text, word)
    }
}

/// The pairs of neighbouring bytes of a text, as bits that some other pairs share: a quick no for
/// most words.
#[derive(Default)]
struct Pairs([u64; 4]);

impl Pairs {
    fn of(text: &str) -> Self {
        let mut pairs = Self::default();
        for two in text.as_bytes().windows(2) {
            let place = Self::place(two);
            pairs.0[place / 64] |= 1 << (place % 64);
        }
        pairs
    }

    fn may_hold(&self, word: &str) -> bool {
        word.as_bytes().windows(2).all(|two| {
            let place = Self::place(two);
            self.0[place / 64] >> (place % 64) & 1 == 1
        })
    }

    fn place(two: &[u8]) -> usize {
        (usize::from(two[0]) * 37 + usize::from(two[1])) % 256
    }
}

/// Whether `word` stands in `text`; as a whole where it begins or ends with a letter of a script
/// with spaces.
fn contains(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let whole = |edge: Option<char>, neighbour: Option<char>| {
            !(edge.is_some_and(is_word) && neighbour.is_some_and(is_word))
        };
        whole(word.chars().next(), text[..at].chars().next_back())
            && whole(
                word.chars().next_back(),
                text[at + word.len()..].chars().next(),
            )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn announces(text: &str, words: &[&str]) -> bool {
        let chars: Vec<char> = text.chars().collect();
        let at = chars.iter().position(|c| *c == '#').unwrap();
        Windows::new(&chars).announces(at, at + 1, words)
    }

    #[test]
    fn whole_words_in_any_case_before_and_behind() {
        assert!(announces("My NINO is #", &["nino"]));
        assert!(announces("# (Passport)", &["passport"]));
        assert!(announces(
            "national insurance number: #",
            &["national insurance"]
        ));
        assert!(announces("我的护照号#", &["护照"]));
        assert!(!announces("pandomino #", &["nino"]));
        assert!(!announces("nino\n\n#", &["nino"]));
        assert!(!announces(&format!("nino {} #", "x".repeat(60)), &["nino"]));
        assert!(!announces("#", &[]));
    }

    #[test]
    fn a_label_stands_right_before() {
        let labels = |text: &str| {
            let chars: Vec<char> = text.chars().collect();
            Windows::new(&chars).labels(chars.len(), &["claim"])
        };
        for text in [
            "Claim ",
            "claim: ",
            "claim #",
            "my claim no. ",
            "Claim Number: ",
            "claim id ",
        ] {
            assert!(labels(text), "{text}");
        }
        for text in [
            "",
            "reclaim ",
            "claim of ",
            "claim from May, no. ",
            "claims ",
        ] {
            assert!(!labels(text), "{text}");
        }
    }

    proptest! {
        /// Pairs never hide a word that is there.
        #[test]
        fn the_quick_no_is_right(text in "[a-c号码é İ]{0,40}", word in "[a-c号码é]{1,4}") {
            let mut near = Near::default();
            let chars: Vec<char> = text.chars().collect();
            near.read(0, chars.iter());
            prop_assert_eq!(near.contains(&word), contains(&text.to_lowercase(), &word));
        }
    }
}
