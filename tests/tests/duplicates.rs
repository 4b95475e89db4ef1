//! Duplicates beyond exact ones, and rows that are the same person, by the command line and over HTTP.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::{Answer, Server};

const ORDER_ZH: &str =
    "您好，我五月三日订购了一个蓝色水壶，到现在还没有收到，请帮我查一下是什么情况，谢谢您的帮助！";
const ORDER_EN: &str = "Hello, I ordered a blue kettle on 3 May and it still has not arrived. Could you please check \
                        what happened to my parcel and tell me when it will be here?";

/// Two near duplicates of a Chinese and two of an English message, a paraphrase, and two letters with one footer.
fn rows() -> Vec<Value> {
    let footer = "感谢您的来信。请勿直接回复此邮件。祝您生活愉快！";
    [
        ("zh", ORDER_ZH.to_owned(), 3),
        ("en", ORDER_EN.to_owned(), 1),
        ("zh-red", ORDER_ZH.replace("蓝色", "红色"), 9),
        ("en-loud", ORDER_EN.to_uppercase(), 5),
        ("en-longer", format!("{ORDER_EN} Thanks!"), 2),
        ("crash", "The update fixed the crash of the app.".to_owned(), 0),
        ("crash-too", "The crash of the app was fixed by the update.".to_owned(), 0),
        ("letter", format!("您要的发票已经开好，随信附上，请查收。{footer}"), 0),
        ("letter-too", format!("关于退款，我们已经提交银行处理，大约三个工作日到账，届时会有短信通知您本人。{footer}"), 0),
        ("empty", String::new(), 0),
    ]
    .into_iter()
    .map(|(id, text, votes)| json!({ "id": id, "text": text, "votes": votes }))
    .collect()
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

fn parsed(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
}

fn prepared(data: &Path) -> Server {
    let server = Server::start_on(data, &[]);
    server.publish_first_party("text-cleaner");
    server.push_model("minilm");
    server.cli(&[
        "function",
        "deploy",
        "hasher",
        "--plugin",
        "text-cleaner",
        "--config",
        "minhash=true",
    ]);
    let request = server
        .request("POST", "/api/v1/datasets/messages")
        .body(lines(&rows()));
    server.send(request).ok();
    server
}

/// A run over HTTP: what became of it, and the rows of its snapshot.
fn run(server: &Server, spec: Value) -> (Value, Vec<Value>) {
    let begun = server.post("/api/v1/datasets/messages/runs", &spec).ok();
    let run = server.run_ended(begun["id"].as_str().unwrap());
    assert_eq!(run["state"], "done", "{run}");
    let path = format!(
        "/api/v1/datasets/{}/rows",
        run["outcome"]["snapshot"].as_str().unwrap()
    );
    let rows = server.request("GET", &path).send().unwrap().text().unwrap();
    (run, parsed(&rows))
}

#[test]
fn duplicates_are_dropped_alike_by_cli_and_by_api_and_every_one_is_explained() {
    let data = tempfile::tempdir().unwrap();
    let server = prepared(data.path());
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("in.jsonl"), lines(&rows())).unwrap();
    let flags = [
        "--near-duplicates",
        "0.7",
        "--semantic-duplicates",
        "minilm:0.9",
        "--sentence-duplicates",
        "3",
    ];
    let of_hasher = ["--fingerprints", "hasher", "--keep", "highest:votes"];
    let files = [
        "--input",
        &at("in.jsonl"),
        "--output",
        &at("out.jsonl"),
        "--dropped",
        &at("dropped.jsonl"),
    ];
    let done = cli(
        &[
            &[
                "--json",
                "data",
                "run",
                "--data-dir",
                data.path().to_str().unwrap(),
            ],
            &files[..],
            &flags,
            &of_hasher,
        ]
        .concat(),
        &[],
    );
    assert!(done.status.success(), "{done:?}");
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    let by_cli = parsed(&std::fs::read_to_string(at("out.jsonl")).unwrap());
    // Of each cluster the one with most votes stays; the footer stays once.
    assert_eq!(
        ids(&by_cli),
        [
            "zh-red",
            "en-loud",
            "crash",
            "letter",
            "letter-too",
            "empty"
        ]
    );
    let letter = &by_cli[4];
    assert_eq!(
        letter["text"],
        "关于退款，我们已经提交银行处理，大约三个工作日到账，届时会有短信通知您本人。"
    );
    assert_eq!(
        letter["duplicate_sentences"],
        json!([{ "start": 38, "end": 62, "line": 8 }])
    );
    assert_eq!(
        report["rows"],
        json!({"read": 10, "kept": 5, "changed": 1, "dropped": 4, "rejected": 0})
    );
    let near = &report["duplicates"]["near"];
    assert_eq!(
        (
            &near["duplicates"],
            &near["clusters"],
            &near["not_compared"]
        ),
        (&json!(3), &json!(2), &json!(1))
    );
    let uses = near["uses"].as_str().unwrap();
    assert!(
        uses.starts_with("text-cleaner@")
            && near["digest"].is_string()
            && near["cost"]["calls"].as_u64() > Some(0)
    );
    assert!(
        report["duplicates"]["semantic"]["uses"]
            .as_str()
            .unwrap()
            .starts_with("minilm@")
    );
    let dropped = parsed(&std::fs::read_to_string(at("dropped.jsonl")).unwrap());
    assert_eq!(ids(&dropped), ["zh", "en", "en-longer", "crash-too"]);
    let kept: Vec<&str> = dropped
        .iter()
        .map(|row| row["duplicate_of"].as_str().unwrap())
        .collect();
    assert_eq!(kept, ["zh-red", "en-loud", "en-loud", "crash"]);
    let rules: Vec<&str> = dropped
        .iter()
        .map(|row| row["rule"].as_str().unwrap())
        .collect();
    assert_eq!(
        rules,
        [
            "near-duplicate",
            "near-duplicate",
            "near-duplicate",
            "semantic-duplicate"
        ]
    );
    assert_eq!(dropped[0]["duplicate_cluster"], "near-1");
    assert_eq!(dropped[1]["duplicate_similarity"], 1.0);
    assert_eq!(dropped[3]["line"], 7);

    // The least memory, another batch, other signatures of the same kind: the same rows.
    let again = [
        "--duplicates-memory-mib",
        "1",
        "--batch",
        "1",
        "--keep",
        "highest:votes",
    ];
    let done = cli(
        &[
            &[
                "--json",
                "data",
                "run",
                "--data-dir",
                data.path().to_str().unwrap(),
            ],
            &files[..4],
            &flags,
            &again,
        ]
        .concat(),
        &[],
    );
    assert!(done.status.success(), "{done:?}");
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["duplicates"]["near"]["uses"], "host");
    assert_eq!(
        parsed(&std::fs::read_to_string(at("out.jsonl")).unwrap()),
        by_cli
    );
    assert!(std::fs::read_dir(folder.path()).unwrap().all(|entry| {
        !entry
            .unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .starts_with(".steward")
    }));

    // Over HTTP and by the command line of the server.
    let duplicates = json!({
        "near": { "similarity": 0.7, "function": "hasher" },
        "semantic": { "model": "minilm", "similarity": 0.9 },
        "sentences": {},
        "keep": "highest:votes",
    });
    let (by_api, rows) = run(
        &server,
        json!({ "output": "distinct", "duplicates": duplicates }),
    );
    assert_eq!(rows, by_cli);
    let outcome = &by_api["outcome"];
    assert_eq!(
        outcome["duplicates"]["near"]["work"],
        report["duplicates"]["near"]["work"]
    );
    assert_eq!(
        outcome["dropped"],
        json!({ "near-duplicate": 3, "semantic-duplicate": 1 })
    );
    let id = by_api["id"].as_str().unwrap();
    let path = format!("/api/v1/dataset-runs/{id}/dropped");
    let text = server.request("GET", &path).send().unwrap().text().unwrap();
    assert_eq!(parsed(&text), dropped);
    let shown = server.cli(&["dataset", "show", "distinct"]);
    assert_eq!(shown[0]["lineage"]["duplicates"], outcome["duplicates"]);
    let command = ["dataset", "run", "messages", "--output", "distinct"];
    let by_command = server.cli(&[&command[..], &flags, &of_hasher].concat());
    assert_eq!(by_command["outcome"]["rows"], outcome["rows"]);
}

