//! What is refused, before a run begins or at its end, and says what to do.

use serde_json::{Value, json};
use steward_tests::until_answer;

use crate::{Messages, add, begin, measured};

#[test]
fn wrong_questions_are_refused_before_they_begin() {
    let messages = Messages::read();
    let server = messages.server();
    server.push_model("rampart");
    let ask = |before: &str, after: &[&str], more: Value| begin(&server, before, after, more);
    ask("nobody", &["raw"], json!({})).problem(404, "not-found");
    ask("raw@0", &["raw"], json!({})).problem(400, "invalid-path");
    ask("raw", &["raw@9"], json!({})).problem(404, "not-found");
    ask("raw", &["raw"], json!({ "evaluation": "nobody" })).problem(404, "not-found");
    ask("raw", &["raw"], json!({ "model": "nobody" })).problem(404, "unknown-model");
    ask("raw", &["raw"], json!({ "more": 1 })).problem(400, "invalid-input");
    ask("raw", &["raw"], json!({ "kinds": ["fun"] })).problem(400, "invalid-input");
    for wrong in [
        json!({ "after": [] }),
        json!({ "after": ["raw", "raw", "raw", "raw", "raw", "raw"] }),
        json!({ "kinds": ["privacy", "privacy"] }),
        json!({ "l2": 0 }),
        json!({ "l2": -1.5 }),
        json!({ "listed": 201 }),
        json!({ "fields": { "label": "text" } }),
        json!({ "fields": { "id": "" } }),
        // It finds entities, and makes no vectors.
        json!({ "model": "rampart" }),
    ] {
        ask("raw", &["raw"], wrong).problem(422, "invalid");
    }
    // None of them was written down.
    assert_eq!(server.get("/api/v1/dataset-runs").ok(), json!([]));
}

#[test]
fn rows_that_teach_nothing_end_the_run_with_what_to_do() {
    let messages = Messages::read();
    let server = messages.server();
    let change = |change: &dyn Fn(&mut Value)| -> Vec<Value> {
        let mut rows = messages.train.clone();
        rows.iter_mut().for_each(change);
        rows
    };
    add(
        &server,
        "unlabelled",
        &change(&|row| drop(row.as_object_mut().unwrap().remove("label"))),
    );
    add(&server, "one", &change(&|row| row["label"] = "bug".into()));
    add(&server, "few", &messages.train[..9]);
    add(
        &server,
        "foreign",
        &change(&|row| row["label"] = format!("x-{}", row["label"]).into()),
    );
    add(&server, "empty", &[json!({ "nothing": 1 })]);
    let failed = |before: &str, after: &str, more: Value, part: &str| {
        let run = begin(&server, before, &[after], more).ok();
        let run = server.run_ended(run["id"].as_str().unwrap());
        assert_eq!(run["state"], "failed", "{run}");
        let error = run["outcome"]["error"].as_str().unwrap();
        assert!(error.contains(part), "{error}");
    };
    failed(
        "unlabelled",
        "raw",
        json!({}),
        "no row of `unlabelled@1` has a label",
    );
    failed("raw", "unlabelled", json!({}), "`fields.label`");
    failed(
        "raw",
        "raw",
        json!({ "fields": { "label": "intent" } }),
        "no row of `held-out@1`",
    );
    failed(
        "raw",
        "raw",
        json!({ "evaluation": "unlabelled" }),
        "`unlabelled@1`",
    );
    failed("raw", "one", json!({}), "have the label `bug`");
    failed("few", "raw", json!({}), "9 labelled rows of 9");
    failed("raw", "empty", json!({}), "0 labelled rows of 1");
    failed(
        "foreign",
        "foreign",
        json!({}),
        "0 have a label that is in the sets",
    );
    // The rows that it would learn are those that it is measured on.
    failed("held-out", "raw", json!({}), "kept apart");
    // A label that is written elsewhere is a field as any other.
    let by_channel = json!({ "fields": { "label": "channel" } });
    measured(&server, "unlabelled", &["raw"], by_channel);
}

