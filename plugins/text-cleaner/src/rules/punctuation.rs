//! `punctuation`: one form of it, that of Chinese or that of English.
//!
//! To English every sign of Chinese becomes the one of ASCII that stands for it (after the table of CCNet, Wenzek et
//! al. 2020, with quotation marks and dashes). To Chinese only what stands after Chinese (or closes what Chinese
//! opened) becomes full-width: `3.14`, `12:30` and English sentences stay.

use crate::characters::is_han;
use crate::edits::{Edits, Rewrite};

/// Which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Punctuation {
    /// `，。！？`
    Chinese,
    /// `,.!?`
    English,
}

/// Each changed sign is one place.
pub fn apply(text: &str, form: Punctuation) -> Option<Rewrite> {
    match form {
        Punctuation::English => to_english(text),
        Punctuation::Chinese => to_chinese(text),
    }
}

fn to_english(text: &str) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    for (start, c) in text.char_indices().filter(|(_, c)| !c.is_ascii()) {
        if let Some(with) = english(c) {
            edits.replace(start, start + c.len_utf8(), with);
        }
    }
    edits.finish()
}

fn english(c: char) -> Option<&'static str> {
    Some(match c {
        '，' | '、' | '،' | '﹐' | '､' => ",",
        '。' | '．' | '｡' | '﹒' => ".",
        '！' | '﹗' => "!",
        '？' | '﹖' => "?",
        '；' | '﹔' => ";",
        '：' | '∶' | '﹕' => ":",
        '（' | '﹙' => "(",
        '）' | '﹚' => ")",
        '【' | '［' | '〔' => "[",
        '】' | '］' | '〕' => "]",
        '｛' => "{",
        '｝' => "}",
        '〈' | '＜' => "<",
        '〉' | '＞' => ">",
        '“' | '”' | '„' | '«' | '»' | '「' | '」' | '『' | '』' | '《' | '》' | '〝' | '〞'
        | '＂' => "\"",
        '‘' | '’' | '´' | '＇' => "'",
        '–' | '━' | '►' | '－' => "-",
        '—' => " - ",
        '…' => "...",
        '～' => "~",
        '％' => "%",
        '＃' => "#",
        '＆' => "&",
        '＊' => "*",
        '＋' => "+",
        '／' => "/",
        '＝' => "=",
        '＠' => "@",
        _ => return None,
    })
}

fn to_chinese(text: &str) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut before = ' ';
    // Whether each open bracket and the open quotation became Chinese.
    let mut brackets: Vec<bool> = Vec::new();
    let mut quoted = false;
    for (start, c) in text.char_indices() {
        let after = text[start + c.len_utf8()..].chars().next();
        let chinese_before = is_chinese(before);
        let chinese_after = after.is_some_and(is_chinese);
        let with = match c {
            '(' => {
                let wide = chinese_before || (chinese_after && !before.is_ascii_alphanumeric());
                // Brackets of hostile texts are not all remembered.
                if brackets.len() < 1_000 {
                    brackets.push(wide);
                }
                wide.then_some('（')
            }
            ')' => brackets.pop().unwrap_or(chinese_before).then_some('）'),
            '"' if quoted => {
                quoted = false;
                Some('”')
            }
            '"' if chinese_before || chinese_after => {
                quoted = true;
                Some('“')
            }
            _ if !chinese_before => None,
            ',' => Some('，'),
            '.' if after
                .is_none_or(|c| c.is_whitespace() || is_chinese(c) || matches!(c, '"' | ')')) =>
            {
                Some('。')
            }
            '!' => Some('！'),
            '?' => Some('？'),
            ';' => Some('；'),
            ':' if after != Some('/') => Some('：'),
            _ => None,
        };
        if let Some(with) = with {
            edits.replace(start, start + 1, with.encode_utf8(&mut [0; 4]));
        }
        before = with.unwrap_or(c);
    }
    edits.finish()
}

/// Letters of Chinese, and the signs that stand among them.
fn is_chinese(c: char) -> bool {
    is_han(c)
        || matches!(
            c,
            '，' | '。'
                | '！'
                | '？'
                | '；'
                | '：'
                | '、'
                | '（'
                | '）'
                | '《'
                | '》'
                | '“'
                | '”'
                | '「'
                | '」'
                | '【'
                | '】'
                | '…'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn formed(text: &str, form: Punctuation) -> String {
        apply(text, form).map_or_else(|| text.to_owned(), |rewrite| rewrite.text)
    }

    #[test]
    fn english_signs() {
        assert_eq!(
            formed("你好，“世界”！（真的）……《书》—好。", Punctuation::English),
            "你好,\"世界\"!(真的)......\"书\" - 好."
        );
        assert_eq!(apply("plain, text.", Punctuation::English), None);
    }

    #[test]
    fn chinese_signs() {
        assert_eq!(
            formed("你好,世界!(真的)他说:\"好.\"", Punctuation::Chinese),
            "你好，世界！（真的）他说：“好。”"
        );
        for text in [
            "3.14 and 12:30, ok!",
            "见http://a.b/c",
            "f(x) = \"a\"",
            "版本2.0",
        ] {
            assert_eq!(apply(text, Punctuation::Chinese), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_form_is_reached_at_once(text in "[中文，。,.!?:;()\"（）“”—…a1 \\n/]{0,30}|\\p{any}{0,30}") {
            if let Some(rewrite) = apply(&text, Punctuation::English) {
                prop_assert_eq!(apply(&rewrite.text, Punctuation::English), None);
            }
        }
    }
}
