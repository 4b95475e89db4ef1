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
}

#[derive(Debug, Clone, Copy)]
struct Element {
    /// The bytes that fit: below 128, and from 128 on.
    low: u128,
    high: u128,
    min: u8,
    max: u8,
}

impl Element {
    const NOTHING: Self = Self {
        low: 0,
        high: 0,
        min: 0,
        max: 0,
    };

    const fn add(mut self, byte: u8) -> Self {
        if byte >= 128 {
            self.high |= 1 << (byte - 128);
        } else {
            self.low |= 1 << byte.to_ascii_lowercase();
            self.low |= 1 << byte.to_ascii_uppercase();
        }
        self
    }

    fn fits(&self, byte: u8) -> bool {
        if byte >= 128 {
            self.high >> (byte - 128) & 1 == 1
        } else {
            self.low >> byte & 1 == 1
        }
    }
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
        shape
    }

    /// Whether something of this shape may begin with `byte`.
    pub fn begins_with(&self, byte: u8) -> bool {
        self.elements[0].fits(byte)
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
    let Some((first, rest)) = elements.split_first() else {
        return accept(start).then_some(start);
    };
    let run = bytes
        .get(start..)?
        .iter()
        .take(usize::from(first.max))
        .take_while(|b| first.fits(**b))
        .count();
    (usize::from(first.min)..=run)
        .rev()
        .find_map(|count| end(rest, bytes, start + count, accept))
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
                    element.low |= one.low;
                    element.high |= one.high;
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
}
