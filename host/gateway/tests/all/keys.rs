//! The life of a key, and of secrets.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::host::{Answer, Host};

async fn create(host: &Host, role: &str) -> (String, String) {
    let body = json!({"name": "ci", "role": role});
    let answer = Answer::of(host.operator(Method::POST, "/api/v1/keys").json(&body)).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.is(201);
    assert!(body.get("secret_hash").is_none());
    (
        body["id"].as_str().unwrap().to_owned(),
        body["key"].as_str().unwrap().to_owned(),
    )
}

async fn status_of_me(host: &Host, key: &str) -> u16 {
    Answer::of(host.ask(Method::GET, "/api/v1/me").bearer_auth(key))
        .await
        .status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_works_from_its_creation_to_its_revocation() {
    let host = Host::start().await;
    let (id, key) = create(&host, "viewer").await;
    let me = Answer::of(host.ask(Method::GET, "/api/v1/me").bearer_auth(&key))
        .await
        .is(200);
    assert_eq!(
        (
            me["id"].as_str(),
            me["role"].as_str(),
            me["tenant"].as_str()
        ),
        (Some(id.as_str()), Some("viewer"), Some("default"))
    );

    let secret = key.rsplit('_').next().unwrap().to_owned();
    let list = Answer::of(host.operator(Method::GET, "/api/v1/keys"))
        .await
        .is(200)
        .to_string();
    assert!(list.contains(&id) && !list.contains(&secret));

    let path = format!("/api/v1/keys/{id}");
    for _ in 0..2 {
        let revoked = Answer::of(host.operator(Method::DELETE, &path))
            .await
            .is(200);
        assert!(revoked["revoked_at"].is_string());
        assert_eq!(status_of_me(&host, &key).await, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_with_a_revoked_key_is_one_entry_of_the_audit_log() {
    let host = Host::start().await;
    let (id, key) = create(&host, "viewer").await;
    Answer::of(host.operator(Method::DELETE, &format!("/api/v1/keys/{id}")))
        .await
        .is(200);
    let guessed = format!("stw_{id}_{}", "A".repeat(43));
    for _ in 0..20 {
        assert_eq!(status_of_me(&host, &key).await, 401);
        assert_eq!(status_of_me(&host, &guessed).await, 401);
        // Keys that are nobody's are in no log.
        let nobodys = format!("stw_{}_{}", "0".repeat(26), "A".repeat(43));
        assert_eq!(status_of_me(&host, &nobodys).await, 401);
    }
    let refused = async || {
        let log = Answer::of(host.operator(Method::GET, "/api/v1/audit"))
            .await
            .is(200);
        let entries = log.as_array().unwrap().iter();
        let refused = entries.filter(|entry| entry["action"] == "authenticate");
        refused.cloned().collect::<Vec<_>>()
    };
    let begin = Instant::now();
    let entries = loop {
        let entries = refused().await;
        if entries.len() >= 2 {
            break entries;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{entries:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    // How many requests the entry speaks of depends on when it was written.
    assert_eq!(entries.len(), 2, "{entries:?}");
    for code in ["invalid-key", "revoked-key"] {
        let entry = entries.iter().find(|entry| entry["outcome"] == code);
        let entry = entry.unwrap_or_else(|| panic!("{code}: {entries:?}"));
        assert_eq!(entry["principal"], *id, "{entry}");
        let target = entry["target"].as_str().unwrap();
        assert!(target.contains("request"), "{entry}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_changes_is_seen() {
    let host = Host::start().await;
    let (id, key) = create(&host, "invoker").await;
    assert_eq!(status_of_me(&host, &key).await, 200);
    let tenant = "default".parse().unwrap();
    host.registry.revoke_key(&tenant, &id).await.unwrap();
    let begin = Instant::now();
    while status_of_me(&host, &key).await != 401 {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "the key is still accepted"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_would_never_work_is_not_made() {
    let host = Host::start().await;
    let past = json!({"name": "ci", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z"});
    Answer::of(host.operator(Method::POST, "/api/v1/keys").json(&past))
        .await
        .problem(422, "invalid");
    let unnamed = json!({"name": "", "role": "viewer"});
    Answer::of(host.operator(Method::POST, "/api/v1/keys").json(&unnamed))
        .await
        .problem(422, "invalid");
    Answer::of(host.operator(Method::DELETE, "/api/v1/keys/nobody"))
        .await
        .problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_hidden_and_survive_being_sent_back() {
    let host = Host::start().await;
    let path = "/api/v1/functions/echo";
    for path in [path, "/api/v1/functions", "/api/v1/functions/echo/history"] {
        let text = Answer::of(host.operator(Method::GET, path))
            .await
            .is(200)
            .to_string();
        assert!(
            !text.contains("hush-hush") && text.contains(r#""token":"***""#),
            "{text}"
        );
        assert!(text.contains(r#""mode":"plain""#), "{text}");
    }
    let shown = Answer::of(host.operator(Method::GET, path)).await.is(200);
    let mut spec = shown["spec"].as_object().unwrap().clone();
    spec.remove("name");
    let answer = Answer::of(host.operator(Method::PUT, path).json(&spec))
        .await
        .is(200);
    assert_eq!(answer["revision"], 2);
    assert_eq!(answer["spec"]["config"]["token"], "***");
    let kept = host
        .registry
        .function(&"default".parse().unwrap(), &"echo".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(kept.spec.config["token"], "hush-hush");

    // A new function has no present value that `***` could stand for.
    let answer = Answer::of(
        host.operator(Method::PUT, "/api/v1/functions/fresh")
            .json(&spec),
    )
    .await;
    answer.problem(400, "invalid-input");

    let back = Answer::of(
        host.operator(Method::POST, "/api/v1/functions/echo/rollback")
            .json(&json!({"to": 1})),
    )
    .await
    .is(200);
    assert_eq!(back["revision"], 3);
    assert!(!back.to_string().contains("hush-hush"));
}
