//! `zero-width`: invisible characters, except where they change what is seen.
//!
//! A joiner stays between the parts of an emoji and after a letter of a script that joins its letters, one variation
//! selector stays after the character it selects a form of, and tag characters stay in the flags they spell.

use crate::characters::{
    EMOJI_SELECTOR, extends_symbol, is_emoji_base, is_variation_selector, joins_letters,
};
use crate::edits::{Edits, Rewrite};

const NON_JOINER: char = '\u{200C}';
const JOINER: char = '\u{200D}';
const BLACK_FLAG: char = '\u{1F3F4}';
/// The flags of Scotland, Wales, … are spelled with up to six tag characters and a final one.
const MAX_TAGS: u8 = 7;

/// Whether the rule may remove the character.
pub fn concerns(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{3164}' | '\u{FFA0}' | '\u{180E}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}')
        || is_variation_selector(c)
        || is_tag(c)
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0000}'..='\u{E007F}')
}

/// Whether `c` stays between the last character that stayed and the next of the text.
fn stays(c: char, before: Option<char>, after: Option<char>, tags: u8) -> bool {
    let Some(before) = before else { return false };
    match c {
        NON_JOINER => joins_letters(before),
        JOINER => {
            joins_letters(before)
                || ((is_emoji_base(before) || extends_symbol(before))
                    && after.is_some_and(is_emoji_base))
        }
        '\u{180E}' => matches!(before, '\u{1820}'..='\u{18AA}'),
        _ if is_variation_selector(c) => {
            let keycap = c == EMOJI_SELECTOR
                && matches!(before, '0'..='9' | '#' | '*')
                && after == Some('\u{20E3}');
            keycap || (!before.is_ascii() && !before.is_whitespace() && !concerns(before))
        }
        _ if is_tag(c) => before == BLACK_FLAG || (is_tag(before) && tags < MAX_TAGS),
        _ => false,
    }
}

/// Removes every run of such characters; a run is one place.
pub fn apply(text: &str) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut run = None;
    let mut before = None;
    let mut tags = 0;
    let mut rest = text.char_indices().peekable();
    while let Some((position, c)) = rest.next() {
        let after = rest.peek().map(|&(_, next)| next);
        if concerns(c) && !stays(c, before, after, tags) {
            run.get_or_insert(position);
            continue;
        }
        if let Some(start) = run.take() {
            edits.remove(start, position);
        }
        tags = if is_tag(c) { tags + 1 } else { 0 };
        before = Some(c);
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
    fn removes_what_cannot_be_seen() {
        let rewrite =
            apply("加\u{200B}微\u{200D}信\u{2060}：free\u{AD}bie\u{FE0F}\u{3164}").unwrap();
        assert_eq!(rewrite.text, "加微信：freebie");
        assert_eq!(rewrite.places, 5);
    }

    #[test]
    fn emoji_sequences_stay() {
        for emoji in [
            "👨\u{200D}👩\u{200D}👧",
            "❤\u{FE0F}\u{200D}🔥",
            "👍🏽",
            "1\u{FE0F}\u{20E3}",
            "🏳\u{FE0F}\u{200D}🌈",
            "☎\u{FE0F}",
        ] {
            assert_eq!(apply(emoji), None, "{emoji}");
        }
        let scotland = "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}";
        assert_eq!(apply(scotland), None);
    }

    #[test]
    fn scripts_that_join_their_letters_keep_their_joiners() {
        for word in ["می\u{200C}خواهم", "क\u{94D}\u{200D}ष", "ශ\u{DCA}\u{200D}රී"]
        {
            assert_eq!(apply(word), None, "{word}");
        }
    }

    #[test]
    fn selectors_of_ideographs_stay() {
        assert_eq!(apply("葛\u{E0100}飾区"), None);
    }

    #[test]
    fn text_hidden_in_selectors_or_tags_is_removed() {
        assert_eq!(
            apply("😀\u{FE0F}\u{E0101}\u{E0102}!").unwrap().text,
            "😀\u{FE0F}!"
        );
        let hidden: String = ('\u{E0041}'..='\u{E0060}').collect();
        assert_eq!(apply(&format!("a{hidden}b")).unwrap().text, "ab");
        assert_eq!(
            apply(&format!("🏴{hidden}")).unwrap().text.chars().count(),
            1 + usize::from(MAX_TAGS)
        );
    }
}
