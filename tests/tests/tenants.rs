//! Tenants, tokens, sharing and the audit log, with the real binary.

use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Executor as _};
use steward_tests::guest::{self, KEEPS_EVERYTHING, manifest};
use steward_tests::server::cli;
use steward_tests::services::Issuer;
use steward_tests::{Answer, Server, batch, built, root, until};

fn field(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn get_as(server: &Server, key: &str, path: &str) -> Answer {
    server.send(server.request_as(Some(key), "GET", path))
}

fn send_as(server: &Server, key: &str, method: &str, path: &str, body: &Value) -> Answer {
    let request = server.request_as(Some(key), method, path);
    server.send(
        request
            .header("content-type", "application/json")
            .body(body.to_string()),
    )
}

/// Runs a command with this key, which must fail with this exit code.
fn refused(server: &Server, key: &str, args: &[&str], exit: i32) -> Value {
    let env = [("STEWARD_URL", &*server.url), ("STEWARD_KEY", key)];
    let output = cli(&[args, &["--json"]].concat(), &env);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(exit), "{args:?}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
}

#[test]
fn a_partner_shares_and_a_customer_runs_it_under_its_own_quotas() {
    let server = Server::start();
    let boss = server.platform_key();
    let told = refused(&server, &server.key, &["tenant", "list"], 4);
    assert!(told.to_string().contains("`platform`"), "{told}");
    server.cli_as(&boss, &["tenant", "create", "partner"]);
    server.cli_as(
        &boss,
        &[
            "tenant",
            "create",
            "acme",
            "--quota",
            "functions=1",
            "--quota",
            "keys=2",
            "--key-rate",
            "500:1000",
        ],
    );
    refused(&server, &boss, &["tenant", "create", "acme"], 5);
    let owner = |tenant| {
        field(
            &server.cli_as(&boss, &["key", "create", "owner", "--tenant", tenant]),
            "key",
        )
    };
    let (partner, acme) = (owner("partner"), owner("acme"));

    let component = guest::cleaner(KEEPS_EVERYTHING);
    let form = reqwest::blocking::multipart::Form::new()
        .text("manifest", manifest("keeper", "1.0.0", "cleaner", ""))
        .part(
            "component",
            reqwest::blocking::multipart::Part::bytes(component).file_name("c.wasm"),
        );
    let published = server
        .send(
            server
                .request_as(Some(&partner), "POST", "/api/v1/plugins")
                .multipart(form),
        )
        .ok();
    let digest = field(&published, "digest");
    refused(&server, &acme, &["plugin", "install", &digest], 3);
    server.cli_as(
        &partner,
        &["plugin", "share", "keeper@1.0.0", "--with", "acme"],
    );
    let shared = server.cli_as(&acme, &["plugin", "shared"]);
    assert_eq!(
        (field(&shared[0], "publisher"), field(&shared[0], "digest")),
        ("partner".into(), digest.clone())
    );
    let installed = server.cli_as(
        &acme,
        &["plugin", "install", &digest, "--as", "partner-keeper"],
    );
    assert_eq!(field(&installed, "origin"), "partner");
    server.cli_as(
        &acme,
        &["function", "deploy", "keep", "--plugin", "partner-keeper"],
    );
    send_as(
        &server,
        &acme,
        "POST",
        "/f/acme/keep",
        &batch(&["hello", "你好"]),
    )
    .ok();
    // Unshared, it runs on; nobody else gets it.
    server.cli_as(&partner, &["plugin", "unshare", "keeper@1.0.0"]);
    send_as(
        &server,
        &acme,
        "POST",
        "/f/acme/keep",
        &batch(&["hello", "你好"]),
    )
    .ok();
    refused(
        &server,
        &acme,
        &["plugin", "install", &digest, "--as", "again"],
        3,
    );

    // The quota says what it is.
    let full = refused(
        &server,
        &acme,
        &["function", "deploy", "second", "--plugin", "partner-keeper"],
        4,
    );
    assert!(
        full.to_string()
            .contains("quota `functions` of the tenant is 1"),
        "{full}"
    );
    let quotas = server.cli_as(&acme, &["usage"]);
    let functions = quotas["quotas"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|q| q["kind"] == "functions")
        .cloned();
    assert_eq!(
        functions,
        Some(json!({"kind": "functions", "limit": 1, "used": 1, "resets_at": null}))
    );

    // A key for one function, rotated with an overlap.
    let app = server.cli_as(
        &acme,
        &[
            "key",
            "create",
            "app",
            "--role",
            "invoker",
            "--scope",
            "function=keep",
        ],
    );
    let (id, first) = (field(&app, "id"), field(&app, "key"));
    send_as(
        &server,
        &first,
        "POST",
        "/f/acme/keep",
        &batch(&["hello", "你好"]),
    )
    .ok();
    send_as(
        &server,
        &first,
        "POST",
        "/f/acme/other",
        &batch(&["hello", "你好"]),
    )
    .problem(403, "out-of-scope");
    let second = field(
        &server.cli_as(&acme, &["key", "rotate", &id, "--overlap", "24h"]),
        "key",
    );
    for key in [&first, &second] {
        send_as(
            &server,
            key,
            "POST",
            "/f/acme/keep",
            &batch(&["hello", "你好"]),
        )
        .ok();
    }
    let last = field(&server.cli_as(&acme, &["key", "rotate", &id]), "key");
    send_as(
        &server,
        &second,
        "POST",
        "/f/acme/keep",
        &batch(&["hello", "你好"]),
    )
    .problem(401, "invalid-key");
    send_as(
        &server,
        &last,
        "POST",
        "/f/acme/keep",
        &batch(&["hello", "你好"]),
    )
    .ok();
    let log = server.cli_as(&acme, &["audit", "list"]);
    let actions: Vec<String> = log
        .as_array()
        .expect("a list")
        .iter()
        .map(|e| field(e, "action"))
        .collect();
    for action in [
        "POST /api/v1/keys/{id}/rotation",
        "POST /api/v1/shared-plugins/{digest}",
        "PUT /api/v1/functions/{name}",
        "POST /api/v1/tenants/{tenant}/keys",
    ] {
        assert!(actions.iter().any(|a| a == action), "{action}: {actions:?}");
    }

    server.cli_as(&boss, &["tenant", "delete", "partner", "--yes"]);
    get_as(&server, &partner, "/api/v1/me").problem(401, "revoked-key");
    send_as(
        &server,
        &acme,
        "POST",
        "/f/acme/keep",
        &batch(&["hello", "你好"]),
    )
    .ok();
    server.cli_as(&boss, &["tenant", "delete", "acme", "--yes"]);
    send_as(
        &server,
        &acme,
        "POST",
        "/f/acme/keep",
        &batch(&["hello", "你好"]),
    )
    .problem(401, "revoked-key");
}

#[test]
fn a_token_of_an_openid_provider_is_a_principal() {
    let issuer = Issuer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("host.toml");
    let text = format!(
        "[[issuers]]\nname = \"login\"\nissuer = \"{}\"\naudience = [\"steward\"]\n\
         tenant_claim = \"org\"\ntenants = {{ \"17\" = \"default\", \"18\" = \"nowhere\" }}\n\
         role_claim = \"realm_access.roles\"\nroles = {{ \"dev\" = \"publisher\", \"caller\" = \"invoker\" }}\n",
        issuer.url
    );
    std::fs::write(&config, text).expect("the configuration");
    let config = config.to_str().expect("UTF-8");
    let server = Server::start_on(&folder.path().join("data"), &["--config", config]);
    let claims = |subject: &str, org: &str, role: &str| {
        let mut claims = issuer.claims(subject);
        claims["org"] = json!(org);
        claims["realm_access"] = json!({"roles": [role]});
        claims
    };
    let token = issuer.token("ES256", &claims("user-7", "17", "dev"));
    let me = get_as(&server, &token, "/api/v1/me").ok();
    assert_eq!(
        (field(&me, "id"), field(&me, "tenant"), field(&me, "role")),
        (
            "oidc:login:user-7".into(),
            "default".into(),
            "publisher".into()
        )
    );
    // The command line takes it where it takes a key; who did it is written down.
    server
        .publish(
            &manifest("keeper", "1.0.0", "cleaner", ""),
            guest::cleaner(KEEPS_EVERYTHING),
        )
        .ok();
    let deployed = server.cli_as(
        &token,
        &["function", "deploy", "keep", "--plugin", "keeper"],
    );
    assert_eq!(field(&deployed, "created_by"), "oidc:login:user-7");
    let log = server.get("/api/v1/audit?limit=1").ok();
    assert_eq!(
        (field(&log[0], "principal"), field(&log[0], "action")),
        (
            "oidc:login:user-7".into(),
            "PUT /api/v1/functions/{name}".into()
        )
    );
    get_as(&server, &token, "/api/v1/keys").problem(403, "forbidden");
    // The hot path and the protocols of models take it too.
    let caller = issuer.token("EdDSA", &claims("app", "17", "caller"));
    send_as(
        &server,
        &caller,
        "POST",
        "/f/default/keep",
        &batch(&["hello", "你好"]),
    )
    .ok();
    get_as(&server, &caller, "/api/v1/plugins").problem(403, "forbidden");
    assert_eq!(get_as(&server, &caller, "/v2/models/none").status, 404);

    let with = |key: &str, value: Value| {
        let mut claims = claims("user-7", "17", "dev");
        claims[key] = value;
        issuer.token("ES256", &claims)
    };
    for (bad, status, code) in [
        (with("aud", json!("else")), 401, "invalid-token"),
        (with("exp", json!(1)), 401, "invalid-token"),
        (
            with("iss", json!("https://login.example.com")),
            401,
            "invalid-token",
        ),
        (with("org", json!("19")), 403, "unmapped-token"),
        (with("org", json!("18")), 403, "unmapped-token"),
        (with("realm_access", json!({})), 403, "unmapped-token"),
        (
            token
                .rsplit_once('.')
                .map(|(message, _)| format!("{message}.AAAA"))
                .unwrap_or_default(),
            401,
            "invalid-token",
        ),
        ("a.b.c".to_owned(), 401, "invalid-token"),
        ("a.b".to_owned(), 401, "invalid-key"),
    ] {
        get_as(&server, &bad, "/api/v1/me").problem(status, code);
        send_as(
            &server,
            &bad,
            "POST",
            "/f/default/keep",
            &batch(&["hello", "你好"]),
        )
        .problem(status, code);
    }
    assert_eq!(issuer.asked(), 1);

    // An issuer of a tenant, set by the operator of the host, is of that tenant alone.
    let boss = server.platform_key();
    server.cli_as(&boss, &["tenant", "create", "acme"]);
    let issuers = folder.path().join("issuers.json");
    let list =
        json!([{"name": "own", "issuer": issuer.url, "audience": ["acme-app"], "role": "viewer"}]);
    std::fs::write(&issuers, list.to_string()).expect("the issuers");
    server.cli_as(
        &boss,
        &[
            "tenant",
            "set",
            "acme",
            "--issuers",
            issuers.to_str().expect("UTF-8"),
        ],
    );
    let me = get_as(&server, &with("aud", json!("acme-app")), "/api/v1/me").ok();
    assert_eq!(
        (field(&me, "id"), field(&me, "tenant")),
        ("oidc:acme/own:user-7".into(), "acme".into())
    );
}

#[test]
fn a_tampered_audit_log_is_found_by_the_command_line() {
    let mut server = Server::start();
    for name in ["one", "two", "three"] {
        server.cli(&["key", "create", name, "--role", "viewer"]);
    }
    let whole = server.cli(&["audit", "verify"]);
    let (entries, head) = (
        whole["entries"].as_u64().expect("a number"),
        field(&whole, "head"),
    );
    // The key of the test itself was made without the server, and is in the log.
    assert_eq!(entries, 4);
    server.cli(&["audit", "verify", "--noted", &format!("{entries}:{head}")]);
    let data = server.data().to_str().expect("UTF-8").to_owned();
    server.kill();
    let local = ["audit", "verify", "--data-dir", &*data, "--json"];
    assert!(cli(&local, &[]).status.success());

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{data}/steward.db");
        let mut connection = AnyConnection::connect(&url).await.expect("the database");
        let forged = "UPDATE audit_entries SET principal = 'somebody-else' WHERE number = 3";
        let refused = connection.execute(forged).await;
        assert!(refused.is_err(), "the database keeps what is there");
        let unbound = "DROP TRIGGER audit_entries_stay";
        connection.execute(unbound).await.expect("an owner");
        connection.execute(forged).await.expect("a change");
        connection.close().await.expect("the end");
    });
    let found = cli(&local, &[]);
    let text = String::from_utf8_lossy(&found.stderr);
    assert_eq!(found.status.code(), Some(1), "{text}");
    assert!(text.contains("breaks at entry 3"), "{text}");
}

