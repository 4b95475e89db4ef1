//! Labelling functions vote, a model of them labels; a customer's own labeller takes the place of ours.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use steward_tests::guest::manifest;
use steward_tests::{Server, batch, built, root};

use crate::{Messages, lines, messages, next, printed, results, text};

const WEAK: &str = "/api/v1/labelling/intents/weak";

/// The labelling functions of the example, Chinese and English.
fn functions() -> String {
    let path = root().join("examples/customer-messages/functions.json");
    std::fs::read_to_string(path).unwrap()
}

fn deploy(server: &Server, plugin: (&str, &str), config: Value) {
    let (plugin, version) = plugin;
    let config = json!({ "config": config });
    server.deploy("labeller", plugin, version, config).ok();
}

/// A server with messages as tasks of `intents`, every fifth of them gold, and our labeller.
fn labelling(count: usize, gold_every: u32) -> (Server, Messages) {
    let server = Server::start();
    let messages = messages(count);
    messages.push(&server, "messages");
    messages.project(&server, "intents", gold_every);
    let tasks = json!({ "dataset": "messages", "gold_field": "known" });
    server.post("/api/v1/labelling/intents/tasks", &tasks).ok();
    server.publish_first_party("labeller");
    deploy(
        &server,
        ("labeller", "0.1.0"),
        json!({ "functions": functions() }),
    );
    (server, messages)
}

fn publish_votes(server: &Server) {
    let text = std::fs::read_to_string(root().join("tests/guests/votes/steward.toml")).unwrap();
    let component = std::fs::read(built("target/test-guests/votes.wasm")).unwrap();
    server.publish(&text, component).ok();
}

fn tasks(server: &Server) -> Vec<Value> {
    let page = server
        .get("/api/v1/labelling/intents/tasks?limit=1000")
        .ok();
    page.as_array().unwrap().clone()
}

