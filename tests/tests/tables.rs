//! Tables of people, protected by the command line and over HTTP.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::{Answer, Server};

const TABLE: &str = "姓名,age,zip,illness\n王芳,31,10115,flu\n李娜,38,10117,asthma\n张伟,44,10243,flu\n刘洋,45,10245,flu\n";
const JOBS: &str = "10115;10*;*\n10117;10*;*\n10243;10*;*\n10245;10*;*\n";

fn spec(k: u64) -> Value {
    json!({
        "columns": [
            { "name": "姓名", "role": "identifying" },
            { "name": "age", "role": "quasi-identifying", "hierarchy": { "kind": "intervals", "widths": [10, 20] } },
            { "name": "zip", "role": "quasi-identifying", "hierarchy": { "kind": "file", "file": "zip.csv" } },
            { "name": "illness", "role": "sensitive" },
        ],
        "models": [{ "model": "k-anonymity", "k": k }],
    })
}

fn send(server: &Server, parts: &[(&str, &str)]) -> Answer {
    let mut body = String::new();
    for (name, value) in parts {
        body +=
            &format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += "--x--\r\n";
    let request = server
        .request("POST", "/api/v1/tables/protect")
        .header("content-type", "multipart/form-data; boundary=x")
        .body(body);
    server.send(request)
}

#[test]
fn a_table_is_protected_alike_by_cli_and_by_api() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("people.csv"), TABLE).unwrap();
    std::fs::write(at("zip.csv"), JOBS).unwrap();
    std::fs::write(at("job.json"), spec(2).to_string()).unwrap();
    let files = ["--spec", &at("job.json"), "--input", &at("people.csv")];
    let run = |args: &[&str]| {
        let output = cli(&[&["data"], args, &["--json"]].concat(), &[]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let risk = run(&[&["risk"], &files[..]].concat());
    assert_eq!(risk["prosecutor"]["highest"], 1.0);
    let out = ["--output", &at("released.csv")];
    let by_cli = run(&[&["protect"], &files[..], &out].concat());
    assert_eq!(by_cli["report"]["k"], 2);
    assert_eq!(by_cli["report"]["after"]["prosecutor"]["highest"], 0.5);
    let released = std::fs::read_to_string(at("released.csv")).unwrap();
    assert!(!released.contains("王芳") && released.starts_with("age,zip,illness\n"));

    let spec = spec(2).to_string();
    let parts = [("spec", spec.as_str()), ("table", TABLE), ("zip.csv", JOBS)];
    let by_api = send(&server, &parts).ok();
    assert_eq!(by_api["table"], released);
    assert_eq!(by_api["report"], by_cli["report"]);
}

#[test]
fn what_cannot_be_protected_is_refused_by_name() {
    let server = Server::start();
    let two = spec(2).to_string();
    let with = |spec: &str, table: &str, hierarchy: &str| {
        send(
            &server,
            &[("spec", spec), ("table", table), ("zip.csv", hierarchy)],
        )
    };
    let says = |answer: Answer, what: &str| {
        let problem = answer.problem(422, "invalid");
        let detail = problem["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(what), "{detail}");
    };
    says(with(&spec(5).to_string(), TABLE, JOBS), "4");
    says(with(&two, &TABLE.replace(",asthma\n", "\n"), JOBS), "line");
    says(with(&two, TABLE, "10115;10*;*\n"), "10117");
    says(with(&two, TABLE, "10115;10115;a\n10115;b;c\n"), "hierarchy");
    says(with(&two, "age,illness\n1,a\n", JOBS), "zip");
    says(
        send(&server, &[("spec", &two), ("table", TABLE)]),
        "zip.csv",
    );
    let wrong = json!({ "columns": [], "models": [], "more": 1 }).to_string();
    with(&wrong, TABLE, JOBS).problem(400, "invalid-upload");
    send(&server, &[("spec", &two)]).problem(400, "invalid-upload");
}
