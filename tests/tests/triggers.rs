//! Functions that run on events, schedules, webhooks and routes, on the real binary.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use steward_tests::services::SharedStores;
use steward_tests::{Answer, Server, built, root, until, until_within};

const GRANTS: [&str; 3] = ["test.seen", "test.own.*", "test.*"];

/// The secret and the signature of the example in GitHub's documentation ("Testing the webhook payload validation").
const GITHUB_SECRET: &str = "It's a Secret to Everybody";
const GITHUB_BODY: &str = "Hello, World!";
const GITHUB_SIGNATURE: &str =
    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

fn publish(server: &Server) {
    let manifest =
        std::fs::read_to_string(root().join("tests/guests/reacts/steward.toml")).unwrap();
    let component = std::fs::read(built("target/test-guests/reacts.wasm")).unwrap();
    server.publish(&manifest, component).ok();
    let rest = json!({
        "grants": { "append_events": [GRANTS[0], GRANTS[1]], "read_events": [GRANTS[2]] },
    });
    server.deploy("reacts", "reacts", "1.0.0", rest).ok();
    server
        .put(
            "/api/v1/secrets/hook-secret",
            &json!({ "value": GITHUB_SECRET }),
        )
        .ok();
}

fn host() -> Server {
    let server = Server::start();
    publish(&server);
    server
}

fn trigger(server: &Server, name: &str, spec: Value) -> Answer {
    let mut whole = json!({ "function": "reacts", "delivery": { "backoff": { "first_ms": 10, "most_ms": 40 }, "attempts": 3 } });
    whole
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    server.put(&format!("/api/v1/triggers/{name}"), &whole)
}

/// A trigger on all events of `TYPE`, which calls the function with `path`.
fn on(server: &Server, name: &str, types: &str, path: &str) {
    let spec = json!({ "on": { "events": { "types": types } }, "path": path });
    trigger(server, name, spec).ok();
}

fn event(event_type: &str, id: &str, subject: &str) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/tests", "type": event_type, "subject": subject, "data": { "好": 1 } })
}

fn send(server: &Server, body: &Value) -> Answer {
    let media_type = match body.is_array() {
        true => "application/cloudevents-batch+json",
        false => "application/cloudevents+json",
    };
    server.send(
        server
            .request("POST", "/api/v1/events")
            .header("content-type", media_type)
            .body(body.to_string()),
    )
}

/// What the function was given through this trigger, in the order in which it said so.
fn seen(server: &Server, trigger: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut after = 0;
    loop {
        let page = server
            .get(&format!(
                "/api/v1/events?type=test.seen&limit=1000&after={after}"
            ))
            .ok();
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            return all;
        }
        after = page["next"].as_u64().unwrap();
        all.extend(
            events
                .iter()
                .map(|e| e["data"].clone())
                .filter(|d| d["trigger"] == trigger),
        );
    }
}

fn show(server: &Server, trigger: &str) -> Value {
    server.get(&format!("/api/v1/triggers/{trigger}")).ok()
}

#[test]
fn an_event_that_names_its_trace_is_delivered_in_it() {
    let server = host();
    on(&server, "traced", "test.a.b", "/");
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let mut traced = event("test.a.b", "1", "x");
    traced["traceparent"] = json!(format!("00-{trace}-b7ad6b7169203331-01"));
    send(&server, &traced).ok();
    send(&server, &event("test.a.b", "2", "x")).ok();
    until("both are delivered", || {
        (seen(&server, "traced").len() >= 2).then_some(())
    });
    // The record of a call is written when its body has gone.
    let path = format!("/api/v1/functions/reacts/invocations?trace={trace}");
    let calls = until("the call of the trace", || {
        let calls = server.get(&path).ok().as_array().unwrap().clone();
        (!calls.is_empty()).then_some(calls)
    });
    assert_eq!(calls.len(), 1, "{calls:?}");
}

