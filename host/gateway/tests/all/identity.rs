//! Tenants, narrowed and rotated keys, rates, quotas, the audit log and sharing, over HTTP.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::{Value, json};

use crate::guest;
use crate::host::{Answer, Host};

impl Host {
    async fn as_platform(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = self.ask(method, path).bearer_auth(&self.keys["platform"]);
        Answer::of(match body {
            Value::Null => request,
            body => request.json(&body),
        })
        .await
    }

    async fn as_key(&self, key: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = self.ask(method, path).bearer_auth(key);
        Answer::of(match body {
            Value::Null => request,
            body => request.json(&body),
        })
        .await
    }

    /// A key of a tenant, made by the operator of the host.
    async fn key_of(&self, tenant: &str, body: Value) -> String {
        let path = format!("/api/v1/tenants/{tenant}/keys");
        let made = self.as_platform(Method::POST, &path, body).await.is(201);
        made["key"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_lives_from_its_creation_to_its_end() {
    let host = Host::start().await;
    let made = host
        .as_platform(
            Method::POST,
            "/api/v1/tenants",
            json!({"name": "acme", "settings": {"quotas": {"keys": 2}}}),
        )
        .await
        .is(201);
    assert_eq!(made["settings"]["quotas"]["keys"], 2);
    host.as_platform(Method::POST, "/api/v1/tenants", json!({"name": "acme"}))
        .await
        .problem(409, "conflict");
    let owner = host
        .key_of("acme", json!({"name": "owner", "role": "operator"}))
        .await;
    let me = host
        .as_key(&owner, Method::GET, "/api/v1/me", Value::Null)
        .await
        .is(200);
    assert_eq!(
        (me["tenant"].as_str(), me["role"].as_str()),
        (Some("acme"), Some("operator"))
    );
    // It has nothing of the other tenant, and manages no tenants.
    assert_eq!(
        host.as_key(&owner, Method::GET, "/api/v1/plugins", Value::Null)
            .await
            .is(200),
        json!([])
    );
    host.as_key(&owner, Method::GET, "/api/v1/tenants", Value::Null)
        .await
        .problem(403, "forbidden");
    // Nobody gives what they do not have.
    let platform = json!({"name": "x", "role": "platform"});
    host.as_key(&owner, Method::POST, "/api/v1/keys", platform)
        .await
        .problem(403, "forbidden");

    let viewer = json!({"name": "v", "role": "viewer"});
    host.as_key(&owner, Method::POST, "/api/v1/keys", viewer.clone())
        .await
        .is(201);
    let full = host
        .as_key(&owner, Method::POST, "/api/v1/keys", viewer.clone())
        .await;
    let full = full.problem(403, "quota-full").body;
    assert_eq!(
        (
            full["quota"].as_str(),
            full["limit"].as_u64(),
            full["used"].as_u64()
        ),
        (Some("keys"), Some(2), Some(2))
    );

    let list = host
        .as_platform(Method::GET, "/api/v1/tenants", Value::Null)
        .await
        .is(200);
    let names: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["acme", "default", "other"]);
    for (settings, code) in [
        (json!({"quotas": {"clouds": 1}}), 400),
        (json!({"rate": {"per_second": 0}}), 422),
        (json!({"issuers": [{"name": "x"}]}), 422),
        (
            json!({"issuers": [{"name": "x", "issuer": "http://169.254.169.254", "audience": ["a"], "role": "viewer"}]}),
            422,
        ),
    ] {
        let answer = host
            .as_platform(Method::PUT, "/api/v1/tenants/acme", settings.clone())
            .await;
        assert_eq!(answer.status, code, "{settings}: {answer:?}");
    }
    host.as_platform(Method::DELETE, "/api/v1/tenants/default", Value::Null)
        .await
        .problem(409, "conflict");
    assert_eq!(
        host.as_platform(Method::DELETE, "/api/v1/tenants/acme", Value::Null)
            .await
            .status,
        204
    );
    host.as_key(&owner, Method::GET, "/api/v1/me", Value::Null)
        .await
        .problem(401, "revoked-key");
    host.as_platform(Method::POST, "/api/v1/tenants", json!({"name": "acme"}))
        .await
        .problem(409, "conflict");
    host.as_platform(Method::GET, "/api/v1/tenants/acme", Value::Null)
        .await
        .problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrowed_key_calls_what_its_scopes_name() {
    let host = Host::start().await;
    let key = host
        .key_of("default", json!({"name": "app", "role": "operator", "scopes": ["function=echo", "model=minilm", "manage-keys"]}))
        .await;
    let batch = guest::batch(1);
    host.as_key(&key, Method::POST, "/f/default/echo", batch.clone())
        .await
        .is(200);
    host.as_key(&key, Method::POST, "/f/default/echo/clean", batch.clone())
        .await
        .is(200);
    let refused = host
        .as_key(&key, Method::POST, "/f/default/hasty", batch)
        .await
        .problem(403, "out-of-scope");
    assert_eq!(
        refused.body["scopes"],
        json!(["manage-keys", "function=echo", "model=minilm"])
    );
    let texts = json!({"texts": ["x"]});
    // Its own model is not there; another's is not its to call, whatever the spelling.
    host.as_key(
        &key,
        Method::POST,
        "/api/v1/models/minilm/embed",
        texts.clone(),
    )
    .await
    .problem(404, "unknown-model");
    host.as_key(
        &key,
        Method::POST,
        "/api/v1/models/minilm@1.0.0~int8/embed",
        texts.clone(),
    )
    .await
    .problem(404, "unknown-model");
    for path in ["echo", "echo@1.0.0", "%6dinilm", "minilm%2f..%2fecho"] {
        let path = format!("/api/v1/models/{path}/embed");
        host.as_key(&key, Method::POST, &path, texts.clone())
            .await
            .problem(403, "out-of-scope");
    }
    let infer =
        json!({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["x"]}]});
    for (model, status) in [("minilm", 404), ("echo", 403)] {
        let path = format!("/v2/models/{model}/infer");
        assert_eq!(
            host.as_key(&key, Method::POST, &path, infer.clone())
                .await
                .status,
            status,
            "{model}"
        );
        let embeddings = json!({"model": model, "input": "x"});
        assert_eq!(
            host.as_key(&key, Method::POST, "/v1/embeddings", embeddings)
                .await
                .status,
            status,
            "{model}"
        );
    }
    for path in ["/api/v1/plugins", "/api/v1/usage", "/v2/models/echo/stats"] {
        assert_eq!(
            host.as_key(&key, Method::GET, path, Value::Null)
                .await
                .status,
            403,
            "{path}"
        );
    }
    // It gives on what it has, and nothing more.
    for (scopes, status) in [
        (json!(["function=echo"]), 201),
        (json!(["manage-keys"]), 201),
        (json!([]), 403),
        (json!(["invoke"]), 403),
        (json!(["function=hasty"]), 403),
        (json!(["read"]), 403),
    ] {
        let new = json!({"name": "child", "role": "operator", "scopes": scopes});
        assert_eq!(
            host.as_key(&key, Method::POST, "/api/v1/keys", new)
                .await
                .status,
            status,
            "{scopes}"
        );
    }
    // Nor does it take over or take away a key that may more.
    let path = format!("/api/v1/keys/{}", host.spare);
    host.as_key(&key, Method::DELETE, &path, Value::Null)
        .await
        .problem(403, "forbidden");
    host.as_key(&key, Method::POST, &format!("{path}/rotation"), json!({}))
        .await
        .problem(403, "forbidden");
    let wrong = json!({"name": "x", "role": "viewer", "scopes": ["write"]});
    host.as_key(&host.keys["operator"], Method::POST, "/api/v1/keys", wrong)
        .await
        .problem(400, "invalid-input");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_works_with_both_secrets_until_the_overlap_ends() {
    let host = Host::start().await;
    let first = host
        .key_of("default", json!({"name": "app", "role": "viewer"}))
        .await;
    let id = first[4..30].to_owned();
    let rotate = async |seconds: u64| {
        let path = format!("/api/v1/keys/{id}/rotation");
        let answer = Answer::of(
            host.operator(Method::POST, &path)
                .json(&json!({"overlap_seconds": seconds})),
        )
        .await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        answer.is(200)["key"].as_str().unwrap().to_owned()
    };
    let status = async |key: &str| {
        host.as_key(key, Method::GET, "/api/v1/me", Value::Null)
            .await
            .status
    };
    // The overlap begins after this, so that it cannot seem shorter than it is.
    let begin = Instant::now();
    let second = rotate(5).await;
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    while status(&first).await == 200 {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "the overlap does not end"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(begin.elapsed() > Duration::from_secs(4));
    assert_eq!(status(&second).await, 200);
    let third = rotate(0).await;
    assert_eq!((status(&second).await, status(&third).await), (401, 200));
    // The last use is seen at once here, and written within some seconds.
    let keys = Answer::of(host.operator(Method::GET, "/api/v1/keys"))
        .await
        .is(200);
    let shown = keys
        .as_array()
        .unwrap()
        .iter()
        .find(|k| k["id"] == id.as_str())
        .unwrap();
    assert!(shown["last_used_at"].is_string() && shown["previous_until"].is_string());
    let tenant = "default".parse().unwrap();
    let begin = Instant::now();
    while host
        .registry
        .key(&tenant, &id)
        .await
        .unwrap()
        .last_used_at
        .is_none()
    {
        assert!(
            begin.elapsed() < Duration::from_secs(15),
            "the last use is not written"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let path = format!("/api/v1/keys/{id}/rotation");
    let long = json!({"overlap_seconds": 31 * 86400});
    Answer::of(host.operator(Method::POST, &path).json(&long))
        .await
        .problem(422, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_fast_or_too_much_is_told_when_to_come_back() {
    let host = Host::start().await;
    let key = host
        .key_of(
            "default",
            json!({"name": "slow", "role": "operator", "rate": {"per_second": 1, "burst": 3}}),
        )
        .await;
    let mut statuses = Vec::new();
    let mut refused = None;
    for _ in 0..5 {
        let answer = host
            .as_key(&key, Method::GET, "/api/v1/me", Value::Null)
            .await;
        statuses.push(answer.status);
        if answer.status == 429 {
            refused = Some(answer);
        }
    }
    assert_eq!(statuses[..3], [200, 200, 200]);
    let refused = refused.expect("a 429").problem(429, "rate-limited");
    assert_eq!(refused.headers["ratelimit-policy"], "\"key\";q=3;w=3");
    let seconds: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=3).contains(&seconds));
    // Another key is not slowed down by it.
    Answer::of(host.operator(Method::GET, "/api/v1/me"))
        .await
        .is(200);

    // With a new day the count begins anew: what is left of this one must do for the rest.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let left = 86_400 - now.as_secs() % 86_400;
    if left <= 120 {
        tokio::time::sleep(Duration::from_secs(left)).await;
    }
    let settings = json!({"quotas": {"invocations-per-day": 3, "invocations-per-month": 100}});
    host.as_platform(Method::PUT, "/api/v1/tenants/default", settings)
        .await
        .is(200);
    let calls: Vec<u16> = {
        let mut all = Vec::new();
        for _ in 0..5 {
            all.push(host.call(1).await.status);
        }
        all
    };
    assert_eq!(calls, [200, 200, 200, 429, 429]);
    let refused = host.call(1).await.problem(429, "quota-exceeded");
    assert_eq!(
        (
            &refused.body["quota"],
            &refused.body["limit"],
            &refused.body["used"]
        ),
        (&json!("invocations-per-day"), &json!(3), &json!(3))
    );
    assert!(
        refused.body["resets_at"]
            .as_str()
            .unwrap()
            .ends_with("T00:00:00Z")
    );
    let seconds: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=86_400).contains(&seconds));
    // What is written comes to the same; then more is allowed, and the count goes on.
    let begin = Instant::now();
    loop {
        let quotas = Answer::of(host.operator(Method::GET, "/api/v1/quotas"))
            .await
            .is(200);
        let day = quotas
            .as_array()
            .unwrap()
            .iter()
            .find(|q| q["kind"] == "invocations-per-day")
            .unwrap()
            .clone();
        if day["used"] == 3 {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{day}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let settings = json!({"quotas": {"invocations-per-day": 4}});
    host.as_platform(Method::PUT, "/api/v1/tenants/default", settings)
        .await
        .is(200);
    assert_eq!(
        (host.call(1).await.status, host.call(1).await.status),
        (200, 429)
    );
    let usage = Answer::of(host.operator(Method::GET, "/api/v1/usage?by=month"))
        .await
        .is(200);
    assert_eq!(usage.as_array().unwrap().len(), 1, "{usage}");
    Answer::of(host.operator(Method::GET, "/api/v1/usage?by=week"))
        .await
        .problem(400, "invalid-query");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rates_of_a_tenant_bound_all_its_keys_together_and_each_alone_and_no_other_tenant() {
    let host = Host::start().await;
    let set = async |settings: Value| {
        host.as_platform(Method::PUT, "/api/v1/tenants/other", settings)
            .await
            .is(200)
    };
    let second = host
        .key_of("other", json!({"name": "second", "role": "operator"}))
        .await;
    let me = async |key: &str| {
        host.as_key(key, Method::GET, "/api/v1/me", Value::Null)
            .await
    };
    // By turns until one is refused: how many pass until then, and what the refusal says.
    let refused = async |keys: &[&str]| {
        for asked in 0..200 {
            let answer = me(keys[asked % keys.len()]).await;
            if answer.status != 200 {
                return (asked, answer.problem(429, "rate-limited"));
            }
        }
        panic!("nobody is refused")
    };

    set(json!({"rate": {"per_second": 1, "burst": 3}})).await;
    let (passed, answer) = refused(&[host.other.as_str(), second.as_str()]).await;
    assert!(passed >= 3, "{passed}");
    assert_eq!(answer.headers["ratelimit-policy"], "\"tenant\";q=3;w=3");
    assert_eq!(answer.body["limited"], "tenant");

    let own = json!({"name": "own", "role": "operator", "rate": {"per_second": 100}});
    let own = host.key_of("other", own).await;
    set(json!({"key_rate": {"per_second": 1, "burst": 2}})).await;
    let (passed, answer) = refused(&[host.other.as_str()]).await;
    assert!(passed >= 2, "{passed}");
    assert_eq!(answer.headers["ratelimit-policy"], "\"key\";q=2;w=2");
    assert_eq!(answer.body["limited"], "key");
    // Each key has a rate of its own of this kind, and one that was given its own has that.
    me(second.as_str()).await.is(200);
    for _ in 0..10 {
        me(own.as_str()).await.is(200);
        // Nothing of it is about another tenant.
        Answer::of(host.operator(Method::GET, "/api/v1/me"))
            .await
            .is(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_and_refusal_is_in_the_log() {
    let host = Host::start().await;
    let before = host
        .registry
        .verify_audit(&"default".parse().unwrap(), None)
        .await
        .unwrap();
    assert_eq!(before.entries, 0);
    Answer::of(
        host.operator(Method::PUT, "/api/v1/plugins/echo/aliases/beta")
            .json(&json!({"version": "1.0.0"})),
    )
    .await
    .is(200);
    Answer::of(
        host.operator(Method::PUT, "/api/v1/plugins/echo/aliases/beta")
            .json(&json!({"version": "9.0.0"})),
    )
    .await
    .problem(404, "not-found");
    // A read and a call are no changes.
    Answer::of(host.operator(Method::GET, "/api/v1/plugins"))
        .await
        .is(200);
    host.call(1).await.is(200);
    for _ in 0..3 {
        let viewer = &host.keys["viewer"];
        host.as_key(
            viewer,
            Method::DELETE,
            "/api/v1/functions/echo",
            Value::Null,
        )
        .await
        .problem(403, "forbidden");
        host.as_key(viewer, Method::POST, "/f/default/echo", guest::batch(1))
            .await
            .problem(403, "forbidden");
    }
    host.as_platform(
        Method::PUT,
        "/api/v1/tenants/other",
        json!({"quotas": {"keys": 9}}),
    )
    .await
    .is(200);
    let entries = async || {
        Answer::of(host.operator(Method::GET, "/api/v1/audit?limit=10"))
            .await
            .is(200)
    };
    let begin = Instant::now();
    let log = loop {
        // A refusal is written beside the answer.
        let log = entries().await;
        if log.as_array().unwrap().len() >= 4 {
            break log;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let mut seen: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            format!(
                "{} {} {}",
                e["action"].as_str().unwrap(),
                e["target"].as_str().unwrap(),
                e["outcome"].as_str().unwrap()
            )
        })
        .collect();
    seen.sort();
    assert_eq!(
        seen,
        [
            "DELETE /api/v1/functions/{name} /api/v1/functions/echo forbidden",
            "POST /f/{tenant}/{function} /f/default/echo forbidden",
            "PUT /api/v1/plugins/{name}/aliases/{alias} /api/v1/plugins/echo/aliases/beta done",
            "PUT /api/v1/tenants/{tenant} /api/v1/tenants/other done",
        ]
    );
    // The tenant that was changed has the entry in its own log.
    let other = host
        .as_key(&host.other, Method::GET, "/api/v1/audit", Value::Null)
        .await
        .is(200);
    assert_eq!(other[0]["action"], "PUT /api/v1/tenants/{tenant}");
    assert_eq!(other.as_array().unwrap().len(), 1);
    let whole = Answer::of(host.operator(Method::GET, "/api/v1/audit/verification"))
        .await
        .is(200);
    assert_eq!(
        (&whole["entries"], &whole["broken"]),
        (&json!(4), &Value::Null)
    );
    let wrong = format!(
        "/api/v1/audit/verification?number=4&hash={}",
        "0".repeat(64)
    );
    let broken = Answer::of(host.operator(Method::GET, &wrong)).await.is(200);
    assert_eq!(broken["broken"]["number"], 4);
    Answer::of(host.operator(Method::GET, "/api/v1/audit/verification?number=4"))
        .await
        .problem(400, "invalid-query");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_runs_what_a_partner_shares_and_sees_nothing_else() {
    let host = Host::start().await;
    let other = host.other.clone();
    let customer = async |method, path: &str, body| host.as_key(&other, method, path, body).await;
    assert_eq!(
        customer(Method::GET, "/api/v1/shared-plugins", Value::Null)
            .await
            .is(200),
        json!([])
    );
    let digest = Answer::of(host.operator(Method::GET, "/api/v1/plugins/echo/1.0.0"))
        .await
        .is(200)["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let place = format!("/api/v1/shared-plugins/{digest}");
    customer(Method::POST, &place, json!({}))
        .await
        .problem(404, "not-found");
    let share = json!({"with": ["other"]});
    Answer::of(
        host.operator(Method::PUT, "/api/v1/plugin-shares/echo/1.0.0")
            .json(&share),
    )
    .await
    .is(200);
    let shared = customer(Method::GET, "/api/v1/shared-plugins", Value::Null)
        .await
        .is(200);
    assert_eq!(
        (&shared[0]["publisher"], &shared[0]["digest"]),
        (&json!("default"), &json!(digest))
    );
    let installed = customer(Method::POST, &place, json!({"name": "their-echo"}))
        .await
        .is(201);
    assert_eq!(
        (&installed["origin"], &installed["tenant"]),
        (&json!("default"), &json!("other"))
    );
    let spec = json!({"plugin": "their-echo", "targets": [{"version": "1.0.0", "percent": 100}]});
    customer(Method::PUT, "/api/v1/functions/ours", spec)
        .await
        .is(200);
    customer(Method::POST, "/f/other/ours", guest::batch(5))
        .await
        .is(200);
    customer(Method::POST, "/f/default/echo", guest::batch(2))
        .await
        .problem(403, "wrong-tenant");
    for path in [
        "/api/v1/plugins/echo",
        "/api/v1/functions/echo",
        "/api/v1/plugin-shares/echo",
    ] {
        customer(Method::GET, path, Value::Null)
            .await
            .problem(404, "not-found");
    }
    let ended = Answer::of(host.operator(Method::DELETE, "/api/v1/plugin-shares/echo/1.0.0"))
        .await
        .is(200);
    assert_eq!(ended["ended"], 1);
    customer(Method::POST, "/f/other/ours", guest::batch(5))
        .await
        .is(200);
    customer(Method::POST, &place, json!({"name": "again"}))
        .await
        .problem(404, "not-found");
}