#[test]
fn duplicates_are_marked_and_every_row_stays() {
    let data = tempfile::tempdir().unwrap();
    let server = prepared(data.path());
    let spec = json!({
        "output": "marked",
        "steps": ["text-cleaner"],
        "duplicates": { "near": { "similarity": 0.7 }, "sentences": {}, "keep": "longest", "mark": true },
    });
    let (run, rows) = run(&server, spec);
    // The cleaner itself drops what is equal but for case, and the empty one.
    assert_eq!(
        ids(&rows),
        [
            "zh",
            "en",
            "zh-red",
            "en-longer",
            "crash",
            "crash-too",
            "letter",
            "letter-too"
        ]
    );
    let of = |row: &Value| row.get("duplicate_of").cloned();
    assert_eq!(
        rows.iter().map(of).collect::<Vec<_>>()[..4],
        [None, Some(json!("en-longer")), Some(json!("zh")), None]
    );
    let cluster = |row: usize| rows[row]["duplicate_cluster"].as_str();
    assert_eq!((cluster(0), cluster(2)), (Some("near-1"), Some("near-1")));
    assert_eq!(
        (cluster(1), cluster(3), cluster(4)),
        (Some("near-2"), Some("near-2"), None)
    );
    assert!(rows[1]["duplicate_similarity"].as_f64().unwrap() > 0.9);
    assert!(
        rows[7]["text"]
            .as_str()
            .unwrap()
            .ends_with("祝您生活愉快！")
    );
    assert_eq!(rows[7]["duplicate_sentences"][0]["line"], 8);
    assert_eq!(run["outcome"]["changes"]["near-duplicate"], 2);
    // A second time, the marks are there: they are not lost by accident.
    let again =
        json!({ "output": "again", "duplicates": { "near": { "similarity": 0.7 }, "mark": true } });
    let begun = server.post("/api/v1/datasets/marked/runs", &again).ok();
    let ended = server.run_ended(begun["id"].as_str().unwrap());
    assert_eq!(ended["outcome"]["rejected"]["field-taken"], 4);
}

