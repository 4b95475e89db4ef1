//! `repeated`: the same character many times in a row, shortened.
//!
//! `哈哈哈哈哈哈` to `哈哈哈哈`, `!!!!!!` to `!!!!`, `sooooo` to `soooo`. Digits stay, since they carry amounts, and so
//! does white space, which has its own rule. A symbol counts together with its selector or skin tone.

use crate::characters::extends_symbol;
use crate::edits::{Edits, Rewrite};

/// Whether a repetition of the character means something.
pub fn is_exempt(c: char) -> bool {
    c.is_numeric() || c.is_whitespace()
}

/// Shortens every repetition to `most`; a repetition is one place.
pub fn apply(text: &str, most: usize) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut repeated = "";
    let mut times = 0;
    let mut cut_from = 0;
    let mut rest = text.char_indices().peekable();
    while let Some((start, c)) = rest.next() {
        while rest.next_if(|&(_, next)| extends_symbol(next)).is_some() {}
        let end = rest.peek().map_or(text.len(), |&(position, _)| position);
        let symbol = &text[start..end];
        if symbol == repeated && !is_exempt(c) {
            times += 1;
            if times == most {
                cut_from = end;
            }
        } else {
            if times > most {
                edits.remove(cut_from, start);
            }
            repeated = symbol;
            times = 1;
            cut_from = end;
        }
    }
    if times > most {
        edits.remove(cut_from, text.len());
    }
    edits.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_shortened() {
        let rewrite = apply("哈哈哈哈哈哈！！！！！！ sooooo goood", 4).unwrap();
        assert_eq!(rewrite.text, "哈哈哈哈！！！！ soooo goood");
        assert_eq!(rewrite.places, 3);
    }

    #[test]
    fn digits_and_spaces_stay() {
        assert_eq!(
            apply("1000000 元，电话 88888888，１１１１１１     x", 4),
            None
        );
    }

    #[test]
    fn symbols_count_with_what_belongs_to_them() {
        assert_eq!(
            apply(&"❤\u{FE0F}".repeat(6), 4).unwrap().text,
            "❤\u{FE0F}".repeat(4)
        );
        assert_eq!(apply(&"👍🏽".repeat(5), 2).unwrap().text, "👍🏽👍🏽");
        assert_eq!(apply(&"1\u{FE0F}\u{20E3}".repeat(6), 4), None);
    }

    #[test]
    fn exactly_as_many_as_allowed_stay() {
        assert_eq!(apply("aaaa", 4), None);
        assert_eq!(
            apply("aaaaa", 4).unwrap(),
            Rewrite {
                text: "aaaa".into(),
                places: 1
            }
        );
    }
}
