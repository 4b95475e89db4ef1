//! `mail-headers`, `mail-quotes`, `signatures`: what a mail has beside what its author writes in it.
//!
//! Headers are two or more lines `Name: value` (in English or Chinese) at the beginning of the text. Quotes are lines
//! that begin with `>`, with the line that introduces them (`… wrote:`, `…写道：`), and everything behind a line that
//! says that the original message follows. A signature begins with `-- ` (RFC 3676) near the end, or is the line that
//! a telephone writes under a mail.

use crate::edits::{Edits, Rewrite};

/// The names of headers, in lower case. Names that begin with `x-`, `content-` or `list-` are headers too.
const HEADERS: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "sent",
    "reply-to",
    "sender",
    "message-id",
    "in-reply-to",
    "references",
    "received",
    "return-path",
    "delivered-to",
    "mime-version",
    "importance",
    "priority",
    "dkim-signature",
    "authentication-results",
    "user-agent",
    "thread-topic",
    "thread-index",
    "attachments",
    "发件人",
    "收件人",
    "抄送",
    "密送",
    "主题",
    "日期",
    "时间",
    "发送时间",
    "发送日期",
    "回复",
    "回复地址",
    "附件",
    "重要性",
    "寄件者",
    "寄件人",
    "收件者",
    "副本",
    "密件副本",
    "主旨",
    "寄件日期",
    "發件人",
    "主題",
    "時間",
    "傳送時間",
];

/// Lines that say that the original message follows, without the dashes or underscores around.
const ORIGINAL: &[&str] = &[
    "original message",
    "forwarded message",
    "begin forwarded message:",
    "original appointment",
    "原始邮件",
    "转发邮件",
    "转发的邮件",
    "邮件原件",
    "原始郵件",
    "轉寄郵件",
    "回复的原邮件",
    "原邮件",
    "forwarded by",
];

/// How lines begin that introduce a quote, and how they end.
const INTRODUCTIONS: &[(&str, &str)] = &[
    ("on ", " wrote:"),
    ("", " wrote:"),
    ("", "写道："),
    ("", "写道:"),
    ("", "寫道："),
    ("", "寫道:"),
];

/// How the lines begin that telephones and programs write under a mail.
const DEVICES: &[&str] = &[
    "sent from my ",
    "sent from mail for ",
    "sent from outlook",
    "get outlook for ",
    "sent via ",
    "sent with ",
    "发自我的",
    "發自我的",
    "从我的",
    "從我的",
    "来自我的",
    "发送自",
];

/// The lines of a text with where they begin; line breaks belong to the line before them.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line)
    })
}

/// Removes the headers that the text begins with; they are one place.
pub fn headers(text: &str) -> Option<Rewrite> {
    let mut end = 0;
    let mut count = 0;
    for (start, line) in lines(text) {
        let continued = count > 0 && line.starts_with([' ', '\t']) && !line.trim().is_empty();
        if !continued && !is_header(line) {
            // Blank lines before and behind go with the headers.
            if line.trim().is_empty() && (count == 0 || end == start) {
                end = start + line.len();
                if count > 0 {
                    break;
                }
                continue;
            }
            break;
        }
        count += u32::from(!continued);
        end = start + line.len();
    }
    let mut edits = Edits::new(text);
    if count >= 2 {
        edits.remove(0, end);
    }
    edits.finish()
}

fn is_header(line: &str) -> bool {
    let Some((name, _)) = line.split_once([':', '：']) else {
        return false;
    };
    let name = name.trim().trim_matches('*');
    if name.len() > 40 {
        return false;
    }
    let name = name.to_lowercase();
    HEADERS.contains(&name.as_str())
        || ["x-", "content-", "list-"]
            .iter()
            .any(|begin| name.starts_with(begin))
}

/// Removes quoted messages; each stretch of quoted lines is one place.
pub fn quotes(text: &str) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut removed = 0;
    // A line that may introduce a quote: where it begins.
    let mut introduction = None;
    let mut quote: Option<(usize, usize)> = None;
    for (start, line) in lines(text) {
        let trimmed = line.trim();
        if is_original(trimmed) {
            let from = quote
                .take()
                .map_or(introduction.take().unwrap_or(start), |(from, _)| from);
            edits.remove(from, text.len());
            removed = text.len();
            break;
        }
        let end = start + line.len();
        if trimmed.starts_with('>') {
            let from = introduction.take().unwrap_or(start);
            quote = Some((quote.map_or(from, |(from, _)| from), end));
        } else if !trimmed.is_empty() {
            if let Some((from, to)) = quote.take() {
                edits.remove(from, to);
                removed = to;
            }
            introduction = is_introduction(trimmed).then_some(start);
        }
    }
    if let Some((from, to)) = quote.filter(|&(from, _)| from >= removed && removed < text.len()) {
        edits.remove(from, to);
    }
    edits.finish()
}

