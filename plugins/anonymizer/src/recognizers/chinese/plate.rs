//! Licence plates of China (GA 36): a province, an office, five characters or six of new-energy
//! vehicles.

use crate::bloom::CharSet;
use crate::entity::Entity;
use crate::recognizers::Sink;
use crate::text::ends_alone;

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut at = 0;
    while at < chars.len() {
        let found = if is_province(chars[at]) {
            civil(chars, at)
        } else if matches!(chars[at], '使') {
            digits(chars, at + 1, 6).map(|end| (end, 0.7))
        } else if chars[at] == 'W' {
            police(chars, at)
        } else {
            None
        };
        match found {
            Some((end, score)) => {
                sink.found(Entity::CN_LICENSE_PLATE, at, end, score);
                at = end;
            }
            None => at += 1,
        }
    }
}

static PROVINCES: CharSet = CharSet::of(
    "京津沪滬渝冀豫云雲辽遼黑湘皖鲁魯新苏蘇浙赣贛鄂桂甘晋晉蒙陕陝吉闽閩贵貴粤粵青藏川宁寧琼瓊",
);

fn is_province(c: char) -> bool {
    PROVINCES.contains(c)
}

/// Letters that plates use: not I and O, which resemble digits.
fn is_plate(c: char) -> bool {
    c.is_ascii_digit() || is_plate_letter(c)
}

fn is_plate_letter(c: char) -> bool {
    c.is_ascii_uppercase() && !matches!(c, 'I' | 'O')
}

fn digits(chars: &[char], start: usize, count: usize) -> Option<usize> {
    let all = chars
        .get(start..start + count)?
        .iter()
        .all(char::is_ascii_digit);
    (all && ends_alone(chars, start + count)).then_some(start + count)
}

/// `京A12345`, `粤B·12345D`, `粤Z1234港`.
fn civil(chars: &[char], at: usize) -> Option<(usize, f32)> {
    let office = *chars.get(at + 1)?;
    if !is_plate_letter(office.to_ascii_uppercase()) {
        return None;
    }
    let gap = usize::from(matches!(
        chars.get(at + 2),
        Some('·' | '•' | '.' | ' ' | '-' | '‧' | '・')
    ));
    let start = at + 2 + gap;
    let run = chars[start.min(chars.len())..]
        .iter()
        .take(7)
        .take_while(|c| is_plate(c.to_ascii_uppercase()))
        .count();
    let body: Vec<char> = chars[start..start + run]
        .iter()
        .map(char::to_ascii_uppercase)
        .collect();
    let figures = body.iter().filter(|c| c.is_ascii_digit()).count();
    // Of learners, trailers, the police, and for driving between Guangdong and Hong Kong or Macau.
    let special = run == 4
        && figures >= 2
        && matches!(
            chars.get(start + 4),
            Some('学' | '挂' | '警' | '港' | '澳' | '领' | '试' | '超')
        );
    if special {
        return Some((start + 5, 0.95));
    }
    let energy = run == 6
        && (matches!(body[0], 'A'..='H' | 'J' | 'K') && body[2..].iter().all(char::is_ascii_digit)
            || matches!(body[5], 'A'..='H' | 'J' | 'K')
                && body[..5].iter().all(char::is_ascii_digit));
    let usual = run == 5 && figures >= 2;
    ((energy || usual) && ends_alone(chars, start + run)).then_some((start + run, 0.95))
}

/// `WJ京12345`.
fn police(chars: &[char], at: usize) -> Option<(usize, f32)> {
    let shape =
        chars.get(at + 1) == Some(&'J') && chars.get(at + 2).is_some_and(|c| is_province(*c));
    let end = at + 8;
    let body = chars.get(at + 3..end)?;
    let fits = body[..4].iter().all(char::is_ascii_digit) && is_plate(body[4]);
    (shape && fits && ends_alone(chars, end)).then_some((end, 0.9))
}

#[cfg(test)]
mod tests {
    use crate::recognizers::texts;

    fn plates(text: &str) -> Vec<String> {
        texts(super::scan, text)
    }

    #[test]
    fn plates_of_all_kinds() {
        assert_eq!(
            plates("车牌京A12345，粤B·8X9Y0。"),
            ["京A12345", "粤B·8X9Y0"]
        );
        assert_eq!(
            plates("新能源沪AD12345和浙A12345F"),
            ["沪AD12345", "浙A12345F"]
        );
        assert_eq!(
            plates("粤Z1234港、川A1234学、WJ京12345"),
            ["粤Z1234港", "川A1234学", "WJ京12345"]
        );
        assert_eq!(plates("车牌号：京ａ１２３４５"), ["京ａ１２３４５"]);
    }

    #[test]
    fn what_only_resembles_one() {
        for text in [
            "京ABCDEF",
            "京A1234",
            "京A123456",
            "京I12345",
            "新A级",
            "川AO2345",
            "A12345",
        ] {
            assert_eq!(plates(text), [""; 0], "{text}");
        }
    }
}
