//! Holt–Winters and the robust scale beside statsmodels and scipy.
//!
//! Needs what `make setup` installs: a Python with these packages in the folder named by `STEWARD_HOME`; `STEWARD_PYTHON` names
//! another Python.
#![allow(clippy::unwrap_used)]

use finance_alerts::robust::{median, scale};
use finance_alerts::smoothing::{Rates, State};
use serde_json::{Value, json};

/// SplitMix64: inputs that are the same in every run.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[track_caller]
fn near(ours: f64, theirs: &Value) {
    let theirs = theirs.as_f64().unwrap();
    assert!(
        (ours - theirs).abs() < 1e-9 * theirs.abs().max(1.0),
        "{ours} here, {theirs} there"
    );
}

#[test]
fn the_numbers_are_those_of_statsmodels_and_scipy() {
    let mut random = Random(7);
    let cases: Vec<Value> = [24, 24, 168, 7]
        .iter()
        .map(|&period: &usize| {
            let mut some = |n: usize| (0..n).map(|_| random.unit() * 10.0 - 3.0).collect::<Vec<f64>>();
            let (values, season, of) = (some(period * 3 + 5), some(period), some(5));
            // Rates from 0 to 1; statsmodels wants that of the trend below that of the level.
            let rate = |x: f64| (x + 3.0) / 10.0;
            json!({
                "values": values, "season": season, "level": of[0], "trend": of[1] / 10.0,
                "rates": [rate(of[2]), rate(of[3]) * rate(of[2]), rate(of[4]) * (1.0 - rate(of[2]))],
            })
        })
        .collect();
    let told = steward_oracle::ask(
        env!("CARGO_MANIFEST_DIR"),
        "tests/oracle.py",
        &[],
        &Value::from(cases.clone()),
    );
    let numbers = |value: &Value| -> Vec<f64> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_f64().unwrap())
            .collect()
    };
    for (case, told) in cases.iter().zip(told.as_array().unwrap()) {
        let (values, rates) = (numbers(&case["values"]), numbers(&case["rates"]));
        let (level, trend) = (
            case["level"].as_f64().unwrap(),
            case["trend"].as_f64().unwrap(),
        );
        let mut state = State::new(level, trend, numbers(&case["season"])).unwrap();
        let rates = Rates {
            level: rates[0],
            trend: rates[1],
            season: rates[2],
            around: 0,
        };
        for (value, fitted) in values.iter().zip(told["fitted"].as_array().unwrap()) {
            near(state.forecast(), fitted);
            state.take(Some(*value), rates);
        }
        near(state.forecast(), &told["next"]);
        near(median(&values), &told["median"]);
        near(scale(&values), &told["scale"]);
    }
}
