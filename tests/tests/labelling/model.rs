//! A model labels beforehand.

use serde_json::{Value, json};
use steward_tests::{Server, root};

use crate::{annotate, lines, messages, next, results, text};

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
