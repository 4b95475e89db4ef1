//! Datasets: from rows as they come to a snapshot that is clean, anonymous and labelled, by the command line and over
//! HTTP.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::{Answer, Server, alike, root};

fn prepared(data: &Path) -> Server {
    let server = Server::start_on(data, &[]);
    for plugin in ["text-cleaner", "anonymizer"] {
        server.publish_first_party(plugin);
    }
    server.push_model("minilm");
    server
}

fn add(server: &Server, name: &str, rows: &[u8]) -> Answer {
    let request = server
        .request("POST", &format!("/api/v1/datasets/{name}"))
        .body(rows.to_vec());
    server.send(request)
}

fn rows(server: &Server, dataset: &str) -> Vec<Value> {
    lines(server, &format!("/api/v1/datasets/{dataset}/rows"))
}

fn lines(server: &Server, path: &str) -> Vec<Value> {
    let text = server.request("GET", path).send().unwrap().text().unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn raw_messages_become_a_snapshot_with_lineage_by_cli_and_by_api() {
    let data = tempfile::tempdir().unwrap();
    let server = prepared(data.path());
    let messages = root().join("examples/customer-messages/messages.jsonl");
    let labels = root().join("examples/customer-messages/labels.json");
    let raw = std::fs::read(&messages).unwrap();
    let count = raw.split(|b| *b == b'\n').filter(|l| !l.is_empty()).count();

    // By the command line.
    let pushed = server.cli(&["dataset", "push", "messages", messages.to_str().unwrap()]);
    assert_eq!(
        (&pushed["snapshot"], &pushed["rows"]),
        (&json!(1), &json!(count))
    );
    let classify = format!("classify:minilm:@{}", labels.display());
    let steps = [
        "--step",
        "text-cleaner",
        "--step",
        "anonymizer",
        "--step",
        &classify,
    ];
    let run = ["dataset", "run", "messages", "--output", "messages-ready"];
    let run = server.cli(&[&run[..], &steps].concat());
    assert_eq!(run["state"], "done");
    let outcome = &run["outcome"];
    assert_eq!(outcome["snapshot"], "messages-ready@1");
    let tally = |what: &str| outcome["rows"][what].as_u64().unwrap();
    assert_eq!(tally("read"), count as u64);
    assert!(tally("changed") > 0 && tally("dropped") > 0);
    let uses: Vec<&str> = outcome["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["uses"].as_str().unwrap().split('@').next().unwrap())
        .collect();
    assert_eq!(uses, ["text-cleaner", "anonymizer", "minilm"]);
    for cost in outcome["costs"].as_array().unwrap() {
        assert!(cost["calls"].as_u64().unwrap() > 0 && cost["seconds"].as_f64().unwrap() > 0.0);
        assert!(cost["characters"].as_u64().unwrap() > cost["texts"].as_u64().unwrap());
    }
    let shown = server.cli(&["dataset", "show", "messages-ready"]);
    assert_eq!(shown[0]["lineage"]["from"], "messages@1");
    assert_eq!(shown[0]["lineage"]["run"], run["id"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready.jsonl");
    server.cli(&[
        "dataset",
        "pull",
        "messages-ready",
        "--output",
        file.to_str().unwrap(),
    ]);
    let by_cli: Vec<Value> = std::fs::read_to_string(&file)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(by_cli.len() as u64, tally("kept") + tally("changed"));
    assert!(
        by_cli
            .iter()
            .all(|row| row["label"].is_string() && row["findings"].is_array())
    );

    // Over HTTP, with the same rows out.
    let examples: Value = serde_json::from_slice(&std::fs::read(&labels).unwrap()).unwrap();
    let spec = json!({
        "output": "messages-ready",
        "steps": ["text-cleaner", "anonymizer", { "classify": "minilm", "labels": examples }],
    });
    let begun = server.post("/api/v1/datasets/messages@1/runs", &spec).ok();
    let by_api = server.run_ended(begun["id"].as_str().unwrap());
    assert_eq!(by_api["outcome"]["snapshot"], "messages-ready@2");
    let ready = rows(&server, "messages-ready");
    assert_eq!(rows(&server, "messages-ready@2"), ready);
    assert!(
        alike(&json!(ready), &json!(by_cli)),
        "{ready:?}, {by_cli:?}"
    );
    let dropped = lines(
        &server,
        &format!(
            "/api/v1/dataset-runs/{}/dropped",
            begun["id"].as_str().unwrap()
        ),
    );
    assert_eq!(dropped.len() as u64, tally("dropped"));
    assert!(dropped.iter().all(|row| row["rule"].is_string()));
}

#[test]
fn a_plugin_of_the_customers_own_takes_the_place_of_ours() {
    let data = tempfile::tempdir().unwrap();
    let server = prepared(data.path());
    add(&server, "raw", b"{\"text\":\"  ab  \"}\n").ok();
    let spec = json!({ "output": "out", "steps": ["text-cleaner"] });
    let run = |server: &Server| {
        let begun = server.post("/api/v1/datasets/raw/runs", &spec).ok();
        server.run_ended(begun["id"].as_str().unwrap())["outcome"]["steps"][0]["uses"].clone()
    };
    assert!(run(&server).as_str().unwrap().starts_with("text-cleaner@"));
    let manifest = std::fs::read_to_string(root().join("tests/guests/trim/steward.toml")).unwrap();
    let component = std::fs::read(root().join("target/test-guests/trim.wasm")).unwrap();
    let published = server.publish(&manifest, component).ok();
    let (plugin, version) = (&published["name"], &published["version"]);
    let (plugin, version) = (plugin.as_str().unwrap(), version.as_str().unwrap());
    // The name of the function stays; who calls it does not notice.
    server
        .deploy("text-cleaner", plugin, version, json!({}))
        .ok();
    assert_eq!(run(&server), format!("{plugin}@{version}"));
    assert_eq!(rows(&server, "out")[0]["text"], "ab");
}

#[test]
fn broken_rows_are_kept_apart_and_wrong_requests_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = prepared(data.path());
    let large = format!("{{\"text\":\"{}\"}}\n", "很长".repeat(9 << 20));
    let broken = [
        b"{\"text\":\"good\"}\n".as_slice(),
        b"not json\n",
        b"{\"text\":\"\xff\xfe\"}\n",
        b"{\"text\":\"\\ud800\"}\n",
        b"[1]\n\n",
        large.as_bytes(),
        "{\"text\":\"\u{202e}e\u{301} مرحبا\"}\n".as_bytes(),
        b"{\"body\":\"a row without a text\"}\n",
        b"{\"text\":7}\n",
        b"{\"text\":\"cut",
    ];
    let added = add(&server, "broken", &broken.concat()).ok();
    assert_eq!(added["rows"], 4, "{added}");
    let numbers = |path: &str| -> Vec<u64> {
        let rejects = lines(&server, path);
        rejects
            .iter()
            .map(|r| r["line"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(
        numbers("/api/v1/datasets/broken@1/rejects"),
        [2, 3, 4, 5, 7, 11]
    );
    let spec = json!({ "output": "mended", "steps": ["text-cleaner"] });
    let begun = server.post("/api/v1/datasets/broken/runs", &spec).ok();
    let id = begun["id"].as_str().unwrap();
    let run = server.run_ended(id);
    assert_eq!(run["state"], "done", "{run}");
    assert_eq!(run["outcome"]["rows"]["rejected"], 2, "{run}");
    assert_eq!(
        numbers(&format!("/api/v1/dataset-runs/{id}/rejects")),
        [3, 4]
    );
    assert_eq!(numbers("/api/v1/datasets/mended/rejects"), [3, 4]);
    assert_eq!(rows(&server, "mended").len(), 2);

    let run = |dataset: &str, spec: &Value| {
        server.post(&format!("/api/v1/datasets/{dataset}/runs"), spec)
    };
    let with = |steps: Value| json!({ "output": "out", "steps": steps });
    run("nobody", &with(json!(["text-cleaner"]))).problem(404, "not-found");
    run("broken@9", &with(json!(["text-cleaner"]))).problem(404, "not-found");
    run("broken@0", &with(json!(["text-cleaner"]))).problem(400, "invalid-path");
    run("broken", &with(json!([]))).problem(422, "invalid");
    run("broken", &with(json!(["anonymizer", "anonymizer"]))).problem(422, "invalid");
    run("broken", &with(json!(["nobody"]))).problem(404, "not-found");
    run("broken", &with(json!(["classify:minilm:@/etc/passwd"]))).problem(422, "invalid");
    run(
        "broken",
        &with(json!([{ "classify": "minilm", "labels": ["one"] }])),
    )
    .problem(422, "invalid");
    run(
        "broken",
        &json!({ "output": "out", "steps": [], "more": 1 }),
    )
    .problem(400, "invalid-input");
    assert_eq!(server.get("/api/v1/datasets/out").status, 404);
}

#[test]
fn a_run_whose_host_was_killed_is_no_snapshot_and_one_can_be_cancelled() {
    let data = tempfile::tempdir().unwrap();
    let mut server = prepared(data.path());
    let rows: String = (0..200_000)
        .map(|n| format!("{{\"text\":\"message {n} about a parcel, call 555-{n:06} 谢谢\"}}\n"))
        .collect();
    add(&server, "many", rows.as_bytes()).ok();
    let spec = json!({ "output": "out", "steps": ["text-cleaner", "anonymizer"] });
    let begin = |server: &Server| server.post("/api/v1/datasets/many/runs", &spec).ok();
    let cancelled = begin(&server);
    let id = cancelled["id"].as_str().unwrap();
    let told = server.post(&format!("/api/v1/dataset-runs/{id}/cancel"), &json!({}));
    assert_eq!(told.ok()["cancelled"], true);
    assert_eq!(server.run_ended(id)["state"], "cancelled");

    let lost = begin(&server);
    server.kill();
    let server = Server::start_on(data.path(), &[]);
    let lost = server.get(&format!(
        "/api/v1/dataset-runs/{}",
        lost["id"].as_str().unwrap()
    ));
    // It is taken for lost a minute after its host was last heard of.
    assert_eq!(lost.ok()["state"], "running");
    assert_eq!(server.get("/api/v1/datasets/out").status, 404);
    let fresh = begin(&server);
    assert_eq!(
        server.run_ended(fresh["id"].as_str().unwrap())["outcome"]["snapshot"],
        "out@1"
    );
    let listed = cli(
        &["dataset", "runs", "--json"],
        &[("STEWARD_URL", &server.url), ("STEWARD_KEY", &server.key)],
    );
    let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.len(), 3);
}
