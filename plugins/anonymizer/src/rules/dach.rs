//! Germany.

use super::{Form, Found, Rule, Verdict, checked, form, number, possible, unknown};
use crate::checksum::{icao, mod_11_10, weighted};
use crate::entity::Entity;

/// Words of German papers.
const TAX_WORDS: &[&str] = &[
    "steuernummer",
    "steuer-nr",
    "steuer nr",
    "st.-nr",
    "st-nr",
    "finanzamt",
    "umsatzsteuer",
    "einkommensteuer",
    "steuerbescheid",
];

pub const RULES: &[Rule] = &[
    Rule {
        entity: Entity::DE_ID_CARD,
        name: "de_id_card",
        forms: &[
            checked(r"[CFGHJ-NPRTV-Z][0-9CFGHJ-NPRTV-Z]{7}\d", 0.1, 0.45),
            checked(r"T\d{8}", 0.4, 0.45),
        ],
        check: id_card,
        words: &[
            "personalausweis",
            "personalausweisnummer",
            "ausweis",
            "ausweisnummer",
            "identity card",
            "id card",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::DE_PASSPORT,
        name: "de_passport",
        forms: &[checked(
            r"[CFGHJ-NPRTV-Z][0-9CFGHJ-NPRTV-Z]{7}\d",
            0.1,
            0.45,
        )],
        check: |f| (icao(&f.values[..8]) == f.values[8]).into(),
        words: &[
            "reisepass",
            "pass",
            "passnummer",
            "reisepassnummer",
            "passport",
            "pass-nr",
            "mrz",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::DE_FUEHRERSCHEIN,
        name: "de_fuehrerschein",
        forms: &[form(r"[A-Z]{2}\d{8}[A-Z0-9]", 0.35)],
        check: unknown,
        words: &[
            "führerscheinnummer",
            "führerschein",
            "fahrerlaubnis",
            "fahrerlaubnisnummer",
            "driving licence",
            "driving license",
            "driver's license",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::DE_SOCIAL_SECURITY,
        name: "de_social_security",
        forms: &[checked(r"\d{8}[A-Z]\d{3}", 0.3, 0.9)],
        check: pension,
        words: &[
            "rentenversicherungsnummer",
            "sozialversicherungsnummer",
            "versicherungsnummer",
            "rvnr",
            "svnr",
            "sv-nummer",
            "rentenversicherung",
            "sozialversicherung",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::DE_HEALTH_INSURANCE,
        name: "de_health_insurance",
        forms: &[checked(r"[A-Z]\d{9}", 0.3, 0.6)],
        check: health,
        words: &[
            "krankenversicherungsnummer",
            "krankenversichertennummer",
            "versichertennummer",
            "kvnr",
            "krankenkasse",
            "krankenversicherung",
            "gesundheitskarte",
            "egk",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::DE_TAX_ID,
        name: "de_tax_id",
        forms: &[
            checked(r"\d{2} \d{3} \d{3} \d{3}", 0.3, 0.6),
            checked(r"\d{11}", 0.01, 0.4),
        ],
        check: tax_id,
        words: &[
            "steuer-id",
            "steueridentifikationsnummer",
            "steuerliche identifikationsnummer",
            "steuer-idnr",
            "steuerid",
            "idnr",
            "tax id",
            "tin",
            "finanzamt",
            "identifikationsnummer",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::DE_TAX_NUMBER,
        name: "de_tax_number",
        forms: TAX_NUMBERS,
        check: unknown,
        words: TAX_WORDS,
        glued: false,
    },
    Rule {
        entity: Entity::DE_VAT_ID,
        name: "de_vat_id",
        forms: &[checked(r"DE[ .-]?\d{3}[ .-]?\d{3}[ .-]?\d{3}", 0.5, 0.9)],
        check: |f| {
            if mod_11_10(&f.values[2..10]) == f.values[10] {
                return Verdict::Valid;
            }
            // The check digit is not published; a number that fails it may exist.
            Verdict::Unknown
        },
        words: &[
            "ust-idnr",
            "ust-id",
            "ustidnr",
            "umsatzsteuer-id",
            "mehrwertsteuer",
            "vat",
            "vat id",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::DE_HANDELSREGISTER,
        name: "de_handelsregister",
        forms: &[form(r"HR[AB] {0,3}\d{1,6}", 0.6)],
        check: unknown,
        words: &[
            "handelsregister",
            "handelsregisternummer",
            "amtsgericht",
            "registergericht",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::DE_KFZ,
        name: "de_kfz",
        forms: &[
            form(r"[A-Z\w]{1,3}-[A-Z]{1,2}[- ]\d{1,4}[EH]?", 0.35),
            form(r"[A-Z\w]{1,3} [A-Z]{1,2} \d{1,4}[EH]?", 0.2),
        ],
        check: unknown,
        words: &[
            "kennzeichen",
            "kfz-kennzeichen",
            "kraftfahrzeugkennzeichen",
            "nummernschild",
            "fahrzeugkennzeichen",
            "kfz",
            "zulassung",
            "fahrzeugschein",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::DE_BSNR,
        name: "de_bsnr",
        forms: &[checked(r"\d{9}", 0.1, 0.2)],
        check: site,
        words: &[
            "betriebsstättennummer",
            "betriebsstätten-nummer",
            "bsnr",
            "betriebsstätte",
            "praxisnummer",
            "arztpraxis",
            "kv-nummer",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::DE_LANR,
        name: "de_lanr",
        forms: &[checked(r"\d{9}", 0.1, 0.3)],
        check: |f| {
            let sum = weighted(&f.values[..6], &[4, 9, 4, 9, 4, 9]);
            (sum > 0 && (10 - sum % 10) % 10 == u32::from(f.values[6])).into()
        },
        words: &[
            "lanr",
            "arztnummer",
            "arzt-nr",
            "arzt-nummer",
            "behandelnder arzt",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::DE_PLZ,
        name: "de_plz",
        forms: &[form(r"\d{5}", 0.05)],
        check: |f| possible((1001..=99998).contains(&number(f.values))),
        words: &[
            "plz",
            "postleitzahl",
            "postanschrift",
            "adresse",
            "wohnort",
            "straße",
            "strasse",
        ],
        glued: false,
    },
];

/// The number of the whole federation, then those of the states.
const TAX_NUMBERS: &[Form] = &[
    form(r"0[1-9]\d{11}", 0.4),
    form(r"1[0-6]\d{11}", 0.2),
    form(r"\d{3}/\d{3}/\d{5}", 0.4),
    form(r"\d{2,3}/\d{3,4}/\d{4,5}", 0.3),
];

/// Since 2010 the last digit is that of ICAO Doc 9303; before, `T` and eight digits without one.
fn id_card(f: &Found<'_>) -> Verdict {
    let right = icao(&f.values[..8]) == f.values[8];
    let older = f.values[0] == 29 && f.values[1..].iter().all(|v| *v < 10);
    match (right, older) {
        (true, _) => Verdict::Valid,
        (false, true) => Verdict::Unknown,
        (false, false) => Verdict::Invalid,
    }
}

/// The letter as two digits, `A` as 01.
fn spelled(letter: u8) -> [u8; 2] {
    let place = letter.saturating_sub(9);
    [place / 10, place % 10]
}

/// The number of the pension insurance (VKVV § 4): area, date of birth, initial, order, check.
fn pension(f: &Found<'_>) -> Verdict {
    let [area @ .., letter, a, b, check] = f.values else {
        return Verdict::Invalid;
    };
    let digits = [area, &spelled(*letter), &[*a, *b]].concat();
    let (day, month) = (number(&digits[2..4]), number(&digits[4..6]));
    let products = digits
        .iter()
        .zip([2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1])
        .map(|(d, w)| d * w)
        .map(|p| p / 10 + p % 10);
    let sum: u8 = products.sum();
    (matches!(day, 1..=31 | 51..=81) && (1..=12).contains(&month) && sum % 10 == *check).into()
}

/// The number of the health insurance (SGB V § 290): every second digit from the left doubled.
fn health(f: &Found<'_>) -> Verdict {
    let [letter, rest @ .., check] = f.values else {
        return Verdict::Invalid;
    };
    let digits = [&spelled(*letter), rest].concat();
    let doubled = |(i, d): (usize, &u8)| {
        let product = if i % 2 == 0 { *d } else { d * 2 };
        product / 10 + product % 10
    };
    let sum: u8 = digits.iter().enumerate().map(doubled).sum();
    (sum % 10 == *check).into()
}

/// The identification number for taxes: ISO 7064 MOD 11,10, and of the first ten digits exactly one
/// occurs twice or three times. Numbers in which none does are not issued, but printed as examples.
fn tax_id(f: &Found<'_>) -> Verdict {
    let digits = f.values;
    let mut counts = [0; 10];
    for digit in &digits[..10] {
        counts[usize::from(*digit)] += 1;
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    if digits[0] == 0 || most > 3 || mod_11_10(&digits[..10]) != digits[10] {
        return Verdict::Invalid;
    }
    match counts.iter().filter(|c| **c >= 2).count() {
        0 => Verdict::Unknown,
        repeated => (repeated == 1).into(),
    }
}

/// The areas of the associations of physicians.
fn site(f: &Found<'_>) -> Verdict {
    let area = number(&f.values[..2]);
    if f.values.iter().all(|d| *d == 0) {
        return Verdict::Invalid;
    }
    let known = [
        1, 2, 3, 17, 20, 35, 38, 46, 51, 52, 71, 72, 73, 74, 78, 83, 88, 93, 98,
    ];
    if known.contains(&area) {
        Verdict::Valid
    } else {
        Verdict::Unknown
    }
}

#[cfg(test)]
mod tests {
    use crate::detector::tests::named;

    #[test]
    fn check_digits() {
        for (entity, right, wrong) in [
            ("DE_TAX_ID", "86095742719", "86095742718"),
            ("DE_TAX_ID", "47036892816", "47036892817"),
            ("DE_SOCIAL_SECURITY", "15070649C103", "15070649C104"),
            ("DE_HEALTH_INSURANCE", "A123456780", "A123456781"),
            ("DE_PASSPORT", "C01X00T41", "C01X00T42"),
            ("DE_ID_CARD", "L01X00T44", "L01X00T45"),
            ("DE_LANR", "123456601", "123456701"),
        ] {
            assert_eq!(named(entity, right), [right], "{entity}");
            assert_eq!(named(entity, wrong), [""; 0], "{entity}");
        }
    }

    #[test]
    fn plates_registers_and_tax_numbers() {
        assert_eq!(named("DE_KFZ", "Kennzeichen: MÜ-XY 123E."), ["MÜ-XY 123E"]);
        assert_eq!(named("DE_KFZ", "B 1234"), [""; 0]);
        assert_eq!(
            named("DE_HANDELSREGISTER", "HRB 12345, HRC 1"),
            ["HRB 12345"]
        );
        assert_eq!(
            named("DE_TAX_NUMBER", "St.-Nr. 151/815/08156"),
            ["151/815/08156"]
        );
        assert_eq!(named("DE_VAT_ID", "DE 136 695 976"), ["DE 136 695 976"]);
        assert_eq!(named("DE_PLZ", "10115 und 01000"), ["10115"]);
    }
}
