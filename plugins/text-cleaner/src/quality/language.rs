//! Which language a text is in, by its letters and their trigrams (the crate `whatlang`).

use whatlang::Lang;

/// The language of a text by its code, and how much that is to be trusted, from 0 to 1; none where no letters are.
///
/// Codes are those of ISO 639-1, and of ISO 639-3 for languages that have no shorter one. Long texts are told by
/// their beginning.
pub fn detect(text: &str) -> Option<(&'static str, f64)> {
    const ENOUGH: usize = 4_096;
    let mut end = text.len().min(ENOUGH);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let info = whatlang::detect(&text[..end]).or_else(|| whatlang::detect(text))?;
    Some((code(info.lang()), info.confidence()))
}

/// The code of a language.
pub fn code(language: Lang) -> &'static str {
    let short = SHORT.iter().find(|(long, _)| *long == language.code());
    short.map_or(language.code(), |&(_, short)| short)
}

/// Whether a language has this code.
pub fn is_code(name: &str) -> bool {
    Lang::all().iter().any(|&language| code(language) == name)
}

/// Codes of ISO 639-3 that have one of two letters.
const SHORT: &[(&str, &str)] = &[
    ("afr", "af"),
    ("aka", "ak"),
    ("amh", "am"),
    ("ara", "ar"),
    ("aze", "az"),
    ("bel", "be"),
    ("ben", "bn"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("cmn", "zh"),
    ("dan", "da"),
    ("deu", "de"),
    ("ell", "el"),
    ("eng", "en"),
    ("epo", "eo"),
    ("est", "et"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("guj", "gu"),
    ("heb", "he"),
    ("hin", "hi"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("hye", "hy"),
    ("ind", "id"),
    ("ita", "it"),
    ("jav", "jv"),
    ("jpn", "ja"),
    ("kan", "kn"),
    ("kat", "ka"),
    ("khm", "km"),
    ("kor", "ko"),
    ("lat", "la"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("mal", "ml"),
    ("mar", "mr"),
    ("mkd", "mk"),
    ("mya", "my"),
    ("nep", "ne"),
    ("nld", "nl"),
    ("nob", "nb"),
    ("ori", "or"),
    ("pan", "pa"),
    ("pes", "fa"),
    ("pol", "pl"),
    ("por", "pt"),
    ("ron", "ro"),
    ("rus", "ru"),
    ("sin", "si"),
    ("slk", "sk"),
    ("slv", "sl"),
    ("sna", "sn"),
    ("spa", "es"),
    ("srp", "sr"),
    ("swe", "sv"),
    ("tam", "ta"),
    ("tel", "te"),
    ("tgl", "tl"),
    ("tha", "th"),
    ("tuk", "tk"),
    ("tur", "tr"),
    ("ukr", "uk"),
    ("urd", "ur"),
    ("uzb", "uz"),
    ("vie", "vi"),
    ("yid", "yi"),
    ("zul", "zu"),
    ("cym", "cy"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told() {
        for (text, language) in [
            (
                "The quick brown fox jumps over the lazy dog and runs away.",
                "en",
            ),
            ("今天天气很好，我们一起出去玩吧。", "zh"),
            (
                "Der schnelle braune Fuchs springt über den faulen Hund.",
                "de",
            ),
            ("これは日本語の文章です。", "ja"),
        ] {
            assert_eq!(detect(text).map(|(code, _)| code), Some(language), "{text}");
        }
        assert_eq!(detect("123 …"), None);
        assert!(is_code("zh") && is_code("en") && !is_code("cmn") && !is_code("xx"));
    }
}
