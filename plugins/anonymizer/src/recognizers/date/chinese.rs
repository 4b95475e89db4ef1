//! Dates and times in Chinese: parts from the year to the second, each finer than the one before.

use super::Date;
use crate::bloom::{CharSet, FirstChars};
use crate::recognizers::is_at;
use crate::text::is_word;

static NUMERALS: CharSet = CharSet::of("一二三四五六七八九十廿〇○零两");

/// Words of a part by themselves, with its rank.
const WORDS: [(&str, u8); 44] = [
    ("今年", 1),
    ("明年", 1),
    ("去年", 1),
    ("前年", 1),
    ("后年", 1),
    ("上年", 1),
    ("本年", 1),
    ("当年", 1),
    ("正月", 2),
    ("腊月", 2),
    ("冬月", 2),
    ("本月", 2),
    ("上月", 2),
    ("下月", 2),
    ("当月", 2),
    ("这个月", 2),
    ("今天", 3),
    ("明天", 3),
    ("昨天", 3),
    ("后天", 3),
    ("前天", 3),
    ("大后天", 3),
    ("今日", 3),
    ("明日", 3),
    ("昨日", 3),
    ("次日", 3),
    ("当天", 3),
    ("当日", 3),
    ("除夕", 3),
    ("大年初一", 3),
    ("凌晨", 4),
    ("清晨", 4),
    ("早上", 4),
    ("早晨", 4),
    ("上午", 4),
    ("中午", 4),
    ("下午", 4),
    ("傍晚", 4),
    ("晚上", 4),
    ("夜里", 4),
    ("半夜", 4),
    ("今晚", 4),
    ("明早", 4),
    ("昨晚", 4),
];

static FIRST: FirstChars = {
    let mut words = [""; WORDS.len()];
    let mut i = 0;
    while i < WORDS.len() {
        words[i] = WORDS[i].0;
        i += 1;
    }
    FirstChars::of(&words)
};

/// What a year or a month may end with.
const TAILS: [&str; 12] = [
    "年底", "年初", "年末", "月底", "月初", "月末", "上旬", "中旬", "下旬", "底", "初", "末",
];

/// One part: how fine it is, and where it ends.
#[derive(Debug, Clone, Copy)]
struct Part {
    rank: u8,
    end: usize,
}

const YEAR: u8 = 1;
const MONTH: u8 = 2;
const DAY: u8 = 3;
const HALF: u8 = 4;
const HOUR: u8 = 5;

/// The date that begins at `at`.
pub fn read(chars: &[char], at: usize) -> Option<Date> {
    let c = chars[at];
    let starts = c.is_ascii_digit()
        || NUMERALS.contains(c)
        || matches!(c, '上' | '下' | '周' | '星' | '礼')
        || FIRST.may_begin(c);
    let inside = at > 0
        && (c.is_ascii_digit()
            && (is_word(chars[at - 1])
                || matches!(chars[at - 1], ':' | '.')
                || is_zone(chars, at))
            || NUMERALS.contains(chars[at - 1]) && NUMERALS.contains(c)
            || matches!((c, chars[at - 1]), ('上' | '下', '上' | '下')));
    if !starts || inside {
        return None;
    }
    let (mut end, mut score) = one(chars, at)?;
    // `…至…`, `…~…`.
    if matches!(chars.get(end), Some('至' | '到' | '~' | '～' | '-' | '—'))
        && let Some((last, other)) = one(chars, end + 1)
    {
        (end, score) = (last, f32::max(score, other));
    }
    Some(Date { end, score })
}

/// Whether a sign and a digit stand before `at`, as before the zone of a time.
fn is_zone(chars: &[char], at: usize) -> bool {
    at > 1 && matches!(chars[at - 1], '-' | '+') && chars[at - 2].is_ascii_digit()
}

/// One moment: parts that become finer.
fn one(chars: &[char], at: usize) -> Option<(usize, f32)> {
    let mut ranks = 0u8;
    let mut last = 0;
    let mut end = at;
    loop {
        let link = usize::from(end > at && chars.get(end) == Some(&'的'));
        match part(chars, end + link, last) {
            Some(part) if part.rank > last => {
                last = part.rank;
                ranks |= 1 << part.rank;
                end = part.end;
            }
            _ => break,
        }
    }
    let has = |rank: u8| ranks >> rank & 1 == 1;
    let score = match () {
        () if has(YEAR) && has(MONTH) && has(DAY) => 0.7,
        () if has(YEAR) && has(MONTH) || has(MONTH) && has(DAY) => 0.45,
        () if ranks != 0 => 0.3,
        () => return None,
    };
    Some((end, score))
}

