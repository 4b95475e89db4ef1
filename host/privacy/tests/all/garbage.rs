//! What makes no sense is refused with a word why, and costs nothing.

use proptest::prelude::*;
use steward_privacy::{Column, Limit, PrivacyError, Query, Rows, Spend, epsilon_of_rho};
use steward_registry::PrivacyAccounting::{Approximate, Concentrated, Pure};

use crate::support::{Place, SOURCE, account, people, tenant, with_budget};

/// Questions and a part of what is said of them.
const WRONG: [(&str, &str); 44] = [
    (r#"{"ask": {"kind": "count"}}"#, "spend"),
    (
        r#"{"ask": {"kind": "count"}, "spend": {}}"#,
        "either epsilon or rho",
    ),
    (
        r#"{"ask": {"kind": "count"}, "spend": {"epsilon": 0}}"#,
        "epsilon is 0",
    ),
    (
        r#"{"ask": {"kind": "count"}, "spend": {"epsilon": -1}}"#,
        "epsilon is -1",
    ),
    (
        r#"{"ask": {"kind": "count"}, "spend": {"epsilon": "NaN"}}"#,
        "epsilon is NaN",
    ),
    (
        r#"{"ask": {"kind": "count"}, "spend": {"epsilon": "-0"}}"#,
        "epsilon is -0",
    ),
    (
        r#"{"ask": {"kind": "count"}, "spend": {"epsilon": 1e300}}"#,
        "epsilon is",
    ),
    (
        r#"{"ask": {"kind": "count"}, "spend": {"epsilon": 20000}}"#,
        "at most 10000",
    ),
    (
        r#"{"ask": {"kind": "count"}, "spend": {"epsilon": 1, "rho": 1}}"#,
        "either",
    ),
    (
        r#"{"ask": {"kind": "count"}, "spend": {"epsilon": 1, "delta": 0}}"#,
        "delta is 0",
    ),
    (
        r#"{"ask": {"kind": "count"}, "spend": {"epsilon": 1, "delta": 1}}"#,
        "less than 1",
    ),
    (
        r#"{"ask": {"kind": "count"}, "spend": {"epsilon": 1, "delta": -0.1}}"#,
        "delta is -0.1",
    ),
    (
        r#"{"ask": {"kind": "count"}, "spend": {"epsilon": 1, "delta": 17.5}}"#,
        "less than 1",
    ),
    (
        r#"{"ask": {"kind": "count"}, "spend": {"epsilon": 1, "gamma": 1}}"#,
        "gamma",
    ),
    (
        r#"{"ask": {"kind": "count", "of": "x"}, "spend": {"epsilon": 1}}"#,
        "of",
    ),
    (
        r#"{"ask": {"kind": "median"}, "spend": {"epsilon": 1}}"#,
        "median",
    ),
    (
        r#"{"ask": {"kind": "count"}, "rows_per_unit": 0, "spend": {"epsilon": 1}}"#,
        "rows_per_unit is 0",
    ),
    (
        r#"{"ask": {"kind": "count"}, "rows_per_unit": -1, "spend": {"epsilon": 1}}"#,
        "-1",
    ),
    (
        r#"{"ask": {"kind": "count"}, "rows_per_unit": 4000000000, "spend": {"epsilon": 1}}"#,
        "rows_per_unit is",
    ),
    (
        r#"{"ask": {"kind": "count"}, "groups_per_unit": 2, "spend": {"epsilon": 1}}"#,
        "leave it out",
    ),
    (
        r#"{"ask": {"kind": "count"}, "where": [{"kind": "between", "column": "age"}], "spend": {"epsilon": 1}}"#,
        "`from`",
    ),
    (
        r#"{"ask": {"kind": "count"}, "where": [{"kind": "between", "column": "age", "from": 2, "to": 2}], "spend": {"epsilon": 1}}"#,
        "less than",
    ),
    (
        r#"{"ask": {"kind": "count"}, "where": [{"kind": "between", "column": "city", "from": 2}], "spend": {"epsilon": 1}}"#,
        "holds texts",
    ),
    (
        r#"{"ask": {"kind": "count"}, "where": [{"kind": "one-of", "column": "age", "texts": ["x"]}], "spend": {"epsilon": 1}}"#,
        "holds numbers",
    ),
    (
        r#"{"ask": {"kind": "sum", "column": "salary", "lower": 0, "upper": 1}, "spend": {"epsilon": 1}}"#,
        "no column `salary`; there are: age, city",
    ),
    (
        r#"{"ask": {"kind": "sum", "column": "city", "lower": 0, "upper": 1}, "spend": {"epsilon": 1}}"#,
        "holds texts",
    ),
    (
        r#"{"ask": {"kind": "sum", "column": "age", "lower": 1, "upper": 0}, "spend": {"epsilon": 1}}"#,
        "the upper one is larger",
    ),
    (
        r#"{"ask": {"kind": "mean", "column": "age", "lower": 1, "upper": 1}, "spend": {"epsilon": 1}}"#,
        "the upper one is larger",
    ),
    (
        r#"{"ask": {"kind": "mean", "column": "age", "lower": 1, "upper": 1e16}, "spend": {"epsilon": 1}}"#,
        "at most 1e15",
    ),
    (
        r#"{"ask": {"kind": "quantile", "column": "age", "lower": 0, "upper": 1, "q": 1.1}, "spend": {"epsilon": 1}}"#,
        "q is 1.1",
    ),
    (
        r#"{"ask": {"kind": "quantile", "column": "age", "lower": 0, "upper": 1, "q": 0.5, "candidates": 1}, "spend": {"epsilon": 1}}"#,
        "candidates is 1",
    ),
    (
        r#"{"ask": {"kind": "quantile", "column": "age", "lower": 0, "upper": 1, "q": 0.5}, "spend": {"epsilon": 1, "delta": 0.1}}"#,
        "need no delta",
    ),
    (
        r#"{"ask": {"kind": "histogram", "column": "age", "bins": {"edges": [1, 2, 2]}}, "spend": {"epsilon": 1}}"#,
        "edges rise",
    ),
    (
        r#"{"ask": {"kind": "histogram", "column": "age", "bins": {"edges": [1]}}, "spend": {"epsilon": 1}}"#,
        "number of edges",
    ),
    (
        r#"{"ask": {"kind": "histogram", "column": "city", "bins": {"keys": []}}, "spend": {"epsilon": 1}}"#,
        "number of keys",
    ),
    (
        r#"{"ask": {"kind": "histogram", "column": "city", "bins": {"keys": ["a", "a"]}}, "spend": {"epsilon": 1}}"#,
        "named twice",
    ),
    (
        r#"{"ask": {"kind": "top-k", "column": "city", "k": 3, "keys": ["a", "b"]}, "spend": {"epsilon": 1}}"#,
        "k is 3, and there are 2 keys",
    ),
    (
        r#"{"ask": {"kind": "top-k", "column": "city", "k": 0, "keys": ["a", "b"]}, "spend": {"epsilon": 1}}"#,
        "k is 0",
    ),
    (
        r#"{"ask": {"kind": "table", "by": [], "groups": [[]], "measures": [{"kind": "count"}]}, "spend": {"epsilon": 1}}"#,
        "`by`",
    ),
    (
        r#"{"ask": {"kind": "table", "by": ["city"], "groups": [["a", "b"]], "measures": [{"kind": "count"}]}, "spend": {"epsilon": 1}}"#,
        "2 texts for 1 columns",
    ),
    (
        r#"{"ask": {"kind": "table", "by": ["city"], "groups": [["a"]]}, "spend": {"epsilon": 1}}"#,
        "needs a measure",
    ),
    (
        r#"{"ask": {"kind": "table", "by": ["city"]}, "spend": {"epsilon": 1}}"#,
        "spend delta too",
    ),
    (
        r#"{"ask": {"kind": "mean", "column": "age", "lower": 0, "upper": 1}, "spend": {"epsilon": 1e-9}}"#,
        "cannot be divided among 2",
    ),
    (
        r#"{"ask": {"kind": "table", "by": ["city", "city"]}, "spend": {"epsilon": 1, "delta": 0.1}}"#,
        "named twice",
    ),
];

#[tokio::test]
async fn a_question_without_sense_is_refused_for_nothing() {
    let place = Place::sqlite();
    let privacy = with_budget(&place, Approximate, 100.0, 0.9).await;
    for (json, word) in WRONG {
        let said = match serde_json::from_str::<Query>(json) {
            Err(e) => e.to_string(),
            Ok(query) => {
                let asked = privacy
                    .ask(&tenant(), SOURCE, "alice", &query, people())
                    .await;
                match asked {
                    Err(PrivacyError::Invalid(said)) => said,
                    other => panic!("{json}: {other:?}"),
                }
            }
        };
        assert!(said.contains(word), "{json}: {said}");
    }
    let budget = privacy.budget(&account("alice")).await.unwrap();
    assert_eq!(budget.spent, Default::default());
    assert!(
        privacy
            .entries(&account("alice"), 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[test]
fn amounts_without_sense_are_refused() {
    for bad in [
        0.0,
        -0.0,
        -1.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e9,
        -1e-300,
    ] {
        assert!(Spend::epsilon(bad).is_err(), "{bad}");
        assert!(Spend::rho(bad).is_err(), "{bad}");
        assert!(Spend::epsilon_delta(1.0, bad).is_err(), "{bad}");
        assert!(epsilon_of_rho(1.0, bad).is_err(), "{bad}");
    }
    assert!(Spend::epsilon_delta(1.0, 1.0).is_err());
    for (accounting, loss, delta) in [
        (Pure, 1.0, 0.1),
        (Approximate, 1.0, 1.0),
        (Approximate, -1.0, 0.0),
        (Concentrated, f64::NAN, 0.0),
        (Concentrated, 1.0, f64::NAN),
        (Pure, 1e12, 0.0),
    ] {
        assert!(
            Limit::new(accounting, loss, delta).is_err(),
            "{accounting} {loss} {delta}"
        );
    }
    for json in [
        r#"{"accounting": "pure", "rho": 1}"#,
        r#"{"accounting": "concentrated", "epsilon": 1}"#,
        r#"{"accounting": "renyi", "epsilon": 1}"#,
        r#"{"accounting": "pure"}"#,
        r#"{"accounting": "pure", "epsilon": null}"#,
    ] {
        assert!(serde_json::from_str::<Limit>(json).is_err(), "{json}");
    }
}

#[test]
fn columns_fit_their_rows() {
    let column = |n: usize| Column::numbers(vec![0.0; n]);
    assert!(Rows::new(["a", "b"], [("x".to_owned(), column(3))]).is_err());
    let twice = [("x".to_owned(), column(2)), ("x".to_owned(), column(2))];
    assert!(Rows::new(["a", "b"], twice).is_err());
    assert!(Rows::new(["a", "b"], [("x".to_owned(), column(2))]).is_ok());
}

#[tokio::test]
async fn no_rows_are_rows_too() {
    let place = Place::sqlite();
    let privacy = with_budget(&place, Approximate, 100.0, 0.5).await;
    let columns = [
        ("age".to_owned(), Column::numbers(Vec::new())),
        ("city".to_owned(), Column::texts::<&str>([])),
    ];
    let rows = std::sync::Arc::new(Rows::new::<&str>([], columns).unwrap());
    for (ask, delta) in [
        (r#"{"kind": "count"}"#, ""),
        (
            r#"{"kind": "mean", "column": "age", "lower": 0, "upper": 1}"#,
            "",
        ),
        (
            r#"{"kind": "quantile", "column": "age", "lower": 0, "upper": 1, "q": 0.5}"#,
            "",
        ),
        (
            r#"{"kind": "top-k", "column": "city", "k": 2, "keys": ["a", "b"]}"#,
            "",
        ),
        (
            r#"{"kind": "table", "by": ["city"], "measures": []}"#,
            r#", "delta": 1e-9"#,
        ),
    ] {
        let json = format!(r#"{{"ask": {ask}, "spend": {{"epsilon": 1 {delta}}}}}"#);
        let query = serde_json::from_str(&json).unwrap();
        let answer = privacy
            .ask(&tenant(), SOURCE, "alice", &query, rows.clone())
            .await;
        assert!(answer.is_ok(), "{json}: {answer:?}");
    }
}

/// JSON that is nearly a question.
fn nearly() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "count",
        "sum",
        "mean",
        "quantile",
        "histogram",
        "top-k",
        "table",
        "age",
        "city",
        "nothing",
    ]);
    let number = prop_oneof![
        any::<f64>().prop_map(|x| format!("{x:?}")),
        any::<i8>().prop_map(|x| x.to_string())
    ];
    (prop::collection::vec(number, 6), word.clone(), word).prop_map(|(n, kind, column)| {
        format!(
            r#"{{"ask": {{"kind": "{kind}", "column": "{column}", "lower": {}, "upper": {}, "q": {}}},
                "rows_per_unit": {}, "spend": {{"epsilon": {}, "delta": {}}}}}"#,
            n[0], n[1], n[2], n[3], n[4], n[5]
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything_may_be_asked(text in prop_oneof![nearly(), any::<String>()]) {
        if let Ok(query) = serde_json::from_str::<Query>(&text) {
            // A question that keeps the rules has one text, and that text is the same question.
            if let Ok(canonical) = query.canonical("s") {
                let value: serde_json::Value = serde_json::from_str(&canonical).unwrap();
                let again: Query = serde_json::from_value(value["query"].clone()).unwrap();
                prop_assert_eq!(again.canonical("s").unwrap(), canonical);
            }
        }
    }
}
