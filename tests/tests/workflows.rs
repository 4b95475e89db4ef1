//! Durable workflows on the real binary: what they call, what they survive, who may say what to them.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, manifest};
use steward_tests::server::cli;
use steward_tests::services::{HttpStandIn, Moto, Postgres, Reply};
use steward_tests::{Answer, Server, built, root, until, until_answer};

fn host() -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_on(folder.path(), &["--egress-allow", "127.0.0.1"]);
    (server, folder)
}

/// A document of this name and version with these tasks.
fn document(name: &str, version: &str, tasks: Value) -> Value {
    json!({
        "document": {"dsl": "1.0.3", "namespace": "default", "name": name, "version": version},
        "do": tasks,
    })
}

fn apply_with(server: &Server, definition: Value, more: Value) -> Answer {
    let mut body = json!({ "definition": definition });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    server.post("/api/v1/workflows", &body)
}

fn apply(server: &Server, name: &str, tasks: Value, origins: &[&HttpStandIn]) {
    let http: Vec<String> = origins.iter().map(|api| api.origin()).collect();
    let grants = json!({ "grants": { "http": http } });
    apply_with(server, document(name, "1.0.0", tasks), grants).ok();
}

/// Starts a run and waits for its end.
fn ended(server: &Server, workflow: &str, input: Value) -> Value {
    let path = format!("/api/v1/workflows/{workflow}/runs?wait=true");
    server.post(&path, &input).ok()
}

