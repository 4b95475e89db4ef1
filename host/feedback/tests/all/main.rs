//! What scipy, statsmodels, gbstats and implicit say to the numbers of this crate (`oracle.py`), and what must hold for
//! whatever comes in.
//!
//! Needs what `make setup` installs: a Python with these packages in the folder named by `STEWARD_HOME`;
//! `STEWARD_PYTHON` names another Python.
#![allow(clippy::unwrap_used)]

mod experiments;
mod properties;
mod recommendations;
mod surveys;

use serde_json::Value;

/// Asks `oracle.py`.
fn ask(question: &str, input: &Value) -> Vec<Value> {
    let answer = steward_oracle::ask(
        env!("CARGO_MANIFEST_DIR"),
        "tests/all/oracle.py",
        &[question],
        input,
    );
    answer.as_array().unwrap().clone()
}

/// How far numbers may be from theirs.
const NEAR: f64 = 1e-6;

#[track_caller]
fn near(ours: f64, theirs: &Value, what: &str) {
    let theirs = theirs.as_f64().unwrap();
    let off = (ours - theirs).abs() / theirs.abs().max(1.0);
    assert!(off < NEAR, "{what}: {ours} here, {theirs} there");
}

/// SplitMix64: inputs that are the same in every run.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From `low` to `high`, both included.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.word() % (high - low + 1)
    }
}
