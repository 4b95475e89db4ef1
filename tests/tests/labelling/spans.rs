//! Parts of texts.

use serde_json::{Value, json};
use steward_tests::Server;

use crate::{annotate, lines, next, results};

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
