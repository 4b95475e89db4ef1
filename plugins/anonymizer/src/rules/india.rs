//! India.

use super::{Found, Rule, Verdict, checked, form, number, possible, unknown};
use crate::checksum::verhoeff;
use crate::entity::Entity;

pub const RULES: &[Rule] = &[
    Rule {
        entity: Entity::IN_PAN,
        name: "in_pan",
        // The fourth letter says of what kind the holder is.
        forms: &[
            form("[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]", 0.5),
            form("[A-Z]{5}[0-9]{4}[A-Z]", 0.2),
            form("[A-Z0-9]{10}", 0.01),
        ],
        check: pan,
        words: &["permanent account number", "pan", "income tax"],
        glued: false,
    },
    Rule {
        entity: Entity::IN_AADHAAR,
        name: "in_aadhaar",
        forms: &[
            checked(r"[2-9]\d{3}[ :-]\d{4}[ :-]\d{4}", 0.1, 0.7),
            checked(r"[2-9]\d{11}", 0.01, 0.4),
        ],
        check: |f| {
            let mirrored = f.values.iter().eq(f.values.iter().rev());
            (!mirrored && verhoeff(f.values)).into()
        },
        words: &["aadhaar", "aadhar", "uidai", "uid"],
        glued: false,
    },
    Rule {
        entity: Entity::IN_VEHICLE_REGISTRATION,
        name: "in_vehicle_registration",
        forms: &[
            checked("[A-Z]{2}[0-9]{2}[A-Z]{1,2}[0-9]{4}", 0.4, 0.6),
            checked("[A-Z]{2}[0-9][A-Z]{1,3}[0-9]{4}", 0.3, 0.5),
            form("[A-Z]{3}[0-9]{4}", 0.2),
            form("[A-Z]{1,2}[0-9]{4}", 0.01),
            form("I[0-9]{5}", 0.01),
            form("[0-9]{1,3}C[CD][1-9][0-9]{1,3}", 0.4),
            form("[0-9]{1,3}UN[1-9][0-9]{1,3}", 0.4),
            form("[2-9][1-9]BH[0-9]{4}[A-HJ-NP-Z]{2}", 0.8),
            form("[0-9]{2}[A-FHKPRX][0-9]{6}[A-Z]", 0.4),
        ],
        check: indian_plate,
        words: &["rto", "vehicle", "plate", "registration"],
        glued: false,
    },
    Rule {
        entity: Entity::IN_PASSPORT,
        name: "in_passport",
        forms: &[
            form("[A-Z][1-9][0-9]{5}[1-9]", 0.1),
            form("[A-Z][1-9][0-9] ?[0-9]{4}[1-9]", 0.1),
        ],
        check: unknown,
        words: &["passport", "indian passport", "passport number"],
        glued: false,
    },
    Rule {
        entity: Entity::IN_VOTER,
        name: "in_voter",
        forms: &[
            form("[A-Z][ABCDGHJKMNPRSY][A-Z][0-9]{7}", 0.4),
            form("[A-Z]{3}[0-9]{7}", 0.3),
        ],
        check: unknown,
        words: &["voter", "epic", "elector photo identity card"],
        glued: false,
    },
    Rule {
        entity: Entity::IN_GSTIN,
        name: "in_gstin",
        forms: &[checked(
            "[0-3][0-9][A-Z0-9]{5}[0-9]{4}[A-Z][A-Z0-9]Z[A-Z0-9]",
            0.3,
            0.9,
        )],
        check: |f| {
            let letters = f.values[2..7].iter().filter(|v| **v >= 10).count();
            (matches!(number(&f.values[..2]), 1..=37) && letters >= 3).into()
        },
        words: &[
            "gstin",
            "gst",
            "goods and services tax",
            "tax identification",
        ],
        glued: false,
    },
];

/// Letters and at least four digits in a row, also where it was written down wrong.
fn pan(f: &Found<'_>) -> Verdict {
    let letter = f.values.iter().any(|v| *v >= 10);
    let digits = f.values.windows(4).any(|four| four.iter().all(|v| *v < 10));
    possible(letter && digits)
}

/// Plates of states and union territories carry their code and a district; others have none.
fn indian_plate(f: &Found<'_>) -> Verdict {
    const CODES: [&str; 42] = [
        "AN", "AP", "AR", "AS", "BR", "CG", "CH", "CT", "DD", "DH", "DL", "DN", "GA", "GJ", "HP",
        "HR", "JH", "JK", "KA", "KL", "LA", "LD", "MH", "ML", "MN", "MP", "MZ", "NL", "OD", "OR",
        "PB", "PY", "RJ", "SK", "TN", "TR", "TS", "UA", "UK", "UL", "UP", "WB",
    ];
    let last: &[u8] = f
        .values
        .get(f.values.len().saturating_sub(4)..)
        .unwrap_or_default();
    if last == [0, 0, 0, 0] {
        return Verdict::Invalid;
    }
    let district = match f.values {
        [10..=35, 10..=35, a @ 0..=9, b @ 0..=9, 10..=35, ..] => a * 10 + b,
        [10..=35, 10..=35, a @ 0..=9, 10..=35, ..] => *a,
        _ => return Verdict::Unknown,
    };
    let known = district > 0 && CODES.contains(&f.letters(0..2).as_str());
    if known {
        Verdict::Valid
    } else {
        Verdict::Unknown
    }
}

#[cfg(test)]
mod tests {
    use crate::detector::tests::named;

    #[test]
    fn the_check_digit_of_verhoeff() {
        assert_eq!(named("IN_AADHAAR", "2345 6789 0124"), ["2345 6789 0124"]);
        assert_eq!(named("IN_AADHAAR", "2345 6789 0125"), [""; 0]);
    }

    #[test]
    fn plates_and_papers_of_india() {
        assert_eq!(
            named("IN_VEHICLE_REGISTRATION", "KA01AB1234"),
            ["KA01AB1234"]
        );
        assert_eq!(named("IN_VEHICLE_REGISTRATION", "KA01AB0000"), [""; 0]);
        assert_eq!(named("IN_PAN", "ABCPE1234F"), ["ABCPE1234F"]);
        assert_eq!(
            named("IN_GSTIN", "27ABCDE1234F1Z5 00ABCDE1234F1Z5"),
            ["27ABCDE1234F1Z5"]
        );
        assert_eq!(
            named("PH_MOBILE_NUMBER", "+63 917 123 4567"),
            ["+63 917 123 4567"]
        );
    }
}