#[test]
fn labelling_functions_label_what_they_agree_on() {
    let (server, messages) = labelling(409, 0);
    let all = messages.rows.len();
    let weak = [
        "label",
        "weak",
        "intents",
        "--function",
        "labeller",
        "--precision",
        "0.7",
    ];
    println!("{}", printed(&server, &weak));
    let weak = server.cli(&weak);
    assert_eq!(weak["source"], "weak:labeller");
    assert_eq!(weak["labellers"][0]["plugin"], "labeller@0.1.0");
    let number = |value: &Value| value.as_u64().unwrap() as usize;
    let (predicted, abstained) = (number(&weak["predicted"]), number(&weak["abstained"]));
    assert_eq!(predicted + abstained + number(&weak["tied"]), all);

    // What is counted of each function, counted again from its votes.
    let texts: Vec<&str> = messages
        .rows
        .iter()
        .map(|row| row["text"].as_str().unwrap())
        .collect();
    let votes = server.call("labeller", &texts).ok();
    let votes: Vec<Vec<Option<&str>>> = votes
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            row.as_array()
                .unwrap()
                .iter()
                .map(|vote| vote["label"].as_str())
                .collect()
        })
        .collect();
    let reports = weak["functions"].as_array().unwrap();
    let mut voting = 0;
    for (place, report) in reports.iter().enumerate() {
        let voted: Vec<usize> = (0..all)
            .filter(|row| votes[*row][place].is_some())
            .collect();
        let others = |row: &usize| {
            let row = votes[*row].iter().enumerate();
            row.filter(|(other, _)| *other != place)
                .filter_map(|(_, vote)| *vote)
                .collect::<Vec<_>>()
        };
        let overlap = voted.iter().filter(|row| !others(row).is_empty()).count();
        let conflict = voted.iter().filter(|row| {
            others(row)
                .iter()
                .any(|vote| Some(*vote) != votes[**row][place])
        });
        let share = |count: usize| count as f64 / all as f64;
        for (name, share) in [
            ("coverage", share(voted.len())),
            ("overlap", share(overlap)),
            ("conflict", share(conflict.count())),
        ] {
            assert!(
                (report[name].as_f64().unwrap() - share).abs() < 1e-12,
                "{name}: {report}"
            );
        }
        let right = |row: &usize| {
            votes[*row][place]
                == Some(messages.truth[messages.rows[*row]["id"].as_str().unwrap()].as_str())
        };
        let known: Vec<usize> = voted
            .iter()
            .copied()
            .filter(|row| messages.rows[*row].get("known").is_some())
            .collect();
        assert_eq!(report["checked"], json!(known.len()));
        assert_eq!(
            report["correct"],
            json!(known.iter().filter(|row| right(row)).count())
        );
        if voted.len() >= 15 {
            let truth = voted.iter().filter(|row| right(row)).count() as f64 / voted.len() as f64;
            let estimated = report["estimated_accuracy"].as_f64().unwrap();
            println!(
                "{}: estimated {estimated:.2}, in truth {truth:.2}",
                report["function"]
            );
            assert!((estimated - truth).abs() < 0.2, "{report}");
            voting += 1;
        }
    }
    assert!(
        voting >= 8,
        "{voting} functions vote on fifteen messages or more"
    );

    // A prediction says who voted for what.
    let found = tasks(&server);
    let said = |task: &Value| task["predictions"].as_array().unwrap().first().cloned();
    for (row, task) in found.iter().enumerate() {
        let expected = votes[row]
            .iter()
            .enumerate()
            .filter_map(|(place, vote)| Some(json!([reports[place]["function"], (*vote)?])));
        let expected: Vec<Value> = expected.collect();
        match said(task) {
            None => assert!(expected.is_empty() || weak["tied"] != 0),
            Some(said) => {
                assert_eq!(said["source"], "weak:labeller");
                let from = &said["provenance"];
                assert_eq!(from["labellers"], weak["labellers"]);
                let given: Vec<Value> = from["votes"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|v| json!([v["function"], v["label"]]))
                    .collect();
                assert_eq!(given, expected, "{task}");
            }
        }
    }

    // Together they are better than each guess alone would be, and the queue begins with what is least sure.
    let sure = results(&server, "intents", "auto_threshold=0.9");
    let (right, decided) = messages.right(&sure, "label-model");
    println!("from 0.9 on: {right} of {decided} right");
    assert!(
        decided > 60 && right * 100 > decided * 70,
        "{right} of {decided}"
    );
    let trust = server
        .get("/api/v1/labelling/intents/trust?model=weak:labeller&precision=0.7")
        .ok();
    assert_eq!(trust, weak["trust"]);
    let handed = next(&server, "intents", "mei").unwrap();
    let open = found.iter().filter(|task| task["state"] == "open");
    let least = open.min_by_key(|task| (task["rank"].as_i64(), task["position"].as_u64()));
    assert_eq!(handed["task"], least.unwrap()["task"]);

    // What goes out says it too, and comes back.
    let export = [
        "label",
        "export",
        "intents",
        "--dataset",
        "weak",
        "--auto-threshold",
        "0.9",
    ];
    let made = server.cli(&[&export[..], &["--auto-model", "weak:labeller"]].concat());
    assert_eq!(
        made["lineage"]["labelling"]["decided"]["label-model"],
        json!(decided)
    );
    let rows = lines(&server, "/api/v1/datasets/weak/rows");
    let row = rows
        .iter()
        .find(|row| row["labelling"]["method"] == "label-model")
        .unwrap();
    let said = &row["labelling"]["annotations"][0];
    assert_eq!(
        (&said["kind"], &said["by"]),
        (&json!("function"), &json!("weak:labeller"))
    );
    assert!(
        said["provenance"]["votes"]
            .as_array()
            .is_some_and(|votes| !votes.is_empty())
    );
    assert_eq!(
        said["provenance"]["labellers"][0]["digest"],
        weak["labellers"][0]["digest"]
    );
    let file = server
        .get("/api/v1/labelling/intents/export?format=label-studio")
        .ok();
    messages.project(&server, "again", 0);
    let imported = server.post("/api/v1/labelling/again/imports", &file).ok();
    assert_eq!(
        (&imported["predictions"], &imported["rejected"]),
        (&json!(predicted), &json!([]))
    );
    let labels = |results: Vec<Value>| -> BTreeMap<String, Value> {
        results
            .iter()
            .map(|r| (text(&r["task"]), json!([r["label"], r["method"]])))
            .collect()
    };
    assert_eq!(
        labels(results(&server, "again", "auto_threshold=0.9")),
        labels(sure)
    );
}

