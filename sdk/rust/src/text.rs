//! Rust counts bytes, the contract counts Unicode code points.

use std::ops::Range;

use crate::Span;

/// How many code points lie between two marks: few enough to count on the fly.
const STRIDE: usize = 64;

/// Turns byte offsets of one text into code points and back, without counting from the start each time.
///
/// ```
/// use steward_sdk::text::CodePoints;
/// let text = "邮箱 a@b.cn";
/// let at = text.find("a@").unwrap();
/// let points = CodePoints::of(text);
/// let span = points.span(at..text.len());
/// assert_eq!((span.start, span.end), (3, 9));
/// assert_eq!(points.slice(span), Some("a@b.cn"));
/// ```
#[derive(Debug, Clone)]
pub struct CodePoints<'a> {
    text: &'a str,
    /// Byte offset of every 64th code point; empty for ASCII, where both counts are the same.
    marks: Vec<usize>,
}

impl<'a> CodePoints<'a> {
    /// Looks once over the text.
    pub fn of(text: &'a str) -> Self {
        let marks = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices()
                .step_by(STRIDE)
                .map(|(offset, _)| offset)
                .collect()
        };
        Self { text, marks }
    }

    /// How many code points lie before this byte. A byte inside a character counts that character.
    pub fn before(&self, byte: usize) -> u32 {
        let byte = byte.min(self.text.len());
        let count = match self.marks.partition_point(|mark| *mark <= byte) {
            0 => byte,
            n => {
                let mark = self.marks[n - 1];
                // A byte starts a character unless it is of the form 10xxxxxx.
                let starts = self.text.as_bytes()[mark..byte]
                    .iter()
                    .filter(|b| (**b as i8) >= -0x40);
                (n - 1) * STRIDE + starts.count()
            }
        };
        // A text that a component can hold has fewer than 2^32 bytes.
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The span of a byte range.
    pub fn span(&self, bytes: Range<usize>) -> Span {
        Span {
            start: self.before(bytes.start),
            end: self.before(bytes.end),
        }
    }

    /// The byte offset at which this code point starts; none beyond the end of the text.
    pub fn byte(&self, point: u32) -> Option<usize> {
        let point = point as usize;
        if self.marks.is_empty() {
            return (point <= self.text.len()).then_some(point);
        }
        let mark = *self.marks.get(point / STRIDE).or(self.marks.last())?;
        let rest = &self.text[mark..];
        let skip = point - (point / STRIDE).min(self.marks.len() - 1) * STRIDE;
        rest.char_indices()
            .map(|(offset, _)| mark + offset)
            .chain([self.text.len()])
            .nth(skip)
    }

    /// The part of the text that a span names; none where the span does not lie in the text.
    pub fn slice(&self, span: Span) -> Option<&'a str> {
        self.text.get(self.byte(span.start)?..self.byte(span.end)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_mixed_text_maps_as_counting_does() {
        let long = "a汉é🙂 ".repeat(60);
        for text in [
            "",
            "plain",
            "汉字",
            &long,
            &"汉".repeat(64),
            &"汉".repeat(65),
        ] {
            let points = CodePoints::of(text);
            for (n, (offset, _)) in text.char_indices().chain([(text.len(), ' ')]).enumerate() {
                assert_eq!(points.before(offset), n as u32, "{text} {offset}");
                assert_eq!(points.byte(n as u32), Some(offset), "{text} {n}");
            }
            let count = text.chars().count() as u32;
            assert_eq!(points.byte(count + 1), None);
            assert_eq!(points.byte(count + 1000), None);
            assert_eq!(
                points.slice(Span {
                    start: 0,
                    end: count
                }),
                Some(text)
            );
            assert_eq!(points.slice(Span { start: 1, end: 0 }).unwrap_or(""), "");
        }
    }
}