#[test]
fn what_cannot_be_looked_for_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = prepared(data.path());
    let ask = |duplicates: Value| {
        server.post(
            "/api/v1/datasets/messages/runs",
            &json!({ "output": "x", "duplicates": duplicates }),
        )
    };
    let says = |answer: Answer, what: &str| {
        let problem = answer.problem(422, "invalid");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(what), "{detail}");
    };
    says(ask(json!({})), "near, semantic or sentences");
    says(
        ask(json!({ "near": { "similarity": 1.5 } })),
        "between 0.1 and 1, not 1.5",
    );
    says(
        ask(json!({ "semantic": { "model": "minilm", "similarity": 0.1 } })),
        "between 0.5 and 1",
    );
    says(
        ask(json!({ "sentences": { "passage": 0 } })),
        "1 to 100 sentences",
    );
    assert_eq!(
        ask(json!({ "near": { "function": "nothing" } })).status,
        404
    );
    assert_eq!(
        ask(json!({ "semantic": { "model": "nothing" } })).status,
        404
    );
    assert_eq!(ask(json!({ "near": {}, "keep": "best" })).status, 400);
    assert_eq!(ask(json!({ "near": {}, "more": 1 })).status, 400);
    let none = json!({ "output": "x", "steps": [] });
    says(
        server.post("/api/v1/datasets/messages/runs", &none),
        "or none where duplicates",
    );
    let wrong = cli(
        &[
            "data",
            "run",
            "--input",
            "a",
            "--step",
            "s",
            "--output",
            "b",
            "--mark-duplicates",
        ],
        &[],
    );
    assert_eq!(wrong.status.code(), Some(6), "{wrong:?}");
}

