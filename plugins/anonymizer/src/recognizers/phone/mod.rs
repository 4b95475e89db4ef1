//! Telephone numbers: international ones, Chinese mobiles and landlines, the formats of other
//! countries where their writing is evidence enough, and anything of the right length behind a
//! label such as `Tel:` or `电话`.

mod countries;
mod rules;
mod shape;

use self::shape::{Separator, Shape};
use super::Sink;
use crate::context::{announces_phone, glued_label, named_after};
use crate::entity::Entity;
use crate::text::{before, ends_alone, is_word};

/// Nothing shorter is reported: emergency and service numbers belong to nobody.
const FEWEST_DIGITS: usize = 7;

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut at = 0;
    while at < chars.len() {
        match number_at(chars, at) {
            Some((end, score)) => {
                sink.found(Entity::PHONE_NUMBER, at, end, score);
                at = end;
            }
            None => {
                at += chars[at..]
                    .iter()
                    .take_while(|c| c.is_ascii_digit())
                    .count()
                    .max(1)
            }
        }
    }
}

/// How a number is tied to what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Nothing of a number before it.
    Free,
    /// A space, and digits before that.
    BehindNumber,
    /// A hyphen, slash or colon, and a letter or digit before that.
    Joined,
}

/// Where the number that begins at `at` ends, and how sure it is one.
fn number_at(chars: &[char], at: usize) -> Option<(usize, f32)> {
    if !matches!(chars[at], '0'..='9' | '+' | '(' | '（') {
        return None;
    }
    let start = start_at(chars, at)?;
    let shape = Shape::read(chars, at)?;
    if shape.part(shape.groups().len()).digits.len() < FEWEST_DIGITS {
        return None;
    }
    let announced = start == Start::Free && announces_phone(chars, at);
    let mut best: Option<(usize, f32)> = None;
    // The longest reading wins among equals: a shorter one would leave digits behind.
    for count in (1..=shape.groups().len()).rev() {
        let Some(end) = shape.end(chars, count) else {
            continue;
        };
        let cut = count < shape.groups().len();
        let part = shape.part(count);
        let mobile = rules::is_plain_mobile(&part);
        if start == Start::Joined && !mobile {
            continue;
        }
        let score = match start {
            Start::Free => {
                let named = !cut && (announced || named_after(chars, end));
                rules::score(&part, named, !cut)
            }
            Start::BehindNumber | Start::Joined => rules::score_behind_number(&part),
        };
        if let Some(score) = score
            && best.is_none_or(|(_, other)| score > other)
        {
            best = Some((end, score));
        }
    }
    best
}

/// Whether a number may begin at `at`, and how.
fn start_at(chars: &[char], at: usize) -> Option<Start> {
    let Some(c) = before(chars, at) else {
        return Some(Start::Free);
    };
    let further = before(chars, at - 1);
    match c {
        _ if is_word(c) => glued_label(chars, at).then_some(Start::Free),
        '$' | '¥' | '￥' | '€' | '£' | '+' => None,
        '.' if further.is_some_and(|c| c.is_ascii_digit()) => None,
        '-' | '/' | '_' if further.is_some_and(is_word) => Some(Start::Joined),
        // Hours, or a group of an address.
        ':' if further.is_some_and(|c| c == ':' || c.is_ascii_digit()) => Some(Start::Joined),
        ' ' if further.is_some_and(|c| c.is_ascii_digit()) => Some(Start::BehindNumber),
        _ => Some(Start::Free),
    }
}

impl Shape {
    /// The end of the number made of the first `count` groups; none where it cannot end there.
    fn end(&self, chars: &[char], count: usize) -> Option<usize> {
        let last = self.groups().get(count - 1)?;
        // Brackets around the whole number are the sentence's.
        if count == 1 && last.bracketed {
            return None;
        }
        if let Some(next) = self.groups().get(count) {
            let listed = next.separator == Separator::Space;
            return listed.then_some(last.end);
        }
        let long = last.digits >= shape::LONG_GROUP;
        let goes_on = matches!(chars.get(last.end), Some('-' | '/'))
            && chars.get(last.end + 1).is_some_and(char::is_ascii_digit);
        let amount = matches!(chars.get(last.end), Some('元' | '%' | '％'));
        (ends_alone(chars, last.end) && !amount && (long || !goes_on)).then_some(last.end)
    }
}