fn started(server: &Server, workflow: &str, input: Value) -> String {
    let path = format!("/api/v1/workflows/{workflow}/runs");
    let run = server.post(&path, &input).ok();
    run["id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn completed(run: &Value) -> &Value {
    assert_eq!(run["status"], "completed", "{run:#}");
    &run["output"]
}

fn run_of(server: &Server, id: &str) -> Value {
    server.get(&format!("/api/v1/runs/{id}")).ok()
}

fn ask(server: &Server, id: &str, what: &str, body: Value) -> Answer {
    server.post(&format!("/api/v1/runs/{id}/{what}"), &body)
}

fn journal(server: &Server, id: &str) -> Vec<Value> {
    let path = format!("/api/v1/runs/{id}/journal?limit=1000");
    server.get(&path).ok().as_array().unwrap().clone()
}

fn append(server: &Server, event_type: &str, id: &str, data: Value) {
    let event = json!({
        "specversion": "1.0", "id": id, "source": format!("/tests/{event_type}"), "type": event_type, "data": data,
    });
    let request = server.request("POST", "/api/v1/events");
    let request = request.header("content-type", "application/cloudevents+json");
    server.send(request.body(event.to_string())).ok();
}

fn reply(status: u16, body: &Value) -> Reply {
    Reply::new(status, body).with("content-type", "application/json")
}

/// The run, once it has this status.
#[track_caller]
fn reached(server: &Server, id: &str, status: &str) -> Value {
    until_answer(
        &format!("the run is {status}"),
        || run_of(server, id),
        |run| run["status"] == status,
    )
}

fn keeps(server: &Server, version: &str) {
    let guest = cleaner(KEEPS_EVERYTHING);
    let text = manifest("keeps", version, "cleaner", "");
    server.publish(&text, guest).ok();
    server.deploy("keeps", "keeps", version, json!({})).ok();
}

/// The guest that does what its payload says, as a step.
fn steps(server: &Server) {
    let text = std::fs::read_to_string(root().join("tests/guests/steps/steward.toml")).unwrap();
    let more = "[requests]\nhttp = [\"http://127.0.0.1:1\"]\n[config.lie]";
    let text = text.replace("[config.lie]", more);
    let component = std::fs::read(built("target/test-guests/steps.wasm")).unwrap();
    server.publish(&text, component).ok();
    let grants = json!({"grants": {"http": ["http://127.0.0.1:1"]}});
    server.deploy("steps", "steps", "1.0.0", grants).ok();
}

fn one_text() -> Value {
    json!({"batch": [{"id": "1", "text": "${ .text }"}]})
}

fn post_to(api: &HttpStandIn, path: &str, body: Value) -> Value {
    json!({"call": "http", "with": {
        "method": "post", "endpoint": format!("{}{path}", api.origin()), "body": body,
    }})
}

// --- what they call ------------------------------------------------------------------------------------------------------

#[test]
fn a_workflow_calls_functions_services_and_other_workflows() {
    let (server, _folder) = host();
    keeps(&server, "1.0.0");
    let api =
        HttpStandIn::start(|request, _| reply(200, &json!({"got": request.json(), "好": true})));
    apply(
        &server,
        "part",
        json!([{"double": {"set": {"doubled": "${ .n * 2 }"}}}]),
        &[],
    );
    let tasks = json!([
        {"clean": {"call": "steward:keeps", "with": one_text(), "output": {"as": {"kept": "${ . }"}}}},
        {"tell": {
            "call": "http",
            "with": {"method": "post", "endpoint": format!("{}/orders", api.origin()), "body": {"kept": "${ .kept }"}},
            "export": {"as": {"told": "${ . }"}},
        }},
        {"part": {"run": {"workflow": {"namespace": "default", "name": "part", "version": "1.0.0", "input": {"n": 21}}}}},
        {"both": {"fork": {"branches": [
            {"left": {"set": {"side": "left"}}},
            {"right": {"call": "steward:keeps", "with": {"batch": []}}},
        ]}}},
        {"say": {"emit": {"event": {"with": {
            "source": "https://example.com/orders", "type": "com.example.order.done", "data": {"both": "${ . }"},
        }}}}},
        {"rest": {"wait": {"milliseconds": 50}}},
        {"last": {"set": {"told": "${ $context.told }"}}},
    ]);
    apply(&server, "orders", tasks, &[&api]);
    let run = ended(&server, "orders", json!({"text": "你好"}));
    assert_eq!(
        completed(&run)["told"],
        json!({"got": {"kept": ["kept"]}, "好": true})
    );
    // What it called is pinned, and what marks secrets is not told.
    assert_eq!(
        run["pins"]["functions"]["steward:keeps"]["version"],
        "1.0.0"
    );
    assert!(run["pins"]["mark"].is_null(), "{}", run["pins"]);
    let [request] = &api.received()[..] else {
        panic!("{:?}", api.received())
    };
    let id = run["id"].as_str().unwrap();
    assert_eq!(request.header("idempotency-key").len(), 64);
    // Before and after each step.
    let journal = journal(&server, id);
    let of = |kind: &str| {
        let keys = journal.iter().filter(|e| e["entry"]["kind"] == kind);
        keys.map(|e| e["entry"]["key"].as_str().unwrap().to_owned())
            .collect::<BTreeSet<_>>()
    };
    let (begun, done) = (of("started"), of("completed"));
    assert_eq!(begun, done);
    assert!(
        begun.contains("/do/1/tell") && begun.len() == 5,
        "{begun:?}"
    );
    let parts = server.get("/api/v1/runs?workflow=part").ok();
    assert_eq!(parts[0]["parent"], run["id"]);
    assert_eq!(completed(&parts[0]), &json!({"doubled": 42}));
    let events = server
        .get("/api/v1/events?type=com.example.order.done")
        .ok();
    assert_eq!(events["events"].as_array().unwrap().len(), 1, "{events}");
}

#[test]
fn a_function_is_told_the_run_and_the_key_of_its_step_and_iteration() {
    let (server, _folder) = host();
    let manifest = root().join("tests/guests/calls/steward.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let guest = std::fs::read(built("target/test-guests/calls.wasm")).unwrap();
    server.publish(&manifest, guest).ok();
    server.deploy("calls", "calls", "1.0.0", json!({})).ok();
    let tasks = json!([{"each": {
        "for": {"each": "i", "in": "${ [1, 2] }"},
        "do": [{"ask": {"call": "steward:calls/context", "export": {"as": "${ {told: (($context.told // []) + [.])} }"}}}],
    }}, {"last": {"set": {"told": "${ $context.told }"}}}]);
    apply(&server, "asks", tasks, &[]);
    let run = ended(&server, "asks", json!({}));
    let id = run["id"].as_str().unwrap();
    let told = completed(&run)["told"].as_array().unwrap();
    let journal = journal(&server, id);
    let begun = journal.iter().map(|record| &record["entry"]);
    let begun: Vec<&Value> = begun.filter(|entry| entry["kind"] == "started").collect();
    assert_eq!((told.len(), begun.len()), (2, 2), "{run:#}");
    for (told, begun) in told.iter().zip(begun) {
        let step = begun["key"].as_str().unwrap();
        let key = steward_workflow_key(id, step);
        assert_eq!(
            told,
            &json!({"run": id, "step": step, "key": key, "attempt": "1"})
        );
        assert_eq!(begun["idempotency_key"], json!(key));
    }
    assert_ne!(told[0]["key"], told[1]["key"]);
}

#[test]
fn a_model_is_called_in_the_version_that_is_pinned() {
    let (server, _folder) = host();
    server.push_model("minilm");
    let tasks =
        json!([{"embed": {"call": "model:minilm", "with": {"texts": ["${ .text }", "hello"]}}}]);
    apply(&server, "embeds", tasks, &[]);
    let run = ended(&server, "embeds", json!({"text": "你好"}));
    assert_eq!(completed(&run)["embeddings"].as_array().unwrap().len(), 2);
    assert_eq!(run["pins"]["models"]["model:minilm"], "minilm@1.0.0");
}

/// A host whose functions `first` and `second` ask a model, with what takes in feedback.
fn with_models(server: &Server) {
    server.push_model("minilm");
    let text = std::fs::read_to_string(root().join("tests/guests/embeds/steward.toml")).unwrap();
    let component = std::fs::read(built("target/test-guests/embeds.wasm")).unwrap();
    server.publish(&text, component).ok();
    for name in ["first", "second"] {
        let grants = json!({"grants": {"inference": ["minilm"]}});
        server.deploy(name, "embeds", "1.0.0", grants).ok();
    }
    server.publish_first_party("anonymizer");
    let rest = json!({});
    server
        .deploy("anonymizer", "anonymizer", "0.2.0", rest)
        .ok();
}

/// The spans of a trace that a collector was told of, by their names.
fn spans(collector: &HttpStandIn, trace: &str) -> BTreeMap<String, Value> {
    let each = |value: &Value, list: &str| value[list].as_array().cloned().unwrap_or_default();
    let posts = collector.received();
    let posts = posts.iter().filter(|post| post.path == "/v1/traces");
    posts
        .flat_map(|post| each(&post.json(), "resourceSpans"))
        .flat_map(|resource| each(&resource, "scopeSpans"))
        .flat_map(|scope| each(&scope, "spans"))
        .filter(|span| span["traceId"] == trace)
        .map(|span| (span["name"].as_str().unwrap().to_owned(), span))
        .collect()
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn what_a_run_calls_has_its_trace() {
    let collector = HttpStandIn::start(|_, _| Reply::new(200, "{}"));
    let endpoint = collector.origin();
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &["--egress-allow", "127.0.0.1"], &env);
    with_models(&server);
    let api = HttpStandIn::start(|_, _| reply(200, &json!({"ok": true})));
    let tasks = json!([
        {"one": {"call": "steward:first/detect", "with": one_text()}},
        {"told": {"set": {"text": "${ $workflow.input.text }"}}},
        {"post": post_to(&api, "/one", json!({}))},
        {"again": {"set": {"text": "${ $workflow.input.text }"}}},
        {"two": {"call": "steward:second/detect", "with": one_text()}},
        {"say": {"emit": {"event": {"with": {"source": "https://example.com/tests", "type": "com.example.traced"}}}}},
    ]);
    apply(&server, "traced", tasks, &[&api]);
    let mut follows = document("follows", "1.0.0", json!([{"a": {"set": {"x": 1}}}]));
    follows["schedule"] = json!({"on": {"one": {"with": {"type": "com.example.traced"}}}});
    apply_with(&server, follows, json!({})).ok();
    // A call of the same function that is none of the run's.
    let other = json!({"batch": [{"id": "1", "text": "other"}]});
    server.post("/f/default/first/detect", &other).ok();

    let start = server
        .request("POST", "/api/v1/workflows/traced/runs?wait=true")
        .header("content-type", "application/json")
        .header("traceparent", TRACEPARENT);
    let run = server
        .send(start.body(json!({"text": "你好"}).to_string()))
        .ok();
    completed(&run);
    assert_eq!(run["trace"], TRACE);
    let id = run["id"].as_str().unwrap();
    assert_eq!(server.cli(&["run", "show", id])["trace"], TRACE);

    // Its calls are found by the trace, and those who were asked for an address.
    for function in ["first", "second"] {
        let calls = server.cli(&["function", "invocations", function, "--trace", TRACE]);
        assert_eq!(calls.as_array().unwrap().len(), 1, "{calls}");
        assert_eq!(calls[0]["models"], json!(["minilm@1.0.0"]));
    }
    let all = server.get("/api/v1/functions/first/invocations").ok();
    assert_eq!(all.as_array().unwrap().len(), 2);
    let posted = api.received();
    let posted = posted[0].header("traceparent");
    assert!(posted.starts_with(&format!("00-{TRACE}-")), "{posted}");

    // Feedback of the trace finds the model that answered, and with the function the call.
    let feedback = json!({"anonymizer": "anonymizer", "feedback": [
        {"id": "run", "trace": TRACE, "rating": 4},
        {"id": "step", "trace": TRACE, "function": "second", "rating": 2},
        {"id": "none", "trace": "1".repeat(32), "rating": 2},
    ]});
    server.post("/api/v1/feedback", &feedback).ok();
    let found = server.get("/api/v1/feedback").ok();
    let found = &found["feedback"];
    assert_eq!(
        (
            &found[0]["model"],
            &found[0]["function"],
            &found[0]["trace"]
        ),
        (&json!("minilm@1.0.0"), &Value::Null, &json!(TRACE))
    );
    assert_eq!(
        (&found[1]["model"], &found[1]["function"]),
        (&json!("minilm@1.0.0"), &json!("second@1.0.0"))
    );
    assert_eq!(found[2]["model"], Value::Null);

    // A collector has one tree: the request, the run, its steps, the calls of functions.
    let names = [
        "POST /api/v1/workflows/{name}/runs",
        "traced",
        "traced/do/0/one",
        "first",
        "traced/do/2/post",
        "traced/do/4/two",
        "second",
        "traced/do/5/say",
    ];
    let told = until("the spans of the run", || {
        let told = spans(&collector, TRACE);
        let all = names.iter().all(|name| told.contains_key(*name));
        all.then_some(told)
    });
    let above = |name: &str| told[name]["parentSpanId"].clone();
    let request = &told["POST /api/v1/workflows/{name}/runs"];
    assert_eq!(request["parentSpanId"], "b7ad6b7169203331");
    assert_eq!(above("traced"), request["spanId"]);
    for (step, calls) in [
        ("traced/do/0/one", Some("first")),
        ("traced/do/2/post", None),
        ("traced/do/4/two", Some("second")),
        ("traced/do/5/say", None),
    ] {
        assert_eq!(above(step), told["traced"]["spanId"], "{step}");
        if let Some(function) = calls {
            assert_eq!(above(function), told[step]["spanId"], "{function}");
        }
    }
    assert!(posted.contains(told["traced/do/2/post"]["spanId"].as_str().unwrap()));

    // What it said goes on with the trace.
    let next = until("a run that follows", || {
        let runs = server.get("/api/v1/runs?workflow=follows").ok();
        runs.as_array().unwrap().first().cloned()
    });
    assert_eq!(next["trace"], TRACE);
    // What says nothing of a trace begins one, which has the id of the run.
    append(&server, "com.example.traced", "bare", json!({}));
    until("another run that follows", || {
        let runs = server.get("/api/v1/runs?workflow=follows").ok();
        let runs = runs.as_array().unwrap().clone();
        let own = runs.iter().find(|run| run["trace"] != TRACE)?;
        let trace = own["trace"].as_str().unwrap();
        assert!(trace.len() == 32 && trace.bytes().all(|b| b.is_ascii_hexdigit()));
        Some(())
    });
}

#[test]
fn a_run_keeps_its_trace_when_its_host_ends() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--egress-allow", "127.0.0.1"];
    let mut server = Server::start_on(folder.path(), &options);
    let api = HttpStandIn::start(|_, before| {
        if before == 0 {
            std::thread::sleep(Duration::from_secs(2));
        }
        reply(if before == 1 { 503 } else { 200 }, &json!({"ok": true}))
    });
    let post = json!([{"post": post_to(&api, "/slow", json!({}))}]);
    let tasks = json!([{"safe": {
        "try": post,
        "catch": {"errors": {"with": {"status": 503}}, "retry": {"delay": {"milliseconds": 10}, "limit": {"attempt": {"count": 3}}}},
    }}]);
    apply(&server, "slow", tasks, &[&api]);
    let id = started(&server, "slow", json!({}));
    let trace = run_of(&server, &id)["trace"].as_str().unwrap().to_owned();
    api.wait_for(1);
    server.kill();
    let server = Server::start_on(folder.path(), &options);
    let run = reached(&server, &id, "completed");
    assert_eq!(run["trace"], trace.as_str());
    // The host ended in the first attempt, the second failed, the third answered: one trace, a span for each.
    let came = api.received();
    let came: Vec<&str> = came.iter().map(|r| r.header("traceparent")).collect();
    assert_eq!(came.len(), 3, "{came:?}");
    assert!(
        came.iter().all(|c| c.starts_with(&format!("00-{trace}-"))),
        "{came:?}"
    );
    assert_eq!(came.iter().collect::<BTreeSet<_>>().len(), 3, "{came:?}");
}

#[test]
fn an_operation_of_an_openapi_document_is_called() {
    let (server, _folder) = host();
    let api = HttpStandIn::start(|request, _| {
        let host = request.header("host").to_owned();
        match request.path.as_str() {
            "/openapi.json" => reply(
                200,
                &json!({
                    "openapi": "3.0.3", "info": {"title": "pets", "version": "1"},
                    "servers": [{"url": format!("http://{host}/v1")}],
                    "paths": {"/pets/{id}": {"get": {
                        "operationId": "pet",
                        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}],
                        "responses": {"200": {"description": "a pet"}},
                    }}},
                }),
            ),
            path => reply(200, &json!({"path": path})),
        }
    });
    let tasks = json!([{"pet": {"call": "openapi", "with": {
        "document": {"endpoint": format!("{}/openapi.json", api.origin())},
        "operationId": "pet", "parameters": {"id": 7},
    }}}]);
    apply(&server, "pets", tasks, &[&api]);
    let run = ended(&server, "pets", json!({}));
    assert_eq!(completed(&run)["path"], "/v1/pets/7");
}

