//! `control`: characters that steer machines and carry no text.

use crate::characters::is_line_break;
use crate::edits::{Edits, Rewrite};

/// Whether the rule removes the character.
///
/// C0 and C1 controls other than tab and line breaks, the byte order mark, replacement characters (what was there is
/// lost), annotation marks, controls of writing direction, deprecated format controls, and noncharacters.
/// Line breaks of every kind belong to the rule `whitespace`: removing a form feed would glue two words together.
pub fn removes(c: char) -> bool {
    match c {
        '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' => c != '\t' && !is_line_break(c),
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}' => {
            true
        }
        '\u{FEFF}' | '\u{FFF9}'..='\u{FFFD}' | '\u{FDD0}'..='\u{FDEF}' => true,
        _ => (c as u32) & 0xFFFE == 0xFFFE,
    }
}

/// Removes every run of such characters; a run is one place.
pub fn apply(text: &str) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut run = None;
    for (position, c) in text.char_indices() {
        match (removes(c), run) {
            (true, None) => run = Some(position),
            (false, Some(start)) => {
                edits.remove(start, position);
                run = None;
            }
            _ => {}
        }
    }
    if let Some(start) = run {
        edits.remove(start, text.len());
    }
    edits.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_controls_and_counts_runs() {
        let rewrite = apply("\u{FEFF}订单\0\u{1}号\u{7F}\t12\n\u{202E}34\u{FFFD}").unwrap();
        assert_eq!(rewrite.text, "订单号\t12\n34");
        assert_eq!(rewrite.places, 5);
    }

    #[test]
    fn line_breaks_of_every_kind_stay() {
        assert_eq!(apply("a\u{C}b\u{85}c\r\nd\u{B}e\u{2028}f"), None);
    }

    #[test]
    fn text_stays() {
        assert_eq!(apply("价格 €5，مرحبا 👋"), None);
    }
}
