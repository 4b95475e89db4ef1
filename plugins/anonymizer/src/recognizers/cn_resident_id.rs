//! Chinese resident identity numbers (GB 11643): six digits of the region, the date of birth,
//! three digits of order, a check character.

use super::Sink;
use super::digits::{Digits, read_groups, run_starts};
use crate::checksum::mod_11_2;
use crate::context::glued_label;
use crate::entity::Entity;
use crate::rules::is_day;
use crate::text::{ends_alone, starts_alone};

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    for start in run_starts(chars) {
        if !starts_alone(chars, start) && !glued_label(chars, start) {
            continue;
        }
        let mut found = None;
        read_groups(chars, start, 3, |digits, end| {
            if let Some(end) = number_end(chars, digits, end) {
                found = Some(end);
            }
        });
        if let Some(end) = found {
            sink.found(Entity::CN_RESIDENT_ID, start, end, 1.0);
        }
    }
}

/// Where the number ends, if these digits, with the `X` that may follow them, are one.
fn number_end(chars: &[char], digits: &Digits, end: usize) -> Option<usize> {
    let digits = digits.as_slice();
    let (check, end) = match digits.len() {
        17 if matches!(chars.get(end), Some('X' | 'x')) => ('X', end + 1),
        18 => (char::from(digits[17] + b'0'), end),
        _ => return None,
    };
    let body = &digits[..17];
    let valid = is_region(&body[..2]) && is_birth_date(&body[6..14]) && mod_11_2(body) == check;
    (valid && ends_alone(chars, end)).then_some(end)
}

/// The provinces, Hong Kong, Macao and Taiwan (81 to 83), and 91 of foreign permanent residents.
pub fn is_region(digits: &[u8]) -> bool {
    matches!(
        digits[0] * 10 + digits[1],
        11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83 | 91
    )
}

/// A day of the years 1900 to 2099: the plugin has no clock to ask what is the future.
fn is_birth_date(digits: &[u8]) -> bool {
    let number = |d: &[u8]| d.iter().fold(0u32, |n, d| n * 10 + u32::from(*d));
    let (year, month, day) = (
        number(&digits[..4]),
        number(&digits[4..6]),
        number(&digits[6..]),
    );
    (1900..2100).contains(&year) && is_day(year, month, day)
}

#[cfg(test)]
mod tests {
    use crate::recognizers::texts;

    fn ids(text: &str) -> Vec<String> {
        texts(super::scan, text)
    }

    #[test]
    fn numbers_in_text() {
        assert_eq!(
            ids("身份证11010519491231002X，请核对"),
            ["11010519491231002X"]
        );
        assert_eq!(ids("ID: 11010519491231002x."), ["11010519491231002x"]);
        assert_eq!(
            ids("号码１１０１０５１９４９１２３１００２Ｘ是他的"),
            ["１１０１０５１９４９１２３１００２Ｘ"]
        );
        assert_eq!(ids("110105 19491231 002X"), ["110105 19491231 002X"]);
        assert_eq!(ids("110105-1949-1231-002X"), ["110105-1949-1231-002X"]);
    }

    #[test]
    fn check_date_region_and_neighbours_count() {
        for text in [
            "110105194912310021",
            "11010519491231002",
            "990105194912310024",
            "110105194913310025",
            "1101051949123100211",
            "A11010519491231002X",
            "11010519491231002XY",
            "0.11010519491231002X",
        ] {
            assert_eq!(ids(text), [""; 0], "{text}");
        }
    }
}
