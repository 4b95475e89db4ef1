//! The description and the counters.

use reqwest::Method;
use serde_json::{Value, json};

use crate::guest;
use crate::host::{Answer, Host};

#[tokio::test(flavor = "multi_thread")]
async fn the_document_served_is_the_one_generated_and_is_whole() {
    let host = Host::start().await;
    let served = Answer::of(host.ask(Method::GET, "/openapi.json"))
        .await
        .is(200);
    assert_eq!(
        served,
        serde_json::to_value(steward_gateway::openapi()).unwrap()
    );
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1"));

    // Every reference leads somewhere, and every operation says how it fails.
    let text = served.to_string();
    for reference in text.split(r##""$ref":"#"##).skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(served.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in served["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let problem = &operation["responses"]["default"]["content"]["application/problem+json"]
                ["schema"]["$ref"];
            assert_eq!(problem, "#/components/schemas/Problem", "{path}");
            assert!(operation["summary"].is_string(), "{path} has no summary");
            ids.insert(operation["operationId"].to_string());
        }
    }
    assert!(ids.len() > 20);
}

/// A part of `allOf` that lets nothing stand beside its own members makes every answer of the whole a wrong one.
fn closed<'a>(whole: &'a Value, part: &'a Value, found: &mut Vec<&'a Value>) {
    for combined in part["allOf"].as_array().into_iter().flatten() {
        let meant = match combined["$ref"].as_str() {
            Some(reference) => whole.pointer(reference.trim_start_matches('#')).unwrap(),
            None => combined,
        };
        if meant["additionalProperties"] == false {
            found.push(part);
        }
    }
    match part {
        Value::Object(members) => members.values().for_each(|v| closed(whole, v, found)),
        Value::Array(items) => items.iter().for_each(|v| closed(whole, v, found)),
        _ => {}
    }
}

#[test]
fn what_is_put_together_leaves_room_for_its_parts() {
    let document = serde_json::to_value(steward_gateway::openapi()).unwrap();
    let mut found = Vec::new();
    closed(&document, &document, &mut found);
    assert!(found.is_empty(), "{found:#?}");
    // The search finds what it is for.
    let wrong = json!({
        "a": { "allOf": [{ "$ref": "#/b" }, { "type": "object" }] },
        "b": { "type": "object", "additionalProperties": false },
    });
    let mut found = Vec::new();
    closed(&wrong, &wrong, &mut found);
    assert_eq!(found, [&wrong["a"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted() {
    let host = Host::start().await;
    host.call(0).await.is(200);
    host.call(guest::CRASH).await.problem(502, "guest-crashed");
    Answer::of(host.ask(Method::GET, "/api/v1/me"))
        .await
        .problem(401, "missing-key");
    let answer = Answer::of(host.ask(Method::GET, "/metrics")).await;
    assert!(
        answer.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let Value::String(text) = answer.is(200) else {
        panic!("not a text")
    };
    for line in [
        r#"steward_http_requests_total{class="invoke",status="200"} 1"#,
        r#"steward_http_requests_total{class="invoke",status="502"} 1"#,
        r#"steward_http_requests_total{class="me",status="401"} 1"#,
        r#"steward_authentication_refusals_total{reason="missing-key"} 1"#,
        r#"steward_http_request_duration_seconds_count{class="invoke"} 2"#,
        r#"steward_http_request_duration_seconds_bucket{le="+Inf",class="invoke"} 2"#,
        r#"steward_function_calls_total{tenant="default",function="echo",version="1.0.0"} 2"#,
        r#"steward_function_errors_total{tenant="default",function="echo",version="1.0.0"} 1"#,
        "steward_models_loaded 0",
    ] {
        assert!(
            text.lines().any(|l| l == line),
            "{line} is missing from\n{text}"
        );
    }
    let resident = text
        .lines()
        .find_map(|l| l.strip_prefix("process_resident_memory_bytes "))
        .unwrap();
    assert!(resident.parse::<u64>().unwrap() > 1 << 20);
    assert!(text.ends_with("# EOF\n"));
    assert!(!text.contains("stw_"), "no key is a label");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_a_name() {
    let host = Host::start().await;
    for path in ["/livez", "/f/default/echo"] {
        let named = host
            .ask(Method::GET, path)
            .header("x-request-id", "order-17");
        assert_eq!(Answer::of(named).await.headers["x-request-id"], "order-17");
        let forged = host.ask(Method::GET, path).header("x-request-id", "a b");
        assert_eq!(Answer::of(forged).await.headers["x-request-id"].len(), 26);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_to_the_export_that_the_path_names() {
    let host = Host::start().await;
    for path in [
        "/f/default/echo",
        "/f/default/echo/",
        "/f/default/echo/clean",
        "/f/default/echo/fingerprint",
    ] {
        let answer = Answer::of(host.operator(Method::POST, path).json(&guest::batch(0))).await;
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.is(200), json!([]), "{path}");
    }
    let invoker = host
        .ask(Method::POST, "/f/default/echo")
        .bearer_auth(&host.keys["invoker"]);
    Answer::of(invoker.json(&guest::batch(0))).await.is(200);
}
