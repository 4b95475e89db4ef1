//! Shapes of identifiers: short patterns without unbounded repetition.
//!
//! A pattern is read when the plugin is compiled, so an instance starts with all of them ready.
//! Each is tried at a position in a number of steps that its own length bounds: the time is linear
//! in the text.

use crate::text::LETTER;

/// The most elements of a pattern.
const MAX: usize = 24;

/// A pattern: literals and classes, each with a bounded repetition.
///
/// | written | means |
/// | --- | --- |
/// | `a`, `-`, ` ` | the character itself, letters in either case |
/// | `\d` | a digit |
/// | `\w` | a letter beyond ASCII of a script with spaces |
/// | `\(` | the character behind the backslash |
/// | `[A-FX\w-]` | one of these; a `-` stands last |
/// | `?`, `{n}`, `{m,n}` | how often what stands before it |
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    elements: [Element; MAX],
    len: usize,
    /// How many digits, and how many ASCII letters, it may begin with: see [`Shape::leads_with`].
    digits: u32,
    letters: u32,
}

#[derive(Debug, Clone, Copy)]
struct Element {
    /// The bytes that fit, 64 in a word: wider ones are shifted by a call where there is no
    /// instruction for it, as in WebAssembly.
    set: [u64; 4],
    min: u8,
    max: u8,
}

impl Element {
    const NOTHING: Self = Self {
        set: [0; 4],
        min: 0,
        max: 0,
    };

    const fn add(mut self, byte: u8) -> Self {
        let (small, large) = (byte.to_ascii_lowercase(), byte.to_ascii_uppercase());
        self.set[(small >> 6) as usize] |= 1 << (small & 63);
        self.set[(large >> 6) as usize] |= 1 << (large & 63);
        self
    }

    const fn fits(&self, byte: u8) -> bool {
        self.set[(byte >> 6) as usize] >> (byte & 63) & 1 == 1
    }

    /// Whether bytes of this kind fit, and whether others do.
    const fn of_kind(&self, kind: Kind) -> (bool, bool) {
        // Where the bytes of the kind stand in the set.
        let (word, mask) = match kind {
            Kind::Digit => (0, 0x03FF << b'0'),
            Kind::Letter => (1, 0x07FF_FFFE_07FF_FFFE),
        };
        let mut others = 0;
        let mut i = 0;
        while i < self.set.len() {
            others |= if i == word {
                self.set[i] & !mask
            } else {
                self.set[i]
            };
            i += 1;
        }
        (self.set[word] & mask != 0, others != 0)
    }
}

/// What a piece begins with.
#[derive(Clone, Copy)]
enum Kind {
    Digit,
    Letter,
}

impl Shape {
    /// Reads a pattern.
    ///
    /// # Panics
    /// Where the pattern is wrong: in a `const`, when the plugin is compiled.
    pub const fn new(pattern: &str) -> Self {
        let pattern = pattern.as_bytes();
        let mut shape = Self {
            elements: [Element::NOTHING; MAX],
            len: 0,
            digits: 0,
            letters: 0,
        };
        let mut at = 0;
        while at < pattern.len() {
            let (mut element, next) = class(pattern, at);
            at = next;
            (element.min, element.max) = (1, 1);
            if at < pattern.len() && pattern[at] == b'?' {
                element.min = 0;
                at += 1;
            } else if at < pattern.len() && pattern[at] == b'{' {
                let (min, next) = number(pattern, at + 1);
                at = next;
                (element.min, element.max) = (min, min);
                if pattern[at] == b',' {
                    let (max, next) = number(pattern, at + 1);
                    at = next;
                    element.max = max;
                }
                assert!(pattern[at] == b'}' && element.min <= element.max && element.max > 0);
                at += 1;
            }
            assert!(shape.len < MAX, "a pattern has too many elements");
            shape.elements[shape.len] = element;
            shape.len += 1;
        }
        assert!(
            shape.len > 0 && shape.elements[0].min > 0,
            "a pattern begins with something"
        );
        shape.digits = shape.leads(Kind::Digit);
        shape.letters = shape.leads(Kind::Letter);
        shape
    }

    /// Whether something of this shape may begin with `byte`.
    pub const fn begins_with(&self, byte: u8) -> bool {
        self.elements[0].fits(byte)
    }

    /// Whether something of this shape may begin with this byte and, where that is a digit or an
    /// ASCII letter, with a run of so many of its kind, neither more nor fewer. Holds wherever
    /// [`Shape::end`] finds an end behind which the run does not go on.
    pub const fn leads_with(&self, byte: u8, run: usize) -> bool {
        let leads = match byte {
            b'0'..=b'9' => self.digits,
            b'A'..=b'Z' | b'a'..=b'z' => self.letters,
            _ => u32::MAX,
        };
        self.begins_with(byte) && run < 32 && leads >> run & 1 == 1
    }

    /// How many bytes of a kind something of this shape may begin with, a bit for each number.
    const fn leads(&self, kind: Kind) -> u32 {
        let mut leads = 0;
        // After how many bytes, all of this kind, the next element may begin.
        let mut so_far: u32 = 1;
        let mut i = 0;
        while i < self.len {
            let element = &self.elements[i];
            let (alike, others) = element.of_kind(kind);
            let mut next = 0;
            let mut count = 0;
            while count <= element.max {
                if alike || count == 0 {
                    if count >= element.min {
                        next |= so_far << count;
                    }
                    if others && count < element.max {
                        leads |= so_far << count;
                    }
                    assert!(
                        so_far.leading_zeros() > count as u32,
                        "a pattern may begin with too many digits or letters"
                    );
                }
                count += 1;
            }
            so_far = next;
            i += 1;
        }
        leads | so_far
    }

