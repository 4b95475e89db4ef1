//! The binary without a server: keys on a registry of its own, exit codes, and what goes where.
#![allow(
    clippy::unwrap_used,
    reason = "a failed assumption in a test should stop that test"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs the binary in a folder of its own, with nothing of the user's environment.
fn steward(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_steward"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("HOME", dir)
        .env("STEWARD_PROFILE", dir.join("profile.toml"))
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A failure with `--json`: nothing on standard output, one JSON object on standard error.
fn error(output: &Output) -> (i32, Value) {
    assert!(output.stdout.is_empty(), "{}", stdout(output));
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    let code = output.status.code().unwrap();
    assert_eq!(error["error"]["exit"], code);
    (code, error["error"].clone())
}

#[test]
fn a_key_is_made_listed_and_revoked_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let data = ["--data-dir", "data", "--json"];
    let with = |args: &[&str]| steward(dir.path(), &[args, &data].concat());

    let first = json(&with(&["key", "create"]));
    assert_eq!(
        (first["tenant"].as_str(), first["role"].as_str()),
        (Some("default"), Some("operator"))
    );
    let key = first["key"].as_str().unwrap();
    assert!(key.starts_with("stw_"));
    let second = json(&with(&[
        "key",
        "create",
        "ci",
        "--role",
        "viewer",
        "--expires-in",
        "1d",
        "--tenant",
        "acme",
    ]));
    assert!(second["expires_at"].is_string());

    // What is stored has no secret, and a tenant sees its own keys alone.
    let listed = with(&["key", "list"]);
    assert!(!stdout(&listed).contains(key));
    let listed = json(&listed);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["id"], first["id"]);

    let id = first["id"].as_str().unwrap();
    json(&with(&["key", "revoke", id]));
    assert!(json(&with(&["key", "list"]))[0]["revoked_at"].is_string());
    let (code, _) = error(&with(&["key", "revoke", "01arz3ndektsv4rrffq69g5fav"]));
    assert_eq!(code, 3);
    // The key of another tenant is not there either.
    assert_eq!(
        error(&with(&["key", "revoke", second["id"].as_str().unwrap()])).0,
        3
    );
}

#[test]
fn a_key_can_go_into_a_file_instead_of_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["key", "create", "--data-dir", "data", "--out", "key.txt"];
    let output = steward(dir.path(), &args);
    assert!(output.status.success());
    assert!(!stdout(&output).contains("stw_"));
    assert!(
        std::fs::read_to_string(dir.path().join("key.txt"))
            .unwrap()
            .starts_with("stw_")
    );
    assert!(
        !steward(dir.path(), &args).status.success(),
        "a key file is never overwritten"
    );
}

#[test]
fn failures_have_their_code_and_say_what_to_do_next() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| error(&steward(dir.path(), &[args, &["--json"]].concat()));

    let (code, no_key) = run(&["plugin", "list"]);
    assert_eq!(code, 4);
    assert!(no_key["next"].as_str().unwrap().contains("steward login"));

    json(&steward(
        dir.path(),
        &[
            "key",
            "create",
            "--data-dir",
            "data",
            "--out",
            "key.txt",
            "--json",
        ],
    ));
    // A port that no system gives to whoever asks for any.
    let url = "http://127.0.0.1:1";
    let (code, unreachable) = run(&["function", "list", "--server", url, "--key-file", "key.txt"]);
    assert_eq!(code, 7);
    assert!(unreachable["message"].as_str().unwrap().contains(url));
    assert!(
        unreachable["next"]
            .as_str()
            .unwrap()
            .contains("steward serve")
    );

    std::fs::write(
        dir.path().join("steward.toml"),
        "[plugin]\nname = \"../x\"\n",
    )
    .unwrap();
    assert_eq!(run(&["plugin", "build"]).0, 6);
    assert_eq!(run(&["plugin", "build", "nowhere"]).0, 3);
    assert_eq!(run(&["plugin", "list", "--key-file", "nowhere"]).0, 3);
    let step = [
        "--input",
        "in.jsonl",
        "--output",
        "out.jsonl",
        "--step",
        "text-cleaner",
    ];
    let (code, no_data) = run(&[&["data", "run", "--data-dir", "nowhere"][..], &step].concat());
    assert_eq!(code, 3);
    assert!(no_data["next"].as_str().unwrap().contains("--data-dir"));
    assert!(
        !dir.path().join("nowhere").exists(),
        "a failed run makes no registry"
    );
    let (code, no_plugin) = run(&[&["data", "run", "--data-dir", "data"][..], &step].concat());
    assert_eq!(
        (
            code,
            no_plugin["message"]
                .as_str()
                .unwrap()
                .contains("text-cleaner")
        ),
        (3, true)
    );

    assert_eq!(steward(dir.path(), &["nothing"]).status.code(), Some(2));
    assert_eq!(
        steward(dir.path(), &["serve", "--listen", "here"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn help_and_openapi_need_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let help = steward(dir.path(), &["--help"]);
    assert!(help.status.success());
    for word in ["Exit codes", "7  the server", "steward serve", "data"] {
        assert!(stdout(&help).contains(word), "{word}");
    }
    let document = json(&steward(dir.path(), &["openapi"]));
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/api/v1/plugins"].is_object());
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        0,
        "neither leaves a file"
    );
}
