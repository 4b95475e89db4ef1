//! The calls of `cases.jsonl`, natively; `steward plugin test` makes the same against the component.

use steward_sdk::testing::team_cases;
use team::Advisor;

#[test]
fn every_case_answers_as_written() {
    team_cases::<Advisor>(env!("CARGO_MANIFEST_DIR"));
}
