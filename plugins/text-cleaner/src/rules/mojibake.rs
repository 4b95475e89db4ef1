//! `mojibake`: UTF-8 that was read as Windows-1252, and written again: `donâ€™t` to `don’t`, `ä½ å¥½` to `你好`.
//!
//! Three or four characters that are together the bytes of one character are never meant as they stand. Two are only
//! taken where the first is `Ã` or `Â` (the letters of Western Europe), since `É»` ends a quotation in French. What
//! was spoilt several times is mended as often, as far as `ROUNDS`.

use crate::edits::{Edits, Rewrite};

const ROUNDS: u32 = 4;

/// What Windows-1252 has at 0x80 to 0x9F; the five bytes that it leaves open stand for themselves.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

/// Mends a text; each mended character is one place.
pub fn apply(text: &str) -> Option<Rewrite> {
    let mut mended = round(text)?;
    for _ in 1..ROUNDS {
        let Some(next) = round(&mended.text) else {
            break;
        };
        mended.places = mended.places.saturating_add(next.places);
        mended.text = next.text;
    }
    Some(mended)
}

fn round(text: &str) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut until = 0;
    for (start, first) in text
        .char_indices()
        .filter(|&(_, c)| matches!(c, 'Â' | 'Ã' | 'à'..='ô'))
    {
        if start < until {
            continue;
        }
        let mut bytes = [0; 4];
        let mut end = start;
        let needed = match first {
            'Â' | 'Ã' => 2,
            'à'..='ï' => 3,
            _ => 4,
        };
        let mut read = 0;
        for c in text[start..].chars().take(needed) {
            let Some(byte) = byte_of(c) else { break };
            bytes[read] = byte;
            read += 1;
            end += c.len_utf8();
        }
        if read < needed {
            continue;
        }
        if let Ok(character) = std::str::from_utf8(&bytes[..needed]) {
            edits.replace(start, end, character);
            until = end;
        }
    }
    edits.finish()
}

/// The byte that Windows-1252 has for a character.
fn byte_of(c: char) -> Option<u8> {
    match u8::try_from(u32::from(c)) {
        Ok(byte) => Some(byte),
        Err(_) => {
            let position = WINDOWS.iter().position(|&known| known == c)?;
            u8::try_from(position).ok().map(|position| 0x80 + position)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spoilt_characters_are_mended() {
        let mended = |text| apply(text).unwrap().text;
        assert_eq!(mended("donâ€™t â€œgoâ€\u{9D}"), "don’t “go”");
        assert_eq!(mended("ä½\u{A0}å¥½"), "你好");
        assert_eq!(mended("cafÃ© Â£5 ðŸ˜€"), "café £5 😀");
    }

    #[test]
    fn what_was_spoilt_twice_is_mended_twice() {
        assert_eq!(
            apply("Ã¢â‚¬â„¢"),
            Some(Rewrite {
                text: "’".into(),
                places: 4
            })
        );
    }

    #[test]
    fn good_text_stays() {
        for text in [
            "Ça va à l’hôtel «CAFÉ»",
            "SÃO PAULO, Âge",
            "naïve façade ôté",
            "你好",
            "â€",
            "Ã",
        ] {
            assert_eq!(apply(text), None, "{text}");
        }
    }
}
