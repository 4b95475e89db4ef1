//! What pyCANON says of the tables that come out (`oracle.py`).
//!
//! Needs what `make setup` installs: a Python with pycanon in the folder named by `STEWARD_HOME`; `STEWARD_PYTHON` names
//! another Python.

use serde_json::{Value, json};

use crate::run;

fn ask(input: &Value) -> Value {
    steward_oracle::ask(
        env!("CARGO_MANIFEST_DIR"),
        "tests/all/oracle.py",
        &[],
        input,
    )
}

/// 600 people whose pay goes with their age a little.
fn people() -> String {
    let mut table = "age,zip,illness,pay\n".to_owned();
    let mut state = 7_u32;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 12) % below
    };
    for _ in 0..600 {
        let (age, zip) = (18 + draw(60), 10_000 + draw(40) * 25);
        let illness =
            ["flu", "asthma", "cancer", "gastritis", "diabetes"][draw(25).isqrt() as usize];
        let pay = 1000 * (1 + draw(8) + age / 20);
        table += &format!("{age},{zip},{illness},{pay}\n");
    }
    table
}

#[test]
fn another_library_measures_the_same() {
    let spec = json!({
        "columns": [
            {"name": "age", "role": "quasi-identifying", "hierarchy": {"kind": "intervals", "widths": [5, 10, 20, 40]}},
            {"name": "zip", "role": "quasi-identifying", "hierarchy": {"kind": "mask"}},
            {"name": "illness", "role": "sensitive"},
            {"name": "pay", "role": "sensitive"}
        ],
        "models": [
            {"model": "k-anonymity", "k": 9},
            {"model": "distinct-l-diversity", "column": "illness", "l": 3},
            {"model": "entropy-l-diversity", "column": "illness", "l": 2.2},
            {"model": "t-closeness", "column": "illness", "t": 0.4, "distance": "equal"},
            {"model": "t-closeness", "column": "pay", "t": 0.3, "distance": {"ordered": {}}},
            {"model": "beta-likeness", "column": "illness", "beta": 3}
        ]
    });
    let (csv, report) = run(&spec, &people(), None).unwrap();
    // Otherwise there is nothing to compare: one class has every distance 0.
    assert!(report.classes > 5 && report.suppressed == 0, "{report:?}");
    let oracle = ask(&json!({"csv": csv, "qi": ["age", "zip"]}));
    let names = ["k", "l", "entropy_l", "t_illness", "t_pay", "beta"];
    for (name, model) in names.into_iter().zip(&report.models) {
        let (theirs, mut ours) = (oracle[name].as_f64().unwrap(), model.reached.unwrap());
        if name == "entropy_l" {
            // pyCANON answers the whole number below.
            ours = ours.floor();
        }
        assert!(
            (theirs - ours).abs() < 1e-9,
            "{name}: {theirs} by pyCANON, {ours} here"
        );
    }
    let share = oracle["k"].as_f64().unwrap().recip();
    assert!((report.after.prosecutor.highest - share).abs() < 1e-12);
}
