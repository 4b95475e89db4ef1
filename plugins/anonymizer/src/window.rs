//! Words near a place.

use crate::text::is_word;

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
    place: Option<(usize, usize)>,
    before: String,
    behind: String,
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
            place: None,
            before: String::new(),
            behind: String::new(),
        }
    }

    /// Looks at nothing before this position any more: what stands there belongs to something else.
    pub fn close(&mut self, floor: usize) {
        self.floor = floor;
    }

    /// Whether one of the words, in small letters, stands near `[start, end)` in the same paragraph.
    /// Words of scripts with spaces count as a whole.
    pub fn announces(&mut self, start: usize, end: usize, words: &[&str]) -> bool {
        if words.is_empty() {
            return false;
        }
        if self.place != Some((start, end)) {
            self.read(start, end);
        }
        words
            .iter()
            .any(|word| contains(&self.before, word) || contains(&self.behind, word))
    }

    fn read(&mut self, start: usize, end: usize) {
        self.place = Some((start, end));
        let first = start
            .saturating_sub(self.reach.0)
            .max(self.floor)
            .min(start);
        let near = &self.chars[first..start];
        let line = near
            .windows(2)
            .rposition(|two| two == ['\n', '\n'])
            .map_or(0, |i| i + 2);
        self.before.clear();
        self.before
            .extend(near[line..].iter().flat_map(|c| c.to_lowercase()));
        let near = self.chars[end.min(self.chars.len())..]
            .iter()
            .take(self.reach.1);
        let near = near.take_while(|c| **c != '\n');
        self.behind.clear();
        self.behind.extend(near.flat_map(|c| c.to_lowercase()));
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
}
