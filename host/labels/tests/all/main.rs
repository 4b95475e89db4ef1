//! What crowd-kit, krippendorff, statsmodels and scikit-learn say to the numbers of this crate (`oracle.py`), what
//! simulations with known truth say, and what must hold for whatever comes in.
//!
//! Needs what `make setup` installs: a Python with these packages in the folder named by `STEWARD_HOME`;
//! `STEWARD_PYTHON` names another Python.
#![allow(clippy::unwrap_used)]

mod aggregation;
mod agreement;
mod anaesthetists;
mod label_studio;
mod properties;
mod simulation;
mod weak;

use serde_json::Value;

/// Asks `oracle.py`.
fn ask(question: &str, input: &Value) -> Value {
    steward_oracle::ask(
        env!("CARGO_MANIFEST_DIR"),
        "tests/all/oracle.py",
        &[question],
        input,
    )
}