#[test]
fn requests_authenticate_have_a_query_and_read_their_answers_as_they_are_told() {
    let (server, _folder) = host();
    let api = HttpStandIn::start(|request, _| {
        let path = request.path.split('?').next().unwrap_or_default();
        match path {
            "/moved" => Reply::new(302, "").with("location", "/elsewhere"),
            "/text" => Reply::new(200, "你好").with("content-type", "text/plain; charset=utf-8"),
            _ => reply(200, &json!({"ok": true})).with("x-page", "2"),
        }
    });
    let login = r#"{"username": "lin", "password": "s3cond"}"#;
    for (name, value) in [("password", "f1rst:词"), ("login", login)] {
        let path = format!("/api/v1/secrets/{name}");
        server.put(&path, &json!({"value": value})).ok();
    }
    let uri = |path: &str| format!("{}{path}", api.origin());
    let known =
        |path: &str, basic: Value| json!({"uri": uri(path), "authentication": {"basic": basic}});
    let get = |endpoint: Value, more: Value| {
        let mut with = json!({"method": "get", "endpoint": endpoint});
        let more = more.as_object().unwrap().clone();
        with.as_object_mut().unwrap().extend(more);
        json!({
            "call": "http", "with": with,
            "export": {"as": "${ {told: (($context.told // []) + [.])} }"},
        })
    };
    let here = json!({"username": "ann", "password": "${ $secrets.password }"});
    let query = json!({"q": "${ $workflow.input.text }", "page": "2"});
    let tasks = json!([
        {"inline": get(known("/orders", here), json!({"query": query, "output": "response"}))},
        {"kept": get(known("/orders", json!({"use": "login"})), json!({}))},
        {"raw": get(json!(uri("/text")), json!({"output": "raw"}))},
        {"text": get(json!(uri("/text")), json!({}))},
        {"moved": get(json!(uri("/moved")), json!({"redirect": true, "output": "response"}))},
        {"last": {"set": {"told": "${ $context.told }"}}},
    ]);
    let mut definition = document("asks", "1.0.0", tasks);
    definition["use"] = json!({"secrets": ["password", "login"]});
    let grants = json!({"grants": {"http": [api.origin()], "secrets": ["password", "login"]}});
    apply_with(&server, definition, grants).ok();
    let run = ended(&server, "asks", json!({"text": "好 &=?"}));
    let told = completed(&run)["told"].as_array().unwrap();

    let came = api.received();
    let paths: Vec<&str> = came.iter().map(|request| request.path.as_str()).collect();
    // What is moved is told of, and not gone after.
    let asked = "/orders?page=2&q=%E5%A5%BD%20%26%3D%3F";
    assert_eq!(paths, [asked, "/orders", "/text", "/text", "/moved"]);
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    assert_eq!(came[0].header("authorization"), basic("ann:f1rst:词"));
    assert_eq!(came[1].header("authorization"), basic("lin:s3cond"));
    assert_eq!(came[2].header("authorization"), "");

    let whole = &told[0];
    assert_eq!(
        (&whole["statusCode"], &whole["content"]),
        (&json!(200), &json!({"ok": true})),
        "{whole}"
    );
    assert_eq!(whole["headers"]["x-page"], "2");
    assert_eq!(
        (&whole["request"]["method"], &whole["request"]["uri"]),
        (&json!("GET"), &json!(uri(asked)))
    );
    assert_eq!(told[1], json!({"ok": true}));
    assert_eq!(told[2], STANDARD.encode("你好"));
    assert_eq!(told[3], "你好");
    assert_eq!(
        (&told[4]["statusCode"], &told[4]["headers"]["location"]),
        (&json!(302), &json!("/elsewhere")),
        "{}",
        told[4]
    );
    let id = run["id"].as_str().unwrap();
    let seen = json!([run, journal(&server, id)]).to_string();
    let credentials = [basic("ann:f1rst:词"), basic("lin:s3cond")];
    for secret in [
        "f1rst",
        "s3cond",
        &credentials[0][6..],
        &credentials[1][6..],
    ] {
        assert!(!seen.contains(secret), "{seen}");
    }

    // Without `redirect` it is an error with its status.
    let moved = json!([{"go": get(json!(uri("/moved")), json!({}))}]);
    apply(&server, "moved", moved, &[&api]);
    let run = ended(&server, "moved", json!({}));
    assert_eq!(run["status"], "faulted", "{run:#}");
    assert_eq!(run["error"]["status"], 302, "{run:#}");
    let kind = run["error"]["type"].as_str().unwrap();
    assert!(kind.ends_with("/communication"), "{kind}");
    assert_eq!(api.received().len(), 6);
}

#[test]
fn requests_go_only_where_the_workflow_is_granted_and_secrets_stay_out_of_the_journal() {
    let (server, _folder) = host();
    let api = HttpStandIn::start(|_, _| reply(200, &json!({"ok": true})));
    let elsewhere = HttpStandIn::start(|_, _| reply(200, &json!({})));
    server
        .put("/api/v1/secrets/token", &json!({"value": "s3cr3t-好"}))
        .ok();
    let with = |api: &HttpStandIn| {
        let mut definition = document(
            "calls",
            "1.0.0",
            json!([{"call": {"call": "http", "with": {
                "method": "post", "endpoint": format!("{}/x", api.origin()),
                "headers": {"x-token": "${ $secrets.token }"},
                "body": {"token": "${ $secrets.token }"},
            }}}]),
        );
        definition["use"] = json!({"secrets": ["token"]});
        definition
    };
    // Without the grant it is not even applied.
    let refused = apply_with(
        &server,
        with(&api),
        json!({"grants": {"http": [api.origin()]}}),
    );
    let refused = refused.problem(422, "invalid-workflow");
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("--grant secrets=token"),
        "{refused}"
    );
    let grants = json!({"grants": {"http": [api.origin()], "secrets": ["token"]}});
    apply_with(&server, with(&api), grants.clone()).ok();
    let run = ended(&server, "calls", json!({}));
    completed(&run);
    assert_eq!(api.received()[0].json()["token"], "s3cr3t-好");
    let id = run["id"].as_str().unwrap();
    let told = json!([run, journal(&server, id)]).to_string();
    assert!(!told.contains("s3cr3t"), "{told}");

    let mut other = with(&elsewhere);
    other["document"]["version"] = "1.1.0".into();
    apply_with(&server, other, grants).ok();
    let run = ended(&server, "calls", json!({}));
    assert_eq!(run["status"], "faulted");
    let detail = run["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("--grant http="), "{detail}");
    assert!(elsewhere.received().is_empty());
}

