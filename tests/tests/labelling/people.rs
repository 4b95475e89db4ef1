//! People label a dataset, a judge decides what they dispute, and the labels go out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use steward_tests::Server;

use crate::{Messages, annotate, lines, messages, next, printed, results, text};

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
