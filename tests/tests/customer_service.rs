//! The application customer service, run by its one command on the real binary; a person who answers what it is not sure of; a
//! partner who extends it and reaches nothing that was not granted.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use steward_tests::services::{HttpStandIn, Reply};
use steward_tests::{Server, built, home, root, steward, until};

/// What the partner's step adds to each reply.
const CLOSING_EN: &str = "How did we do? Reply with a number from 1 to 5.";
const CLOSING_ZH: &str = "请为本次服务打分（1 至 5 分），直接回复数字即可。";

/// Runs the command of the page, and returns what it says.
#[track_caller]
fn run_the_application(server: &Server, out: &Path) -> String {
    built("target/test-guests/closing.wasm");
    let output = Command::new(root().join("examples/customer-service/run"))
        .env("STEWARD", steward())
        .env("STEWARD_HOME", home())
        .env("ORT_DYLIB_PATH", home().join("lib/libonnxruntime.so"))
        .env("STEWARD_URL", &server.url)
        .env("STEWARD_KEY", server.key())
        .env("OUT", out)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{wrong}");
    said
}

fn file(out: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(out.join(name)).unwrap()).unwrap()
}

/// Starts a run and waits for its end.
#[track_caller]
fn ended(server: &Server, input: Value) -> Value {
    let run = server.post("/api/v1/workflows/customer-service/runs?wait=true", &input);
    let run = run.ok();
    assert_eq!(run["status"], "completed", "{run:#}");
    run
}

/// Starts a run that waits for a person.
#[track_caller]
fn waiting(server: &Server, input: Value) -> String {
    let run = server.post("/api/v1/workflows/customer-service/runs", &input);
    let id = run.ok()["id"].as_str().unwrap().to_owned();
    until("a run that waits for a person", || {
        let run = server.get(&format!("/api/v1/runs/{id}")).ok();
        assert_ne!(run["status"], "completed", "{run:#}");
        (run["status"] == "waiting").then_some(())
    });
    id
}

fn run_of(server: &Server, id: &str) -> Value {
    server.get(&format!("/api/v1/runs/{id}?wait=true")).ok()
}

#[track_caller]
fn number(value: &Value, pointer: &str) -> f64 {
    let found = value.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

fn events(server: &Server, types: &str) -> Vec<Value> {
    let path = format!("/api/v1/events?type={types}&limit=1000");
    server.get(&path).ok()["events"].as_array().unwrap().clone()
}

#[test]
fn the_application_runs_by_one_command_and_partners_extend_it() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start_on(folder.path(), &["--egress-allow", "127.0.0.1"]);
    let said = run_the_application(&server, out.path());
    println!("{said}");
    what_came_of_it(&server, out.path());
    again(&server, out.path());
    a_person_answers_what_it_is_not_sure_of(&server);
    the_partner_reaches_nothing_that_was_not_granted(&server, folder.path());
}

