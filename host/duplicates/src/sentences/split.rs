//! Where sentences end, in Chinese and in the languages that write a space behind a full stop.

/// The sentences of a text with their first bytes. Together they are the text: white space before a sentence is its own.
///
/// A sentence ends behind `。！？；…`, behind `.!?` where white space, the end, or writing without spaces follows, and
/// with its line; quotation marks and brackets that close behind an end stay with it.
pub(crate) fn sentences(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = &text[start..];
        if rest.is_empty() {
            return None;
        }
        let length = end(rest);
        let sentence = (start, &rest[..length]);
        start += length;
        Some(sentence)
    })
}

fn end(text: &str) -> usize {
    let (mut ended, mut spaced, mut begun) = (false, false, false);
    for (position, c) in text.char_indices() {
        match c {
            '\n' if begun => return position + 1,
            '。' | '！' | '？' | '；' | '…' | '｡' => (ended, spaced) = (true, false),
            '.' | '!' | '?' | '۔' | '।' | '؟' => (ended, spaced) = (true, !ended || spaced),
            '”' | '’' | '"' | '\'' | '）' | ')' | '】' | ']' | '」' | '』' | '》' | '»'
                if ended => {}
            _ if ended && (!spaced || c.is_whitespace() || !c.is_ascii()) => return position,
            _ => ended = false,
        }
        begun |= !c.is_whitespace();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).map(|(_, sentence)| sentence).collect()
    }

    #[test]
    fn both_languages_and_lines() {
        assert_eq!(
            split("你好！他说：“走。”然后走了。\n好"),
            ["你好！", "他说：“走。”", "然后走了。\n", "好"]
        );
        assert_eq!(
            split("It costs 3.5 at example.com. Really?! (Yes.) ok"),
            [
                "It costs 3.5 at example.com.",
                " Really?!",
                " (Yes.)",
                " ok"
            ]
        );
        assert_eq!(split("One line\n\nanother"), ["One line\n", "\nanother"]);
    }

    proptest! {
        #[test]
        fn together_they_are_the_text(text in "[a中。！.!?”\" \n]{0,30}|\\PC{0,30}") {
            prop_assert_eq!(split(&text).concat(), text);
        }
    }
}
