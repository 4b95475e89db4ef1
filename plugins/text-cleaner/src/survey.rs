//! One look at a text that tells which rules have work in it.
//!
//! Most texts need none or one of the rules. A survey costs one table look-up per byte of ASCII and one range
//! comparison per Chinese character; each rule that it spares costs more. It may name a rule that then finds nothing,
//! but never leaves out one that would: a property test holds every rule to that.

use crate::characters::{extends_symbol, is_plain_cjk};
use crate::rules::{Rule, RuleSet, control, html, nfkc, repeated, width, zero_width};
use crate::settings::Settings;

/// What a byte of ASCII asks for by itself.
const ASCII: [RuleSet; 128] = {
    let mut table = [RuleSet::NONE; 128];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'\t' | 0x0B..=b'\r' => RuleSet::of(Rule::Whitespace),
            b'\n' => RuleSet::NONE,
            0..=0x1F | 0x7F => RuleSet::of(Rule::Control),
            _ => RuleSet::NONE,
        };
        byte += 1;
    }
    table
};

/// The rules that may change the text, of those that the settings switch on.
pub fn survey(text: &str, settings: &Settings) -> RuleSet {
    let mut found = RuleSet::NONE;
    let bytes = text.as_bytes();
    if is_space(bytes.first()) || is_space(bytes.last()) {
        found = found.with(RuleSet::of(Rule::Whitespace));
    }
    let mut at = 0;
    let mut last = '\0';
    let mut times = 0;
    while let Some(&byte) = bytes.get(at) {
        let c;
        if byte.is_ascii() {
            c = char::from(byte);
            at += 1;
            found = found.with(ASCII[usize::from(byte)]);
            match byte {
                b' ' if is_space(bytes.get(at)) => {
                    found = found.with(RuleSet::of(Rule::Whitespace))
                }
                b'\n'
                    if bytes.get(at) == Some(&b' ') || too_many_breaks(&bytes[at..], settings) =>
                {
                    found = found.with(RuleSet::of(Rule::Whitespace));
                }
                b'<' | b'&'
                    if bytes
                        .get(at)
                        .is_some_and(|&next| html::concerns(byte, next)) =>
                {
                    found = found.with(RuleSet::of(Rule::Html));
                }
                _ => {}
            }
        } else {
            // `at` is a character boundary and not the end: there is a character.
            let Some(next) = text[at..].chars().next() else {
                break;
            };
            c = next;
            at += c.len_utf8();
            if !is_plain_cjk(c) {
                found = found.with(concerns(c, settings));
            }
        }
        if c == last {
            times += 1;
            if times >= settings.max_repeat && !repeated::is_exempt(c) {
                found = found.with(RuleSet::of(Rule::Repeated));
            }
        } else {
            last = c;
            times = 0;
        }
    }
    found.both(settings.rules)
}

fn is_space(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| matches!(byte, b' ' | b'\n'))
}

/// Whether so many line breaks follow one that the rule `whitespace` takes some away.
fn too_many_breaks(rest: &[u8], settings: &Settings) -> bool {
    rest.iter()
        .take(settings.max_blank_lines + 1)
        .filter(|&&byte| byte == b'\n')
        .count()
        > settings.max_blank_lines
}

/// The rules that a character beyond ASCII asks for.
fn concerns(c: char, settings: &Settings) -> RuleSet {
    let mut found = RuleSet::NONE;
    let mut add = |rule, concerned: bool| {
        if concerned {
            found = found.with(RuleSet::of(rule));
        }
    };
    add(Rule::Control, control::removes(c));
    add(Rule::ZeroWidth, zero_width::concerns(c));
    add(Rule::Whitespace, c.is_whitespace());
    add(Rule::Repeated, extends_symbol(c));
    if !settings.keeps(c) {
        add(Rule::Width, width::half(c).is_some());
        add(Rule::Nfkc, nfkc::concerns(c));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tidy_texts_need_no_rule() {
        for text in [
            "",
            "Plain text, 1,000 words.\n\nNext",
            "你好，世界！（真的）",
            "Café naïve 1000000",
            "a < b & c",
        ] {
            assert_eq!(survey(text, &Settings::default()), RuleSet::NONE, "{text}");
        }
    }

    #[test]
    fn each_rule_is_named() {
        for (text, rule) in [
            ("a\0", Rule::Control),
            ("加\u{200B}", Rule::ZeroWidth),
            ("①", Rule::Nfkc),
            ("Ａ", Rule::Width),
            ("<b>", Rule::Html),
            ("a\n\n\nb", Rule::Whitespace),
            ("aaaaa", Rule::Repeated),
        ] {
            assert!(survey(text, &Settings::default()).has(rule), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_rule_that_is_not_named_has_nothing_to_do(
            text in "[\\PC]{0,30}|[ \t\r\n\u{3000}\u{85}ab]{0,20}|[a<>/&;#!\u{200D}❤\u{FE0F}\u{301}ａ，１1哈]{0,30}|\\p{any}{0,30}",
            max_blank_lines in 0usize..3,
        ) {
            let settings = Settings { max_blank_lines, max_repeat: 2, ..Settings::default() };
            let named = survey(&text, &settings);
            for rule in Rule::ALL.into_iter().filter(|&rule| settings.rules.has(rule)) {
                if !named.has(rule) {
                    prop_assert_eq!(rule.apply(&text, &settings), None, "{:?}", rule);
                }
            }
        }
    }
}