#[cfg(test)]
mod tests {
    use crate::recognizers::texts;

    fn phones(text: &str) -> Vec<String> {
        texts(super::scan, text)
    }

    #[test]
    fn chinese_mobiles() {
        assert_eq!(phones("电话13812345678请回"), ["13812345678"]);
        assert_eq!(
            phones("手机：１３８１２３４５６７８。"),
            ["１３８１２３４５６７８"]
        );
        assert_eq!(
            phones("+86 138-1234-5678、+8613912345678"),
            ["+86 138-1234-5678", "+8613912345678"]
        );
        assert_eq!(phones("(+86)13812345678"), ["(+86)13812345678"]);
        assert_eq!(phones("0086 13812345678"), ["0086 13812345678"]);
        assert_eq!(phones("86-13812345678"), ["86-13812345678"]);
        assert_eq!(
            phones("138 1234 5678 139 1234 5678"),
            ["138 1234 5678", "139 1234 5678"]
        );
        assert_eq!(
            phones("13812345678/13912345678"),
            ["13812345678", "13912345678"]
        );
        assert_eq!(phones("2024-01-02 13812345678张三"), ["13812345678"]);
        assert_eq!(
            phones("Tel13812345678, 张三-13912345678"),
            ["13812345678", "13912345678"]
        );
        assert_eq!(
            phones("1\u{200B}38 1234\u{200B}5678"),
            ["1\u{200B}38 1234\u{200B}5678"]
        );
    }

    #[test]
    fn chinese_landlines_and_service_numbers() {
        assert_eq!(
            phones("座机010-62345678，0755-83214567-801"),
            ["010-62345678", "0755-83214567-801"]
        );
        assert_eq!(phones("（021）62345678"), ["（021）62345678"]);
        assert_eq!(
            phones("客服400-820-8820或4008-123-123"),
            ["400-820-8820", "4008-123-123"]
        );
        assert_eq!(phones("联系电话：01062345678"), ["01062345678"]);
    }

    #[test]
    fn numbers_of_other_countries() {
        assert_eq!(
            phones("(415) 555-0132, 415-555-0133 or +1 415 555 0134."),
            ["(415) 555-0132", "415-555-0133", "+1 415 555 0134"]
        );
        assert_eq!(
            phones("+44 (20) 7123 4567; +44 (0)20 7123 4567"),
            ["+44 (20) 7123 4567", "+44 (0)20 7123 4567"]
        );
        assert_eq!(
            phones("+49 30 1234567 und 030/1234567"),
            ["+49 30 1234567", "030/1234567"]
        );
        assert_eq!(
            phones("01.84.17.61.18 ou 07700 063 966"),
            ["01.84.17.61.18", "07700 063 966"]
        );
        assert_eq!(
            phones("+852 9123 4567，+886 912-345-678"),
            ["+852 9123 4567", "+886 912-345-678"]
        );
        assert_eq!(phones("My phone is 451 5986"), ["451 5986"]);
        assert_eq!(phones("call 72 128 827 now"), ["72 128 827"]);
        assert_eq!(
            phones("781 1704 office, 3660170548-Fax"),
            ["781 1704", "3660170548"]
        );
    }

    #[test]
    fn what_only_resembles_one() {
        for text in [
            "2024-01-02",
            "01.02.2024",
            "20240102",
            "订单20240102123456",
            "138123456789",
            "1381234567",
            "3.13812345678",
            "13812345678.5",
            "A13812345678",
            "13812345678b",
            "¥13812345678",
            "13812345678元",
            "4012 8888 8888 1882",
            "978-7-111-54742-6",
            "1234567",
            "12-34",
            "+999 123456789",
            "1+13812345678x",
            "550e8400-e29b-41d4-a716-446655440000",
            "(2024)",
            "110105194912310021",
            "192.168.100.100",
            "10:30-11:45",
            "call on 2024-01-02",
            "+",
            "(",
            "0.123 456 789",
            "$415-555-0132",
            "054-28-6917",
            "51 824 753 5564",
            "046 454 286",
            "Boston, MA 02110-1301",
            "clause 252.227-7013",
            "1 2 3 4 5 6 7 8 9",
        ] {
            assert_eq!(phones(text), [""; 0], "{text}");
        }
    }
}
