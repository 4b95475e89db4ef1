//! Rows come and go in the formats that people have, by the command line and over HTTP, and snapshots are compared.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::{Answer, Server};

const CSV: &str = "id,text,stars,tags\r\n007,\"很好，\n\"\"谢谢\"\"\",5,\"[\"\"a\"\",{\"\"b\"\":null}]\"\r\n12345678901234567890,so so,2.50,\r\n";
const ROWS: &str = concat!(
    r#"{"id":"007","text":"很好，\n\"谢谢\"","stars":5,"tags":["a",{"b":null}]}"#,
    "\n",
    r#"{"id":"12345678901234567890","text":"so so","stars":2.50,"tags":null}"#,
    "\n",
);

fn add(server: &Server, path: &str, kind: &str, body: &[u8]) -> Answer {
    let request = server.request("POST", path).header("content-type", kind);
    server.send(request.body(body.to_vec()))
}

fn bytes(server: &Server, path: &str, accept: &str) -> (String, Vec<u8>) {
    let request = server.request("GET", path).header("accept", accept);
    let answer = request.send().unwrap();
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(answer.status(), 200);
    (kind, answer.bytes().unwrap().to_vec())
}

fn lines(server: &Server, path: &str) -> Vec<Value> {
    let (_, bytes) = bytes(server, path, "*/*");
    let text = String::from_utf8(bytes).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.name(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

fn wide(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[test]
fn files_come_and_go_by_the_command_line() {
    let server = Server::start();
    let folder = Folder::new();
    let csv = folder.write("reviews.csv", CSV.as_bytes());
    let pushed = server.cli(&[
        "dataset",
        "push",
        "reviews",
        &csv,
        "--types",
        "stars=number,tags=json",
    ]);
    assert_eq!(pushed["rows"], 2);
    assert_eq!(pushed["lineage"]["format"], "csv");
    assert_eq!(pushed["lineage"]["source"]["size"], CSV.len());
    let pull = |dataset: &str, name: &str| -> Vec<u8> {
        let out = folder.name(name);
        server.cli(&["dataset", "pull", dataset, "--output", &out]);
        std::fs::read(out).unwrap()
    };
    assert_eq!(pull("reviews", "rows.jsonl"), ROWS.as_bytes());

    // By Parquet and back: the same rows.
    assert!(pull("reviews", "rows.parquet").starts_with(b"PAR1"));
    let pushed = server.cli(&["dataset", "push", "reviews", &folder.name("rows.parquet")]);
    assert_eq!(
        (&pushed["snapshot"], &pushed["lineage"]["format"]),
        (&json!(2), &json!("parquet"))
    );
    let diff = server.cli(&["dataset", "diff", "reviews@1", "reviews@2"]);
    // A number among others that has a point is one with a point.
    assert_eq!(
        (&diff["unchanged"], &diff["changed"]),
        (&json!(0), &json!(2)),
        "{diff}"
    );
    assert_eq!(
        diff["fields"],
        json!({ "stars": { "added": 0, "removed": 0, "changed": 2 } })
    );

    // By CSV and back.
    let out = String::from_utf8(pull("reviews@1", "again.csv")).unwrap();
    assert_eq!(out, CSV);
    let (tsv, text) = (folder.name("x.txt"), wide(CSV));
    server.cli(&[
        "dataset",
        "pull",
        "reviews@1",
        "--format",
        "tsv",
        "--output",
        &tsv,
    ]);
    assert!(
        std::fs::read_to_string(&tsv)
            .unwrap()
            .starts_with("id\ttext\tstars\ttags\r\n")
    );
    let spreadsheet = folder.write("sheet.csv", &text);
    let pushed = server.cli(&[
        "dataset",
        "push",
        "wide",
        &spreadsheet,
        "--types",
        "stars=number,tags=json",
    ]);
    assert_eq!(pushed["lineage"]["encoding"], "UTF-16LE");
    let diff = server.cli(&["dataset", "diff", "reviews@1", "wide"]);
    assert_eq!(
        (&diff["unchanged"], &diff["before"]),
        (&json!(2), &json!("reviews@1"))
    );

    // What is no row is told, and can be had.
    let bad = folder.write("bad.csv", b"id,text\n1,a\n2,b,c\n3,\"open\n4,d\n");
    let env = [("STEWARD_URL", &*server.url), ("STEWARD_KEY", &*server.key)];
    let said = cli(&["dataset", "push", "bad", &bad], &env);
    let note = String::from_utf8(said.stderr).unwrap();
    assert!(
        note.contains("1 ragged-row, 1 unclosed-quote") && note.contains("bad@1 --rejects"),
        "{note}"
    );
    let rejects = folder.name("rejects.jsonl");
    server.cli(&[
        "dataset",
        "pull",
        "bad@1",
        "--rejects",
        "--output",
        &rejects,
    ]);
    let rejects = std::fs::read_to_string(rejects).unwrap();
    assert!(
        rejects.contains(r#""line":4,"code":"unclosed-quote""#)
            && rejects.contains(r#""raw":"2,b,c""#)
    );

    // Files that are none: what is wrong, and how the command ends.
    let parquet = std::fs::read(folder.path("rows.parquet")).unwrap();
    let cut = folder.write("cut.parquet", &parquet[..parquet.len() - 100]);
    let workbook = folder.write("x.xlsx", b"PK\x03\x04");
    let refused: [(&str, &[&str], &str, i32); 5] = [
        (&cut, &[], "cut short", 6),
        (&workbook, &[], "workbook", 6),
        (&csv, &["--types", "nobody=number"], "nobody", 6),
        (
            &csv,
            &["--format", "xlsx"],
            "jsonl, csv, tsv and parquet",
            2,
        ),
        (&csv, &["--encoding", "klingon"], "encoding", 2),
    ];
    for (file, options, says, code) in refused {
        let words = ["dataset", "push", "none", file];
        let said = cli(&[&words[..], options].concat(), &env);
        let error = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(code), "{error}");
        assert!(error.contains(says), "{error}");
    }
    server
        .get("/api/v1/datasets/none")
        .problem(404, "not-found");
    let told = cli(
        &["dataset", "diff", "reviews@1", "bad", "--sample", "1"],
        &env,
    );
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(
        told.contains("removed") && told.contains("reviews@1  (2 rows)"),
        "{told}"
    );
}

#[test]
fn files_come_and_go_over_http() {
    let server = Server::start();
    let at = |query: &str| format!("/api/v1/datasets/reviews{query}");
    let added = add(
        &server,
        &at("?types=stars%3Dnumber,tags%3Djson"),
        "text/csv; charset=utf-8",
        CSV.as_bytes(),
    )
    .ok();
    assert_eq!(
        (&added["rows"], &added["lineage"]["encoding"]),
        (&json!(2), &json!("UTF-8"))
    );
    let rows = "/api/v1/datasets/reviews@1/rows";
    assert_eq!(
        bytes(&server, rows, "*/*"),
        ("application/x-ndjson".into(), ROWS.as_bytes().to_vec())
    );
    assert_eq!(
        bytes(&server, rows, "application/json, text/csv;q=0.9"),
        ("text/csv".into(), CSV.as_bytes().to_vec())
    );
    let parquet = "application/vnd.apache.parquet";
    let (kind, file) = bytes(&server, rows, parquet);
    assert_eq!((&*kind, &file[..4]), (parquet, &b"PAR1"[..]));
    assert_eq!(
        bytes(&server, &format!("{rows}?format=parquet"), "*/*").1,
        file
    );
    add(&server, &at(""), parquet, &file).ok();
    add(&server, &at(""), "application/octet-stream", &file).ok();
    let diff = server.get("/api/v1/datasets/reviews@2/diff/reviews@3").ok();
    assert_eq!(
        (&diff["unchanged"], &diff["rows"]["after"]),
        (&json!(2), &json!(2))
    );
    server
        .get(&format!("{rows}?format=xlsx"))
        .problem(400, "invalid-query");

    // A file of mixed encodings: what is UTF-8 is kept, the others are kept apart with their bytes.
    let mixed = [
        "{\"text\":\"你好，世界\"}\n".as_bytes(),
        b"{\"text\":\"\xC4\xE3\xBA\xC3\"}\n",
        "{\"text\":\"再见，世界\"}\n".as_bytes(),
    ];
    let added = add(
        &server,
        "/api/v1/datasets/mixed",
        "application/x-ndjson",
        &mixed.concat(),
    )
    .ok();
    assert_eq!(
        (&added["rows"], &added["lineage"]["rejected"]),
        (&json!(2), &json!({ "not-utf-8": 1 }))
    );
    let rejects = lines(&server, "/api/v1/datasets/mixed/rejects");
    assert_eq!(
        (&rejects[0]["line"], &rejects[0]["base64"]),
        (&json!(2), &json!("eyJ0ZXh0IjoixOO6wyJ9"))
    );
    // Where it is said what a file is in, a few characters are enough.
    let gbk = b"id,text\n1,\xC4\xE3\xBA\xC3\n";
    add(
        &server,
        "/api/v1/datasets/gbk",
        "text/csv; charset=gbk",
        gbk,
    )
    .ok();
    assert_eq!(
        lines(&server, "/api/v1/datasets/gbk/rows"),
        [json!({ "id": "1", "text": "你好" })]
    );
    let none = add(&server, "/api/v1/datasets/gbk", "text/csv", gbk).problem(422, "invalid");
    assert!(
        none["detail"].as_str().unwrap().contains("not UTF-8"),
        "{none}"
    );

    // A line of 50 MB among others.
    let long = format!(
        "{{\"text\":\"a\"}}\n{{\"text\":\"{}\"}}\n{{\"text\":\"b\"}}\n",
        "x".repeat(50 << 20)
    );
    let added = add(
        &server,
        "/api/v1/datasets/long",
        "application/x-ndjson",
        long.as_bytes(),
    )
    .ok();
    assert_eq!(
        (&added["rows"], &added["lineage"]["rejected"]),
        (&json!(2), &json!({ "line-too-long": 1 }))
    );

    let refused: [(&str, &[u8], &str); 5] = [
        (parquet, &file[..file.len() / 2], "cut short"),
        (parquet, b"PAR1", "cut short"),
        ("text/csv", b"a,a\n1,2\n", "twice"),
        ("text/csv", b"", "empty"),
        ("application/x-ndjson", b"nothing\n", "none of the 1 rows"),
    ];
    for (kind, body, says) in refused {
        let refused = add(&server, "/api/v1/datasets/bad", kind, body).problem(422, "invalid");
        assert!(
            refused["detail"].as_str().unwrap().contains(says),
            "{refused}"
        );
        assert!(!refused.to_string().contains("/tmp"), "{refused}");
    }
    for query in [
        "?format=xml",
        "?encoding=klingon",
        "?delimiter=%3B%3B",
        "?types=a",
        "?unknown=1",
    ] {
        add(
            &server,
            &format!("/api/v1/datasets/bad{query}"),
            "text/csv",
            CSV.as_bytes(),
        )
        .problem(400, "invalid-query");
    }
    server.get("/api/v1/datasets/bad").problem(404, "not-found");
    server
        .get("/api/v1/datasets/reviews@1/diff/reviews@9")
        .problem(404, "not-found");

    // Rows are for those who may read rows.
    let viewer = server.cli(&["key", "create", "viewer", "--role", "viewer"]);
    let key = viewer["secret"]
        .as_str()
        .or(viewer["key"].as_str())
        .unwrap();
    for path in [
        "reviews/rejects",
        "reviews@1/diff/reviews@2",
        "reviews/rows?format=csv",
    ] {
        let request = server.request_as(Some(key), "GET", &format!("/api/v1/datasets/{path}"));
        server.send(request).problem(403, "forbidden");
    }
}

#[test]
fn a_run_over_files_reads_and_writes_every_format() {
    let server = Server::start();
    server.publish_first_party("text-cleaner");
    let folder = Folder::new();
    folder.write(
        "in.csv",
        "id,text,note\n007,ｈｅｌｌｏ world,\"a,b\"\n8,\n9,two,three,four\n1e3,再见,\n".as_bytes(),
    );
    let run = |input: &str, output: &str, more: &[&str]| {
        let data = server.data().to_str().unwrap();
        let (input, output) = (folder.name(input), folder.name(output));
        let words = [
            "data",
            "run",
            "--data-dir",
            data,
            "--step",
            "text-cleaner",
            "--json",
        ];
        cli(
            &[&words[..], &["--input", &input, "--output", &output], more].concat(),
            &[],
        )
    };
    let report = |output: std::process::Output| -> Value {
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let first = report(run("in.csv", "out.parquet", &[]));
    assert_eq!(first["rejected"], json!({ "ragged-row": 2 }), "{first}");
    let size = std::fs::metadata(folder.path("out.parquet")).unwrap().len();
    assert_eq!(first["output"]["bytes"], size);
    report(run("out.parquet", "out.csv", &[]));
    let csv = std::fs::read_to_string(folder.path("out.csv")).unwrap();
    assert_eq!(
        csv,
        "id,text,note\r\n007,hello world,\"a,b\"\r\n1e3,再见,\"\"\r\n"
    );
    report(run("out.csv", "out.jsonl", &[]));
    let rows = std::fs::read_to_string(folder.path("out.jsonl")).unwrap();
    assert!(
        rows.starts_with(r#"{"id":"007","text":"hello world","note":"a,b"}"#),
        "{rows}"
    );

    // Nothing is written of a file that is cut, and no file becomes another in its place.
    let parquet = std::fs::read(folder.path("out.parquet")).unwrap();
    folder.write("cut.parquet", &parquet[..parquet.len() - 9]);
    let failed = run("cut.parquet", "none.csv", &[]);
    assert_eq!(failed.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("cut short"));
    assert!(!Path::new(&folder.name("none.csv")).exists());
    assert_eq!(run("in.csv", "in.csv", &[]).status.code(), Some(6));
    assert_eq!(
        run("in.csv", "typed.jsonl", &["--types", "text=number"])
            .status
            .code(),
        Some(0)
    );
    let rejects = std::fs::read_to_string(folder.path("typed.jsonl.rejects.jsonl")).unwrap();
    assert!(rejects.contains("bad-value"), "{rejects}");
}