#[test]
fn another_labeller_takes_the_place_of_ours() {
    let (server, messages) = labelling(120, 0);
    let run = || {
        server.cli(&[
            "label",
            "weak",
            "intents",
            "--function",
            "labeller",
            "--order",
            "none",
        ])
    };
    let before = run();
    assert_eq!(before["ranked"], 0);
    publish_votes(&server);
    deploy(&server, ("votes", "1.0.0"), json!({}));
    let after = run();
    assert_eq!(after["labellers"][0]["plugin"], "votes@1.0.0");
    assert_ne!(
        after["labellers"][0]["digest"],
        before["labellers"][0]["digest"]
    );
    let names: Vec<&Value> = after["functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["function"])
        .collect();
    assert_eq!(names, ["labeller/money", "labeller/crash"]);
    // What it does not say again is forgotten.
    let predicted = tasks(&server)
        .iter()
        .filter(|task| task["predictions"] != json!([]))
        .count();
    assert_eq!(json!(predicted), after["predicted"]);
    assert!(after["predicted"].as_u64() < before["predicted"].as_u64());

    // Both together.
    let both = |functions: Value| server.post(WEAK, &json!({ "functions": functions }));
    let ours = json!({ "config": { "functions": functions() } });
    server.deploy("rules", "labeller", "0.1.0", ours).ok();
    let together = both(json!(["rules", "labeller", "rules"])).ok();
    assert_eq!(together["source"], "weak:labeller,rules");
    assert_eq!(together["functions"].as_array().unwrap().len(), 2 + 14);
    let sources = server
        .get("/api/v1/labelling/intents/results?auto_threshold=0.5")
        .problem(422, "invalid");
    assert!(
        sources["detail"]
            .as_str()
            .unwrap()
            .contains("weak:labeller,rules"),
        "{sources}"
    );

    // What is known of the labels helps.
    let balance =
        |balance: Value| server.post(WEAK, &json!({ "functions": ["rules"], "balance": balance }));
    let share = 1.0 / messages.labels.len() as f64;
    let even: BTreeMap<&String, f64> = messages.labels.iter().map(|label| (label, share)).collect();
    let uniform = balance(json!("uniform")).ok();
    assert_eq!(balance(json!(even)).ok(), uniform);
    let estimated = balance(json!("estimated")).ok();
    assert_ne!(estimated["balance"], uniform["balance"]);
    balance(json!({ "bug": 1.0 })).problem(422, "invalid");
    balance(json!("by lot")).problem(400, "invalid-input");
}

#[test]
fn what_a_labeller_does_wrong_is_said_and_changes_nothing() {
    let (server, _) = labelling(30, 0);
    publish_votes(&server);
    let weak = |functions: Value| server.post(WEAK, &json!({ "functions": functions }));
    for (breaks, status, code, says) in [
        ("few", 502, "invalid-output", "1 votes on the document `m-"),
        ("rows", 502, "invalid-output", "29 of 30 documents"),
        ("nan", 502, "invalid-output", "NaN sure"),
        ("sure", 502, "invalid-output", "1.5 sure"),
        (
            "foreign",
            502,
            "invalid-output",
            "which is none of its labels",
        ),
        (
            "no-functions",
            502,
            "invalid-output",
            "0 labelling functions",
        ),
        ("names", 502, "invalid-output", "two labelling functions"),
        ("traps", 502, "guest-crashed", "crashed"),
        ("refuses", 422, "guest-invalid-input", "told to refuse"),
        (
            "labels",
            422,
            "invalid",
            "`weather` of `labeller` votes for `天气`, which is none of the labels",
        ),
        (
            "silent",
            422,
            "invalid",
            "no labelling function votes on any row",
        ),
    ] {
        deploy(&server, ("votes", "1.0.0"), json!({ "breaks": breaks }));
        let problem = weak(json!(["labeller"])).problem(status, code);
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{problem}"
        );
        if status == 502 {
            assert_eq!(problem["function"], "labeller");
        }
    }
    assert!(
        tasks(&server)
            .iter()
            .all(|task| task["predictions"] == json!([]) && task["rank"] == 0)
    );

    // Configurations of ours that are wrong.
    let pattern = |pattern: &str, label: &str| {
        json!([{ "name": "p", "kind": "pattern", "label": label, "pattern": pattern }]).to_string()
    };
    for (functions, says) in [
        ("[", "no JSON list"),
        (
            &*pattern("(退款", "billing"),
            "the function `p`: `pattern`: regex parse error",
        ),
        (
            &*pattern("((a{200}){200}){200}", "billing"),
            "exceeds size limit",
        ),
    ] {
        deploy(
            &server,
            ("labeller", "0.1.0"),
            json!({ "functions": functions }),
        );
        let problem = weak(json!(["labeller"])).problem(422, "guest-invalid-config");
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{problem}"
        );
    }
    // A pattern that would take a backtracking matcher ages is one like others here.
    deploy(
        &server,
        ("labeller", "0.1.0"),
        json!({ "functions": pattern("^(([^x])+.*)*$", "bug") }),
    );
    assert_eq!(weak(json!(["labeller"])).ok()["predicted"], 30);
    deploy(
        &server,
        ("labeller", "0.1.0"),
        json!({ "functions": pattern("a", "weather") }),
    );
    weak(json!(["labeller"])).problem(422, "invalid");

    // What is asked for.
    weak(json!([])).problem(422, "invalid");
    weak(json!(["nobody"])).problem(404, "not-found");
    server.publish_first_party("text-cleaner");
    weak(json!(["text-cleaner"])).problem(422, "invalid-function");
    server
        .post(
            WEAK,
            &json!({ "functions": ["labeller"], "order": "disagreement" }),
        )
        .problem(422, "invalid");
    server
        .post(WEAK, &json!({ "functions": ["labeller"], "more": 1 }))
        .problem(400, "invalid-input");
    let body = json!({ "functions": ["labeller"] });
    server
        .post("/api/v1/labelling/nothing/weak", &body)
        .problem(404, "not-found");
    let spans = json!({ "name": "spans", "kind": "spans", "labels": ["x"], "guideline": "g" });
    server.post("/api/v1/labelling", &spans).ok();
    server
        .post("/api/v1/labelling/spans/weak", &body)
        .problem(422, "invalid");
}

