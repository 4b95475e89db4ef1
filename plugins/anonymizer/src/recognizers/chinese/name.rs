//! Chinese names without a model: a surname and one or two characters behind a label (`联系人：`,
//! `我叫`) or before a title (`先生`), and the same name wherever else it stands in the text.
//!
//! A name among other words is not found so: that takes a model.

use super::{is_at, past_label};
use crate::bloom::FirstChars;
use crate::entity::Entity;
use crate::lexicon::SURNAMES;
use crate::recognizers::Sink;
use crate::text::is_han;

/// Labels that a name follows.
const LABELS: [&str; 54] = [
    "姓名", "名字", "我叫", "名叫", "叫做", "联系人", "聯絡人", "联络人", "收件人", "收货人", "寄件人", "发件人", "客户", "用户",
    "患者", "病人", "家属", "负责人", "经办人", "申请人", "持卡人", "户名", "法人", "法定代表人", "代表人", "被告人", "被告",
    "原告", "委托人", "受托人", "证人", "被害人", "申请执行人", "被执行人", "审判长", "审判员", "书记员", "投保人", "被保险人",
    "受益人", "监护人", "候选人", "报名人", "预订人", "入住人", "乘客", "学生", "家长", "员工", "同事", "签收人", "代理人",
    "机主", "车主",
];

/// Titles that follow a name.
const TITLES: [&str; 30] = [
    "先生", "女士", "小姐", "同学", "老师", "教授", "医生", "大夫", "律师", "经理", "总监", "主任", "师傅", "同志", "校长",
    "院长", "局长", "书记", "部长", "主席", "总统", "法官", "警官", "阿姨", "叔叔", "太太", "夫人", "博士", "工程师", "總經理",
];

/// What a third character is more often than a part of a name.
const NOT_IN_NAMES: &str = "的是在和与及或跟同向对说问答表手电微邮身住家今昨明先女老来去想要有于从到给打被把让请您你我他她它们这那哪就也都还又再已将会能可不没未无了着过吗呢吧啊，。、；：？！的女男籍年月日于因为以其之所称认于曾现任兼即地得等";

static FIRST_OF_LABELS: FirstChars = FirstChars::of(&LABELS);
static FIRST_OF_TITLES: FirstChars = FirstChars::of(&TITLES);

/// The most names of a text that are looked for elsewhere in it.
const MOST_REPEATED: usize = 8;

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut names: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if !is_han(c) {
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
            if end - start > 1 {
                names.push((start, end));
            }
        }
        at += 1;
    }
    repeated(chars, &names, sink);
}

/// The name behind a label at `at`.
fn labelled(chars: &[char], at: usize) -> Option<(usize, usize)> {
    if !FIRST_OF_LABELS.may_begin(chars[at]) {
        return None;
    }
    let label = LABELS.iter().filter(|label| is_at(chars, at, label)).map(|l| l.chars().count()).max()?;
    let end = at + label;
    let start = past_label(chars, end);
    let apart = start > end;
    let end = name_end(chars, start, apart)?;
    // `客户张经理`: the title is not the name.
    Some((start, before_title(chars, start, end)))
}

/// Where a name that begins at `start` ends.
fn name_end(chars: &[char], start: usize, apart: bool) -> Option<usize> {
    let surname = surname_at(chars, start)?;
    let run = chars[start..].iter().take(8).take_while(|c| is_han(**c)).count();
    let most = surname + 2;
    // A field of a form holds a name and nothing else.
    if apart && (surname + 1..=most).contains(&run) {
        return Some(start + run);
    }
    let given = chars[start + surname..start + run.min(most)]
        .iter()
        .take_while(|c| !NOT_IN_NAMES.contains(**c))
        .count();
    (given > 0).then_some(start + surname + given)
}

fn before_title(chars: &[char], start: usize, end: usize) -> usize {
    let title = (start + 1..end).find(|at| TITLES.iter().any(|title| is_at(chars, *at, title)));
    title.unwrap_or(end)
}

/// The length of the surname at `start`, the longer one first.
fn surname_at(chars: &[char], start: usize) -> Option<usize> {
    [2, 1]
        .into_iter()
        .find(|length| chars.get(start..start + length).is_some_and(|word| SURNAMES.contains(word)))
}

/// The name before a title at `at`, and how sure it is one: the longest that begins a phrase, else the
/// longest that begins with a surname.
fn titled(chars: &[char], at: usize) -> Option<(usize, usize, f32)> {
    if !FIRST_OF_TITLES.may_begin(chars[at]) {
        return None;
    }
    TITLES.iter().find(|title| is_at(chars, at, title))?;
    let run = chars[..at].iter().rev().take(4).take_while(|c| is_han(**c)).count();
    let phrase = |length: &usize| {
        let start = at - length;
        start == 0 || !is_han(chars[start - 1]) || NOT_IN_NAMES.contains(chars[start - 1])
    };
    let name = |length: &usize| {
        let start = at - length;
        surname_at(chars, start).is_some_and(|surname| {
            (surname..=surname + 2).contains(length)
                && chars[start + surname..at].iter().all(|c| !NOT_IN_NAMES.contains(*c))
        })
    };
    let longest = |fits: &dyn Fn(&usize) -> bool| (1..=run).rev().find(fits);
    let whole = longest(&|length| name(length) && phrase(length)).map(|length| (length, 0.7));
    let (length, score) = whole.or_else(|| longest(&name).map(|length| (length, 0.6)))?;
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
        for text in ["联系人：无", "客户服务", "用户可以登录", "姓名", "我叫你来", "老师好", "女士们，先生们"] {
            assert_eq!(names(text), [""; 0], "{text}");
        }
    }
}
