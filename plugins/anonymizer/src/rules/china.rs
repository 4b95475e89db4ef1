//! Mainland China, Hong Kong, Macau and Taiwan.

use super::{Found, Rule, Verdict, checked, form, is_short_date, number, possible, unknown};
use crate::checksum::weighted;
use crate::entity::Entity;
use crate::recognizers::is_region;

pub const RULES: &[Rule] = &[
    Rule {
        entity: Entity::CN_RESIDENT_ID,
        name: "cn_resident_id_15",
        forms: &[form(r"\d{15}", 0.3)],
        check: resident_id_15,
        words: &[
            "身份证",
            "身份證",
            "证件号",
            "公民身份",
            "identity card",
            "id card",
            "居民证",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::CN_PASSPORT,
        name: "cn_passport",
        // Ordinary, diplomatic, service, public affairs; of Hong Kong and Macau; of before 2012.
        forms: &[
            form(r"[EG]\d{8}", 0.3),
            form(r"E[A-HJ-NP-Z]\d{7}", 0.3),
            form(r"[DSP]E?\d{7}", 0.15),
            form(r"[KH]J?\d{7,8}", 0.15),
            form(r"M[AB]\d{7}", 0.15),
            form(r"1[45]\d{7}", 0.05),
        ],
        check: unknown,
        words: &["护照", "護照", "passport"],
        glued: false,
    },
    Rule {
        entity: Entity::CN_HK_MACAU_PERMIT,
        name: "cn_hk_macau_permit",
        // Of mainlanders to Hong Kong and Macau, and of people from there to the mainland.
        forms: &[
            form(r"[CW]\d{8}", 0.25),
            form(r"C[A-HJ-NP-Z]\d{7}", 0.25),
            form(r"[HM]\d{8}", 0.25),
            form(r"[HM]\d{10}", 0.3),
        ],
        check: unknown,
        words: &[
            "通行证",
            "通行證",
            "港澳",
            "回乡证",
            "回鄉證",
            "home return permit",
            "exit-entry permit",
            "两地证",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::CN_TAIWAN_PERMIT,
        name: "cn_taiwan_permit",
        forms: &[
            form(r"[LT]\d{8}", 0.25),
            form(r"\d{8}", 0.02),
            form(r"\d{10} ?\([A-Z]\)", 0.4),
            form(r"\d{10}", 0.02),
        ],
        check: unknown,
        words: &[
            "台胞证",
            "台胞證",
            "台湾通行证",
            "大陆通行证",
            "大陸通行證",
            "台湾居民来往",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::HK_ID,
        name: "hk_id",
        forms: &[
            checked(r"[A-Z]{1,2}\d{6}\([0-9A]\)", 0.3, 0.95),
            checked(r"[A-Z]{1,2}\d{6}[0-9A]", 0.1, 0.45),
        ],
        check: hk_id,
        words: &[
            "香港身份证",
            "香港身份證",
            "身份证",
            "身份證",
            "hkid",
            "hong kong id",
            "identity card",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::MO_ID,
        name: "mo_id",
        forms: &[
            form(r"[157]\d{6}\(\d\)", 0.6),
            form(r"[157]/\d{6}/\d", 0.5),
            form(r"[157]\d{7}", 0.02),
        ],
        check: unknown,
        words: &[
            "澳门身份证",
            "澳門身份證",
            "澳门居民",
            "澳門居民",
            "macau id",
            "bir",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::TW_NATIONAL_ID,
        name: "tw_national_id",
        // Citizens and, since 2021, residents; the older numbers of residents have two letters.
        forms: &[
            checked(r"[A-Z][1289]\d{8}", 0.2, 0.9),
            checked(r"[A-Z][A-D]\d{8}", 0.1, 0.8),
        ],
        check: tw_id,
        words: &[
            "身分證",
            "身份證",
            "身份证",
            "身分证",
            "統一編號",
            "居留證",
            "national id",
            "taiwan",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::CN_USCC,
        name: "cn_uscc",
        forms: &[checked(
            "[0-9A-HJ-NP-RTUW-Y]{2}[0-9]{6}[0-9A-HJ-NP-RTUW-Y]{10}",
            0.1,
            0.95,
        )],
        check: uscc,
        words: &[
            "统一社会信用代码",
            "社会信用代码",
            "信用代码",
            "统一代码",
            "税号",
            "纳税人识别号",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::CN_DRIVER_LICENSE,
        name: "cn_driver_license",
        forms: &[form(r"\d{12}", 0.02)],
        check: unknown,
        words: &[
            "驾驶证",
            "驾照",
            "档案编号",
            "driver license",
            "driving licence",
        ],
        glued: false,
    },
];

/// The number of the identity card before 1999: a region, a date with two digits of the year, three
/// digits of order, no check digit.
fn resident_id_15(f: &Found<'_>) -> Verdict {
    let digits = f.values;
    let day = |from: usize| number(&digits[from..from + 2]);
    possible(
        digits.len() == 15 && is_region(&digits[..2]) && is_short_date(day(6), day(8), day(10)),
    )
}

/// One or two letters, six digits; modulo 11, a missing first letter counting as a space, 36.
fn hk_id(f: &Found<'_>) -> Verdict {
    let mut values = f.values.to_vec();
    if values.len() == 8 {
        values.insert(0, 36);
    }
    // `A` is the check character for ten, which is also its value as a letter.
    (values.len() == 9 && weighted(&values, &[9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)).into()
}

/// A letter for the place of registration, which counts as two digits; modulo 10.
fn tw_id(f: &Found<'_>) -> Verdict {
    // The codes of A to Z.
    const PLACES: [u8; 26] = [
        10, 11, 12, 13, 14, 15, 16, 17, 34, 18, 19, 20, 21, 22, 35, 23, 24, 25, 26, 27, 28, 29, 32,
        30, 31, 33,
    ];
    let code = |v: u8| {
        PLACES
            .get(usize::from(v).wrapping_sub(10))
            .copied()
            .unwrap_or(0)
    };
    let Some((&first, rest)) = f.values.split_first().filter(|(_, rest)| rest.len() == 9) else {
        return Verdict::Invalid;
    };
    let place = code(first);
    let mut values = vec![place / 10, place % 10];
    values.extend_from_slice(rest);
    if values[2] > 9 {
        values[2] = code(values[2]) % 10;
    }
    weighted(&values, &[1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1])
        .is_multiple_of(10)
        .into()
}

/// GB 32100: 31 characters, modulo 31; the code of the organisation inside has its own check.
fn uscc(f: &Found<'_>) -> Verdict {
    const WEIGHTS: [u32; 18] = [
        1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28, 1,
    ];
    // Digits, then letters without I, O, S, V and Z.
    let value = |v: &u8| {
        let letter = *v;
        let skipped = [18, 24, 28, 31, 35].iter().filter(|s| **s < letter).count();
        letter - skipped as u8
    };
    let values: Vec<u8> = f.values.iter().map(value).collect();
    let kinds = f.values.first().is_some_and(|v| matches!(v, 1..=14 | 34));
    let right = values.len() == 18 && weighted(&values, &WEIGHTS).is_multiple_of(31);
    (kinds && right && organization(&f.values[8..17])).into()
}

/// GB 11714: the code of an organisation, eight characters and a check character modulo 11.
fn organization(code: &[u8]) -> bool {
    let sum = weighted(&code[..8], &[3, 7, 9, 10, 5, 8, 4, 2]);
    let check = match 11 - sum % 11 {
        // `X` stands for ten.
        10 => 33,
        11 => 0,
        digit => digit,
    };
    u32::from(code[8]) == check
}

#[cfg(test)]
mod tests {
    use crate::detector::tests::named;

    #[test]
    fn numbers_with_a_check_digit() {
        for (entity, right, wrong) in [
            ("HK_ID", "A123456(3)", "A123456(4)"),
            ("HK_ID", "AB987654(3)", "AB987654(2)"),
            ("TW_NATIONAL_ID", "A123456789", "A123456788"),
            ("TW_NATIONAL_ID", "A800000014", "A800000013"),
            ("CN_USCC", "91350100M000100Y43", "91350100M000100Y44"),
        ] {
            assert_eq!(named(entity, right), [right], "{entity}");
            assert_eq!(named(entity, wrong), [""; 0], "{entity}");
        }
        assert_eq!(named("HK_ID", "身份证C668668（9）"), ["C668668（9）"]);
    }

    #[test]
    fn older_cards_passports_and_permits() {
        assert_eq!(
            named("CN_RESIDENT_ID", "130503670401001"),
            ["130503670401001"]
        );
        assert_eq!(named("CN_RESIDENT_ID", "130503671301001"), [""; 0]);
        assert_eq!(
            named("CN_PASSPORT", "护照号E12345678、ED1234567"),
            ["E12345678", "ED1234567"]
        );
        assert_eq!(
            named("CN_HK_MACAU_PERMIT", "港澳通行证C12345678"),
            ["C12345678"]
        );
        assert_eq!(
            named("CN_HK_MACAU_PERMIT", "回乡证H0123456700"),
            ["H0123456700"]
        );
        assert_eq!(named("CN_TAIWAN_PERMIT", "台胞证12345678"), ["12345678"]);
        assert_eq!(named("MO_ID", "澳门身份证1234567(8)"), ["1234567(8)"]);
    }
}
