//! The text as recognizers see it: one folded character for each code point that shows.

use steward_sdk::Span;

/// A text prepared for the recognizers.
///
/// Full-width and mathematical digits, full-width letters and the many spaces and hyphens become
/// their ASCII forms; characters that do not show (zero-width, direction marks, parts of keycaps)
/// are left out, so that neither hides a number. [`Text::span`] leads back to code points of the
/// text that came.
#[derive(Debug)]
pub struct Text {
    chars: Vec<char>,
    /// One byte for each of `chars`: ASCII as it is, [`LETTER`] for other letters of scripts with
    /// spaces, [`OTHER`] for the rest.
    bytes: Vec<u8>,
    /// The code point of the original for each folded character; empty where nothing was left out.
    origin: Vec<u32>,
    /// What occurs at all.
    pub signals: Signals,
}

/// The byte of a letter beyond ASCII of a script with spaces.
pub const LETTER: u8 = 0xC0;

/// The byte of any other character beyond ASCII.
pub const OTHER: u8 = 0x80;

/// Characters without which a recognizer has nothing to find.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signals {
    /// How many decimal digits.
    pub digits: u32,
    /// How many `:`.
    pub colons: u32,
    /// How many `.`.
    pub dots: u32,
    /// How many `-`.
    pub hyphens: u32,
    /// Whether there is an `@`.
    pub at: bool,
    /// How many Chinese characters.
    pub han: u32,
    /// How many ASCII letters.
    pub letters: u32,
}

impl Text {
    /// Folds a text.
    pub fn new(text: &str) -> Self {
        let mut chars = Vec::with_capacity(text.len());
        let mut bytes = Vec::with_capacity(text.len());
        let mut origin = Vec::new();
        let mut signals = Signals::default();
        for (position, c) in text.chars().enumerate() {
            let folded = match c {
                _ if c.is_ascii() || is_han(c) => Some(c),
                _ => fold(c),
            };
            match folded {
                Some(c) => {
                    if chars.len() < position {
                        origin.push(position as u32);
                    }
                    signals.count(c);
                    chars.push(c);
                    bytes.push(byte(c));
                }
                None if origin.is_empty() => origin.extend(0..chars.len() as u32),
                None => {}
            }
        }
        Self {
            chars,
            bytes,
            origin,
            signals,
        }
    }

    /// The folded characters.
    pub fn chars(&self) -> &[char] {
        &self.chars
    }

    /// One byte for each folded character.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes the characters `[start, end)` out of sight; positions stay what they were.
    pub fn blank(&mut self, start: usize, end: usize) {
        if let Some(place) = self.chars.get_mut(start..end) {
            place.fill(char::REPLACEMENT_CHARACTER);
        }
        if let Some(place) = self.bytes.get_mut(start..end) {
            place.fill(OTHER);
        }
    }

    /// Takes what this plugin wrote itself out of sight: `<PHONE_NUMBER>` announces no number, and
    /// `<IBAN_CODE:…>` holds none.
    pub fn hide_tokens(&mut self) {
        let mut at = 0;
        while let Some(open) = self
            .bytes
            .get(at..)
            .and_then(|rest| rest.iter().position(|b| *b == b'<'))
        {
            let start = at + open;
            let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'-');
            let length = self.bytes[start + 1..]
                .iter()
                .take_while(|b| inside(b))
                .count();
            let end = start + 1 + length;
            let token = self
                .bytes
                .get(start + 1)
                .is_some_and(u8::is_ascii_uppercase);
            if token && self.bytes.get(end) == Some(&b'>') {
                self.blank(start, end + 1);
            }
            at = end;
        }
    }

    /// The folded characters under code points of the original; none where nothing of them shows.
    pub fn folded(&self, span: Span) -> Option<(usize, usize)> {
        let place = |at: u32| match self.origin.is_empty() {
            true => at as usize,
            false => self.origin.partition_point(|origin| *origin < at),
        };
        let (start, end) = (place(span.start), place(span.end));
        (start < end && end <= self.chars.len()).then_some((start, end))
    }

    /// The code points of the original under the folded characters `[start, end)`.
    pub fn span(&self, start: usize, end: usize) -> Span {
        let original = |at: usize| self.origin.get(at).copied().unwrap_or(at as u32);
        if start >= end {
            return Span {
                start: original(start),
                end: original(start),
            };
        }
        Span {
            start: original(start),
            end: original(end - 1) + 1,
        }
    }
}

