//! Every kind of question. With much to spend the noise is nothing, and answers are those of the bounded data.

use std::sync::Arc;

use steward_privacy::{Answer, Column, Group, Privacy, Release, Rows};
use steward_registry::PrivacyAccounting::{self, Approximate, Concentrated, Pure};

use crate::support::{Place, SOURCE, people, query, tenant, with_budget};

/// What each accounting can spend so that the noise of a count is far below one half.
const MUCH: [(PrivacyAccounting, &str); 3] = [
    (Pure, r#"{"epsilon": 200}"#),
    (Approximate, r#"{"epsilon": 300, "delta": 1e-6}"#),
    (Concentrated, r#"{"rho": 1000}"#),
];

async fn ask(privacy: &Privacy, ask: &str, more: &str, spend: &str, rows: &Arc<Rows>) -> Answer {
    let json = format!(r#"{{"ask": {ask}, {more} "spend": {spend}}}"#);
    privacy
        .ask(&tenant(), SOURCE, "alice", &query(&json), rows.clone())
        .await
        .unwrap_or_else(|e| panic!("{json}: {e}"))
}

fn number(answer: &Answer) -> f64 {
    match answer.release {
        Release::Number { value, .. } => value,
        ref other => panic!("{other:?}"),
    }
}

fn groups(answer: Answer) -> Vec<(Vec<String>, Vec<f64>)> {
    match answer.release {
        Release::Table { groups, .. } => groups
            .into_iter()
            .map(|Group { key, values }| (key, values))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn named(rows: &[(&str, &[f64])]) -> Vec<(Vec<String>, Vec<f64>)> {
    let row = |(key, values): &(&str, &[f64])| (vec![(*key).to_owned()], values.to_vec());
    rows.iter().map(row).collect()
}

/// Ana has five rows in two cities, Bo one, Cy two that miss a number or a city.
fn few() -> Arc<Rows> {
    let units = ["ana", "ana", "bo", "ana", "ana", "cy", "ana", "cy"];
    let paid = [1.0, 2.0, 4.0, 8.0, 16.0, f64::INFINITY, 1e300, 32.0];
    let city = ["A", "A", "A", "B", "A", "B", "B", ""];
    let city = city.into_iter().map(|c| (!c.is_empty()).then_some(c));
    let columns = [
        ("paid".to_owned(), Column::numbers(paid.to_vec())),
        ("city".to_owned(), Column::texts(city)),
    ];
    Arc::new(Rows::new(units, columns).unwrap())
}

#[tokio::test]
async fn numbers_are_those_of_the_bounded_data() {
    let place = Place::sqlite();
    let few = few();
    for (accounting, spend) in MUCH {
        let privacy = with_budget(
            &place,
            accounting,
            10_000.0,
            if accounting == Pure { 0.0 } else { 0.5 },
        )
        .await;
        let count = r#"{"kind": "count"}"#;
        for (more, expected) in [
            ("", 3.0),
            (r#""rows_per_unit": 2,"#, 5.0),
            // More than anybody has; the noise grows with it.
            (r#""rows_per_unit": 6,"#, 8.0),
            (
                r#""where": [{"kind": "one-of", "column": "city", "texts": ["B", "C"]}],"#,
                2.0,
            ),
            (
                r#""where": [{"kind": "between", "column": "paid", "from": 2, "to": 8}],"#,
                2.0,
            ),
            (
                r#""rows_per_unit": 6, "where": [{"kind": "between", "column": "paid", "from": 2}],"#,
                6.0,
            ),
        ] {
            let answer = ask(&privacy, count, more, spend, &few).await;
            assert!(
                (number(&answer) - expected).abs() < 0.5,
                "{accounting} {more}: {answer:?}"
            );
        }
        let sum = r#"{"kind": "sum", "column": "paid", "lower": -1, "upper": 10}"#;
        let answer = ask(&privacy, sum, "", spend, &few).await;
        // The first finite number of each: 1, 4 and 32, which counts as 10.
        assert!(
            (number(&answer) - 15.0).abs() < 2.0,
            "{accounting}: {answer:?}"
        );
        let answer = ask(&privacy, sum, r#""rows_per_unit": 3,"#, spend, &few).await;
        assert!(
            (number(&answer) - 25.0).abs() < 6.0,
            "{accounting}: {answer:?}"
        );
        let mean = r#"{"kind": "mean", "column": "paid", "lower": 0, "upper": 10}"#;
        let answer = ask(&privacy, mean, "", spend, &few).await;
        assert!(
            (number(&answer) - 5.0).abs() < 0.7,
            "{accounting}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn quantiles_and_rankings_are_chosen_among_what_is_named() {
    let place = Place::sqlite();
    let people = people();
    for (accounting, spend) in [MUCH[0], MUCH[2]] {
        let privacy = with_budget(&place, accounting, 10_000.0, 0.0).await;
        for (q, expected) in [(0.5, 49.5), (0.9, 89.5), (0.0, 0.0), (1.0, 99.0)] {
            let quantile = format!(
                r#"{{"kind": "quantile", "column": "age", "lower": -10, "upper": 120, "q": {q}, "candidates": 261}}"#
            );
            let value = number(&ask(&privacy, &quantile, "", spend, &people).await);
            let tolerance = if q == 0.0 || q == 1.0 { 21.5 } else { 1.0 };
            assert!(
                (value - expected).abs() <= tolerance,
                "{accounting} {q}: {value}"
            );
        }
        let ranking = r#"{"kind": "top-k", "column": "city", "k": 3, "keys": ["Lima", "上海", "Oslo", "Paris"]}"#;
        match ask(&privacy, ranking, "", spend, &people).await.release {
            Release::Ranking { keys } => assert_eq!(keys, ["上海", "Paris", "Lima"]),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn histograms_have_every_bin_in_order() {
    let place = Place::sqlite();
    let (people, few) = (people(), few());
    for (accounting, spend) in MUCH {
        let privacy = with_budget(
            &place,
            accounting,
            10_000.0,
            if accounting == Pure { 0.0 } else { 0.5 },
        )
        .await;
        let keys = r#"{"kind": "histogram", "column": "city", "bins": {"keys": ["Oslo", "上海", "Lima"]}}"#;
        let got = groups(ask(&privacy, keys, "", spend, &people).await);
        assert_eq!(
            got,
            named(&[("Oslo", &[0.0]), ("上海", &[601.0]), ("Lima", &[100.0])])
        );
        let edges =
            r#"{"kind": "histogram", "column": "age", "bins": {"edges": [10, 20, 20.5, 99]}}"#;
        let got = groups(ask(&privacy, edges, "", spend, &people).await);
        let expected: [(&str, &[f64]); 3] = [
            ("[10, 20)", &[100.0]),
            ("[20, 20.5)", &[10.0]),
            ("[20.5, 99)", &[781.0]),
        ];
        assert_eq!(got, named(&expected));
        // Ana is in the group of her first row only, or in both.
        let keys = r#"{"kind": "histogram", "column": "city", "bins": {"keys": ["B", "A"]}}"#;
        for (more, b, a) in [
            ("", 1.0, 2.0),
            (r#""groups_per_unit": 2,"#, 2.0, 2.0),
            (r#""groups_per_unit": 2, "rows_per_unit": 2,"#, 3.0, 3.0),
        ] {
            let got = groups(ask(&privacy, keys, more, spend, &few).await);
            assert_eq!(
                got,
                named(&[("B", &[b]), ("A", &[a])]),
                "{accounting} {more}"
            );
        }
    }
}

#[tokio::test]
async fn tables_have_the_groups_that_are_named_or_found() {
    let place = Place::sqlite();
    let people = people();
    let measures = r#"[{"kind": "sum", "column": "age", "lower": 0, "upper": 100},
        {"kind": "mean", "column": "age", "lower": 0, "upper": 100}]"#;
    for (accounting, spend) in [
        (Approximate, r#"{"epsilon": 1000, "delta": 1e-6}"#),
        (Concentrated, r#"{"rho": 5000, "delta": 1e-6}"#),
    ] {
        let privacy = with_budget(&place, accounting, 10_000.0, 0.5).await;
        let found = format!(r#"{{"kind": "table", "by": ["city"], "measures": {measures}}}"#);
        let answer = ask(&privacy, &found, "", spend, &people).await;
        match &answer.release {
            Release::Table {
                measures,
                errors,
                truncated: false,
                by,
                ..
            } => {
                assert_eq!(*measures, ["count", "sum(age)", "mean(age)"]);
                assert_eq!(*by, ["city"]);
                assert!(errors[0].is_some() && errors[1].is_some() && errors[2].is_none());
            }
            other => panic!("{other:?}"),
        }
        // By key, and counts of all rows that have a city.
        let got = groups(answer);
        let keys: Vec<&str> = got.iter().map(|(key, _)| key[0].as_str()).collect();
        assert_eq!(keys, ["Lima", "Paris", "上海"], "{accounting}");
        for ((key, values), (count, sum)) in
            got.iter()
                .zip([(100.0, 4950.0), (300.0, 14_850.0), (601.0, 29_700.0)])
        {
            assert!(
                (values[0] - count).abs() < 1.5,
                "{accounting} {key:?} {values:?}"
            );
            assert!(
                (values[1] - sum).abs() < 50.0,
                "{accounting} {key:?} {values:?}"
            );
            assert!(
                (values[2] - 49.5).abs() < 1.0,
                "{accounting} {key:?} {values:?}"
            );
        }
    }
    // Nobody learns of a city that one person is in.
    let privacy = with_budget(&place, Approximate, 10.0, 1e-3).await;
    let cities = (0..3000).map(|i| if i == 7 { "Nowhere" } else { "Everywhere" });
    let column = Column::texts(cities.map(Some));
    let units = (0..3000).map(|i| i.to_string());
    let rows = Arc::new(Rows::new(units, [("city".to_owned(), column)]).unwrap());
    let table = r#"{"kind": "table", "by": ["city"]}"#;
    let got = groups(
        ask(
            &privacy,
            table,
            "",
            r#"{"epsilon": 1, "delta": 1e-9}"#,
            &rows,
        )
        .await,
    );
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].0, ["Everywhere"]);

    let privacy = with_budget(&place, Pure, 1000.0, 0.0).await;
    let two = r#"{"kind": "table", "by": ["city", "again"], "groups": [["x", "1"], ["y", "1"], ["x", "2"]],
        "measures": [{"kind": "count"}]}"#;
    let columns = [
        (
            "city".to_owned(),
            Column::texts(["x", "x", "y", "x"].map(Some)),
        ),
        (
            "again".to_owned(),
            Column::texts(["1", "2", "2", "1"].map(Some)),
        ),
    ];
    let rows = Arc::new(Rows::new(["a", "b", "c", "d"], columns).unwrap());
    let got = groups(ask(&privacy, two, "", r#"{"epsilon": 100}"#, &rows).await);
    let values: Vec<f64> = got.iter().map(|(_, values)| values[0]).collect();
    assert_eq!(values, [2.0, 0.0, 1.0]);
}

/// Noise through the whole way: 10,000 bins without a row are 10,000 drawings.
#[tokio::test]
async fn the_noise_of_a_question_is_what_its_bounds_and_its_price_say() {
    let place = Place::sqlite();
    let keys: Vec<String> = (0..10_000).map(|i| format!("\"{i}\"")).collect();
    let histogram = format!(
        r#"{{"kind": "histogram", "column": "city", "bins": {{"keys": [{}]}}}}"#,
        keys.join(",")
    );
    let more = r#""rows_per_unit": 3, "groups_per_unit": 4,"#;
    for (accounting, spend, deviation) in [
        // Laplace noise of 12 / 0.5, and Gaussian noise of 3 * 2 / sqrt(2 * 0.02).
        (Pure, r#"{"epsilon": 0.5}"#, 24.0 * f64::sqrt(2.0)),
        (Concentrated, r#"{"rho": 0.02}"#, 30.0),
    ] {
        let privacy = with_budget(&place, accounting, 10.0, 0.0).await;
        let got = groups(ask(&privacy, &histogram, more, spend, &people()).await);
        let noise: Vec<f64> = got.iter().map(|(_, values)| values[0]).collect();
        let n = noise.len() as f64;
        let mean = noise.iter().sum::<f64>() / n;
        let variance = noise.iter().map(|x| x * x).sum::<f64>() / n;
        // Six deviations of either; the fourth moment of Laplace noise is six times the squared variance.
        assert!(
            mean.abs() < 6.0 * deviation / n.sqrt(),
            "{accounting}: {mean}"
        );
        let ratio = variance / (deviation * deviation);
        assert!(
            (ratio - 1.0).abs() < 6.0 * (5.0 / n).sqrt(),
            "{accounting}: {ratio}"
        );
    }
}
