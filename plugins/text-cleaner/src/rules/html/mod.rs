//! `html`: tags, comments, scripts and styles go; character references become characters.
//!
//! Text that only looks like HTML stays: `a < b`, `<3`, `Dear <name>`, `<someone@example.com>`, `AT&T`. An element
//! that HTML does not know is a tag where it has attributes, closes itself, or is closed in the same text.
//!
//! One pass takes linear time: what was read and found to be text is not read again, and what was looked for and not
//! found is not looked for again. What a pass uncovers, such as the tag in `&lt;b&gt;`, is for the next pass.

mod elements;
mod references;
mod tag;

use std::collections::HashSet;

use crate::edits::{Edits, Rewrite};
use elements::Gap;

/// What is written where a block, a line break or a table cell was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HtmlBreak {
    /// A line break, between cells a space.
    #[default]
    Newline,
    /// A space.
    Space,
    /// Nothing: the texts of neighbouring blocks are joined.
    Nothing,
}

impl HtmlBreak {
    /// What is written for a gap after `before`, so that nested blocks leave one line break and not ten.
    fn text(self, gap: Gap, before: Option<char>) -> &'static str {
        let redundant = before.is_none_or(|c| {
            if self == Self::Newline {
                c == '\n'
            } else {
                c.is_whitespace()
            }
        });
        match (gap, self) {
            (Gap::None, _) | (_, Self::Nothing) => "",
            (Gap::Break, Self::Newline) => "\n",
            (Gap::Cell, _) if before.is_none_or(char::is_whitespace) => "",
            _ if redundant => "",
            (Gap::Line, Self::Newline) => "\n",
            _ => " ",
        }
    }
}

/// Whether the two bytes can begin a tag, a comment or a reference.
pub fn concerns(first: u8, second: u8) -> bool {
    match first {
        b'<' => second.is_ascii_alphabetic() || matches!(second, b'/' | b'!' | b'?'),
        b'&' => second.is_ascii_alphabetic() || second == b'#',
        _ => false,
    }
}

/// One pass over the text; each tag, comment, script and reference is one place.
///
/// `bullet` is written where an item of a list begins.
pub fn apply(text: &str, html_break: HtmlBreak, bullet: &str) -> Option<Rewrite> {
    let missing = Missing::default();
    let mut pass = Pass {
        text,
        html_break,
        bullet,
        edits: Edits::new(text),
        missing,
        read_until: 0,
        closed: None,
    };
    let mut at = 0;
    while let Some(found) = text[at..].find(['<', '&']) {
        let start = at + found;
        let bytes = text.as_bytes();
        at = match bytes.get(start + 1) {
            Some(&next) if concerns(bytes[start], next) => match bytes[start] {
                b'&' => pass.reference(start),
                _ if start < pass.read_until => start + 1,
                _ => pass.markup(start, next),
            },
            _ => start + 1,
        };
    }
    pass.edits.finish()
}

/// Puts a space after every `<` and `&` that a tag, comment or reference could begin with.
///
/// For texts built so that each pass uncovers more: this ends it, since no rule removes a single space inside a line.
pub fn disarm(text: &str) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    for (position, pair) in text.as_bytes().windows(2).enumerate() {
        if concerns(pair[0], pair[1]) {
            edits.replace(position + 1, position + 1, " ");
        }
    }
    edits.finish()
}

/// What the rest of the text is known not to have.
#[derive(Default)]
struct Missing {
    quotes: tag::Missing,
    comment_end: bool,
    cdata_end: bool,
    script_end: bool,
    style_end: bool,
}

struct Pass<'a> {
    text: &'a str,
    html_break: HtmlBreak,
    bullet: &'a str,
    edits: Edits<'a>,
    missing: Missing,
    /// Up to here, every `<` was read and found to be text.
    read_until: usize,
    /// The names that the text closes, in lower case; collected when first asked for.
    closed: Option<HashSet<String>>,
}

