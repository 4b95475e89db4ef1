//! Australia and Nigeria.

use super::{Found, Rule, Verdict, checked, form, unknown};
use crate::checksum::{verhoeff, weighted};
use crate::entity::Entity;

pub const RULES: &[Rule] = &[
    Rule {
        entity: Entity::AU_ABN,
        name: "au_abn",
        forms: &[
            checked(r"\d{2} \d{3} \d{3} \d{3}", 0.1, 0.8),
            checked(r"\d{11}", 0.01, 0.4),
        ],
        check: abn,
        words: &["australian business number", "abn"],
        glued: false,
    },
    Rule {
        entity: Entity::AU_ACN,
        name: "au_acn",
        forms: &[
            checked(r"\d{3} \d{3} \d{3}", 0.1, 0.4),
            checked(r"\d{9}", 0.01, 0.2),
        ],
        check: |f| {
            let sum = weighted(&f.values[..8], &[8, 7, 6, 5, 4, 3, 2, 1]);
            ((10 - sum % 10) % 10 == u32::from(f.values[8])).into()
        },
        words: &["australian company number", "acn"],
        glued: false,
    },
    Rule {
        entity: Entity::AU_TFN,
        name: "au_tfn",
        forms: &[
            checked(r"\d{3} \d{3} \d{3}", 0.1, 0.4),
            checked(r"\d{9}", 0.01, 0.2),
        ],
        check: |f| {
            let sum = weighted(f.values, &[1, 4, 3, 7, 5, 8, 6, 9, 10]);
            (sum > 0 && sum.is_multiple_of(11)).into()
        },
        words: &["tax file number", "tfn"],
        glued: false,
    },
    Rule {
        entity: Entity::AU_MEDICARE,
        name: "au_medicare",
        forms: &[
            checked(r"[2-6]\d{3} \d{5} \d", 0.1, 0.7),
            checked(r"[2-6]\d{9}", 0.01, 0.2),
        ],
        check: |f| {
            let sum = weighted(&f.values[..8], &[1, 3, 7, 9, 1, 3, 7, 9]);
            (sum % 10 == u32::from(f.values[8])).into()
        },
        words: &["medicare"],
        glued: false,
    },
    Rule {
        entity: Entity::NG_NIN,
        name: "ng_nin",
        forms: &[checked(r"\d{11}", 0.01, 0.3)],
        check: |f| verhoeff(f.values).into(),
        words: &[
            "nin",
            "national identification number",
            "national identity number",
            "nimc",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::NG_VEHICLE_REGISTRATION,
        name: "ng_vehicle_registration",
        forms: &[form("[A-Z]{3}[- ]?[0-9]{3}[A-Z]{2}", 0.4)],
        check: unknown,
        words: &[
            "plate number",
            "vehicle registration",
            "license plate",
            "number plate",
            "plate",
        ],
        glued: false,
    },
];

/// Eleven digits, the first less one, modulo 89.
fn abn(f: &Found<'_>) -> Verdict {
    let mut digits = f.values.to_vec();
    match digits.first_mut() {
        Some(first) if *first > 0 => *first -= 1,
        _ => return Verdict::Invalid,
    }
    weighted(&digits, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19])
        .is_multiple_of(89)
        .into()
}

#[cfg(test)]
mod tests {
    use crate::detector::tests::named;

    #[test]
    fn check_digits() {
        for (entity, right, wrong) in [
            ("AU_ABN", "83 914 571 673", "83 914 571 674"),
            ("AU_ACN", "004 085 616", "004 085 617"),
            ("AU_TFN", "123 456 782", "123 456 783"),
            ("AU_MEDICARE", "2950 28116 1", "2950 28117 1"),
            ("NG_NIN", "12345678902", "12345678903"),
        ] {
            assert_eq!(named(entity, right), [right], "{entity}");
            assert_eq!(named(entity, wrong), [""; 0], "{entity}");
        }
        assert_eq!(named("NG_VEHICLE_REGISTRATION", "ABJ-123XY"), ["ABJ-123XY"]);
    }
}