#[test]
fn tokens_are_counted_whoever_asks_a_model_and_held_against_the_quota() {
    let server = Server::start();
    server.push_model("minilm");
    let texts = ["hello world", "你好，世界"];
    let embed = || {
        let body = json!({ "model": "minilm", "input": texts });
        server.post("/v1/embeddings", &body)
    };
    let tokens = embed().ok()["usage"]["prompt_tokens"].as_u64().unwrap();
    assert!(tokens > 4, "{tokens}");

    // The same texts by a function, and by the other interface.
    let manifest = std::fs::read_to_string(root().join("tests/guests/embeds/steward.toml"));
    let component = std::fs::read(built("target/test-guests/embeds.wasm")).unwrap();
    server.publish(&manifest.unwrap(), component).ok();
    let grants = json!({ "grants": { "inference": ["minilm"] } });
    server.deploy("embeds", "embeds", "1.0.0", grants).ok();
    let detect = batch(&texts);
    server.post("/f/default/embeds/detect", &detect).ok();
    let call = server.get("/api/v1/functions/embeds/invocations").ok()[0].clone();
    assert_eq!(call["inference_tokens"], tokens, "{call}");
    assert_eq!(call["inference_texts"], 2, "{call}");
    let body = json!({ "texts": texts });
    server.post("/api/v1/models/minilm/embed", &body).ok();

    let used = until("three calls of the model", || {
        let used = server.get("/api/v1/usage/models?by=month").ok()[0].clone();
        (used["calls"] == 3).then_some(used)
    });
    assert_eq!(used["model"], "minilm");
    assert_eq!(used["tokens"], 3 * tokens);
    let of_function = until("the use of the function", || {
        let used = server.get("/api/v1/usage?by=month").ok()[0].clone();
        used.is_object().then_some(used)
    });
    assert_eq!(of_function["inference_tokens"], tokens, "{of_function}");
    let shown = server.cli_as(&server.key, &["usage", "--by", "month"]);
    assert_eq!(shown["models"][0]["tokens"], 3 * tokens, "{shown}");

    // Used up: nobody asks a model any more, from outside or through a function.
    let boss = server.platform_key();
    let quotas = json!({ "quotas": { "inference-tokens-per-month": 3 * tokens } });
    send_as(&server, &boss, "PUT", "/api/v1/tenants/default", &quotas).ok();
    let refused = server.post("/api/v1/models/minilm/embed", &body);
    let refused = refused.problem(429, "quota-exceeded");
    assert_eq!(refused["quota"], "inference-tokens-per-month", "{refused}");
    assert_eq!(embed().status, 429);
    let body = json!({ "inputs": [{
        "name": "text", "shape": [1], "datatype": "BYTES", "data": ["hello"],
    }] });
    assert_eq!(server.post("/v2/models/minilm/infer", &body).status, 429);
    server
        .post("/f/default/embeds/detect", &detect)
        .problem(429, "quota-exceeded");
    let quotas = json!({ "quotas": { "inference-tokens-per-month": 4 * tokens } });
    send_as(&server, &boss, "PUT", "/api/v1/tenants/default", &quotas).ok();
    embed().ok();
}

