//! Dates in figures and with English names of months, times of day, and names of weekdays.

use super::Date;
use crate::rules::is_day;
use crate::text::{before, is_han, is_word};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// How far to go on where nothing begins at `at`: past the word or the number.
pub fn skip(chars: &[char], at: usize) -> usize {
    let alike = |is: fn(&char) -> bool| chars[at..].iter().take_while(|c| is(c)).count();
    match chars[at] {
        c if c.is_ascii_digit() => alike(char::is_ascii_digit),
        c if c.is_ascii_alphabetic() => alike(char::is_ascii_alphabetic),
        _ => 1,
    }
}

/// The date that begins at `at`.
pub fn read(chars: &[char], at: usize) -> Option<Date> {
    let first = chars[at];
    if !first.is_ascii_alphanumeric() {
        return None;
    }
    let c = before(chars, at);
    let joined = matches!(c, Some('.' | '/' | '-' | ':' | '+'))
        && at >= 2
        && chars[at - 2].is_ascii_alphanumeric();
    if joined || c.is_some_and(|c| is_word(c) || c == '_') {
        return None;
    }
    if first.is_ascii_digit() {
        return figures(chars, at).filter(|date| ends(chars, date.end));
    }
    if !matches!(
        first.to_ascii_lowercase(),
        'j' | 'f' | 'm' | 'a' | 's' | 'o' | 'n' | 'd' | 't' | 'w'
    ) {
        return None;
    }
    named(chars, at).filter(|date| ends(chars, date.end))
}

/// Whether nothing of a longer number follows.
fn ends(chars: &[char], end: usize) -> bool {
    match chars.get(end) {
        Some('.' | '/' | '-' | ':') => !chars.get(end + 1).is_some_and(char::is_ascii_digit),
        Some(c) => !is_word(*c) && *c != '_' && *c != '%',
        None => true,
    }
}

/// A run of digits: its value, and where it ends.
fn number(chars: &[char], at: usize, most: usize) -> Option<(u32, usize)> {
    let run = chars
        .get(at..)?
        .iter()
        .take(most + 1)
        .take_while(|c| c.is_ascii_digit())
        .count();
    let value = chars[at..at + run]
        .iter()
        .filter_map(|c| c.to_digit(10))
        .fold(0, |n, d| n * 10 + d);
    (1..=most).contains(&run).then_some((value, at + run))
}

fn figures(chars: &[char], at: usize) -> Option<Date> {
    let (a, first) = number(chars, at, 8)?;
    let width = first - at;
    match (width, chars.get(first)) {
        (8, _) => is_day_of_century(a / 10_000, a / 100 % 100, a % 100).then_some(Date {
            end: first,
            score: 0.35,
        }),
        (1 | 2, Some(':')) => time(chars, at).map(|end| Date { end, score: 0.35 }),
        (4, Some(&separator @ ('-' | '/' | '.'))) if number(chars, first + 1, 2).is_some() => {
            let (b, second) = number(chars, first + 1, 2)?;
            if chars.get(second) != Some(&separator) {
                return None;
            }
            let (c, end) = number(chars, second + 1, 2)?;
            let end = with_time(chars, end);
            is_day(a, b, c).then_some(Date { end, score: 0.6 })
        }
        (1 | 2, Some(&separator @ ('-' | '/' | '.'))) => short(chars, a, first, separator),
        (1 | 2, Some(' ')) => day_and_month(chars, a, first),
        // Beside another number it is the number of a house.
        (4, next) if (1900..2100).contains(&a) => {
            let digit = |at: Option<usize>| {
                at.and_then(|at| chars.get(at))
                    .is_some_and(char::is_ascii_digit)
            };
            let beside = next == Some(&' ') && digit(Some(first + 1))
                || before(chars, at) == Some(' ') && digit(at.checked_sub(2));
            let chinese = before(chars, at).is_some_and(is_han);
            (!beside || chinese).then_some(Date {
                end: first,
                score: 0.2,
            })
        }
        _ => None,
    }
}

fn is_day_of_century(year: u32, month: u32, day: u32) -> bool {
    (1900..2100).contains(&year) && is_day(year, month, day)
}

/// `5/20/2021`, `20.5.21`, `05-May-2021`, `05/21`, `5/2021`.
fn short(chars: &[char], a: u32, first: usize, separator: char) -> Option<Date> {
    if let Some((_, month)) = month(chars, first + 1) {
        return hyphenated(chars, a, month, separator);
    }
    let (b, second) = number(chars, first + 1, 4)?;
    let width = second - first - 1;
    if chars.get(second) == Some(&separator) && width <= 2 {
        let (year, end) = number(chars, second + 1, 4)?;
        let width = end - second - 1;
        let year = if width == 2 { 2000 + year } else { year };
        let whole = width == 4 || width == 2 && separator != '-';
        let exists = is_day(year, a, b) || is_day(year, b, a);
        let end = with_time(chars, end);
        return (whole && exists).then_some(Date { end, score: 0.6 });
    }
    if separator != '/' || !(1..=12).contains(&a) {
        return None;
    }
    match width {
        4 if (1900..2100).contains(&b) => Some(Date {
            end: second,
            score: 0.25,
        }),
        1 | 2 => Some(Date {
            end: second,
            score: 0.1,
        }),
        _ => None,
    }
}

