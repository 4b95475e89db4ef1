//! `c4-lines`: keeps the lines that are sentences, as C4 does (Raffel et al. 2020, and the code of its authors).
//!
//! A line goes that does not end in terminal punctuation (`.`, `!`, `?` or a closing quotation mark, but not `...`; in
//! Chinese `。！？；…”』」`), has fewer words than three (Chinese: fewer characters than five), has a word of more than
//! 1,000 code points, speaks of JavaScript, or has the words of a cookie or privacy notice. Marks of citations
//! (`[12]`, `[edit]`, `[citation needed]`) go from the lines that stay.

use crate::characters::is_han;
use crate::edits::{Edits, Rewrite};
use crate::sentences::ends_chinese;

const LEAST_WORDS: usize = 3;
const LEAST_CHINESE: usize = 5;
const LONGEST_WORD: usize = 1_000;

/// Words of notices, in lower case.
const NOTICES: &[&str] = &[
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
    "javascript",
    "隐私政策",
    "隱私政策",
    "使用条款",
    "使用條款",
    "服务条款",
    "使用cookie",
    "cookie政策",
    "版权所有",
    "版權所有",
];

/// Each line and each mark of a citation is one place.
pub fn apply(text: &str) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let trimmed = line.trim();
        if trimmed.is_empty() || stays(trimmed) {
            citations(&mut edits, text, start, end);
        } else {
            edits.remove(start, end);
        }
        start = end;
    }
    edits.finish()
}

fn stays(line: &str) -> bool {
    let uncited = line.trim_end_matches(|c: char| c == '[' || c == ']' || c.is_ascii_digit());
    let line = if line.ends_with(']') { uncited } else { line };
    let Some(last) = line.chars().next_back() else {
        return false;
    };
    let terminal = matches!(
        last,
        '.' | '!' | '?' | '"' | '\'' | '”' | '’' | '」' | '』' | '）'
    ) || ends_chinese(last);
    if !terminal || line.ends_with("...") {
        return false;
    }
    let chinese = line
        .chars()
        .filter(|&c| is_han(c))
        .take(LEAST_CHINESE)
        .count()
        == LEAST_CHINESE;
    let mut words = 0;
    for word in line.split_whitespace() {
        words += 1;
        if !chinese && word.len() > LONGEST_WORD && word.chars().count() > LONGEST_WORD {
            return false;
        }
    }
    let lower = line.to_lowercase();
    (chinese || words >= LEAST_WORDS) && !NOTICES.iter().any(|notice| lower.contains(notice))
}

/// Removes the marks of citations from a line.
fn citations(edits: &mut Edits<'_>, text: &str, start: usize, end: usize) {
    let mut at = start;
    while let Some(found) = text[at..end].find('[') {
        let open = at + found;
        at = open + 1;
        let Some(length) = text[at..end].bytes().take(20).position(|byte| byte == b']') else {
            continue;
        };
        let inside = &text.as_bytes()[at..at + length];
        if inside.iter().all(u8::is_ascii_digit)
            || inside == b"edit"
            || inside == b"citation needed"
        {
            at += length + 1;
            edits.remove(open, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_that_are_sentences_stay() {
        let text = "Home | About\nThis is a sentence.[12]\nOk.\nPlease enable JavaScript now.\nIt goes on...\n今天天气很好。\n首页\n点击同意隐私政策。\n";
        let rewrite = apply(text).unwrap();
        assert_eq!(rewrite.text, "This is a sentence.\n今天天气很好。\n");
        assert_eq!(rewrite.places, 7);
        assert_eq!(apply("He said \"go away now.\"\n\nIs it so?"), None);
        assert_eq!(apply(""), None);
    }

    #[test]
    fn words_without_end_go() {
        assert_eq!(
            apply(&format!("a b {}.", "x".repeat(1_001))).unwrap().text,
            ""
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(\\[|\\]|1|edit|a |中|。|\\.|\n){0,30}|\\p{any}{0,30}") {
            let _ = apply(&text);
        }
    }
}