#[test]
fn partners_extend_a_workflow_at_its_points_and_reach_what_they_are_granted() {
    let (server, _folder) = host();
    steps(&server);
    keeps(&server, "1.0.0");
    let secret = HttpStandIn::start(|_, _| reply(200, &json!({})));
    apply(
        &server,
        "orders",
        json!([{"checks": {"call": "extension:checks", "with": {"payload": "${ . }"}}}]),
        &[&secret],
    );
    // Nothing extends it: the payload goes through.
    let payload = json!({"do": "tell"});
    assert_eq!(
        completed(&ended(&server, "orders", payload.clone())),
        &payload
    );
    let extend = |point: &str, steps: &[&str]| {
        let path = format!("/api/v1/workflows/orders/extensions/{point}");
        server.put(&path, &json!({"steps": steps}))
    };
    let refused = extend("nowhere", &["steps"]).problem(422, "invalid");
    assert!(
        refused["detail"].as_str().unwrap().contains("checks"),
        "{refused}"
    );
    let refused = extend("checks", &["keeps"]).problem(422, "invalid");
    assert!(
        refused["detail"].as_str().unwrap().contains("world"),
        "{refused}"
    );
    extend("checks", &["absent"]).problem(422, "invalid");
    server.cli(&["workflow", "extend", "orders", "checks", "--step", "steps"]);
    let run = ended(&server, "orders", payload);
    let told = completed(&run);
    assert_eq!(told["did"], "told");
    assert_eq!(told["run"], run["id"]);
    assert_eq!(told["key"].as_str().unwrap().len(), 64);
    assert_eq!(run["pins"]["extensions"]["checks"][0]["function"], "steps");
    // What the workflow is granted is not the step's, and what breaks its schema never comes to it.
    let url = format!("{}/", secret.origin());
    let run = ended(&server, "orders", json!({"do": "send", "url": url}));
    assert_eq!(run["status"], "faulted", "{run}");
    assert!(secret.received().is_empty());
    let run = ended(&server, "orders", json!({"do": 7}));
    let kind = run["error"]["type"].as_str().unwrap_or_default();
    assert!(kind.ends_with("/validation"), "{run}");
}

#[test]
fn what_steps_are_given_is_held_against_their_schemas_before_there_is_a_run() {
    let (server, _folder) = host();
    steps(&server);
    let component = std::fs::read(built("target/test-guests/step-rust.wasm")).unwrap();
    let template = built("target/test-guests/step-rust/steward.toml");
    let template = std::fs::read_to_string(template).unwrap();
    server.publish(&template, component).ok();
    server
        .deploy("priority", "step-rust", "0.1.0", json!({}))
        .ok();
    let calls = |with: Value| json!([{"ask": {"call": "steward:steps", "with": with}}]);
    let extends = |payload: Value| json!([{"checks": {"call": "extension:checks", "with": {"payload": payload}}}]);
    let apply = |version: &str, tasks: Value| {
        apply_with(&server, document("orders", version, tasks), json!({}))
    };
    for (tasks, named) in [
        (
            calls(json!({"do": 7})),
            ["expected string", "(/do/0/ask/with/do)"],
        ),
        (
            calls(json!({"url": "${ .url }"})),
            ["`do` is missing", "(/do/0/ask/with)"],
        ),
        (
            calls(json!({"do": "${ .do }", "more": "${ .x }"})),
            ["no such field", "(/do/0/ask/with/more)"],
        ),
    ] {
        let refused = apply("1.0.0", tasks).problem(422, "invalid-workflow");
        let detail = refused["detail"].as_str().unwrap();
        assert!(named.iter().all(|n| detail.contains(n)), "{refused}");
        assert!(detail.contains("`steps`"), "{refused}");
    }
    assert_eq!(server.get("/api/v1/workflows").ok(), json!([]));
    // What an expression will be nobody knows before there is a run.
    apply("1.0.0", calls(json!({"do": "${ .what }"}))).ok();
    let run = ended(&server, "orders", json!({"what": 7}));
    let kind = run["error"]["type"].as_str().unwrap();
    assert!(kind.ends_with("/validation"), "{run}");

    // The same where a step extends a point, and where a point that is extended gets another payload.
    apply(
        "2.0.0",
        extends(json!({"text": "好", "amount": "${ .amount }"})),
    )
    .ok();
    let shown = server.cli(&["workflow", "show", "orders"]);
    assert_eq!(shown["points"], json!(["checks"]));
    let extend = |steps: &[&str]| {
        let path = "/api/v1/workflows/orders/extensions/checks";
        server.put(path, &json!({"steps": steps}))
    };
    let refused = extend(&["steps"]).problem(422, "invalid");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("/do/0/checks/with/payload"), "{refused}");
    extend(&["priority"]).ok();
    let run = ended(&server, "orders", json!({"amount": 900}));
    assert_eq!(completed(&run)["priority"], "high");
    let fewer = extends(json!({"text": "", "amount": "${ .amount }"}));
    let refused = apply("3.0.0", fewer).problem(422, "invalid-workflow");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("`priority`"), "{refused}");
    // Steps that follow each other: the one answers nothing that the other takes.
    let refused = extend(&["priority", "steps"]).problem(422, "invalid");
    let detail = refused["detail"].as_str().unwrap();
    assert!(
        ["`checks`", "`priority`", "`steps`"]
            .iter()
            .all(|n| detail.contains(n)),
        "{refused}"
    );
    let shown = server.get("/api/v1/workflows/orders").ok();
    assert_eq!(shown["version"], "2.0.0");
    assert_eq!(shown["extensions"].as_array().unwrap().len(), 1);

    // A step that is gone is named with its point, and the workflow goes on without it or when it is back.
    let gone = server.request("DELETE", "/api/v1/functions/priority");
    server.send(gone).ok();
    let start = || {
        server.post(
            "/api/v1/workflows/orders/runs?wait=true",
            &json!({"amount": 9}),
        )
    };
    let refused = start().problem(422, "invalid-workflow");
    let detail = refused["detail"].as_str().unwrap();
    assert!(
        ["`checks`", "`priority`", "steward workflow extend"]
            .iter()
            .all(|n| detail.contains(n)),
        "{refused}"
    );
    extend(&[]).ok();
    assert_eq!(completed(&start().ok())["text"], "好");
}

#[test]
fn a_call_names_an_alias_or_a_digest_and_a_run_keeps_what_it_began_with() {
    let (server, _folder) = host();
    keeps(&server, "1.0.0");
    let shown = server.cli(&["plugin", "show", "keeps@1.0.0"]);
    let digest = shown["digest"].as_str().unwrap().to_owned();
    server.cli(&["plugin", "alias", "keeps", "stable", "1.0.0"]);
    let batch = json!({"batch": [{"id": "1", "text": "x"}]});
    let one = |call: &str| json!([{"rest": {"listen": {"to": {"one": {"with": {"type": "go"}}}}}}, {"ask": {"call": call, "with": batch}}]);
    let by_digest = format!("steward:keeps@{digest}");
    for (name, call) in [
        ("by-name", "steward:keeps"),
        ("by-alias", "steward:keeps@stable"),
        ("by-digest", &*by_digest),
    ] {
        apply(&server, name, one(call), &[]);
    }
    let absent = format!("steward:keeps@sha256:{}", "0".repeat(64));
    for call in ["steward:keeps@nobody", &*absent] {
        let refused = apply_with(&server, document("absent", "1.0.0", one(call)), json!({}));
        let refused = refused.problem(422, "invalid-workflow");
        assert!(
            refused["detail"].as_str().unwrap().contains("keeps@"),
            "{refused}"
        );
    }
    let names = ["by-name", "by-alias", "by-digest"];
    let begin = || {
        let ids = names.map(|name| started(&server, name, json!({})));
        ids.iter()
            .for_each(|id| drop(reached(&server, id, "waiting")));
        ids
    };
    let before = begin();
    // What is deployed and what the alias names from now on answers nothing at all.
    let guest = cleaner("unreachable");
    server
        .publish(&manifest("keeps", "2.0.0", "cleaner", ""), guest)
        .ok();
    server.deploy("keeps", "keeps", "2.0.0", json!({})).ok();
    server.cli(&["plugin", "alias", "keeps", "stable", "2.0.0"]);
    let after = begin();
    append(&server, "go", "1", json!({}));
    let ended = |id: &str| server.get(&format!("/api/v1/runs/{id}?wait=true")).ok();
    for id in &before {
        assert_eq!(completed(&ended(id)), &json!(["kept"]));
    }
    let after = after.map(|id| ended(&id));
    let statuses = after.each_ref().map(|run| run["status"].as_str().unwrap());
    assert_eq!(statuses, ["faulted", "faulted", "completed"], "{after:#?}");
    let pinned = &after[2]["pins"]["functions"][&by_digest];
    assert_eq!(
        (&pinned["version"], &pinned["digest"]),
        (&json!("1.0.0"), &json!(digest))
    );
}

