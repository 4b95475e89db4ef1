//! `emoji`: emoji go, or their name takes their place.
//!
//! An emoji is a sequence of the Unicode standard with its joiners, selectors and skin tones. Signs that are text
//! unless a selector asks for the picture (`©`, `™`, arrows, digits) are emoji only with it. Names are those of the
//! Unicode CLDR in English and Chinese.

use crate::characters::{EMOJI_SELECTOR, extends_symbol, is_emoji_base};
use crate::dictionary::{Dictionary, dictionary};
use crate::edits::{Edits, Rewrite};

/// What becomes of emoji.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmojiPolicy {
    /// They go.
    Remove,
    /// `:thumbs_up:`
    English,
    /// `[大拇指]`
    Chinese,
}

fn emoji() -> &'static Dictionary {
    dictionary!("emoji")
}

/// Whether the character is an emoji by itself, without a selector.
pub fn is_picture(c: char) -> bool {
    matches!(
        c,
        '\u{231A}' | '\u{231B}' | '\u{23E9}'
            ..='\u{23F3}'
                | '\u{25FD}'
                | '\u{25FE}'
                | '\u{2B1B}'
                | '\u{2B1C}'
                | '\u{2B50}'
                | '\u{2B55}'
    ) || (matches!(c, '\u{2600}'..='\u{27BF}' | '\u{1F000}'..='\u{1FAFF}') && found(&[c]).is_some())
}

fn found(sequence: &[char]) -> Option<(usize, u64)> {
    let mut buffer = [0; 4];
    let mut bytes = Vec::with_capacity(sequence.len() * 4);
    for c in sequence {
        bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
    }
    emoji().longest(&bytes).map(|key| (key.bytes, key.number))
}

/// Each emoji is one place.
pub fn apply(text: &str, policy: EmojiPolicy) -> Option<Rewrite> {
    if text.is_ascii() {
        return None;
    }
    let mut edits = Edits::new(text);
    let mut until = 0;
    for (start, c) in text.char_indices() {
        if start < until || !may_begin(c) {
            continue;
        }
        if let Some((end, names)) = read(&text[start..]) {
            let name = match (policy, names.split_once('\t')) {
                (EmojiPolicy::English, Some((name, _))) => format!(":{name}:"),
                (EmojiPolicy::Chinese, Some((_, name))) => format!("[{name}]"),
                _ => String::new(),
            };
            edits.replace(start, start + end, &name);
            until = start + end;
        }
    }
    edits.finish()
}

fn may_begin(c: char) -> bool {
    is_emoji_base(c) || c.is_ascii_digit() || matches!(c, '#' | '*')
}

/// The emoji that the text begins with: how many bytes it has, and its names.
fn read(text: &str) -> Option<(usize, &'static str)> {
    /// Longer sequences are not in the standard.
    const LONGEST: usize = 12;
    let mut sequence = ['\0'; LONGEST];
    let mut ends = [0; LONGEST];
    let mut count = 0;
    let mut selected = false;
    let mut rest = text.char_indices().peekable();
    while let Some((start, c)) = rest.next_if(|_| count < LONGEST) {
        sequence[count] = c;
        let mut end = start + c.len_utf8();
        // The dictionary has the sequences without forms and skin tones.
        while let Some((position, mark)) =
            rest.next_if(|&(_, c)| extends_symbol(c) && c != '\u{20E3}')
        {
            end = position + mark.len_utf8();
            selected |= count == 0 && mark == EMOJI_SELECTOR;
        }
        ends[count] = end;
        count += 1;
    }
    let (bytes, number) = found(&sequence[..count])?;
    let mut left = bytes;
    let last = sequence[..count].iter().position(|c| {
        left -= c.len_utf8().min(left);
        left == 0
    })?;
    let picture = last > 0 || selected || is_picture(sequence[0]);
    let names = emoji().text(number)?;
    picture.then_some((ends[last], names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str, policy: EmojiPolicy) -> String {
        apply(text, policy).map_or_else(|| text.to_owned(), |rewrite| rewrite.text)
    }

    #[test]
    fn emoji_go() {
        let text = "好👍🏽！👨\u{200D}👩\u{200D}👧 ❤\u{FE0F}🇨🇳1\u{FE0F}\u{20E3} ok😀😀";
        let rewrite = apply(text, EmojiPolicy::Remove).unwrap();
        assert_eq!((rewrite.text.as_str(), rewrite.places), ("好！  ok", 7));
    }

    #[test]
    fn emoji_are_named() {
        assert_eq!(
            named("👍🏽 🥇", EmojiPolicy::English),
            ":thumbs_up: :1st_place_medal:"
        );
        assert_eq!(named("🥇", EmojiPolicy::Chinese), "[金牌]");
    }

    #[test]
    fn signs_that_are_text_stay() {
        let text = "© 2024 ™ → 1 # * ♪ 中";
        assert_eq!(named(text, EmojiPolicy::Remove), text);
        assert_eq!(named("™\u{FE0F}☀", EmojiPolicy::Remove), "");
    }
}
