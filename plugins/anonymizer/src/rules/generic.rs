//! Identifiers of no country.

use super::{Form, Found, Rule, Verdict, checked, form, possible, unknown};
use crate::checksum::{luhn, weighted};
use crate::entity::Entity;

pub const RULES: &[Rule] = &[
    Rule {
        entity: Entity::VIN,
        name: "vin",
        forms: &[checked("[A-HJ-NPR-Z0-9]{17}", 0.4, 0.8)],
        check: vin,
        words: &[
            "vin",
            "vehicle identification",
            "chassis",
            "车架号",
            "车辆识别代号",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::IMEI,
        name: "imei",
        forms: &[
            checked(r"\d{15}", 0.05, 0.3),
            checked(r"\d{2}-\d{6}-\d{6}-\d", 0.3, 0.9),
        ],
        check: |f| luhn(f.values).into(),
        words: &["imei", "imei号", "手机串号", "串号"],
        glued: false,
    },
    Rule {
        entity: Entity::MEDICAL_LICENSE,
        name: "medical_license",
        forms: &[
            checked(r"[A-HJ-MPRSTUX][A-Z]\d{7}", 0.4, 0.6),
            checked(r"[A-HJ-MPRSTUX]9\d{7}", 0.4, 0.6),
        ],
        check: dea,
        words: &["medical", "certificate", "dea", "执业证", "医师资格"],
        glued: false,
    },
    Rule {
        entity: Entity::UUID,
        name: "uuid",
        forms: &[checked(
            "[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}",
            0.5,
            0.5,
        )],
        check: uuid,
        words: &["uuid", "guid", "unique identifier", "标识符"],
        glued: false,
    },
    Rule {
        entity: Entity::ZIP_CODE,
        name: "zip_code",
        forms: ZIP_FORMS,
        check: unknown,
        words: &[
            "zip",
            "zip code",
            "zipcode",
            "postal code",
            "postcode",
            "post code",
            "邮编",
            "邮政编码",
            "code postal",
            "cap",
            "código postal",
        ],
        glued: false,
    },
];

const ZIP_FORMS: &[Form] = &[
    form(r"\d{3,6}", 0.02),
    form(r"\d{5}-\d{3,4}", 0.2),
    form(r"\d{4}-\d{3}", 0.1),
    form(r"\d{3} \d{2}", 0.05),
    form(r"\d{4} [A-Z]{2}", 0.05),
    form(r"\d{2}-\d{3}", 0.05),
];

/// ISO 3779, with the check digit that North America demands (49 CFR 565).
fn vin(f: &Found<'_>) -> Verdict {
    // The values of A to Z; I, O and Q do not occur.
    const LETTERS: [u8; 26] = [
        1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 0, 7, 0, 9, 2, 3, 4, 5, 6, 7, 8, 9,
    ];
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |v: &u8| match v {
        0..=9 => *v,
        _ => LETTERS.get(usize::from(*v) - 10).copied().unwrap_or(0),
    };
    let values: Vec<u8> = f.values.iter().map(value).collect();
    let digits = f.values.iter().filter(|v| **v < 10).count();
    if values.len() != 17 || digits < 3 || digits == 17 {
        return Verdict::Invalid;
    }
    let rest = weighted(&values, &WEIGHTS) % 11;
    // `X` is ten.
    let check = if f.values[8] == 33 {
        10
    } else {
        u32::from(f.values[8])
    };
    if rest == check {
        return Verdict::Valid;
    }
    possible(!(1..=5).contains(&f.values[0]))
}

/// A version from 1 to 8 and the variant of RFC 9562 (4.1, 4.2); the nil and the max UUID name
/// nothing and have neither.
fn uuid(f: &Found<'_>) -> Verdict {
    let digit = |at: usize| f.raw.get(at).copied().unwrap_or_default();
    (matches!(digit(14), b'1'..=b'8')
        && matches!(digit(19), b'8' | b'9' | b'A' | b'B' | b'a' | b'b'))
    .into()
}

/// The number of the Drug Enforcement Administration: two letters or a letter and 9, six digits
/// and a check digit.
fn dea(f: &Found<'_>) -> Verdict {
    let Some(digits) = f.values.get(2..9) else {
        return Verdict::Invalid;
    };
    (weighted(digits, &[1, 2, 1, 2, 1, 2]) % 10 == u32::from(digits[6])).into()
}

#[cfg(test)]
mod tests {
    use crate::detector::tests::{at_least, named};

    #[test]
    fn uuids_have_a_version_and_a_variant() {
        for id in [
            "9c5b94b1-35ad-49bb-b118-8e8fc24abf80",
            "ABCDEFAB-CDEF-7ABC-8ABC-ABCDEFABCDEF",
        ] {
            assert_eq!(named("UUID", id), [id]);
            assert_eq!(at_least("UUID", &format!("id {id}."), 0.5), [id]);
        }
        for none in [
            "00000000-0000-0000-0000-000000000000",
            "9c5b94b1-35ad-09bb-b118-8e8fc24abf80",
            "9c5b94b1-35ad-49bb-c118-8e8fc24abf80",
            "9c5b94b1-35ad-49bb-b118-8e8fc24abf801",
        ] {
            assert_eq!(named("UUID", none), [""; 0], "{none}");
        }
    }
}