impl Signals {
    fn count(&mut self, c: char) {
        match c {
            '0'..='9' => self.digits += 1,
            ':' => self.colons += 1,
            '.' => self.dots += 1,
            '-' => self.hyphens += 1,
            '@' => self.at = true,
            'A'..='Z' | 'a'..='z' => self.letters += 1,
            _ if is_han(c) => self.han += 1,
            _ => {}
        }
    }
}

/// The byte of a folded character. Full-width brackets count as brackets: numbers stand in them.
fn byte(c: char) -> u8 {
    match c {
        _ if c.is_ascii() => c as u8,
        '（' => b'(',
        '）' => b')',
        _ if is_wide_letter(c) => LETTER,
        _ => OTHER,
    }
}

/// The first character of the small form of `c`.
pub fn small(c: char) -> char {
    match c {
        _ if c.is_ascii() => c.to_ascii_lowercase(),
        // Nothing here has a small form, and looking for one takes longer than all the rest.
        '\u{2010}'..='\u{2027}'
        | '\u{2E80}'..'\u{A640}'
        | '\u{AC00}'..'\u{D7B0}'
        | '\u{FF00}'..='\u{FF20}' => c,
        _ => c.to_lowercase().next().unwrap_or(c),
    }
}

/// Whether `c` is a Chinese character.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{20000}'..='\u{323AF}' | '〇')
}

/// The character that recognizers see for `c`; none for one that does not show.
///
/// Chinese punctuation keeps its own form: `：` and `，` end an address where `:` and `,` may be
/// part of it.
fn fold(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c);
    }
    let shifted = |base: u32, to: u8| char::from((c as u32 - base) as u8 + to);
    Some(match c {
        '\u{FF10}'..='\u{FF19}' => shifted(0xFF10, b'0'),
        '\u{FF21}'..='\u{FF3A}' => shifted(0xFF21, b'A'),
        '\u{FF41}'..='\u{FF5A}' => shifted(0xFF41, b'a'),
        '\u{FF0B}' | '\u{FF0D}' | '\u{FF0E}' | '\u{FF20}' | '\u{FF3F}' => shifted(0xFF01, b'!'),
        '\u{1D7CE}'..='\u{1D7FF}' => char::from(((c as u32 - 0x1D7CE) % 10) as u8 + b'0'),
        '\u{0660}'..='\u{0669}' => shifted(0x0660, b'0'),
        '\u{06F0}'..='\u{06F9}' => shifted(0x06F0, b'0'),
        // Not the em dash: in Chinese it separates sentences.
        '\u{2010}'..='\u{2013}' | '\u{2212}' | '\u{FE63}' => '-',
        '\u{00A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => ' ',
        '\u{00AD}' | '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' => return None,
        '\u{2060}'..='\u{2069}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{20E3}' => return None,
        _ => c,
    })
}

/// Whether `c` is part of a word in a script that puts spaces between words. A number glued to
/// such a character belongs to a longer code; one glued to a Chinese character does not.
pub fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || is_wide_letter(c)
}

/// A letter beyond ASCII of a script with spaces: Latin, Greek, Cyrillic, Armenian.
pub fn is_wide_letter(c: char) -> bool {
    matches!(c, '\u{AA}'..'\u{590}' | '\u{1E00}'..'\u{2000}') && c.is_alphabetic()
}

