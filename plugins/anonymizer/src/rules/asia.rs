//! Singapore, Korea, Thailand and the Philippines.

use super::{Found, Rule, Verdict, checked, form, number, unknown};
use crate::checksum::weighted;
use crate::entity::Entity;

pub const RULES: &[Rule] = &[
    Rule {
        entity: Entity::SG_NRIC_FIN,
        name: "sg_nric_fin",
        forms: &[
            checked("[STFGM][0-9]{7}[A-Z]", 0.45, 0.9),
            form("[A-Z][0-9]{7}[A-Z]", 0.2),
        ],
        check: nric,
        words: &["fin", "fin#", "nric", "nric#", "singapore"],
        glued: false,
    },
    Rule {
        entity: Entity::SG_UEN,
        name: "sg_uen",
        forms: &[
            checked("[0-9]{8}[A-Z]", 0.2, 0.5),
            checked("[0-9]{9}[A-Z]", 0.2, 0.6),
            checked("[RST][0-9]{2}[A-Z]{2}[0-9]{4}[A-Z]", 0.3, 0.9),
        ],
        check: uen,
        words: &[
            "uen",
            "unique entity number",
            "business registration",
            "acra",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::KR_RRN,
        name: "kr_rrn",
        forms: &[
            checked(r"\d{6}-[1-4]\d{6}", 0.5, 0.95),
            checked(r"\d{6}[1-4]\d{6}", 0.4, 0.6),
        ],
        check: |f| korean(f, 11),
        words: &[
            "주민등록번호",
            "주민번호",
            "rrn",
            "resident registration number",
            "korean rrn",
        ],
        glued: true,
    },
    Rule {
        entity: Entity::KR_FRN,
        name: "kr_frn",
        forms: &[
            checked(r"\d{6}-[5-8]\d{6}", 0.5, 0.9),
            checked(r"\d{6}[5-8]\d{6}", 0.4, 0.5),
        ],
        check: |f| korean(f, 13),
        words: &[
            "외국인등록번호",
            "외국인번호",
            "frn",
            "foreigner registration number",
        ],
        glued: true,
    },
    Rule {
        entity: Entity::KR_PASSPORT,
        name: "kr_passport",
        forms: &[
            form("[MSROD][0-9]{3}[A-Z][0-9]{4}", 0.2),
            form("[MSROD][0-9]{8}", 0.05),
        ],
        check: unknown,
        words: &[
            "여권",
            "여권번호",
            "대한민국 여권",
            "korean passport",
            "passport",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::KR_DRIVER_LICENSE,
        name: "kr_driver_license",
        forms: &[
            checked(r"\d{2}-\d{2}-\d{6}-\d{2}", 0.3, 0.6),
            checked(r"\d{2}[ -]?\d{2}[ -]?\d{6}[ -]?\d{2}", 0.05, 0.3),
        ],
        check: |f| {
            let known = matches!(number(&f.values[..2]), 11..=26 | 28);
            if known {
                Verdict::Valid
            } else {
                Verdict::Unknown
            }
        },
        words: &[
            "운전면허",
            "운전면허번호",
            "면허번호",
            "driver license",
            "driver's license",
        ],
        glued: true,
    },
    Rule {
        entity: Entity::KR_BRN,
        name: "kr_brn",
        forms: &[
            checked(r"\d{3}-\d{2}-\d{5}", 0.2, 0.7),
            checked(r"\d{10}", 0.05, 0.2),
        ],
        check: |f| {
            let digits = f.values;
            let sum = weighted(&digits[..8], &[1, 3, 7, 1, 3, 7, 1, 3]);
            let last = u32::from(digits[8]) * 5;
            ((10 - (sum + last + last / 10) % 10) % 10 == u32::from(digits[9])).into()
        },
        words: &[
            "사업자등록번호",
            "사업자번호",
            "사업자",
            "brn",
            "business registration number",
        ],
        glued: true,
    },
    Rule {
        entity: Entity::TH_TNIN,
        name: "th_tnin",
        forms: &[
            checked(r"[1-9]\d{12}", 0.2, 0.6),
            checked(r"[1-9]-\d{4}-\d{5}-\d{2}-\d", 0.4, 0.95),
        ],
        check: thai,
        words: &[
            "เลขประจำตัวประชาชน",
            "เลขบัตรประชาชน",
            "รหัสปชช",
            "tnin",
            "thai national id",
            "thai id",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::PH_TIN,
        name: "ph_tin",
        forms: &[
            checked(r"\d{3}-\d{3}-\d{3}-\d{3}", 0.3, 0.7),
            checked(r"\d{3}-\d{3}-\d{3}", 0.2, 0.4),
            checked(r"\d{9}", 0.05, 0.2),
            checked(r"\d{12}", 0.05, 0.2),
        ],
        check: |f| {
            let sum = weighted(&f.values[..8], &[9, 8, 7, 6, 5, 4, 3, 2]);
            (sum % 11 == u32::from(f.values[8])).into()
        },
        words: &[
            "tin",
            "taxpayer identification number",
            "bir",
            "taxpayer id",
            "tax id",
            "rdo",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::PH_MOBILE_NUMBER,
        name: "ph_mobile_number",
        forms: &[
            form(r"\+63[ -]?\(?9\d{2}\)?[ -]?\d{3}[ -]?\d{4}", 0.4),
            form(r"0[ -]?\(?9\d{2}\)?[ -]?\d{3}[ -]?\d{4}", 0.3),
        ],
        check: unknown,
        words: &[
            "mobile",
            "cell",
            "cellphone",
            "phone",
            "globe",
            "smart",
            "text",
            "viber",
            "gcash",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::PH_UMID,
        name: "ph_umid",
        forms: &[form(r"\d{4}-\d{7}-\d", 0.4), form(r"\d{12}", 0.01)],
        check: unknown,
        words: &["umid", "crn", "common reference number", "sss", "gsis"],
        glued: false,
    },
    Rule {
        entity: Entity::PH_PASSPORT,
        name: "ph_passport",
        forms: &[form("P[0-9]{7}[A-Z]", 0.3), form("[A-Z]{2}[0-9]{7}", 0.05)],
        check: unknown,
        words: &["philippine passport", "passport", "dfa", "pasaporte"],
        glued: false,
    },
];

/// Seven digits weighted, modulo 11, in an alphabet of each series. A wrong letter is often a made-up
/// example of the right shape.
fn nric(f: &Found<'_>) -> Verdict {
    let sum = weighted(&f.values[1..8], &[2, 7, 6, 5, 4, 3, 2]);
    let series = f.letters(0..1);
    let (offset, alphabet) = match series.as_str() {
        "S" => (0, b"JZIHGFEDCBA"),
        "T" => (4, b"JZIHGFEDCBA"),
        "F" => (0, b"XWUTRQPNMLK"),
        "G" => (4, b"XWUTRQPNMLK"),
        "M" => (3, b"XWUTRQPNJLK"),
        _ => return Verdict::Unknown,
    };
    let wanted = alphabet[((sum + offset) % 11) as usize];
    if wanted - b'A' + 10 == f.values[8] {
        Verdict::Valid
    } else {
        Verdict::Unknown
    }
}

/// Businesses, local companies, and all other bodies.
fn uen(f: &Found<'_>) -> Verdict {
    const BODIES: [&str; 39] = [
        "LP", "LL", "FC", "PF", "RF", "MQ", "MM", "NB", "CC", "CS", "MB", "FM", "GS", "DP", "CP",
        "NR", "CM", "CD", "MD", "HS", "VH", "CH", "MH", "CL", "XL", "CX", "HC", "RP", "TU", "TC",
        "FB", "FN", "PA", "PB", "SS", "MC", "SM", "GA", "GB",
    ];
    let Some((check, body)) = f.values.split_last() else {
        return Verdict::Invalid;
    };
    let right = |alphabet: &[u8], at: u32| {
        alphabet
            .get(at as usize)
            .is_some_and(|wanted| wanted - b'A' + 10 == *check)
    };
    if f.values.len() == 9 {
        let sum = weighted(body, &[10, 4, 9, 3, 8, 2, 7, 1]);
        return right(b"XMKECAWLJDB", sum % 11).into();
    }
    if body[0] < 10 {
        let sum = weighted(body, &[10, 8, 6, 4, 9, 7, 5, 3, 1]);
        let year = number(&body[..4]);
        return ((1800..2100).contains(&year) && right(b"ZKCMDNERGWH", sum % 11)).into();
    }
    // Letters without I, O, Y and Z count from 0, digits from 22.
    const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWX0123456789";
    let place = |v: &u8| {
        let letter = if *v < 10 { b'0' + v } else { b'A' + v - 10 };
        ALPHABET
            .iter()
            .position(|a| *a == letter)
            .map(|at| at as u8)
    };
    let Some(places) = body.iter().map(place).collect::<Option<Vec<_>>>() else {
        return Verdict::Invalid;
    };
    let sum = weighted(&places, &[4, 3, 5, 3, 10, 2, 2, 5, 7]) + 6;
    let known = BODIES.contains(&f.letters(3..5).as_str());
    (known && right(ALPHABET, sum % 11)).into()
}

/// Date, a digit for sex and century, then place, order and check digit; numbers since October 2020
/// end in digits of chance.
fn korean(f: &Found<'_>, base: u32) -> Verdict {
    let digits = f.values;
    let (month, day) = (number(&digits[2..4]), number(&digits[4..6]));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Verdict::Invalid;
    }
    let sum = weighted(&digits[..12], &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    let right = (base - sum % 11) % 10 == u32::from(digits[12]);
    if right && number(&digits[7..9]) <= 95 {
        Verdict::Valid
    } else {
        Verdict::Unknown
    }
}

/// The digits 2 and 3 are a province.
fn thai(f: &Found<'_>) -> Verdict {
    let digits = f.values;
    let province = matches!(
        number(&digits[1..3]),
        10..=27 | 30..=57 | 60..=67 | 70..=77 | 80..=86 | 90..=96
    );
    let sum = weighted(&digits[..12], &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    (province && (11 - sum % 11) % 10 == u32::from(digits[12])).into()
}

#[cfg(test)]
mod tests {
    use crate::detector::tests::{at_least, named};

    #[test]
    fn check_digits() {
        for (entity, right, wrong) in [
            ("SG_UEN", "00192200M", "00192200X"),
            ("SG_UEN", "197401143C", "197401143D"),
            ("SG_UEN", "S16FC0121D", "S16FC0121E"),
            ("TH_TNIN", "2345678901234", "2345678901235"),
            ("KR_BRN", "116-81-19948", "116-81-19949"),
            ("PH_TIN", "000-123-456-000", "000-123-457-000"),
        ] {
            assert_eq!(named(entity, right), [right], "{entity}");
            assert_eq!(named(entity, wrong), [""; 0], "{entity}");
        }
    }

    #[test]
    fn check_letters_raise_what_has_the_shape() {
        assert_eq!(at_least("SG_NRIC_FIN", "S1234567D", 0.9), ["S1234567D"]);
        assert_eq!(at_least("SG_NRIC_FIN", "S1234567A", 0.9), [""; 0]);
        assert_eq!(named("SG_NRIC_FIN", "S1234567A"), ["S1234567A"]);
        assert_eq!(named("KR_RRN", "900101-1234567"), ["900101-1234567"]);
        assert_eq!(named("KR_RRN", "901301-1234567"), [""; 0]);
    }
}