impl Pass<'_> {
    /// Treats the `<` at `start`; answers from where to go on.
    fn markup(&mut self, start: usize, next: u8) -> usize {
        let rest = &self.text[start..];
        match next {
            b'!' if rest.starts_with("<!--") => {
                match find(self.text, start + 4, "-->", &mut self.missing.comment_end) {
                    Some(end) => self.remove(start, end + 3, Gap::None),
                    None => start + 4,
                }
            }
            b'!' if rest.starts_with("<![CDATA[") => {
                match find(self.text, start + 9, "]]>", &mut self.missing.cdata_end) {
                    Some(end) => {
                        self.remove(start, start + 9, Gap::None);
                        self.remove(end, end + 3, Gap::None)
                    }
                    None => start + 9,
                }
            }
            b'!' | b'?' => self.declaration(start),
            _ => self.tag(start),
        }
    }

    /// `<!DOCTYPE html>`, `<?xml version="1.0"?>`
    fn declaration(&mut self, start: usize) -> usize {
        let inside = start + 2;
        let rest = &self.text[inside..];
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return inside;
        }
        match rest.find(['<', '>']) {
            Some(length) if rest.as_bytes()[length] == b'>' => {
                self.remove(start, inside + length + 1, Gap::None)
            }
            Some(length) => inside + length,
            None => self.text.len(),
        }
    }

    fn tag(&mut self, start: usize) -> usize {
        let tag = match tag::read(self.text, start, &mut self.missing.quotes) {
            Ok(tag) => tag,
            Err(stopped) => {
                // References on the way are still to be decoded.
                self.read_until = stopped;
                return start + 1;
            }
        };
        if !tag.certain && !self.is_closed(tag.name) {
            return tag.end;
        }
        let gap = elements::gap(tag.name).unwrap_or(Gap::None);
        if !tag.closes && elements::has_no_text(tag.name) {
            let end = self.end_of_content(tag.name, tag.end).unwrap_or(tag.end);
            return self.remove(start, end, gap);
        }
        if !tag.closes && !self.bullet.is_empty() && tag.name.eq_ignore_ascii_case("li") {
            let gap = self.html_break.text(gap, self.edits.last_before(start));
            let with = format!("{gap}{}", self.bullet);
            self.edits.replace(start, tag.end, &with);
            return tag.end;
        }
        self.remove(start, tag.end, gap)
    }

    fn remove(&mut self, start: usize, end: usize, gap: Gap) -> usize {
        let with = self.html_break.text(gap, self.edits.last_before(start));
        self.edits.replace(start, end, with);
        end
    }

    /// Where the tag that closes a script or style ends. Where none does, only the opening tag is removed:
    /// in a text that was cut off, some noise is better than losing the rest.
    fn end_of_content(&mut self, name: &str, from: usize) -> Option<usize> {
        let missing = if name.len() == "script".len() {
            &mut self.missing.script_end
        } else {
            &mut self.missing.style_end
        };
        if *missing {
            return None;
        }
        let mut at = from;
        while let Some(found) = self.text[at..].find("</") {
            at += found + 2;
            let Some(after) = self
                .text
                .get(at..at + name.len())
                .filter(|end| end.eq_ignore_ascii_case(name))
            else {
                continue;
            };
            let rest = self.text[at + after.len()..].trim_ascii_start();
            if rest.starts_with('>') {
                return Some(self.text.len() - rest.len() + 1);
            }
        }
        *missing = true;
        None
    }

    /// Whether the text has a tag `</name>` anywhere.
    fn is_closed(&mut self, name: &str) -> bool {
        let closed = self.closed.get_or_insert_with(|| {
            let ends = self.text.match_indices("</");
            ends.filter_map(|(start, _)| tag::closing_name(&self.text[start + 2..]))
                .map(str::to_ascii_lowercase)
                .collect()
        });
        !closed.is_empty() && closed.contains(&name.to_ascii_lowercase())
    }

    /// Treats the `&` at `start`. `&amp;amp;lt;` is followed to its end, however often it was escaped.
    fn reference(&mut self, start: usize) -> usize {
        let mut decoded = '&';
        let mut end = start + 1;
        while decoded == '&'
            && let Some((c, length)) = decode(&self.text[end..])
        {
            decoded = c;
            end += length;
        }
        if end > start + 1 {
            self.edits
                .replace(start, end, decoded.encode_utf8(&mut [0; 4]));
        }
        end
    }
}

/// Finds `wanted` at or after `from`, unless it is known to be missing.
fn find(text: &str, from: usize, wanted: &str, missing: &mut bool) -> Option<usize> {
    if *missing {
        return None;
    }
    let found = text[from..].find(wanted).map(|at| from + at);
    *missing = found.is_none();
    found
}

