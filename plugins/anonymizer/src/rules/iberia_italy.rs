//! Spain and Italy.

use super::{Form, Found, Rule, Verdict, checked, form, number, possible, unknown};
use crate::checksum::luhn;
use crate::entity::Entity;

pub const RULES: &[Rule] = &[
    Rule {
        entity: Entity::ES_NIF,
        name: "es_nif",
        forms: &[checked(r"\d{7,8}-?[A-Z]", 0.3, 0.7)],
        check: |f| spanish_letter(0, f.values),
        words: &[
            "documento nacional de identidad",
            "dni",
            "nif",
            "identificación",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::ES_NIE,
        name: "es_nie",
        forms: &[checked(r"[XYZ]-?\d{7,8}-?[A-Z]", 0.3, 0.9)],
        check: |f| spanish_letter(u32::from(f.values[0] - 33), &f.values[1..]),
        words: &[
            "número de identificación de extranjero",
            "nie",
            "extranjero",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::ES_PASSPORT,
        name: "es_passport",
        forms: &[form("[A-Z]{3}[0-9]{6}", 0.1)],
        check: unknown,
        words: &["pasaporte", "passport"],
        glued: false,
    },
    Rule {
        entity: Entity::IT_FISCAL_CODE,
        name: "it_fiscal_code",
        forms: FISCAL_CODE,
        check: fiscal_code,
        words: &["codice fiscale", "cf", "c.f."],
        glued: false,
    },
    Rule {
        entity: Entity::IT_VAT_CODE,
        name: "it_vat_code",
        forms: VAT_CODE,
        check: |f| {
            let any = f.values.iter().any(|d| *d > 0);
            (any && luhn(f.values)).into()
        },
        words: &["piva", "p.iva", "p. iva", "partita iva"],
        glued: false,
    },
    Rule {
        entity: Entity::IT_DRIVER_LICENSE,
        name: "it_driver_license",
        forms: &[
            form("[A-Z]{2}[0-9]{7}[A-Z]", 0.2),
            form("U1[B-HJ-NPR-Z0-9]{7}[A-Z]", 0.3),
        ],
        check: unknown,
        words: &["patente", "patente di guida", "licenza", "licenza di guida"],
        glued: false,
    },
    Rule {
        entity: Entity::IT_IDENTITY_CARD,
        name: "it_identity_card",
        forms: &[
            form("[A-Z]{2} ?[0-9]{7}", 0.01),
            form("[0-9]{7}[A-Z]{2}", 0.01),
            form("[A-Z]{2}[0-9]{5}[A-Z]{2}", 0.01),
        ],
        check: unknown,
        words: &[
            "carta d'identità",
            "carta di identità",
            "identità",
            "cie",
            "documento",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::IT_PASSPORT,
        name: "it_passport",
        forms: &[form("[A-Z]{2}[0-9]{7}", 0.01)],
        check: unknown,
        words: &[
            "passaporto",
            "elettronico",
            "italiano",
            "viaggio",
            "rilascio",
        ],
        glued: false,
    },
];

const VAT_CODE: &[Form] = &[
    checked(r"\d{11}", 0.1, 0.3),
    checked(
        r"\d[ _]?\d[ _]?\d[ _]?\d[ _]?\d[ _]?\d[ _]?\d[ _]?\d[ _]?\d[ _]?\d[ _]?\d",
        0.05,
        0.2,
    ),
];

/// Letters may stand for digits where two people would have the same code.
const FISCAL_CODE: &[Form] = &[checked(
    "[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-MZ][0-9LMNP-V]{3}[A-Z]",
    0.3,
    0.95,
)];

/// The letter behind a number: the number modulo 23 in a fixed alphabet. `X`, `Y` and `Z` before the
/// number of a foreigner count as 0, 1 and 2.
fn spanish_letter(prefix: u32, values: &[u8]) -> Verdict {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let Some((letter, digits)) = values.split_last() else {
        return Verdict::Invalid;
    };
    let factor = if digits.len() == 8 { 0 } else { 10_000_000 };
    let number = prefix * factor + number(digits);
    let wanted = LETTERS[(number % 23) as usize];
    (wanted - b'A' + 10 == *letter).into()
}

/// Sixteen characters: surname, name, date, place, control character (decree of 23 December 1976).
fn fiscal_code(f: &Found<'_>) -> Verdict {
    // The values at odd places of 0 to 9 and of A to Z.
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let [body @ .., control] = f.values else {
        return Verdict::Invalid;
    };
    let vowel = |v: u8| matches!(v, 10 | 14 | 18 | 24 | 30);
    // Consonants come first, then vowels, then `X` to fill up.
    let order = |name: &[u8]| {
        let kinds: Vec<u8> = name
            .iter()
            .map(|v| if *v == 33 { 0 } else { 1 + u8::from(vowel(*v)) })
            .collect();
        match kinds[..] {
            [a, b, c] => (a, b) != (2, 1) && (b, c) != (2, 1),
            _ => false,
        }
    };
    if body.len() != 15 || !order(&body[..3]) || !order(&body[3..6]) {
        return Verdict::Invalid;
    }
    let sum: u32 = body
        .iter()
        .enumerate()
        .map(|(i, v)| {
            let place = u32::from(if *v < 10 { *v } else { v - 10 });
            if i % 2 == 0 {
                ODD[place as usize]
            } else {
                place
            }
        })
        .sum();
    if sum % 26 + 10 == u32::from(*control) {
        return Verdict::Valid;
    }
    possible(true)
}

#[cfg(test)]
mod tests {
    use crate::detector::tests::{at_least, named};

    #[test]
    fn spanish_letters() {
        assert_eq!(
            named("ES_NIF", "DNI 12345678Z, 1234567-L"),
            ["12345678Z", "1234567-L"]
        );
        assert_eq!(named("ES_NIF", "12345678A"), [""; 0]);
        assert_eq!(
            named("ES_NIE", "X1234567L Z1234567R"),
            ["X1234567L", "Z1234567R"]
        );
        assert_eq!(named("ES_NIE", "Z1234567L"), [""; 0]);
    }

    #[test]
    fn italian_codes() {
        assert_eq!(
            at_least("IT_FISCAL_CODE", "RSSMRA85T10A562S", 0.9),
            ["RSSMRA85T10A562S"]
        );
        assert_eq!(at_least("IT_FISCAL_CODE", "RSSMRA85T10A562T", 0.9), [""; 0]);
        assert_eq!(named("IT_FISCAL_CODE", "ASSMRA85T10A562S"), [""; 0]);
        assert_eq!(named("IT_VAT_CODE", "P.IVA 00743110157"), ["00743110157"]);
        assert_eq!(named("IT_VAT_CODE", "00743110158"), [""; 0]);
    }
}
