//! International bank account numbers (ISO 13616): country, length and structure of the
//! registry, and the check by 97.

use super::Sink;
use crate::checksum::mod_97;
use crate::context::glued_label;
use crate::entity::Entity;
use crate::text::{before, ends_alone, is_word};

/// What follows the check digits, as the registry writes it: `n` digits, `a` letters, `c` either.
const STRUCTURES: &[(&str, &str)] = &[
    ("AD", "8n12c"),
    ("AE", "19n"),
    ("AL", "8n16c"),
    ("AT", "16n"),
    ("AZ", "4a20c"),
    ("BA", "16n"),
    ("BE", "12n"),
    ("BG", "4a6n8c"),
    ("BH", "4a14c"),
    ("BI", "23n"),
    ("BR", "23n1a1c"),
    ("BY", "4c4n16c"),
    ("CH", "5n12c"),
    ("CR", "18n"),
    ("CY", "8n16c"),
    ("CZ", "20n"),
    ("DE", "18n"),
    ("DJ", "23n"),
    ("DK", "14n"),
    ("DO", "4c20n"),
    ("EE", "16n"),
    ("EG", "25n"),
    ("ES", "20n"),
    ("FI", "14n"),
    ("FK", "2a12n"),
    ("FO", "14n"),
    ("FR", "10n11c2n"),
    ("GB", "4a14n"),
    ("GE", "2a16n"),
    ("GI", "4a15c"),
    ("GL", "14n"),
    ("GR", "7n16c"),
    ("GT", "24c"),
    ("HN", "4a20n"),
    ("HR", "17n"),
    ("HU", "24n"),
    ("IE", "4a14n"),
    ("IL", "19n"),
    ("IQ", "4a15n"),
    ("IS", "22n"),
    ("IT", "1a10n12c"),
    ("JO", "4a4n18c"),
    ("KW", "4a22c"),
    ("KZ", "3n13c"),
    ("LB", "4n20c"),
    ("LC", "4a24c"),
    ("LI", "5n12c"),
    ("LT", "16n"),
    ("LU", "3n13c"),
    ("LV", "4a13c"),
    ("LY", "21n"),
    ("MC", "10n11c2n"),
    ("MD", "20c"),
    ("ME", "18n"),
    ("MK", "3n10c2n"),
    ("MN", "16n"),
    ("MR", "23n"),
    ("MT", "4a5n18c"),
    ("MU", "4a19n3a"),
    ("NI", "4a20n"),
    ("NL", "4a10n"),
    ("NO", "11n"),
    ("OM", "3n16c"),
    ("PK", "4a16c"),
    ("PL", "24n"),
    ("PS", "4a21c"),
    ("PT", "21n"),
    ("QA", "4a21c"),
    ("RO", "4a16c"),
    ("RS", "18n"),
    ("RU", "14n15c"),
    ("SA", "2n18c"),
    ("SC", "4a20n3a"),
    ("SD", "14n"),
    ("SE", "20n"),
    ("SI", "15n"),
    ("SK", "20n"),
    ("SM", "1a10n12c"),
    ("SO", "19n"),
    ("ST", "21n"),
    ("SV", "4a20n"),
    ("TL", "19n"),
    ("TN", "20n"),
    ("TR", "6n16c"),
    ("UA", "6n19c"),
    ("VA", "18n"),
    ("VG", "4a16n"),
    ("XK", "16n"),
    ("YE", "4a4n18c"),
];

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut start = 0;
    while start + 4 <= chars.len() {
        match number_end(chars, start) {
            Some(end) => {
                sink.found(Entity::IBAN_CODE, start, end, 1.0);
                start = end;
            }
            None => start += 1,
        }
    }
}

/// Where the number that begins at `start` ends.
fn number_end(chars: &[char], start: usize) -> Option<usize> {
    let head = chars.get(start..start + 4)?;
    let shape = head[0].is_ascii_alphabetic()
        && head[1].is_ascii_alphabetic()
        && head[2].is_ascii_digit()
        && head[3].is_ascii_digit();
    if !shape || before(chars, start).is_some_and(is_word) && !glued_label(chars, start) {
        return None;
    }
    let structure = structure_of(head)?;
    let upper = head[0].is_ascii_uppercase();

    let mut body = Vec::with_capacity(30);
    let mut at = start + 4;
    for wanted in kinds(structure) {
        if matches!(chars.get(at), Some(' ' | '-')) {
            at += 1;
        }
        let c = *chars.get(at)?;
        // A number is written in one case; mixed, it is chance.
        let fits = match wanted {
            'n' => c.is_ascii_digit(),
            'a' => c.is_ascii_alphabetic() && c.is_ascii_uppercase() == upper,
            _ => c.is_ascii_digit() || c.is_ascii_alphabetic() && c.is_ascii_uppercase() == upper,
        };
        if !fits {
            return None;
        }
        body.push(c);
        at += 1;
    }
    let proved = mod_97(body.into_iter().chain(head.iter().copied())) == 1;
    (proved && ends_alone(chars, at)).then_some(at)
}

fn structure_of(head: &[char]) -> Option<&'static str> {
    let country = |code: &str| {
        code.chars()
            .eq(head[..2].iter().map(char::to_ascii_uppercase))
    };
    STRUCTURES
        .iter()
        .find(|(code, _)| country(code))
        .map(|(_, s)| *s)
}

/// The kind of each character: `8n2c` is eight times `n`, then twice `c`.
fn kinds(structure: &str) -> impl Iterator<Item = char> + '_ {
    structure
        .split_inclusive(char::is_alphabetic)
        .flat_map(|part| {
            let (count, kind) = part.split_at(part.len() - 1);
            let kind = kind.chars().next().unwrap_or('c');
            std::iter::repeat_n(kind, count.parse().unwrap_or(0))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::texts;

    fn ibans(text: &str) -> Vec<String> {
        texts(super::scan, text)
    }

    #[test]
    fn written_whole_in_groups_and_in_chinese() {
        assert_eq!(ibans("DE89370400440532013000"), ["DE89370400440532013000"]);
        assert_eq!(
            ibans("账号DE89 3704 0044 0532 0130 00，谢谢"),
            ["DE89 3704 0044 0532 0130 00"]
        );
        assert_eq!(
            ibans("iban gb29nwbk60161331926819."),
            ["gb29nwbk60161331926819"]
        );
        assert_eq!(
            ibans("pay VG96 VPVG 0000 0123 4567 8901 X in"),
            ["VG96 VPVG 0000 0123 4567 8901"]
        );
        assert_eq!(
            ibans("AL47212110090000000235698741, MU17BOMM0101101030300200000MUR"),
            [
                "AL47212110090000000235698741",
                "MU17BOMM0101101030300200000MUR"
            ]
        );
    }

    #[test]
    fn check_structure_length_and_case_count() {
        for text in [
            "DE89370400440532013001",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "GI75 aWBK 0000 0000 7099 453",
            "ZZ89370400440532013000",
            "XDE89370400440532013000",
            "DE89 3704 0044  0532 0130 00",
            "DE89",
            "",
            "DE",
        ] {
            assert_eq!(ibans(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn the_registry_is_in_order_and_its_lengths_are_plausible() {
        assert!(STRUCTURES.windows(2).all(|w| w[0].0 < w[1].0));
        for (country, structure) in STRUCTURES.iter() {
            let length = 4 + kinds(structure).count();
            assert!((15..=34).contains(&length), "{country}: {length}");
        }
    }
}
