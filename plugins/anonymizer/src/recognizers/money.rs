//! Sums of money with their unit, Chinese ones also in words.

use super::{Sink, is_at};
use crate::bloom::CharSet;
use crate::entity::Entity;
use crate::text::{before, is_word};

static NUMERALS: CharSet =
    CharSet::of("一二三四五六七八九十百千万亿零〇两壹贰叁肆伍陆柒捌玖拾佰仟萬億");
const FACTORS: &str = "万亿千百萬億k";

/// Units behind a sum, the longest first.
const UNITS: [&str; 29] = [
    "人民币",
    "元人民币",
    "美元",
    "美金",
    "欧元",
    "日元",
    "英镑",
    "港币",
    "港元",
    "澳元",
    "加元",
    "韩元",
    "卢布",
    "新台币",
    "元整",
    "块钱",
    "圆整",
    "元",
    "圆",
    "塊",
    "块",
    "毛",
    "角",
    "USD",
    "EUR",
    "RMB",
    "CNY",
    "GBP",
    "k",
];

/// Signs before a sum.
static SIGNS: CharSet = CharSet::of("$¥￥€£₩₽₹");

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut at = 0;
    while at < chars.len() {
        let starts =
            chars[at].is_ascii_digit() || NUMERALS.contains(chars[at]) || SIGNS.contains(chars[at]);
        let inside = before(chars, at).is_some_and(|c| is_word(c) || matches!(c, '.' | ','));
        if !starts || inside {
            at += 1;
            continue;
        }
        match sum(chars, at) {
            Ok(end) => {
                sink.found(Entity::MONEY, at, end, 0.7);
                at = end;
            }
            Err(end) => at = end.max(at + 1),
        }
    }
}

/// Where the sum at `start` ends, or where to go on.
fn sum(chars: &[char], start: usize) -> Result<usize, usize> {
    let signed = SIGNS.contains(chars[start]);
    let mut end = number(chars, start + usize::from(signed)).ok_or(start + 1)?;
    if signed {
        return Ok(end);
    }
    let mut unit = unit(chars, end);
    // `10k~15k`, `1 万(含)-5 万元`.
    let included = if is_at(chars, unit.unwrap_or(end), "(含)") {
        3
    } else {
        0
    };
    let joint = unit.unwrap_or(end) + included;
    if matches!(chars.get(joint), Some('-' | '~' | '～' | '至' | '到'))
        && let Some(next) = number(chars, joint + 1)
        && let Some(next_unit) = self::unit(chars, next)
    {
        (end, unit) = (next, Some(next_unit));
    }
    let mut end = unit.ok_or(end)?;
    // `123元1角1分`.
    while let Some(next) =
        number(chars, end).filter(|next| matches!(chars.get(*next), Some('角' | '毛' | '分')))
    {
        end = next + 1;
    }
    Ok(end)
}

/// Past a number: digits with separators, or numerals, and its factors.
fn number(chars: &[char], start: usize) -> Option<usize> {
    let get = |at: usize| chars.get(at).copied().unwrap_or('\0');
    let mut end = start;
    while end < start + 24 {
        let c = get(end);
        let separator = matches!(c, ',' | '.') && end > start && get(end + 1).is_ascii_digit();
        if !(c.is_ascii_digit() || NUMERALS.contains(c) || separator) {
            break;
        }
        end += 1;
    }
    if end == start {
        return None;
    }
    if get(end) == '余' || get(end) == '多' {
        end += 1;
    }
    let space =
        usize::from(get(end) == ' ' && FACTORS.contains(get(end + 1)) && get(end + 1) != '\0');
    while FACTORS.contains(get(end + space)) && get(end + space) != '\0' && get(end + space) != 'k'
    {
        end += space + 1;
        if space == 1 {
            break;
        }
    }
    Some(end)
}

fn unit(chars: &[char], at: usize) -> Option<usize> {
    let at = at + usize::from(chars.get(at) == Some(&' '));
    let word = UNITS
        .iter()
        .filter(|unit| is_at(chars, at, unit))
        .max_by_key(|unit| unit.len())?;
    let end = at + word.chars().count();
    let whole = !word.is_ascii() || !chars.get(end).is_some_and(|c| is_word(*c));
    whole.then_some(end)
}

#[cfg(test)]
mod tests {
    use crate::recognizers::texts;

    #[test]
    fn sums_in_figures_and_words() {
        assert_eq!(
            texts(super::scan, "共计1,234.50元，打八折后九百八十元整"),
            ["1,234.50元", "九百八十元整"]
        );
        assert_eq!(texts(super::scan, "$12.50 or 30 USD"), ["$12.50", "30 USD"]);
        assert_eq!(
            texts(super::scan, "月薪8k~12k，花了5元3角"),
            ["8k~12k", "5元3角"]
        );
        assert_eq!(texts(super::scan, "价值300余元"), ["300余元"]);
    }

    #[test]
    fn numbers_without_a_unit_are_none() {
        for text in ["共10000台", "三年以上", "v1.2元", "一一", "元旦"] {
            assert_eq!(texts(super::scan, text), [""; 0], "{text}");
        }
    }
}
