//! Accounts of WeChat and QQ. A number or a word is one only behind its label.

use super::past_label;
use crate::entity::Entity;
use crate::recognizers::Sink;
use crate::text::{before, ends_alone, is_word};

/// Labels of WeChat accounts, small letters.
const WECHAT: [&str; 9] = [
    "微信",
    "微信号",
    "wechat",
    "weixin",
    "wx",
    "vx",
    "v信",
    "威信",
    "薇信",
];

/// Labels of QQ numbers, small letters.
const QQ: [&str; 5] = ["qq", "扣扣", "企鹅号", "qq号", "q号"];

/// Words between a label and the account.
const BETWEEN: [&str; 6] = ["账号", "帐号", "帳號", "号", "id", "群"];

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut at = 0;
    while at < chars.len() {
        if !matches!(
            chars[at],
            '微' | '威' | '薇' | 'w' | 'W' | 'v' | 'V' | 'q' | 'Q' | '扣' | '企'
        ) {
            at += 1;
            continue;
        }
        if chars[at].is_ascii() && before(chars, at).is_some_and(is_word) {
            at += 1;
            continue;
        }
        let labelled = |labels: &[&str]| {
            labels
                .iter()
                .filter_map(|label| label_end(chars, at, label))
                .max()
        };
        let found = if let Some(end) = labelled(&WECHAT) {
            account(chars, end).map(|place| (Entity::WECHAT_ID, place))
        } else if let Some(end) = labelled(&QQ) {
            number(chars, end).map(|place| (Entity::QQ_NUMBER, place))
        } else {
            None
        };
        match found {
            Some((entity, (start, end))) => {
                sink.found(entity, start, end, 0.85);
                at = end;
            }
            None => at += 1,
        }
    }
}

/// Where a label ends, with the words behind it.
fn label_end(chars: &[char], at: usize, label: &str) -> Option<usize> {
    let mut end = word_end(chars, at, label)?;
    while let Some(next) = BETWEEN
        .iter()
        .find_map(|word| word_end(chars, end + gap(chars, end), word))
    {
        end = next;
    }
    Some(end)
}

fn gap(chars: &[char], at: usize) -> usize {
    usize::from(chars.get(at) == Some(&' '))
}

fn word_end(chars: &[char], at: usize, word: &str) -> Option<usize> {
    let mut end = at;
    for c in word.chars() {
        if chars.get(end)?.to_ascii_lowercase() != c {
            return None;
        }
        end += 1;
    }
    Some(end)
}

/// A WeChat account: a letter or `_`, then 5 to 19 letters, digits, `-` and `_`.
fn account(chars: &[char], label: usize) -> Option<(usize, usize)> {
    let start = past_label(chars, label);
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let length = chars
        .get(start..)?
        .iter()
        .take(21)
        .take_while(|c| fits(c))
        .count();
    let glued = start == label && chars[label - 1].is_ascii();
    let opens = chars
        .get(start)
        .is_some_and(|c| c.is_ascii_alphabetic() || *c == '_');
    // A word behind a bare label is as likely a word: an account has more than letters.
    let named = chars[start..start + length]
        .iter()
        .any(|c| !c.is_ascii_alphabetic())
        || chars[label..start]
            .iter()
            .any(|c| matches!(c, ':' | '：' | '号' | '是' | '为'))
        || chars[label - 1] == '号';
    let fits = (6..=20).contains(&length) && opens && named && !glued;
    (fits && ends_alone(chars, start + length)).then_some((start, start + length))
}

/// A QQ number: 5 to 11 digits, the first not zero.
fn number(chars: &[char], label: usize) -> Option<(usize, usize)> {
    let start = past_label(chars, label);
    let length = chars
        .get(start..)?
        .iter()
        .take(12)
        .take_while(|c| c.is_ascii_digit())
        .count();
    let fits = (5..=11).contains(&length) && chars[start] != '0';
    (fits && ends_alone(chars, start + length)).then_some((start, start + length))
}

#[cfg(test)]
mod tests {
    use crate::entity::Entity;
    use crate::recognizers::{found, texts};

    fn accounts(text: &str) -> Vec<String> {
        texts(super::scan, text)
    }

    #[test]
    fn accounts_behind_their_labels() {
        assert_eq!(accounts("加我微信：zhang_san88，谢谢"), ["zhang_san88"]);
        assert_eq!(accounts("微信号wxid_abc123def"), ["wxid_abc123def"]);
        assert_eq!(accounts("WeChat ID: lisi-2020"), ["lisi-2020"]);
        assert_eq!(accounts("vx: abcdefg"), ["abcdefg"]);
        assert_eq!(
            accounts("QQ：12345678 / qq号是987654321"),
            ["12345678", "987654321"]
        );
        assert_eq!(accounts("扣扣群 1234567"), ["1234567"]);
        assert_eq!(
            found(super::scan, "QQ12345", 0.5),
            [(Entity::QQ_NUMBER, "12345".into())]
        );
    }

    #[test]
    fn what_has_no_label_is_none() {
        for text in [
            "zhang_san88",
            "12345678",
            "微信支付",
            "QQ音乐",
            "微信 Pay now",
            "wxWidgets",
            "QQ 012345",
            "faqq12345",
        ] {
            assert_eq!(accounts(text), [""; 0], "{text}");
        }
    }
}