    /// Where the longest piece of this shape that begins at `start` ends, of those whose end is
    /// accepted.
    pub fn end(
        &self,
        bytes: &[u8],
        start: usize,
        accept: &impl Fn(usize) -> bool,
    ) -> Option<usize> {
        end(&self.elements[..self.len], bytes, start, accept)
    }
}

fn end(
    elements: &[Element],
    bytes: &[u8],
    start: usize,
    accept: &impl Fn(usize) -> bool,
) -> Option<usize> {
    let mut at = start;
    for (i, element) in elements.iter().enumerate() {
        let (min, max) = (usize::from(element.min), usize::from(element.max));
        let run = bytes
            .get(at..)?
            .iter()
            .take(max)
            .take_while(|b| element.fits(**b))
            .count();
        if run < min {
            return None;
        }
        // Only where there is a choice are the others tried.
        if run > min {
            let rest = &elements[i + 1..];
            return (min..=run)
                .rev()
                .find_map(|count| end(rest, bytes, at + count, accept));
        }
        at += run;
    }
    accept(at).then_some(at)
}

const fn class(pattern: &[u8], at: usize) -> (Element, usize) {
    match pattern[at] {
        b'[' => {
            let mut element = Element::NOTHING;
            let mut at = at + 1;
            while pattern[at] != b']' {
                let (one, next) = single(pattern, at);
                if next + 1 < pattern.len() && pattern[next] == b'-' && pattern[next + 1] != b']' {
                    let mut byte = pattern[at];
                    while byte <= pattern[next + 1] {
                        element = element.add(byte);
                        byte += 1;
                    }
                    at = next + 2;
                } else {
                    let mut word = 0;
                    while word < 4 {
                        element.set[word] |= one.set[word];
                        word += 1;
                    }
                    at = next;
                }
            }
            (element, at + 1)
        }
        b']' | b'?' | b'{' | b'}' | b'(' | b')' | b'|' | b'*' | b'+' => {
            panic!("a special character needs a backslash")
        }
        _ => single(pattern, at),
    }
}

const fn single(pattern: &[u8], at: usize) -> (Element, usize) {
    if pattern[at] != b'\\' {
        return (Element::NOTHING.add(pattern[at]), at + 1);
    }
    match pattern[at + 1] {
        b'd' => {
            let mut element = Element::NOTHING;
            let mut byte = b'0';
            while byte <= b'9' {
                element = element.add(byte);
                byte += 1;
            }
            (element, at + 2)
        }
        b'w' => (Element::NOTHING.add(LETTER), at + 2),
        other => (Element::NOTHING.add(other), at + 2),
    }
}

const fn number(pattern: &[u8], mut at: usize) -> (u8, usize) {
    let mut value = 0;
    while pattern[at].is_ascii_digit() {
        value = value * 10 + (pattern[at] - b'0');
        at += 1;
    }
    (value, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(shape: &Shape, text: &str) -> Option<usize> {
        shape.end(text.as_bytes(), 0, &|end| end == text.len())
    }

    #[test]
    fn literals_classes_and_repetitions() {
        const PLATE: Shape = Shape::new(r"[A-PR-Y]{1,3}[- ]?\d{2,4}x?");
        for text in ["ab12", "ABC-1234", "p 99X", "r99x"] {
            assert_eq!(found(&PLATE, text), Some(text.len()), "{text}");
        }
        for text in ["q12", "AB1", "ABCD12", "AB--12", "AB12345"] {
            assert_eq!(found(&PLATE, text), None, "{text}");
        }
        assert!(PLATE.begins_with(b'a') && !PLATE.begins_with(b'Q') && !PLATE.begins_with(0xC0));
    }

    #[test]
    fn the_longest_accepted_end_wins() {
        const DIGITS: Shape = Shape::new(r"\d{2,8}");
        assert_eq!(DIGITS.end(b"1234567890", 0, &|_| true), Some(8));
        assert_eq!(DIGITS.end(b"1234567890", 0, &|end| end % 3 == 0), Some(6));
        assert_eq!(DIGITS.end(b"1", 0, &|_| true), None);
        assert_eq!(DIGITS.end(b"12", 5, &|_| true), None);
    }

    #[test]
    fn escapes_and_wide_letters() {
        const BRACKETS: Shape = Shape::new(r"[\w-]\(\d\)\+");
        let mut text = b"?(1)+".to_vec();
        text[0] = LETTER;
        assert_eq!(BRACKETS.end(&text, 0, &|_| true), Some(5));
        assert_eq!(BRACKETS.end(b"-(1)+", 0, &|_| true), Some(5));
        assert_eq!(BRACKETS.end(b"a(1)+", 0, &|_| true), None);
    }

    #[test]
    fn what_a_shape_may_begin_with_is_counted() {
        let leads = |shape: &Shape, byte| {
            (0..40)
                .filter(|run| shape.leads_with(byte, *run))
                .collect::<Vec<_>>()
        };
        const ID: Shape = Shape::new(r"[A-Z]{1,2}\d{6}[0-9A]");
        assert_eq!(leads(&ID, b'q'), [1, 2]);
        const MIXED: Shape = Shape::new(r"\d{2} ?\d{3}[A-D\d]");
        assert_eq!(leads(&MIXED, b'1'), [2, 5, 6]);
        const ALL: Shape = Shape::new("[A-Z0-9]{4}");
        assert_eq!(leads(&ALL, b'1'), [0, 1, 2, 3, 4]);
        assert_eq!(leads(&ALL, b'('), [0usize; 0]);
        const SIGN: Shape = Shape::new(r"[\+1]\d{3}");
        assert_eq!(leads(&SIGN, b'+').len(), 32);
    }
}
