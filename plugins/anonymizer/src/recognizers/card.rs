//! Payment cards: known issuer ranges (ISO/IEC 7812), lengths and the Luhn check.

use super::Sink;
use super::digits::{read_groups, run_starts};
use crate::checksum::luhn;
use crate::context::glued_label;
use crate::entity::Entity;
use crate::text::{ends_alone, starts_alone};

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    for start in run_starts(chars) {
        if !starts_alone(chars, start) && !glued_label(chars, start) {
            continue;
        }
        // The longest number that is a card: a shorter one would leave its last digits behind.
        let mut found = None;
        read_groups(chars, start, 3, |digits, end| {
            let digits = digits.as_slice();
            if let Some((entity, score)) = network(digits)
                && luhn(digits)
                && ends_alone(chars, end)
            {
                found = Some((entity, end, score));
            }
        });
        if let Some((entity, end, score)) = found {
            sink.found(entity, start, end, score);
        }
    }
}

/// Whose card a number of this length and beginning is. Lengths that the network hardly issues,
/// and ranges shared with much else, are not proved by one check digit: they score lower.
fn network(digits: &[u8]) -> Option<(Entity, f32)> {
    let len = digits.len();
    let head = |n: usize| {
        digits
            .iter()
            .take(n)
            .fold(0u32, |h, d| h * 10 + u32::from(*d))
    };
    let (two, three, four, six) = (head(2), head(3), head(4), head(6));
    let credit = |usual: bool| Some((Entity::CREDIT_CARD, if usual { 1.0 } else { 0.8 }));
    match (len, two) {
        (0..12 | 20.., _) => None,
        // UnionPay.
        (16..=19, 62 | 81) => Some((
            Entity::BANK_CARD,
            if matches!(len, 16 | 19) { 1.0 } else { 0.8 },
        )),
        // Debit cards of ICBC and ABC from before UnionPay's own range.
        (19, 95) if four == 9558 || head(5) == 95599 => Some((Entity::BANK_CARD, 0.9)),
        (16, 40..=49) => credit(true), // Visa
        (13 | 19, 40..=49) => credit(false),
        (16, 51..=55) => credit(true), // Mastercard
        (16, 22..=27) if (2221..=2720).contains(&four) => credit(true),
        (15, 34 | 37) => credit(true),      // American Express
        (14, 36 | 38 | 39) => credit(true), // Diners Club
        (14, 30) if (300..=305).contains(&three) || four == 3095 => credit(true),
        (16..=19, 60 | 64 | 65) if four == 6011 || three >= 644 => credit(len == 16), // Discover
        // JCB has 3528 to 3589, other networks and issuers have pieces of the rest.
        (16, 35) => credit((3528..=3589).contains(&four)),
        (17..=19, 35) if (3528..=3589).contains(&four) => credit(false),
        (15, 18 | 21) if four == 1800 || four == 2131 => credit(true),
        (16..=19, 22) if (2200..=2204).contains(&four) => credit(len == 16), // Mir
        (16, 97) if four == 9792 => credit(true),                            // Troy
        (16..=19, 50) if (506_099..=506_198).contains(&six) => credit(len == 16), // Verve
        (16, 60 | 65 | 82) if matches!(three, 606..=608 | 652 | 653 | 820) => credit(true), // RuPay
        (15, 10..=19) => credit(false),                                      // UATP
        // Maestro and the debit networks beside it.
        (12..=19, 50 | 56..=61 | 63 | 64 | 66..=69) => credit(len == 16),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::entity::Entity;
    use crate::recognizers::{found, texts};

    fn cards(text: &str) -> Vec<String> {
        texts(super::scan, text)
    }

    #[test]
    fn published_test_numbers_of_the_networks() {
        for number in [
            "4012888888881881",
            "4222222222222",
            "5555555555554444",
            "2223000048400011",
            "378282246310005",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "180000826105910",
            "5019717010103742",
            "6304000000000000",
        ] {
            assert_eq!(
                found(super::scan, number, 0.5),
                [(Entity::CREDIT_CARD, number.into())]
            );
        }
    }

    #[test]
    fn chinese_bank_cards() {
        assert_eq!(
            found(super::scan, "卡号6222021234567890128请转账", 0.5),
            [(Entity::BANK_CARD, "6222021234567890128".into())]
        );
        assert_eq!(
            cards("（6228 4804 0256 4890 018）"),
            ["6228 4804 0256 4890 018"]
        );
        assert_eq!(
            cards("６２２８４８０４０２５６４８９００１８"),
            ["６２２８４８０４０２５６４８９００１８"]
        );
    }

    #[test]
    fn groups_and_neighbours() {
        assert_eq!(
            cards("4012888888881881 4012-8888-8888-1881 4012 8888 8888 1881"),
            [
                "4012888888881881",
                "4012-8888-8888-1881",
                "4012 8888 8888 1881"
            ]
        );
        assert_eq!(cards("Card4012888888881881."), ["4012888888881881"]);
        for text in [
            "4012888888881882",
            "40128888888818810000",
            "A4012888888881881",
            "4012888888881881b",
            "1.4012888888881881",
            "4012 8888-8888 1881",
            "0000000000000000",
            "4 0 1 2 8 8 8 8 8 8",
            "1700000000000",
            "20231201123045123",
        ] {
            assert_eq!(cards(text), [""; 0], "{text}");
        }
    }
}
