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

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Asks `oracle.py`, whose answer is the last line that it prints.
fn ask(question: &str, input: &Value) -> Value {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = std::env::var_os("STEWARD_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| manifest.join("../../.steward"));
    let python = std::env::var_os("STEWARD_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| home.join("venv/bin/python"));
    let mut oracle = Command::new(&python)
        .arg(manifest.join("tests/all/oracle.py"))
        .arg(question)
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
    assert!(output.status.success(), "{question}: {errors}");
    let answer = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(answer.lines().last().unwrap()).unwrap()
}