fn what_came_of_it(server: &Server, out: &Path) {
    // The classifier, on texts that it never learned from; the second one has learned what people corrected.
    let trained = file(out, "training.json");
    assert_eq!(trained["outcome"]["model"], "intents@1.1.0");
    assert!(number(&trained, "/outcome/held_out/metrics/accuracy") >= 0.9);
    let known = ["1.0.0", "1.1.0"].map(|version| {
        let path = format!("/api/v1/models/intents@{version}/evaluations");
        let measured = server.get(&path).ok();
        let measured = measured.as_array().unwrap();
        let held_out = measured.iter().find(|m| m["dataset"] == "intents/held-out");
        let report = &held_out.unwrap()["report"];
        assert!(number(report, "/metrics/accuracy") >= 0.9, "{report}");
        number(report, "/rows")
    });
    assert!(known[1] >= known[0], "{known:?}");
    let snapshots = server.get("/api/v1/datasets/intents").ok();
    let rows: Vec<u64> = (snapshots.as_array().unwrap().iter())
        .map(|s| s["rows"].as_u64().unwrap())
        .collect();
    assert!(rows.contains(&752) && rows.contains(&754), "{rows:?}");

    let report = file(out, "evaluation.json");
    assert!(number(&report, "/held_out/accuracy") >= 0.9, "{report}");
    assert_eq!(report["held_out"]["model"], "intents@1.1.0");
    for part in ["all", "en", "zh"] {
        let of = |name: &str| number(&report, &format!("/parts/{part}/{name}"));
        assert!(of("hit_at_1") >= 0.85 && of("mrr") >= 0.85, "{report}");
        assert!(of("right_alone") >= 0.95, "{report}");
        assert!((0.1..0.5).contains(&of("handed_over")), "{report}");
    }
    the_numbers_are_those_of_the_page(&trained, &report);

    // Each message was answered, by whom it should have been, without what names the customer.
    let runs = server
        .get("/api/v1/runs?workflow=customer-service&limit=1000")
        .ok();
    let runs = runs.as_array().unwrap();
    let of_example = |by: &str| {
        let of = |run: &&Value| run["input"]["channel"] == "example" && run["output"]["by"] == by;
        runs.iter().filter(of).collect::<Vec<_>>()
    };
    let (alone, person) = (of_example("knowledge"), of_example("person"));
    assert_eq!((alone.len(), person.len()), (3, 3), "{runs:#?}");
    for run in alone.iter().chain(&person) {
        let reply = run["output"]["reply"].as_str().unwrap();
        let closing = match run["output"]["lang"].as_str().unwrap() {
            "zh" => CLOSING_ZH,
            _ => CLOSING_EN,
        };
        assert!(reply.ends_with(closing), "{run:#}");
        let output = run["output"].to_string();
        assert!(
            !output.contains("13800001234") && !output.contains("anna.weber"),
            "{output}"
        );
        let extended = &run["pins"]["extensions"]["before-reply"];
        assert_eq!(extended[0]["function"], "closing");
    }
    assert!(
        runs.iter()
            .all(|run| run["status"] == "completed" && run["output"]["left_out"].is_null())
    );

    // What customers said is linked to the run and to the versions that answered.
    let said = server.cli(&["feedback", "list", "--survey", "customer-service"]);
    let said = said.as_array().unwrap();
    assert_eq!(said.len(), 6);
    for one in said {
        let of = one["id"].as_str().unwrap().strip_prefix("run-").unwrap();
        let run = runs.iter().find(|run| run["id"] == of);
        let run = run.unwrap_or_else(|| panic!("no run of {one}"));
        // From the complaint to the trace of the run, and to the call of the function that found the answer.
        assert!(
            one["trace"].is_string() && one["trace"] == run["trace"],
            "{one} {run:#}"
        );
        assert!(one["invocation"].is_string(), "{one}");
        assert_eq!(one["function"], "answers@0.1.0");
        assert_eq!(one["model"], "intents@1.0.0");
    }
    let corrected = said
        .iter()
        .filter(|one| !one["said"]["correction"].is_null());
    assert_eq!(corrected.count(), 3);
}

/// How many questions, or texts, may fall otherwise by the last digits of another machine's arithmetic.
const OTHERWISE: f64 = 2.5;

/// The table of the page, line by line: of how many in all, in English and in Chinese, and what share of them.
fn the_numbers_are_those_of_the_page(trained: &Value, report: &Value) {
    let held_out = ["", "[lang=en]", "[lang=zh]"];
    for (lang, (texts, wanted)) in
        held_out
            .into_iter()
            .zip([(134.0, 0.940), (44.0, 0.955), (90.0, 0.933)])
    {
        let found = number(
            trained,
            &format!("/outcome/held_out/metrics/accuracy{lang}"),
        );
        assert!(
            (found - wanted).abs() < OTHERWISE / texts,
            "held out {lang}: {found} is not {wanted}"
        );
    }
    let table = [
        ("intent", [78.0, 39.0, 39.0], [0.897, 0.897, 0.897]),
        ("hit_at_1", [76.0, 38.0, 38.0], [0.947, 0.947, 0.947]),
        ("mrr", [76.0, 38.0, 38.0], [0.954, 0.947, 0.961]),
        ("handed_over", [84.0, 42.0, 42.0], [0.286, 0.310, 0.262]),
        ("right_alone", [60.0, 29.0, 31.0], [0.983, 1.000, 0.968]),
        (
            "unanswerable_handed_over",
            [8.0, 4.0, 4.0],
            [0.875, 1.000, 0.750],
        ),
    ];
    for (name, questions, shares) in table {
        for ((part, of), wanted) in ["all", "en", "zh"].iter().zip(questions).zip(shares) {
            let found = number(report, &format!("/parts/{part}/{name}"));
            // Of so few, one alone.
            let otherwise = if of < 10.0 { 1.5 } else { OTHERWISE };
            assert!(
                (found - wanted).abs() < otherwise / of,
                "{name} of {part}: {found} is not {wanted}: {report}"
            );
        }
    }
    for (part, questions) in [("all", 84), ("en", 42), ("zh", 42)] {
        assert_eq!(report["parts"][part]["questions"], questions);
    }
}

