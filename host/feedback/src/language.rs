//! Which language a text is in, by its letters and their trigrams (the crate `whatlang`).

use std::collections::BTreeSet;

use whatlang::{Lang, Script};

use crate::themes::is_small_word;

/// Texts are told by their beginning.
const ENOUGH: usize = 4096;
/// Below it, a guess is none: a handful of Latin letters may be twenty languages.
const SURE: f64 = 0.5;
/// Fewer Latin letters than this are any language's.
const FEWEST_LETTERS: usize = 12;

/// A language and how much that is to be trusted, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Language {
    /// `zh`, `en` and others by ISO 639-1; ISO 639-3 for languages that have no shorter one.
    pub code: &'static str,
    /// Between 0 and 1.
    pub confidence: f64,
}

/// The language of a text; else why nobody knows.
///
/// # Errors
/// What is missing, for people.
pub fn detect(text: &str) -> Result<Language, &'static str> {
    let start = text.get(..text.floor_char_boundary(ENOUGH)).unwrap_or(text);
    let info = whatlang::detect(start).ok_or("the text has no letters")?;
    let script_says = info.script() != Script::Latin && info.script() != Script::Cyrillic;
    let letters = start.chars().filter(|c| c.is_alphabetic()).count();
    if !script_says && letters < FEWEST_LETTERS {
        return Err("the text is too short to tell its language");
    }
    if !script_says && info.confidence() < SURE {
        // Trigrams need more letters than most feedback has; the small words of English are seldom another language's.
        return match english(start) {
            true => Ok(Language {
                code: "en",
                confidence: SURE,
            }),
            false => Err("the text fits several languages"),
        };
    }
    Ok(Language {
        code: code(info.lang()),
        confidence: info.confidence(),
    })
}

/// Whether a quarter of the words, and at least two, are small words of English.
fn english(text: &str) -> bool {
    let text = text.to_lowercase();
    let words = || {
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
    };
    let small: BTreeSet<&str> = words().filter(|word| is_small_word(word)).collect();
    let often = words().filter(|word| small.contains(word)).count();
    small.len() >= 2 && often * 4 >= words().count()
}

/// The languages of much feedback by their short codes; others keep the three letters of ISO 639-3.
fn code(language: Lang) -> &'static str {
    match language {
        Lang::Cmn => "zh",
        Lang::Eng => "en",
        Lang::Deu => "de",
        Lang::Fra => "fr",
        Lang::Spa => "es",
        Lang::Por => "pt",
        Lang::Ita => "it",
        Lang::Nld => "nl",
        Lang::Rus => "ru",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Ara => "ar",
        Lang::Hin => "hi",
        Lang::Tur => "tr",
        Lang::Pol => "pl",
        Lang::Vie => "vi",
        Lang::Tha => "th",
        Lang::Ind => "id",
        Lang::Ukr => "uk",
        Lang::Swe => "sv",
        Lang::Dan => "da",
        Lang::Nob => "nb",
        Lang::Fin => "fi",
        Lang::Ces => "cs",
        Lang::Hun => "hu",
        Lang::Ron => "ro",
        Lang::Ell => "el",
        Lang::Heb => "he",
        other => other.code(),
    }
}

#[cfg(test)]
mod tests {
    use super::detect;

    #[test]
    fn languages_are_told_and_too_little_is_not() {
        for (text, code) in [
            ("The app crashes whenever I open the settings page.", "en"),
            ("登录之后一直闪退，根本没法用", "zh"),
            ("退款", "zh"),
            ("Die Lieferung kam leider zwei Wochen zu spät an.", "de"),
            ("配送がとても早くて助かりました。", "ja"),
        ] {
            assert_eq!(detect(text).map(|found| found.code), Ok(code), "{text}");
        }
        for text in ["", "12345 …!", "ok", "lol nice", "Amazon Prime Video"] {
            assert!(detect(text).is_err(), "{text}");
        }
    }
}
