//! The United States and Canada.

use super::{Found, Rule, Verdict, checked, form, number, possible, unknown};
use crate::checksum::{luhn, weighted};
use crate::entity::Entity;

pub const RULES: &[Rule] = &[
    Rule {
        entity: Entity::US_SSN,
        name: "us_ssn",
        forms: &[
            form(r"\d{3}-\d{2}-\d{4}", 0.55),
            form(r"\d{3} \d{2} \d{4}", 0.5),
            form(r"\d{3}\.\d{2}\.\d{4}", 0.5),
            form(r"\d{5}-\d{4}", 0.05),
            form(r"\d{3}-\d{6}", 0.05),
            form(r"\d{9}", 0.05),
        ],
        check: ssn,
        words: &[
            "social security",
            "social",
            "security",
            "ssn",
            "ssns",
            "ssn#",
            "ss#",
            "ssid",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::US_ITIN,
        name: "us_itin",
        forms: &[
            form(r"9\d{2}[- ][5-9]\d[- ]\d{4}", 0.5),
            form(r"9\d{2}[- ]?[5-9]\d[- ]?\d{4}", 0.1),
        ],
        check: itin,
        words: &[
            "individual taxpayer",
            "taxpayer",
            "itin",
            "tax",
            "payer",
            "taxid",
            "tin",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::US_PASSPORT,
        name: "us_passport",
        forms: &[form(r"[A-Z]\d{8}", 0.1), form(r"\d{9}", 0.05)],
        check: unknown,
        words: &["us passport", "passport", "passport#", "travel document"],
        glued: false,
    },
    Rule {
        entity: Entity::US_DRIVER_LICENSE,
        name: "us_driver_license",
        forms: &[
            form(r"[A-Z]\d{3,14}", 0.15),
            form(r"[A-Z]\d{18}", 0.15),
            form(r"[A-Z]{2}\d{2,7}", 0.15),
            form(r"[A-Z]{2}\d{6}[A-Z]", 0.15),
            form(r"[A-Z]\d{6}R", 0.15),
            form(r"[A-Z]\d[A-Z]\d[A-Z]", 0.15),
            form(r"[A-Z][A-Z0-9*]{11}", 0.1),
            form(r"\d{2}[A-Z]{3}\d{5,6}", 0.15),
            form(r"\d{3}[A-Z]{2}\d{4}", 0.15),
            form(r"\d{7,9}[A-Z]", 0.15),
            form(r"\d{8}[A-Z]{2}", 0.15),
            form(r"\d[A-Z]\d{7}", 0.1),
            form(r"\d{6,14}", 0.01),
            form(r"\d{16}", 0.01),
        ],
        check: unknown,
        words: &[
            "driver",
            "drivers",
            "driver's",
            "driver license",
            "drivers license",
            "dl",
            "dls",
            "cdl",
            "cdls",
            "lic#",
            "driving",
            "driving license",
            "permit",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::US_BANK_NUMBER,
        name: "us_bank_number",
        forms: &[form(r"\d{8,17}", 0.05)],
        check: unknown,
        words: &[
            "check", "account", "account#", "acct", "save", "debit", "bank", "checking", "savings",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::ABA_ROUTING_NUMBER,
        name: "aba_routing",
        forms: &[
            checked(r"[0123678]\d{3}-\d{4}-\d", 0.3, 0.7),
            checked(r"[0123678]\d{8}", 0.05, 0.3),
        ],
        check: |f| {
            let sum = weighted(f.values, &[3, 7, 1, 3, 7, 1, 3, 7, 1]);
            (sum > 0 && sum.is_multiple_of(10)).into()
        },
        words: &["aba", "routing", "abarouting", "association", "bankrouting"],
        glued: false,
    },
    Rule {
        entity: Entity::US_NPI,
        name: "us_npi",
        forms: &[
            checked(r"[12]\d{3}[ -]\d{3}[ -]\d{3}", 0.3, 0.5),
            checked(r"[12]\d{9}", 0.1, 0.3),
        ],
        check: npi,
        words: &[
            "npi",
            "national provider",
            "provider",
            "provider id",
            "taxonomy",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::US_MBI,
        name: "us_mbi",
        // Letters without S, L, O, I, B and Z.
        forms: &[
            form(
                r"\d[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d-[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d-[AC-HJKMNP-RT-Y]{2}\d{2}",
                0.6,
            ),
            form(
                r"\d[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d[AC-HJKMNP-RT-Y]{2}\d{2}",
                0.4,
            ),
        ],
        check: unknown,
        words: &[
            "medicare",
            "mbi",
            "beneficiary",
            "cms",
            "medicaid",
            "hic",
            "hicn",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::CA_SIN,
        name: "ca_sin",
        forms: &[
            checked(r"[1-79]\d{2}-\d{3}-\d{3}", 0.5, 0.5),
            checked(r"[1-79]\d{2} \d{3} \d{3}", 0.45, 0.45),
            checked(r"[1-79]\d{8}", 0.05, 0.2),
        ],
        check: |f| luhn(f.values).into(),
        words: &[
            "sin",
            "social insurance",
            "canada",
            "canadian",
            "nas",
            "assurance sociale",
        ],
        glued: false,
    },
    // Canada Post, Addressing guidelines: letters without D, F, I, O, Q and U, first ones without W
    // and Z.
    Rule {
        entity: Entity::CA_POSTAL_CODE,
        name: "ca_postal_code",
        forms: &[
            form(
                "[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z] [0-9][ABCEGHJ-NPRSTV-Z][0-9]",
                0.3,
            ),
            form(
                "[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z]-?[0-9][ABCEGHJ-NPRSTV-Z][0-9]",
                0.1,
            ),
        ],
        check: unknown,
        words: &[
            "postal code",
            "postcode",
            "code postal",
            "zip",
            "canada",
            "ontario",
            "quebec",
            "québec",
            "alberta",
            "british columbia",
            "manitoba",
            "nova scotia",
        ],
        glued: false,
    },
];

/// What the Social Security Administration assigns: no group of zeros, no area 666 or from 900 on,
/// and none of the numbers that were printed as examples.
fn ssn(f: &Found<'_>) -> Verdict {
    let digits = f.values;
    let none = |range: std::ops::Range<usize>| {
        digits
            .get(range)
            .is_none_or(|group| group.iter().all(|d| *d == 0))
    };
    let example = [
        &[6, 6, 6][..],
        &[1, 2, 3, 4, 5, 6, 7, 8, 9],
        &[0, 7, 8, 0, 5, 1, 1, 2, 0],
    ];
    let printed = example.iter().any(|known| digits.starts_with(known));
    let same = digits.windows(2).all(|two| two[0] == two[1]);
    possible(!none(0..3) && !none(3..5) && !none(5..9) && digits[0] < 9 && !printed && !same)
}

/// The groups of two digits that the Internal Revenue Service uses.
fn itin(f: &Found<'_>) -> Verdict {
    let group = f.values.get(3..5).map_or(0, number);
    possible(matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99))
}

/// Luhn behind the prefix 80840.
fn npi(f: &Found<'_>) -> Verdict {
    let same = f
        .values
        .iter()
        .rev()
        .skip(1)
        .all(|d| Some(d) == f.values.first());
    let digits = [&[8, 0, 8, 4, 0], f.values].concat();
    (!same && luhn(&digits)).into()
}

#[cfg(test)]
mod tests {
    use crate::detector::tests::named;

    #[test]
    fn social_security_numbers() {
        assert_eq!(named("US_SSN", "ssn 219-09-9998 ok"), ["219-09-9998"]);
        for text in [
            "219-00-9999",
            "000-12-3456",
            "666-12-3456",
            "219-09-0000",
            "219-09 9999",
        ] {
            assert_eq!(named("US_SSN", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn check_digits() {
        assert_eq!(named("ABA_ROUTING_NUMBER", "021000021"), ["021000021"]);
        assert_eq!(named("ABA_ROUTING_NUMBER", "021000022"), [""; 0]);
        assert_eq!(named("US_NPI", "1234567893"), ["1234567893"]);
        assert_eq!(named("US_NPI", "1234567894"), [""; 0]);
        assert_eq!(named("CA_SIN", "130 692 544"), ["130 692 544"]);
        assert_eq!(named("CA_SIN", "130 692-544"), [""; 0]);
    }

    #[test]
    fn shapes_without_one() {
        assert_eq!(named("US_MBI", "1EG4-TE5-MK73"), ["1EG4-TE5-MK73"]);
        assert_eq!(named("US_MBI", "1SG4-TE5-MK73"), [""; 0]);
        for code in ["K1A 0B1", "m5v-3l9", "H0H0H0"] {
            assert_eq!(named("CA_POSTAL_CODE", code), [code]);
        }
        assert_eq!(
            named("CA_POSTAL_CODE", "D1A 0B1, K1O 0B1, W1A 0B1"),
            [""; 0]
        );
        assert_eq!(named("US_ITIN", "912-70-1234"), ["912-70-1234"]);
        assert_eq!(named("US_ITIN", "912-69-1234"), [""; 0]);
    }
}
