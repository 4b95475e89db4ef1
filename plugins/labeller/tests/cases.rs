//! The calls of `cases.jsonl`, natively; `steward plugin test` makes the same against the component.

use labeller::Labels;
use steward_sdk::testing::labeller_cases;

#[test]
fn every_case_answers_as_written() {
    labeller_cases::<Labels>(env!("CARGO_MANIFEST_DIR"));
}