/// A second time it does nothing again.
fn again(server: &Server, out: &Path) {
    let count = || {
        let path = "/api/v1/runs?workflow=customer-service&limit=1000";
        server.get(path).ok().as_array().unwrap().len()
    };
    let before = count();
    let said = run_the_application(server, out);
    assert!(
        said.contains("nothing was corrected since the last training"),
        "{said}"
    );
    assert_eq!(count(), before);
    let model = server.get("/api/v1/models/intents").ok();
    assert_eq!(model["versions"].as_array().unwrap().len(), 2);
}

fn a_person_answers_what_it_is_not_sure_of(server: &Server) {
    // What it is sure of asks nobody.
    let run = ended(server, json!({"text": "怎么开发票？"}));
    assert_eq!(run["output"]["by"], "knowledge");
    assert_eq!(run["output"]["answers"][0]["id"], "get-invoice");

    // What it is not sure of waits, and tells so without what names the customer.
    let unclear = "It is about that thing again, call me at 13800001234.";
    let id = waiting(server, json!({"text": unclear, "channel": "test"}));
    let told = events(server, "customer-service.waiting");
    let told = told.iter().find(|event| event["subject"] == id.as_str());
    let data = &told.unwrap()["data"];
    assert_eq!(
        (&data["run"], &data["channel"]),
        (&json!(id), &json!("test"))
    );
    assert!(!data.to_string().contains("13800001234"), "{data}");
    let said = r#"{"answer": "We call you.", "intent": "human-agent"}"#;
    server.cli(&["run", "approve", &id, "--data", said]);
    let output = run_of(server, &id)["output"].clone();
    assert_eq!(
        (&output["by"], &output["correction"]),
        (&json!("person"), &json!("human-agent"))
    );
    assert_eq!(output["reply"], format!("We call you.\n{CLOSING_EN}"));

    // A person who has nothing to add approves what was found.
    let id = waiting(server, json!({"text": "东西呢？等了好久了还没影儿"}));
    server.cli(&["run", "approve", &id]);
    let run = run_of(server, &id);
    assert_eq!(run["output"]["by"], "person", "{run:#}");

    // One who refuses, and one who does not come.
    let id = waiting(server, json!({"text": "上次说的那个事怎么样了"}));
    server.cli(&["run", "approve", &id, "--refuse", "--comment", "不回复"]);
    let refused = run_of(server, &id)["output"].clone();
    assert_eq!(
        (&refused["by"], &refused["late"]),
        (&json!("nobody"), &json!(false))
    );
    let late = ended(
        server,
        json!({"text": "It is about that thing.", "deadline": "PT1S"}),
    );
    assert_eq!(
        (&late["output"]["by"], &late["output"]["late"]),
        (&json!("nobody"), &json!(true))
    );
    for wrong in [
        json!({}),
        json!({"text": ""}),
        json!({"text": "x", "more": 1}),
    ] {
        let run = server.post("/api/v1/workflows/customer-service/runs?wait=true", &wrong);
        assert!(
            run.status >= 400 || run.body["status"] == "faulted",
            "{run:?}"
        );
    }
}

/// A key of a tenant of its own.
fn partner(server: &Server) -> String {
    let boss = server.platform_key();
    server.cli_as(&boss, &["tenant", "create", "partner"]);
    let create = ["key", "create", "owner", "--tenant", "partner"];
    let made = server.cli_as(&boss, &create);
    made["key"].as_str().unwrap().to_owned()
}

/// Nothing but this step extends the workflow before its reply.
#[track_caller]
fn extend(server: &Server, step: &str) {
    let point = ["workflow", "extend", "customer-service", "before-reply"];
    server.cli(&[&point[..], &["--step", step]].concat());
}

/// What the partner's step answered in a run.
#[track_caller]
fn of_the_step(server: &Server, run: &Value) -> Value {
    let path = format!(
        "/api/v1/runs/{}/journal?limit=1000",
        run["id"].as_str().unwrap()
    );
    let journal = server.get(&path).ok();
    let of = |entry: &&Value| {
        let entry = &entry["entry"];
        entry["kind"] == "completed" && entry["key"].as_str().unwrap().contains("before-reply")
    };
    let found = journal.as_array().unwrap().iter().rfind(of);
    found.unwrap_or_else(|| panic!("{journal:#}"))["entry"]["output"].clone()
}

