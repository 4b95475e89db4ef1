//! France, the Netherlands, Poland, Finland, Sweden, Turkey and Russia.

use super::{
    Form, Found, Rule, Verdict, checked, form, is_day, is_short_date, number, possible, unknown,
};
use crate::checksum::{luhn, weighted};
use crate::entity::Entity;

pub const RULES: &[Rule] = &[
    Rule {
        entity: Entity::FR_NIR,
        name: "fr_nir",
        forms: &[checked(
            r"[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}",
            0.2,
            0.9,
        )],
        check: |f| {
            let number = f.values[..13].iter().fold(0, |n, d| n * 10 + u64::from(*d));
            (97 - number % 97 == u64::from(super::number(&f.values[13..]))).into()
        },
        words: &[
            "sécurité sociale",
            "numéro de sécurité sociale",
            "nir",
            "insee",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::NL_BSN,
        name: "nl_bsn",
        forms: &[checked(r"\d{9}", 0.05, 0.2)],
        check: |f| {
            let sum = weighted(&f.values[..8], &[9, 8, 7, 6, 5, 4, 3, 2]);
            (sum > 0 && sum % 11 == u32::from(f.values[8])).into()
        },
        words: &["bsn", "burgerservicenummer", "sofinummer"],
        glued: false,
    },
    Rule {
        entity: Entity::PL_PESEL,
        name: "pl_pesel",
        forms: &[checked(r"\d{11}", 0.1, 0.45)],
        check: pesel,
        words: &["pesel"],
        glued: false,
    },
    Rule {
        entity: Entity::FI_PERSONAL_IDENTITY_CODE,
        name: "fi_personal_identity_code",
        forms: &[checked(r"\d{6}[\+A-FU-Y-]\d{3}[0-9A-FHJ-NPR-Y]", 0.3, 0.95)],
        check: finnish,
        words: &[
            "hetu",
            "henkilötunnus",
            "personbeteckningen",
            "personal identity code",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::SE_PERSONNUMMER,
        name: "se_personnummer",
        forms: &[
            checked(r"\d{6}[\+-]\d{4}", 0.3, 0.7),
            checked(r"\d{8}[\+-]\d{4}", 0.3, 0.8),
            checked(r"\d{12}", 0.1, 0.6),
            checked(r"\d{10}", 0.1, 0.4),
        ],
        check: swedish,
        words: &[
            "personnummer",
            "svensk id",
            "ssn",
            "personal identity number",
            "samordningsnummer",
        ],
        glued: true,
    },
    Rule {
        entity: Entity::SE_ORGANISATIONSNUMMER,
        name: "se_organisationsnummer",
        forms: &[
            checked(r"\d{6}-\d{4}", 0.3, 0.6),
            checked(r"\d{10}", 0.1, 0.3),
        ],
        check: |f| (f.values[2] >= 2 && luhn(f.values)).into(),
        words: &[
            "organisationsnummer",
            "orgnr",
            "org nr",
            "org.nr",
            "företagsnummer",
        ],
        glued: true,
    },
    Rule {
        entity: Entity::TR_NATIONAL_ID,
        name: "tr_national_id",
        forms: &[checked(r"[1-9]\d{10}", 0.2, 0.6)],
        check: turkish,
        words: &[
            "tc kimlik",
            "kimlik no",
            "kimlik numarası",
            "tckn",
            "tc no",
            "nüfus cüzdanı",
            "turkish id",
            "türk kimlik",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::TR_LICENSE_PLATE,
        name: "tr_license_plate",
        forms: &[
            checked(r"[0-8]\d ?[A-PR-VYZ]{1,3} ?\d{2,4}", 0.3, 0.4),
            checked(r"[0-8]\d-[A-PR-VYZ]{1,3}-\d{2,4}", 0.3, 0.4),
        ],
        check: |f| matches!(number(&f.values[..2]), 1..=81).into(),
        words: &[
            "plaka",
            "araç plakası",
            "plaka numarası",
            "license plate",
            "number plate",
            "plate",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::TR_PHONE_NUMBER,
        name: "tr_phone_number",
        forms: TURKISH_PHONES,
        check: unknown,
        words: &[
            "telefon",
            "telefon numarası",
            "cep telefonu",
            "cep no",
            "telefon no",
            "numara",
            "phone",
            "mobile",
            "cell",
            "call",
            "whatsapp",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::RU_INN,
        name: "ru_inn",
        forms: &[checked(r"\d{12}", 0.05, 0.4), checked(r"\d{10}", 0.05, 0.2)],
        check: inn,
        words: &["инн", "inn"],
        glued: false,
    },
    Rule {
        entity: Entity::RU_PASSPORT,
        name: "ru_passport",
        forms: &[
            form(r"\d{2} \d{2} \d{6}", 0.2),
            form(r"\d{4} \d{6}", 0.15),
            form(r"\d{10}", 0.02),
        ],
        check: unknown,
        words: &["паспорт", "паспорта", "серия", "passport"],
        glued: false,
    },
    Rule {
        entity: Entity::RU_SNILS,
        name: "ru_snils",
        forms: &[
            checked(r"\d{3}-\d{3}-\d{3}[ -]\d{2}", 0.3, 0.9),
            checked(r"\d{11}", 0.05, 0.3),
        ],
        check: |f| {
            let sum = weighted(&f.values[..9], &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100;
            (sum == number(&f.values[9..])).into()
        },
        words: &["снилс", "snils"],
        glued: false,
    },
];

const TURKISH_PHONES: &[Form] = &[
    form(
        r"\+90[ -]?\(?[2-5]\d{2}\)?[ -]?\d{3}[ -]?\d{2}[ -]?\d{2}",
        0.4,
    ),
    form(r"0[ -]?\(?5\d{2}\)?[ -]?\d{3}[ -]?\d{2}[ -]?\d{2}", 0.3),
    form(r"0[ -]?\(?[234]\d{2}\)?[ -]?\d{3}[ -]?\d{2}[ -]?\d{2}", 0.1),
    form(r"\(5\d{2}\)[ -]?\d{3}[ -]?\d{2}[ -]?\d{2}", 0.15),
    form(r"5\d{2}[ .-]?\d{3}[ .-]?\d{2}[ .-]?\d{2}", 0.15),
    form(r"[234]\d{2}[ .-]?\d{3}[ .-]?\d{2}[ .-]?\d{2}", 0.05),
];

/// The month carries the century: 80 more for the 19th, 20 more for the 21st and so on.
fn pesel(f: &Found<'_>) -> Verdict {
    let digits = f.values;
    let (year, month, day) = (
        number(&digits[..2]),
        number(&digits[2..4]),
        number(&digits[4..6]),
    );
    let sum = weighted(&digits[..10], &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    let check = (10 - sum % 10) % 10;
    (is_short_date(year, month % 20, day) && check == u32::from(digits[10])).into()
}

/// Date, sign of the century, order, control character: the digits modulo 31.
fn finnish(f: &Found<'_>) -> Verdict {
    const CONTROL: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let digit = |i: usize| f.raw.get(i).map_or(0, |b| u32::from(b.wrapping_sub(b'0')));
    let date = |i: usize| digit(i) * 10 + digit(i + 1);
    let order = digit(7) * 100 + digit(8) * 10 + digit(9);
    let all = (date(0) * 10_000 + date(2) * 100 + date(4)) * 1000 + order;
    let wanted = CONTROL[(all % 31) as usize];
    let right = f
        .raw
        .get(10)
        .is_some_and(|b| b.to_ascii_uppercase() == wanted);
    (right && is_short_date(date(4), date(2), date(0)) && order >= 2).into()
}

/// Luhn over ten digits; numbers of people who are not registered have a day 60 higher.
fn swedish(f: &Found<'_>) -> Verdict {
    let digits = &f.values[f.values.len() - 10..];
    let (year, month, day) = (
        number(&digits[..2]),
        number(&digits[2..4]),
        number(&digits[4..6]),
    );
    let day = if day > 60 { day - 60 } else { day };
    let exists = if f.values.len() == 12 {
        let year = number(&f.values[..4]);
        (1800..2100).contains(&year) && is_day(year, month, day)
    } else {
        is_short_date(year, month, day)
    };
    (exists && luhn(digits)).into()
}

/// Two check digits over the ten and nine before them.
fn turkish(f: &Found<'_>) -> Verdict {
    let digits: Vec<u32> = f.values.iter().map(|d| u32::from(*d)).collect();
    let odd: u32 = digits[..9].iter().step_by(2).sum();
    let even: u32 = digits[1..8].iter().step_by(2).sum();
    let all: u32 = digits[..10].iter().sum();
    ((odd * 7 + 40 - even) % 10 == digits[9] && all % 10 == digits[10]).into()
}

/// Ten digits with one check digit, twelve with two.
fn inn(f: &Found<'_>) -> Verdict {
    const WEIGHTS: [u32; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];
    let digits = f.values;
    let right = |count: usize| {
        let sum = weighted(&digits[..count], &WEIGHTS[11 - count..]);
        sum > 0 && sum % 11 % 10 == u32::from(digits[count])
    };
    match digits.len() {
        10 => right(9).into(),
        12 => (right(10) && right(11)).into(),
        _ => possible(false),
    }
}

#[cfg(test)]
mod tests {
    use crate::detector::tests::named;

    #[test]
    fn check_digits() {
        for (entity, right, wrong) in [
            ("FR_NIR", "2 55 08 14 168 025 38", "2 55 08 14 168 025 39"),
            ("NL_BSN", "111222333", "111222334"),
            ("PL_PESEL", "44051401359", "44051401358"),
            ("FI_PERSONAL_IDENTITY_CODE", "131052-308T", "131052-308U"),
            ("SE_PERSONNUMMER", "811228-9874", "811228-9875"),
            ("SE_PERSONNUMMER", "19811228-9874", "19811328-9874"),
            ("SE_ORGANISATIONSNUMMER", "212000-0142", "212000-0143"),
            ("TR_NATIONAL_ID", "10000000146", "10000000147"),
            ("RU_INN", "7707083893", "7707083894"),
            ("RU_INN", "500100732259", "500100732258"),
            ("RU_SNILS", "112-233-445 95", "112-233-445 96"),
        ] {
            assert_eq!(named(entity, right), [right], "{entity}");
            assert_eq!(named(entity, wrong), [""; 0], "{entity}");
        }
    }

    #[test]
    fn numbers_glued_to_their_label() {
        assert_eq!(
            named("SE_PERSONNUMMER", "nummer198112289874."),
            ["198112289874"]
        );
        assert_eq!(named("SE_PERSONNUMMER", "01981122898740"), [""; 0]);
    }

    #[test]
    fn turkish_plates_and_phones() {
        assert_eq!(
            named("TR_LICENSE_PLATE", "34 ABC 123, 82 ABC 123"),
            ["34 ABC 123"]
        );
        assert_eq!(
            named("TR_PHONE_NUMBER", "0 (532) 123 45 67"),
            ["0 (532) 123 45 67"]
        );
        assert_eq!(named("TR_PHONE_NUMBER", "7123456789"), [""; 0]);
    }
}
