//! Labelling: from a dataset over the work of people and a model to a labelled dataset, over HTTP and by the command
//! line.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::{Answer, Server, root};

/// Every so manieth message is a gold question.
const GOLD: usize = 5;

/// Messages of the example, each with what a person said of it.
struct Messages {
    rows: Vec<Value>,
    truth: BTreeMap<String, String>,
    labels: Vec<String>,
    examples: Value,
}

fn messages(count: usize) -> Messages {
    let folder = root().join("examples/customer-messages");
    let lines = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let truth: BTreeMap<String, String> = lines("truth.jsonl")
        .iter()
        .filter_map(|row| Some((text(&row["id"]), row["label"].as_str()?.to_owned())))
        .collect();
    let mut rows = lines("messages.jsonl");
    rows.retain(|row| truth.contains_key(row["id"].as_str().unwrap()));
    rows.truncate(count);
    for row in rows.iter_mut().step_by(GOLD) {
        row["known"] = json!(truth[row["id"].as_str().unwrap()]);
    }
    let file = std::fs::read(folder.join("labels.json")).unwrap();
    let examples: Value = serde_json::from_slice(&file).unwrap();
    Messages {
        rows,
        truth,
        labels: examples.as_object().unwrap().keys().cloned().collect(),
        examples,
    }
}

impl Messages {
    fn push(&self, server: &Server, name: &str) {
        let rows: String = self.rows.iter().map(|row| format!("{row}\n")).collect();
        let request = server
            .request("POST", &format!("/api/v1/datasets/{name}"))
            .body(rows);
        server.send(request).ok();
    }

    fn project(&self, server: &Server, name: &str, gold_every: u32) {
        let project = json!({
            "name": name, "labels": self.labels, "overlap": 2, "gold_every": gold_every,
            "guideline": "客户想要什么？ Take what the customer wants.",
        });
        server.post("/api/v1/labelling", &project).ok();
    }