#[test]
fn rows_of_the_evaluation_are_not_learned_and_its_strange_rows_are_counted() {
    let messages = Messages::read();
    let server = messages.server();
    // All of the evaluation slips into the training: some rows by their id with another text, as a cleaner leaves them,
    // some by their text with another id and other white space.
    let mut leaking = messages.train.clone();
    for (place, row) in messages.held_out.iter().enumerate() {
        let mut copy = row.clone();
        match place % 2 {
            0 => copy["text"] = format!("(cleaned) {}", row["text"].as_str().unwrap()).into(),
            _ => {
                copy["id"] = format!("copy-{place}").into();
                copy["text"] =
                    format!(" {}\n", row["text"].as_str().unwrap().to_uppercase()).into();
            }
        }
        leaking.push(copy);
    }
    add(&server, "leaking", &leaking);
    let (report, _) = measured(&server, "raw", &["leaking"], json!({}));
    let left_out = &report["sets"][1]["left_out"];
    let all = messages.held_out.len();
    assert_eq!(
        (&left_out["same_id"], &left_out["same_text"]),
        (&json!(all.div_ceil(2)), &json!(all / 2))
    );
    assert_eq!(report["sets"][0]["examples"], report["sets"][1]["examples"]);
    assert_eq!(report["comparisons"][0]["loss"], 0.0);

    // Where ids number lines, texts alone tell.
    let numbered = |rows: &[Value]| -> Vec<Value> {
        let numbered = rows.iter().enumerate().map(|(place, row)| {
            let mut row = row.clone();
            row["id"] = place.into();
            row
        });
        numbered.collect()
    };
    add(&server, "numbered", &numbered(&messages.train));
    let mut strange = numbered(&messages.held_out);
    strange[0]["label"] = "never seen".into();
    strange[1]["label"] = Value::Null;
    strange[2]["label"] = json!([1]);
    add(&server, "held-out", &strange);
    let (by_id, _) = measured(&server, "numbered", &["raw"], json!({}));
    assert_eq!(by_id["sets"][0]["left_out"]["same_id"], all - 2);
    let (by_text, _) = measured(&server, "numbered", &["raw"], json!({ "overlap": "text" }));
    assert_eq!(by_text["sets"][0]["examples"], messages.train.len());
    let evaluation = &by_text["evaluation"];
    assert_eq!(evaluation["dataset"], "held-out@2");
    assert_eq!(evaluation["samples"], all - 3);
    for name in ["unknown_label", "unlabelled", "unreadable"] {
        assert_eq!(evaluation[name], 1, "{name}");
    }
}

#[test]
fn models_and_snapshots_of_others_are_not_found() {
    let messages = Messages::read();
    let server = messages.server();
    let data = server.data().to_str().unwrap().to_owned();
    let made = steward_tests::server::cli(
        &[
            "key", "create", "--local", "other", "--role", "operator", "--tenant", "other",
            "--json",
        ],
        &[("STEWARD_DATA_DIR", &data)],
    );
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let key = made["key"].as_str().unwrap();
    let post = |path: &str, body: String| {
        server.send(
            server
                .request_as(Some(key), "POST", path)
                .header("content-type", "application/json")
                .body(body),
        )
    };
    let spec = json!({ "after": ["raw"], "evaluation": "held-out", "model": "minilm" }).to_string();
    // A key that was made beside the server is known once the server has looked.
    until_answer(
        "the key is known",
        || post("/api/v1/datasets/raw/impact", spec.clone()),
        |answer| answer.status != 401,
    );
    post("/api/v1/datasets/raw/impact", spec.clone()).problem(404, "not-found");
    for name in ["raw", "held-out"] {
        post(
            &format!("/api/v1/datasets/{name}"),
            "{\"text\":\"x\"}\n".into(),
        )
        .ok();
    }
    post("/api/v1/datasets/raw/impact", spec).problem(404, "unknown-model");
}
