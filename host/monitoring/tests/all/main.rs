//! What SciPy, NumPy and TensorBoard say to the numbers and files of this crate (`oracle.py`), and how often a guard is
//! wrong.
//!
//! Needs what `make setup` installs: a Python with scipy, numpy and tensorboard in the folder named by `STEWARD_HOME`;
//! `STEWARD_PYTHON` names another Python.
#![allow(clippy::unwrap_used)]

mod drift;
mod guard;
mod tensorboard;

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