#[test]
fn what_was_done_is_undone_where_the_rest_fails_and_nobody_waits_longer_than_they_said() {
    let (server, _folder) = host();
    let (tell, told) = std::sync::mpsc::channel();
    let tell = Mutex::new(tell);
    let api = HttpStandIn::start(move |request, _| match request.path.as_str() {
        "/charge" => {
            tell.lock().unwrap().send(Instant::now()).unwrap();
            reply(402, &json!({"no": "money"}))
        }
        "/late" => {
            std::thread::sleep(Duration::from_secs(20));
            reply(200, &json!({}))
        }
        path => reply(200, &json!({"path": path})),
    });
    let tasks = json!([
        {"reserve": post_to(&api, "/reserve", json!({}))},
        {"pay": {
            "try": [{"charge": post_to(&api, "/charge", json!({"n": 1}))}],
            "catch": {
                "as": "error",
                "retry": {"delay": {"milliseconds": 20}, "backoff": {"exponential": {}}, "limit": {"attempt": {"count": 2}}},
                "do": [
                    {"release": post_to(&api, "/release", json!({"why": "${ $error.status }"}))},
                    {"tell": {"set": {"paid": false}}},
                ],
            },
        }},
    ]);
    apply(&server, "orders", tasks, &[&api]);
    let run = ended(&server, "orders", json!({}));
    assert_eq!(completed(&run), &json!({"paid": false}));
    let came = api.received();
    let paths: Vec<&str> = came.iter().map(|r| r.path.as_str()).collect();
    assert_eq!(
        paths,
        ["/reserve", "/charge", "/charge", "/charge", "/release"]
    );
    assert_eq!(came[4].json(), json!({"why": 402}));
    let keys: BTreeSet<&str> = came.iter().map(|r| r.header("idempotency-key")).collect();
    assert_eq!(keys.len(), 3, "{keys:?}");
    // The second pause is twice the first, whatever the machine adds to either.
    let asked: Vec<Instant> = told.try_iter().collect();
    let pauses: Vec<Duration> = asked.windows(2).map(|t| t[1] - t[0]).collect();
    assert!(pauses[0] >= Duration::from_millis(20), "{pauses:?}");
    assert!(pauses[1] >= Duration::from_millis(40), "{pauses:?}");

    let mut late = post_to(&api, "/late", json!({}));
    late["timeout"] = json!({"after": {"milliseconds": 200}});
    let begun = Instant::now();
    apply(&server, "late", json!([{"late": late}]), &[&api]);
    let run = ended(&server, "late", json!({}));
    assert_eq!(
        (&run["status"], &run["error"]["status"]),
        (&json!("faulted"), &json!(408))
    );
    assert_eq!(run["error"]["instance"], "/do/0/late");
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
}

// --- bad input -----------------------------------------------------------------------------------------------------------