#[test]
fn an_event_reaches_the_functions_that_ask_for_it() {
    let server = host();
    on(&server, "all", "test.a.*", "/");
    on(&server, "one", "test.a.b", "/here");
    let about = json!({ "on": { "events": { "types": "test.a.*", "subject": "other" } } });
    trigger(&server, "other", about).ok();

    let sent = server.cli(&[
        "event",
        "send",
        "--type",
        "test.a.b",
        "--source",
        "/tests",
        "--id",
        "1",
        "--subject",
        "订单/7",
        "--data",
        "{\"n\": 1}",
        "--extension",
        "region=eu",
    ]);
    assert_eq!(
        (&sent["seq"], &sent["duplicate"]),
        (&json!(1), &json!(false))
    );
    let got = until("the event reaches the trigger `all`", || {
        seen(&server, "all").pop()
    });
    assert_eq!(got["id"], "1");
    assert_eq!(got["source"], "/tests");
    assert_eq!(got["type"], "test.a.b");
    assert_eq!(got["subject"], "%E8%AE%A2%E5%8D%95/7");
    assert_eq!(got["content_type"], "application/json");
    assert_eq!(
        serde_json::from_str::<Value>(got["data"].as_str().unwrap()).unwrap(),
        json!({ "n": 1 })
    );
    assert_eq!(
        (&got["attempt"], &got["seq"], &got["key"]),
        (&json!(1), &json!("1"), &json!(""))
    );
    assert_eq!(
        until("the event reaches the trigger `one`", || seen(
            &server, "one"
        )
        .pop())["path"],
        "/here"
    );
    assert!(seen(&server, "other").is_empty());

    // The same again is the same event, and nothing runs.
    let again = send(&server, &event("test.a.b", "1", "x"));
    assert_eq!(again.status, 202);
    assert_eq!(again.body[0]["duplicate"], true);
    // In the binary mode, and as a batch.
    let binary = server
        .request("POST", "/api/v1/events")
        .header("ce-specversion", "1.0")
        .header("ce-id", "2")
        .header("ce-source", "/tests")
        .header("ce-type", "test.a.c")
        .header("ce-subject", "other")
        .header("content-type", "text/plain")
        .body("文");
    assert_eq!(server.send(binary).status, 202);
    assert_eq!(
        until("the event reaches the trigger `other`", || seen(
            &server, "other"
        )
        .pop())["data"],
        "文"
    );
    let batch = json!([event("test.b", "3", "x"), event("test.b", "4", "y")]);
    assert_eq!(send(&server, &batch).ok().as_array().unwrap().len(), 2);
    // All of a batch or nothing.
    let half = json!([event("test.b", "5", "x"), event("test b", "6", "x")]);
    send(&server, &half).problem(400, "invalid-event");
    let listed = server.cli(&["event", "list", "--type", "test.b"]);
    let ids: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["id"])
        .collect();
    assert_eq!(ids, ["3", "4"]);

    let shown = until("two deliveries of `all`", || {
        let shown = server.cli(&["trigger", "show", "all"]);
        (shown["delivered"] == 2 && shown["waiting"] == 0).then_some(shown)
    });
    assert_eq!(
        (&shown["attempts"], &shown["dead"], &shown["lag_ms"]),
        (&json!(2), &json!(0), &json!(0))
    );
    let metrics = until("four deliveries in the figures", || {
        let metrics = server.get("/metrics").body.as_str().unwrap().to_owned();
        let all = metrics.contains("steward_deliveries_total{outcome=\"delivered\"} 4");
        all.then_some(metrics)
    });
    assert!(
        metrics.contains("steward_events_appended_total"),
        "{metrics}"
    );
}

