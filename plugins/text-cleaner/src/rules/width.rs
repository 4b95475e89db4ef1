//! `width`: full-width forms to half width, for those who switch `nfkc` off.
//!
//! Letters, digits, signs and the ideographic space; half-width katakana and other compatibility forms stay.
//! The characters that the setting `keep` names stay too.

use crate::edits::{Edits, Rewrite};
use crate::settings::Settings;

/// The half-width form of a full-width character.
pub fn half(c: char) -> Option<char> {
    match c {
        // The block has the order of ASCII, `!` to `~`.
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFF01 + 0x21),
        '\u{3000}' => Some(' '),
        '￠' => Some('¢'),
        '￡' => Some('£'),
        '￢' => Some('¬'),
        '￤' => Some('¦'),
        '￥' => Some('¥'),
        '￦' => Some('₩'),
        _ => None,
    }
}

/// Replaces every full-width form; each is one place.
pub fn apply(text: &str, settings: &Settings) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut buffer = [0; 4];
    for (position, c) in text.char_indices() {
        if let Some(half) = half(c)
            && !settings.keeps(c)
        {
            edits.replace(
                position,
                position + c.len_utf8(),
                half.encode_utf8(&mut buffer),
            );
        }
    }
    edits.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_digits_and_signs() {
        let rewrite = apply("Ａｂ１２＋￥９９％，好！　①", &Settings::default()).unwrap();
        assert_eq!(rewrite.text, "Ab12+¥99%，好！ ①");
        assert_eq!(rewrite.places, 10);
    }

    #[test]
    fn every_form_of_the_block_is_ascii() {
        for c in '\u{FF01}'..='\u{FF5E}' {
            assert!(half(c).is_some_and(|h| h.is_ascii_graphic()), "{c}");
        }
    }

    #[test]
    fn punctuation_follows_the_setting() {
        let settings = Settings {
            keep: Vec::new(),
            ..Settings::default()
        };
        assert_eq!(apply("好，！", &settings).unwrap().text, "好,!");
        assert_eq!(apply("好，！", &Settings::default()), None);
    }
}
