//! Offsets in a text, in code points and in UTF-16 units.

use serde::{Deserialize, Serialize};

use super::Span;

/// What the offsets of a file count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OffsetUnit {
    /// Code points, but UTF-16 units for a span that quotes words which stand at its offsets only then, or which ends
    /// beyond the text otherwise. A file is written in code points.
    #[default]
    Detect,
    /// Code points, as Label Studio counts.
    CodePoints,
    /// UTF-16 units, as its editor counted before, and as JavaScript does.
    Utf16,
}

/// Where the code points of a text begin.
pub(super) struct Ruler<'a> {
    text: &'a str,
    /// The byte and the UTF-16 unit at which each code point begins, and the end.
    points: Vec<(usize, usize)>,
}

/// A span as it stands in a text.
pub(super) struct Placed {
    pub start: usize,
    pub end: usize,
    /// Its offsets were UTF-16 units and other ones in code points.
    pub converted: bool,
    /// The span quotes words, and these stand there.
    pub quoted: Option<bool>,
}

impl<'a> Ruler<'a> {
    pub fn new(text: &'a str) -> Self {
        let mut units = 0;
        let mut points: Vec<_> = text
            .char_indices()
            .map(|(byte, character)| {
                let point = (byte, units);
                units += character.len_utf16();
                point
            })
            .collect();
        points.push((text.len(), units));
        Self { text, points }
    }

    /// The UTF-16 unit at which a code point begins.
    pub fn to_utf16(&self, point: usize) -> Option<usize> {
        self.points.get(point).map(|(_, unit)| *unit)
    }

    /// The code point that begins at a UTF-16 unit; none within a surrogate pair and beyond the end.
    fn point_at(&self, unit: usize) -> Option<usize> {
        self.points
            .binary_search_by_key(&unit, |(_, unit)| *unit)
            .ok()
    }

    fn slice(&self, start: usize, end: usize) -> Option<&'a str> {
        self.text
            .get(self.points.get(start)?.0..self.points.get(end)?.0)
    }

    /// Finds a span of a file in the text; none where it is not within the text.
    pub fn place(&self, span: &Span, unit: OffsetUnit) -> Option<Placed> {
        let as_points = Some((span.start, span.end));
        let as_units = self.point_at(span.start).zip(self.point_at(span.end));
        let quoted = |offsets: Option<(usize, usize)>| {
            let there = offsets.and_then(|(start, end)| self.slice(start, end))?;
            let words = span.text.as_deref()?;
            Some(plain(words) == plain(there))
        };
        let chosen = match unit {
            OffsetUnit::CodePoints => as_points,
            OffsetUnit::Utf16 => as_units,
            OffsetUnit::Detect if quoted(as_points) == Some(true) => as_points,
            OffsetUnit::Detect if quoted(as_units) == Some(true) => as_units,
            OffsetUnit::Detect if self.slice(span.start, span.end).is_some() => as_points,
            OffsetUnit::Detect => as_units,
        };
        let (start, end) = chosen?;
        self.slice(start, end)?;
        Some(Placed {
            start,
            end,
            converted: chosen != as_points,
            quoted: quoted(chosen),
        })
    }
}

/// The words without white space, which the editor shows otherwise than the text has it: runs as one space, line breaks
/// as a backslash and an `n`.
fn plain(words: &str) -> String {
    let words = words.replace("\\n", " ");
    words.chars().filter(|c| !c.is_whitespace()).collect()
}
