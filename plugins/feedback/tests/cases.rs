//! The calls of `cases.jsonl`, natively; `steward plugin test` makes the same against the component.

use feedback::Plugin;
use steward_sdk::testing::feedback_cases;

#[test]
fn every_case_answers_as_written() {
    feedback_cases::<Plugin>(env!("CARGO_MANIFEST_DIR"));
}
