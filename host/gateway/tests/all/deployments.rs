//! Models that are deployed, measured, loaded and called over HTTP.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use steward_registry::Lineage;

use crate::host::{Answer, Host};
use crate::onnx::{Graph, Kind, Side, TEXTS};

/// Words by number, nothing added to a text.
pub const WORDS: &str = r#"{
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "good": 1, "差": 2}}
}"#;

/// Sums up what each word says for each of two labels.
pub fn classifier(weights: &[f32; 6]) -> Vec<u8> {
    Graph::default()
        .input("input_ids", Kind::I64, TEXTS)
        .floats("weights", &[3, 2], weights)
        .integers("one", &[1])
        .node("Gather", &["weights", "input_ids"], "words", &[])
        .node("ReduceSum", &["words", "one"], "logits", &[("keepdims", 0)])
        .output("logits", Kind::F32, &[Side::Open("batch"), Side::Fixed(2)])
        .build()
}

/// The model `mood`: 1.0.0 is right, 2.0.0 fails at one of the words that it knows.
async fn host() -> Host {
    let host = Host::start().await;
    let put = async |bytes: Vec<u8>| host.registry.artifacts().put(bytes.into()).await.unwrap();
    let config = json!({ "task": "classify", "labels": ["好评", "差评"] });
    let nan = f32::NAN;
    for (version, weights) in [
        ("1.0.0", [0.0, 0.0, 3.0, 0.0, 0.0, 3.0]),
        ("1.1.0", [0.0, 0.0, 4.0, 0.0, 0.0, 4.0]),
        ("2.0.0", [0.0, 0.0, nan, 0.0, 0.0, 3.0]),
    ] {
        let files = BTreeMap::from([
            ("model.onnx".to_owned(), put(classifier(&weights)).await),
            ("tokenizer.json".to_owned(), put(WORDS.into()).await),
        ]);
        host.registry
            .push_model(
                &"default".parse().unwrap(),
                &"mood".parse().unwrap(),
                &version.parse().unwrap(),
                &config,
                files,
                &Lineage::default(),
                "test",
            )
            .await
            .unwrap();
    }
    host
}

async fn send(host: &Host, method: Method, path: &str, body: Value) -> Answer {
    let path = format!("/api/v1/models/{path}");
    Answer::of(host.operator(method, &path).json(&body)).await
}

async fn get(host: &Host, path: &str) -> Answer {
    Answer::of(host.operator(Method::GET, &format!("/api/v1/models/{path}"))).await
}

