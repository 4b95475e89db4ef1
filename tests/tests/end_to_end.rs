//! The whole chain through the real binary: publish, deploy, call over HTTP, and a job over the
//! example's messages, with its quality measured against the example's truth.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use steward_tests::{Server, batch, built, root, steward, until_answer};

fn server() -> Server {
    let server = Server::start();
    for plugin in ["text-cleaner", "anonymizer"] {
        server.publish_first_party(plugin);
        server
            .deploy(plugin, plugin, version(plugin).as_str(), json!({}))
            .ok();
    }
    server
}

#[test]
fn a_plugin_gets_the_answers_that_an_http_client_gets() {
    let server = Server::start();
    server.push_model("minilm");
    let manifest =
        std::fs::read_to_string(root().join("tests/guests/embeds/steward.toml")).unwrap();
    let component = std::fs::read(built("target/test-guests/embeds.wasm")).unwrap();
    server.publish(&manifest, component).ok();
    server
        .deploy("embeds", "embeds", "1.0.0", json!({}))
        .problem(403, "grant-missing");
    let grants = json!({ "grants": { "inference": ["minilm"] } });
    server.deploy("embeds", "embeds", "1.0.0", grants).ok();
    let texts = [
        "the parcel never came",
        "包裹一直没有到",
        "my parcel is lost",
    ];
    let path = "/f/default/embeds";
    assert_eq!(
        server.post(&format!("{path}/detect"), &batch(&texts)).ok(),
        json!([[], [], []])
    );
    let pairs: Vec<[&str; 2]> = texts.iter().map(|text| [texts[0], *text]).collect();
    let over_http = server.post(
        "/api/v1/models/minilm/score-pairs",
        &json!({ "pairs": pairs }),
    );
    let over_http = over_http.ok();
    let inside = server
        .post(&format!("{path}/anonymize"), &batch(&texts))
        .ok();
    for (n, _) in texts.iter().enumerate() {
        let told = inside[n]["text"].as_str().unwrap();
        let score = over_http["scores"][n]["score"].as_f64().unwrap();
        assert!(
            (told.parse::<f64>().unwrap() - score).abs() < 1e-3,
            "{inside} {over_http}"
        );
    }
    assert_eq!(inside[0]["text"], "1.0000");
}

fn version(plugin: &str) -> String {
    let manifest =
        std::fs::read_to_string(root().join("plugins").join(plugin).join("steward.toml")).unwrap();
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = "))
        .unwrap();
    line.trim_matches('"').to_owned()
}

#[test]
fn text_is_cleaned_anonymized_and_classified_over_http() {
    let server = server();
    server.push_model("minilm");

    let raw = "<p>Ｐｌｅａｓｅ　call 13812345678 or write to li.wei@example.com !!!!!!!!!!</p>";
    let cleaned = server.call("text-cleaner", &[raw, raw]).ok();
    let text = cleaned[0]["changed"]["text"].as_str().unwrap().to_owned();
    assert!(
        text.contains("Please") && !text.contains("<p>") && !text.contains("!!!!!!!"),
        "{text}"
    );
    assert_eq!(cleaned[1]["dropped"]["rule"], "duplicate", "{cleaned}");

    let anonymized = server
        .call(
            "anonymizer",
            &[&text, "我的身份证是11010519491231002X，谢谢"],
        )
        .ok();
    let safe = anonymized[0]["text"].as_str().unwrap().to_owned();
    assert!(
        safe.contains("<PHONE_NUMBER>") && safe.contains("<EMAIL_ADDRESS>"),
        "{safe}"
    );
    let chinese = &anonymized[1];
    assert_eq!(chinese["text"], "我的身份证是<CN_RESIDENT_ID>，谢谢");
    assert_eq!(
        chinese["replacements"][0]["finding"]["span"],
        json!({ "start": 6, "end": 24 })
    );

    let labels = [
        "I want my money back",
        "please add a dark mode",
        "call me back on the phone",
    ];
    let classified = server
        .post(
            "/api/v1/models/minilm/classify",
            &json!({ "texts": [safe, "Refund me at once"], "labels": labels }),
        )
        .ok();
    let rows = classified
        .as_array()
        .or_else(|| classified["classifications"].as_array());
    let rows = rows.unwrap_or_else(|| panic!("{classified}"));
    assert_eq!(
        rows[0][0]["label"], "call me back on the phone",
        "{classified}"
    );
    assert_eq!(rows[1][0]["label"], "I want my money back", "{classified}");
}

