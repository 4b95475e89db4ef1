//! The loop: feedback → the trace that caused it → the version of the model that answered → preference rows and labels →
//! the next version → an experiment that proves it. Every arrow is gone through the product, by its command line or its API;
//! what the test knows itself it only uses to check what it is told.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::services::{HttpStandIn, Reply};
use steward_tests::{Server, built, root, until};

/// What the first labels hardly know.
const RARE: [&str; 2] = ["damaged-item", "invoice"];

/// A message of somebody, and what they want.
struct Message {
    text: String,
    label: String,
}

/// The labels that there are at first, in which two intents have hardly an example, and what users ask before and after.
struct Parts {
    base: Vec<Value>,
    before: Vec<Message>,
    after: Vec<Message>,
}

impl Parts {
    fn new() -> Self {
        let path = root().join("examples/customer-service/data/intents.jsonl");
        let text = std::fs::read_to_string(path).unwrap();
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        let (mut base, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let of = |field: &str| row[field].as_str().unwrap().to_owned();
            let count = counts.entry((of("label"), of("lang"))).or_default();
            let place = *count;
            *count += 1;
            let message = Message {
                text: of("text"),
                label: of("label"),
            };
            match (RARE.contains(&message.label.as_str()), place) {
                (true, n) if n % 14 == 1 => base.push(row),
                (true, n) if n % 2 == 0 => before.push(message),
                (true, _) => after.push(message),
                (false, n) if n % 6 == 0 => before.push(message),
                (false, n) if n % 6 == 3 => after.push(message),
                (false, _) => base.push(row),
            }
        }
        Self {
            base,
            before,
            after,
        }
    }
}

/// What a host needs to take in feedback.
fn take_feedback(server: &Server) {
    server.publish_first_party("anonymizer");
    server
        .deploy("anonymizer", "anonymizer", "0.2.0", json!({}))
        .ok();
    server.publish_first_party("feedback");
    server
        .deploy("feedback", "feedback", "0.1.0", json!({}))
        .ok();
}

/// A host with the function `support`, which says what a message wants by the model `intents`.
fn publish(server: &Server) {
    server.push_model("minilm");
    take_feedback(server);
    let manifest = std::fs::read_to_string(root().join("examples/loop/steward.toml")).unwrap();
    let component = std::fs::read(built("plugins/labeller/target/labeller.wasm")).unwrap();
    server.publish(&manifest, component).ok();
}

fn deploy_support(server: &Server) {
    let functions = root().join("examples/loop/functions.json");
    let rest = json!({
        "config": { "functions": std::fs::read_to_string(functions).unwrap() },
        "grants": { "inference": ["intents"] },
    });
    server.deploy("support", "support", "1.0.0", rest).ok();
}

/// What a caller has in hand after a call.
struct Called {
    label: String,
    invocation: String,
}

/// The trace of a user's n-th call.
fn trace(round: u32, user: usize) -> String {
    format!("{:032x}", (u128::from(round) << 64) + user as u128 + 1)
}

/// Somebody asks `support`.
#[track_caller]
fn ask(server: &Server, user: &str, trace: &str, text: &str) -> Called {
    let batch = json!({ "batch": [{ "id": "1", "text": text }] });
    let response = server
        .request("POST", "/f/default/support")
        .header("content-type", "application/json")
        .header("steward-sticky-key", user)
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .body(batch.to_string())
        .send()
        .unwrap();
    let status = response.status();
    let invocation = response.headers()["steward-invocation-id"].to_str();
    let invocation = invocation.unwrap().to_owned();
    let text = response.text().unwrap();
    assert!(status.is_success(), "{status}: {text}");
    let votes: Value = serde_json::from_str(&text).unwrap();
    Called {
        label: votes[0][0]["label"].as_str().unwrap().to_owned(),
        invocation,
    }
}

/// What a user says of an answer: thumbs up, or what it should have been.
fn judged(user: &str, message: &Message, called: &Called) -> Value {
    let mut said = json!({
        "respondent": user, "function": "support", "prompt": message.text, "completion": called.label,
    });
    match called.label == message.label {
        true => said["liked"] = json!(true),
        false => said["correction"] = json!(message.label),
    }
    said
}