    /// What an annotator says of a message who is right so many times of 100, and else names the label after it.
    fn said(&self, task: &str, annotator: &str, right: u32) -> &str {
        let truth = &self.truth[task];
        let dice = format!("{task}/{annotator}");
        let dice = dice.bytes().fold(17_u32, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(u32::from(byte))
        });
        if (dice >> 8) % 100 < right {
            return truth;
        }
        let place = self.labels.iter().position(|l| l == truth).unwrap();
        &self.labels[(place + 1) % self.labels.len()]
    }

    /// How many of the labels are right, and how many there are.
    fn right(&self, results: &[Value], method: &str) -> (usize, usize) {
        let decided = results.iter().filter(|r| r["method"] == method);
        let right = decided
            .clone()
            .filter(|r| r["label"]["choice"] == json!(self.truth[r["task"].as_str().unwrap()]));
        (right.count(), decided.count())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn next(server: &Server, project: &str, annotator: &str) -> Option<Value> {
    let who = json!({ "annotator": annotator });
    let handed = server.post(&format!("/api/v1/labelling/{project}/next"), &who);
    (handed.status != 204).then(|| handed.ok())
}

fn annotate(server: &Server, project: &str, task: &str, annotator: &str, label: &Value) -> Answer {
    let path = format!("/api/v1/labelling/{project}/tasks/{task}/annotations");
    server.post(&path, &json!({ "annotator": annotator, "label": label }))
}

fn results(server: &Server, project: &str, query: &str) -> Vec<Value> {
    let path = format!("/api/v1/labelling/{project}/results?limit=10000&{query}");
    server.get(&path).ok()["results"]
        .as_array()
        .unwrap()
        .clone()
}

fn lines(server: &Server, path: &str) -> Vec<Value> {
    let text = server.request("GET", path).send().unwrap().text().unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Runs the command line for people and returns what it prints.
fn printed(server: &Server, args: &[&str]) -> String {
    let output = cli(
        args,
        &[("STEWARD_URL", &server.url), ("STEWARD_KEY", &server.key)],
    );
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {wrong}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn people_label_a_dataset_and_a_judge_decides_what_they_dispute() {
    let server = Server::start();
    let messages = messages(100);
    messages.push(&server, "messages");
    messages.project(&server, "intents", 4);
    let again = json!({ "name": "intents", "labels": ["a", "b"], "guideline": "g" });
    server
        .post("/api/v1/labelling", &again)
        .problem(409, "conflict");

    // The rows become tasks, once.
    let tasks = json!({ "dataset": "messages", "gold_field": "known" });
    let add = || server.post("/api/v1/labelling/intents/tasks", &tasks).ok();
    let added = add();
    assert_eq!(added["dataset"], "messages@1");
    assert_eq!((&added["added"], &added["gold"]), (&json!(100), &json!(20)));
    assert_eq!(
        (&add()["added"], &add()["present"]),
        (&json!(0), &json!(100))
    );

    // A task that is skipped goes to somebody else.
    let handed = next(&server, "intents", "mei").unwrap();
    let skipped = text(&handed["task"]);
    assert_eq!(handed["kind"], "choice");
    assert_eq!(handed["labels"], json!(messages.labels));
    assert!(handed["data"].get("known").is_none());
    assert_eq!(
        next(&server, "intents", "mei").unwrap()["task"],
        json!(skipped)
    );
    let skip = format!("/api/v1/labelling/intents/tasks/{skipped}/skip");
    let why = json!({ "annotator": "mei", "reason": "看不懂" });
    assert_eq!(server.post(&skip, &why).status, 204);
    assert_eq!(server.post(&skip, &json!({})).status, 422);

    // Three annotators work in turn, by HTTP; the second version of the guideline comes in between.
    let annotators = [("mei", 95), ("sven", 92), ("careless", 35)];
    let mut seen = BTreeMap::<&str, BTreeSet<String>>::new();
    let mut versions = BTreeSet::new();
    let mut round = 0;
    loop {
        let mut worked = false;
        for (annotator, right) in annotators {
            let Some(handed) = next(&server, "intents", annotator) else {
                continue;
            };
            worked = true;
            let task = text(&handed["task"]);
            let label = json!(messages.said(&task, annotator, right));
            let kept = annotate(&server, "intents", &task, annotator, &label).ok();
            versions.insert(kept["guideline"].as_u64().unwrap());
            if round == 0 {
                // A second vote is refused, whatever it says.
                let twice = annotate(&server, "intents", &task, annotator, &label);
                assert_eq!(twice.problem(409, "conflict")["kind"], "annotation");
            }
            let new = seen.entry(annotator).or_default().insert(task);
            assert!(new, "nobody is asked twice");
        }
        if round == 20 {
            let text = json!({ "text": "第二版：有疑问就选 bug。" });
            let written = server.post("/api/v1/labelling/intents/guidelines", &text);
            assert_eq!(written.ok()["version"], 2);
        }
        round += 1;
        if !worked {
            break;
        }
    }
    assert!(!seen["mei"].contains(&skipped));
    assert_eq!(versions, BTreeSet::from([1, 2]));
    let shown = server.get("/api/v1/labelling/intents").ok();
    let status = &shown["status"];
    assert_eq!(
        (&status["complete"], &status["gold"]),
        (&json!(80), &json!(20))
    );
    assert_eq!(
        (&status["open"], &status["skipped"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(
        status,
        &server.cli(&["label", "status", "intents"])["status"]
    );

    // Agreement, by both ways.
    let agreement = server.get("/api/v1/labelling/intents/agreement").ok();
    assert_eq!(agreement, server.cli(&["label", "agreement", "intents"]));
    let measure = |name: &str| agreement[name]["value"].as_f64().unwrap();
    assert!(
        (0.1..0.8).contains(&measure("krippendorff_alpha")),
        "{agreement}"
    );
    assert!((0.1..0.8).contains(&measure("fleiss_kappa")), "{agreement}");
    let of = |name: &str, what: &str| {
        let annotators = agreement["annotators"].as_array().unwrap();
        let found = annotators.iter().find(|a| a["annotator"] == name).unwrap();
        found[what].as_f64().unwrap()
    };
    for what in ["accuracy", "information", "gold_accuracy"] {
        for good in ["mei", "sven"] {
            assert!(
                of(good, what) > of("careless", what) + 0.2,
                "{what}: {agreement}"
            );
        }
    }
    assert!(of("mei", "gold_answered") >= 10.0, "{agreement}");
    let said = printed(&server, &["label", "agreement", "intents"]);
    for word in [
        "Krippendorff's alpha",
        "Fleiss' kappa",
        "careless",
        "ACCURACY",
    ] {
        assert!(said.contains(word), "{said}");
    }
    println!("{said}");

    // Two votes decide little by majority; weighed by the errors of their annotators they decide all.
    let majority = results(&server, "intents", "");
    let (right, decided) = messages.right(&majority, "majority");
    let estimated = results(&server, "intents", "method=dawid-skene");
    let (more_right, more) = messages.right(&estimated, "dawid-skene");
    println!("majority: {right} of {decided} right; Dawid-Skene: {more_right} of {more}");
    assert!(decided < 70 && more == 80, "{decided} {more}");
    assert!(
        more_right > right && more_right * 100 >= more * 85,
        "{more_right} of {more}"
    );
    assert_eq!(messages.right(&majority, "gold"), (20, 20));
    let tied = majority
        .iter()
        .find(|r| r["method"] == "undecided")
        .unwrap();
    assert_eq!(tied["label"], Value::Null);
    assert_eq!(tied["tied"].as_array().unwrap().len(), 2);
    let weighted = results(&server, "intents", "method=weighted-vote");
    assert!(messages.right(&weighted, "weighted-vote").0 > right);

    // A judge decides what is disputed: over HTTP, and once by the command line.
    let disputed = server
        .get("/api/v1/labelling/intents/disputed?limit=1000")
        .ok();
    let disputed: Vec<String> = disputed
        .as_array()
        .unwrap()
        .iter()
        .map(|task| text(&task["task"]))
        .collect();
    assert_eq!(
        json!(disputed.len()),
        server.get("/api/v1/labelling/intents").ok()["status"]["disputed"]
    );
    for (place, task) in disputed.iter().enumerate().take(10) {
        let label = &messages.truth[task];
        let decided = if place == 0 {
            let why = ["--reason", "it is so"];
            server.cli(&[&["label", "adjudicate", "intents", task, label][..], &why].concat())
        } else {
            let path = format!("/api/v1/labelling/intents/tasks/{task}/adjudications");
            server.post(&path, &json!({ "label": label })).ok()
        };
        assert_eq!(
            (&decided["number"], &decided["guideline"]),
            (&json!(1), &json!(2))
        );
    }
    let judged = results(&server, "intents", "method=dawid-skene");
    assert_eq!(messages.right(&judged, "adjudication"), (10, 10));

    exported(&server, &messages, &judged);
    back_from_label_studio(&server, &messages, &judged);
}

/// The labels go out as a snapshot that says where they come from.
fn exported(server: &Server, messages: &Messages, judged: &[Value]) {
    let made = server.cli(&[
        "label",
        "export",
        "intents",
        "--dataset",
        "messages-labelled",
        "--method",
        "dawid-skene",
    ]);
    assert_eq!((&made["snapshot"], &made["rows"]), (&json!(1), &json!(100)));
    let shown = server.get("/api/v1/datasets/messages-labelled").ok();
    let lineage = &shown[0]["lineage"];
    assert_eq!(lineage["from"], "messages@1");
    let labelling = &lineage["labelling"];
    assert_eq!(
        (
            &labelling["project"],
            &labelling["guideline"],
            &labelling["method"]
        ),
        (&json!("intents"), &json!(2), &json!("dawid-skene"))
    );
    assert_eq!(
        labelling["decided"],
        json!({ "adjudication": 10, "dawid-skene": 70, "gold": 20 })
    );
    assert!(labelling["krippendorff_alpha"]["value"].is_number());
    let rows = lines(server, "/api/v1/datasets/messages-labelled/rows");
    for (row, decided) in rows.iter().zip(judged) {
        let original = messages.rows.iter().find(|r| r["id"] == row["id"]).unwrap();
        for field in ["id", "channel", "lang", "text"] {
            assert_eq!(row[field], original[field]);
        }
        assert_eq!(row["label"], decided["label"]["choice"]);
        let provenance = &row["labelling"];
        assert_eq!(provenance["project"], "intents");
        assert_eq!(provenance["source"]["dataset"], "messages@1");
        assert_eq!(provenance["method"], decided["method"]);
        let said = provenance["annotations"].as_array().unwrap();
        assert_eq!(json!(said.len()), decided["votes"]);
        assert!(
            said.iter()
                .all(|s| s["kind"] == "person" && s["guideline"].is_number())
        );
    }
    let table = printed(server, &["dataset", "show", "messages-labelled"]);
    assert!(
        table.contains("label intents") && table.contains("messages@1"),
        "{table}"
    );

    // By majority, what is tied stays where it is, unless it is asked for.
    let snapshot = |more: Value| {
        let mut body = json!({ "output": "by-majority" });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        server.post("/api/v1/labelling/intents/snapshots", &body)
    };
    let fewer = snapshot(json!({})).ok();
    let left_out = fewer["lineage"]["labelling"]["left_out"].as_u64().unwrap();
    assert!(left_out > 0);
    assert_eq!(fewer["rows"], json!(100 - left_out));
    let all = snapshot(json!({ "undecided": true })).ok();
    assert_eq!(all["rows"], 100);
    snapshot(json!({ "label_field": "channel" })).problem(422, "invalid");
    snapshot(json!({ "label_field": "channel", "overwrite": true })).ok();

    // The labelled rows are tasks of the next project, with the labels as gold.
    messages.project(server, "next", 1);
    let tasks = json!({ "dataset": "messages-labelled@1", "gold_field": "label" });
    let added = server.post("/api/v1/labelling/next/tasks", &tasks).ok();
    assert_eq!(
        (&added["added"], &added["gold"]),
        (&json!(100), &json!(100))
    );
    let handed = next(server, "next", "mei").unwrap();
    assert!(handed["data"].get("label").is_none() && handed["data"].get("labelling").is_none());
    assert_eq!(handed["data"]["steward"]["dataset"], "messages-labelled@1");
}

/// What goes out to Label Studio comes back, and comes to the same labels.
fn back_from_label_studio(server: &Server, messages: &Messages, judged: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tasks.json");
    let file = file.to_str().unwrap();
    server.cli(&[
        "label",
        "export",
        "intents",
        "--output",
        file,
        "--format",
        "label-studio",
    ]);
    let tasks: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(tasks.len(), 100);
    let choice = &tasks[1]["annotations"][0]["result"][0];
    assert_eq!(
        (&choice["type"], &choice["from_name"], &choice["to_name"]),
        (&json!("choices"), &json!("label"), &json!("text"))
    );
    messages.project(server, "returned", 0);
    let imported = server.cli(&["label", "import", "returned", file]);
    assert_eq!(
        (&imported["tasks"], &imported["adjudications"]),
        (&json!(100), &json!(10))
    );
    assert_eq!(imported["rejected"], json!([]));
    let again = server.cli(&["label", "import", "returned", file]);
    assert_eq!(
        (
            &again["tasks"],
            &again["annotations"],
            &again["adjudications"]
        ),
        (&json!(0), &json!(0), &json!(0))
    );
    assert_eq!(again["rejected"], json!([]));
    let returned = results(server, "returned", "method=dawid-skene");
    for (one, other) in returned.iter().zip(judged) {
        for what in ["task", "label", "method", "confidence", "votes"] {
            assert_eq!(one[what], other[what], "{one} {other}");
        }
    }
    // A file of provenance says the same.
    let records = lines(
        server,
        "/api/v1/labelling/returned/export?method=dawid-skene",
    );
    assert_eq!(records.len(), 100);
    for (record, decided) in records.iter().zip(judged) {
        assert_eq!(record["label"], decided["label"]["choice"]);
        assert_eq!(record["decided"]["method"], decided["method"]);
    }
}

#[test]
fn a_model_labels_what_it_is_sure_of_and_people_get_the_rest() {
    let server = Server::start();
    server.push_model("minilm");
    let messages = messages(400);
    messages.push(&server, "messages");
    messages.project(&server, "intents", 0);
    let tasks = json!({ "dataset": "messages", "gold_field": "known" });
    server.post("/api/v1/labelling/intents/tasks", &tasks).ok();
    let gold = messages
        .rows
        .iter()
        .filter(|row| row.get("known").is_some())
        .count();

    // Page by page over HTTP, all of it by the command line.
    let labels = &messages.examples;
    let predict = |body: Value| server.post("/api/v1/labelling/intents/predictions", &body);
    let first = predict(json!({ "model": "minilm", "labels": labels, "limit": 30 })).ok();
    assert_eq!(
        (&first["model"], &first["predicted"], &first["next"]),
        (&json!("minilm@1.0.0"), &json!(30), &json!(30))
    );
    let file = format!(
        "@{}",
        root()
            .join("examples/customer-messages/labels.json")
            .display()
    );
    let predicted = server.cli(&[
        "label",
        "predict",
        "intents",
        "--model",
        "minilm",
        "--labels",
        &file,
        "--precision",
        "0.7",
    ]);
    assert_eq!(predicted["predicted"], json!(messages.rows.len()));
    let trust = &predicted["trust"];
    println!("{trust}");
    assert_eq!(trust["known"], json!(gold));
    let threshold = trust["threshold"]["threshold"].as_f64().unwrap();
    assert!(trust["threshold"]["at_least"].as_f64().unwrap() >= 0.7);
    assert_eq!(trust["open"], json!(messages.rows.len() - gold));

    // The queue begins with what the model is least sure of.
    let all = server
        .get("/api/v1/labelling/intents/tasks?limit=1000")
        .ok();
    let all = all.as_array().unwrap();
    let confidence = |task: &Value| task["predictions"][0]["confidence"].as_f64().unwrap();
    let open: Vec<&Value> = all.iter().filter(|task| task["state"] == "open").collect();
    assert!(
        open.iter()
            .all(|task| (-1_000_000..=0).contains(&task["rank"].as_i64().unwrap()))
    );
    let mut by_rank = open.clone();
    by_rank.sort_by_key(|task| (task["rank"].as_i64(), task["position"].as_u64()));
    let handed = next(&server, "intents", "mei").unwrap();
    assert_eq!(handed["task"], by_rank[0]["task"]);
    let mean =
        |tasks: &[&Value]| tasks.iter().map(|t| confidence(t)).sum::<f64>() / tasks.len() as f64;
    let (begin, end) = (mean(&by_rank[..20]), mean(&by_rank[by_rank.len() - 20..]));
    println!("mean confidence of the first 20: {begin:.3}, of the last 20: {end:.3}");
    assert!(begin + 0.3 < end);

    // The model decides from the confidence on that gold shows, and people the rest.
    assert!(
        results(&server, "intents", "")
            .iter()
            .all(|r| r["method"] != "model")
    );
    let sure = results(&server, "intents", "auto_precision=0.7");
    let (right, decided) = messages.right(&sure, "model");
    println!(
        "the model decides {decided} of {} open tasks, {right} of them rightly",
        open.len()
    );
    assert_eq!(json!(decided), trust["labelled"]);
    let by_hand = open.iter().filter(|task| confidence(task) >= threshold);
    assert_eq!(decided, by_hand.count());
    assert!(
        decided > 50 && right * 10 > decided * 6,
        "{right} of {decided}"
    );
    for result in sure.iter().filter(|r| r["method"] == "model") {
        assert_eq!(result["by"], "minilm@1.0.0");
        assert!(result["confidence"].as_f64().unwrap() >= threshold);
    }
    let made = server.cli(&[
        "label",
        "export",
        "intents",
        "--dataset",
        "auto",
        "--auto-precision",
        "0.7",
    ]);
    assert_eq!(made["rows"], json!(gold + decided));
    assert_eq!(
        made["lineage"]["labelling"]["auto"]["model"],
        "minilm@1.0.0"
    );
    let rows = lines(&server, "/api/v1/datasets/auto/rows");
    let model = rows
        .iter()
        .find(|row| row["labelling"]["method"] == "model")
        .unwrap();
    assert_eq!(model["labelling"]["annotations"][0]["kind"], "model");

    // What people say outweighs the model.
    let task = text(&handed["task"]);
    annotate(&server, "intents", &task, "mei", &json!("feedback")).ok();
    let partial = results(&server, "intents", "partial=true&auto_threshold=0");
    let found = partial.iter().find(|r| r["task"] == json!(task)).unwrap();
    assert_eq!(
        (&found["method"], &found["label"]["choice"]),
        (&json!("majority"), &json!("feedback"))
    );

    predict(json!({ "model": "nobody" })).problem(404, "unknown-model");
    predict(json!({ "model": "minilm", "labels": ["bug", "天气"] })).problem(422, "invalid");
    predict(json!({ "model": "minilm", "labels": ["bug"] })).problem(422, "invalid");
    predict(json!({ "model": "minilm", "order": "disagreement" })).problem(422, "invalid");
    predict(json!({ "model": "minilm", "order": "chance" })).problem(400, "invalid-input");
    for query in [
        "auto_precision=1",
        "auto_threshold=2",
        "auto_model=other@1.0.0&auto_threshold=0.5",
        "auto_threshold=0.5&auto_precision=0.5",
    ] {
        let path = format!("/api/v1/labelling/intents/results?{query}");
        server.get(&path).problem(422, "invalid");
    }
}

#[test]
fn parts_of_texts_are_labelled_and_counted_in_code_points() {
    let server = Server::start();
    let created = server.cli(&[
        "label",
        "create",
        "names",
        "--kind",
        "spans",
        "--labels",
        "person,company",
        "--guideline",
        "标出全名。",
    ]);
    assert_eq!(created["spec"]["kind"], "spans");
    let tasks = json!({ "tasks": [
        { "task": "t1", "text": "😀王小明在海棠公司" },
        { "task": "t2", "text": "nobody here" },
        { "task": "a/b 100%", "text": "Ann" },
    ]});
    let add = |tasks: &Value| server.post("/api/v1/labelling/names/tasks", tasks);
    assert_eq!(add(&tasks).ok()["added"], 3);
    add(&tasks).problem(409, "conflict");
    let person = json!({ "start": 1, "end": 4, "label": "person" });
    let company = json!({ "start": 5, "end": 9, "label": "company" });
    let answers = [
        ("a", json!([person, company])),
        ("b", json!({ "spans": [person] })),
    ];
    for (annotator, spans) in &answers {
        assert_eq!(next(&server, "names", annotator).unwrap()["task"], "t1");
        for (start, end) in [(5, 10), (3, 3), (4, 2)] {
            let wrong = json!([{ "start": start, "end": end, "label": "person" }]);
            annotate(&server, "names", "t1", annotator, &wrong).problem(422, "invalid");
        }
        let unknown = json!([{ "start": 0, "end": 1, "label": "emoji" }]);
        annotate(&server, "names", "t1", annotator, &unknown).problem(422, "invalid");
        annotate(&server, "names", "t1", annotator, &json!("person")).problem(422, "invalid");
        annotate(&server, "names", "t1", annotator, spans).ok();
        // By the command line: nothing there.
        server.cli(&["label", "next", "names", "--as", annotator]);
        server.cli(&[
            "label",
            "annotate",
            "names",
            "t2",
            "--no-span",
            "--as",
            annotator,
        ]);
        server.cli(&["label", "next", "names", "--as", annotator]);
        server.cli(&[
            "label",
            "annotate",
            "names",
            "a/b 100%",
            "--span",
            "0-3=person",
            "--as",
            annotator,
        ]);
    }
    assert_eq!(
        server.cli(&["label", "next", "names", "--as", "a"]),
        Value::Null
    );
    let agreement = server.get("/api/v1/labelling/names/agreement").ok();
    // Two parts of five are alone: 2 × 2 in common of 3 + 2.
    assert_eq!(agreement["span_f1"]["value"], json!(0.8));
    let decided = results(&server, "names", "");
    assert_eq!(
        (&decided[0]["label"], &decided[0]["tied"]),
        (&Value::Null, &json!(["5-9 company"]))
    );
    assert_eq!(decided[1]["label"], json!({ "spans": [] }));
    let judge = |spans: Value| {
        let path = "/api/v1/labelling/names/tasks/t1/adjudications";
        server.post(path, &json!({ "label": spans }))
    };
    judge(json!([{ "start": 5, "end": 99, "label": "company" }])).problem(422, "invalid");
    judge(json!([person, company])).ok();
    let made = server.cli(&["label", "export", "names", "--dataset", "named"]);
    assert_eq!(
        (&made["rows"], &made["lineage"].get("from")),
        (&json!(3), &None)
    );
    let rows = lines(&server, "/api/v1/datasets/named/rows");
    assert_eq!(rows[0]["entities"], json!([person, company]));

    // Label Studio's form quotes the words, and comes back.
    let file = server
        .get("/api/v1/labelling/names/export?format=label-studio")
        .ok();
    let quoted = &file[0]["annotations"][0]["result"][0]["value"];
    assert_eq!(
        (&quoted["text"], &quoted["start"]),
        (&json!("王小明"), &json!(1))
    );
    let again = json!({ "name": "again", "kind": "spans", "labels": ["person", "company"], "guideline": "g" });
    server.post("/api/v1/labelling", &again).ok();
    let imported = server.post("/api/v1/labelling/again/imports", &file).ok();
    assert_eq!(
        (
            &imported["tasks"],
            &imported["annotations"],
            &imported["rejected"]
        ),
        (&json!(3), &json!(6), &json!([]))
    );
    let fields = |results: Vec<Value>| -> Vec<Value> {
        let fields = results
            .iter()
            .map(|r| json!([r["task"], r["label"], r["method"]]));
        fields.collect()
    };
    assert_eq!(
        fields(results(&server, "again", "")),
        fields(results(&server, "names", ""))
    );
}

#[test]
fn what_makes_no_sense_is_refused_and_roles_are_kept() {
    let server = Server::start();
    let create = |body: Value| server.post("/api/v1/labelling", &body);
    let project = |more: Value| {
        let mut body = json!({ "name": "empty", "labels": ["a", "b"], "guideline": "g" });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for bad in [
        json!({ "labels": ["a"] }),
        json!({ "labels": ["a", "a"] }),
        json!({ "overlap": 0 }),
        json!({ "lease_seconds": 1 }),
        json!({ "guideline": " " }),
    ] {
        create(project(bad)).problem(422, "invalid");
    }
    for bad in [
        json!({ "name": "../x" }),
        json!({ "kind": "boxes" }),
        json!({ "more": 1 }),
    ] {
        create(project(bad)).problem(400, "invalid-input");
    }
    create(project(json!({}))).ok();

    // A project without tasks.
    assert_eq!(next(&server, "empty", "mei"), None);
    let agreement = server.get("/api/v1/labelling/empty/agreement").ok();
    for measure in ["krippendorff_alpha", "fleiss_kappa"] {
        assert!(agreement[measure]["undefined"].is_string(), "{agreement}");
    }
    printed(&server, &["label", "agreement", "empty"]);
    assert!(results(&server, "empty", "method=dawid-skene").is_empty());
    let post =
        |what: &str, body: Value| server.post(&format!("/api/v1/labelling/empty/{what}"), &body);
    post("snapshots", json!({ "output": "out" })).problem(422, "invalid");
    server
        .get("/api/v1/labelling/empty/trust")
        .problem(422, "invalid");
    assert_eq!(
        server
            .get("/api/v1/labelling/empty/export?format=label-studio")
            .ok(),
        json!([])
    );

    // Rows without the field, and other rows that are no tasks.
    let rows = "{\"id\":\"r1\",\"body\":\"x\"}\n{\"id\":\"r2\",\"body\":7}\nnot json\n{\"id\":\"r1\",\"body\":\"y\"}\n";
    let request = server.request("POST", "/api/v1/datasets/rows").body(rows);
    server.send(request).ok();
    let refused = post("tasks", json!({ "dataset": "rows" })).problem(422, "invalid");
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("there is no field `text`"),
        "{refused}"
    );
    let added = post(
        "tasks",
        json!({ "dataset": "rows@1", "text_field": "body" }),
    )
    .ok();
    assert_eq!(
        (&added["added"], &added["rejected"]),
        (&json!(1), &json!(3))
    );
    let at: Vec<u64> = added["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["line"].as_u64().unwrap())
        .collect();
    assert_eq!(at, [2, 3, 4]);
    post(
        "tasks",
        json!({ "dataset": "rows", "text_field": "body", "gold_field": "id" }),
    )
    .problem(422, "invalid");
    post("tasks", json!({ "dataset": "rows@7" })).problem(404, "not-found");
    post("tasks", json!({ "dataset": "rows", "skip": 4 })).problem(422, "invalid");
    post("tasks", json!({})).problem(422, "invalid");
    post("tasks", json!({ "tasks": [{ "task": "x" }] })).problem(422, "invalid");
    post(
        "tasks",
        json!({ "tasks": [{ "task": "x", "text": "x", "gold": "c" }] }),
    )
    .problem(422, "invalid");

    // Labels and tasks that are none.
    assert_eq!(next(&server, "empty", "mei").unwrap()["data"]["body"], "x");
    let say = |task: &str, label: Value| annotate(&server, "empty", task, "mei", &label);
    let refused = say("r1", json!("天气")).problem(422, "invalid");
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("`天气` is none of the labels"),
        "{refused}"
    );
    say("r9", json!("a")).problem(404, "not-found");
    say("r1", json!([])).problem(422, "invalid");
    say("r1", json!(7)).problem(400, "invalid-input");
    annotate(&server, "empty", "r1", "sven", &json!("a")).problem(422, "invalid");
    annotate(&server, "nobody", "r1", "mei", &json!("a")).problem(404, "not-found");
    post("tasks/r9/adjudications", json!({ "label": "a" })).problem(404, "not-found");
    post("next", json!({ "annotator": "a\nb" })).problem(422, "invalid");
    server
        .get("/api/v1/labelling/empty/results?method=guess")
        .problem(400, "invalid-query");
    server
        .get("/api/v1/labelling/empty/guidelines/9")
        .problem(404, "not-found");
    let gold = |label: Value| {
        server.put(
            "/api/v1/labelling/empty/tasks/r1/gold",
            &json!({ "label": label }),
        )
    };
    gold(json!("c")).problem(422, "invalid");
    assert_eq!(gold(json!("a")).status, 204);
    post("tasks/r1/adjudications", json!({ "label": "a" })).problem(422, "invalid");
    assert_eq!(gold(Value::Null).status, 204);

    // Files of Label Studio that are none, and tasks in them.
    let import = |file: &'static str| {
        let request = server.request("POST", "/api/v1/labelling/empty/imports");
        server.send(request.body(file.as_bytes()))
    };
    import("{").problem(422, "invalid");
    import("7").problem(422, "invalid");
    let imported = import(concat!(
        r#"[7, {"data": {"text": "no id"}}, {"id": 3, "data": {"text": "x"}, "annotations": [{"completed_by": 1, "result": "#,
        r#"[{"type": "choices", "from_name": "s", "to_name": "text", "value": {"choices": ["c"]}}]}]}, {"id": 4, "data": "#,
        r#"{"text": "x"}, "annotations": [{"completed_by": 1, "result": [{"type": "choices", "from_name": "s", "to_name": "#,
        r#""text", "value": {"choices": ["a"]}}]}, {"completed_by": 1, "result": [{"type": "choices", "from_name": "s", "#,
        r#""to_name": "text", "value": {"choices": ["b"]}}]}]}]"#,
    ))
    .ok();
    assert_eq!(imported["tasks"], 1, "{imported}");
    let at: Vec<u64> = imported["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["index"].as_u64().unwrap())
        .collect();
    assert_eq!(at, [0, 2, 3]);
    assert!(
        imported["rejected"][2]["reason"]
            .as_str()
            .unwrap()
            .contains("labelled it twice")
    );

    // An annotator's key takes and labels; it reads nothing else. A viewer's reads and does nothing.
    let key = |role: &str| text(&server.cli(&["key", "create", role, "--role", role])["key"]);
    let (invoker, viewer) = (key("invoker"), key("viewer"));
    let ask = |key: &str, method: &str, path: &str, body: Value| {
        let path = format!("/api/v1/labelling/{path}");
        server.send(
            server
                .request_as(Some(key), method, &path)
                .body(body.to_string()),
        )
    };
    let handed = ask(&invoker, "POST", "empty/next", json!({})).ok();
    assert!(
        invoker.contains(handed["annotator"].as_str().unwrap()),
        "the key is the annotator"
    );
    let path = format!("empty/tasks/{}/annotations", text(&handed["task"]));
    ask(&invoker, "POST", &path, json!({ "label": "a" })).ok();
    let guideline = ask(&invoker, "GET", "empty/guidelines/1", json!({})).ok();
    assert_eq!(guideline["text"], "g");
    for path in ["empty", "empty/results", "empty/tasks", "empty/export"] {
        ask(&invoker, "GET", path, json!({})).problem(403, "forbidden");
    }
    ask(&viewer, "GET", "empty/results", json!({})).ok();
    for path in ["empty/tasks", "empty/disputed", "empty/export"] {
        ask(&viewer, "GET", path, json!({})).problem(403, "forbidden");
    }
    ask(&viewer, "POST", "empty/next", json!({})).problem(403, "forbidden");
    ask(
        &viewer,
        "POST",
        "empty/snapshots",
        json!({ "output": "out" }),
    )
    .problem(403, "forbidden");
}