#[test]
fn a_model_is_quantized_and_its_variant_answers_by_name() {
    let server = server();
    server.push_model("minilm");
    let made = server.cli(&["model", "quantize", "minilm@1.0.0", "--to", "int8"]);
    assert_eq!(made["model"], "minilm@1.0.0~int8");
    let report = &made["report"];
    assert!(
        report["similarity"]["mean"].as_f64().unwrap() >= 0.99,
        "{report}"
    );
    assert_eq!(made["file"]["size"], report["bytes"]);

    let question = json!({ "texts": ["Refund me at once"], "labels": ["refund", "praise"] });
    for model in ["minilm~int8", "minilm@1.0.0~int8"] {
        let answer = server
            .post(&format!("/api/v1/models/{model}/classify"), &question)
            .ok();
        assert_eq!(
            answer["classifications"][0][0]["label"], "refund",
            "{model}: {answer}"
        );
    }
    let shown = server.cli(&["model", "show", "minilm@1.0.0"]);
    assert_eq!(shown["variants"]["int8"]["file"], made["file"]);

    // A variant is made once, and asked for only where it is.
    let again = json!({ "to": "int8" });
    server
        .post("/api/v1/models/minilm/quantize", &again)
        .problem(409, "conflict");
    server
        .post("/api/v1/models/minilm~fp16/classify", &question)
        .problem(404, "unknown-model");
    for wrong in [
        json!({ "to": "int5" }),
        json!({ "to": "int8", "variant": "few", "texts": ["a"] }),
        json!({ "to": "int8", "variant": "../x" }),
        json!({ "to": "int8", "variant": "exact", "min_similarity": 2 }),
    ] {
        server
            .post("/api/v1/models/minilm/quantize", &wrong)
            .problem(400, "invalid-input");
    }
}

#[test]
fn a_function_is_rolled_out_split_and_rolled_back() {
    use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, manifest};
    let server = Server::start();
    let refuses = r#"
        (i32.store8 (i32.const 1024) (i32.const 1))
        (i32.store8 (i32.const 1028) (i32.const 2))
        (i32.store (i32.const 1032) (i32.const 2048))
        (i32.store (i32.const 1036) (i32.const 0))
        (i32.const 1024)"#;
    server
        .publish(
            &manifest("f", "1.0.0", "cleaner", ""),
            cleaner(KEEPS_EVERYTHING),
        )
        .ok();
    server
        .publish(&manifest("f", "2.0.0", "cleaner", ""), cleaner(refuses))
        .ok();
    server.deploy("f", "f", "1.0.0", json!({})).ok();
    server.call("f", &["a"]).ok();
    server.deploy("f", "f", "2.0.0", json!({})).ok();
    server.call("f", &["a"]).problem(503, "guest-unavailable");
    server.cli(&["function", "rollback", "f"]);
    server.call("f", &["a"]).ok();

    let split = json!({ "plugin": "f", "targets": [{ "version": "1.0.0", "percent": 70 }, { "version": "2.0.0", "percent": 30 }] });
    server.put("/api/v1/functions/f", &split).ok();
    let failed = (0..400)
        .filter(|_| server.call("f", &["a"]).status == 503)
        .count();
    assert!(
        (60..=180).contains(&failed),
        "{failed} of 400 went to the version with 30 %"
    );
    let history = server.get("/api/v1/functions/f/history").ok();
    assert_eq!(
        history.to_string().matches("\"revision\"").count(),
        4,
        "{history}"
    );
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, manifest};
    let folder = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let mut server = Server::start_on(folder.path(), &[]);
        for earlier in 0..round {
            assert_eq!(
                server.call(&format!("f{earlier}"), &["a"]).ok(),
                json!(["kept"])
            );
        }
        let name = format!("f{round}");
        server
            .publish(
                &manifest(&name, "1.0.0", "cleaner", ""),
                cleaner(KEEPS_EVERYTHING),
            )
            .ok();
        server.deploy(&name, &name, "1.0.0", json!({})).ok();
        server.kill();
    }
}

