//! What a function may reach: origins and secrets that its manifest asks for and its tenant grants, and nothing else.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::services::{HttpStandIn, Reply};
use steward_tests::{Answer, Server, built, guest};

/// A service on loopback that answers with what it was asked: the head, and how much the body is. `/redirect` leads to a
/// metadata service.
fn service() -> HttpStandIn {
    HttpStandIn::start(|request, _| {
        if request.path.contains("/redirect") {
            let to = "http://169.254.169.254/latest/meta-data/";
            return Reply::new(302, "").with("location", to);
        }
        let sum: u64 = request.body.iter().map(|b| u64::from(*b)).sum();
        let told = json!({ "head": request.head, "length": request.body.len(), "sum": sum });
        Reply::new(200, told)
    })
}

fn server(args: &[&str]) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Server::start_on(folder.path(), args), folder)
}

/// Publishes a version of the guest that asks for this.
fn publish(server: &Server, guest: &str, version: &str, requests: &Value) -> Answer {
    let list = |kind: &str| {
        requests[kind]
            .as_array()
            .map(|names| format!("{kind} = {}\n", json!(names)))
    };
    let lines: String = ["http", "secrets"]
        .iter()
        .filter_map(|kind| list(kind))
        .collect();
    let manifest = guest::manifest(guest, version, "function", &format!("[requests]\n{lines}"));
    let component = std::fs::read(built(&format!("target/test-guests/{guest}.wasm"))).unwrap();
    server.publish(&manifest, component)
}

fn install(server: &Server, guest: &str, requests: Value) {
    publish(server, guest, "1.0.0", &requests).ok();
    server
        .deploy(guest, guest, "1.0.0", json!({ "grants": requests }))
        .ok();
}

fn send(server: &Server, function: &str, url: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = server
        .request("GET", &format!("/f/default/{function}/send"))
        .header("x-url", url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request)
}

/// Lines that the function wrote, or the host for it.
fn log(server: &Server, function: &str) -> String {
    server
        .get(&format!("/api/v1/functions/{function}/logs?limit=1000"))
        .ok()
        .to_string()
}