/// The part that begins at `at`, behind one of rank `last`.
fn part(chars: &[char], at: usize, last: u8) -> Option<Part> {
    let &first = chars.get(at)?;
    if let Some(part) = relative(chars, at) {
        return Some(part);
    }
    if FIRST.may_begin(first)
        && let Some((word, rank)) = WORDS
            .iter()
            .filter(|(w, _)| is_at(chars, at, w))
            .max_by_key(|(w, _)| w.len())
    {
        let end = at + word.chars().count();
        let end = if *rank <= MONTH {
            tail(chars, end)
        } else {
            end
        };
        return Some(Part { rank: *rank, end });
    }
    let (value, end) = number(chars, at)?;
    let digits = end - at;
    let figures = first.is_ascii_digit();
    match chars.get(end) {
        Some('年') if digits == 4 || figures && digits == 2 => Some(Part {
            rank: YEAR,
            end: tail(chars, end + 1),
        }),
        Some('月') if (1..=12).contains(&value) => {
            let end = end + 1 + usize::from(chars.get(end + 1) == Some(&'份'));
            Some(Part {
                rank: MONTH,
                end: tail(chars, end),
            })
        }
        Some('日' | '号' | '號')
            if (1..=31).contains(&value) && (last == MONTH || last == YEAR) =>
        {
            Some(Part {
                rank: DAY,
                end: end + 1,
            })
        }
        Some('天') if matches!(chars.get(end + 1), Some('后' | '前')) => Some(Part {
            rank: DAY,
            end: end + 2,
        }),
        // `一点` alone is a little.
        Some('点') if first == '一' && last < HALF && !is_hour(chars, end) => None,
        Some('点' | '點' | '时') if value <= 24 => hour(chars, end, figures),
        Some(':') if figures && value <= 24 => clock(chars, end),
        // `10月22出生`: the day without its word.
        next if last == MONTH && (1..=31).contains(&value) && digits <= 3 => {
            let counted = next.is_some_and(|c| "个台元块人次吨.%％,".contains(*c));
            (!counted).then_some(Part { rank: DAY, end })
        }
        _ => None,
    }
}

/// Whether what follows `点` says that it is an hour.
fn is_hour(chars: &[char], word: usize) -> bool {
    matches!(chars.get(word + 1), Some('钟' | '半' | '整' | '到' | '至'))
        || number(chars, word + 1).is_some()
}

/// `下下周一`, `上个月`, `下季度`, `星期五`.
fn relative(chars: &[char], at: usize) -> Option<Part> {
    let times = chars[at..]
        .iter()
        .take(4)
        .take_while(|c| matches!(c, '上' | '下'))
        .count();
    let mut end = at + times;
    end += usize::from(times > 0 && chars.get(end) == Some(&'个'));
    if times > 0 && chars.get(end) == Some(&'月') {
        return Some(Part {
            rank: MONTH,
            end: tail(chars, end + 1),
        });
    }
    if times > 0 && is_at(chars, end, "季度") {
        return Some(Part {
            rank: MONTH,
            end: end + 2,
        });
    }
    let week = ["星期", "礼拜", "周"]
        .iter()
        .find(|week| is_at(chars, end, week))?;
    end += week.chars().count();
    let day = chars
        .get(end)
        .is_some_and(|c| "一二三四五六日天末".contains(*c));
    day.then_some(Part {
        rank: DAY,
        end: end + 1,
    })
}

/// Past what may follow a year or a month.
fn tail(chars: &[char], end: usize) -> usize {
    TAILS
        .iter()
        .find(|tail| is_at(chars, end, tail))
        .map_or(end, |tail| end + tail.chars().count())
}

/// `5点`, `5点30分`, `3时1刻`, `5点半`; not `5点3`, which is a fraction.
fn hour(chars: &[char], word: usize, figures: bool) -> Option<Part> {
    let mut end = word + 1;
    if chars.get(end) == Some(&'半')
        || chars.get(end) == Some(&'整')
        || chars.get(end) == Some(&'钟')
    {
        return Some(Part {
            rank: HOUR,
            end: end + 1,
        });
    }
    if let Some((minutes, after)) = number(chars, end) {
        match chars.get(after) {
            Some('分' | '刻') if minutes < 60 => end = after + 1,
            // `16点30`, and not `24点5度`.
            _ if figures
                && after - end == 2
                && minutes < 60
                && !matches!(chars.get(after), Some('度' | '%')) =>
            {
                end = after;
            }
            _ => return None,
        }
        if let Some((seconds, after)) = number(chars, end)
            && seconds < 60
            && chars.get(after) == Some(&'秒')
        {
            end = after + 1;
        }
    }
    Some(Part { rank: HOUR, end })
}

/// `11:00`, `11:00:05`, `11:00时`.
fn clock(chars: &[char], colon: usize) -> Option<Part> {
    let two = |at: usize| {
        let (value, end) = number(chars, at)?;
        (end - at == 2 && value < 60).then_some(end)
    };
    let mut end = two(colon + 1)?;
    if chars.get(end) == Some(&':') {
        end = two(end + 1).unwrap_or(end);
    }
    Some(Part {
        rank: HOUR,
        end: end + usize::from(chars.get(end) == Some(&'时')),
    })
}

/// A number in figures or numerals: its value, and where it ends.
fn number(chars: &[char], at: usize) -> Option<(u32, usize)> {
    let first = *chars.get(at)?;
    if first.is_ascii_digit() {
        let run = chars[at..]
            .iter()
            .take(7)
            .take_while(|c| c.is_ascii_digit())
            .count();
        let value = chars[at..at + run]
            .iter()
            .filter_map(|c| c.to_digit(10))
            .fold(0, |n, d| n * 10 + d);
        return (run <= 6).then_some((value, at + run));
    }
    let run = chars[at..]
        .iter()
        .take(6)
        .take_while(|c| NUMERALS.contains(**c))
        .count();
    if run == 0 {
        return None;
    }
    let digit = |c: char| {
        "零一二三四五六七八九"
            .chars()
            .position(|n| n == c)
            .unwrap_or(0) as u32
    };
    let text = &chars[at..at + run];
    // `二十一`, `十`, `廿三`; without a ten the digits one by one.
    let value = match text.iter().position(|c| matches!(c, '十' | '廿')) {
        Some(ten) => {
            let tens = match (text[ten], ten) {
                ('廿', _) => 2,
                (_, 0) => 1,
                _ => digit(text[ten - 1]),
            };
            tens * 10 + text.get(ten + 1).map_or(0, |c| digit(*c))
        }
        None => text.iter().fold(0, |n, c| n * 10 + digit(*c)),
    };
    Some((value, at + run))
}