#[test]
fn another_process_on_the_same_registry_is_seen() {
    // A key made by a command, without asking the server, works within the time of a look at the registry.
    let server = Server::start();
    let data = server.data().to_str().unwrap();
    let made = server.cli(&[
        "key",
        "create",
        "late",
        "--role",
        "viewer",
        "--data-dir",
        data,
    ]);
    let key = made["key"].as_str().unwrap();
    let me = until_answer(
        "the key is known",
        || server.send(server.request_as(Some(key), "GET", "/api/v1/me")),
        |answer| answer.status == 200,
    );
    assert_eq!(me.body["role"], "viewer");
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_example_runs_and_its_quality_is_as_promised() {
    let server = server();
    server
        .deploy(
            "text-cleaner",
            "text-cleaner",
            &version("text-cleaner"),
            json!({ "config": { "min_chars": "4" } }),
        )
        .ok();
    server.push_model("minilm");
    let example = root().join("examples/customer-messages");
    let out = tempfile::tempdir().unwrap();
    let run = |name: &str, jobs: &str, batch: &str| -> (Value, Vec<Value>) {
        let input = example.join("messages.jsonl");
        let labels = format!("classify:minilm:@{}", example.join("labels.json").display());
        let output = out.path().join(name);
        let report = server.cli(&[
            "data",
            "run",
            "--data-dir",
            server.data().to_str().unwrap(),
            "--input",
            input.to_str().unwrap(),
            "--step",
            "text-cleaner",
            "--step",
            "anonymizer",
            "--step",
            &labels,
            "--output",
            output.to_str().unwrap(),
            "--jobs",
            jobs,
            "--batch",
            batch,
        ]);
        (report, lines(&output))
    };
    let (report, rows) = run("out.jsonl", "2", "64");
    let (_, again) = run("again.jsonl", "1", "17");
    // Labels come from floating point sums whose order depends on the batch; texts do not.
    let without_scores = |rows: &[Value]| -> Vec<Value> {
        rows.iter()
            .map(|row| json!([row["id"], row["text"], row["findings"]]))
            .collect()
    };
    assert_eq!(without_scores(&rows), without_scores(&again));

    let messages = lines(&example.join("messages.jsonl"));
    assert!(messages.len() >= 300);
    let truth: BTreeMap<String, Value> = lines(&example.join("truth.jsonl"))
        .into_iter()
        .map(|t| (t["id"].as_str().unwrap().to_owned(), t))
        .collect();
    let id = |row: &Value| row["id"].as_str().unwrap().to_owned();

    // What should be dropped is dropped, and nothing else.
    let kept: BTreeSet<String> = rows.iter().map(id).collect();
    let wrongly: Vec<String> = messages
        .iter()
        .map(id)
        .filter(|id| {
            kept.contains(id)
                == truth
                    .get(id)
                    .is_some_and(|t| t["expect_drop"].as_str().is_some())
        })
        .collect();
    assert!(
        wrongly.len() * 50 <= messages.len(),
        "{} of {} kept or dropped wrongly: {wrongly:?}",
        wrongly.len(),
        messages.len()
    );

    // No value of the truth is left in what went out.
    let mut values = 0;
    let mut leaked = Vec::new();
    for message in &messages {
        let text: Vec<char> = message["text"].as_str().unwrap().chars().collect();
        let Some(row) = rows.iter().find(|row| id(row) == id(message)) else {
            continue;
        };
        for entity in truth
            .get(&id(message))
            .and_then(|t| t["entities"].as_array())
            .into_iter()
            .flatten()
        {
            let at = |key: &str| entity[key].as_u64().unwrap() as usize;
            let value: String = text[at("start")..at("end")].iter().collect();
            values += 1;
            if row.to_string().contains(&value) {
                leaked.push(format!("{}: {value}", id(message)));
            }
        }
    }
    assert!(values >= 50, "the truth names {values} values");
    assert!(
        leaked.len() * 50 <= values,
        "{} of {values} left in: {leaked:?}",
        leaked.len()
    );

    let right = messages
        .iter()
        .filter_map(|message| Some((message, rows.iter().find(|row| id(row) == id(message))?)))
        .filter(|(message, row)| truth[&id(message)]["label"] == row["label"])
        .count();
    println!(
        "{report:#}\n{right} of {} labels as in the data",
        rows.len()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_takes_as_many_open_files_as_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"ulimit -Sn 256 && exec "$0" serve --data-dir "$1" --listen 127.0.0.1:0"#;
    let mut child = Command::new("sh")
        .args(["-c", script])
        .args([steward().as_os_str(), folder.path().as_os_str()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut ready).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    // Max open files SOFT HARD files
    let words: Vec<&str> = files.unwrap().split_whitespace().collect();
    assert_eq!(words[3], words[4]);
    assert_ne!(words[3], "256");
}
