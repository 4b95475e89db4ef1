//! The whole way of data: raw messages in two languages become a snapshot that is clean, distinct, anonymous and labelled,
//! with its lineage and with a report of what the treatment cost; by the command line and over HTTP, with the same rows.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use steward_tests::{Server, alike, root};

/// Every so manieth message is kept for the evaluation.
const HELD_OUT: usize = 4;
/// How many messages come a second time, with a few words more.
const COPIES: usize = 10;
const GUIDELINE: &str = "客户想要什么？ Take what the customer wants.";

fn read(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Messages of the example whose intent is known, with near copies of some of them, and others for the evaluation.
struct Raw {
    rows: Vec<Value>,
    held_out: Vec<Value>,
    labels: Vec<String>,
}

impl Raw {
    fn new() -> Self {
        let folder = root().join("examples/customer-messages");
        let truth: BTreeMap<String, String> = read(&folder.join("truth.jsonl"))
            .iter()
            .filter_map(|row| Some((row["id"].as_str()?.into(), row["label"].as_str()?.into())))
            .collect();
        let (mut rows, mut held_out) = (Vec::new(), Vec::new());
        for (place, mut row) in read(&folder.join("messages.jsonl")).into_iter().enumerate() {
            let Some(intent) = truth.get(row["id"].as_str().unwrap()) else {
                continue;
            };
            row["intent"] = json!(intent);
            match place % HELD_OUT {
                0 => held_out.push(row),
                _ => rows.push(row),
            }
        }
        let long = |row: &&Value| {
            let text = row["text"].as_str().unwrap();
            let words = text.split_whitespace().count();
            words > 30 || text.chars().filter(|c| ('一'..='龥').contains(c)).count() > 60
        };
        let mut copies: Vec<Value> = rows.iter().filter(long).take(COPIES).cloned().collect();
        assert_eq!(copies.len(), COPIES);
        for copy in &mut copies {
            copy["id"] = json!(format!("{}-copy", copy["id"].as_str().unwrap()));
            copy["text"] = json!(format!("{} ok", copy["text"].as_str().unwrap()));
        }
        rows.extend(copies);
        let labels: Value =
            serde_json::from_slice(&std::fs::read(folder.join("labels.json")).unwrap()).unwrap();
        Self {
            rows,
            held_out,
            labels: labels.as_object().unwrap().keys().cloned().collect(),
        }
    }
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

fn prepared() -> Server {
    let server = Server::start();
    for plugin in ["text-cleaner", "anonymizer"] {
        server.publish_first_party(plugin);
    }
    server.push_model("minilm");
    server
}

/// What comes out of either way.
struct Outcome {
    treated: Value,
    rows: Vec<Value>,
    labelled: Value,
    impact: Value,
}

fn by_command_line(server: &Server, raw: &Raw) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, rows: &[Value]| {
        let path = folder.path().join(name);
        std::fs::write(&path, lines(rows)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cli = |line: &[&str]| server.cli(line);
    cli(&["dataset", "push", "raw", &file("raw.jsonl", &raw.rows)]);
    cli(&[
        "dataset",
        "push",
        "held-out",
        &file("held-out.jsonl", &raw.held_out),
    ]);
    let treated = cli(&[
        "dataset",
        "run",
        "raw",
        "--step",
        "text-cleaner",
        "--step",
        "anonymizer",
        "--near-duplicates",
        "0.8",
        "--output",
        "treated",
    ]);
    let labels = raw.labels.join(",");
    cli(&[
        "label",
        "create",
        "intents",
        "--labels",
        &labels,
        "--overlap",
        "1",
        "--guideline",
        GUIDELINE,
    ]);
    cli(&["label", "add", "intents", "--dataset", "treated"]);
    let examples = root().join("examples/customer-messages/labels.json");
    let examples = format!("@{}", examples.display());
    cli(&[
        "label", "predict", "intents", "--model", "minilm", "--labels", &examples,
    ]);
    cli(&[
        "label",
        "export",
        "intents",
        "--dataset",
        "ready",
        "--auto-threshold",
        "0",
    ]);
    let impact = cli(&[
        "dataset",
        "impact",
        "raw",
        "treated",
        "--evaluation",
        "held-out",
        "--model",
        "minilm",
        "--label-field",
        "intent",
    ]);
    let ready = folder.path().join("ready.jsonl");
    cli(&[
        "dataset",
        "pull",
        "ready",
        "--output",
        ready.to_str().unwrap(),
    ]);
    let labelled = cli(&["dataset", "show", "ready"])[0].clone();
    Outcome {
        treated,
        rows: read(&ready),
        labelled,
        impact,
    }
}

fn over_http(server: &Server, raw: &Raw) -> Outcome {
    let add = |name: &str, rows: &[Value]| {
        let request = server.request("POST", &format!("/api/v1/datasets/{name}"));
        server.send(request.body(lines(rows))).ok();
    };
    add("raw", &raw.rows);
    add("held-out", &raw.held_out);
    let spec = json!({
        "output": "treated", "steps": ["text-cleaner", "anonymizer"],
        "duplicates": { "near": { "similarity": 0.8 } },
    });
    let treated = server.post("/api/v1/datasets/raw/runs", &spec).ok();
    let treated = server.run_ended(treated["id"].as_str().unwrap());
    let project =
        json!({ "name": "intents", "labels": raw.labels, "overlap": 1, "guideline": GUIDELINE });
    server.post("/api/v1/labelling", &project).ok();
    let tasks = json!({ "dataset": "treated" });
    server.post("/api/v1/labelling/intents/tasks", &tasks).ok();
    let examples = std::fs::read(root().join("examples/customer-messages/labels.json")).unwrap();
    let examples: Value = serde_json::from_slice(&examples).unwrap();
    let predict = json!({ "model": "minilm", "labels": examples });
    server
        .post("/api/v1/labelling/intents/predictions", &predict)
        .ok();
    let export = json!({ "output": "ready", "decide": { "auto": { "threshold": 0.0 } } });
    let labelled = server
        .post("/api/v1/labelling/intents/snapshots", &export)
        .ok();
    let asked = json!({
        "after": ["treated"], "evaluation": "held-out", "model": "minilm", "fields": { "label": "intent" },
    });
    let impact = server.post("/api/v1/datasets/raw/impact", &asked).ok();
    let impact = server.run_ended(impact["id"].as_str().unwrap());
    let rows = server
        .request("GET", "/api/v1/datasets/ready/rows")
        .send()
        .unwrap()
        .text()
        .unwrap();
    let rows = rows
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    Outcome {
        treated,
        rows,
        labelled,
        impact,
    }
}

/// What must hold of either.
fn judge(raw: &Raw, out: &Outcome) {
    let outcome = &out.treated["outcome"];
    assert_eq!(out.treated["state"], "done", "{}", out.treated);
    assert_eq!(outcome["rows"]["read"], json!(raw.rows.len()));
    // Distinct: no copy is left, and each says of what it was one.
    assert!(
        out.rows
            .iter()
            .all(|row| !row["id"].as_str().unwrap().ends_with("-copy"))
    );
    let near = outcome["dropped"]["near-duplicate"].as_u64().unwrap();
    assert!(near >= COPIES as u64, "{outcome}");
    // Clean and anonymous.
    for row in &out.rows {
        let text = row["text"].as_str().unwrap();
        assert!(
            !text.contains("<div>") && !text.contains("@example."),
            "{row}"
        );
    }
    assert!(
        out.rows
            .iter()
            .any(|row| row["text"].as_str().unwrap().contains("<EMAIL_ADDRESS>"))
    );
    // Labelled, each row by somebody.
    for row in &out.rows {
        assert!(
            raw.labels
                .contains(&row["label"].as_str().unwrap().to_owned()),
            "{row}"
        );
        assert_eq!(row["labelling"]["method"], "model", "{row}");
    }
    // Lineage, back to what came.
    assert_eq!(
        out.labelled["lineage"]["from"],
        json!("treated@1"),
        "{}",
        out.labelled
    );
    assert_eq!(outcome["from"], "raw@1");
    let uses: Vec<&str> = outcome["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["uses"].as_str().unwrap())
        .collect();
    assert!(
        uses[0].starts_with("text-cleaner@") && uses[1].starts_with("anonymizer@"),
        "{uses:?}"
    );
    // What it cost: time by step, and what who learns from it loses.
    assert!(
        outcome["costs"]
            .as_array()
            .unwrap()
            .iter()
            .all(|cost| cost["seconds"].as_f64().unwrap() > 0.0)
    );
    let report = &out.impact["outcome"];
    assert_eq!(report["report"], "impact", "{}", out.impact);
}

#[test]
fn raw_messages_become_clean_distinct_anonymous_and_labelled_by_cli_and_by_api() {
    let raw = Raw::new();
    let by_cli = by_command_line(&prepared(), &raw);
    judge(&raw, &by_cli);
    let by_api = over_http(&prepared(), &raw);
    judge(&raw, &by_api);
    let bare = |rows: &[Value]| -> Vec<Value> {
        let bare = rows
            .iter()
            .map(|row| json!([row["id"], row["text"], row["label"], row["findings"]]));
        bare.collect()
    };
    assert_eq!(bare(&by_cli.rows), bare(&by_api.rows));
    let losses = |out: &Outcome| out.impact["outcome"]["comparisons"].clone();
    let (by_cli, by_api) = (losses(&by_cli), losses(&by_api));
    assert!(alike(&by_cli, &by_api), "{by_cli}, {by_api}");
}
