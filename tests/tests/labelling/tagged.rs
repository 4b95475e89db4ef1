//! A token classifier labels parts of texts beforehand.

use serde_json::{Value, json};
use steward_tests::Server;

use crate::results;

#[test]
fn a_model_labels_parts_of_texts_in_code_points() {
    let server = Server::start();
    server.push_model("rampart");
    let project = |name: &str, labels: Value| {
        let project = json!({ "name": name, "kind": "spans", "labels": labels, "overlap": 1, "guideline": "标出来。" });
        server.post("/api/v1/labelling", &project).ok();
    };
    project("pii", json!(["person", "mail", "city"]));
    let mail = |start: u32, end: u32| json!({ "start": start, "end": end, "label": "mail" });
    let person = |start: u32, end: u32| json!({ "start": start, "end": end, "label": "person" });
    let tasks = json!({ "tasks": [
        { "task": "t1", "text": "你好😀，my name is Alexander Kowalczyk, email alex@example.org please",
          "gold": [person(15, 34), mail(42, 58)] },
        { "task": "t2", "text": "Nothing to see here." },
        { "task": "t3", "text": "😀😀 Mail sarah.johnson@example.com, thanks" },
        { "task": "t4", "data": { "image": 7 } },
    ]});
    server.post("/api/v1/labelling/pii/tasks", &tasks).ok();

    let kinds = json!({ "person": ["GIVEN_NAME", "SURNAME"], "mail": "EMAIL" });
    let predict = |project: &str, body: Value| {
        server.post(&format!("/api/v1/labelling/{project}/predictions"), &body)
    };
    let done = predict(
        "pii",
        json!({ "model": "rampart", "labels": kinds, "limit": 1 }),
    )
    .ok();
    assert_eq!(
        (&done["predicted"], &done["ranked"], &done["next"]),
        (&json!(1), &json!(0), &json!(1))
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kinds.json");
    std::fs::write(&file, kinds.to_string()).unwrap();
    let file = format!("@{}", file.display());
    let done = server.cli(&[
        "label", "predict", "pii", "--model", "rampart", "--labels", &file,
    ]);
    assert_eq!(
        (&done["predicted"], &done["trust"]["known"]),
        (&json!(3), &json!(1))
    );
    let found = server.get("/api/v1/labelling/pii/tasks").ok();
    let said = |place: usize| &found[place]["predictions"][0];
    println!("{found}");
    assert_eq!(
        said(0)["label"],
        json!({ "spans": [person(15, 34), mail(42, 58)] })
    );
    assert_eq!(said(1)["label"], json!({ "spans": [] }));
    assert_eq!(said(2)["label"], json!({ "spans": [mail(8, 33)] }));
    assert_eq!(said(2)["source"], "rampart@1.0.0");
    // How sure it is of a text is how sure it is of its least sure token; the least sure text is the first.
    let confidence = |place: usize| said(place)["confidence"].as_f64().unwrap();
    assert!((0..3).all(|place| (0.0..=1.0).contains(&confidence(place))));
    let rank = |place: usize| found[place]["rank"].as_i64().unwrap();
    for open in [1, 2] {
        let expected = -((1.0 - confidence(open)) * 1e6).round() as i64;
        assert_eq!(rank(open), expected);
    }
    let sure = results(&server, "pii", "auto_threshold=0");
    let methods: Vec<&Value> = sure.iter().map(|r| &r["method"]).collect();
    assert_eq!(methods, ["gold", "model", "model", "undecided"]);

    // Label Studio's form quotes the words, and comes back.
    let file = server
        .get("/api/v1/labelling/pii/export?format=label-studio")
        .ok();
    let out = &file[2]["predictions"][0];
    assert_eq!(out["model_version"], "rampart@1.0.0");
    let value = &out["result"][0]["value"];
    assert_eq!(
        (&value["text"], &value["start"]),
        (&json!("sarah.johnson@example.com"), &json!(8))
    );
    project("again", json!(["person", "mail", "city"]));
    let imported = server.post("/api/v1/labelling/again/imports", &file).ok();
    assert_eq!(
        (&imported["predictions"], &imported["rejected"]),
        (&json!(3), &json!([]))
    );
    let labels = |project: &str| -> Vec<Value> {
        let results = results(&server, project, "auto_threshold=0").into_iter();
        results
            .map(|r| json!([r["task"], r["label"], r["confidence"]]))
            .collect()
    };
    assert_eq!(labels("again"), labels("pii"));

    // The model's own kinds, where they are labels; what cannot be is said.
    project("own", json!(["EMAIL", "CITY"]));
    server
        .post("/api/v1/labelling/own/tasks", &tasks_without_gold(&tasks))
        .ok();
    assert_eq!(
        predict("own", json!({ "model": "rampart" })).ok()["predicted"],
        3
    );
    let own = server.get("/api/v1/labelling/own/tasks").ok();
    let email = json!({ "start": 42, "end": 58, "label": "EMAIL" });
    assert_eq!(
        own[0]["predictions"][0]["label"],
        json!({ "spans": [email] })
    );
    let refused = |labels: Value, says: &str| {
        let problem =
            predict("pii", json!({ "model": "rampart", "labels": labels })).problem(422, "invalid");
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{problem}"
        );
    };
    refused(Value::Null, "none of these is a label of this project");
    refused(
        json!({ "person": ["NICKNAME"] }),
        "names no part `NICKNAME`",
    );
    refused(
        json!({ "company": ["SURNAME"] }),
        "`company`, which is none of the labels",
    );
    refused(
        json!({ "person": ["EMAIL"], "mail": ["EMAIL"] }),
        "`EMAIL` stands for",
    );
    refused(json!({ "person": 7 }), "no list of what the model calls it");
    server.push_model("minilm");
    let problem = predict("pii", json!({ "model": "minilm" })).problem(422, "invalid");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("classify-tokens"),
        "{problem}"
    );
}

fn tasks_without_gold(tasks: &Value) -> Value {
    let mut tasks = tasks.clone();
    for task in tasks["tasks"].as_array_mut().unwrap() {
        task.as_object_mut().unwrap().remove("gold");
    }
    tasks
}
