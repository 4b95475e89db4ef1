use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::*;

/// What scikit-learn and SciPy say: `tests/oracle.py`.
fn oracle(input: &Value) -> Value {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = std::env::var_os("STEWARD_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| manifest.join("../../.steward"));
    let mut python = Command::new(home.join("venv/bin/python"))
        .arg(manifest.join("tests/oracle.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("no Python of the tests; run `make setup`");
    let text = input.to_string();
    python
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Numbers that repeat themselves and look like chance.
fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Few distinct values, so that ranks are shared.
        ((state >> 33) % 40) as f64 / 40.0
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn the_numbers_are_those_of_scikit_learn_and_scipy() {
    let labels = ["好评", "差评", "neutral", "从不"];
    let (a, b) = (noise(300, 1), noise(300, 2));
    let b: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    let is: Vec<&str> = a.iter().map(|n| labels[(n * 40.0) as usize % 3]).collect();
    let called: Vec<&str> = b.iter().map(|n| labels[(n * 40.0) as usize % 4]).collect();
    let own: Vec<f64> = noise(300, 3);
    let expected = oracle(&json!({ "a": a, "b": b, "is": is, "called": called, "own": own }));
    let near = |key: &str, found: f64| {
        let expected = expected[key].as_f64().unwrap();
        assert!(
            (found - expected).abs() < 1e-9,
            "{key}: {found}, not {expected}"
        );
    };
    near("pearson", pearson(&a, &b).unwrap());
    near("spearman", spearman(&a, &b).unwrap());
    near("log_loss", log_loss(own.iter().copied()).unwrap());
    let by_label = label_metrics(is.iter().copied().zip(called.iter().copied()));
    near("macro_f1", macro_f1(&by_label).unwrap());
    let right = is
        .iter()
        .zip(&called)
        .map(|(is, called)| f64::from(is == called));
    near("accuracy", mean(right).unwrap());
    for (label, metrics) in &by_label {
        let expected = &expected["labels"][label];
        for (key, found) in [
            ("precision", metrics.precision),
            ("recall", metrics.recall),
            ("f1-score", metrics.f1),
            ("support", metrics.support as f64),
        ] {
            let expected = expected[key].as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-9,
                "{label} {key}: {found}, not {expected}"
            );
        }
    }
}

#[test]
fn what_does_not_vary_has_no_correlation() {
    assert_eq!(pearson(&[1.0, 1.0], &[1.0, 2.0]), None);
    assert_eq!(spearman(&[], &[]), None);
    assert_eq!(spearman(&[1.0, 2.0, 9.0], &[3.0, 2.0, 1.0]), Some(-1.0));
}

#[test]
fn an_entity_is_found_where_all_of_it_is() {
    let is = vec![(0, 2, "姓名"), (5, 9, "CITY"), (12, 14, "CITY")];
    let called = vec![(0, 2, "姓名"), (5, 8, "CITY"), (12, 14, "DATE")];
    let (all, labels) = entities([(is, called), (vec![], vec![])].into_iter());
    assert!((all.precision - 1.0 / 3.0).abs() < 1e-12 && (all.recall - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(
        (labels["姓名"].f1, labels["CITY"].f1, labels["DATE"].support),
        (1.0, 0.0, 0)
    );
    assert_eq!(entities([].into_iter()).0, LabelMetrics::default());
}

#[test]
fn quantiles_are_numbers_that_were_there() {
    let mut numbers = vec![3.0, 1.0, 2.0];
    assert_eq!(quantile(&mut numbers, 0.5), Some(2.0));
    assert_eq!(quantile(&mut numbers, 0.99), Some(3.0));
    assert_eq!(quantile(&mut [], 0.5), None);
}