/// `05-May`, `05-May-2021`.
fn hyphenated(chars: &[char], day: u32, month_end: usize, separator: char) -> Option<Date> {
    if separator != '-' || !(1..=31).contains(&day) {
        return None;
    }
    let year = (chars.get(month_end) == Some(&'-'))
        .then(|| number(chars, month_end + 1, 4))
        .flatten();
    let end = year.map_or(month_end, |(_, end)| end);
    Some(Date { end, score: 0.6 })
}

/// `5 May 2021`, `5 May`.
fn day_and_month(chars: &[char], day: u32, first: usize) -> Option<Date> {
    let (_, end) = month(chars, first + 1)?;
    if !(1..=31).contains(&day) {
        return None;
    }
    Some(match year(chars, end) {
        Some(end) => Date { end, score: 0.6 },
        None => Date { end, score: 0.4 },
    })
}

/// ` 2021` or `, 2021`.
fn year(chars: &[char], at: usize) -> Option<usize> {
    let comma = usize::from(chars.get(at) == Some(&','));
    let space = usize::from(chars.get(at + comma) == Some(&' '));
    let (year, end) = number(chars, at + comma + space, 4)?;
    (space == 1 && (1800..2200).contains(&year)).then_some(end)
}

/// `May 5, 2021`, `May-21`, `May 2021`, `Tuesday`.
fn named(chars: &[char], at: usize) -> Option<Date> {
    if let Some(weekday) = WEEKDAYS.iter().find(|day| word(chars, at, day)) {
        return Some(Date {
            end: at + weekday.len(),
            score: 0.3,
        });
    }
    let (full, month) = month(chars, at)?;
    match chars.get(month)? {
        '-' => {
            let (_, end) = number(chars, month + 1, 4)?;
            matches!(end - month - 1, 2 | 4).then_some(Date { end, score: 0.6 })
        }
        ' ' | '.' => {
            let start = month + 1 + usize::from(chars.get(month + 1) == Some(&' '));
            let (value, end) = number(chars, start, 4)?;
            if end - start == 4 {
                return (1800..2200)
                    .contains(&value)
                    .then_some(Date { end, score: 0.5 });
            }
            let ordinal = ["st", "nd", "rd", "th"]
                .iter()
                .any(|suffix| word(chars, end, suffix));
            let end = end + if ordinal { 2 } else { 0 };
            if !(1..=31).contains(&value) {
                return None;
            }
            Some(match year(chars, end) {
                Some(end) => Date { end, score: 0.6 },
                None => Date {
                    end,
                    score: if full { 0.4 } else { 0.3 },
                },
            })
        }
        _ => None,
    }
}

/// Whether the name of a month is written in full, and where it ends.
fn month(chars: &[char], at: usize) -> Option<(bool, usize)> {
    let long = MONTHS
        .iter()
        .find(|month| word(chars, at, month))
        .map(|month| (true, at + month.len()));
    long.or_else(|| {
        let short = MONTHS.iter().any(|month| word(chars, at, &month[..3]));
        short.then_some((false, at + 3))
    })
}

/// Whether this word, in small letters, stands at `at` as a whole.
fn word(chars: &[char], at: usize, word: &str) -> bool {
    let begins = matches!((chars.get(at), word.as_bytes()), (Some(c), [b, ..]) if c.to_ascii_lowercase() == char::from(*b));
    if !begins {
        return false;
    }
    let mut here = chars[at..].iter();
    word.chars()
        .all(|w| here.next().is_some_and(|c| c.to_ascii_lowercase() == w))
        && !here
            .next()
            .is_some_and(|c| c.is_alphabetic() && is_word(*c))
}

/// Past a time that follows a date.
fn with_time(chars: &[char], end: usize) -> usize {
    match chars.get(end) {
        Some('T' | ' ') => time(chars, end + 1).unwrap_or(end),
        _ => end,
    }
}

/// `14:30`, `14:30:05.5`, `2:30 pm`, with a zone.
fn time(chars: &[char], at: usize) -> Option<usize> {
    let part = |at: usize, most: u32| number(chars, at, 2).filter(|(value, _)| *value < most);
    let two = |at: usize| {
        part(at, 60)
            .filter(|(_, end)| end - at == 2)
            .map(|(_, end)| end)
    };
    let (_, hour) = part(at, 25)?;
    let mut end = (chars.get(hour) == Some(&':'))
        .then(|| two(hour + 1))
        .flatten()?;
    if chars.get(end) == Some(&':')
        && let Some(seconds) = two(end + 1)
    {
        end = seconds;
        if chars.get(end) == Some(&'.')
            && let Some((_, fraction)) = number(chars, end + 1, 9)
        {
            end = fraction;
        }
    }
    let space = usize::from(chars.get(end) == Some(&' '));
    if ["am", "pm"]
        .iter()
        .any(|half| word(chars, end + space, half))
    {
        return Some(end + space + 2);
    }
    match chars.get(end) {
        Some('Z') => Some(end + 1),
        Some('+' | '-') => {
            let zone = part(end + 1, 25)
                .filter(|(_, hour)| hour - end == 3)
                .map(|(_, hour)| hour);
            let zone = zone.and_then(|hour| match chars.get(hour) {
                Some(':') => two(hour + 1),
                _ => two(hour),
            });
            Some(zone.unwrap_or(end))
        }
        _ => Some(end),
    }
}