fn is_original(line: &str) -> bool {
    let said = line.trim_matches(|c: char| matches!(c, '-' | '_' | '=' | '*' | '>' | '—' | ' '));
    let fits = said.len() < line.len() || said.ends_with(':');
    fits && said.len() < 60
        && ORIGINAL
            .iter()
            .any(|original| said.to_lowercase() == *original)
}

fn is_introduction(line: &str) -> bool {
    if line.len() > 300 {
        return false;
    }
    let lower = line.to_lowercase();
    INTRODUCTIONS
        .iter()
        .any(|(begins, ends)| lower.starts_with(begins) && lower.ends_with(ends))
}

/// Removes signatures; each is one place.
pub fn signatures(text: &str) -> Option<Rewrite> {
    /// A signature has four lines by custom; longer stretches behind `-- ` are something else.
    const MOST_LINES: usize = 12;
    let mut edits = Edits::new(text);
    let mut delimiter = None;
    let mut last = 0;
    for (start, line) in lines(text) {
        if matches!(
            line.trim_end_matches(['\r', '\n']),
            "--" | "-- " | "__ " | "--\u{A0}"
        ) && start > 0
        {
            delimiter = Some((start, last));
        }
        last += 1;
    }
    let signature = delimiter
        .filter(|&(_, line)| last - line <= MOST_LINES)
        .map(|(start, _)| start);
    for (start, line) in
        lines(text).take_while(|&(start, _)| signature.is_none_or(|from| start < from))
    {
        if is_device(line.trim()) {
            edits.remove(start, start + line.len());
        }
    }
    if let Some(start) = signature {
        edits.remove(start, text.len());
    }
    edits.finish()
}

fn is_device(line: &str) -> bool {
    if line.len() > 120 {
        return false;
    }
    let lower = line.trim_matches(['-', ' ', '*', '.', '。']).to_lowercase();
    let begins = DEVICES.iter().find(|device| lower.starts_with(*device));
    // `从我的` begins sentences too: a line of a telephone ends with what it was sent from.
    begins.is_some_and(|device| {
        !matches!(*device, "从我的" | "從我的")
            || lower.ends_with("发送")
            || lower.ends_with("傳送")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text_of(rewrite: Option<Rewrite>) -> Option<String> {
        rewrite.map(|rewrite| rewrite.text)
    }

    #[test]
    fn headers_at_the_beginning_go() {
        let mail = "From: A <a@b.c>\nTo: D\n e@f.g\nSubject: Hi: there\n\nHello\nTo: nobody";
        assert_eq!(text_of(headers(mail)).unwrap(), "Hello\nTo: nobody");
        assert_eq!(
            text_of(headers("发件人：张三\n主题：你好\n\n正文：好")).unwrap(),
            "正文：好"
        );
        for text in [
            "From: one line is no header\nhello",
            "Hello\nFrom: a\nTo: b",
            "注意：一\n提示：二",
            "",
        ] {
            assert_eq!(headers(text), None, "{text}");
        }
    }

    #[test]
    fn quoted_messages_go() {
        let mail = "Yes.\n\nOn 3 May, A wrote:\n> Is it?\n>> Really?\n\nBye";
        assert_eq!(text_of(quotes(mail)).unwrap(), "Yes.\n\n\nBye");
        assert_eq!(
            text_of(quotes(
                "好的\n\n------------------ 原始邮件 ------------------\n发件人: 张三\n你好"
            ))
            .unwrap(),
            "好的\n\n"
        );
        assert_eq!(
            text_of(quotes("好\n2024年5月3日，张三写道：\n> 在吗")).unwrap(),
            "好\n"
        );
        for text in ["a > b", "He wrote:\nhello", "original message", "x -> y"] {
            assert_eq!(quotes(text), None, "{text}");
        }
    }

    #[test]
    fn signatures_go() {
        assert_eq!(
            text_of(signatures("Hello\n-- \nJane\nACME")).unwrap(),
            "Hello\n"
        );
        assert_eq!(
            text_of(signatures("好的\n发自我的iPhone\n谢谢")).unwrap(),
            "好的\n谢谢"
        );
        let long = format!("a\n--\n{}", "line\n".repeat(40));
        for text in ["-- at first", "--\nx", "从我的角度看，可以", long.as_str()] {
            assert_eq!(signatures(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(From: a\n|To: b\n|> q\n|On x wrote:\n|--\n|-- 原始邮件 --\n|发自我的x\n|text\n|\n| |中){0,12}|\\p{any}{0,40}") {
            for rule in [headers, quotes, signatures] {
                if let Some(rewrite) = rule(&text) {
                    prop_assert!(rewrite.text.len() < text.len());
                }
            }
        }
    }
}