#[test]
fn what_functions_computed_is_held_against_the_quota() {
    let server = Server::start();
    let limits = "[limits]\ncpu_ms = 1500\ntimeout_ms = 30000\n";
    server
        .publish(
            &manifest("spins", "1.0.0", "cleaner", limits),
            guest::hostile("spins"),
        )
        .ok();
    server.deploy("spins", "spins", "1.0.0", json!({})).ok();
    server
        .publish(
            &manifest("keeper", "1.0.0", "cleaner", ""),
            guest::cleaner(KEEPS_EVERYTHING),
        )
        .ok();
    server.deploy("keeper", "keeper", "1.0.0", json!({})).ok();
    // A call that was stopped has computed all the same.
    server
        .call("spins", &["x"])
        .problem(504, "cpu-time-exceeded");
    until("the use of the function", || {
        let used = server.get("/api/v1/usage?by=month").ok();
        let mut used = used.as_array()?.iter();
        let spins = used.find(|used| used["function"] == "spins")?;
        (spins["cpu_us"].as_u64()? >= 1_000_000).then_some(())
    });

    let boss = server.platform_key();
    let allow = |seconds: u64| {
        let quotas = json!({ "quotas": { "cpu-seconds-per-month": seconds } });
        send_as(&server, &boss, "PUT", "/api/v1/tenants/default", &quotas).ok();
    };
    allow(1);
    let refused = server.call("keeper", &["x"]);
    let refused = refused.problem(429, "quota-exceeded");
    assert_eq!(refused["quota"], "cpu-seconds-per-month", "{refused}");
    allow(1000);
    assert_eq!(server.call("keeper", &["x"]).ok(), json!(["kept"]));
}
