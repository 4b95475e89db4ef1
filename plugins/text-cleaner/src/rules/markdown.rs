//! `markdown`: the marks of Markdown go, what they mark stays.
//!
//! The text is read as CommonMark with tables, strikethrough and task lists. Of links and pictures the text stays, of
//! headings, emphasis and code what is between the marks, of tables the cells with spaces between. Items of lists keep
//! their bullets and numbers, which say something. Lines stay lines. HTML is not touched: it has its own rule.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::edits::Rewrite;

/// Each stretch of marks is one place.
pub fn apply(text: &str) -> Option<Rewrite> {
    let marks = ['#', '*', '_', '`', '~', '[', '>', '|', '=', '-', '\\'];
    if !text.contains(marks) {
        return None;
    }
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut plain = Plain {
        text,
        out: String::with_capacity(text.len()),
        read: 0,
        places: 0,
    };
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Text(content) | Event::Code(content) => {
                plain.write(range.start, &content, range.end);
            }
            Event::Html(_) | Event::InlineHtml(_) => {
                let end = range.end.max(plain.read);
                let start = range.start.max(plain.read);
                plain.write(start, &text[start..end], end);
            }
            Event::SoftBreak | Event::HardBreak => plain.skip(range.end),
            Event::TaskListMarker(_) => plain.write(range.start, &text[range.clone()], range.end),
            Event::Start(Tag::Item) => plain.bullet(range.start),
            Event::Start(Tag::TableCell) => plain.cell(range.start),
            Event::End(TagEnd::TableHead | TagEnd::TableRow) => plain.skip(range.end),
            _ => {}
        }
    }
    plain.skip(text.len());
    // Markdown takes the indentation of lines for nothing, so that white space alone is no mark.
    let changed = plain.places > 0 && plain.out != text;
    changed.then_some(Rewrite {
        text: plain.out,
        places: plain.places,
    })
}

struct Plain<'a> {
    text: &'a str,
    out: String,
    /// How far the source is read.
    read: usize,
    places: u32,
}

impl Plain<'_> {
    /// Writes what stands between `start` and `end`, after the white space of what is before.
    fn write(&mut self, start: usize, content: &str, end: usize) {
        self.skip(start);
        self.out.push_str(content);
        self.read = self.read.max(end);
    }

    /// Leaves the marks up to `end` out; line breaks and the spaces around them stay.
    fn skip(&mut self, end: usize) {
        if end <= self.read {
            return;
        }
        let gap = &self.text[self.read..end];
        self.read = end;
        let mut marks = false;
        for c in gap.chars() {
            match c {
                '\n' => self.out.push('\n'),
                c if c.is_whitespace() => {
                    // The space that a mark needs (`# Title`) goes with it.
                    if !marks && !self.out.is_empty() && !self.out.ends_with('\n') {
                        self.out.push(c);
                    }
                }
                _ => marks = true,
            }
        }
        self.places = self.places.saturating_add(u32::from(marks));
    }

    fn bullet(&mut self, start: usize) {
        self.skip(start);
        let rest = &self.text[self.read..];
        let mark = rest.find(char::is_whitespace).unwrap_or(rest.len());
        self.out.push_str(&rest[..mark]);
        self.out.push(' ');
        let space = rest[mark..].find(|c: char| c == '\n' || !c.is_whitespace());
        self.read += mark + space.unwrap_or(rest.len() - mark);
    }

    fn cell(&mut self, start: usize) {
        self.skip(start);
        if !self.out.is_empty() && !self.out.ends_with(char::is_whitespace) {
            self.out.push(' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> String {
        apply(text).map_or_else(|| text.to_owned(), |rewrite| rewrite.text)
    }

    #[test]
    fn marks_go() {
        assert_eq!(
            plain("# 标题\n\n**粗体**和*斜体*，`code`，~~old~~"),
            "标题\n\n粗体和斜体，code，old"
        );
        assert_eq!(
            plain("see [the page](http://x.org \"t\") and ![a cat](c.png)"),
            "see the page and a cat"
        );
        assert_eq!(
            plain("> quoted\n> twice\n\n---\n\nend\\*"),
            "quoted\ntwice\n\n\n\nend*"
        );
        assert_eq!(
            plain("```rust\nlet x = 1;\n```\nafter"),
            "\nlet x = 1;\n\nafter"
        );
    }

    #[test]
    fn lists_and_tables_stay_readable() {
        assert_eq!(
            plain("- **one**\n- two\n\n1. three"),
            "- one\n- two\n\n1. three"
        );
        let table = plain("| a | b |\n|---|---|\n| 1 | *2* |");
        assert_eq!(
            table.split_whitespace().collect::<Vec<_>>(),
            ["a", "b", "1", "2"]
        );
    }

    #[test]
    fn plain_text_stays() {
        for text in [
            "",
            "one\ntwo",
            "snake_case_name 2 * 3 * 4",
            "- one\n- two",
            "  indented",
            "a < b > c",
            "价格 - 100",
        ] {
            assert_eq!(apply(text), None, "{text}");
        }
    }

    #[test]
    fn nesting_takes_no_stack() {
        for piece in ["> ", "- ", "*", "[", "![", "**a ", "`"] {
            let text = piece.repeat(20_000);
            let begun = std::time::Instant::now();
            let _ = apply(&text);
            assert!(begun.elapsed().as_secs() < 10, "{piece}");
        }
    }

    proptest! {
        #[test]
        fn words_stay(words in prop::collection::vec("[a-z]{1,6}|[一-龥]{1,3}", 1..8)) {
            let text = words.iter().map(|word| format!("**{word}**")).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(plain(&text), words.join(" "));
        }

        #[test]
        fn any_text_is_read(text in "[#*_`~>|\\[\\]()!\\\\ \\n\\ta-c中-]{0,60}|\\p{any}{0,40}") {
            let _ = apply(&text);
        }
    }
}