fn the_partner_reaches_nothing_that_was_not_granted(server: &Server, data: &Path) {
    let partner = partner(server);
    let api = HttpStandIn::start(|_, _| Reply::new(204, ""));
    let folder = root().join("examples/customer-service/partner-step");
    let manifest = std::fs::read_to_string(folder.join("steward.toml")).unwrap();
    let component = built("target/test-guests/closing.wasm");
    // The partner publishes and shares; the customer installs these bytes and no others.
    let offered = |manifest: &str, version: &str, name: &str| {
        let file = data.join(format!("{name}.toml"));
        std::fs::write(&file, manifest).unwrap();
        let (file, component) = (file.to_str().unwrap(), component.to_str().unwrap());
        let publish = [
            "plugin",
            "publish",
            "--component",
            component,
            "--manifest",
            file,
        ];
        server.cli_as(&partner, &publish);
        let version = format!("closing@{version}");
        server.cli_as(
            &partner,
            &["plugin", "share", &version, "--with", "default"],
        );
        let shown = server.cli_as(&partner, &["plugin", "show", &version]);
        let digest = shown["digest"].as_str().unwrap().to_owned();
        server.cli(&["plugin", "install", &digest, "--as", name]);
        // Both versions are the same bytes: only one of them is on offer at a time.
        server.cli_as(&partner, &["plugin", "unshare", &version]);
    };
    offered(&manifest, "0.1.0", "curious");
    server
        .put(
            "/api/v1/secrets/crm-token",
            &json!({"value": "the customer's"}),
        )
        .ok();

    // It asks for nothing and is granted nothing, and its configuration has it try everything.
    let config = json!({
        "report_url": format!("{}/replies", api.origin()), "report_token": "crm-token",
        "event_type": "com.example.partner.closed", "tone_model": "minilm",
    });
    server
        .deploy("curious", "curious", "0.1.0", json!({"config": config}))
        .ok();
    extend(server, "curious");
    let run = ended(server, json!({"text": "怎么开发票？"}));
    let told = of_the_step(server, &run);
    let left_out: Vec<&str> = (told["left_out"].as_array().unwrap().iter())
        .map(|why| why.as_str().unwrap())
        .collect();
    assert_eq!(left_out.len(), 4, "{left_out:#?}");
    for (why, (what, grant)) in left_out.iter().zip([
        ("tone: ", "inference"),
        ("token: ", "secrets"),
        ("report: ", "http"),
        ("event: ", "append_events"),
    ]) {
        assert!(why.starts_with(what) && why.contains(grant), "{why}");
    }
    // What it asks nobody for works.
    let reply = run["output"]["reply"].as_str().unwrap();
    assert!(reply.ends_with(CLOSING_ZH), "{reply}");
    assert!(api.received().is_empty());
    assert!(events(server, "com.example.partner.*").is_empty());
    let journal = format!("/api/v1/runs/{}/journal", run["id"].as_str().unwrap());
    let seen = server.get(&journal).ok().to_string() + &run.to_string();
    assert!(!seen.contains("the customer's"), "{seen}");

    // A version that asks for all of it is not deployed before all of it is granted, and reaches then what is the customer's.
    let asks = format!(
        "[requests]\nhttp = [\"{}\"]\nsecrets = [\"crm-token\"]\nappend_events = [\"com.example.partner.closed\"]\ninference = [\"minilm\"]\n",
        api.origin()
    );
    let wants = manifest.replace("version = \"0.1.0\"", "version = \"0.2.0\"") + &asks;
    offered(&wants, "0.2.0", "trusted");
    let refused = server.deploy("trusted", "trusted", "0.2.0", json!({"config": config}));
    let refused = refused.problem(403, "grant-missing");
    assert_eq!(refused["added"].as_array().unwrap().len(), 4, "{refused}");
    let grants = json!({
        "http": [api.origin()], "secrets": ["crm-token"],
        "append_events": ["com.example.partner.closed"], "inference": ["minilm"],
    });
    server
        .deploy(
            "trusted",
            "trusted",
            "0.2.0",
            json!({"config": config, "grants": grants}),
        )
        .ok();
    extend(server, "trusted");
    let run = ended(server, json!({"text": "怎么开发票？"}));
    assert_eq!(of_the_step(server, &run)["left_out"], json!([]));
    let [report] = &api.received()[..] else {
        panic!("{:?}", api.received())
    };
    assert_eq!(report.header("authorization"), "Bearer the customer's");
    assert_eq!(report.json(), json!({"intent": "invoice"}));
    assert_eq!(events(server, "com.example.partner.*").len(), 1);

    // A step that fails costs its addition, never the reply: its answer becomes longer than its schema allows.
    let config = json!({ "closing_zh": "。".repeat(20_001) });
    server
        .deploy("curious", "curious", "0.1.0", json!({"config": config}))
        .ok();
    extend(server, "curious");
    let run = ended(server, json!({"text": "怎么开发票？"}));
    assert_eq!(
        run["output"]["reply"],
        "发货后可在“我的订单-发票”下载电子发票（PDF）。"
    );
    assert!(run["output"]["left_out"]["title"].is_string(), "{run:#}");
}