fn rows(server: &Server, snapshot: &str) -> Vec<Value> {
    let rows = server
        .request("GET", &format!("/api/v1/datasets/{snapshot}/rows"))
        .send()
        .unwrap()
        .text()
        .unwrap();
    rows.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn write(folder: &Path, name: &str, rows: &[Value]) -> String {
    let path = folder.join(name);
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(&path, lines).unwrap();
    path.to_str().unwrap().to_owned()
}

#[track_caller]
fn number(value: &Value, pointer: &str) -> f64 {
    let found = value.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

/// The span of a call in what the collector got: its attributes, once it has come.
fn span_of(collector: &HttpStandIn, invocation: &str) -> (String, BTreeMap<String, Value>) {
    until("the span of the call", || {
        let posts = collector.received();
        let posts = posts.iter().filter(|post| post.path == "/v1/traces");
        let each = |value: &Value, list: &str| value[list].as_array().cloned().unwrap_or_default();
        let spans = posts
            .flat_map(|post| each(&post.json(), "resourceSpans"))
            .flat_map(|resource| each(&resource, "scopeSpans"))
            .flat_map(|scope| each(&scope, "spans"));
        spans
            .map(|span| {
                let attributes = each(&span, "attributes").into_iter().map(|attribute| {
                    let name = attribute["key"].as_str().unwrap_or_default().to_owned();
                    (name, attribute["value"]["stringValue"].clone())
                });
                let trace = span["traceId"].as_str().unwrap_or_default().to_owned();
                (trace, attributes.collect::<BTreeMap<String, Value>>())
            })
            .find(|(_, attributes)| {
                attributes.get("faas.invocation_id") == Some(&json!(invocation))
            })
    })
}

#[test]
fn feedback_leads_to_the_model_that_answered_and_to_a_better_one_that_is_proven() {
    let parts = Parts::new();
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let collector = HttpStandIn::start(|_, _| Reply::new(200, "{}"));
    let origin = collector.origin();
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*origin),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ];
    let mut server = Server::start_in(data.path(), &[], &env);
    publish(&server);

    // The first version learns from what there is, and answers behind a function.
    let file = write(folder.path(), "intents.jsonl", &parts.base);
    let pushed = server.cli(&["dataset", "push", "intents", &file]);
    assert_eq!(pushed["rows"], json!(parts.base.len()));
    let train = [
        "model",
        "train",
        "intents",
        "--dataset",
        "intents",
        "--base",
        "minilm",
        "--folds",
        "0",
    ];
    let first = server.cli(&train);
    assert_eq!(first["outcome"]["model"], "intents@1.0.0");
    server.cli(&["model", "deploy", "intents@1.0.0"]);
    deploy_support(&server);

    // Users ask, and say what they think of the answers. An application names the call by its id or by its own trace.
    let mut said = Vec::new();
    let mut wrong = 0;
    for (n, message) in parts.before.iter().enumerate() {
        let (user, trace) = (format!("u-{n}"), trace(1, n));
        let called = ask(&server, &user, &trace, &message.text);
        let mut one = judged(&user, message, &called);
        match n % 2 {
            0 => one["invocation"] = json!(called.invocation),
            _ => one["trace"] = json!(trace),
        }
        wrong += usize::from(called.label != message.label);
        said.push(one);
    }
    assert!(wrong > 50, "the first version is to be poor: {wrong} wrong");
    let taken = server
        .post("/api/v1/feedback", &json!({ "feedback": said }))
        .ok();
    assert_eq!(
        (&taken["added"], &taken["rejected"]),
        (&json!(parts.before.len()), &json!(0)),
        "{taken}"
    );
    // One more by the command line, in words and with a rating.
    let called = ask(&server, "u-0", &trace(1, 9999), &parts.before[0].text);
    let send = [
        "feedback",
        "send",
        "--text",
        "又答错了",
        "--rating",
        "1",
        "--respondent",
        "u-0",
        "--about",
        "support",
        "--invocation",
        &called.invocation,
        "--id",
        "complaint-1",
    ];
    assert_eq!(server.cli(&send)["added"], 1);

    // Feedback → the trace that caused it → the version of the model.
    let listed = server.cli(&["feedback", "list", "--model", "intents", "--limit", "1000"]);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), parts.before.len() + 1);
    for one in listed {
        assert_eq!(
            (&one["function"], &one["model"]),
            (&json!("support@1.0.0"), &json!("intents@1.0.0")),
            "{one}"
        );
        assert!(
            one["trace"].is_string() && one["invocation"].is_string(),
            "{one}"
        );
    }
    let complaint = listed.last().unwrap();
    assert_eq!(
        (
            &complaint["id"],
            &complaint["trace"],
            &complaint["said"]["rating"]
        ),
        (&json!("complaint-1"), &json!(trace(1, 9999)), &json!(1.0))
    );
    let corrected: Vec<&Value> = listed
        .iter()
        .filter(|one| one["said"]["correction"].is_string())
        .collect();
    assert_eq!(corrected.len(), wrong);
    let complaint = *corrected.last().unwrap();
    let invocation = complaint["invocation"].as_str().unwrap();
    let place = format!("/api/v1/functions/support/invocations/{invocation}");
    let call = server.get(&place).ok();
    assert_eq!(
        (&call["trace"], &call["version"], &call["models"]),
        (
            &complaint["trace"],
            &json!("1.0.0"),
            &json!(["intents@1.0.0"])
        ),
        "{call}"
    );
    let (traced, attributes) = span_of(&collector, invocation);
    assert_eq!(complaint["trace"], json!(traced));
    assert_eq!(attributes["steward.models"], "intents@1.0.0");
    let blamed = server.cli(&["model", "show", complaint["model"].as_str().unwrap()]);
    assert_eq!(
        (&blamed["lineage"]["dataset"], &blamed["lineage"]["run"]),
        (&json!("intents@1"), &first["id"])
    );

    // What feedback says outlives the records of the calls.
    server.kill();
    let server = Server::start_in(data.path(), &[], &env);
    assert_eq!(server.get(&place).status, 404);
    let again = server
        .get("/api/v1/feedback?limit=1000&model=intents@1.0.0")
        .ok();
    assert_eq!(again["feedback"].as_array().unwrap(), listed);

    // … → preference rows, as TRL reads them, of that version of the model.
    let export = [
        "feedback",
        "export",
        "--dataset",
        "preferences",
        "--model",
        "intents@1.0.0",
    ];
    let made = server.cli(&export);
    let about = &made["lineage"]["feedback"];
    assert_eq!(
        (&about["models"], &about["judged"]),
        (&json!(["intents@1.0.0"]), &json!(parts.before.len()))
    );
    let truth: BTreeMap<&str, &str> = parts
        .before
        .iter()
        .map(|message| (message.text.as_str(), message.label.as_str()))
        .collect();
    let preferred = rows(&server, "preferences@1");
    assert_eq!(preferred.len(), wrong);
    for row in &preferred {
        let fields: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["prompt", "chosen", "rejected"], "{row}");
        assert_ne!(row["chosen"], row["rejected"]);
        // What the anonymizer changed is no message of ours any more.
        if let Some(label) = truth.get(row["prompt"].as_str().unwrap()) {
            assert_eq!(row["chosen"], *label);
        }
    }

    // … → labels: the next snapshot of what the model was trained on.
    let export = [
        "feedback",
        "export",
        "--dataset",
        "intents",
        "--format",
        "labels",
        "--model",
        "intents@1.0.0",
        "--with",
        "intents@1",
    ];
    let made = server.cli(&export);
    let lineage = &made["lineage"];
    let about = &lineage["feedback"];
    assert_eq!(
        (&made["snapshot"], &lineage["from"], &about["models"]),
        (&json!(2), &json!("intents@1"), &json!(["intents@1.0.0"])),
        "{made}"
    );
    assert_eq!(
        (&about["kept"], &about["corrected"], &about["contradictory"]),
        (&json!(parts.base.len()), &json!(wrong), &json!(0)),
        "{made}"
    );
    let labelled = rows(&server, "intents@2");
    assert_eq!(labelled.len(), parts.base.len() + parts.before.len());
    assert_eq!(labelled[..parts.base.len()], parts.base);
    let traces: BTreeSet<&str> = listed
        .iter()
        .map(|one| one["trace"].as_str().unwrap())
        .collect();
    for row in &labelled[parts.base.len()..] {
        assert_eq!(row["feedback"]["model"], "intents@1.0.0", "{row}");
        assert!(
            traces.contains(row["feedback"]["trace"].as_str().unwrap()),
            "{row}"
        );
    }

    // … → the next version, whose lineage leads back to the feedback.
    let second = server.cli(&train);
    let told = &second["outcome"];
    assert_eq!(
        (&told["model"], &told["dataset"]),
        (&json!("intents@1.1.0"), &json!("intents@2"))
    );
    let accuracy = number(told, "/held_out/metrics/accuracy");
    assert!(accuracy > 0.85, "{told}");
    let shown = server.cli(&["model", "show", "intents@1.1.0"]);
    let learned_from = shown["lineage"]["dataset"].as_str().unwrap();
    let (name, snapshot) = learned_from.split_once('@').unwrap();
    let snapshots = server.cli(&["dataset", "show", name]);
    let mut snapshots = snapshots.as_array().unwrap().iter();
    let snapshot: u64 = snapshot.parse().unwrap();
    let learned_from = snapshots.find(|one| one["snapshot"] == snapshot);
    assert_eq!(learned_from.unwrap()["lineage"], *lineage);

    // … → an experiment: half of the users meet the new version, each always the same one.
    let deploy = [
        "model",
        "deploy",
        "intents@1.1.0",
        "--percent",
        "50",
        "--sticky",
        "--gate",
        "accuracy@intents/held-out>=0.85",
        "--max-psi",
        "10",
        "--min-calls",
        "1000",
        "--reason",
        "it learned from what users corrected",
    ];
    server.cli(&deploy);
    let mut said = Vec::new();
    let mut users: Vec<(String, &Message, Called)> = Vec::new();
    for (n, message) in parts.after.iter().enumerate() {
        let user = format!("v-{n}");
        let called = ask(&server, &user, &trace(2, n), &message.text);
        let mut one = judged(&user, message, &called);
        one["invocation"] = json!(called.invocation);
        said.push(one);
        users.push((user, message, called));
    }
    let models_of = |invocation: &str| {
        let place = format!("/api/v1/functions/support/invocations/{invocation}");
        server.get(&place).ok()["models"].clone()
    };
    for (n, (user, message, called)) in users.iter().enumerate().take(12) {
        let again = ask(&server, user, &trace(3, n), &message.text);
        assert_eq!(again.label, called.label);
        assert_eq!(
            models_of(&again.invocation),
            models_of(&called.invocation),
            "{user}"
        );
    }
    let taken = server
        .post("/api/v1/feedback", &json!({ "feedback": said }))
        .ok();
    assert_eq!(taken["added"], json!(parts.after.len()));

    // What users said since is read back by the experiment. The feedback of before is of users who met only the first
    // version because there was no other: a time keeps it out.
    let since = server.get("/api/v1/models/intents/deployment").ok()["created_at"].clone();
    let compare = [
        "feedback",
        "experiment",
        "intents@1.0.0",
        "intents@1.1.0",
        "--since",
        since.as_str().unwrap(),
        "--sequential-tuning",
        "200",
    ];
    let found = server.cli(&compare);
    println!("{found}");
    let arms = found["arms"].as_array().unwrap();
    let count = |what: &str| {
        arms.iter()
            .map(|arm| arm[what].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(
        (count("users"), count("judged")),
        (parts.after.len() as u64, parts.after.len() as u64)
    );
    assert_eq!(
        (&found["crossed"], &found["nameless"]),
        (&json!(0), &json!(0))
    );
    // The same counted from what each user got.
    for (place, version) in ["intents@1.0.0", "intents@1.1.0"].into_iter().enumerate() {
        let of_arm: Vec<bool> = users
            .iter()
            .filter(|(_, _, called)| models_of(&called.invocation) == json!([version]))
            .map(|(_, message, called)| message.label == called.label)
            .collect();
        assert_eq!(arms[place]["users"], json!(of_arm.len()), "{found}");
        assert!((50..120).contains(&of_arm.len()), "{found}");
        let mean = of_arm.iter().filter(|right| **right).count() as f64 / of_arm.len() as f64;
        assert!(
            (number(&arms[place], "/mean") - mean).abs() < 1e-12,
            "{found}"
        );
    }
    let result = &found["result"];
    assert_eq!(result["sample_ratio_mismatch"], false, "{found}");
    let new = &result["comparisons"][0];
    assert_eq!(new["arm"], "intents@1.1.0");
    assert!(number(new, "/absolute/difference") > 0.2, "{found}");
    assert!(number(new, "/absolute/p_value") < 0.001, "{found}");
    assert!(
        number(new, "/absolute/sequential_p_value") < 0.05,
        "{found}"
    );
    assert!(number(new, "/proportions_p_value") < 0.001, "{found}");
    assert!(number(new, "/absolute/chance_to_win") > 0.999, "{found}");

    // It has won: from now on everybody meets it.
    let promoted = server.cli(&["model", "promote", "intents"]);
    assert_eq!(promoted["spec"]["stable"]["version"], "1.1.0");
    for (n, (user, message, _)) in users.iter().enumerate().take(12) {
        let called = ask(&server, user, &trace(4, n), &message.text);
        assert_eq!(models_of(&called.invocation), json!(["intents@1.1.0"]));
    }
}

#[test]
fn what_nobody_knows_is_not_made_up() {
    let server = Server::start();
    take_feedback(&server);

    // A trace that called the function once is that call; one that called it twice leaves open which.
    let call = |trace: &str| {
        let request = server
            .request("POST", "/f/default/feedback")
            .header("content-type", "application/json")
            .header("traceparent", format!("00-{trace}-b7ad6b7169203331-00"))
            .body(json!({ "batch": [] }).to_string());
        server.send(request).ok();
    };
    let (once, twice, never) = (trace(1, 1), trace(1, 2), trace(1, 3));
    for trace in [&once, &twice, &twice] {
        call(trace);
    }
    let about = |trace: &str, model: Value| {
        json!({
            "text": "慢", "function": "feedback", "trace": trace, "model": model, "respondent": "r-1", "liked": true,
        })
    };
    let given = json!({ "feedback": [
        about(&once, json!(null)), about(&twice, json!(null)), about(&never, json!("answers@2.0.0")),
    ]});
    server.post("/api/v1/feedback", &given).ok();
    let kept = server.get("/api/v1/feedback").ok();
    let told: Vec<Value> = kept["feedback"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            json!([
                one["function"],
                one["trace"],
                one["invocation"].is_string(),
                one["model"]
            ])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!(["feedback@0.1.0", once, true, null]),
            json!(["feedback", twice, false, null]),
            json!(["feedback", never, false, "answers@2.0.0"]),
        ]
    );
    // No id of a trace is taken that is none.
    let wrong = json!({ "feedback": [about("lin@example.com", json!(null))] });
    let refused = server.post("/api/v1/feedback", &wrong).ok();
    let reason = refused["reasons"][0]["reason"].as_str().unwrap();
    assert!(
        refused["added"] == 0 && reason.contains("`trace`"),
        "{refused}"
    );

    // No labels out of feedback that says none, and nothing is left of the attempt.
    let labels = json!({ "output": "labels", "format": "labels" });
    let told = server
        .post("/api/v1/feedback/snapshots", &labels)
        .problem(422, "invalid");
    assert!(
        told["detail"].as_str().unwrap().contains("`correction`"),
        "{told}"
    );
    server
        .get("/api/v1/datasets/labels")
        .problem(404, "not-found");
    for wrong in [
        json!({ "output": "labels", "format": "standard", "with": "intents@1" }),
        json!({ "output": "labels", "fields": { "label": "intent" } }),
        json!({ "output": "labels", "format": "labels", "fields": { "label": "text" } }),
    ] {
        server
            .post("/api/v1/feedback/snapshots", &wrong)
            .problem(422, "invalid");
    }
    let missing = json!({ "output": "labels", "format": "labels", "with": "intents@1" });
    server
        .post("/api/v1/feedback/snapshots", &missing)
        .problem(404, "not-found");

    // No experiment between what is no version, and none with an arm that nobody met.
    let compare =
        |arms: Value| server.post("/api/v1/feedback/experiments", &json!({ "arms": arms }));
    compare(json!([{ "name": "answers@2.0.0" }])).problem(422, "invalid");
    let told = compare(json!([{ "name": "answers" }, { "name": "answers@2.0.0" }]));
    let told = told.problem(422, "invalid");
    assert!(
        told["detail"]
            .as_str()
            .unwrap()
            .contains("`answers@VERSION`"),
        "{told}"
    );
    let refused = compare(json!([{ "name": "answers@1.0.0" }, { "name": "answers@2.0.0" }]));
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(
        refused
            .body
            .to_string()
            .contains("`answers@1.0.0` has no users"),
        "{refused:?}"
    );
    let env = [("STEWARD_URL", &*server.url), ("STEWARD_KEY", &*server.key)];
    let output = cli(
        &["feedback", "experiment", "answers@1.0.0", "answers@2.0.0"],
        &env,
    );
    assert_eq!(output.status.code(), Some(6), "{output:?}");
}
