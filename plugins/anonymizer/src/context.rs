//! Words beside a number that say what it is.

use crate::bloom::FirstPairs;
use crate::text::{before, is_word, small};

/// How far back a label is looked for, in characters.
const REACH: usize = 24;

/// Labels of telephone numbers in languages with spaces, lower case, whole words.
const PHONE_WORDS: [&str; 19] = [
    "phone",
    "phones",
    "telephone",
    "tel",
    "mobile",
    "mob",
    "cell",
    "cellphone",
    "call",
    "calling",
    "fax",
    "whatsapp",
    "dial",
    "hotline",
    "landline",
    "handy",
    "telefon",
    "teléfono",
    "téléphone",
];

/// Labels of telephone numbers in Chinese; they stand anywhere before the number.
const PHONE_CHINESE: [&str; 14] = [
    "电话",
    "手机",
    "座机",
    "固话",
    "热线",
    "传真",
    "致电",
    "来电",
    "拨打",
    "联系方式",
    "電話",
    "手機",
    "傳真",
    "撥打",
];

/// Labels of telephone numbers that follow them in signatures: `451 5986 office`, `451 5986 (fax)`.
const PHONE_WORDS_BEHIND: [&str; 7] = ["office", "fax", "mobile", "cell", "phone", "tel", "mob"];

/// Labels that people write without a space before the number they announce.
const GLUED: [&str; 10] = [
    "tel", "phone", "mobile", "mob", "cell", "call", "fax", "whatsapp", "card", "iban",
];

/// Words that announce a version or a numbered section, which looks like an IPv4 address.
const VERSION_WORDS: [&str; 8] = [
    "version", "ver", "release", "firmware", "build", "section", "chapter", "clause",
];

/// The same in Chinese.
const VERSION_CHINESE: [&str; 5] = ["版本", "固件", "升级到", "章节", "条款"];

static PHONE: Labels = Labels::new(&PHONE_WORDS, &PHONE_CHINESE);
static VERSION: Labels = Labels::new(&VERSION_WORDS, &VERSION_CHINESE);

/// Whether a label of telephone numbers stands before `start`, in the same sentence.
pub fn announces_phone(chars: &[char], start: usize) -> bool {
    PHONE.stand_in(window(chars, start, REACH))
}

/// Whether the word behind `end` is a label of telephone numbers.
pub fn named_after(chars: &[char], end: usize) -> bool {
    let gap = chars[end..]
        .iter()
        .take(3)
        .take_while(|c| matches!(c, ' ' | '-' | '(' | ','));
    let start = end + gap.count();
    let word = chars[start..]
        .iter()
        .take(12)
        .take_while(|c| is_word(**c))
        .count();
    let word = &chars[start..start + word];
    start > end && PHONE_WORDS_BEHIND.iter().any(|label| equals(word, label))
}

/// Whether a version or a section is announced just before `start`.
pub fn announces_version(chars: &[char], start: usize) -> bool {
    // `第` numbers what it touches; `第一台服务器10.0.0.1` is a host.
    before(chars, start) == Some('第') || VERSION.stand_in(window(chars, start, 10))
}

/// Whether the word that touches `start` is a label, as in `tel13812345678`.
pub fn glued_label(chars: &[char], start: usize) -> bool {
    let near = &chars[start.saturating_sub(12)..start];
    let word = near.iter().rev().take_while(|c| is_word(**c)).count();
    let word = &near[near.len() - word..];
    GLUED.iter().any(|label| equals(word, label))
}

/// The characters before `start`, at most `reach`, of the same line and sentence. A full stop may
/// belong to the label (`tel.`), so it ends nothing.
fn window(chars: &[char], start: usize, reach: usize) -> &[char] {
    let mut first = start.saturating_sub(reach);
    // A word that is cut in two could look like a label.
    while first > 0 && first < start && is_word(chars[first - 1]) && is_word(chars[first]) {
        first += 1;
    }
    let near = &chars[first..start];
    let sentence = near
        .iter()
        .rposition(|c| matches!(c, '\n' | '。' | '；' | ';' | '!' | '！'));
    &near[sentence.map_or(0, |i| i + 1)..]
}

/// Some labels: words of languages with spaces, which stand whole, and Chinese ones.
struct Labels {
    words: &'static [&'static str],
    chinese: &'static [&'static str],
    first: FirstPairs,
}

impl Labels {
    const fn new(words: &'static [&'static str], chinese: &'static [&'static str]) -> Self {
        Self {
            words,
            chinese,
            first: FirstPairs::NONE.and(words).and(chinese),
        }
    }

    /// Whether one of them stands in `window`.
    fn stand_in(&self, window: &[char]) -> bool {
        window.windows(2).enumerate().any(|(at, two)| {
            self.first.may_begin(small(two[0]), small(two[1])) && self.stand_at(window, at)
        })
    }

    fn stand_at(&self, window: &[char], at: usize) -> bool {
        let here = &window[at..];
        let whole = || {
            let word = here.iter().take_while(|c| is_word(**c)).count();
            !before(window, at).is_some_and(is_word)
                && self.words.iter().any(|label| equals(&here[..word], label))
        };
        whole() || self.chinese.iter().any(|label| begins(here, label))
    }
}

/// Whether `word` is `label` (lower case), in any case.
fn equals(word: &[char], label: &str) -> bool {
    let mut rest = label.chars();
    word.iter().all(|c| rest.next() == Some(small(*c))) && rest.next().is_none()
}

fn begins(chars: &[char], label: &str) -> bool {
    let mut here = chars.iter();
    label.chars().all(|c| here.next() == Some(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(s: &str) -> Vec<char> {
        s.chars().collect()
    }

    #[test]
    fn labels_are_whole_words_within_reach_and_line() {
        let announces = |s: &str| announces_phone(&chars(s), s.chars().count());
        assert!(announces("Phone: "));
        assert!(announces("please CALL me at "));
        assert!(announces("联系电话是"));
        assert!(!announces("recall "));
        assert!(!announces("phone\n"));
        assert!(!announces(
            "phone, and now for something completely different "
        ));
        assert!(!announces(""));
    }

    #[test]
    fn a_label_behind_is_the_next_word() {
        let named = |s: &str| named_after(&chars(s), 1);
        assert!(named("1 office"));
        assert!(named("1-Fax,"));
        assert!(named("1 (cell)"));
        assert!(!named("1fax"));
        assert!(!named("1 officers"));
        assert!(!named("1 at the office"));
        assert!(!named("1"));
    }

    #[test]
    fn a_glued_label_is_the_whole_word() {
        assert!(glued_label(&chars("(Tel"), 4));
        assert!(!glued_label(&chars("hotel"), 5));
        assert!(!glued_label(&chars(""), 0));
    }

    #[test]
    fn versions_are_announced() {
        assert!(announces_version(&chars("版本号"), 3));
        assert!(announces_version(&chars("Version "), 8));
        assert!(announces_version(&chars("见第"), 2));
        assert!(!announces_version(&chars("第一台服务器"), 6));
        assert!(!announces_version(&chars("dev.example "), 12));
    }
}
