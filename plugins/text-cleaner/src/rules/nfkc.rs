//! `nfkc`: Unicode compatibility composition (UAX #15), except for the characters that the setting `keep` names.
//!
//! `ｈｅｌｌｏ` becomes `hello`, `①` becomes `1`, `㎏` becomes `kg`, `ﬁ` becomes `fi`, `e` and an accent become `é`.
//! A symbol that asks for its emoji form (`™️`, with U+FE0F) stays too.

use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use crate::characters::{EMOJI_SELECTOR, is_emoji_base, is_plain_cjk};
use crate::edits::{Edits, Rewrite};
use crate::rules::width;
use crate::settings::Settings;

/// Whether the character may be changed or may change its neighbours.
pub fn concerns(c: char) -> bool {
    c >= '\u{80}'
        && !is_plain_cjk(c)
        && (is_nfkc_quick(std::iter::once(c)) != IsNormalized::Yes
            || canonical_combining_class(c) != 0)
}

/// Whether normalisation never joins the character to what stands before it, as seen at a glance:
/// most of Latin, Chinese and full-width text.
fn surely_begins_sequence(c: char) -> bool {
    c < '\u{300}'
        || is_plain_cjk(c)
        || matches!(c, '\u{2010}'..='\u{2027}' | '\u{3000}'..='\u{3029}' | '\u{FF01}'..='\u{FF65}')
}

/// Whether normalisation never joins the character to what stands before it.
fn begins_sequence(c: char) -> bool {
    if surely_begins_sequence(c) {
        return true;
    }
    let mut first = None;
    decompose_compatible(c, |part| {
        first.get_or_insert(part);
    });
    let first = first.unwrap_or(c);
    canonical_combining_class(first) == 0
        && is_nfkc_quick(std::iter::once(first)) != IsNormalized::Maybe
}

/// Normalises sequence by sequence, so that each changed sequence is one place.
pub fn apply(text: &str, settings: &Settings) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut scratch = String::new();
    let mut rest = text.char_indices().peekable();
    while let Some((start, c)) = rest.next() {
        let after = rest.peek().map(|&(_, next)| next);
        if (c.is_ascii() || is_plain_cjk(c)) && after.is_none_or(surely_begins_sequence) {
            continue;
        }
        if settings.keeps(c) || (is_emoji_base(c) && after == Some(EMOJI_SELECTOR)) {
            continue;
        }
        let mut alone = true;
        while rest
            .next_if(|&(_, next)| !begins_sequence(next) && !settings.keeps(next))
            .is_some()
        {
            alone = false;
        }
        if alone && !concerns(c) {
            continue;
        }
        if alone && let Some(half) = width::half(c) {
            edits.replace(start, start + c.len_utf8(), half.encode_utf8(&mut [0; 4]));
            continue;
        }
        let end = rest.peek().map_or(text.len(), |&(position, _)| position);
        let sequence = &text[start..end];
        scratch.clear();
        scratch.extend(sequence.nfkc());
        if scratch != sequence {
            edits.replace(start, end, &scratch);
        }
    }
    edits.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strict() -> Settings {
        Settings {
            keep: Vec::new(),
            ..Settings::default()
        }
    }

    #[test]
    fn what_is_seen_at_a_glance_is_true() {
        for c in ('\0'..=char::MAX).filter(|&c| surely_begins_sequence(c)) {
            let first = c.nfkd().next().unwrap();
            assert_eq!(canonical_combining_class(first), 0, "{c:?}");
            let joins = is_nfkc_quick(std::iter::once(first)) == IsNormalized::Maybe;
            assert!(!joins, "{c:?}");
        }
        for c in ('\0'..=char::MAX).filter(|&c| width::half(c).is_some()) {
            assert!(c.nfkc().eq(width::half(c)), "{c:?}");
        }
    }

    #[test]
    fn full_width_letters_count_one_by_one() {
        assert_eq!(
            apply("ｈｅｌｌｏ", &strict()),
            Some(Rewrite {
                text: "hello".into(),
                places: 5
            })
        );
    }

    #[test]
    fn compatibility_forms() {
        let rewrite = apply("①㎏ﬁ℃ｶﾞe\u{301}각", &strict()).unwrap();
        assert_eq!(rewrite.text, "1kgfi°Cガé각");
    }

    #[test]
    fn chinese_punctuation_and_spacing_accents_stay_by_default() {
        let kept = "你好，世界！（真的）？是：的；……～ don´t";
        assert_eq!(apply(kept, &Settings::default()), None);
        assert_eq!(apply("你好，世界！", &strict()).unwrap().text, "你好,世界!");
    }

    #[test]
    fn emoji_forms_stay() {
        assert_eq!(apply("™\u{FE0F} ㊗\u{FE0F}", &strict()), None);
        assert_eq!(apply("™", &strict()).unwrap().text, "TM");
    }

    proptest! {
        #[test]
        fn equals_nfkc_when_nothing_is_kept(text in "\\PC{0,40}|[ㄱ-ㅎ가-각ᄀ-ᇿ\u{300}-\u{340}ｦ-ﾟァ-ヴ\u{3099}ａ-ｚ]{0,40}") {
            prop_assume!(!text.contains(EMOJI_SELECTOR));
            let ours = apply(&text, &strict()).map_or_else(|| text.clone(), |rewrite| rewrite.text);
            prop_assert_eq!(ours, text.nfkc().collect::<String>());
        }
    }
}
