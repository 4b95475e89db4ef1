//! Asks other people's libraries, through the Python that `make setup` installs in the folder named by `STEWARD_HOME`;
//! `STEWARD_PYTHON` names another Python. A crate of its own, so that the tests of a small crate stay small.
#![deny(missing_docs)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs a script of the crate in the folder `manifest` with these arguments and the input as JSON on its standard input.
/// The answer is the last line that it prints.
///
/// # Panics
/// When the script fails or prints no JSON, with what it says.
#[track_caller]
pub fn ask(manifest: &str, script: &str, args: &[&str], input: &Value) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let home = std::env::var_os("STEWARD_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| root.join(".steward"));
    let python = std::env::var_os("STEWARD_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| home.join("venv/bin/python"));
    let mut oracle = Command::new(&python)
        .arg(Path::new(manifest).join(script))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make setup`", python.display()));
    let mut stdin = oracle.stdin.take().expect("standard input is a pipe");
    // A script that ends before it has read all says why on its standard error.
    let written = stdin.write_all(input.to_string().as_bytes());
    drop(stdin);
    let output = oracle.wait_with_output().expect("the script ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} {args:?}: {errors}");
    if let Err(error) = written {
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::BrokenPipe,
            "{script} {args:?}"
        );
    }
    let answer = String::from_utf8_lossy(&output.stdout);
    let last = answer.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{script} {args:?}: {error}: {last}"))
}