const CUSTOMERS: &str = "\
number,name,city,phone,born
c1,王小龙,上海,13800001234,1980-05-03
c2,海棠科技有限公司,北京,01055551234,
c3,Anna Smith,Berlin,030 1234567,1975-01-30
c4,李娜,上海,13900005678,1991-12-01
c5,王晓龙,上海,13800001234,1980年5月3日
c6,Anna Smyth,Berlin,030 1234567,1975/1/30
";
const INVOICES: &str = "\
number,name,city,phone,born
i1,海棠科技,北京,01055551234,
i2,李娜,上海,,1991-12-01
i3,Peter Novak,Berlin,030 7654321,1960-06-06
";

fn link_spec() -> Value {
    json!({
        "id": "number",
        "blocking": [["city"], ["phone"]],
        "comparisons": [
            { "column": "name", "compare": "jaro-winkler", "levels": [0.9, 0.75], "ignore": ["有限公司"] },
            { "column": "phone", "compare": "exact" },
            { "column": "born", "compare": "date" },
        ],
        "probability": 0.5,
    })
}

#[test]
fn tables_are_linked_alike_by_cli_and_by_api() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("customers.csv"), CUSTOMERS).unwrap();
    std::fs::write(at("invoices.csv"), INVOICES).unwrap();
    std::fs::write(at("link.yaml"), link_spec().to_string()).unwrap();
    let link = |args: &[&str]| {
        let files = [
            "--spec",
            &at("link.yaml"),
            "--output",
            &at("links.csv"),
            "--clusters",
            &at("clusters.csv"),
        ];
        let done = cli(
            &[&["--json", "data", "link"], &files[..], args].concat(),
            &[],
        );
        assert!(done.status.success(), "{done:?}");
        let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
        let read = |name| std::fs::read_to_string(at(name)).unwrap();
        (
            answer["report"].clone(),
            read("links.csv"),
            read("clusters.csv"),
        )
    };
    let pairs = |links: &str| {
        let rows = links.lines().skip(1).map(|line| {
            let mut cells = line.split(',');
            format!("{}={}", cells.next().unwrap(), cells.next().unwrap())
        });
        let mut rows: Vec<String> = rows.collect();
        rows.sort();
        rows
    };
    let (_, links, clusters) = link(&["--input", &at("customers.csv")]);
    assert_eq!(pairs(&links), ["c1=c5", "c3=c6"], "{links}");
    assert!(
        clusters.contains("\nc1,c5,王晓龙,") && clusters.contains("\nc4,c4,李娜,"),
        "{clusters}"
    );
    let two = [
        "--input",
        &at("customers.csv"),
        "--with",
        &at("invoices.csv"),
    ];
    let (report, links, clusters) = link(&two);
    assert_eq!(pairs(&links), ["c2=i1", "c4=i2"], "{links}");
    assert_eq!(report["rows"], json!([6, 3]));

    let send = |parts: &[(&str, &str)]| {
        let mut body = String::new();
        for (name, value) in parts {
            body += &format!(
                "--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        let request = server
            .request("POST", "/api/v1/tables/link")
            .header("content-type", "multipart/form-data; boundary=x")
            .body(body + "--x--\r\n");
        server.send(request)
    };
    let spec = link_spec().to_string();
    let by_api = send(&[("spec", &spec), ("table", CUSTOMERS), ("other", INVOICES)]).ok();
    assert_eq!(
        (&by_api["links"], &by_api["clusters"]),
        (&json!(links), &json!(clusters))
    );
    assert_eq!(by_api["report"], report);

    let missing = send(&[("spec", &spec), ("table", "number,name\n1,a\n")]).problem(422, "invalid");
    assert!(
        missing["detail"]
            .as_str()
            .unwrap()
            .contains("`phone`; there are number, name"),
        "{missing}"
    );
    send(&[("spec", "{}"), ("table", CUSTOMERS)]).problem(400, "invalid-upload");
    send(&[("spec", &spec)]).problem(400, "invalid-upload");
    send(&[("spec", &spec), ("table", CUSTOMERS), ("more", "1")]).problem(400, "invalid-upload");
}