#[test]
fn what_cannot_run_is_refused_and_named() {
    let (server, _folder) = host();
    let refused = |tasks: Value, named: &str| {
        let answer = apply_with(&server, document("bad", "1.0.0", tasks), json!({}));
        let problem = answer.problem(422, "invalid-workflow");
        let detail = problem["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(named), "{named}: {detail}");
    };
    refused(json!([{"a": {"call": "steward:absent"}}]), "absent");
    refused(
        json!([{"a": {"call": "model:absent", "with": {"texts": []}}}]),
        "absent",
    );
    refused(
        json!([{"a": {"run": {"shell": {"command": "rm"}}}}]),
        "shell",
    );
    refused(json!([{"a": {"call": "grpc", "with": {}}}]), "grpc");
    refused(json!([{"a": {"set": {"x": "${ .x | }"}}}]), "/do/0/a");
    refused(
        json!([{"a": {"set": {"x": 1}, "then": "b"}}, {"b": {"set": {"x": 2}, "then": "a"}}]),
        "round",
    );
    refused(
        json!([{"a": {"run": {"workflow": {"namespace": "default", "name": "absent", "version": "1.0.0"}}}}]),
        "absent",
    );
    apply_with(&server, json!("document: [\n"), json!({})).problem(422, "invalid-workflow");
    let cron = json!({"cron": "61 * * * *"});
    let mut scheduled = document("bad", "1.0.0", json!([{"a": {"set": {"x": 1}}}]));
    scheduled["schedule"] = cron;
    apply_with(&server, scheduled, json!({})).problem(422, "invalid-workflow");
    let good = document("good", "1.0.0", json!([{"a": {"set": {"x": 1}}}]));
    let models = json!({"grants": {"inference": ["minilm"]}});
    apply_with(&server, good.clone(), models).problem(422, "invalid");
    assert_eq!(server.get("/api/v1/workflows").ok(), json!([]));

    // A version never changes.
    apply_with(&server, good.clone(), json!({})).ok();
    apply_with(&server, good, json!({})).ok();
    let other = document("good", "1.0.0", json!([{"a": {"set": {"x": 2}}}]));
    apply_with(&server, other, json!({})).problem(409, "conflict");
    server
        .post("/api/v1/workflows/absent/runs", &json!({}))
        .problem(404, "not-found");
    server.get("/api/v1/runs/no-id").problem(404, "not-found");
    server
        .post("/api/v1/workflows/good/runs?version=9.0.0", &json!({}))
        .problem(404, "not-found");

    // What goes wrong in a run is its own end, with the place.
    apply(
        &server,
        "jq",
        json!([{"a": {"set": {"x": "${ .n | error }"}}}]),
        &[],
    );
    let run = ended(&server, "jq", json!({"n": "坏"}));
    assert_eq!(run["status"], "faulted");
    assert_eq!(run["error"]["instance"], "/do/0/a");
    let kind = run["error"]["type"].as_str().unwrap();
    assert!(kind.ends_with("/expression"), "{kind}");
    // It failed in its own definition: to redrive it would be to fail again.
    let id = run["id"].as_str().unwrap();
    ask(&server, id, "redrive", json!({})).problem(422, "invalid");
    ask(&server, id, "pause", json!({})).problem(422, "invalid");
    ask(&server, id, "approve", json!({"approved": true})).problem(422, "invalid");
    ask(&server, id, "replay", json!({"from": "/do/9/x"})).problem(422, "invalid");
}

#[test]
fn a_step_whose_answer_breaks_its_schema_fails_and_one_that_is_not_ready_is_tried_again() {
    let (server, _folder) = host();
    steps(&server);
    let retry =
        json!({"retry": {"delay": {"milliseconds": 1}, "limit": {"attempt": {"count": 2}}}});
    let tasks = json!([
        {"before": {"call": "steward:steps", "with": {"do": "tell"}, "export": {"as": {"before": "${ . }"}}}},
        {"safe": {
            "try": [{"step": {"call": "steward:steps", "with": {"do": "${ $workflow.input.do }"}}}],
            "catch": {"errors": {"with": {"status": 503}}, "retry": retry["retry"]},
        }},
    ]);
    apply(&server, "orders", tasks, &[]);
    let told = ended(&server, "orders", json!({"do": "tell"}));
    assert_eq!(completed(&told)["attempt"], 1);
    assert_eq!(told["output"]["step"], "/do/1/safe/try/0/step");

    let run = ended(&server, "orders", json!({"do": "break"}));
    assert_eq!(run["status"], "faulted");
    let detail = run["error"]["detail"].as_str().unwrap();
    assert!(
        detail.contains("schema") && detail.contains("/did"),
        "{detail}"
    );
    assert_eq!(run["error"]["instance"], "/do/1/safe/try/0/step");

    // Three attempts with one key, and the step before them once.
    let run = ended(&server, "orders", json!({"do": "later"}));
    assert_eq!(
        (&run["status"], &run["error"]["status"]),
        (&json!("faulted"), &json!(503))
    );
    let journal = journal(&server, run["id"].as_str().unwrap());
    let begun: Vec<&Value> = journal
        .iter()
        .map(|record| &record["entry"])
        .filter(|entry| entry["kind"] == "started")
        .collect();
    let attempts: Vec<u64> = begun[1..]
        .iter()
        .map(|e| e["attempt"].as_u64().unwrap())
        .collect();
    assert_eq!(attempts, [1, 2, 3]);
    let keys: BTreeSet<&str> = begun[1..]
        .iter()
        .map(|entry| entry["idempotency_key"].as_str().unwrap())
        .collect();
    assert_eq!(keys.len(), 1, "{begun:?}");
}

#[test]
fn the_same_start_is_the_same_run() {
    let (server, _folder) = host();
    apply(
        &server,
        "one",
        json!([{"a": {"set": {"x": "${ .n }"}}}]),
        &[],
    );
    let start = |key: &str, n: u32| {
        let request = server
            .request("POST", "/api/v1/workflows/one/runs")
            .header("idempotency-key", key)
            .header("content-type", "application/json");
        server.send(request.body(json!({"n": n}).to_string()))
    };
    let first = start("k1", 1);
    assert_eq!(first.status, 202);
    let again = start("k1", 2);
    assert_eq!(again.status, 200);
    assert_eq!(again.body["id"], first.body["id"]);
    assert_ne!(start("k2", 1).ok()["id"], first.body["id"]);
    let all = server.get("/api/v1/runs").ok();
    assert_eq!(all.as_array().unwrap().len(), 2);
}

#[test]
fn a_run_whose_function_was_removed_is_kept_and_goes_on_when_it_is_back() {
    let (server, _folder) = host();
    keeps(&server, "1.0.0");
    let tasks = json!([
        {"before": {"call": "steward:keeps", "with": {"batch": []}}},
        {"rest": {"listen": {"to": {"one": {"with": {"type": "go"}}}}}},
        {"after": {"call": "steward:keeps", "with": {"batch": [{"id": "1", "text": "x"}]}}},
    ]);
    apply(&server, "orders", tasks, &[]);
    let id = started(&server, "orders", json!({}));
    reached(&server, &id, "waiting");
    let gone = server.request("DELETE", "/api/v1/functions/keeps");
    server.send(gone).ok();
    append(&server, "go", "1", json!({}));
    let run = reached(&server, &id, "faulted");
    let detail = run["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("keeps"), "{detail}");
    assert_eq!(run["error"]["instance"], "/do/2/after");
    // Nothing of it is lost, and what is deployed newly is not what it calls: that would answer nothing.
    let guest = cleaner("unreachable");
    let newer = manifest("keeps", "2.0.0", "cleaner", "");
    server.publish(&newer, guest).ok();
    server.deploy("keeps", "keeps", "2.0.0", json!({})).ok();
    ask(&server, &id, "redrive", json!({})).ok();
    let run = reached(&server, &id, "completed");
    assert_eq!(run["output"], json!(["kept"]));
    assert_eq!(
        run["pins"]["functions"]["steward:keeps"]["version"],
        "1.0.0"
    );
    let begun = journal(&server, &id);
    let before = begun
        .iter()
        .filter(|e| e["entry"]["kind"] == "started" && e["entry"]["key"] == "/do/0/before");
    assert_eq!(before.count(), 1);
}

// --- what is asked of runs -----------------------------------------------------------------------------------------------

#[test]
fn a_dead_letter_goes_on_from_where_it_failed_and_a_replay_from_where_one_says() {
    let (server, _folder) = host();
    let api = HttpStandIn::start(|request, before| match request.path.as_str() {
        "/second" if before < 2 => reply(500, &json!({"no": true})),
        path => reply(200, &json!({"path": path})),
    });
    let tasks = json!([
        {"first": post_to(&api, "/first", json!({}))},
        {"second": post_to(&api, "/second", json!({}))},
        {"third": post_to(&api, "/third", json!({}))},
    ]);
    apply(&server, "orders", tasks, &[&api]);
    let run = ended(&server, "orders", json!({}));
    assert_eq!(run["status"], "faulted");
    assert_eq!(run["error"]["status"], 500);
    let id = run["id"].as_str().unwrap().to_owned();
    let dead = server.get("/api/v1/runs?status=faulted").ok();
    assert_eq!(dead[0]["id"], run["id"]);
    server.cli(&["run", "redrive", &id]);
    let run = reached(&server, &id, "completed");
    assert_eq!(run["output"], json!({"path": "/third"}));
    let paths: Vec<String> = api.received().iter().map(|r| r.path.clone()).collect();
    assert_eq!(paths, ["/first", "/second", "/second", "/third"]);
    let keys: Vec<String> = api
        .received()
        .iter()
        .map(|r| r.header("idempotency-key").to_owned())
        .collect();
    assert_eq!(keys[1], keys[2]);

    let again = server.cli(&["run", "replay", &id, "--from", "/do/1/second"]);
    let copy = again["id"].as_str().unwrap();
    assert_ne!(copy, id);
    assert_eq!(reached(&server, copy, "completed")["replay_of"], run["id"]);
    let requests = api.received();
    let paths: Vec<&str> = requests[4..].iter().map(|r| r.path.as_str()).collect();
    assert_eq!(paths, ["/second", "/third"]);
    assert_ne!(requests[4].header("idempotency-key"), keys[2]);
}

#[test]
fn a_run_is_paused_resumed_and_cancelled() {
    let (server, _folder) = host();
    let api = HttpStandIn::start(|_, _| reply(200, &json!({})));
    let tasks = json!([
        {"rest": {"listen": {"to": {"one": {"with": {"type": "go"}}}}}},
        {"tell": post_to(&api, "/told", json!({}))},
    ]);
    apply(&server, "orders", tasks, &[&api]);
    let id = started(&server, "orders", json!({}));
    reached(&server, &id, "waiting");
    server.cli(&["run", "pause", &id]);
    assert_eq!(run_of(&server, &id)["status"], "paused");
    // The event comes to both, and only the other one goes on.
    let other = started(&server, "orders", json!({}));
    reached(&server, &other, "waiting");
    append(&server, "go", "1", json!({}));
    reached(&server, &other, "completed");
    assert_eq!(run_of(&server, &id)["status"], "paused");
    assert_eq!(api.received().len(), 1);
    server.cli(&["run", "resume", &id]);
    reached(&server, &id, "completed");
    assert_eq!(api.received().len(), 2);

    let id = started(&server, "orders", json!({}));
    reached(&server, &id, "waiting");
    server.cli(&["run", "cancel", &id]);
    reached(&server, &id, "cancelled");
    append(&server, "go", "2", json!({}));
    ask(&server, &id, "resume", json!({})).problem(422, "invalid");
    assert_eq!(api.received().len(), 2);
}

#[test]
fn only_the_host_can_say_that_something_was_approved() {
    let (server, _folder) = host();
    let tasks = json!([
        {"ask": {"listen": {"to": {"one": {"with": {"type": "steward.approval"}}}}, "timeout": {"after": {"minutes": 10}}}},
        {"last": {"set": {"answer": "${ .[0] }"}}},
    ]);
    apply(&server, "orders", tasks, &[]);
    let id = started(&server, "orders", json!({}));
    let other = started(&server, "orders", json!({}));
    reached(&server, &id, "waiting");
    reached(&server, &other, "waiting");
    // Somebody who may append events says that it was approved, in every way.
    let forged = json!({
        "specversion": "1.0", "id": "1", "source": "/elsewhere", "type": "steward.approval", "subject": id,
        "data": {"approved": true, "run": id, "principal": "somebody"},
    });
    let send = |event: &Value| {
        let request = server.request("POST", "/api/v1/events");
        let request = request.header("content-type", "application/cloudevents+json");
        server.send(request.body(event.to_string()))
    };
    send(&forged).ok();
    let mut reserved = forged.clone();
    reserved["source"] = format!("/runs/{id}").into();
    send(&reserved).problem(400, "invalid-event");
    // One that was given to another run is repeated for this one.
    ask(&server, &other, "approve", json!({"approved": true})).ok();
    let genuine = reached(&server, &other, "completed");
    assert_eq!(genuine["output"]["answer"]["approved"], true);
    let log = server.get("/api/v1/events?type=steward.approval").ok();
    let mut repeated = log["events"][1].clone();
    assert_eq!(repeated["subject"], other.as_str());
    let fields = repeated.as_object_mut().unwrap();
    fields.remove("stewardseq");
    fields.insert("source".into(), "/elsewhere".into());
    fields.insert("subject".into(), id.as_str().into());
    send(&repeated).ok();
    // What is said behind them in the log is the first that it takes.
    reached(&server, &id, "waiting");
    server.cli(&["run", "approve", &id, "--refuse", "--comment", "不行"]);
    let run = reached(&server, &id, "completed");
    let answer = &run["output"]["answer"];
    assert_eq!(
        (&answer["approved"], &answer["comment"]),
        (&json!(false), &json!("不行"))
    );
    let me = server.get("/api/v1/me").ok();
    assert_eq!(answer["principal"], me["id"]);
}

#[test]
fn an_approval_has_a_deadline() {
    let (server, _folder) = host();
    let tasks = json!([{"ask": {
        "listen": {"to": {"one": {"with": {"type": "steward.approval"}}}},
        "timeout": {"after": {"milliseconds": 300}},
    }}]);
    apply(&server, "orders", tasks, &[]);
    let run = ended(&server, "orders", json!({}));
    assert_eq!(run["status"], "faulted");
    let kind = run["error"]["type"].as_str().unwrap();
    assert!(kind.ends_with("/timeout"), "{kind}");
}

// --- events and schedules ------------------------------------------------------------------------------------------------

#[test]
fn events_start_runs_and_reach_those_that_wait_for_them_once() {
    let (server, _folder) = host();
    let mut starts = document(
        "starts",
        "1.0.0",
        json!([{"a": {"set": {"n": "${ .[0].data.n }"}}}]),
    );
    starts["schedule"] = json!({"on": {"one": {"with": {"type": "com.example.begin"}}}});
    apply_with(&server, starts, json!({})).ok();
    for n in 0..20 {
        append(
            &server,
            "com.example.begin",
            &n.to_string(),
            json!({"n": n}),
        );
        // A second time it is the same event.
        append(
            &server,
            "com.example.begin",
            &n.to_string(),
            json!({"n": n}),
        );
    }
    let runs = until("twenty runs", || {
        let runs = server
            .get("/api/v1/runs?workflow=starts&status=completed")
            .ok();
        let runs = runs.as_array().unwrap().clone();
        (runs.len() >= 20).then_some(runs)
    });
    let seen: BTreeSet<i64> = runs
        .iter()
        .map(|r| r["output"]["n"].as_i64().unwrap())
        .collect();
    assert_eq!((runs.len(), seen.len()), (20, 20));

    let tasks = json!([{"both": {"listen": {"to": {"all": [
        {"with": {"type": "com.example.paid", "data": "${ .order == 7 }"}},
        {"with": {"type": "com.example.sent"}},
    ]}}}}]);
    apply(&server, "waits", tasks, &[]);
    let id = started(&server, "waits", json!({}));
    reached(&server, &id, "waiting");
    append(&server, "com.example.paid", "8", json!({"order": 8}));
    append(&server, "com.example.sent", "1", json!({"sent": 1}));
    append(&server, "com.example.sent", "2", json!({"sent": 2}));
    append(&server, "com.example.paid", "7", json!({"order": 7}));
    let run = reached(&server, &id, "completed");
    let output = run["output"].as_array().unwrap();
    assert!(
        output.contains(&json!({"order": 7})) && output.contains(&json!({"sent": 1})),
        "{output:?}"
    );
    assert_eq!(output.len(), 2);
    let events = journal(&server, &id);
    assert_eq!(
        events
            .iter()
            .filter(|e| e["entry"]["kind"] == "event")
            .count(),
        2
    );
}

#[test]
fn a_schedule_starts_runs() {
    let (server, _folder) = host();
    let schedules = [
        ("ticks", json!({"every": {"seconds": 1}})),
        // Six fields: every second of the clock.
        ("strokes", json!({"cron": "* * * * * *"})),
    ];
    for (name, schedule) in &schedules {
        let mut definition = document(name, "1.0.0", json!([{"a": {"set": {"x": 1}}}]));
        definition["schedule"] = schedule.clone();
        let applied = apply_with(&server, definition, json!({})).ok();
        let next: jiff::Timestamp = applied["next_at"].as_str().unwrap().parse().unwrap();
        if *name == "strokes" {
            assert_eq!(next.subsec_nanosecond(), 0, "{applied}");
        }
    }
    for (name, _) in &schedules {
        let runs = until(&format!("two runs of {name}"), || {
            let runs = server.get(&format!("/api/v1/runs?workflow={name}")).ok();
            let runs = runs.as_array().unwrap().clone();
            (runs.len() >= 2).then_some(runs)
        });
        assert!(runs.iter().all(|run| run["created_by"] == "schedule"));
    }
}

#[test]
fn no_more_runs_go_on_at_a_time_than_the_workflow_allows() {
    let (server, _folder) = host();
    let tasks = json!([{"rest": {"listen": {"to": {"one": {"with": {"type": "go"}}}}}}]);
    let definition = document("few", "1.0.0", tasks);
    apply_with(&server, definition, json!({"concurrency": 2})).ok();
    let ids: Vec<String> = (0..5).map(|_| started(&server, "few", json!({}))).collect();
    let count = |status: &str| {
        let runs = server
            .get(&format!("/api/v1/runs?workflow=few&status={status}"))
            .ok();
        runs.as_array().unwrap().len()
    };
    until("two that wait", || (count("waiting") == 2).then_some(()));
    assert_eq!(count("pending"), 3);
    for round in 0..3 {
        until("as many that wait as may", || {
            (count("waiting") == (5 - 2 * round).min(2)).then_some(())
        });
        append(&server, "go", &round.to_string(), json!({}));
        until("they have ended", || {
            (count("completed") >= (2 * (round + 1)).min(5)).then_some(())
        });
        assert!(count("waiting") <= 2);
    }
    assert!(
        ids.iter()
            .all(|id| run_of(&server, id)["status"] == "completed")
    );
}

// --- crashes -------------------------------------------------------------------------------------------------------------

/// A workflow of many requests, some of them at the same time, with waits between, events and a part.
fn sturdy(api: &HttpStandIn) -> Value {
    json!([
        {"first": post_to(api, "/first", json!({"n": "${ .n }"}))},
        {"each": {
            "for": {"each": "i", "in": "${ [1, 2, 3] }"},
            "do": [{"one": post_to(api, "/each", json!({"i": "${ $i }"}))}],
        }},
        {"say": {"emit": {"event": {"with": {"source": "https://example.com/crash", "type": "com.example.crash", "data": {}}}}}},
        {"rest": {"wait": {"milliseconds": 20}}},
        {"both": {"fork": {"branches": [
            {"left": post_to(api, "/left", json!({}))},
            {"right": post_to(api, "/right", json!({}))},
        ]}}},
        {"part": {"run": {"workflow": {"namespace": "default", "name": "part", "version": "1.0.0", "input": {"n": 1}}}}},
        {"last": post_to(api, "/last", json!({}))},
    ])
}

/// Kills a host in the middle, within so many milliseconds, again and again, of several hosts one after the other; every run
/// comes to its end, and no step that was written down as done is done again.
fn survive(cycles: u32, runs_of_a_cycle: u32, within_ms: u64, start: &[&dyn Fn() -> Server]) {
    // Each answers a moment later, so that the end of the host falls into requests as well.
    let api = HttpStandIn::start(|_, before| {
        std::thread::sleep(Duration::from_millis(before as u64 % 7));
        reply(200, &json!({"ok": true}))
    });
    let mut hosts: Vec<Server> = start.iter().map(|start| start()).collect();
    apply(
        &hosts[0],
        "part",
        json!([{"told": post_to(&api, "/part", json!({}))}]),
        &[&api],
    );
    apply(&hosts[0], "sturdy", sturdy(&api), &[&api]);
    let mut acknowledged = Vec::new();
    // Steps that were known to be done when the host ended, with how often they had been asked for by then.
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    let mut random = 88_172_645_463_325_252u64;
    for cycle in 0..cycles {
        let next = cycle as usize % hosts.len();
        for n in 0..runs_of_a_cycle {
            acknowledged.push(started(&hosts[next], "sturdy", json!({"n": n})));
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let moment = Duration::from_millis(random % within_ms);
        let begun = Instant::now();
        // By one that lives on, where there is one.
        let watcher = &hosts[(next + 1) % hosts.len()];
        while begun.elapsed() < moment {
            for id in acknowledged.iter().rev().take(3) {
                for entry in journal(watcher, id) {
                    note(&mut done, id, &entry, &api);
                }
            }
        }
        hosts[next].kill();
        hosts[next] = start[next]();
        if cycle % 10 == 9 {
            eprintln!("{} cycles", cycle + 1);
        }
    }
    let mut requests: BTreeMap<String, usize> = BTreeMap::new();
    let server = &hosts[0];
    for id in &acknowledged {
        completed(&server.get(&format!("/api/v1/runs/{id}?wait=true")).ok());
        let all = journal(server, id);
        let mut completions: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in &all {
            if entry["entry"]["kind"] == "completed" {
                *completions
                    .entry(entry["entry"]["key"].as_str().unwrap())
                    .or_default() += 1;
            }
        }
        // No step is lost, and none is written down twice: 7 requests, an event and a part.
        assert_eq!(completions.len(), 9, "{completions:?}");
        assert!(completions.values().all(|n| *n == 1), "{completions:?}");
    }
    for request in api.received() {
        *requests
            .entry(request.header("idempotency-key").to_owned())
            .or_default() += 1;
    }
    // Every request of every run was made, those of their parts as well, and no key is of two steps.
    assert_eq!(requests.len(), acknowledged.len() * 8);
    for (key, by_then) in done {
        assert_eq!(
            requests[&key], by_then,
            "a step that was done was done again"
        );
    }
    let again = requests.values().filter(|n| **n > 1).count();
    let events = server
        .get("/api/v1/events?type=com.example.crash&limit=1000")
        .ok();
    let ids: BTreeSet<&str> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids.len(),
        acknowledged.len().min(1000),
        "an event was lost or doubled"
    );
    println!(
        "{cycles} kills, {} runs, {} requests; {again} steps were in the middle of their request and made it again with the same key",
        acknowledged.len(),
        requests.len(),
    );
}

/// Where the journal says that a step is done, how often it was asked for so far.
fn note(done: &mut BTreeMap<String, usize>, run: &str, entry: &Value, api: &HttpStandIn) {
    if entry["entry"]["kind"] != "completed" {
        return;
    }
    let step = entry["entry"]["key"].as_str().unwrap();
    if ["/do/2/say", "/do/5/part"].contains(&step) {
        return;
    }
    let key = steward_workflow_key(run, step);
    if done.contains_key(&key) {
        return;
    }
    let asked = api
        .received()
        .iter()
        .filter(|r| r.header("idempotency-key") == key)
        .count();
    done.insert(key, asked);
}

/// The key of a step, as docs/workflows.md defines it: the SHA-256 of the length of the run's id in eight bytes, that id,
/// and the step.
fn steward_workflow_key(run: &str, step: &str) -> String {
    let mut text = (run.len() as u64).to_be_bytes().to_vec();
    text.extend_from_slice(run.as_bytes());
    text.extend_from_slice(step.as_bytes());
    let digest = ring::digest::digest(&ring::digest::SHA256, &text);
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// The same with one host, on SQLite.
fn survive_alone(cycles: u32, runs_of_a_cycle: u32) {
    let folder = tempfile::tempdir().unwrap();
    let start = || Server::start_on(folder.path(), &["--egress-allow", "127.0.0.1"]);
    survive(cycles, runs_of_a_cycle, 150, &[&start]);
}

#[test]
fn every_run_survives_the_end_of_its_host() {
    survive_alone(20, 3);
}

#[test]
#[ignore = "long: a thousand ends of a host"]
fn every_run_survives_a_thousand_ends_of_its_host() {
    survive_alone(1000, 1);
}

/// What hosts share: a database, objects, and the key of their secrets.
struct Shared {
    database: String,
    artifacts: String,
    endpoint: String,
    /// With a folder for each host.
    folder: tempfile::TempDir,
}

impl Shared {
    fn new(database: &str, moto: &Moto) -> Self {
        Self {
            database: database.to_owned(),
            artifacts: format!("s3://{}/runs", Moto::BUCKET),
            endpoint: moto.endpoint(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Starts a host. With the name of one that has ended it is that one again.
    fn start(&self, name: &str) -> Server {
        let env = [
            ("STEWARD_DATABASE_URL", self.database.as_str()),
            ("STEWARD_ARTIFACTS", &self.artifacts),
            (
                "STEWARD_SECRETS_KEY",
                "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            ),
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "tester"),
            ("AWS_SECRET_ACCESS_KEY", "not-shown"),
        ];
        let options = ["--egress-allow", "127.0.0.1"];
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Server::start_in(&folder, &options, &env)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_run_survives_the_ends_of_hosts_that_share_it() {
    let (postgres, moto) = (Postgres::start(), Moto::start());
    let database = postgres.create_database("steward").await;
    tokio::task::spawn_blocking(move || {
        let shared = Shared::new(&database, &moto);
        // One comes back as itself and goes on with what it had. The other comes back as a stranger: once the lease is over,
        // somebody else goes on with what it had.
        let lives = Cell::new(0);
        let same = || shared.start("same");
        let another = || {
            lives.set(lives.get() + 1);
            shared.start(&format!("another-{}", lives.get()))
        };
        survive(8, 3, 800, &[&same, &another]);
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_host_died_is_continued_by_another() {
    let (postgres, moto) = (Postgres::start(), Moto::start());
    let database = postgres.create_database("steward").await;
    tokio::task::spawn_blocking(move || two_hosts(&database, &moto))
        .await
        .unwrap();
}

fn two_hosts(database: &str, moto: &Moto) {
    let shared = Shared::new(database, moto);
    let (mut first, second) = (shared.start("first"), shared.start("second"));
    let api = HttpStandIn::start(|request, _| {
        if request.path == "/slow" {
            std::thread::sleep(Duration::from_millis(400));
        }
        reply(200, &json!({"ok": true}))
    });
    let tasks = json!([
        {"one": post_to(&api, "/one", json!({}))},
        {"slow": post_to(&api, "/slow", json!({}))},
        {"last": post_to(&api, "/last", json!({}))},
    ]);
    apply(&first, "orders", tasks, &[&api]);
    let ids: Vec<String> = (0..20)
        .map(|_| started(&first, "orders", json!({})))
        .collect();
    until("a request on its way", || {
        api.received()
            .iter()
            .any(|r| r.path == "/slow")
            .then_some(())
    });
    first.kill();
    for id in &ids {
        completed(&second.get(&format!("/api/v1/runs/{id}?wait=true")).ok());
    }
    let mut requests: BTreeMap<(String, String), usize> = BTreeMap::new();
    for request in api.received() {
        let key = request.header("idempotency-key").to_owned();
        *requests.entry((request.path.clone(), key)).or_default() += 1;
    }
    assert_eq!(requests.len(), 60);
    // Only what was on its way when the host died was asked for again, with the same key.
    assert!(requests.values().all(|n| *n <= 2), "{requests:?}");
}

// --- who may -------------------------------------------------------------------------------------------------------------

#[test]
fn a_viewer_reads_and_an_invoker_starts_and_neither_does_more() {
    let (server, _folder) = host();
    apply(&server, "one", json!([{"a": {"set": {"x": 1}}}]), &[]);
    let key = |role: &str| {
        let made = server
            .post("/api/v1/keys", &json!({"name": role, "role": role}))
            .ok();
        made["key"].as_str().unwrap().to_owned()
    };
    let (viewer, invoker) = (key("viewer"), key("invoker"));
    let send = |key: &str, method: &str, path: &str, body: Value| {
        let request = server.request_as(Some(key), method, path);
        let request = request.header("content-type", "application/json");
        server.send(request.body(body.to_string()))
    };
    let run = send(&invoker, "POST", "/api/v1/workflows/one/runs", json!({})).ok();
    let id = run["id"].as_str().unwrap();
    send(&viewer, "POST", "/api/v1/workflows/one/runs", json!({})).problem(403, "forbidden");
    send(&viewer, "GET", &format!("/api/v1/runs/{id}"), json!({})).ok();
    for what in ["pause", "resume", "cancel", "redrive", "approve", "replay"] {
        let path = format!("/api/v1/runs/{id}/{what}");
        for key in [&viewer, &invoker] {
            send(key, "POST", &path, json!({"approved": true})).problem(403, "forbidden");
        }
    }
    let applied =
        json!({"definition": document("two", "1.0.0", json!([{"a": {"set": {"x": 1}}}]))});
    send(&invoker, "POST", "/api/v1/workflows", applied).problem(403, "forbidden");
    // What changes something is in the audit log.
    let log = server.get("/api/v1/audit?limit=100").ok().to_string();
    assert!(log.contains("POST /api/v1/workflows"), "{log}");
}

#[test]
fn the_command_line_goes_all_the_way() {
    let (server, folder) = host();
    keeps(&server, "1.0.0");
    let file = folder.path().join("greet.yaml");
    let text = "
document: { dsl: 1.0.3, namespace: default, name: greet, version: 1.0.0 }
do:
  - clean: { call: 'steward:keeps', with: { batch: [{ id: '1', text: '${ .text }' }] } }
  - last: { set: { greeting: '${ \"Hello \\(.[0])\" }' } }
";
    std::fs::write(&file, text).unwrap();
    server.cli(&["workflow", "apply", file.to_str().unwrap()]);
    assert_eq!(server.cli(&["workflow", "list"])[0]["name"], "greet");
    let input = r#"{"text": "你好"}"#;
    let run = server.cli(&["workflow", "start", "greet", "--input", input, "--wait"]);
    assert_eq!(completed(&run), &json!({"greeting": "Hello kept"}));
    let id = run["id"].as_str().unwrap();
    assert_eq!(server.cli(&["run", "show", id])["status"], "completed");
    let entries = server.cli(&["run", "journal", id]);
    assert_eq!(entries.as_array().unwrap().len(), 2);
    assert_eq!(
        server.cli(&["run", "list", "--workflow", "greet"])[0]["id"],
        id
    );
    let shown = server.cli(&["workflow", "show", "greet"]);
    assert_eq!(shown["runs"]["completed"], 1);
    // For people as well.
    let env = [("STEWARD_URL", &*server.url), ("STEWARD_KEY", &*server.key)];
    for command in [
        &["workflow", "show", "greet"][..],
        &["run", "show", id],
        &["run", "journal", id],
    ] {
        let output = cli(command, &env);
        assert!(output.status.success());
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("greet") || command[1] == "journal"
        );
    }
    let failed = cli(&["workflow", "start", "absent"], &env);
    assert_eq!(failed.status.code(), Some(3));
    server.cli(&["workflow", "delete", "greet"]);
    assert_eq!(server.cli(&["workflow", "list"]), json!([]));
}