#[test]
fn what_fails_is_tried_again_and_kept_in_the_end() {
    let server = host();
    for path in ["fails", "fails-twice", "panics"] {
        on(&server, path, "test.a", &format!("/{path}"));
    }
    on(&server, "mends", "test.a", "/until/now");
    send(&server, &event("test.a", "1", "x")).ok();
    let dead = |name: &str| {
        until("a dead letter", || {
            let letters = server.cli(&["trigger", "dead", name]);
            letters.get(0).cloned()
        })
    };
    let letter = dead("fails");
    assert_eq!(
        (&letter["attempts"], &letter["seq"], &letter["event"]["id"]),
        (&json!(3), &json!(1), &json!("1"))
    );
    let error = letter["error"].as_str().unwrap();
    assert!(
        error.contains("503") && error.contains("it never works, 永远"),
        "{error}"
    );
    assert!(
        dead("panics")["error"]
            .as_str()
            .unwrap()
            .contains("crashed")
    );
    let tries = until("three tries", || {
        Some(seen(&server, "fails-twice")).filter(|tries| tries.len() >= 3)
    });
    assert_eq!(
        tries
            .iter()
            .map(|t| t["attempt"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
    let shown = until("the third try is delivered", || {
        Some(show(&server, "fails-twice")).filter(|s| s["delivered"] == 1)
    });
    assert_eq!((&shown["attempts"], &shown["died"]), (&json!(3), &json!(0)));

    // A dead letter that is brought back is tried from the first try on.
    dead("mends");
    send(&server, &event("test.mended", "2", "now")).ok();
    server
        .post("/api/v1/triggers/mends/redrive", &json!({ "seqs": [99] }))
        .problem(404, "not-found");
    let done = server.cli(&["trigger", "redrive", "mends"]);
    assert_eq!(done["redriven"], 1);
    let shown = until("the letter is delivered", || {
        Some(show(&server, "mends")).filter(|s| s["delivered"] == 1)
    });
    assert_eq!(
        (&shown["dead"], &shown["died"], &shown["attempts"]),
        (&json!(0), &json!(1), &json!(4))
    );

    // A trigger that is gone takes its dead letters with it.
    server.cli(&["trigger", "delete", "fails"]);
    server
        .get("/api/v1/triggers/fails/dead")
        .problem(404, "not-found");
}

#[test]
fn events_about_one_subject_come_in_order() {
    let server = host();
    let spec = json!({
        "on": { "events": { "types": "test.a" } }, "path": "/slow",
        "delivery": { "ordered": true, "concurrency": 20 },
    });
    trigger(&server, "ordered", spec).ok();
    let batch: Vec<Value> = (0..12)
        .map(|n| event("test.a", &n.to_string(), ["a", "b", "c"][n % 3]))
        .collect();
    send(&server, &json!(batch)).ok();
    let all = until("twelve events are delivered", || {
        Some(seen(&server, "ordered")).filter(|all| all.len() == 12)
    });
    for subject in ["a", "b", "c"] {
        let ids = all.iter().filter(|e| e["subject"] == subject);
        let ids: Vec<u64> = ids
            .map(|e| e["id"].as_str().unwrap().parse().unwrap())
            .collect();
        assert!(ids.is_sorted(), "{subject}: {ids:?}");
        assert_eq!(ids.len(), 4);
    }
}

#[test]
fn a_killed_host_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_on(folder.path(), &[]);
    publish(&server);
    let spec = json!({
        "on": { "events": { "types": "test.a" } }, "path": "/slow", "delivery": { "concurrency": 3, "attempts": 10 },
    });
    trigger(&server, "survives", spec).ok();
    let acknowledged: BTreeSet<String> = (0..30).map(|n| n.to_string()).collect();
    // All at once, so that the first is not delivered long before the last is there.
    let batch: Vec<Value> = acknowledged
        .iter()
        .map(|id| event("test.a", id, "x"))
        .collect();
    send(&server, &json!(batch)).ok();
    // Killed while some have arrived, some run and some wait.
    until("the first event is delivered", || {
        (!seen(&server, "survives").is_empty()).then_some(())
    });
    server.kill();
    let server = Server::start_on(folder.path(), &[]);
    let ids = |server: &Server| -> BTreeSet<String> {
        let all = seen(server, "survives");
        all.iter()
            .map(|e| e["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(
        ids(&server).len() < 30,
        "it was killed too late to show anything"
    );
    until("every acknowledged event is delivered", || {
        (ids(&server) == acknowledged).then_some(())
    });
    until("nothing waits any more", || {
        Some(show(&server, "survives")).filter(|s| s["waiting"] == 0 && s["dead"] == 0)
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_share_the_work_and_take_over() {
    let stores = SharedStores::start("triggers").await;
    tokio::task::spawn_blocking(move || shared(&stores))
        .await
        .unwrap();
}

fn shared(stores: &SharedStores) {
    let env = stores.env();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut first = Server::start_in(folders[0].path(), &[], &env);
    let second = Server::start_in(folders[1].path(), &[], &env);
    publish(&first);
    let every_second =
        json!({ "on": { "cron": { "schedule": "* * * * * *", "zone": "Asia/Shanghai" } } });
    trigger(&first, "ticks", every_second).ok();
    let spec = json!({
        "on": { "events": { "types": "test.a" } }, "path": "/slow", "delivery": { "concurrency": 100, "attempts": 10 },
    });
    trigger(&first, "shared", spec).ok();
    // More than one host takes of a tenant at a time.
    let mut sent = 0;
    let mut send_more = || {
        let batch: Vec<Value> = (sent..sent + 200)
            .map(|n| event("test.a", &n.to_string(), "x"))
            .collect();
        send(&first, &json!(batch)).ok();
        sent += 200;
    };

    let delivered_by = |server: &Server| {
        let metrics = server.get("/metrics").body;
        let line = metrics
            .as_str()
            .unwrap()
            .lines()
            .find(|l| l.starts_with("steward_deliveries_total{outcome=\"delivered\"}"));
        line.unwrap()
            .rsplit(' ')
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    // Both have delivered some when one is killed. On a busy machine the first may be done before the second looks.
    until("both hosts deliver", || {
        if show(&second, "shared")["waiting"] == 0 {
            send_more();
        }
        (delivered_by(&first) > 0 && delivered_by(&second) > 0).then_some(())
    });
    first.kill();
    let ids = || -> BTreeSet<String> {
        let all = seen(&second, "shared");
        all.iter()
            .map(|e| e["id"].as_str().unwrap().to_owned())
            .collect()
    };
    // As many as were sent until both had some, by one host.
    until_within(
        Duration::from_secs(120),
        "all of them are delivered",
        || (ids().len() == sent).then_some(()),
    );

    // One firing for each second, whoever of the two it was.
    let fired = until("three seconds are over", || {
        let fired = second
            .get("/api/v1/events?type=steward.cron&limit=1000")
            .ok();
        let fired = fired["events"].as_array().unwrap().clone();
        (fired.len() >= 3).then_some(fired)
    });
    let times: BTreeSet<&str> = fired.iter().map(|e| e["time"].as_str().unwrap()).collect();
    assert!(times.len() >= 3 && times.len() == fired.len(), "{fired:?}");
    for event in &fired {
        assert_eq!(
            (&event["source"], &event["subject"]),
            (&json!("/triggers/ticks"), &json!("ticks"))
        );
        assert_eq!(event["data"]["due"], event["time"]);
        assert_eq!(event["data"]["zone"], "Asia/Shanghai");
    }
    until("the schedule goes on", || {
        seen(&second, "ticks")
            .into_iter()
            .find(|e| e["type"] == "steward.cron")
    });
}

#[test]
fn a_webhook_needs_its_signature() {
    let server = host();
    let hook = json!({ "on": { "webhook": { "scheme": "github", "secret": "hook-secret", "event_type": "test.hook" } } });
    trigger(&server, "hook", hook).ok();
    // The secret must be there.
    let absent = json!({ "on": { "webhook": { "scheme": "github", "secret": "absent" } } });
    let refused = trigger(&server, "wrong", absent).problem(422, "invalid-trigger");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("steward secret set absent"), "{refused}");
    let ask = |path: &str, signature: Option<&str>, body: &str| {
        let mut request = server.request_as(None, "POST", path).body(body.to_owned());
        if let Some(signature) = signature {
            request = request.header("x-hub-signature-256", signature);
        }
        server.send(
            request
                .header("x-github-event", "push")
                .header("content-type", "text/plain"),
        )
    };
    let path = "/hooks/default/hook";
    let taken = ask(path, Some(GITHUB_SIGNATURE), GITHUB_BODY);
    assert_eq!(
        (taken.status, &taken.body["duplicate"]),
        (202, &json!(false)),
        "{taken:?}"
    );
    let got = until("the webhook is delivered", || seen(&server, "hook").pop());
    assert_eq!(
        (&got["type"], &got["data"]),
        (&json!("test.hook"), &json!(GITHUB_BODY))
    );
    // Sent again it is known, and nothing runs.
    assert_eq!(
        ask(path, Some(GITHUB_SIGNATURE), GITHUB_BODY).ok()["duplicate"],
        true
    );
    // Anything else is refused, and leaves nothing in the log.
    let wrong = GITHUB_SIGNATURE.replace("sha256=75", "sha256=76");
    ask(path, Some(&wrong), GITHUB_BODY).problem(401, "unverified-webhook");
    ask(path, Some(GITHUB_SIGNATURE), "Hello, World?").problem(401, "unverified-webhook");
    ask(path, None, GITHUB_BODY).problem(401, "unverified-webhook");
    ask(path, Some(GITHUB_SIGNATURE), &"x".repeat((1 << 20) + 1)).problem(413, "body-too-large");
    for absent in [
        "/hooks/default/absent",
        "/hooks/other/hook",
        "/hooks/default/Hook",
    ] {
        ask(absent, Some(GITHUB_SIGNATURE), GITHUB_BODY).problem(404, "unknown-webhook");
    }
    // A trigger of another kind is no webhook; one that is off takes nothing.
    on(&server, "events", "test.x", "/");
    ask("/hooks/default/events", Some(GITHUB_SIGNATURE), GITHUB_BODY)
        .problem(404, "unknown-webhook");
    server.cli(&["trigger", "disable", "hook"]);
    ask(path, Some(GITHUB_SIGNATURE), GITHUB_BODY).problem(404, "unknown-webhook");
    let log = server.get("/api/v1/events?type=test.hook").ok();
    assert_eq!(log["events"].as_array().unwrap().len(), 1);
    assert_eq!(log["events"][0]["githubevent"], "push");
    assert_eq!(seen(&server, "hook").len(), 1);
    // No answer and no log of events holds the secret.
    for path in [
        "/api/v1/triggers",
        "/api/v1/functions/reacts",
        "/api/v1/events",
    ] {
        assert!(
            !server.get(path).ok().to_string().contains(GITHUB_SECRET),
            "{path}"
        );
    }
}

#[test]
fn routes_say_who_may_ask_what() {
    let server = host();
    let open = json!({ "on": { "http": {
        "paths": ["/open/{id}"], "methods": ["GET"], "public": true,
        "cors": { "origins": ["https://shop.example"], "headers": ["x-a"] },
    } } });
    trigger(&server, "open", open).ok();
    let closed = json!({ "on": { "http": { "paths": ["/closed", "/append/*"] } } });
    trigger(&server, "closed", closed).ok();
    let ask = |key: Option<&str>, method: &str, path: &str| {
        server.request_as(key, method, &format!("/f/default/reacts{path}"))
    };
    let key = Some(server.key.as_str());

    assert_eq!(
        server.send(ask(None, "GET", "/open/7")).ok()["path"],
        json!(["open", "7"])
    );
    assert_eq!(
        server.send(ask(key, "GET", "/open/7")).ok()["path"],
        json!(["open", "7"])
    );
    server
        .send(ask(None, "POST", "/open/7"))
        .problem(401, "missing-key");
    server
        .send(ask(key, "POST", "/open/7"))
        .problem(405, "method-not-allowed");
    server
        .send(ask(None, "GET", "/open/7/x"))
        .problem(401, "missing-key");
    server
        .send(ask(key, "GET", "/open/7/x"))
        .problem(404, "no-such-route");
    server
        .send(ask(None, "GET", "/closed"))
        .problem(401, "missing-key");
    server.send(ask(key, "GET", "/closed")).ok();
    // No path is the other, however it is written.
    for path in [
        "/open/../closed",
        "/open/%2e%2e%2fclosed",
        "/open//closed",
        "//closed",
    ] {
        let url = format!("/f/default/reacts{path}");
        let status = raw_get(&server.url, &url);
        assert!(status == 401 || path.contains("%2e"), "{path}: {status}");
    }
    assert_eq!(
        server.send(ask(None, "GET", "/open/%2e%2e%2fclosed")).ok()["path"],
        json!(["open", "%2e%2e%2fclosed"])
    );

    let preflight = |origin: &str, method: &str| {
        ask(None, "OPTIONS", "/open/7")
            .header("origin", origin)
            .header("access-control-request-method", method)
            .send()
            .unwrap()
    };
    let answer = preflight("https://shop.example", "GET");
    assert_eq!(answer.status(), 204);
    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "https://shop.example"
    );
    assert_eq!(answer.headers()["access-control-allow-headers"], "x-a");
    assert_eq!(preflight("https://evil.example", "GET").status(), 403);
    assert_eq!(preflight("https://shop.example", "DELETE").status(), 403);
    let answer = ask(None, "GET", "/open/7")
        .header("origin", "https://shop.example")
        .send()
        .unwrap();
    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "https://shop.example"
    );
    let answer = ask(None, "GET", "/open/7")
        .header("origin", "https://evil.example")
        .send()
        .unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"));

    // A key that is sent where none is needed does not reach the function; what is the function's own does.
    let heard = |id: &str, authorization: &str| {
        let request = ask(None, "GET", "/open/7").header("authorization", authorization);
        let request = request.header("ce-id", id).header("steward-attempt", "1");
        assert_eq!(server.send(request).status, 200);
        let all = seen(&server, "");
        all.iter().find(|e| e["id"] == id).unwrap()["key"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(heard("1", &format!("Bearer {}", server.key)), "");
    assert_eq!(heard("2", "Basic abc"), "Basic abc");
    // Switched off, a route opens nothing.
    server.cli(&["trigger", "disable", "open"]);
    server
        .send(ask(None, "GET", "/open/7"))
        .problem(401, "missing-key");
    server
        .send(ask(key, "GET", "/open/7"))
        .problem(404, "no-such-route");
    // Without any route, the function answers to everything again, with a key.
    server.cli(&["trigger", "delete", "open"]);
    server.cli(&["trigger", "delete", "closed"]);
    server
        .send(ask(None, "GET", "/open/7"))
        .problem(401, "missing-key");
    server.send(ask(key, "GET", "/anything")).ok();
}

/// A GET whose path no client tidies up.
fn raw_get(url: &str, path: &str) -> u16 {
    use std::io::{Read, Write};
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_function_appends_and_reads_what_it_was_granted() {
    let server = host();
    let ask = |path: &str| server.get(&format!("/f/default/reacts/{path}")).ok();
    assert_eq!(ask("append/test.own.x"), json!([[1, "once", false]]));
    assert_eq!(ask("append/test.own.x"), json!([[1, "once", true]]));
    let found = ask("query/test.own.*");
    assert_eq!(found[0]["source"], "/functions/reacts");
    assert_eq!(
        (
            &found[0]["subject"],
            &found[0]["data"],
            &found[0]["extensions"]
        ),
        (&json!("它"), &json!("{\"n\": 1}"), &json!(1))
    );
    let refused = |path: &str, case: &str, told: &str| {
        let answer = ask(path);
        assert_eq!(answer["error"], case, "{answer}");
        assert!(
            answer["message"].as_str().unwrap().contains(told),
            "{answer}"
        );
    };
    // By the time of the event: its begin is within, its end is not.
    let new_year = 1_767_225_600_000_000_i64;
    let hour = |n: i64| new_year + n * 3_600_000_000;
    for n in 0..4 {
        let mut dated = event("test.dated", &n.to_string(), &format!("hour-{n}"));
        dated["time"] = json!(format!("2026-01-01T0{n}:00:00Z"));
        send(&server, &dated).ok();
    }
    let between = |since: i64, until: i64| ask(&format!("between/test.dated/{since}/{until}"));
    assert_eq!(between(hour(1), hour(3)), json!(["hour-1", "hour-2"]));
    assert_eq!(between(hour(3) + 1, hour(9)), json!([]));
    assert_eq!(between(hour(0), hour(0) + 1), json!(["hour-0"]));
    refused(
        &format!("between/test.dated/{}/0", i64::MAX),
        "invalid-input",
        "no time of the calendar",
    );
    refused("append/other.x", "denied", "append_events = [\"other.x\"]");
    refused("append/test.own", "denied", "append_events");
    refused("query/*", "denied", "read_events = [\"*\"]");
    refused("query/a b", "invalid-input", "type");
    refused("append/test.own.*", "invalid-input", "event-type");
    refused("append-wrong", "invalid-input", "extension");
    refused("append-large", "invalid-input", "1048576");
    // A key cannot speak for a function.
    let mut forged = event("test.a", "9", "x");
    forged["source"] = json!("/functions/reacts");
    send(&server, &forged).problem(400, "invalid-event");
    // Without the grant it is not deployed at all.
    server
        .deploy("other", "reacts", "1.0.0", json!({}))
        .problem(403, "grant-missing");
    // A typed function runs on no event.
    server.publish_first_party("text-cleaner");
    server.cli(&["function", "deploy", "clean", "--plugin", "text-cleaner"]);
    let spec = json!({ "function": "clean", "on": { "events": { "types": "a" } } });
    trigger(&server, "typed", spec).problem(422, "invalid-trigger");
    let spec = json!({ "function": "absent", "on": { "events": { "types": "a" } } });
    trigger(&server, "absent", spec).problem(404, "not-found");
}
