//! Papers of health insurances and pharmacies in the United States.
//!
//! Who pays gives these numbers out in forms of its own (CMS-1500, items 1a and 23; the glossary of
//! medicare.gov): a run of digits is one only behind its label.

use super::{Found, Rule, Verdict, form, labelled, number, possible, unknown};
use crate::entity::Entity;

pub const RULES: &[Rule] = &[
    Rule {
        entity: Entity::US_HEALTH_INSURANCE_MEMBER_ID,
        name: "us_health_insurance_member_id",
        forms: &[form("[A-Z]{1,5}-?[0-9][A-Z0-9]{4,13}", 0.1)],
        check: unknown,
        words: &[
            "member",
            "member id",
            "member number",
            "subscriber",
            "subscriber id",
            "insurance id",
            "insurance card",
            "policy number",
            "health plan",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::US_CLAIM_NUMBER,
        name: "us_claim_number",
        forms: &[form(r"CLM-?\d{6,15}", 0.2), labelled(r"\d{6,15}", 0.3)],
        check: unknown,
        words: &["claim"],
        glued: false,
    },
    Rule {
        entity: Entity::US_PRESCRIPTION_NUMBER,
        name: "us_prescription_number",
        forms: &[form(r"RX-?\d{6,12}", 0.2), labelled(r"\d{6,12}", 0.3)],
        check: unknown,
        words: &["rx", "prescription"],
        glued: false,
    },
    Rule {
        entity: Entity::US_PRIOR_AUTHORIZATION_NUMBER,
        name: "us_prior_authorization_number",
        forms: &[form(r"PA-?\d{6,12}", 0.1), labelled(r"\d{6,12}", 0.3)],
        check: unknown,
        words: &[
            "authorization",
            "prior authorization",
            "preauthorization",
            "prior auth",
            "pre-auth",
        ],
        glued: false,
    },
    Rule {
        entity: Entity::US_REFERRAL_NUMBER,
        name: "us_referral_number",
        forms: &[
            form(r"REF-?\d{6,12}", 0.1),
            form(r"INF-?\d{6,12}", 0.1),
            labelled(r"\d{6,12}", 0.3),
        ],
        check: unknown,
        words: &["referral", "infusion referral"],
        glued: false,
    },
    Rule {
        entity: Entity::US_PROVIDER_TAX_ID,
        name: "us_provider_tax_id",
        forms: &[form(r"\d{2}-\d{7}", 0.1)],
        check: ein,
        words: &[
            "provider tax",
            "provider tin",
            "provider ein",
            "billing provider",
            "tax id",
            "employer identification",
            "ein",
        ],
        glued: false,
    },
];

/// The prefixes of campuses that assign employer identification numbers (irs.gov, Valid EINs).
fn ein(f: &Found<'_>) -> Verdict {
    let unused = [
        0, 7, 8, 9, 17, 18, 19, 28, 29, 49, 69, 70, 78, 79, 89, 96, 97,
    ];
    let prefix = f.values.get(..2).map_or(0, number);
    possible(!unused.contains(&prefix))
}

#[cfg(test)]
mod tests {
    use crate::detector::tests::{at_least, named};

    #[test]
    fn digits_need_their_label() {
        for (entity, text, found) in [
            ("US_CLAIM_NUMBER", "Claim no. 123456789", "123456789"),
            ("US_CLAIM_NUMBER", "see CLM-123456789", "CLM-123456789"),
            ("US_PRESCRIPTION_NUMBER", "Rx# 7654321", "7654321"),
            (
                "US_PRIOR_AUTHORIZATION_NUMBER",
                "prior authorization: 987654321",
                "987654321",
            ),
            ("US_REFERRAL_NUMBER", "Referral number 20240117", "20240117"),
            ("US_REFERRAL_NUMBER", "REF-445566", "REF-445566"),
        ] {
            assert_eq!(named(entity, text), [found], "{text}");
        }
        for entity in [
            "US_CLAIM_NUMBER",
            "US_PRESCRIPTION_NUMBER",
            "US_PRIOR_AUTHORIZATION_NUMBER",
            "US_REFERRAL_NUMBER",
        ] {
            assert_eq!(
                named(entity, "order 123456789 of the claim"),
                [""; 0],
                "{entity}"
            );
        }
    }

    #[test]
    fn members_and_providers() {
        assert_eq!(
            at_least(
                "US_HEALTH_INSURANCE_MEMBER_ID",
                "Member ID: XYZ123456789",
                0.5
            ),
            ["XYZ123456789"]
        );
        assert_eq!(
            at_least("US_HEALTH_INSURANCE_MEMBER_ID", "part XYZ123456789", 0.5),
            [""; 0]
        );
        assert_eq!(
            named("US_HEALTH_INSURANCE_MEMBER_ID", "SUBSCRIBER"),
            [""; 0]
        );
        assert_eq!(
            at_least("US_PROVIDER_TAX_ID", "Billing provider TIN 12-3456789", 0.5),
            ["12-3456789"]
        );
        assert_eq!(named("US_PROVIDER_TAX_ID", "07-3456789"), [""; 0]);
    }
}
