//! South Africa.

use super::{Form, Found, Rule, Verdict, checked, form, is_short_date, number, possible, unknown};
use crate::checksum::luhn;
use crate::entity::Entity;

pub const RULES: &[Rule] = &[
    Rule {
        entity: Entity::ZA_ID_NUMBER,
        name: "za_id_number",
        forms: &[checked(r"\d{10}[0-2][89]\d", 0.1, 0.7)],
        check: |f| is_identity(f.values).into(),
        words: &[
            "id",
            "identity",
            "identity number",
            "id number",
            "south african id",
            "rsa id",
        ],
        glued: false,
    },
    // Department of Home Affairs: a letter for the kind of the passport, eight digits.
    Rule {
        entity: Entity::ZA_PASSPORT,
        name: "za_passport",
        forms: &[form(r"[ADMT]\d{8}", 0.05)],
        check: unknown,
        words: &[
            "passport",
            "south african passport",
            "rsa passport",
            "travel document",
            "dha",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::ZA_DRIVER_LICENSE,
        name: "za_driver_license",
        forms: &[form(r"\d{6,10}[A-Z0-9]{2,5}", 0.1)],
        check: licence,
        words: &[
            "driving licence",
            "driving license",
            "driver's licence",
            "driver's license",
            "drivers licence",
            "drivers license",
            "licence number",
            "license number",
            "enatis",
            "natis",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::ZA_LICENSE_PLATE,
        name: "za_license_plate",
        forms: &[
            form("[A-Z]{2,4}[0-9]{2,4}[A-Z]{2,6}", 0.3),
            form("[A-Z]{2} ?[0-9]{2} ?[A-Z]{2} ?[A-Z]{2}", 0.3),
            form("[A-Z]{2,3} ?[0-9]{2,3} ?[A-Z]{2}", 0.3),
            form("[0-9]{2,3} ?[A-Z]{2,3} ?EC", 0.3),
        ],
        check: plate,
        words: &[
            "licence plate",
            "license plate",
            "number plate",
            "plate number",
            "vehicle registration",
            "enatis",
            "natis",
        ],
        glued: false,
    },
    // For foreigners and organisations: as long as an identity number, and none.
    Rule {
        entity: Entity::ZA_TRAFFIC_REGISTER_NUMBER,
        name: "za_traffic_register_number",
        forms: &[form(r"\d{13}", 0.05)],
        check: |f| possible(!is_identity(f.values)),
        words: &["traffic register", "trn", "enatis", "natis"],
        glued: false,
    },
    // Companies Act 71 of 2008: year, number in the year, kind; before, a prefix for the kind.
    Rule {
        entity: Entity::ZA_COMPANY_REGISTRATION,
        name: "za_company_registration",
        forms: &[
            form(r"\d{4}/\d{6}/\d{2}", 0.4),
            form(r"[KTWBMN]\d{4}/\d{6}", 0.3),
            form(r"CK\d{4}/\d{6}", 0.3),
            form(r"NR\d{4}/\d{6}", 0.3),
        ],
        check: |f| {
            let prefix = f.values.iter().take_while(|v| **v >= 10).count();
            let year = f.values.get(prefix..prefix + 4).map_or(0, number);
            possible((1800..2100).contains(&year))
        },
        words: &[
            "cipc",
            "company registration",
            "company reg",
            "registration number",
            "close corporation",
            "enterprise number",
        ],
        glued: false,
    },
    // A tax reference number ends in a Luhn digit (South African Revenue Service). One that is
    // wrong is often a made-up example.
    Rule {
        entity: Entity::ZA_INCOME_TAX_NUMBER,
        name: "za_income_tax_number",
        forms: &[checked(r"[0-39]\d{9}", 0.05, 0.3)],
        check: |f| {
            if luhn(f.values) {
                Verdict::Valid
            } else {
                Verdict::Unknown
            }
        },
        words: &[
            "sars",
            "tax reference",
            "income tax",
            "tax number",
            "tax registration",
            "taxpayer",
            "itr",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::ZA_VAT_NUMBER,
        name: "za_vat_number",
        forms: &[form(r"4\d{9}", 0.1)],
        check: unknown,
        words: &[
            "vat",
            "vat number",
            "vat registration",
            "value added tax",
            "tax invoice",
            "sars",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::ZA_MOBILE_NUMBER,
        name: "za_mobile_number",
        forms: PHONES,
        check: |f| possible(is_mobile(f.values)),
        words: &[
            "mobile",
            "cell",
            "cellphone",
            "cellular",
            "handset",
            "phone",
            "contact number",
            "sms",
            "whatsapp",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::ZA_TELEPHONE_NUMBER,
        name: "za_telephone_number",
        forms: PHONES,
        check: |f| possible(is_fixed(f.values)),
        words: &[
            "telephone",
            "tel",
            "phone",
            "landline",
            "home number",
            "work number",
            "office number",
            "contact number",
        ],
        glued: false,
    },
];

const PHONES: &[Form] = &[
    form(r"\+27[ -]?\(?0?\)?[ -]?[1-8]\d[ -]?\d{3}[ -]?\d{4}", 0.4),
    form(r"0027[ -]?[1-8]\d[ -]?\d{3}[ -]?\d{4}", 0.4),
    form(r"0[1-8]\d[ -]?\d{3}[ -]?\d{4}", 0.3),
    form(r"\(0[1-8]\d\)[ -]?\d{3}[ -]?\d{4}", 0.3),
    form(r"0800[ -]?\d{3}[ -]?\d{3}", 0.3),
    form(r"086[0-9][ -]?\d{3}[ -]?\d{3}", 0.3),
];

/// The first two digits behind the prefix of the country or the 0.
fn network(values: &[u8]) -> u32 {
    let start = values.len().saturating_sub(9);
    values.get(start..start + 2).map_or(0, number)
}

/// The numbering plan of ICASA: 60 to 79, 81 to 85.
fn is_mobile(values: &[u8]) -> bool {
    matches!(network(values), 60..=79 | 81..=85)
}

/// The same: areas 10 to 58, and the services at 80, 86 and 87.
fn is_fixed(values: &[u8]) -> bool {
    matches!(network(values), 10..=58 | 80 | 86 | 87)
}

/// A date of birth, order, citizenship, and Luhn.
fn is_identity(values: &[u8]) -> bool {
    let part = |from: usize| values.get(from..from + 2).map_or(0, number);
    let kind = matches!(values.get(10..12), Some([0..=2, 8..=9]));
    kind && is_short_date(part(0), part(2), part(4)) && luhn(values)
}

/// Ten to fourteen characters, a letter among them.
fn licence(f: &Found<'_>) -> Verdict {
    let letter = f.values.iter().any(|v| *v >= 10);
    possible(letter && (10..=14).contains(&f.values.len()))
}

/// The province stands last.
fn plate(f: &Found<'_>) -> Verdict {
    const PROVINCES: [&str; 9] = ["GP", "ZN", "WP", "EC", "NC", "FS", "LP", "MP", "NW"];
    let province = f.letters(f.values.len().saturating_sub(2)..f.values.len());
    possible(PROVINCES.contains(&province.as_str()))
}

#[cfg(test)]
mod tests {
    use crate::detector::tests::{at_least, named};

    #[test]
    fn identities() {
        assert_eq!(named("ZA_ID_NUMBER", "8001015009087"), ["8001015009087"]);
        assert_eq!(named("ZA_ID_NUMBER", "8001015009086"), [""; 0]);
        let register = "ZA_TRAFFIC_REGISTER_NUMBER";
        assert_eq!(named(register, "8001015009086"), ["8001015009086"]);
        assert_eq!(named(register, "8001015009087"), [""; 0]);
        assert_eq!(named("ZA_PASSPORT", "A12345678 B12345678"), ["A12345678"]);
        assert_eq!(
            named("ZA_DRIVER_LICENSE", "60440006XX5W, 604400060000, 604400XX"),
            ["60440006XX5W"]
        );
    }

    #[test]
    fn plates_end_in_their_province() {
        for plate in ["KD93GKGP", "DK 28 LF GP", "GET 103 WP", "123 ABC EC"] {
            assert_eq!(named("ZA_LICENSE_PLATE", plate), [plate]);
        }
        assert_eq!(named("ZA_LICENSE_PLATE", "KD93GKXX, GET 103 AB"), [""; 0]);
    }

    #[test]
    fn companies_and_taxes() {
        let company = "ZA_COMPANY_REGISTRATION";
        for number in ["2012/123456/07", "CK1998/012345", "M1987/001234"] {
            assert_eq!(named(company, number), [number]);
        }
        assert_eq!(named(company, "1700/123456/07, X1998/012345"), [""; 0]);
        let tax = "ZA_INCOME_TAX_NUMBER";
        assert_eq!(at_least(tax, "SARS 0001339050", 0.6), ["0001339050"]);
        assert_eq!(at_least(tax, "SARS 0001339051", 0.6), [""; 0]);
        assert_eq!(named(tax, "4001339050"), [""; 0]);
        assert_eq!(named("ZA_VAT_NUMBER", "VAT 4012345678"), ["4012345678"]);
    }

    #[test]
    fn telephones() {
        for number in [
            "+27 82 123 4567",
            "071 123 4567",
            "(083) 123-4567",
            "0027601234567",
        ] {
            assert_eq!(named("ZA_MOBILE_NUMBER", number), [number]);
            assert_eq!(named("ZA_TELEPHONE_NUMBER", number), [""; 0]);
        }
        for number in [
            "+27 21 123 4567",
            "011 123 4567",
            "0800 123 456",
            "0861 123 456",
        ] {
            assert_eq!(named("ZA_TELEPHONE_NUMBER", number), [number]);
            assert_eq!(named("ZA_MOBILE_NUMBER", number), [""; 0]);
        }
        assert_eq!(named("ZA_MOBILE_NUMBER", "090 123 4567"), [""; 0]);
    }
}
