//! What the end-to-end tests share: a real server on a free loopback port, a client with a key, and
//! guests made for the test.
//!
//! The tests run the binary that `make build` made; they do not build it.
#![deny(missing_docs)]

pub mod guest;
pub mod server;
pub mod services;
pub mod streamed;

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

pub use server::{Answer, Server, batch};
pub use streamed::Streamed;

/// How long is waited for what comes at once on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until there is something, for up to half a minute.
///
/// # Panics
/// Where it does not come.
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, look)
}

/// The same for as long as this.
///
/// # Panics
/// Where it does not come.
#[track_caller]
pub fn until_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    looked(patience, what, || look().ok_or_else(String::new))
}

/// Asks again and again until the answer is as wanted, for up to half a minute.
///
/// # Panics
/// Where it does not come, with the last answer.
#[track_caller]
pub fn until_answer<A: Debug>(
    what: &str,
    mut ask: impl FnMut() -> A,
    wanted: impl Fn(&A) -> bool,
) -> A {
    looked(PATIENCE, what, || {
        let answer = ask();
        match wanted(&answer) {
            true => Ok(answer),
            false => Err(format!(", but to {answer:#?}")),
        }
    })
}

/// What was looked for, or what there is instead.
#[track_caller]
fn looked<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        let instead = match look() {
            Ok(found) => return found,
            Err(instead) => instead,
        };
        assert!(
            begun.elapsed() < patience,
            "it did not come to this within {patience:?}: {what}{instead}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether two values are the same but for the last digits of fractions: what a model says twice may differ in them.
pub fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| alike(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, a)| other.get(key).is_some_and(|b| alike(a, b)))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() || other.is_f64() => {
            let both = one.as_f64().zip(other.as_f64());
            both.is_some_and(|(a, b)| (a - b).abs() <= 1e-4 * (1.0 + a.abs()))
        }
        _ => one == other,
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file that `make build` or `make setup` made.
///
/// # Panics
/// When it is not there, with the command that makes it.
pub fn built(path: &str) -> PathBuf {
    let full = root().join(path);
    assert!(full.exists(), "{path} is not there: run `make build` first");
    full
}

/// The binary of this build.
pub fn steward() -> PathBuf {
    // Tests lie in target/<profile>/deps, programs beside it.
    let exe = std::env::current_exe().expect("the test has a path");
    let folder = exe.parent().expect("a folder");
    let folder = match folder.ends_with("deps") {
        true => folder.parent().expect("target/<profile>"),
        false => folder,
    };
    let binary = folder.join("steward");
    assert!(
        binary.exists(),
        "{} is not there: run `make build` first",
        binary.display()
    );
    binary
}

/// Runs a script of `tests/clients` with the Python of `make setup`, and returns what it prints.
///
/// # Panics
/// When it fails, with all that it said.
#[track_caller]
pub fn python(script: &str, args: &[&str]) -> String {
    let output = std::process::Command::new(home().join("venv/bin/python"))
        .arg(root().join("tests/clients").join(script))
        .args(args)
        .output()
        .expect("the Python of `make setup` is there");
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {said}{wrong}");
    said.trim().to_owned()
}

/// Where `make setup` put libraries and models.
pub fn home() -> PathBuf {
    std::env::var_os("STEWARD_HOME").map_or_else(|| root().join(".steward"), PathBuf::from)
}
