//! What goes wrong, and how it is said.

use reqwest::Method;
use serde_json::json;

use crate::guest;
use crate::host::{Answer, Host};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem() {
    let host = Host::start().await;
    for path in [
        "/nothing",
        "/api/v1",
        "/api/v2/plugins",
        "/f",
        "/f/",
        "/f//",
        "/f/default",
        "/f//echo",
        "/api/v1/plugins/",
    ] {
        Answer::of(host.operator(Method::GET, path))
            .await
            .problem(404, "no-such-route");
    }
    for (path, code) in [
        ("/f/default/absent", "unknown-function"),
        ("/f/default/%2e%2eecho", "unknown-function"),
        ("/f/default/..%2fecho", "unknown-function"),
        ("/f/default/ECHO", "unknown-function"),
        ("/f/default/echo/absent", "unknown-export"),
        ("/f/default/echo/clean/more", "unknown-export"),
    ] {
        Answer::of(host.operator(Method::POST, path).body("{}"))
            .await
            .problem(404, code);
    }
    Answer::of(host.operator(Method::GET, "/api/v1/plugins/absent"))
        .await
        .problem(404, "not-found");
    for path in [
        "/api/v1/plugins/UPPER",
        "/api/v1/plugins/..%2f..%2fetc",
        "/api/v1/plugins/%ff",
    ] {
        Answer::of(host.operator(Method::GET, path))
            .await
            .problem(400, "invalid-path");
    }
    for query in ["since=yesterday", "until=1"] {
        Answer::of(host.operator(Method::GET, &format!("/api/v1/usage?{query}")))
            .await
            .problem(400, "invalid-query");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_says_which_are_right() {
    let host = Host::start().await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = Answer::of(host.operator(method, "/f/default/echo"))
            .await
            .problem(405, "method-not-allowed");
        assert_eq!(answer.headers["allow"], "POST");
    }
    let answer = Answer::of(host.operator(Method::PATCH, "/api/v1/keys"))
        .await
        .problem(405, "method-not-allowed");
    let allow = answer.headers["allow"].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_json_is_shown_by_its_place() {
    let host = Host::start().await;
    let deep = "[".repeat(100_000).into_bytes();
    let any: &[&[u8]] = &[
        b"",
        b"{",
        b"nul",
        b"{} {}",
        b"{\"a\": 1",
        b"\"\\ud800\"",
        b"\"\xff\"",
        &deep,
    ];
    let keys: &[&[u8]] = &[
        b"",
        b"{",
        b"nul",
        b"{\"name\": ]",
        b"{\"name\": \"\xff\"",
        b"{\"name\": \"a\nb\"",
    ];
    for (path, texts) in [("/f/default/echo", any), ("/api/v1/keys", keys)] {
        for text in texts {
            let request = host.operator(Method::POST, path).body(text.to_vec());
            let answer = Answer::of(request).await.problem(400, "invalid-json");
            assert!(
                answer.body["line"].is_u64() && answer.body["column"].is_u64(),
                "{answer:?}"
            );
        }
    }
    let request = host
        .operator(Method::POST, "/f/default/echo")
        .body("{\n  \"batch\": ]");
    let answer = Answer::of(request).await.problem(400, "invalid-json");
    assert_eq!(
        (answer.body["line"].as_u64(), answer.body["column"].as_u64()),
        (Some(2), Some(12))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_types_are_shown_by_their_path() {
    let host = Host::start().await;
    let call = |input: serde_json::Value| {
        Answer::of(host.operator(Method::POST, "/f/default/echo").json(&input))
    };
    for (input, path) in [
        (
            json!({"batch": [{"id": "1", "text": "a"}, {"id": 2, "text": "b"}]}),
            "batch[1].id",
        ),
        (json!({"batch": "x"}), "batch"),
    ] {
        let answer = call(input).await.problem(400, "invalid-input");
        assert_eq!(answer.body["path"], path, "{answer:?}");
    }
    for input in [
        json!([]),
        json!(null),
        json!({}),
        json!({"batch": [], "more": 1}),
        json!({"batch": [{"id": "1"}]}),
    ] {
        call(input).await.problem(400, "invalid-input");
    }
    let body = json!({"plugin": "echo", "targets": [{"version": "1.0.0", "percent": "all"}]});
    let answer = Answer::of(
        host.operator(Method::PUT, "/api/v1/functions/echo")
            .json(&body),
    )
    .await
    .problem(400, "invalid-input");
    assert_eq!(answer.body["path"], "targets[0].percent");
    let unknown = json!({"name": "x", "role": "operator", "admin": true});
    Answer::of(host.operator(Method::POST, "/api/v1/keys").json(&unknown))
        .await
        .problem(400, "invalid-input");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_guest_is_told_apart_and_hurts_nobody_else() {
    let host = Host::start().await;
    host.call(guest::CRASH).await.problem(502, "guest-crashed");
    let answer = host
        .call(guest::REFUSE)
        .await
        .problem(422, "guest-invalid-input");
    assert_eq!(answer.body["detail"], "no");
    let hasty = host
        .operator(Method::POST, "/f/default/hasty")
        .json(&guest::batch(guest::FOR_EVER));
    Answer::of(hasty).await.problem(504, "deadline-exceeded");
    assert_eq!(host.call(0).await.is(200), json!([]));
    assert_eq!(host.call(guest::SLOW).await.is(200), json!(["kept"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_cannot_run_says_so() {
    let host = Host::start().await;
    let texts = json!({"texts": ["x"]});
    let answer = Answer::of(
        host.operator(Method::POST, "/api/v1/models/echo/embed")
            .json(&texts),
    )
    .await;
    assert!([422, 503].contains(&answer.status), "{answer:?}");
    assert!(
        !answer.body.to_string().contains("/models/"),
        "no path of the host: {answer:?}"
    );
    Answer::of(
        host.operator(Method::POST, "/api/v1/models/absent/embed")
            .json(&texts),
    )
    .await
    .problem(404, "unknown-model");
    Answer::of(
        host.operator(Method::POST, "/api/v1/models/echo@../embed")
            .json(&texts),
    )
    .await
    .problem(400, "invalid-path");
    Answer::of(
        host.operator(Method::POST, "/api/v1/models/echo@..%2f/embed")
            .json(&texts),
    )
    .await
    .problem(400, "invalid-path");
}
