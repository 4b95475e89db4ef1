//! The calls of `cases.jsonl`, natively; `steward plugin test` makes the same against the component.

use anonymizer::PersonalData;
use steward_sdk::testing::anonymizer_cases;

#[test]
fn every_case_answers_as_written() {
    anonymizer_cases::<PersonalData>(env!("CARGO_MANIFEST_DIR"));
}
