//! Chinese names without a model: a surname and one or two characters behind a label (`联系人：`,
//! `我叫`) or before a title (`先生`), and the same name wherever else it stands in the text.
//!
//! A name among other words is not found so: that takes a model.

mod words;

use self::words::{AFTER_NAMES, LABELS, NOT_IN_NAMES, OF_OFFICES, OFFICES, STRONG, TITLES};
use super::{is_at, past_label};
use crate::bloom::FirstPairs;
use crate::entity::Entity;
use crate::lexicon::SURNAMES;
use crate::recognizers::Sink;
use crate::text::is_han;

static FIRST_OF_STRONG: FirstPairs = FirstPairs::NONE.and(&STRONG);
static FIRST_OF_LABELS: FirstPairs = FirstPairs::NONE.and(&LABELS);
static FIRST_OF_TITLES: FirstPairs = FirstPairs::NONE.and(&TITLES);
static FIRST_OF_OFFICES: FirstPairs = FirstPairs::NONE.and(&OFFICES);
static FIRST_OF_ANY: FirstPairs = FIRST_OF_STRONG.and(&LABELS).and(&TITLES).and(&OFFICES);

/// The most names of a text that are looked for elsewhere in it.
const MOST_REPEATED: usize = 8;

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut names: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if !is_han(c) || !may_begin(chars, at, &FIRST_OF_ANY) {
            at += 1;
            continue;
        }
        if let Some(place) = labelled(chars, at) {
            sink.found(Entity::PERSON, place.0, place.1, 0.8);
            names.push(place);
            at = place.1;
            continue;
        }
        if let Some((start, end, score)) = titled(chars, at) {
            sink.found(Entity::PERSON, start, end, score);
            // A name that stands inside a phrase may be cut wrong: it is not looked for elsewhere.
            if end - start > 1 && score > 0.65 {
                names.push((start, end));
            }
        }
        at += 1;
    }
    repeated(chars, &names, sink);
}

/// Whether one of the words with these first characters may stand at `at`.
fn may_begin(chars: &[char], at: usize, first: &FirstPairs) -> bool {
    matches!(chars.get(at..at + 2), Some([one, two]) if first.may_begin(*one, *two))
}

/// The length of the longest of some words that stand at `at`.
fn word_at(chars: &[char], at: usize, first: &FirstPairs, words: &[&str]) -> Option<usize> {
    if !may_begin(chars, at, first) {
        return None;
    }
    let here = words.iter().filter(|word| is_at(chars, at, word));
    here.map(|word| word.chars().count()).max()
}

fn title_at(chars: &[char], at: usize) -> bool {
    word_at(chars, at, &FIRST_OF_TITLES, &TITLES).is_some()
        || word_at(chars, at, &FIRST_OF_OFFICES, &OFFICES).is_some()
}

/// The name behind a label at `at`.
fn labelled(chars: &[char], at: usize) -> Option<(usize, usize)> {
    let strong = word_at(chars, at, &FIRST_OF_STRONG, &STRONG);
    let weak = word_at(chars, at, &FIRST_OF_LABELS, &LABELS);
    let label = at + strong.max(weak)?;
    let start = past_label(chars, label);
    let surname = surname_at(chars, start)?;
    let run = chars[start..]
        .iter()
        .take(8)
        .take_while(|c| is_han(**c))
        .count();
    let most = surname + 2;
    // `客户张经理`: the title is not the name, and it ends it.
    let title = (surname..=run.min(most)).find(|length| title_at(chars, start + length));
    if let Some(length) = title {
        return Some((start, start + length));
    }
    // A field of a form holds a name and nothing else.
    if (surname + 1..=most).contains(&run) && (start > label || strong.is_some() || run > surname) {
        let other = chars[start + surname..start + run]
            .iter()
            .position(|c| NOT_IN_NAMES.contains(*c) || start == label && AFTER_NAMES.contains(*c));
        return match other {
            None => Some((start, start + run)),
            Some(0) => None,
            Some(given) => Some((start, start + surname + given)),
        };
    }
    if strong.is_none() && start == label {
        return None;
    }
    let given = chars[start + surname..start + run.min(most)]
        .iter()
        .take_while(|c| !NOT_IN_NAMES.contains(**c) && !AFTER_NAMES.contains(**c))
        .count();
    (given > 0).then_some((start, start + surname + given))
}

