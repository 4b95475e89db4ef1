//! Ages: a number up to 120 and words that make it one. What is found is the number.

use super::Sink;
use crate::bloom::CharSet;
use crate::entity::Entity;
use crate::text::{before, is_word};

/// Words behind an age, small letters; what follows a hyphen or a space.
const BEHIND: [&str; 11] = [
    "year old",
    "years old",
    "year-old",
    "years-old",
    "yr old",
    "yrs old",
    "y/o",
    "yo",
    "years of age",
    "岁",
    "歲",
];

/// Words before an age, small letters.
const BEFORE: [&str; 12] = [
    "age", "aged", "age of", "turned", "turning", "turns", "age is", "年龄", "年齡", "年纪",
    "现年", "享年",
];

static NUMERALS: CharSet = CharSet::of("一二三四五六七八九十百零〇两");

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut at = 0;
    while at < chars.len() {
        let length = length(chars, at);
        if length == 0 {
            at += 1;
            continue;
        }
        let end = at + length;
        if let Some(score) = score(chars, at, end) {
            sink.found(Entity::AGE, at, end, score);
        }
        at = end;
    }
}

/// How long the number at `at` is: digits, or Chinese numerals.
fn length(chars: &[char], at: usize) -> usize {
    let run = |is: fn(&char) -> bool| chars[at..].iter().take(5).take_while(|c| is(c)).count();
    if chars[at].is_ascii_digit() {
        return run(char::is_ascii_digit);
    }
    run(|c| NUMERALS.contains(*c))
}

fn score(chars: &[char], start: usize, end: usize) -> Option<f32> {
    if before(chars, start).is_some_and(|c| is_word(c) || matches!(c, '.' | '-' | '/')) {
        return None;
    }
    let digits = chars[start].is_ascii_digit();
    let value = chars[start..end]
        .iter()
        .filter_map(|c| c.to_digit(10))
        .fold(0, |n, d| n * 10 + d);
    if digits && (value > 120 || end - start > 3) || end - start > 4 {
        return None;
    }
    let gap = chars[end..]
        .iter()
        .take(2)
        .take_while(|c| matches!(c, ' ' | '-' | '周'))
        .count();
    let behind: String = chars[end + gap..]
        .iter()
        .take(12)
        .flat_map(|c| c.to_lowercase())
        .collect();
    let whole = |word: &str| {
        let next = behind[word.len()..].chars().next();
        !word.is_ascii() || !next.is_some_and(is_word)
    };
    if BEHIND
        .iter()
        .any(|word| behind.starts_with(word) && whole(word))
    {
        return Some(0.8);
    }
    let near: String = chars[start.saturating_sub(14)..start]
        .iter()
        .flat_map(|c| c.to_lowercase())
        .collect();
    let near = near.trim_end_matches([' ', ':', '：', '是', '为']);
    let announced = digits
        && BEFORE.iter().any(|word| {
            near.strip_suffix(word).is_some_and(|rest| {
                !word.is_ascii() || !rest.chars().next_back().is_some_and(is_word)
            })
        });
    let ends = chars
        .get(end)
        .is_none_or(|c| !is_word(*c) && !matches!(c, '%' | '/' | ':'));
    (announced && ends).then_some(0.7)
}

#[cfg(test)]
mod tests {
    use crate::recognizers::texts;

    #[test]
    fn the_number_and_not_its_words() {
        assert_eq!(
            texts(super::scan, "a 38-year-old man, age: 41, I just turned 47"),
            ["38", "41", "47"]
        );
        assert_eq!(texts(super::scan, "i'm 31 y/o."), ["31"]);
        assert_eq!(
            texts(super::scan, "患者35岁，年龄：６０，三十八周岁"),
            ["35", "６０", "三十八"]
        );
    }

    #[test]
    fn other_numbers_are_none() {
        for text in [
            "38 years",
            "page 41",
            "turned 90%",
            "121岁",
            "3.5岁",
            "一百二十三个",
            "year 38",
        ] {
            assert_eq!(texts(super::scan, text), [""; 0], "{text}");
        }
    }
}