/// The character before `at`.
pub fn before(chars: &[char], at: usize) -> Option<char> {
    at.checked_sub(1).and_then(|i| chars.get(i)).copied()
}

/// Whether no letter or digit touches `start`, and it continues no decimal or dotted number
/// (`3.14`, `1.2.3`).
pub fn starts_alone(chars: &[char], start: usize) -> bool {
    match before(chars, start) {
        Some('.') => !before(chars, start - 1).is_some_and(|c| c.is_ascii_digit()),
        Some(c) => !is_word(c),
        None => true,
    }
}

/// Whether no letter or digit touches `end`, and no decimal or dotted number goes on there.
pub fn ends_alone(chars: &[char], end: usize) -> bool {
    match chars.get(end) {
        Some('.') => !chars.get(end + 1).is_some_and(char::is_ascii_digit),
        Some(&c) => !is_word(c),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_forms_read_as_ascii() {
        let text = Text::new("１３８Ａｂ＠．𝟗٣　–x");
        assert_eq!(text.chars().iter().collect::<String>(), "138Ab@.93 -x");
        assert_eq!(
            (text.signals.digits, text.signals.at, text.signals.dots),
            (5, true, 1)
        );
    }

    #[test]
    fn what_does_not_show_is_skipped_and_positions_lead_back() {
        let text = Text::new("电\u{200B}话1\u{200B}3\u{FEFF}8。");
        assert_eq!(text.chars().iter().collect::<String>(), "电话138。");
        let span = text.span(2, 5);
        assert_eq!((span.start, span.end), (3, 8));
        let first = text.span(0, 1);
        assert_eq!((first.start, first.end), (0, 1));
    }

    #[test]
    fn small_forms_are_those_of_unicode_and_only_one_is_longer() {
        for c in '\0'..=char::MAX {
            assert_eq!(Some(small(c)), c.to_lowercase().next(), "{c}");
            assert!(c.to_lowercase().count() == 1 || c == 'İ', "{c}");
        }
    }

    #[test]
    fn spans_lead_to_folded_characters_and_back() {
        let text = Text::new("电\u{200B}话1\u{200B}3\u{FEFF}8。");
        let there = text.folded(Span { start: 3, end: 8 });
        assert_eq!(there, Some((2, 5)));
        assert_eq!(text.folded(Span { start: 1, end: 2 }), None);
        assert_eq!(text.folded(Span { start: 3, end: 80 }), Some((2, 6)));
        assert_eq!(Text::new("ab").folded(Span { start: 0, end: 3 }), None);
    }

    #[test]
    fn tokens_are_hidden_and_other_brackets_are_not() {
        let shown = |text: &str| {
            let mut text = Text::new(text);
            text.hide_tokens();
            text.chars()
                .iter()
                .filter(|c| **c != char::REPLACEMENT_CHARACTER)
                .collect::<String>()
        };
        assert_eq!(shown("a <URL> b <A:b-C_1> c"), "a  b  c");
        assert_eq!(shown("1 < 2 > <a> <A b> <"), "1 < 2 > <a> <A b> <");
    }

    #[test]
    fn an_empty_text_and_one_of_marks_only_fold_to_nothing() {
        assert!(Text::new("").chars().is_empty());
        let marks = Text::new("\u{200B}\u{FEFF}");
        assert!(marks.chars().is_empty());
    }

    #[test]
    fn chinese_neighbours_leave_a_number_alone_and_letters_do_not() {
        let alone = |text: &str, start, end| {
            let text = Text::new(text);
            starts_alone(text.chars(), start) && ends_alone(text.chars(), end)
        };
        assert!(alone("电话123请", 2, 5));
        assert!(alone("(123).", 1, 4));
        assert!(!alone("a123", 1, 4));
        assert!(!alone("é123", 1, 4));
        assert!(!alone("0.123", 2, 5));
        assert!(!alone("123.4", 0, 3));
    }
}
