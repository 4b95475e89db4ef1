//! Classes of characters that more than one rule asks for.

/// Characters that no rule but `repeated` ever touches: the bulk of Chinese, Japanese and Korean text.
///
/// This is a shortcut: every character of these ranges begins a sequence of its own under normalisation,
/// is its own compatibility form, is visible and is not white space.
pub fn is_plain_cjk(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{3001}'..='\u{3002}' | '\u{3400}'..='\u{4DBF}')
}

/// White space that ends a line: the line and paragraph separators of Unicode beside those of ASCII.
pub fn is_line_break(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Characters that emoji sequences are made of.
///
/// Whole blocks of pictographs and symbols: a joiner or selector after one of them has a visible effect or none at all.
pub fn is_emoji_base(c: char) -> bool {
    matches!(c,
        '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{24C2}'
        | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}'
        | '\u{2190}'..='\u{21FF}' | '\u{2300}'..='\u{23FF}' | '\u{25A0}'..='\u{27BF}'
        | '\u{2900}'..='\u{297F}' | '\u{2B00}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Characters of Chinese writing, also in Japanese and Korean text.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '〇' | '々' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{323AF}')
}

/// The selector that asks for the coloured form of a symbol.
pub const EMOJI_SELECTOR: char = '\u{FE0F}';

/// Selectors of one form of the character before them.
pub fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' | '\u{180B}'..='\u{180D}' | '\u{180F}')
}

/// Characters that belong to the symbol before them: selectors, skin tones, the frame of a keycap.
pub fn extends_symbol(c: char) -> bool {
    matches!(
        c,
        '\u{FE0E}' | '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}' | '\u{20E3}'
    )
}

/// Scripts in which U+200C and U+200D decide how letters join: Arabic (Persian, Urdu), Syriac, N'Ko, Mandaic,
/// those of India and Sri Lanka, Tibetan, Myanmar, Khmer, Mongolian, Balinese to Batak, and those of the
/// supplementary planes that descend from Brahmi.
pub fn joins_letters(c: char) -> bool {
    matches!(c,
        '\u{620}'..='\u{6FF}' | '\u{700}'..='\u{77F}' | '\u{7C0}'..='\u{8FF}' | '\u{900}'..='\u{DFF}'
        | '\u{F00}'..='\u{FFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{18AF}' | '\u{1B00}'..='\u{1BFF}'
        | '\u{A840}'..='\u{A87F}' | '\u{A8E0}'..='\u{A8FF}' | '\u{AA60}'..='\u{AA7F}' | '\u{ABC0}'..='\u{ABFF}'
        | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' | '\u{11000}'..='\u{11FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_normalization::char::canonical_combining_class;
    use unicode_normalization::{IsNormalized, is_nfkc_quick};

    #[test]
    fn plain_cjk_is_inert() {
        for c in ('\0'..=char::MAX).filter(|&c| is_plain_cjk(c)) {
            assert_eq!(is_nfkc_quick(std::iter::once(c)), IsNormalized::Yes, "{c}");
            assert_eq!(canonical_combining_class(c), 0, "{c}");
            assert!(
                !c.is_whitespace() && !c.is_control() && !is_variation_selector(c),
                "{c}"
            );
            assert!(!is_emoji_base(c) && !joins_letters(c), "{c}");
        }
    }
}
