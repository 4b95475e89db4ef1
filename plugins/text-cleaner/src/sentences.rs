//! Sentences and how they end, in Chinese and in the languages that write a space behind a full stop.

/// Signs that end a sentence in Chinese, by themselves.
pub fn ends_chinese(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '；' | '…' | '｡')
}

/// Signs that end a sentence where a space or the end follows.
pub fn ends_spaced(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '۔' | '।' | '؟')
}

/// Quotation marks and brackets that close behind the end of a sentence.
pub fn closes(c: char) -> bool {
    matches!(
        c,
        '”' | '’' | '"' | '\'' | '）' | ')' | '】' | ']' | '」' | '』' | '》' | '»'
    )
}

/// The sentences of a line with where they begin. Together they are the line: white space before a sentence is its own.
pub fn sentences(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = &line[start..];
        if rest.is_empty() {
            return None;
        }
        let length = end(rest);
        let sentence = (start, &rest[..length]);
        start += length;
        Some(sentence)
    })
}

/// Where the first sentence ends.
fn end(text: &str) -> usize {
    let mut ended = false;
    let mut spaced = false;
    for (position, c) in text.char_indices() {
        if ends_chinese(c) {
            (ended, spaced) = (true, false);
        } else if ends_spaced(c) {
            (ended, spaced) = (true, !ended || spaced);
        } else if ended && closes(c) {
            // Stays with the sentence that it closes.
        } else if ended && (!spaced || c.is_whitespace() || !c.is_ascii()) {
            return position;
        } else {
            ended = false;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(line: &str) -> Vec<&str> {
        sentences(line).map(|(_, sentence)| sentence).collect()
    }

    #[test]
    fn sentences_of_both_languages() {
        assert_eq!(
            split("你好！他说：“走。”然后走了。好"),
            ["你好！", "他说：“走。”", "然后走了。", "好"]
        );
        assert_eq!(
            split("It costs 3.5 at example.com. Really?! (Yes.) ok..."),
            [
                "It costs 3.5 at example.com.",
                " Really?!",
                " (Yes.)",
                " ok..."
            ]
        );
        assert_eq!(split("OK.好的……嗯"), ["OK.", "好的……", "嗯"]);
        assert_eq!(split(""), Vec::<&str>::new());
    }

    proptest! {
        #[test]
        fn together_they_are_the_line(line in "[a中。！.!?”\" ]{0,30}|\\PC{0,30}") {
            prop_assert_eq!(split(&line).concat(), line);
        }
    }
}
