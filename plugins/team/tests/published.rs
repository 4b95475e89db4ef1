//! Agreement of raters, against published values and against other people's libraries.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use steward_oracle::ask;
use steward_sdk::testing::{Host, call_team};
use team::Advisor;

/// The measures of one stage with one criterion; `raters[r][u]` is what a rater says of a unit.
fn measures(scale: (f64, f64), raters: &[Vec<Option<f64>>]) -> Value {
    let _host = Host::from_manifest(include_str!("../steward.toml"))
        .unwrap()
        .enter();
    let mut scores = Vec::new();
    for (rater, values) in raters.iter().enumerate() {
        for (unit, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            scores.push(json!({
                "candidate": format!("c{unit}"), "stage": "only", "criterion": "only",
                "rater": format!("r{rater}"), "value": value, "evidence": "notes",
            }));
        }
    }
    let stage = json!({
        "name": "only", "raters": 2,
        "criteria": [{ "name": "only", "weight": 1.0 }],
        "scale": { "lowest": scale.0, "highest": scale.1, "step": 1.0 },
    });
    let input = json!({ "stages": [stage], "scores": scores });
    let answer = call_team::<Advisor>(Some("scorecards"), &input).unwrap();
    assert_eq!(answer["refused"], json!([]));
    let measures = answer["agreement"][0]["measures"].as_array().unwrap();
    measures
        .iter()
        .map(|measure| {
            let name = measure["name"].as_str().unwrap().to_owned();
            (name, measure["number"]["value"].clone())
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[track_caller]
fn near(measures: &Value, name: &str, wanted: f64, within: f64) {
    let found = measures[name].as_f64().unwrap_or(f64::NAN);
    assert!(
        (found - wanted).abs() <= within,
        "{name}: {found}, not {wanted}"
    );
}

/// J. L. Fleiss, "Measuring nominal scale agreement among many raters", 1971: ten subjects, fourteen raters, five
/// categories.
#[test]
fn fleiss_table_of_ten_subjects() {
    let counts = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ];
    let mut raters = vec![Vec::new(); 14];
    for subject in counts {
        let mut said = subject
            .iter()
            .zip(1..)
            .flat_map(|(count, category)| vec![f64::from(category); *count]);
        for rater in &mut raters {
            rater.push(said.next());
        }
    }
    near(
        &measures((1.0, 5.0), &raters),
        "fleiss-kappa",
        0.209_931,
        1e-6,
    );
}

/// K. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011: four observers, twelve units, gaps.
#[test]
fn krippendorff_table_of_four_observers() {
    let rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ];
    let raters: Vec<Vec<Option<f64>>> = rows
        .iter()
        .map(|row| {
            row.iter()
                .map(|v| (*v > 0).then(|| f64::from(*v)))
                .collect()
        })
        .collect();
    let found = measures((1.0, 5.0), &raters);
    near(&found, "krippendorff-alpha-nominal", 0.743_421, 1e-6);
    near(&found, "krippendorff-alpha-ordinal", 0.815_388, 1e-6);
    near(&found, "krippendorff-alpha-interval", 0.849_107, 1e-6);
    near(&found, "krippendorff-alpha-ratio", 0.797_403, 1e-6);
    assert_eq!(found["fleiss-kappa"], Value::Null, "the raters have gaps");
}

/// Random ratings, against `krippendorff` and `statsmodels`.
#[test]
fn random_ratings_agree_as_other_libraries_say() {
    // A generator of its own, so that a failure can be looked at again.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let cases: Vec<Vec<Vec<Option<f64>>>> = (0..20)
        .map(|round| {
            let (people, units) = (2 + draw(5), 5 + draw(20));
            let gaps = round % 2 == 1;
            let mut row = || {
                let row = (0..units).map(|_| {
                    let value = 1 + draw(5);
                    (!gaps || draw(4) > 0).then_some(value as f64)
                });
                row.collect()
            };
            (0..people).map(|_| row()).collect()
        })
        .collect();
    let wanted = ask(
        env!("CARGO_MANIFEST_DIR"),
        "tests/oracle.py",
        &[],
        &json!(cases),
    );
    for (raters, wanted) in cases.iter().zip(wanted.as_array().unwrap()) {
        let found = measures((1.0, 5.0), raters);
        for level in ["nominal", "ordinal", "interval", "ratio"] {
            let wanted = wanted[level].as_f64().unwrap();
            near(&found, &format!("krippendorff-alpha-{level}"), wanted, 1e-6);
        }
        if let Some(wanted) = wanted["fleiss"].as_f64() {
            near(&found, "fleiss-kappa", wanted, 1e-6);
        }
    }
}
