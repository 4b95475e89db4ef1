use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use steward_training::{ClassWeights, LogisticOptions};

use crate::{cloud, train};

/// What a program beside this file answers.
pub(crate) fn ask(program: &str, input: &Value) -> Value {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = std::env::var_os("STEWARD_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| manifest.join("../../.steward"));
    let python = std::env::var_os("STEWARD_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| home.join("venv/bin/python"));
    let mut oracle = Command::new(&python)
        .arg(manifest.join("tests/all").join(program))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make setup`", python.display()));
    let text = input.to_string();
    oracle
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = oracle.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let answer = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(answer.lines().last().unwrap()).unwrap()
}

/// How far weights, and losses of vectors that were not trained on, may be from scikit-learn's.
const NEAR: f64 = 1e-6;

fn compare(labels: &[&str], dimensions: usize, options: &LogisticOptions) {
    let rows = cloud(7, 240, dimensions, labels);
    let others = cloud(99, 60, dimensions, labels);
    let trained = train(&rows, options).unwrap();
    assert!(trained.end.gradient <= options.tolerance);
    // scikit-learn gives two labels one vector of weights: the difference of ours, whose penalty is half.
    let two = labels.len() == 2;
    let of = |rows: &[(Vec<f32>, String)]| -> (Vec<Vec<f32>>, Vec<String>) {
        rows.iter().cloned().unzip()
    };
    let ((vectors, names), (other_vectors, other_names)) = (of(&rows), of(&others));
    let theirs = ask(
        "oracle.py",
        &json!({
            "vectors": vectors, "labels": names, "others": other_vectors, "of": other_names,
            "c": if two { 2.0 } else { 1.0 } / options.l2,
            "standardize": options.standardize,
            "class_weight": match &options.class_weights {
                ClassWeights::Even => Value::Null,
                ClassWeights::Balanced => json!("balanced"),
                ClassWeights::Given(given) => json!(given),
            },
        }),
    );
    assert_eq!(theirs["labels"], json!(trained.head.labels()));
    for (place, (vector, label)) in others.iter().enumerate() {
        let (ours, theirs_loss) = (
            trained.head.loss(vector, label).unwrap(),
            theirs["losses"][place].as_f64().unwrap(),
        );
        assert!(
            (ours - theirs_loss).abs() < NEAR,
            "loss {place}: {ours} here, {theirs_loss} by scikit-learn, {options:?}"
        );
        let predicted = trained.head.predict(vector).unwrap();
        assert_eq!(theirs["predicted"][place], predicted, "{options:?}");
    }
    // Theirs are of the scaled vectors where there is a scale.
    if options.standardize || two {
        return;
    }
    // A softmax does not change with what is added to all biases: compared are their distances from their mean.
    let centred = |biases: Vec<f64>| -> Vec<f64> {
        let mean = biases.iter().sum::<f64>() / biases.len() as f64;
        biases.iter().map(|bias| bias - mean).collect()
    };
    let biases = centred(trained.head.bias().to_vec());
    let their_biases = theirs["intercepts"].as_array().unwrap();
    let their_biases = centred(their_biases.iter().map(|b| b.as_f64().unwrap()).collect());
    for (label, weights) in trained.head.weights().columns().into_iter().enumerate() {
        let (bias, their_bias) = (biases[label], their_biases[label]);
        assert!(
            (bias - their_bias).abs() < NEAR,
            "bias {label}: {bias} here, {their_bias} by scikit-learn, {options:?}"
        );
        for (place, weight) in weights.iter().enumerate() {
            let theirs = theirs["coefficients"][label][place].as_f64().unwrap();
            assert!(
                (weight - theirs).abs() < NEAR,
                "weight {label}, {place}: {weight} here, {theirs} by scikit-learn, {options:?}"
            );
        }
    }
}

#[test]
fn heads_are_those_of_scikit_learn() {
    let four = ["账单", "bug", "praise", "account"];
    for l2 in [0.01, 0.1, 1.0, 30.0] {
        let options = LogisticOptions {
            l2,
            ..LogisticOptions::default()
        };
        compare(&four, 12, &options);
    }
    compare(&["no", "yes"], 5, &LogisticOptions::default());
}

#[test]
fn weights_of_labels_and_scales_are_those_of_scikit_learn() {
    let four = ["账单", "bug", "praise", "account"];
    let given = [("bug".to_owned(), 3.5), ("账单".to_owned(), 0.25)];
    for class_weights in [ClassWeights::Balanced, ClassWeights::Given(given.into())] {
        for standardize in [false, true] {
            let options = LogisticOptions {
                class_weights: class_weights.clone(),
                standardize,
                ..LogisticOptions::default()
            };
            compare(&four, 12, &options);
        }
    }
}