/// Two annotators say what they say of each message; what they said, by task and annotator.
fn annotated(server: &Server, messages: &Messages) -> Vec<Value> {
    let mut said = Vec::new();
    for (annotator, right) in [("ann", 60), ("mei", 95)] {
        while let Some(handed) = next(server, "intents", annotator) {
            let task = text(&handed["task"]);
            let label = messages.said(&task, annotator, right).to_owned();
            crate::annotate(server, "intents", &task, annotator, &json!(label)).ok();
            said.push(json!({ "task": task, "annotator": annotator, "label": label }));
        }
    }
    said
}

#[test]
fn a_deployed_labeller_brings_annotations_together() {
    let (server, messages) = labelling(60, 4);
    let said = annotated(&server, &messages);
    let rows = &messages.rows;
    let known = rows
        .iter()
        .filter_map(|row| Some(json!({ "task": row["id"], "label": row.get("known")? })));
    let known: Vec<Value> = known.collect();

    // In the sandbox it comes to what the host comes to.
    let ask = |export: &str, more: Value| {
        let mut input = json!({ "annotations": said, "labels": messages.labels });
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        server
            .post(&format!("/f/default/labeller/{export}"), &input)
            .ok()
    };
    let near = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-12;
    let own = |query: &str| -> BTreeMap<String, Value> {
        let results = results(&server, "intents", query).into_iter();
        results
            .filter(|r| r["method"] != "gold")
            .map(|r| (text(&r["task"]), r))
            .collect()
    };
    for method in ["majority", "weighted-vote", "dawid-skene"] {
        let config = json!({ "functions": functions(), "aggregation": method });
        deploy(&server, ("labeller", "0.1.0"), config);
        let verdicts = ask("aggregate", json!({ "known": known }));
        let host = own(&format!("method={method}&partial=true"));
        let guest = own("method=function:labeller&partial=true");
        assert_eq!(host.len(), guest.len());
        let mut compared = 0;
        for verdict in verdicts.as_array().unwrap() {
            let Some(host) = host.get(verdict["task"].as_str().unwrap()) else {
                continue;
            };
            let guest = &guest[verdict["task"].as_str().unwrap()];
            let label = |label: &Value| label.get("choice").cloned().unwrap_or(Value::Null);
            assert_eq!(label(&host["label"]), verdict["label"], "{method}: {host}");
            assert_eq!(host["label"], guest["label"]);
            assert!(
                near(&host["confidence"], &verdict["confidence"]),
                "{method}: {host} {verdict}"
            );
            assert!(near(&host["confidence"], &guest["confidence"]));
            if guest["label"].is_null() {
                assert_eq!(host["tied"], guest["tied"]);
            } else {
                assert_eq!(
                    (&guest["method"], &guest["by"]),
                    (&json!("function"), &json!("labeller@0.1.0"))
                );
            }
            compared += 1;
        }
        assert_eq!(compared, 48);
    }
    let agreement = server.get("/api/v1/labelling/intents/agreement").ok();
    let measures = ask("agreement", json!({}));
    assert_eq!(measures[0]["name"], "krippendorff-alpha");
    assert!(near(
        &measures[0]["number"]["value"],
        &agreement["krippendorff_alpha"]["value"]
    ));

    // A customer's own rule takes its place: who comes first.
    publish_votes(&server);
    let with = |breaks: Value| deploy(&server, ("votes", "1.0.0"), breaks);
    with(json!({}));
    let printed = printed(
        &server,
        &[
            "label",
            "results",
            "intents",
            "--method",
            "function:labeller",
        ],
    );
    assert!(printed.contains("votes@1.0.0"), "{printed}");
    for (task, result) in own("method=function:labeller") {
        let ann = said
            .iter()
            .find(|s| s["task"] == json!(task) && s["annotator"] == "ann");
        assert_eq!(result["label"]["choice"], ann.unwrap()["label"]);
    }
    let made = server.cli(&[
        "label",
        "export",
        "intents",
        "--dataset",
        "own",
        "--method",
        "function:labeller",
    ]);
    let labelling = &made["lineage"]["labelling"];
    assert_eq!(
        (&labelling["method"], &labelling["method_by"]["plugin"]),
        (&json!("function:labeller"), &json!("votes@1.0.0"))
    );
    assert_eq!(labelling["decided"]["function"], 48);
    let path = "/api/v1/labelling/intents/results?method=function:labeller";
    for (breaks, says) in [
        ("nan", "NaN sure"),
        ("leaves-out", "says nothing about the task"),
    ] {
        with(json!({ "breaks": breaks }));
        let problem = server.get(path).problem(502, "invalid-output");
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{problem}"
        );
    }
    with(json!({ "breaks": "undecided" }));
    assert!(
        own("method=function:labeller")
            .values()
            .all(|r| r["method"] == "undecided" && r["label"].is_null())
    );
    server
        .get("/api/v1/labelling/intents/results?method=function:nobody")
        .problem(404, "not-found");
    for bad in ["by-lot", "function:", "function:A%20B"] {
        let path = format!("/api/v1/labelling/intents/results?method={bad}");
        server.get(&path).problem(400, "invalid-query");
    }
}