async fn classify(host: &Host, text: &str, key: &str) -> (String, Value) {
    let request = host
        .operator(Method::POST, "/api/v1/models/mood/classify")
        .header("steward-sticky-key", key)
        .json(&json!({ "texts": [text] }));
    let answer = Answer::of(request).await;
    let version = answer.headers["steward-model-version"]
        .to_str()
        .unwrap()
        .to_owned();
    let best = answer.is(200)["classifications"][0][0]["label"].clone();
    (version, best)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_a_revision_with_a_tag() {
    let host = host().await;
    get(&host, "mood/deployment")
        .await
        .problem(404, "not-found");
    let first = json!({ "stable": { "version": "1.0.0" }, "after": 0, "reason": "第一" });
    let deployed = send(&host, Method::PUT, "mood/deployment", first.clone()).await;
    assert_eq!(deployed.headers["etag"], "\"1\"");
    assert_eq!(deployed.is(200)["reason"], "第一");
    send(&host, Method::PUT, "mood/deployment", first)
        .await
        .problem(412, "deployment-changed");
    let canary = json!({
        "stable": { "version": "1.0.0" },
        "candidate": { "version": "1.1.0", "percent": 50 },
        "sticky": true,
    });
    let put = async |tag: &str| {
        let request = host
            .operator(Method::PUT, "/api/v1/models/mood/deployment")
            .header("if-match", tag)
            .json(&canary);
        Answer::of(request).await
    };
    for tag in ["\"7\"", "1", "W/\"1\""] {
        put(tag).await.problem(412, "deployment-changed");
    }
    put("\"1\"").await.is(200);
    assert_eq!(get(&host, "mood/deployment").await.headers["etag"], "\"2\"");

    // The same key, the same version; of many keys some get each.
    let mut seen = BTreeMap::<String, u32>::new();
    for n in 0..40 {
        let key = format!("客户{n}");
        let (version, label) = classify(&host, "good", &key).await;
        assert_eq!(
            (classify(&host, "差", &key).await.0, label),
            (version.clone(), "好评".into())
        );
        *seen.entry(version).or_default() += 1;
    }
    assert_eq!(seen.len(), 2, "{seen:?}");

    let promoted = send(&host, Method::POST, "mood/deployment/promote", json!({}))
        .await
        .is(200);
    assert_eq!(promoted["spec"]["stable"]["version"], "1.1.0");
    send(&host, Method::POST, "mood/deployment/promote", json!({}))
        .await
        .problem(422, "invalid-deployment");
    let back = send(
        &host,
        Method::POST,
        "mood/deployment/rollback",
        json!({"after": 3}),
    )
    .await;
    assert_eq!(back.is(200)["spec"]["stable"]["version"], "1.0.0");
    let history = get(&host, "mood/deployments").await.is(200);
    let revisions: Vec<u64> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|revision| revision["revision"].as_u64().unwrap())
        .collect();
    assert_eq!(revisions, [4, 3, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_is_not_met_is_named_for_people_and_machines() {
    let host = host().await;
    let gated = json!({
        "stable": { "version": "1.0.0" },
        "gates": [{ "metric": "accuracy[lang=zh]", "dataset": "评测", "min": 0.9 }],
    });
    let deploy = async || send(&host, Method::PUT, "mood/deployment", gated.clone()).await;
    let problem = deploy().await.problem(422, "gate-not-met");
    assert_eq!(problem.body["gates"][0]["found"], Value::Null);
    assert!(
        problem.body["detail"]
            .as_str()
            .unwrap()
            .contains("was not measured")
    );
    let measure = async |label: &str| {
        let rows = json!([
            { "text": "good", "label": "好评", "lang": "en" },
            { "text": "差", "label": label, "lang": "zh" },
        ]);
        let body = json!({ "dataset": "评测", "rows": rows });
        send(&host, Method::POST, "mood@1.0.0/evaluations", body)
            .await
            .is(200)
    };
    let measured = measure("好评").await;
    assert_eq!(measured["report"]["metrics"]["accuracy"], 0.5);
    let problem = deploy().await.problem(422, "gate-not-met");
    assert_eq!(problem.body["gates"][0]["found"], 0.0);
    measure("差评").await;
    deploy().await.is(200);
    let kept = get(&host, "mood@1.0.0/evaluations").await.is(200);
    assert_eq!(kept.as_array().unwrap().len(), 1);
    for bad in [
        json!({ "dataset": "x", "rows": [] }),
        json!({ "dataset": "x", "rows": [{ "text": "good" }] }),
    ] {
        send(&host, Method::POST, "mood/evaluations", bad)
            .await
            .problem(400, "invalid-input");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deployed_is_watched_and_stays_in_memory() {
    let host = host().await;
    let canary = json!({
        "stable": { "version": "1.0.0" },
        "candidate": { "version": "2.0.0", "percent": 100 },
        "rollback": { "max_consecutive_errors": 1000, "min_calls": 1000 },
    });
    send(&host, Method::PUT, "mood/deployment", canary)
        .await
        .is(200);
    for n in 0..10 {
        // The candidate fails, and nobody is told.
        let (version, label) = classify(&host, "good", &n.to_string()).await;
        assert_eq!((version.as_str(), label), ("1.0.0", "好评".into()));
    }
    let status = get(&host, "mood/status").await.is(200);
    assert_eq!(status["stable"]["calls"], 10);
    assert_eq!(
        (
            &status["candidate"]["calls"],
            &status["candidate"]["errors"]
        ),
        (&json!(10), &json!(10))
    );
    let guard = &status["candidate"]["guard"];
    assert_eq!(
        (&guard["verdict"], &guard["needs"]),
        (&json!("undecided"), &json!(990))
    );

    let text = Answer::of(host.ask(Method::GET, "/metrics")).await.is(200);
    let text = text.as_str().unwrap();
    let labels = r#"tenant="default",model="mood",role="candidate",version="2.0.0""#;
    let line = format!("steward_model_target_errors_total{{{labels}}} 10");
    assert!(text.contains(&line), "{text}");
    assert!(text.contains("steward_model_rollbacks_total{tenant=\"default\",model=\"mood\"} 0"));

    send(&host, Method::POST, "mood@2.0.0/unload", json!({}))
        .await
        .problem(409, "model-deployed");
    let loaded = send(&host, Method::POST, "mood@1.1.0/load", json!({}))
        .await
        .is(200);
    assert_eq!(loaded["model"], "mood@1.1.0");
    let unloaded = send(&host, Method::POST, "mood@1.1.0/unload", json!({}))
        .await
        .is(200);
    assert_eq!(unloaded["unloaded"], 1);
    send(&host, Method::POST, "mood@9.0.0/load", json!({}))
        .await
        .problem(404, "unknown-model");
    let alias = json!({ "version": "1.1.0" });
    send(&host, Method::PUT, "mood/aliases/stable", alias)
        .await
        .problem(422, "invalid");
}
