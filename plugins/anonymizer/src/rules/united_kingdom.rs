//! The United Kingdom.

use super::{Found, Rule, Verdict, checked, form, number, possible, unknown};
use crate::checksum::weighted;
use crate::entity::Entity;

pub const RULES: &[Rule] = &[
    Rule {
        entity: Entity::UK_NHS,
        name: "uk_nhs",
        forms: &[
            checked(r"\d{3} \d{3} \d{4}", 0.3, 0.6),
            checked(r"\d{3}-\d{3}-\d{4}", 0.3, 0.5),
            checked(r"\d{10}", 0.1, 0.3),
        ],
        check: |f| {
            let rest = weighted(f.values, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
            (f.values.len() == 10 && rest == 0).into()
        },
        words: &[
            "national health service",
            "nhs",
            "health services authority",
            "health authority",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::UK_NINO,
        name: "uk_nino",
        forms: &[form(
            "[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
            0.6,
        )],
        check: |f| {
            let unused = ["BG", "GB", "NK", "KN", "NT", "TN", "ZZ"];
            possible(!unused.contains(&f.letters(0..2).as_str()))
        },
        words: &["national insurance", "ni number", "nino"],
        glued: false,
    },
    Rule {
        entity: Entity::UK_PASSPORT,
        name: "uk_passport",
        forms: &[form(r"[A-Z]{2}\d{7}", 0.1)],
        check: unknown,
        words: &[
            "passport",
            "passport number",
            "travel document",
            "uk passport",
            "british passport",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::UK_POSTCODE,
        name: "uk_postcode",
        forms: &[
            form("GIR ?0AA", 0.5),
            form(
                "[A-PR-UWYZ][0-9][A-HJKPSTUW]? ?[0-9][ABD-HJLNP-UW-Z]{2}",
                0.2,
            ),
            form("[A-PR-UWYZ][0-9]{2} ?[0-9][ABD-HJLNP-UW-Z]{2}", 0.2),
            form(
                "[A-PR-UWYZ][A-HK-Y][0-9][ABEHMNPRVWXY]? ?[0-9][ABD-HJLNP-UW-Z]{2}",
                0.3,
            ),
            form("[A-PR-UWYZ][A-HK-Y][0-9]{2} ?[0-9][ABD-HJLNP-UW-Z]{2}", 0.3),
        ],
        check: unknown,
        words: &[
            "postcode",
            "post code",
            "postal code",
            "zip",
            "address",
            "delivery",
            "mailing",
            "shipping",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::UK_VEHICLE_REGISTRATION,
        name: "uk_vehicle_registration",
        forms: &[
            checked("[A-HJ-PR-Y]{2}[0-7][0-9][- ]?[A-HJ-PR-Z]{3}", 0.3, 0.6),
            form(
                "[A-HJ-NPR-TV-Y][0-9]{1,3}[- ]?[A-HJ-PR-Y][A-HJ-PR-Z]{2}",
                0.2,
            ),
            form("[A-HJ-PR-Z]{3}[- ]?[0-9]{1,3}[- ]?[A-HJ-NPR-TV-Y]", 0.15),
        ],
        check: plate,
        words: &[
            "vehicle",
            "registration",
            "number plate",
            "licence plate",
            "license plate",
            "reg",
            "vrn",
            "dvla",
            "v5c",
            "logbook",
            "mot",
            "car",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::UK_DRIVING_LICENCE,
        name: "uk_driving_licence",
        forms: &[form(
            "[A-Z9]{5}[0-9][0156][0-9][0-3][0-9][0-9][A-Z9]{2}[A-Z0-9][A-Z]{2}",
            0.7,
        )],
        check: licence,
        words: &[
            "driving licence",
            "driving license",
            "driver's licence",
            "driver's license",
            "dvla",
            "licence number",
            "license number",
        ],
        glued: false,
    },
];

/// Plates since 2001 carry the half year of their registration.
fn plate(f: &Found<'_>) -> Verdict {
    match f.values {
        [
            10..=35,
            10..=35,
            a @ 0..=9,
            b @ 0..=9,
            10..=35,
            10..=35,
            10..=35,
        ] => matches!(a * 10 + b, 2..=29 | 51..=79).into(),
        _ => Verdict::Unknown,
    }
}

/// Five letters of the surname, filled up with 9; a date of birth whose month of a woman is 50 higher.
fn licence(f: &Found<'_>) -> Verdict {
    let Some((name, rest)) = f.values.split_at_checked(5) else {
        return Verdict::Invalid;
    };
    let letters = name.iter().take_while(|v| **v >= 10).count();
    let filled = letters > 0 && name[letters..].iter().all(|v| *v == 9);
    let month = rest.get(1..3).map_or(0, number);
    let day = rest.get(3..5).map_or(0, number);
    possible(filled && matches!(month, 1..=12 | 51..=62) && (1..=31).contains(&day))
}

#[cfg(test)]
mod tests {
    use crate::detector::tests::named;

    #[test]
    fn health_and_insurance_numbers() {
        assert_eq!(named("UK_NHS", "943 476 5919"), ["943 476 5919"]);
        assert_eq!(named("UK_NHS", "943 476 5918"), [""; 0]);
        assert_eq!(
            named("UK_NINO", "NINO: QQ123456C, AB 12 34 56 C"),
            ["AB 12 34 56 C"]
        );
        assert_eq!(named("UK_NINO", "GB 12 34 56 C"), [""; 0]);
    }

    #[test]
    fn plates_and_licences() {
        assert_eq!(
            named("UK_VEHICLE_REGISTRATION", "AB12 CDE, P123 ABC"),
            ["AB12 CDE", "P123 ABC"]
        );
        assert_eq!(named("UK_VEHICLE_REGISTRATION", "AB35 CDE"), [""; 0]);
        assert_eq!(
            named("UK_DRIVING_LICENCE", "MORGA753116SM9IJ"),
            ["MORGA753116SM9IJ"]
        );
        assert_eq!(named("UK_DRIVING_LICENCE", "MORGA793116SM9IJ"), [""; 0]);
        assert_eq!(named("UK_POSTCODE", "SW1A 2AA"), ["SW1A 2AA"]);
    }
}