/// Decodes what follows an `&`: the character, and how many bytes stand for it.
fn decode(rest: &str) -> Option<(char, usize)> {
    if let Some(number) = rest.strip_prefix('#') {
        let (digits, radix) = match number.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16),
            None => (number, 10),
        };
        let length = digits
            .bytes()
            .take_while(|&byte| char::from(byte).is_digit(radix))
            .count();
        let value = digits[..length].chars().filter_map(|c| c.to_digit(radix));
        let value = value.fold(0u32, |sum, digit| {
            sum.saturating_mul(radix).saturating_add(digit)
        });
        let terminated = digits[length..].starts_with(';');
        let read = rest.len() - digits.len() + length + usize::from(terminated);
        return (length > 0 && terminated).then(|| (references::numbered(value), read));
    }
    let length = rest
        .bytes()
        .take(references::LONGEST + 1)
        .take_while(u8::is_ascii_alphanumeric)
        .count();
    let name = &rest[..length];
    match rest.as_bytes().get(length) {
        Some(b';') => references::named(name).map(|c| (c, length + 1)),
        // Often written without the semicolon. In `?a=1&lt=2` it is the name of a parameter.
        Some(b'=') => None,
        _ if matches!(name, "nbsp" | "amp" | "lt" | "gt" | "quot") => {
            references::named(name).map(|c| (c, length))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        apply(text, HtmlBreak::Newline, "").map_or_else(|| text.to_owned(), |rewrite| rewrite.text)
    }

    #[test]
    fn tags_leave_lines_where_blocks_were() {
        let text = "<div><p class=\"x\">你好</p><p>世界<br/>再见</p></div>";
        assert_eq!(
            apply(text, HtmlBreak::Newline, "").unwrap(),
            Rewrite {
                text: "你好\n世界\n再见\n".into(),
                places: 7
            }
        );
        assert_eq!(
            apply(text, HtmlBreak::Space, "").unwrap().text,
            "你好 世界 再见 "
        );
        assert_eq!(
            apply(text, HtmlBreak::Nothing, "").unwrap().text,
            "你好世界再见"
        );
        assert_eq!(
            clean("<table><tr><td>a</td><td>b</td></tr></table>"),
            "a b \n"
        );
        assert_eq!(clean("a <b>bold</b>, <i>word</i>"), "a bold, word");
    }

    #[test]
    fn items_of_lists_can_have_a_bullet() {
        let list = apply(
            "<ul><li>一</li><li class='x'>二</li></ul>",
            HtmlBreak::Newline,
            "- ",
        );
        assert_eq!(list.unwrap().text, "- 一\n- 二\n");
    }

    #[test]
    fn what_is_not_for_readers_goes() {
        assert_eq!(clean("a<!-- <p> x -->b"), "ab");
        assert_eq!(
            clean("a<script type='x'>if (a<b) '</p>'</SCRIPT >b<style>p{}</style>c"),
            "abc"
        );
        assert_eq!(
            clean("<!DOCTYPE html><?xml version=\"1.0\"?>a<![CDATA[<b]]>"),
            "a<b"
        );
    }

    #[test]
    fn what_only_looks_like_html_stays() {
        for text in [
            "a < b && c > d",
            "I <3 you",
            "x<y",
            "if a <b and c> d",
            "Dear <name>, Vec<String>",
            "John <john@example.com>",
            "<https://example.com/a?b=1&lt=2&copy=3>",
            "AT&T R&D a&b; &;&#;&#x;&unknown;",
            "<!-- no end",
            "1<!2",
            "价格<100元",
            "<-- <= <> </> <名称>",
        ] {
            assert_eq!(apply(text, HtmlBreak::Newline, ""), None, "{text}");
        }
    }

    #[test]
    fn unknown_elements_go_where_they_are_closed() {
        assert_eq!(clean("<a1bcd>测试</A1BCD>"), "测试");
        assert_eq!(clean("<o:p>x</o:p><x y='1'>z"), "xz");
    }

    #[test]
    fn references_become_characters() {
        assert_eq!(
            clean("&lt;3 &amp; &#20320;&#x597D; &yen;5&nbsp好 &#146;"),
            "<3 & 你好 ¥5\u{A0}好 ’"
        );
        assert_eq!(clean("&amp;amp;amp;quot;"), "\"");
        assert_eq!(clean("&#38;#38;lt;"), "<");
        assert_eq!(
            clean("<b x&amp;y> <a href='&lt;' \"&gt;"),
            "<b x&y> <a href='<' \">"
        );
        assert_eq!(
            clean("&#0;&#xD800;&#99999999999999999999;"),
            "\u{FFFD}\u{FFFD}\u{FFFD}"
        );
    }

    #[test]
    fn a_script_without_end_loses_only_its_tag() {
        assert_eq!(clean("a<script>b"), "ab");
    }

    #[test]
    fn disarmed_text_has_nothing_for_a_pass() {
        let text = disarm("<<b>x&amp;amp;</i><!--").unwrap().text;
        assert_eq!(text, "<< b>x& amp;amp;< /i>< !--");
        assert_eq!(apply(&text, HtmlBreak::Newline, ""), None);
    }

    #[test]
    fn hostile_texts_take_linear_time() {
        let n = 200_000;
        for text in [
            "<".repeat(n),
            "<a ".repeat(n),
            "<a b=\"".repeat(n),
            "<a b='\"".repeat(n),
            "<a b=\"' c='\"".repeat(n),
            "<script>".repeat(n),
            "<style><script></".repeat(n),
            "<!--".repeat(n),
            "<![CDATA[".repeat(n),
            "<!a".repeat(n),
            "&".repeat(n),
            "&amp".repeat(n),
            "&#".repeat(n),
            format!("&#{};", "9".repeat(n)),
            "<x>".repeat(n),
            "</x".repeat(n),
            "<a =".repeat(n),
            "<div>".repeat(n) + &"</div>".repeat(n),
        ] {
            // Quadratic time would be minutes, not milliseconds.
            let begun = std::time::Instant::now();
            let _ = apply(&text, HtmlBreak::Newline, "");
            assert!(begun.elapsed().as_secs() < 5, "{}", &text[..20]);
        }
    }
}
