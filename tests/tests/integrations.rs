//! Steps, the plugins for Slack and Jira, and events that leave by HTTP and e-mail, on the real binary against stand-ins.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};
use steward_tests::services::{HttpStandIn, Reply, SmtpStandIn};
use steward_tests::{Answer, Server, built, root, until};

/// The secret of the specification of Standard Webhooks.
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn host() -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_on(folder.path(), &["--egress-allow", "127.0.0.1"]);
    (server, folder)
}

/// Publishes a component with a manifest in which some texts are others.
fn publish(server: &Server, manifest: &str, component: &str, other: &[(&str, &str)]) -> Answer {
    let mut text = std::fs::read_to_string(root().join(manifest)).unwrap();
    for (from, to) in other {
        assert!(text.contains(from), "{from} in {manifest}");
        text = text.replace(from, to);
    }
    server.publish(&text, std::fs::read(built(component)).unwrap())
}

const STEPS: [&str; 2] = [
    "tests/guests/steps/steward.toml",
    "target/test-guests/steps.wasm",
];

/// The guest that does what its payload says, which requests all of this and is granted some of it.
fn steps(server: &Server, requests: &str, rest: Value) {
    let more = format!("[requests]\n{requests}\n[config.lie]");
    publish(server, STEPS[0], STEPS[1], &[("[config.lie]", &more)]).ok();
    server.deploy("steps", "steps", "1.0.0", rest).ok();
}

fn run(server: &Server, payload: Value) -> Answer {
    server.post("/f/default/steps", &payload)
}

fn secret(server: &Server, name: &str, value: &str) {
    let path = format!("/api/v1/secrets/{name}");
    server.put(&path, &json!({ "value": value })).ok();
}

fn events(server: &Server, types: &str) -> Vec<Value> {
    let path = format!("/api/v1/events?type={types}&limit=100");
    server.get(&path).ok()["events"].as_array().unwrap().clone()
}

fn append(server: &Server, event_type: &str, id: &str, data: Value) {
    let event = json!({
        "specversion": "1.0", "id": id, "source": "/tests", "type": event_type, "subject": "order/7", "data": data,
    });
    let request = server.request("POST", "/api/v1/events");
    let request = request.header("content-type", "application/cloudevents+json");
    server.send(request.body(event.to_string())).ok();
}