/// The length of the surname at `start`, the longer one first.
fn surname_at(chars: &[char], start: usize) -> Option<usize> {
    [2, 1].into_iter().find(|length| {
        chars
            .get(start..start + length)
            .is_some_and(|word| SURNAMES.contains(word))
    })
}

/// The name before a title at `at`, and how sure it is one: the longest that begins a phrase; before
/// titles of persons else the longest that begins with a surname.
fn titled(chars: &[char], at: usize) -> Option<(usize, usize, f32)> {
    let title = word_at(chars, at, &FIRST_OF_TITLES, &TITLES);
    // `武警官兵` are soldiers and no officer.
    let person = title.is_some_and(|length| chars.get(at + length) != Some(&'兵'));
    if !person && word_at(chars, at, &FIRST_OF_OFFICES, &OFFICES).is_none() {
        return None;
    }
    let run = chars[..at]
        .iter()
        .rev()
        .take(4)
        .take_while(|c| is_han(**c))
        .count();
    let phrase = |length: &usize| {
        let start = at - length;
        start == 0 || !is_han(chars[start - 1]) || NOT_IN_NAMES.contains(chars[start - 1])
    };
    let name = |length: &usize| {
        let start = at - length;
        surname_at(chars, start).is_some_and(|surname| {
            let given = &chars[start + surname..at];
            (surname..=surname + 2).contains(length)
                && given.iter().all(|c| !NOT_IN_NAMES.contains(*c))
                && (person || !given.last().is_some_and(|c| OF_OFFICES.contains(*c)))
        })
    };
    let longest = |fits: &dyn Fn(&usize) -> bool| (1..=run).rev().find(fits);
    let whole = longest(&|length| name(length) && phrase(length)).map(|length| (length, 0.7));
    let inside = || {
        longest(&name)
            .filter(|_| person)
            .map(|length| (length, 0.6))
    };
    let (length, score) = whole.or_else(inside)?;
    Some((at - length, at, score))
}

/// The names of the text wherever else they stand.
fn repeated(chars: &[char], names: &[(usize, usize)], sink: &mut Sink<'_>) {
    for (i, &(start, end)) in names.iter().enumerate().take(MOST_REPEATED) {
        let name = &chars[start..end];
        if name.len() < 2 || names[..i].iter().any(|(s, e)| chars[*s..*e] == *name) {
            continue;
        }
        for at in 0..chars.len().saturating_sub(name.len() - 1) {
            let taken = names.iter().any(|(s, _)| *s == at);
            if !taken && chars[at] == name[0] && chars[at..at + name.len()] == *name {
                sink.found(Entity::PERSON, at, at + name.len(), 0.65);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::recognizers::texts;

    fn names(text: &str) -> Vec<String> {
        texts(super::scan, text)
    }

    #[test]
    fn behind_labels() {
        assert_eq!(names("姓名：王小明，性别：男"), ["王小明"]);
        assert_eq!(names("我叫李雷，来自北京"), ["李雷"]);
        assert_eq!(names("联系人欧阳修文 电话"), ["欧阳修文"]);
        assert_eq!(names("收货人：张三手机139"), ["张三"]);
        assert_eq!(names("客户王芳，手机"), ["王芳"]);
        assert_eq!(names("聯絡人：陳大文"), ["陳大文"]);
    }

    #[test]
    fn before_titles() {
        assert_eq!(names("请转告张先生"), ["张"]);
        assert_eq!(names("，李四光教授。"), ["李四光"]);
        assert_eq!(names("客户张经理来电"), ["张"]);
    }

    #[test]
    fn a_name_that_was_found_is_found_again() {
        assert_eq!(names("我叫韩梅梅。昨天韩梅梅来过。"), ["韩梅梅", "韩梅梅"]);
    }

    #[test]
    fn other_words_are_none() {
        for text in [
            "联系人：无",
            "负责人权事务",
            "宣传部部长",
            "文化部主任",
            "车间主任",
            "许多同学",
            "客户服务",
            "用户可以登录",
            "姓名",
            "我叫你来",
            "老师好",
            "女士们，先生们",
        ] {
            assert_eq!(names(text), [""; 0], "{text}");
        }
    }
}
