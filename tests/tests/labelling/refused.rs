//! What makes no sense, and who may do what.

use serde_json::{Value, json};
use steward_tests::Server;

use crate::{annotate, next, printed, results, text};

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
        (&json!(1), &json!(2))
    );
    let at: Vec<u64> = added["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["line"].as_u64().unwrap())
        .collect();
    // The line that is no JSON was rejected when it came.
    assert_eq!(at, [2, 3]);
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