/// The first dead letter of a trigger, once there is one.
#[track_caller]
fn dead_letter(server: &Server, trigger: &str) -> Value {
    until(&format!("a dead letter of {trigger}"), || {
        let dead = server.get(&format!("/api/v1/triggers/{trigger}/dead")).ok();
        dead.as_array().unwrap().first().cloned()
    })
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn hmac_of(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

fn hex(tag: hmac::Tag) -> String {
    tag.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

// --- steps ------------------------------------------------------------------------------------------------------------

#[test]
fn a_step_is_run_with_its_payload_and_its_context() {
    let (server, _folder) = host();
    steps(&server, "", json!({}));
    let bare = run(&server, json!({ "do": "tell" })).ok();
    assert_eq!(
        (&bare["did"], &bare["attempt"]),
        (&json!("told"), &json!(1))
    );
    assert!(
        bare["run"] == bare["key"] && bare["step"] == "steps",
        "{bare}"
    );
    let request = server
        .request("POST", "/f/default/steps")
        .header("steward-run", "run-7")
        .header("steward-step", "notify/0")
        .header("idempotency-key", "run-7/notify/0")
        .header("steward-attempt", "3");
    let told = server.send(request.body(r#"{"do":"tell"}"#)).ok();
    assert_eq!(
        told,
        json!({"did": "told", "run": "run-7", "step": "notify/0", "key": "run-7/notify/0", "attempt": 3})
    );
    let said = server.post("/f/default/steps/describe", &json!({})).ok();
    assert_eq!(said["name"], "steps");
    assert!(said["input_schema"].as_str().unwrap().contains("\"do\""));

    // What breaks a schema never comes to the guest, and never from it.
    let no = |payload: Value| run(&server, payload).problem(400, "invalid-input");
    assert_eq!(no(json!({}))["path"], "payload");
    assert_eq!(no(json!({ "do": 7 }))["path"], "payload/do");
    assert!(
        no(json!({ "do": "tell", "more": 1 }))["detail"]
            .as_str()
            .unwrap()
            .contains("no such field")
    );
    assert_eq!(no(json!([]))["path"], "payload");
    let broken = run(&server, json!({ "do": "break" })).problem(502, "invalid-output");
    assert!(
        broken["detail"].as_str().unwrap().contains("/did"),
        "{broken}"
    );

    // Each error says whether another attempt may succeed, and when.
    let later = server
        .request("POST", "/f/default/steps")
        .body(r#"{"do":"later"}"#);
    let later = later.send().unwrap();
    assert_eq!(
        (later.status().as_u16(), &later.headers()["retry-after"]),
        (503, &"3".parse().unwrap())
    );
    assert!(later.text().unwrap().contains("step-retryable"));
    run(&server, json!({ "do": "refuse" })).problem(422, "guest-invalid-input");
    run(&server, json!({ "do": "fail" })).problem(422, "guest-error");
    run(&server, json!({ "do": "panic" })).problem(502, "guest-crashed");
    let attempt = server
        .request("POST", "/f/default/steps")
        .header("steward-attempt", "0");
    server
        .send(attempt.body(r#"{"do":"tell"}"#))
        .problem(400, "invalid-input");
}

#[test]
fn a_step_that_says_nonsense_of_itself_is_not_published() {
    let (server, _folder) = host();
    for (lie, says) in [
        ("schema", "its schema of the payload: no JSON"),
        ("keyword", "`unevaluatedProperties` is not checked"),
        ("name", "its name"),
    ] {
        let default = format!("default = \"{lie}\"");
        let refused = publish(
            &server,
            STEPS[0],
            STEPS[1],
            &[("default = \"nothing\"", &default)],
        );
        let refused = refused.problem(422, "invalid-step");
        assert!(
            refused["detail"].as_str().unwrap().contains(says),
            "{refused}"
        );
    }
    // One that never answers takes two seconds of one core, and no more.
    let begun = Instant::now();
    let never = [("default = \"nothing\"", "default = \"never\"")];
    publish(&server, STEPS[0], STEPS[1], &never).problem(422, "unusable-component");
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );

    // What it said when it was published is what counts, whatever it would say under another configuration.
    publish(&server, STEPS[0], STEPS[1], &[]).ok();
    let lying = json!({ "config": { "lie": "never" } });
    server.deploy("steps", "steps", "1.0.0", lying).ok();
    run(&server, json!({ "do": "tell" })).ok();
    run(&server, json!({ "do": 7 })).problem(400, "invalid-input");
    let shown = server.cli(&["plugin", "show", "steps@1.0.0"]);
    assert_eq!(shown["step"]["name"], "steps");
    assert!(
        shown["step"]["input_schema"]
            .as_str()
            .unwrap()
            .contains("\"do\"")
    );
}

#[test]
fn a_step_reaches_nothing_that_was_not_granted() {
    let (allowed, other) = (
        HttpStandIn::start(|_, _| Reply::new(200, "{}")),
        HttpStandIn::start(|_, _| Reply::new(200, "{}")),
    );
    let (server, _folder) = host();
    let granted = json!({
        "http": [allowed.origin()], "secrets": ["mine"], "append_events": ["com.example.mine"],
        "read_events": ["com.example.mine"],
    });
    let requests = format!(
        "http = [\"{}\"]\nsecrets = [\"mine\"]\nappend_events = [\"com.example.mine\"]\nread_events = [\"com.example.mine\"]",
        allowed.origin()
    );
    steps(&server, &requests, json!({ "grants": granted }));
    // The consent of the tenant is for all that the manifest asks, or for nothing.
    let nothing = server.deploy("bare", "steps", "1.0.0", json!({}));
    assert_eq!(
        nothing.problem(403, "grant-missing")["added"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    secret(&server, "mine", "my own");
    secret(&server, "yours", "somebody else's");

    let done = |payload: Value| run(&server, payload).ok();
    let url = format!("{}/x", allowed.origin());
    assert_eq!(done(json!({ "do": "send", "url": url }))["status"], 200);
    assert_eq!(
        done(json!({ "do": "secret", "name": "mine" }))["secret"],
        "my own"
    );
    assert_eq!(
        done(json!({ "do": "append", "name": "com.example.mine" }))["events"],
        1
    );
    assert_eq!(
        done(json!({ "do": "query", "name": "com.example.mine" }))["events"],
        1
    );

    for url in [
        format!("{}/x", other.origin()),
        format!("http://localhost:{}/x", allowed.address().port()),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://example.com/".to_owned(),
    ] {
        let refused =
            run(&server, json!({ "do": "send", "url": url })).problem(422, "guest-invalid-config");
        assert!(
            refused["detail"]
                .as_str()
                .unwrap()
                .contains("is not allowed"),
            "{refused}"
        );
    }
    let no = |payload: Value| {
        let refused = run(&server, payload.clone());
        assert!(refused.status >= 400, "{payload}: {refused:?}");
        let text = refused.body.to_string();
        assert!(
            !text.contains("somebody else's") && !text.contains("root:"),
            "{text}"
        );
        text
    };
    assert!(no(json!({ "do": "secret", "name": "yours" })).contains("--grant secrets=yours"));
    assert!(
        no(json!({ "do": "append", "name": "com.example.yours" }))
            .contains("--grant append_events=")
    );
    no(json!({ "do": "query", "name": "com.example.*" }));
    no(json!({ "do": "model", "name": "minilm" }));
    no(json!({ "do": "dataset", "name": "orders" }));
    // Buckets and containers of WASI, which a step may import as a function may.
    assert!(no(json!({ "do": "keyvalue", "name": "others" })).contains("AccessDenied"));
    assert!(
        no(json!({ "do": "blobstore", "name": "others" })).contains("--grant blobstore=others")
    );
    no(json!({ "do": "file" }));
    let port = allowed.address().port();
    no(json!({ "do": "socket", "port": port }));
    assert_eq!(done(json!({ "do": "environment" }))["variables"], 0);
    assert_eq!((allowed.received().len(), other.received().len()), (1, 0));
    assert_eq!(events(&server, "com.example.*").len(), 1);
}

// --- a partner --------------------------------------------------------------------------------------------------------

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

#[test]
fn a_partners_step_from_the_template_runs_with_the_customers_grants() {
    let crm = HttpStandIn::start(|_, _| Reply::new(200, r#"{"tier":"gold"}"#));
    let (server, _folder) = host();
    let boss = server.platform_key();
    let mut keys = Vec::new();
    for tenant in ["partner", "acme"] {
        server.cli_as(&boss, &["tenant", "create", tenant]);
        let made = server.cli_as(&boss, &["key", "create", "owner", "--tenant", tenant]);
        keys.push(text(&made, "key"));
    }
    let (partner, acme) = (&keys[0], &keys[1]);

    // The partner: the template as it is, but for what it asks for.
    let template =
        std::fs::read_to_string(built("target/test-guests/step-rust/steward.toml")).unwrap();
    let asks = "# [requests]\n# http = [\"https://crm.example.com\"]\n# secrets = [\"crm-token\"]";
    assert!(template.contains(asks), "{template}");
    let wants = format!(
        "[requests]\nhttp = [\"{}\"]\nsecrets = [\"crm-token\"]",
        crm.origin()
    );
    let component = std::fs::read(built("target/test-guests/step-rust.wasm")).unwrap();
    let part = reqwest::blocking::multipart::Part::bytes(component).file_name("c.wasm");
    let form = reqwest::blocking::multipart::Form::new()
        .text("manifest", template.replace(asks, &wants))
        .part("component", part);
    let request = server.request_as(Some(partner), "POST", "/api/v1/plugins");
    let published = server.send(request.multipart(form)).ok();
    let digest = text(&published, "digest");
    server.cli_as(
        partner,
        &["plugin", "share", "step-rust@0.1.0", "--with", "acme"],
    );
    let set = |key: &str, value: &str| {
        let request = server.request_as(Some(key), "PUT", "/api/v1/secrets/crm-token");
        let request = request.header("content-type", "application/json");
        server
            .send(request.body(json!({ "value": value }).to_string()))
            .ok();
    };
    set(partner, "the partner's");

    // The customer: installs by digest, sees what it asks for, grants it, and keeps its own secret.
    server.cli_as(acme, &["plugin", "install", &digest, "--as", "priority"]);
    set(acme, "the customer's");
    let put = |body: Value| {
        let request = server.request_as(Some(acme), "PUT", "/api/v1/functions/priority");
        server.send(
            request
                .header("content-type", "application/json")
                .body(body.to_string()),
        )
    };
    let spec = |grants: Value, url: &str| {
        json!({
            "plugin": "priority", "targets": [{ "version": "0.1.0", "percent": 100 }],
            "grants": grants, "config": { "crm_url": url },
        })
    };
    put(spec(json!({}), &crm.origin())).problem(403, "grant-missing");
    let grants = json!({ "http": [crm.origin()], "secrets": ["crm-token"] });
    put(spec(grants.clone(), &crm.origin())).ok();
    let ask = || {
        let request = server.request_as(Some(acme), "POST", "/f/acme/priority");
        server.send(request.body(json!({ "text": "hello", "customer": "c-1" }).to_string()))
    };
    assert_eq!(
        ask().ok(),
        json!({ "priority": "high", "reason": "the customer's tier is gold" })
    );
    let came = crm.received();
    assert_eq!(
        (came[0].path.as_str(), came[0].header("authorization")),
        ("/customers/c-1", "Bearer the customer's")
    );

    // Its configuration names another address: the grant does not.
    let elsewhere = HttpStandIn::start(|_, _| Reply::new(200, "{}"));
    put(spec(grants, &elsewhere.origin())).ok();
    ask().problem(422, "guest-invalid-config");
    assert!(elsewhere.received().is_empty());
}

// --- Slack ------------------------------------------------------------------------------------------------------------

const SLACK_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

fn slack_signature(body: &str, secret: &str, time: u64) -> String {
    let signed = format!("v0:{time}:{body}");
    format!("v0={}", hex(hmac_of(secret.as_bytes(), signed.as_bytes())))
}

/// A request as Slack sends it, signed with this secret at this time.
fn from_slack(
    server: &Server,
    path: &str,
    kind: &str,
    body: &str,
    secret: &str,
    time: u64,
) -> Answer {
    let signature = slack_signature(body, secret, time);
    let request = server
        .request_as(None, "POST", &format!("/f/default/slack-webhook{path}"))
        .header("content-type", kind)
        .header("x-slack-request-timestamp", time.to_string())
        .header("x-slack-signature", signature);
    server.send(request.body(body.to_owned()))
}

/// Deploys the plugin that takes what Slack sends, on a route of its own.
fn slack_webhook(server: &Server) {
    secret(server, "slack-signing-secret", SLACK_SECRET);
    let guest = "plugins/slack/webhook/target/slack-webhook.wasm";
    publish(server, "plugins/slack/webhook/steward.toml", guest, &[]).ok();
    let grants = json!({ "secrets": ["slack-signing-secret"], "append_events": ["com.slack.*"] });
    let rest = json!({ "grants": grants });
    server
        .deploy("slack-webhook", "slack-webhook", "0.1.0", rest)
        .ok();
    let routes = json!({ "http": { "paths": ["/*"], "methods": ["POST"], "public": true } });
    let spec = json!({ "function": "slack-webhook", "on": routes });
    server.put("/api/v1/triggers/slack-in", &spec).ok();
}

/// Deploys the plugin that posts messages, with a stand-in in the place of Slack.
fn slack_message(server: &Server, slack: &HttpStandIn) {
    secret(server, "slack-token", "xoxb-1");
    let origin = slack.origin();
    let own_host = [("https://slack.com", origin.as_str())];
    let guest = "plugins/slack/message/target/slack-message.wasm";
    let manifest = "plugins/slack/message/steward.toml";
    publish(server, manifest, guest, &own_host).ok();
    let rest = json!({ "grants": { "http": [origin], "secrets": ["slack-token"] } });
    server
        .deploy("slack-message", "slack-message", "0.1.0", rest)
        .ok();
}

const FORM: &str = "application/x-www-form-urlencoded";

/// What Slack sends when somebody clicks a button of this block.
fn click(block: &str, user: &str, value: &str) -> String {
    let click = json!({
        "type": "block_actions", "user": {"id": user}, "token": "gIkuvaNzQ",
        "actions": [{"action_id": "approve", "block_id": block, "value": value}],
    });
    let click = click.to_string();
    let click: String = click.bytes().map(|b| format!("%{b:02X}")).collect();
    format!("payload={click}")
}

#[test]
fn what_slack_sends_becomes_an_event_once_and_what_is_forged_or_replayed_does_not() {
    let (server, _folder) = host();
    slack_webhook(&server);
    let command = "token=gIkuvaNzQ&team_id=T1&user_id=U1&command=%2Fapprove&text=run-7";
    let told = from_slack(&server, "/commands", FORM, command, SLACK_SECRET, now()).ok();
    assert_eq!(
        told,
        json!({ "response_type": "ephemeral", "text": "On it." })
    );
    let (click, time) = (click("approval:run-7", "U1", "yes"), now());
    from_slack(&server, "/interactive", FORM, &click, SLACK_SECRET, time).ok();
    let question = r#"{"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV","type":"url_verification"}"#;
    let told = from_slack(
        &server,
        "/events",
        "application/json",
        question,
        SLACK_SECRET,
        now(),
    )
    .ok();
    assert_eq!(told, json!("3eZbrw1aBm2rZgRNFdxV"));

    // The same bytes again; another secret; too old; too new; changed on its way.
    assert_eq!(
        from_slack(&server, "/interactive", FORM, &click, SLACK_SECRET, time).status,
        409
    );
    assert_eq!(
        from_slack(&server, "/commands", FORM, command, "other", now()).status,
        401
    );
    assert_eq!(
        from_slack(
            &server,
            "/commands",
            FORM,
            command,
            SLACK_SECRET,
            now() - 301
        )
        .status,
        401
    );
    assert_eq!(
        from_slack(
            &server,
            "/commands",
            FORM,
            command,
            SLACK_SECRET,
            now() + 330
        )
        .status,
        401
    );
    let (time, forged) = (now(), command.replace("run-7", "run-8"));
    let signature = slack_signature(command, SLACK_SECRET, time);
    let request = server
        .request_as(None, "POST", "/f/default/slack-webhook/commands")
        .header("content-type", FORM)
        .header("x-slack-request-timestamp", time.to_string())
        .header("x-slack-signature", signature);
    assert_eq!(server.send(request.body(forged)).status, 401);
    let bare = server.request_as(None, "POST", "/f/default/slack-webhook/commands");
    assert_eq!(server.send(bare.body(command)).status, 401);

    let taken = events(&server, "com.slack.*");
    let about: Vec<(&str, &str)> = taken
        .iter()
        .map(|e| (e["type"].as_str().unwrap(), e["subject"].as_str().unwrap()))
        .collect();
    assert_eq!(
        about,
        [
            ("com.slack.command", "/approve"),
            ("com.slack.interaction", "approval:run-7")
        ]
    );
    assert_eq!(taken[0]["source"], "/functions/slack-webhook");
    assert_eq!(
        (&taken[0]["data"]["text"], &taken[0]["data"]["token"]),
        (&json!("run-7"), &Value::Null)
    );
    assert_eq!(taken[1]["data"]["actions"][0]["value"], "yes");
}

#[test]
fn a_message_is_posted_to_slack_and_a_busy_slack_is_asked_again() {
    let slack = HttpStandIn::start(|request, before| {
        assert_eq!(request.path, "/api/chat.postMessage");
        match before {
            0 => Reply::new(429, "").with("Retry-After", "1"),
            _ => Reply::new(
                200,
                r#"{"ok":true,"channel":"C123456","ts":"1503435956.000247"}"#,
            ),
        }
    });
    let (server, _folder) = host();
    slack_message(&server, &slack);

    let message = json!({ "channel": "#alerts", "text": "警报" });
    server
        .post("/f/default/slack-message", &message)
        .problem(503, "step-retryable");
    let posted = server.post("/f/default/slack-message", &message).ok();
    assert_eq!(
        posted,
        json!({ "channel": "C123456", "ts": "1503435956.000247" })
    );
    let came = slack.received();
    assert_eq!(
        (came[1].header("authorization"), &came[1].json()["text"]),
        ("Bearer xoxb-1", &json!("警报"))
    );
    server
        .post("/f/default/slack-message", &json!({ "text": "x" }))
        .problem(400, "invalid-input");

    // The data of an event is the payload of a step that a trigger runs, and the same for every attempt.
    let spec = json!({
        "function": "slack-message", "on": { "events": { "types": "com.example.alert" } },
        "delivery": { "attempts": 3, "backoff": { "first_ms": 10, "most_ms": 40 } },
    });
    server.put("/api/v1/triggers/alerts", &spec).ok();
    append(&server, "com.example.alert", "a", message);
    let came = slack.wait_for(3);
    assert_eq!(
        came[2].json()["metadata"]["event_payload"]["run"],
        "alerts-1"
    );
    // One that no attempt can make fit is dead at once.
    append(
        &server,
        "com.example.alert",
        "b",
        json!({ "text": "to nobody" }),
    );
    let dead = dead_letter(&server, "alerts");
    assert_eq!(dead["attempts"], 1);
    assert!(
        dead["error"]
            .as_str()
            .unwrap()
            .contains("`channel` is missing"),
        "{dead}"
    );
}

#[test]
fn a_run_asks_in_slack_and_goes_on_when_the_right_person_clicks() {
    let posted = r#"{"ok":true,"channel":"C123456","ts":"1503435956.000247"}"#;
    let slack = HttpStandIn::start(move |_, _| Reply::new(200, posted));
    let (server, _folder) = host();
    slack_message(&server, &slack);
    slack_webhook(&server);
    let button = |value: &str| {
        let text = json!({"type": "plain_text", "text": value});
        json!({"type": "button", "action_id": value, "value": value, "text": text})
    };
    let definition = json!({
        "document": {"dsl": "1.0.3", "namespace": "default", "name": "refund", "version": "1.0.0"},
        "do": [
            {"ask": {"call": "steward:slack-message", "with": {
                "channel": "#refunds", "text": "${ \"Refund order \\(.order)?\" }",
                "blocks": [{
                    "type": "actions", "block_id": "${ \"approval:\" + $workflow.id }",
                    "elements": [button("yes"), button("no")],
                }],
            }}},
            {"answer": {
                "listen": {"to": {"one": {"with": {
                    "type": "com.slack.interaction",
                    "source": "${ . == \"/functions/slack-webhook\" }",
                    "subject": "${ \"approval:\" + $workflow.id }",
                    "data": "${ .user.id == \"U1\" }",
                }}}},
                "timeout": {"after": {"hours": 24}},
            }},
            {"last": {"set": {
                "refunded": "${ .[0].actions[0].value == \"yes\" }", "by": "${ .[0].user.id }",
            }}},
        ],
    });
    let body = json!({ "definition": definition });
    server.post("/api/v1/workflows", &body).ok();
    let start = || {
        let input = json!({ "order": 7 });
        let run = server.post("/api/v1/workflows/refund/runs", &input).ok();
        text(&run, "id")
    };
    let (id, other) = (start(), start());
    let of = |id: &str| server.get(&format!("/api/v1/runs/{id}")).ok();
    // What comes in wakes a run, which looks whether it is for it and waits again.
    let waits = |id: &str| {
        until("a run that waits for a click", || {
            (of(id)["status"] == "waiting").then_some(())
        });
    };
    waits(&id);
    waits(&other);
    // Each message names its own run.
    let came = slack.wait_for(2);
    let asked = came
        .iter()
        .map(|m| text(&m.json()["blocks"][0], "block_id"));
    let block = format!("approval:{id}");
    assert_eq!(asked.filter(|asked| *asked == block).count(), 1);
    assert_eq!(came[0].json()["text"], "Refund order 7?");

    // Somebody who may not; a click that is not signed by Slack; an event that says that it comes from there.
    let click_of = |user: &str, secret: &str| {
        let body = click(&block, user, "yes");
        from_slack(&server, "/interactive", FORM, &body, secret, now()).status
    };
    assert_eq!(click_of("U2", SLACK_SECRET), 200);
    assert_eq!(click_of("U1", "other"), 401);
    let forged = |source: &str| {
        let data = json!({"user": {"id": "U1"}, "actions": [{"value": "yes"}]});
        let event = json!({
            "specversion": "1.0", "id": "forged", "source": source, "type": "com.slack.interaction",
            "subject": block, "data": data,
        });
        let request = server.request("POST", "/api/v1/events");
        let request = request.header("content-type", "application/cloudevents+json");
        server.send(request.body(event.to_string()))
    };
    forged("/functions/slack-webhook").problem(400, "invalid-event");
    forged("/elsewhere").ok();
    waits(&id);

    // The right click comes behind all of these in the log: had one of them counted, it would not be the one that does.
    let no = click(&block, "U1", "no");
    from_slack(&server, "/interactive", FORM, &no, SLACK_SECRET, now()).ok();
    let run = server.get(&format!("/api/v1/runs/{id}?wait=true")).ok();
    assert_eq!(
        run["output"],
        json!({"refunded": false, "by": "U1"}),
        "{run:#}"
    );
    waits(&other);
    assert_eq!(slack.received().len(), 2);
}

// --- Jira -------------------------------------------------------------------------------------------------------------

/// Deploys the plugin that takes what Jira sends.
fn jira_webhook(server: &Server, config: Value) {
    let grants =
        json!({ "secrets": ["jira-webhook-secret"], "append_events": ["com.atlassian.jira.*"] });
    let rest = json!({ "grants": grants, "config": config });
    server
        .deploy("jira-webhook", "jira-webhook", "0.1.0", rest)
        .ok();
}

/// A server with that plugin on a route of its own, and the secret that Jira signs with.
fn with_jira() -> (Server, tempfile::TempDir) {
    let (server, folder) = host();
    secret(&server, "jira-webhook-secret", "s3cret");
    let guest = "plugins/jira/webhook/target/jira-webhook.wasm";
    publish(&server, "plugins/jira/webhook/steward.toml", guest, &[]).ok();
    jira_webhook(&server, json!({}));
    let routes = json!({ "http": { "paths": ["/"], "methods": ["POST"], "public": true } });
    server
        .put(
            "/api/v1/triggers/jira-in",
            &json!({ "function": "jira-webhook", "on": routes }),
        )
        .ok();
    (server, folder)
}

fn signed_by_jira(body: &str) -> Option<String> {
    let signature = hex(hmac_of(b"s3cret", body.as_bytes()));
    Some(format!("sha256={signature}"))
}

/// The status of the answer to what Jira sends.
fn from_jira(server: &Server, body: &str, signature: Option<String>) -> u16 {
    let mut request = server.request_as(None, "POST", "/f/default/jira-webhook");
    if let Some(signature) = signature {
        request = request.header("x-hub-signature", signature);
    }
    let request = request.header("content-type", "application/json");
    server.send(request.body(body.to_owned())).status
}

#[test]
fn what_jira_sends_becomes_an_event_and_what_is_not_signed_only_where_that_is_wanted() {
    let (server, _folder) = with_jira();
    let send = |body: &str, signature: Option<String>| from_jira(&server, body, signature);
    let signed = signed_by_jira;
    let issue = |n: u32| {
        json!({
        "timestamp": 1525698237764_i64 + i64::from(n), "webhookEvent": "jira:issue_created", "issue": {"key": format!("SHOP-{n}")},
    }).to_string()
    };

    assert_eq!(send(&issue(1), signed(&issue(1))), 200);
    // Jira sends again what had no answer in time.
    assert_eq!(send(&issue(1), signed(&issue(1))), 200);
    assert_eq!(send(&issue(2), None), 401);
    assert_eq!(send(&issue(2), signed(&issue(1))), 401);
    assert_eq!(send(&issue(2), Some("sha256=00".into())), 401);
    assert_eq!(send("{}", signed("{}")), 400);
    jira_webhook(&server, json!({ "unsigned": "accept" }));
    assert_eq!(send(&issue(3), None), 200);
    assert_eq!(send(&issue(4), signed(&issue(1))), 401);
    let taken = events(&server, "com.atlassian.jira.*");
    let about: Vec<(&str, &str, &str)> = taken
        .iter()
        .map(|e| {
            (
                e["type"].as_str().unwrap(),
                e["subject"].as_str().unwrap(),
                e["signed"].as_str().unwrap(),
            )
        })
        .collect();
    let created = "com.atlassian.jira.issue.created";
    assert_eq!(
        about,
        [(created, "SHOP-1", "true"), (created, "SHOP-3", "false")]
    );
    assert!(
        taken[0]["time"]
            .as_str()
            .unwrap()
            .starts_with("2018-05-07T"),
        "{}",
        taken[0]
    );
}

/// From the webhook of a tracker to the flow of its issues, with the pointers of the page about teams.
#[test]
fn what_jira_tells_of_issues_is_the_flow_of_a_team() {
    let (server, _folder) = with_jira();
    server.publish_first_party("team");
    server.deploy("team", "team", "0.1.0", json!({})).ok();
    let updated = |issue: &str, at: &str, status: &str, who: Value| {
        let at: jiff::Timestamp = at.parse().unwrap();
        let body = json!({
            "timestamp": at.as_millisecond(), "webhookEvent": "jira:issue_updated",
            "issue_event_type_name": "issue_generic",
            "issue": { "id": "10042", "key": issue, "fields": {
                "summary": "退款", "status": { "name": status }, "assignee": who,
            }},
        });
        let body = body.to_string();
        assert_eq!(from_jira(&server, &body, signed_by_jira(&body)), 200);
    };
    let bo = json!({ "accountId": "712020:bo", "displayName": "Bo" });
    updated("SHOP-7", "2026-01-05T09:00:00Z", "In Progress", bo.clone());
    updated("SHOP-8", "2026-01-06T09:00:00Z", "In Review", bo);
    updated("SHOP-7", "2026-01-08T09:00:00Z", "Done", Value::Null);
    let types: Vec<Value> = events(&server, "com.atlassian.jira.*")
        .into_iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(types, ["com.atlassian.jira.issue.updated"; 3]);

    let flow = server.post(
        "/api/v1/team/flow",
        &json!({
            "types": "com.atlassian.jira.issue.*",
            "since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z",
            "issue": "/issue/key", "state": "/issue/fields/status/name",
            "assignee": "/issue/fields/assignee/accountId",
            "states": {"To Do": "open", "In Progress": "active", "In Review": "waiting", "Done": "done"},
        }),
    );
    let flow = flow.ok();
    assert_eq!((&flow["events"], &flow["skipped"]), (&json!(3), &json!(0)));
    assert_eq!(
        (
            &flow["started"],
            &flow["finished"],
            &flow["work_in_progress"]
        ),
        (&json!(2), &json!(1), &json!(1)),
        "{flow}"
    );
    assert_eq!(flow["cycle_time"]["of"], 1);
    assert_eq!(flow["cycle_time"]["p50"].as_f64(), Some(3.0), "{flow}");
    assert_eq!(flow["aging"][0]["issue"], "SHOP-8");
    assert_eq!(
        flow["loads"],
        json!([{ "assignee": "712020:bo", "active": 0, "waiting": 1 }])
    );
}

#[test]
fn issues_are_created_once_moved_commented_and_found() {
    // Labels of the issues that were made.
    let made = Mutex::new(Vec::<String>::new());
    let jira = HttpStandIn::start(move |request, _| {
        let path = request.path.strip_prefix("/rest/api/3/").unwrap();
        let body = request.json();
        let mut made = made.lock().unwrap();
        match (request.method.as_str(), path) {
            ("POST", "issue") => {
                made.push(body["fields"]["labels"][0].as_str().unwrap().to_owned());
                Reply::new(201, json!({"id": "10000", "key": "SHOP-24"}))
            }
            ("POST", "search/jql") if body["jql"].as_str().unwrap().contains("labels") => {
                let jql = body["jql"].as_str().unwrap();
                let there = made.iter().any(|label| jql.contains(label.as_str()));
                let issues = match there {
                    true => json!([{"id": "10000", "key": "SHOP-24", "fields": {}}]),
                    false => json!([]),
                };
                Reply::new(200, json!({"issues": issues, "isLast": true}))
            }
            ("GET", "issue/SHOP-24/transitions") => Reply::new(
                200,
                json!({"transitions": [{"id": "5", "name": "Close", "to": {"name": "Done"}}]}),
            ),
            ("POST", "issue/SHOP-24/transitions") => Reply::new(204, ""),
            ("POST", "issue/SHOP-24/comment") => Reply::new(201, json!({"id": "10001"})),
            ("POST", "search/jql") if body["nextPageToken"] == "t1" => Reply::new(
                200,
                json!({"issues": [{"id": "2", "key": "SHOP-25", "fields": {}}], "isLast": true}),
            ),
            ("POST", "search/jql") => Reply::new(
                200,
                json!({"issues": [{"id": "1", "key": "SHOP-24", "fields": {}}], "nextPageToken": "t1"}),
            ),
            _ => Reply::new(404, json!({"errorMessages": ["Issue does not exist"]})),
        }
    });
    let (server, _folder) = host();
    secret(&server, "jira-token", "fred@example.com:freds_api_token");
    let origin = jira.origin();
    let own_site = [("https://*.atlassian.net", origin.as_str())];
    let guest = "plugins/jira/issue/target/jira-issue.wasm";
    publish(&server, "plugins/jira/issue/steward.toml", guest, &own_site).ok();
    let rest = json!({
        "grants": { "http": [jira.origin()], "secrets": ["jira-token"] }, "config": { "site_url": jira.origin() },
    });
    server
        .deploy("jira-issue", "jira-issue", "0.1.0", rest)
        .ok();
    let ask = |payload: Value| server.post("/f/default/jira-issue", &payload);

    let create =
        json!({"action": "create", "project": "SHOP", "issue_type": "Task", "summary": "退款"});
    let create_as = |key: &str| {
        let request = server.request("POST", "/f/default/jira-issue");
        let request = request.header("idempotency-key", key);
        server.send(request.body(create.to_string())).ok()
    };
    assert_eq!(create_as("run-1"), json!({"key": "SHOP-24", "id": "10000"}));
    let basic = format!(
        "Basic {}",
        STANDARD.encode("fred@example.com:freds_api_token")
    );
    assert_eq!(jira.received()[0].header("authorization"), basic);
    // The same step of the same run finds what its first attempt made; another run makes its own.
    let created = || {
        let received = jira.received();
        received
            .iter()
            .filter(|r| r.path.ends_with("/issue"))
            .count()
    };
    assert_eq!(create_as("run-1")["key"], "SHOP-24");
    assert_eq!(created(), 1);
    create_as("run-2");
    assert_eq!(created(), 2);
    let moved = ask(json!({"action": "transition", "issue": "SHOP-24", "to": "done"})).ok();
    assert_eq!(moved, json!({"key": "SHOP-24", "status": "Done"}));
    let said = ask(json!({"action": "comment", "issue": "SHOP-24", "text": "一\n二"})).ok();
    assert_eq!(said, json!({"key": "SHOP-24", "id": "10001"}));
    let found = ask(json!({"action": "search", "jql": "project = SHOP"})).ok();
    assert_eq!(
        (
            found["issues"].as_array().unwrap().len(),
            &found["complete"]
        ),
        (2, &json!(true))
    );
    let gone = ask(json!({"action": "comment", "issue": "SHOP-99", "text": "x"}))
        .problem(422, "guest-invalid-input");
    assert!(
        gone["detail"]
            .as_str()
            .unwrap()
            .contains("Issue does not exist"),
        "{gone}"
    );
    ask(json!({"action": "comment", "issue": "../x", "text": "x"})).problem(400, "invalid-input");
    ask(json!({"action": "delete", "issue": "SHOP-24"})).problem(400, "invalid-input");
}

#[test]
fn what_comes_along_asks_for_its_own_host_alone_and_reaches_the_site_that_is_granted() {
    let (server, _folder) = host();
    for (folder, guest, hosts) in [
        ("slack/webhook", "slack-webhook", json!(null)),
        (
            "slack/message",
            "slack-message",
            json!(["https://slack.com"]),
        ),
        ("jira/webhook", "jira-webhook", json!(null)),
        (
            "jira/issue",
            "jira-issue",
            json!(["https://*.atlassian.net"]),
        ),
    ] {
        let component = format!("plugins/{folder}/target/{guest}.wasm");
        let manifest = format!("plugins/{folder}/steward.toml");
        publish(&server, &manifest, &component, &[]).ok();
        let shown = server.cli(&["plugin", "show", &format!("{guest}@0.1.0")]);
        assert_eq!(shown["manifest"]["requests"]["http"], hosts, "{guest}");
    }
    // The command of the guide: one site of all those that the manifest could ask for.
    let elsewhere = HttpStandIn::start(|_, _| Reply::new(200, "{}"));
    secret(&server, "jira-token", "fred@example.com:freds_api_token");
    let deploy = |site: &str, granted: &str| {
        let rest = json!({
            "grants": { "http": [granted], "secrets": ["jira-token"] }, "config": { "site_url": site },
        });
        server.deploy("jira-issue", "jira-issue", "0.1.0", rest)
    };
    let own = "https://acme.atlassian.net";
    deploy(own, own).ok();
    deploy(own, "https://atlassian.net").problem(403, "grant-missing");
    // Neither another site of theirs nor another host, whatever it is configured to.
    for site in ["https://other.atlassian.net", &elsewhere.origin()] {
        deploy(site, own).ok();
        let search = json!({"action": "search", "jql": "project = SHOP"});
        let refused = server.post("/f/default/jira-issue", &search);
        let refused = refused.problem(422, "guest-invalid-config");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("is not allowed"), "{refused}");
    }
    assert!(elsewhere.received().is_empty());
}

// --- events that leave ------------------------------------------------------------------------------------------------

fn outside(to: Value) -> Value {
    json!({
        "to": to, "on": { "events": { "types": "com.example.order.*" } },
        "delivery": { "attempts": 3, "backoff": { "first_ms": 10, "most_ms": 40 } },
    })
}

#[test]
fn an_event_is_delivered_to_an_address_with_a_signature_until_it_is_taken() {
    let receiver = HttpStandIn::start(|_, before| match before {
        0 => Reply::new(503, "not yet"),
        1 => Reply::new(204, ""),
        2 => Reply::new(410, "gone"),
        _ => Reply::new(500, "broken"),
    });
    let (server, _folder) = host();
    let url = format!("{}/hooks/orders?a=b", receiver.origin());
    let put = |spec: &Value| server.put("/api/v1/triggers/to-crm", spec);
    let spec = outside(json!({ "url": { "url": url, "secret": "crm-hook" } }));
    put(&spec).problem(422, "invalid-trigger");
    secret(&server, "crm-hook", "no base64!");
    put(&spec).problem(422, "invalid-trigger");
    secret(&server, "crm-hook", WHSEC);
    put(&spec).ok();

    append(
        &server,
        "com.example.order.paid",
        "o-1",
        json!({ "amount": 3, "好": true }),
    );
    let came = receiver.wait_for(2);
    assert_eq!(
        (came[0].method.as_str(), came[0].path.as_str()),
        ("POST", "/hooks/orders?a=b")
    );
    let tries = came
        .iter()
        .map(|r| (r.header("webhook-id"), r.header("steward-attempt")));
    assert_eq!(
        tries.collect::<Vec<_>>(),
        [("to-crm-1", "1"), ("to-crm-1", "2")]
    );
    let key = STANDARD.decode(&WHSEC[6..]).unwrap();
    for request in &came {
        let id = request.header("webhook-id");
        let time = request.header("webhook-timestamp");
        let signed = [format!("{id}.{time}.").as_bytes(), &request.body].concat();
        let wanted = format!("v1,{}", STANDARD.encode(hmac_of(&key, &signed)));
        assert_eq!(request.header("webhook-signature"), wanted);
        assert!(now().abs_diff(time.parse().unwrap()) < 60);
        assert_eq!(
            request.header("content-type"),
            "application/cloudevents+json; charset=utf-8"
        );
        assert_eq!(request.json()["data"], json!({ "amount": 3, "好": true }));
        assert_eq!(
            (&request.json()["type"], &request.json()["subject"]),
            (&json!("com.example.order.paid"), &json!("order/7"))
        );
    }
    // 410 says that nothing more is wanted; 500 is tried as often as the trigger says.
    append(&server, "com.example.order.sent", "o-2", json!({}));
    append(&server, "com.example.order.lost", "o-3", json!({}));
    let dead = until("two dead letters", || {
        let dead = server
            .get("/api/v1/triggers/to-crm/dead")
            .ok()
            .as_array()
            .unwrap()
            .clone();
        (dead.len() == 2).then_some(dead)
    });
    let mut tries: Vec<u64> = dead
        .iter()
        .map(|d| d["attempts"].as_u64().unwrap())
        .collect();
    tries.sort_unstable();
    assert_eq!(tries, [1, 3]);
    assert_eq!(receiver.received().len(), 6);
    let gone = dead.iter().find(|d| d["attempts"] == 1).unwrap();
    assert_eq!(
        gone["error"],
        "it was answered with the status 410 Gone: gone"
    );
    let shown = server.cli(&["trigger", "show", "to-crm"]);
    assert_eq!(shown["spec"]["to"]["url"]["secret"], "crm-hook");
    assert!(!shown.to_string().contains(&WHSEC[6..]));
}

#[test]
fn a_trigger_points_at_one_thing_that_can_be_reached() {
    let folder = tempfile::tempdir().unwrap();
    // Without --egress-allow: nothing inside is reached.
    let server = Server::start_on(folder.path(), &[]);
    let inside = HttpStandIn::start(|_, _| Reply::new(200, ""));
    secret(&server, "hook", WHSEC);
    secret(&server, "login", "user:password");
    let url = |url: &str| json!({ "url": { "url": url, "secret": "hook" } });
    let mail = |relay: &str, from: &str, to: Value, more: Value| {
        let mut email = json!({ "relay": relay, "from": from, "to": to });
        email
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "email": email })
    };
    let good = "steward@example.com";
    let tls = "smtps://smtp.example.com";
    let to_good = |relay: &str, more: Value| mail(relay, good, json!([good]), more);
    let two_lines = format!("{good}\r\nBcc: eve@example.com");
    for (to, says) in [
        (url("ftp://example.com/"), "neither http nor https"),
        (url("https://user@example.com/"), "names a user"),
        (url("/relative"), "to.url.url"),
        (to_good("smtp.example.com", json!({})), "a relay is"),
        (mail(tls, good, json!([]), json!({})), "1 to 50"),
        (mail(tls, "nobody", json!([good]), json!({})), "no address"),
        (mail(tls, good, json!([two_lines]), json!({})), "line break"),
        (
            to_good(tls, json!({ "subject": "a\r\nBcc: eve@example.com" })),
            "line break",
        ),
        (
            to_good(tls, json!({ "credentials": "none" })),
            "there is no secret `none`",
        ),
        (
            to_good(tls, json!({ "credentials": "hook" })),
            "USER:PASSWORD",
        ),
        (
            to_good(
                "smtp+plain://smtp.example.com",
                json!({ "credentials": "login" }),
            ),
            "without TLS",
        ),
    ] {
        let refused = server
            .put("/api/v1/triggers/out", &outside(to.clone()))
            .problem(422, "invalid-trigger");
        assert!(
            refused["detail"].as_str().unwrap().contains(says),
            "{to}: {refused}"
        );
    }
    let both = json!({ "function": "f", "to": url("https://example.com/"), "on": { "events": { "types": "*" } } });
    assert!(server.put("/api/v1/triggers/out", &both).status >= 400);
    let neither = json!({ "on": { "events": { "types": "*" } } });
    server
        .put("/api/v1/triggers/out", &neither)
        .problem(422, "invalid-trigger");
    let route = json!({ "to": url("https://example.com/"), "on": { "http": { "paths": ["/"] } } });
    server
        .put("/api/v1/triggers/out", &route)
        .problem(422, "invalid-trigger");

    server
        .put(
            "/api/v1/triggers/out",
            &outside(url(&format!("{}/", inside.origin()))),
        )
        .ok();
    let relay = format!("smtp+plain://{}", inside.address());
    server
        .put(
            "/api/v1/triggers/post",
            &outside(to_good(&relay, json!({}))),
        )
        .ok();
    append(&server, "com.example.order.paid", "o-1", json!({}));
    for name in ["out", "post"] {
        let dead = dead_letter(&server, name);
        assert!(
            dead["error"]
                .as_str()
                .unwrap()
                .contains("a loopback address"),
            "{dead}"
        );
    }
    assert!(inside.received().is_empty());
}

#[test]
fn an_event_is_sent_by_e_mail_and_adds_no_header_field() {
    let relay = SmtpStandIn::start(|command, before| match before {
        // The first message is turned away for now, somebody unknown for good.
        1 if command.starts_with("MAIL") => Some("451 4.7.1 greylisted"),
        _ if command.contains("unknown@") => Some("550 5.1.1 no such user"),
        _ => None,
    });
    let (server, _folder) = host();
    let email = |to: Value| {
        outside(
            json!({ "email": { "relay": relay.relay(), "from": "Steward <steward@example.com>", "to": to } }),
        )
    };
    server
        .put(
            "/api/v1/triggers/mails",
            &email(json!(["li@example.com", "chen@example.com"])),
        )
        .ok();

    append(
        &server,
        "com.example.order.paid",
        "o-1",
        json!({ "subject": "已付款", "text": "Order 7 is paid.\n.\nBye" }),
    );
    let mails = relay.wait_for(1);
    let recipients = |mail: &[String]| mail.iter().filter(|line| line.starts_with("RCPT")).count();
    assert_eq!(recipients(&mails[0].envelope), 2);
    let message = &mails[0].message;
    for line in [
        "From: Steward <steward@example.com>",
        "Message-ID: <mails-1@example.com>",
        "Order 7 is paid.",
    ] {
        assert!(message.contains(line), "{line} in {message}");
    }
    assert!(
        message.contains("\r\n.\r\nBye") && !message.contains("已付款"),
        "{message}"
    );

    // A subject with a line break is no message; the delivery is dead, and says why.
    append(
        &server,
        "com.example.order.paid",
        "o-2",
        json!({ "subject": "x\r\nBcc: eve@example.com", "text": "y" }),
    );
    let injected = dead_letter(&server, "mails");
    assert_eq!(injected["attempts"], 1);
    assert!(
        injected["error"].as_str().unwrap().contains("a line break"),
        "{injected}"
    );
    server
        .put(
            "/api/v1/triggers/nobody",
            &email(json!(["unknown@example.com"])),
        )
        .ok();
    append(&server, "com.example.order.sent", "o-3", json!({}));
    relay.wait_for(2);
    let refused = dead_letter(&server, "nobody");
    assert_eq!(refused["attempts"], 1);
    assert!(
        refused["error"].as_str().unwrap().contains("no such user"),
        "{refused}"
    );
    assert!(
        relay
            .mails()
            .iter()
            .all(|mail| !mail.message.contains("eve@"))
    );
}
