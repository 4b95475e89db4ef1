//! Dates and times, in figures, with names of months, and in Chinese.
//!
//! A whole date near a word of birth is a `DATE_OF_BIRTH` as well.

mod chinese;
mod western;

use super::Sink;
use crate::bloom::FirstPairs;
use crate::entity::Entity;
use crate::text::{is_han, small};
use crate::window::Windows;

/// Words that make a date one of birth, small letters.
const BIRTH: [&str; 21] = [
    "born",
    "birth",
    "date of birth",
    "dob",
    "d.o.b",
    "birthday",
    "birthdate",
    "出生",
    "生日",
    "生于",
    "诞辰",
    "出生日期",
    "出生年月",
    "geboren",
    "geburtsdatum",
    "né le",
    "née le",
    "nacido",
    "nacimiento",
    "nato il",
    "nata il",
];

/// How far before and behind a date its word of birth may stand.
const BIRTH_REACH: (usize, usize) = (40, 4);

/// The score from which a date is whole enough to be one of birth.
const WHOLE: f32 = 0.6;

/// Where a date ends and how sure it is one.
#[derive(Debug, Clone, Copy)]
struct Date {
    end: usize,
    score: f32,
}

static FIRST_OF_BIRTH: FirstPairs = FirstPairs::NONE.and(&BIRTH);

/// Finds dates and times.
pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    dates(chars, |at, Date { end, score }| {
        sink.found(Entity::DATE_TIME, at, end, score);
    });
}

/// Finds dates of birth. Most texts speak of no birth, and their dates are not read.
pub fn scan_births(chars: &[char], sink: &mut Sink<'_>) {
    if !speaks_of_birth(chars) {
        return;
    }
    let mut windows = Windows::reaching(chars, BIRTH_REACH);
    dates(chars, |at, Date { end, score }| {
        if score >= WHOLE && windows.announces(at, end, &BIRTH) {
            sink.found(Entity::DATE_OF_BIRTH, at, end, 0.85);
        }
        // A word of birth before another date belongs to that one.
        windows.close(end);
    });
}

fn dates(chars: &[char], mut take: impl FnMut(usize, Date)) {
    let mut at = 0;
    while at < chars.len() {
        let western = western::read(chars, at);
        let chinese =
            || (chars[at].is_ascii_digit() || is_han(chars[at])).then(|| chinese::read(chars, at));
        let longer = |a: Date, b: Date| if b.end > a.end { b } else { a };
        let date = match (western, chinese().flatten()) {
            (Some(a), Some(b)) => Some(longer(a, b)),
            (a, b) => a.or(b),
        };
        let Some(date) = date else {
            at += western::skip(chars, at);
            continue;
        };
        take(at, date);
        at = date.end;
    }
}

/// Whether one of the words of birth stands anywhere.
fn speaks_of_birth(chars: &[char]) -> bool {
    let mut last = '\0';
    chars.iter().map(|c| small(*c)).enumerate().any(|(at, c)| {
        let before = std::mem::replace(&mut last, c);
        at > 0
            && FIRST_OF_BIRTH.may_begin(before, c)
            && BIRTH.iter().any(|word| is_small_at(chars, at - 1, word))
    })
}

/// Whether `chars` has `word`, which is written small, at `at` in any case. No word has `İ`, the
/// only character whose small form is longer.
fn is_small_at(chars: &[char], at: usize, word: &str) -> bool {
    let mut here = chars[at..].iter();
    word.chars()
        .all(|w| here.next().is_some_and(|c| small(*c) == w))
}

#[cfg(test)]
mod tests {
    use crate::entity::Entity;
    use crate::recognizers::found;

    fn dates(text: &str, min_score: f32) -> Vec<String> {
        found(super::scan, text, min_score)
            .into_iter()
            .map(|(_, text)| text)
            .collect()
    }

    #[test]
    fn whole_dates() {
        for date in [
            "2024-03-15T14:30Z",
            "2024-03-15 14:30:05",
            "2024-06-05T09:15:30.500-07:00",
            "5/20/2021",
            "21.05.2021",
            "20-5-2021",
            "05-May-2021",
            "May 5, 2021",
            "5 May 2021",
            "2021年4月20日",
            "二〇一八年七月四日",
            "2021年4月20日上午11点30分",
        ] {
            assert_eq!(dates(&format!("on {date}, "), 0.5), [date]);
        }
    }

    #[test]
    fn parts_of_dates_score_less() {
        for part in [
            "05/21",
            "1984",
            "Tuesday",
            "10:30",
            "去年年底",
            "十一点",
            "下周一",
        ] {
            assert_eq!(dates(part, 0.0), [part]);
            assert_eq!(dates(part, 0.5), [""; 0], "{part}");
        }
    }

    #[test]
    fn ranges_in_chinese_are_one() {
        assert_eq!(
            dates("9月21号下午5点~9月22号上午5点你在吗", 0.3),
            ["9月21号下午5点~9月22号上午5点"]
        );
    }

    #[test]
    fn dates_of_birth() {
        let kinds = |text: &str| {
            let all = found(super::scan_births, text, 0.5).into_iter();
            all.map(|(entity, _)| entity).collect::<Vec<_>>()
        };
        assert_eq!(kinds("DOB: 5/20/1980"), [Entity::DATE_OF_BIRTH]);
        assert_eq!(kinds("出生于1980年5月20日"), [Entity::DATE_OF_BIRTH]);
        assert_eq!(kinds("NÉ LE 20.5.1980"), [Entity::DATE_OF_BIRTH]);
        assert_eq!(kinds("invoice of 5/20/1980"), []);
    }

    #[test]
    fn other_numbers_are_none() {
        for text in [
            "13/32/2021",
            "2021-13-01",
            "1.2.3.4",
            "二十七点三",
            "调高24点5度",
            "一日之计",
            "三年以上",
            "25:70",
            "is5/21",
        ] {
            assert_eq!(dates(text, 0.1), [""; 0], "{text}");
        }
    }
}
