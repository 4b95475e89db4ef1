//! `links`: addresses of pages and files go, or a mask takes their place.
//!
//! A link is what begins with a scheme and `://`, with `www.`, or is a domain with a path (`example.com/a`). It ends
//! at white space, at `<`, `>`, at quotation marks and Chinese punctuation, and where Chinese follows a letter or
//! digit of its path without a sign between, as Chinese is written on behind links. Punctuation at its end belongs
//! to the sentence; a closing bracket does where the link does not open it.

use crate::characters::is_han;
use crate::edits::{Edits, Rewrite};

/// Writes `with` in place of every link.
pub fn apply(text: &str, with: &str) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut at = 0;
    while let Some(found) = text[at..].find([':', '/', 'w', 'W']) {
        let sign = at + found;
        match begin(text, at, sign) {
            Some((start, host)) => match end(text, host) {
                Some(end) => {
                    edits.replace(start, end, with);
                    at = end;
                }
                None => at = host,
            },
            None => at = sign + 1,
        }
    }
    edits.finish()
}

/// Whether a link begins around the sign at `sign`, not before `from`: where, and where its host does.
fn begin(text: &str, from: usize, sign: usize) -> Option<(usize, usize)> {
    let (before, rest) = (&text[from..sign], &text[sign..]);
    let last = |end: usize| text[..end].chars().next_back();
    match rest.as_bytes()[0] {
        b':' if rest.starts_with("://") => Some((sign - scheme(before)?, sign + 3)),
        b':' => None,
        b'/' => {
            let start = sign - domain(before)?;
            // What follows an `@` is a mail address, what follows a `/` a path.
            let part = last(start).is_some_and(|c| {
                matches!(c, '@' | '/' | '_' | '\\' | '.' | '-') || c.is_ascii_alphanumeric()
            });
            (!part).then_some((start, start))
        }
        _ => {
            let word = last(sign)
                .is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '@' | '_' | '-'));
            let www = rest.get(..3)?.eq_ignore_ascii_case("www");
            let digits = rest
                .get(3..)?
                .bytes()
                .take_while(u8::is_ascii_digit)
                .count();
            let dot = rest.as_bytes().get(3 + digits) == Some(&b'.');
            (www && !word && digits <= 3 && dot).then_some((sign, sign))
        }
    }
}

/// How many bytes before `://` are the scheme: its letters of ASCII, or the whole word where it only begins with one.
fn scheme(before: &str) -> Option<usize> {
    const LONGEST: usize = 32;
    let ascii = before
        .bytes()
        .rev()
        .take(LONGEST)
        .take_while(|&byte| is_scheme(byte))
        .count();
    let tail = &before[before.len() - ascii..];
    if let Some(letter) = tail.find(|c: char| c.is_ascii_alphabetic()) {
        return Some(ascii - letter);
    }
    let word = before
        .chars()
        .rev()
        .take(LONGEST)
        .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    let length = word.map(char::len_utf8).sum::<usize>();
    let first = before[before.len() - length..].chars().next()?;
    first.is_ascii_alphabetic().then_some(length)
}

fn is_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// How many bytes before a `/` are a domain: `example.com`, with a last part of two to four letters.
fn domain(before: &str) -> Option<usize> {
    const LONGEST: usize = 253;
    let bytes = before.as_bytes();
    let length = bytes
        .iter()
        .rev()
        .take(LONGEST)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        .count();
    let domain = before[before.len() - length..].trim_start_matches(['.', '-']);
    let (name, last) = domain.rsplit_once('.')?;
    let last_is_fit =
        (2..=4).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_alphabetic());
    (last_is_fit && name.bytes().any(|byte| byte.is_ascii_alphanumeric())).then_some(domain.len())
}

/// Where the link ends that has its host at `host`; none where nothing follows.
fn end(text: &str, host: usize) -> Option<usize> {
    let rest = &text[host..];
    let mut before = '/';
    let mut in_path = false;
    let mut opened = 0u32;
    let mut length = rest.len();
    for (position, c) in rest.char_indices() {
        let ends = c.is_whitespace()
            || c.is_control()
            || matches!(
                c,
                '<' | '>'
                    | '"'
                    | '`'
                    | '{'
                    | '}'
                    | '|'
                    | '\\'
                    | '^'
                    | '“'
                    | '”'
                    | '‘'
                    | '’'
                    | '«'
                    | '»'
            )
            || matches!(
                c,
                '\u{3000}'
                    ..='\u{303F}' | '！' | '，' | '：' | '；' | '？' | '（' | '）' | '…' | '—'
            )
            || (in_path && is_han(c) && before.is_ascii_alphanumeric())
            || (c == ')' && opened == 0);
        if ends {
            length = position;
            break;
        }
        match c {
            '(' => opened += 1,
            ')' => opened -= 1,
            '/' | '?' | '#' => in_path = true,
            _ => {}
        }
        before = c;
    }
    let link = rest[..length].trim_end_matches([
        '.', ',', ';', ':', '!', '?', '\'', '*', '_', '~', '(', '[', ']',
    ]);
    (link.chars().any(char::is_alphanumeric)).then_some(host + link.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(text: &str) -> String {
        apply(text, "[link]").map_or_else(|| text.to_owned(), |rewrite| rewrite.text)
    }

    #[test]
    fn links_of_every_kind() {
        assert_eq!(
            masked("see https://example.com/a?b=1&c=2#d."),
            "see [link]."
        );
        assert_eq!(
            masked("FTP://user:pw@files.example.org:21/ and www.example.cn, www2.x.org"),
            "[link] and [link], [link]"
        );
        assert_eq!(
            masked("on example.com/a(b) (example.org/x) now"),
            "on [link] ([link]) now"
        );
        assert_eq!(masked("<a href=\"http://x.org/\">"), "<a href=\"[link]\">");
    }

    #[test]
    fn chinese_around_links_stays() {
        assert_eq!(
            masked("官网https://example.com/a看看，或者http://例子.cn/路径。"),
            "官网[link]看看，或者[link]。"
        );
        assert_eq!(masked("（见http://example.com/维基/中文）"), "（见[link]）");
        assert_eq!(masked("http地址://example.com/x 好"), "[link] 好");
    }

    #[test]
    fn what_is_no_link_stays() {
        for text in [
            "and/or 5km/h e.g./i.e.",
            "note: this",
            "://",
            "http://",
            "a@example.com/",
            "wwww.",
            "//comment",
            "C:/Windows",
            "1.5/2",
        ] {
            assert_eq!(apply(text, ""), None, "{text}");
        }
    }

    #[test]
    fn hostile_texts_take_linear_time() {
        for piece in [
            "://", "a://", "www.", "a.com/", "(", "a", "-", "http://(", "w",
        ] {
            let text = piece.repeat(300_000);
            let begun = std::time::Instant::now();
            let _ = apply(&text, "");
            assert!(begun.elapsed().as_secs() < 5, "{piece}");
        }
    }

    proptest! {
        #[test]
        fn a_text_without_links_stays_without(text in "([a-z]{1,3}|://|www\\.|[./@ ，()中])*") {
            let once = masked(&text);
            let again = apply(&once, "[link]");
            // A mask may stand before what was no link by itself; without a mask nothing is uncovered but joined text.
            if let Some(again) = again {
                prop_assert!(again.text.len() <= once.len() + "[link]".len() * again.places as usize);
            }
        }
    }
}