#[test]
fn requests_go_where_manifest_and_tenant_agree_and_nowhere_else() {
    let (allowed, other) = (service(), service());
    let (server, _folder) = server(&["--egress-allow", "127.0.0.1"]);
    install(&server, "calls", json!({ "http": [allowed.origin()] }));

    // A host of the guest's own choice is refused before anything is sent.
    let url = format!("{}/a?b=1", allowed.origin());
    let faked = send(&server, "calls", &url, &[("x-host", "metadata.internal")]);
    assert!(
        faked.status == 502 && faked.body.to_string().contains("Forbidden"),
        "{faked:?}"
    );
    let told = send(&server, "calls", &url, &[]).ok();
    let head: Vec<&str> = told["head"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l.as_str().unwrap())
        .collect();
    assert_eq!(head[0], "GET /a?b=1 HTTP/1.1");
    assert!(
        head.contains(&format!("host: {}", allowed.address()).as_str()),
        "{head:?}"
    );
    assert!(
        !head
            .iter()
            .any(|line| line.contains("metadata") || line.contains(&server.key)),
        "{head:?}"
    );

    // Another port, another scheme, another host, and the names of addresses that nobody granted.
    let port = allowed.address().port();
    for url in [
        other.origin(),
        format!("https://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        format!("http://[::ffff:127.0.0.1]:{port}"),
        "http://169.254.169.254/latest/meta-data/".into(),
        "http://example.com/".into(),
    ] {
        let refused = send(&server, "calls", &url, &[]);
        assert_eq!(refused.status, 502, "{url}: {refused:?}");
        assert_eq!(
            refused.body["error"], "ErrorCode::HttpRequestDenied",
            "{url}"
        );
    }
    // Odd spellings of an address are no destination at all.
    for url in [
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("http://127.1:{port}/"),
    ] {
        let refused = send(&server, "calls", &url, &[]);
        assert_eq!(
            refused.body["error"], "ErrorCode::HttpRequestUriInvalid",
            "{url}"
        );
    }
    assert_eq!((allowed.received().len(), other.received().len()), (1, 0));
    // Each is counted by how it ended.
    let metrics = server.get("/metrics").ok();
    let metrics: Vec<&str> = metrics.as_str().unwrap().lines().collect();
    for line in [
        r#"steward_egress_requests_total{outcome="answered"} 1"#,
        r#"steward_egress_requests_total{outcome="denied"} 6"#,
        r#"steward_egress_requests_total{outcome="invalid-uri"} 3"#,
    ] {
        assert!(metrics.contains(&line), "{line}: {metrics:#?}");
    }
    let log = log(&server, "calls");
    let line = format!("[requests] http = [\\\"{}\\\"]", other.origin());
    let grant = format!("--grant http={}", other.origin());
    assert!(
        log.contains(&grant) && log.contains(&line.replace('\\', "\\\\").replace("\\\\\"", "\\\"")),
        "{log}"
    );
}

#[test]
fn a_granted_name_reaches_no_address_inside_unless_the_operator_opened_it() {
    let service = service();
    let (server, _folder) = server(&[]);
    let origins = [
        service.origin(),
        "http://169.254.169.254".into(),
        format!("http://localhost:{}", service.address().port()),
    ];
    install(&server, "calls", json!({ "http": origins }));
    for url in &origins {
        let refused = send(&server, "calls", url, &[]);
        assert_eq!(
            refused.body["error"], "ErrorCode::DestinationIpProhibited",
            "{url}: {refused:?}"
        );
    }
    assert_eq!(service.connections(), 0);
    let log = log(&server, "calls");
    assert!(
        log.contains("--egress-allow") && log.contains("a loopback address"),
        "{log}"
    );
    assert!(log.contains("the metadata service of a cloud"), "{log}");
}

#[test]
fn a_redirect_to_a_metadata_service_is_checked_like_any_request() {
    let service = service();
    let (server, _folder) = server(&["--egress-allow", "127.0.0.0/8"]);
    install(&server, "calls", json!({ "http": [service.origin()] }));
    let url = format!("{}/redirect", service.origin());
    assert_eq!(
        send(&server, "calls", &url, &[]).status,
        302,
        "the host follows nothing"
    );
    let refused = send(&server, "calls", &url, &[("x-follow", "1")]);
    assert_eq!(refused.body["error"], "ErrorCode::HttpRequestDenied");
}

#[test]
fn both_versions_of_wasi_http_stream_and_share_the_connections_of_the_tenant() {
    let service = service();
    let (server, _folder) = server(&["--egress-allow", "127.0.0.1"]);
    let requests = json!({ "http": [service.origin()] });
    install(&server, "calls", requests.clone());
    install(&server, "forwards", requests.clone());
    let body = vec![1_u8; 3 << 20];
    for path in ["calls/send", "forwards/x"] {
        let request = server.request("POST", &format!("/f/default/{path}"));
        let request = request
            .header("x-url", format!("{}/upload", service.origin()))
            .body(body.clone());
        let told = server.send(request).ok();
        assert_eq!(
            (&told["length"], &told["sum"]),
            (&json!(3 << 20), &json!(3 << 20)),
            "{path}"
        );
    }
    let denied = server
        .request("GET", "/f/default/forwards/x")
        .header("x-url", "http://example.com/");
    let denied = server.send(denied).problem(502, "function-failed");
    assert!(
        denied["detail"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .contains("denied"),
        "{denied}"
    );

    let before = service.connections();
    for _ in 0..5 {
        let request = server
            .request("GET", "/f/default/calls/times/20")
            .header("x-url", service.origin());
        assert_eq!(server.send(request).ok().as_array().unwrap().len(), 20);
    }
    assert!(service.received().len() >= 102);
    let opened = service.connections() - before;
    assert!(
        opened <= 5,
        "{opened} connections for 100 requests, one after the other"
    );

    // By turns, each the first request of its function: the connections are the tenant's, not the function's.
    let before = service.connections();
    for n in 0..8 {
        for (guest, path) in [("calls", "send"), ("forwards", "x")] {
            let function = format!("{guest}-{n}");
            let grants = json!({ "grants": requests });
            server.deploy(&function, guest, "1.0.0", grants).ok();
            let request = server.request("GET", &format!("/f/default/{function}/{path}"));
            server.send(request.header("x-url", service.origin())).ok();
        }
    }
    let opened = service.connections() - before;
    assert!(opened <= 5, "{opened} connections for 16 functions");
}

#[test]
fn a_secret_is_set_read_by_those_who_may_and_shown_to_nobody() {
    let service = service();
    let value = "t0p-secret-维护";
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_on(folder.path(), &["--egress-allow", "127.0.0.1"]);
    install(
        &server,
        "calls",
        json!({ "http": [service.origin()], "secrets": ["token", "unset"] }),
    );
    let file = folder.path().join("value");
    std::fs::write(&file, value).unwrap();
    let set = server.cli(&[
        "secret",
        "set",
        "token",
        "--from-file",
        file.to_str().unwrap(),
    ]);
    assert_eq!(
        (&set["name"], &set["version"]),
        (&json!("token"), &json!(1))
    );
    std::fs::remove_file(&file).unwrap();
    server
        .put("/api/v1/secrets/other", &json!({ "value": "x" }))
        .ok();

    let read =
        |server: &Server, name: &str| server.get(&format!("/f/default/calls/secret/{name}")).ok();
    assert_eq!(read(&server, "token")["value"], value);
    assert_eq!(read(&server, "unset")["error"], "no-such");
    let denied = read(&server, "other");
    assert_eq!(denied["error"], "denied");
    assert!(
        denied["message"]
            .as_str()
            .unwrap()
            .contains("--grant secrets=other"),
        "{denied}"
    );
    let told = send(
        &server,
        "calls",
        &service.origin(),
        &[("x-secret", "token")],
    );
    // Not every byte of the value may stand in a header; what the guest does with it is the guest's.
    assert!(told.status == 200 || told.status >= 500, "{told:?}");

    // No answer of the interface has it, and neither has the database nor what the function or the host wrote.
    for path in [
        "/api/v1/secrets",
        "/api/v1/functions/calls",
        "/api/v1/plugins/calls/1.0.0",
    ] {
        assert!(!server.get(path).ok().to_string().contains("t0p"), "{path}");
    }
    assert!(server.get("/api/v1/secrets/token").status >= 400);
    assert!(!log(&server, "calls").contains("t0p"));
    let names: Vec<Value> = server
        .cli(&["secret", "list"])
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].clone())
        .collect();
    assert_eq!(names, ["other", "token"]);
    for bad in [
        json!({}),
        json!({ "value": "x", "base64": "eA==" }),
        json!({ "base64": "%" }),
        json!({ "value": 7 }),
    ] {
        server
            .put("/api/v1/secrets/bad", &bad)
            .problem(400, "invalid-input");
    }
    for bad in [
        json!({ "value": "" }),
        json!({ "value": "x".repeat(65_537) }),
    ] {
        server
            .put("/api/v1/secrets/bad", &bad)
            .problem(422, "invalid");
    }

    // The key of the host is replaced while the host runs, and again after it was killed.
    let data = folder.path().to_str().unwrap();
    let rotated = cli(&["secret", "rotate-key", "--data-dir", data, "--json"], &[]);
    let rotated: Value = serde_json::from_slice(&rotated.stdout).unwrap();
    assert_eq!(rotated["rewrapped"], 2, "{rotated}");
    assert_ne!(rotated["key_id"], rotated["old_key_id"]);
    assert_eq!(read(&server, "token")["value"], value);
    server
        .put("/api/v1/secrets/token", &json!({ "value": "second" }))
        .ok();
    assert_eq!(read(&server, "token")["value"], "second");
    server.kill();
    let forgotten = cli(
        &[
            "secret",
            "rotate-key",
            "--forget",
            "--data-dir",
            data,
            "--json",
        ],
        &[],
    );
    let forgotten: Value = serde_json::from_slice(&forgotten.stdout).unwrap();
    assert_eq!(
        (&forgotten["forgotten"], &forgotten["rewrapped"]),
        (&json!(1), &json!(0))
    );
    let server = Server::start_on(folder.path(), &[]);
    assert_eq!(read(&server, "token")["value"], "second");
    server.cli(&["secret", "delete", "token"]);
    assert_eq!(read(&server, "token")["error"], "no-such");
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(
                !bytes.windows(10).any(|part| part == b"t0p-secret"),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn who_may_only_read_sets_no_secret() {
    let (server, _folder) = server(&[]);
    let viewer = server.cli(&["key", "create", "viewer", "--role", "viewer"]);
    let key = viewer["key"].as_str().unwrap();
    let request = server
        .request_as(Some(key), "PUT", "/api/v1/secrets/x")
        .body(json!({ "value": "x" }).to_string());
    assert_eq!(server.send(request).status, 403);
    assert_eq!(server.get("/api/v1/secrets").ok(), json!([]));
}

#[test]
fn more_is_granted_only_by_saying_so() {
    let (server, folder) = server(&[]);
    let (a, b) = ("https://a.example.com", "https://b.example.com");
    publish(&server, "calls", "1.0.0", &json!({ "http": [a] })).ok();
    let second = publish(
        &server,
        "calls",
        "1.1.0",
        &json!({ "http": [a, b], "secrets": ["token"] }),
    )
    .ok();
    let changes = &second["permissions"]["changes"];
    assert_eq!(changes["since"], "1.0.0");
    let added: Vec<&Value> = changes["added"]
        .as_array()
        .unwrap()
        .iter()
        .map(|asked| &asked["name"])
        .collect();
    assert_eq!(added, [&json!(b), &json!("token")]);
    assert_eq!(changes["added"][1]["zh"], "读取机密 token");
    let cannot = second["permissions"]["cannot"].to_string();
    assert!(
        cannot.contains("open a file") && !cannot.contains("read a secret\""),
        "{cannot}"
    );

    let env = [("STEWARD_URL", &*server.url), ("STEWARD_KEY", &*server.key)];
    let said = |args: &[&str]| {
        let output = cli(args, &env);
        (
            output.status.code(),
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
        )
    };
    let (_, shown) = said(&["plugin", "show", "calls@1.1.0"]);
    assert!(
        shown.contains("since 1.0.0:")
            && shown.contains("+ read the secret token (--grant secrets=token)"),
        "{shown}"
    );
    assert!(
        shown.contains("open a file, a socket or a process of the host, whatever is granted"),
        "{shown}"
    );
    // And before a version is published what would change with it.
    let manifest = folder.path().join("next.toml");
    let asks = format!("[requests]\nhttp = [\"{a}\", \"https://c.example.com\"]\n");
    let text = guest::manifest("calls", "1.2.0", "function", &asks);
    std::fs::write(&manifest, text).unwrap();
    let component = built("target/test-guests/calls.wasm");
    let (exit, checked) = said(&[
        "plugin",
        "check",
        "--component",
        component.to_str().unwrap(),
        "--manifest",
        manifest.to_str().unwrap(),
    ]);
    assert_eq!(exit, Some(0), "{checked}");
    for line in [
        "since 1.1.0:",
        "+ send requests to https://c.example.com (--grant http=https://c.example.com)",
        "- send requests to https://b.example.com (--grant http=https://b.example.com)",
        "- read the secret token (--grant secrets=token)",
    ] {
        assert!(checked.contains(line), "{line}: {checked}");
    }

    let old = json!({ "grants": { "http": [a] } });
    server.deploy("calls", "calls", "1.0.0", old.clone()).ok();
    // All at once, by the interface, by a split, and by the command that keeps what is deployed.
    let refused = server
        .deploy("calls", "calls", "1.1.0", old.clone())
        .problem(403, "grant-missing");
    let added: Vec<&Value> = refused["added"]
        .as_array()
        .unwrap()
        .iter()
        .map(|asked| &asked["grant"])
        .collect();
    assert_eq!(
        added,
        [
            "--grant http=https://b.example.com",
            "--grant secrets=token"
        ]
    );
    let split = json!({ "plugin": "calls", "grants": old["grants"], "targets": [
        { "version": "1.0.0", "percent": 90 }, { "version": "1.1.0", "percent": 10 },
    ]});
    server
        .put("/api/v1/functions/calls", &split)
        .problem(403, "grant-missing");
    server.cli(&["plugin", "alias", "calls", "stable", "1.1.0"]);
    let keep = ["function", "deploy", "calls", "--plugin", "calls", "--keep"];
    let (exit, text) = said(&keep);
    assert_eq!(exit, Some(4), "{text}");
    for part in [b, "read the secret token", "`--grant secrets=token`"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(server.get("/api/v1/functions/calls").ok()["revision"], 1);

    let grant = [
        "--grant",
        "http=https://a.example.com",
        "--grant",
        "http=https://b.example.com",
        "--grant",
        "secrets=token",
    ];
    assert_eq!(server.cli(&[&keep[..], &grant].concat())["revision"], 2);
    // Taken away again: a way back to the wider revision is a new grant.
    server.deploy("calls", "calls", "1.0.0", old).ok();
    let (exit, text) = said(&["function", "rollback", "calls"]);
    assert_eq!(exit, Some(4), "{text}");
    assert!(
        text.contains("`--grant secrets=token`") && text.contains("revision 2"),
        "{text}"
    );
    server
        .post("/api/v1/functions/calls/rollback", &json!({ "to": 2 }))
        .problem(403, "grant-missing");
    assert_eq!(server.get("/api/v1/functions/calls").ok()["revision"], 3);
    let back = [
        "function",
        "rollback",
        "calls",
        "--grant",
        "http=https://b.example.com",
        "--grant",
        "secrets=token",
    ];
    assert_eq!(server.cli(&back)["revision"], 4);
    // A narrower one needs nothing.
    assert_eq!(
        server.cli(&["function", "rollback", "calls", "--to", "1"])["revision"],
        5
    );
}

#[test]
fn the_cases_of_a_plugin_have_its_secrets_and_the_services_that_they_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let asks = "[requests]\nhttp = [\"https://api.example.com\"]\nsecrets = [\"token\"]\n";
    let manifest = guest::manifest("calls", "1.0.0", "function", asks);
    std::fs::write(folder.path().join("steward.toml"), manifest).unwrap();
    let sends = |url: &str| json!({ "path": "/send", "headers": { "x-url": url } });
    let secret = json!({ "path": "/secret/token" });
    let (here, elsewhere) = ("https://api.example.com/a?b=1", "https://example.com/");
    let cases = [
        json!({ "name": "a secret", "host": { "secrets": { "token": "t0k" } }, "request": secret,
            "response": { "status": 200, "body": { "value": "t0k" } } }),
        json!({ "name": "nothing is left of it", "request": secret, "response": { "status": 200, "body": {
            "error": "no-such", "message": "there is no secret `token`; `steward secret set token` sets it" } } }),
        json!({ "name": "a service", "host": { "http": [{ "url": here, "status": 201, "body": { "n": 1 } }] },
            "request": sends(here), "response": { "status": 201, "body": { "n": 1 } } }),
        json!({ "name": "what was not granted", "request": sends(elsewhere),
            "response": { "status": 502, "body": { "error": "ErrorCode::HttpRequestDenied" } } }),
        json!({ "name": "another request", "host": { "http": [{ "method": "POST", "url": here }] },
            "request": sends(here), "response": { "status": 502 } }),
        json!({ "name": "a request too few", "host": { "http": [{ "url": here }] }, "request": secret,
            "response": { "status": 200 } }),
    ];
    std::fs::create_dir(folder.path().join("tests")).unwrap();
    let lines = cases.map(|case| case.to_string()).join("\n");
    std::fs::write(folder.path().join("tests/cases.jsonl"), lines).unwrap();
    let component = built("target/test-guests/calls.wasm");
    let (dir, component) = (folder.path().to_str().unwrap(), component.to_str().unwrap());
    let args = ["plugin", "test", dir, "--component", component, "--json"];
    let output = cli(&args, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for passed in 0..4 {
        assert_eq!(
            report["cases"][passed]["failure"],
            Value::Null,
            "{report:#}"
        );
    }
    for (failed, why) in [
        (
            4,
            "the case has no answer to its request: GET https://api.example.com/a?b=1",
        ),
        (5, "it did not send GET https://api.example.com/a?b=1"),
    ] {
        let said = report["cases"][failed]["failure"].as_str().unwrap();
        assert!(said.contains(why), "{report:#}");
    }
}
