//! What must hold for whatever text comes.
#![allow(clippy::unwrap_used)]

use labeller::Labels;
use proptest::prelude::*;
use steward_sdk::labeller::{Document, Labeller};
use steward_sdk::testing::{Entered, Host};

fn example() -> Entered {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/customer-messages/functions.json"
    );
    let functions = std::fs::read_to_string(path).unwrap();
    let host = Host::from_manifest(include_str!("../steward.toml")).unwrap();
    host.config("functions", &functions).enter()
}

fn document(text: impl Into<String>) -> Document {
    Document {
        id: "1".into(),
        text: text.into(),
    }
}

/// Words that the example looks for, among anything else.
fn texts() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        Just("refund"),
        Just("退款"),
        Just("ＩＮＶＯＩＣＥ"),
        Just("crashes 500"),
        Just("  "),
        Just("e\u{301}😀"),
    ];
    let text = prop::collection::vec(prop_oneof![word.prop_map(str::to_owned), "\\PC{0,6}"], 0..8);
    prop::collection::vec(text.prop_map(|words| words.concat()), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One vote for each function, for a label that it named, and the same whatever stands beside the text.
    #[test]
    fn every_function_votes_on_every_text(texts in texts()) {
        let _host = example();
        let plugin = Labels::new().unwrap();
        let functions = plugin.functions().unwrap();
        let rows = plugin.propose(texts.iter().map(|text| document(text.as_str())).collect()).unwrap();
        prop_assert_eq!(rows.len(), texts.len());
        for (text, row) in texts.iter().zip(&rows) {
            prop_assert_eq!(row.len(), functions.len());
            for (function, vote) in functions.iter().zip(row) {
                if let Some(vote) = vote {
                    prop_assert!(function.labels.contains(&vote.label));
                    prop_assert!((0.0..=1.0).contains(&vote.confidence));
                }
            }
            let alone = plugin.propose(vec![document(text.as_str())]).unwrap();
            prop_assert_eq!(format!("{:?}", alone[0]), format!("{row:?}"));
        }
    }
}

/// Many terms at every place of a long text.
#[test]
fn a_long_text_of_many_terms_is_done_at_once() {
    let _host = example();
    let plugin = Labels::new().unwrap();
    let text = "refund 退款 invoice card 401 error 密码 ".repeat(20_000);
    let begin = std::time::Instant::now();
    let rows = plugin.propose(vec![document(text.as_str())]).unwrap();
    assert!(rows[0].iter().flatten().count() > 3);
    // A matcher that is not linear would take minutes.
    assert!(begin.elapsed().as_secs() < 10);
}
