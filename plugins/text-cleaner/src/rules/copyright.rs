//! `copyright`: the comment about rights that files of code begin with.
//!
//! A first block comment (`/* … */`) goes where it speaks of copyright. Where there is no block comment, the lines of
//! comment (`//`, `#`, `--`) and the empty lines that the text begins with go, as RedPajama has it.

use crate::edits::{Edits, Rewrite};

/// The comment is one place.
pub fn apply(text: &str) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let block = text.find("/*").and_then(|start| {
        let length = text[start + 2..].find("*/")?;
        Some((start, start + 2 + length + 2))
    });
    if let Some((start, end)) = block {
        let comment = text[start..end].to_lowercase();
        if comment.contains("copyright") || comment.contains("版权") || comment.contains("版權")
        {
            edits.remove(start, end);
        }
        return edits.finish();
    }
    let is_comment = |line: &str| {
        let line = line.trim_end_matches(['\r', '\n']);
        line.is_empty() || ["//", "#", "--"].iter().any(|mark| line.starts_with(mark))
    };
    let length = text
        .split_inclusive('\n')
        .take_while(|line| is_comment(line))
        .map(str::len)
        .sum();
    if length > 0 {
        edits.remove(0, length);
    }
    edits.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_about_rights_go() {
        assert_eq!(apply("/* Copyright A */\nint x;").unwrap().text, "\nint x;");
        assert_eq!(
            apply("// one\n# two\n\ncode // x").unwrap().text,
            "code // x"
        );
        assert_eq!(apply("# all").unwrap().text, "");
    }

    #[test]
    fn other_comments_stay() {
        for text in ["code /* a comment */", "code // x", "", "/* no end"] {
            assert_eq!(apply(text), None, "{text}");
        }
    }
}