#[test]
fn a_model_votes_where_it_is_granted() {
    let (server, messages) = labelling(80, 0);
    server.push_model("minilm");
    let component = std::fs::read(built("plugins/labeller/target/labeller.wasm")).unwrap();
    let asks = "[config.functions]\n[config.aggregation]\n[requests]\ninference = [\"minilm\"]\n";
    server
        .publish(&manifest("labeller", "0.1.1", "labeller", asks), component)
        .ok();
    let about = json!({
        "billing": "a question about an invoice or a payment", "bug": "something is broken or shows an error",
        "account": "I cannot log in to my account", "cancellation": "cancel my subscription",
        "feature": "please add a feature", "privacy": "delete my personal data", "sales": "what does it cost",
        "feedback": "thank you, well done",
    });
    let model = json!([{ "name": "zero-shot", "kind": "model", "model": "minilm", "labels": about, "threshold": 0.3 }]);
    let spec =
        |grants: Value| json!({ "config": { "functions": model.to_string() }, "grants": grants });
    server
        .deploy("labeller", "labeller", "0.1.1", spec(json!({})))
        .problem(403, "grant-missing");
    server
        .deploy(
            "labeller",
            "labeller",
            "0.1.1",
            spec(json!({ "inference": ["minilm"] })),
        )
        .ok();
    let votes = server
        .post(
            "/f/default/labeller",
            &batch(&["My invoice is wrong, I paid twice", "", "嗯"]),
        )
        .ok();
    assert_eq!(votes[0][0]["label"], "billing");
    assert!(votes[0][0]["confidence"].as_f64().unwrap() >= 0.3);
    assert_eq!(votes[1], json!([null]));
    let weak = server
        .post(WEAK, &json!({ "functions": ["labeller"] }))
        .ok();
    let report = &weak["functions"][0];
    println!("{report}");
    assert!(report["coverage"].as_f64().unwrap() > 0.1);
    // Alone, nothing tells how good it is but what is known.
    assert!(report["estimated_accuracy"].is_null());
    assert!(report["checked"].as_u64() <= Some(messages.rows.len() as u64 / 5));
}
