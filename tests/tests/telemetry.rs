//! What a collector is told of the requests and calls of a host: traces, metrics and logs, by OTLP over HTTP.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::services::{HttpStandIn, Received, Reply};
use steward_tests::{Server, built, guest, until};

/// Something on loopback that keeps what it is sent, and answers with the head of the request as JSON.
struct Listener(HttpStandIn);

impl Listener {
    fn start() -> Self {
        Self(HttpStandIn::start(|request, _| {
            Reply::new(200, json!({ "head": request.head }))
        }))
    }

    fn url(&self) -> String {
        self.0.origin()
    }

    fn requests(&self) -> Vec<Received> {
        self.0.received()
    }

    /// What was sent to this path, as JSON.
    fn posts(&self, path: &str) -> Vec<Value> {
        let requests = self.requests();
        let posts = requests
            .iter()
            .filter(|r| r.method == "POST" && r.path == path);
        posts
            .map(|request| serde_json::from_slice(&request.body).unwrap())
            .collect()
    }

    fn spans(&self) -> Vec<Value> {
        let posts = self.posts("/v1/traces");
        flat(&posts, &["resourceSpans", "scopeSpans", "spans"])
    }

    fn lines(&self) -> Vec<Value> {
        let posts = self.posts("/v1/logs");
        flat(&posts, &["resourceLogs", "scopeLogs", "logRecords"])
    }

    fn metrics(&self) -> Vec<Value> {
        let posts = self.posts("/v1/metrics");
        flat(&posts, &["resourceMetrics", "scopeMetrics", "metrics"])
    }

    /// The span with this attribute, once it has come.
    fn span(&self, key: &str, value: &str) -> Value {
        until(&format!("a span with {key}={value}"), || {
            let mut spans = self.spans().into_iter();
            spans.find(|span| attribute(span, key).as_deref() == Some(value))
        })
    }
}

/// The items at the end of these lists in lists.
fn flat(values: &[Value], path: &[&str]) -> Vec<Value> {
    let Some((first, rest)) = path.split_first() else {
        return values.to_vec();
    };
    let lists = values.iter().filter_map(|value| value[first].as_array());
    let below: Vec<Value> = lists.flatten().cloned().collect();
    flat(&below, rest)
}

/// An attribute as text, whatever its kind.
fn attribute(item: &Value, key: &str) -> Option<String> {
    let attributes = item["attributes"].as_array()?;
    let value = &attributes.iter().find(|a| a["key"] == key)?["value"];
    let (_, value) = value.as_object()?.iter().next()?;
    Some(match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// The value of a series of `/metrics`: its line begins with this name and has this label.
fn series(server: &Server, name: &str, label: &str) -> Option<u64> {
    let text = server.get("/metrics").ok();
    let mut lines = text.as_str().unwrap().lines();
    let line = lines.find(|line| line.starts_with(name) && line.contains(label))?;
    line.rsplit(' ').next()?.parse().ok()
}

const SECRET: &str = "t0p-secret-value";
const CONFIGURED: &str = "c0nfigured-secret";

/// Deploys the guest that sends requests, with a secret and a secret configuration.
fn install_calls(server: &Server, origin: &str) {
    let requests = json!({ "http": [origin], "secrets": ["token"] });
    let rest = format!(
        "[config.password]\nsecret = true\n[requests]\nhttp = [\"{origin}\"]\nsecrets = [\"token\"]\n"
    );
    let manifest = guest::manifest("calls", "1.0.0", "function", &rest);
    let component = std::fs::read(built("target/test-guests/calls.wasm")).unwrap();
    server.publish(&manifest, component).ok();
    server
        .put("/api/v1/secrets/token", &json!({ "value": SECRET }))
        .ok();
    let deployment = json!({ "grants": requests, "config": { "password": CONFIGURED } });
    server.deploy("calls", "calls", "1.0.0", deployment).ok();
}

#[test]
fn a_collector_gets_the_trace_the_figures_and_the_log_of_a_call_and_no_secret() {
    let (collector, service) = (Listener::start(), Listener::start());
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(
        folder.path(),
        &["--egress-allow", "127.0.0.1"],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.url()),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-of-collector=k3y-of-it"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=test",
            ),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
            ("STEWARD_OTLP_FUNCTION_LOGS", "true"),
        ],
    );
    install_calls(&server, &service.url());

    // A call within the trace of its caller, that asks another service.
    let (trace, above) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let answer = server
        .request("GET", "/f/default/calls/send?token=in-the-query")
        .header("traceparent", format!("00-{trace}-{above}-01"))
        .header("x-request-id", "order-17")
        .header("x-secret", "token")
        .header("x-url", format!("{}/a?b=in-the-url", service.url()))
        .send()
        .unwrap();
    assert_eq!(answer.status(), 200, "{answer:?}");
    let id = answer.headers()["steward-invocation-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let asked = service.requests();
    let head = &asked.first().unwrap().head;
    assert!(
        head.contains(&format!("authorization: Bearer {SECRET}")),
        "{head:?}"
    );

    let request = collector.span("steward.request_id", "order-17");
    let call = collector.span("faas.invocation_id", &id);
    assert_eq!(
        (&request["traceId"], &call["traceId"]),
        (&json!(trace), &json!(trace))
    );
    assert_eq!(request["parentSpanId"], above);
    assert_eq!(call["parentSpanId"], request["spanId"]);
    assert_eq!((&request["kind"], &call["kind"]), (&json!(2), &json!(1)));
    assert_eq!(request["name"], "GET /f/{tenant}/{function}");
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/f/{tenant}/{function}"),
        ("http.response.status_code", "200"),
        ("steward.tenant", "default"),
        ("steward.function", "calls"),
    ] {
        assert_eq!(
            attribute(&request, key).as_deref(),
            Some(value),
            "{request}"
        );
    }
    assert_eq!(call["name"], "calls");
    for (key, value) in [
        ("faas.name", "calls"),
        ("faas.version", "1.0.0"),
        ("steward.tenant", "default"),
        ("steward.outcome", "answered"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(attribute(&call, key).as_deref(), Some(value), "{call}");
    }
    for key in [
        "steward.cpu_us",
        "steward.memory_bytes",
        "steward.host_calls",
        "steward.bytes_out",
    ] {
        let number: u64 = attribute(&call, key).unwrap().parse().unwrap();
        assert!(number > 0, "{key}: {call}");
    }
    // The service that the guest asked is below the call.
    let span = call["spanId"].as_str().unwrap();
    assert!(
        head.contains(&format!("traceparent: 00-{trace}-{span}-01")),
        "{head:?}"
    );

    // A call that fails: it begins a trace of its own, and its log names it.
    let failed = server
        .request("POST", "/f/default/calls/nobody")
        .body("in-the-body")
        .send()
        .unwrap();
    assert!(failed.status().is_server_error(), "{failed:?}");
    let id = failed.headers()["steward-invocation-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let call = collector.span("faas.invocation_id", &id);
    assert_eq!(
        attribute(&call, "steward.outcome").as_deref(),
        Some("failed")
    );
    assert_eq!(call["status"]["code"], 2, "{call}");
    assert!(attribute(&call, "error.type").is_some(), "{call}");
    assert_ne!(call["traceId"], trace);
    let said = |line: &Value| line["body"]["stringValue"].as_str().unwrap().to_owned();
    let line = until("what the guest logged", || {
        let mut lines = collector.lines().into_iter();
        lines.find(|l| l["spanId"] == call["spanId"] && said(l).contains("nobody asks for"))
    });
    assert_eq!(attribute(&line, "faas.invocation_id"), Some(id));
    assert_eq!(line["traceId"], call["traceId"]);

    // Requests of the API, and one that leads nowhere: no word of its path is told.
    server.get("/api/v1/me").ok();
    let request = collector.span("http.route", "/api/v1/me");
    assert_eq!(request["name"], "GET /api/v1/me");
    assert_eq!(
        attribute(&request, "steward.tenant").as_deref(),
        Some("default")
    );
    server.get("/no/in-the-path").problem(404, "no-such-route");
    let request = collector.span("http.response.status_code", "404");
    assert_eq!(
        (&request["name"], attribute(&request, "http.route")),
        (&json!("GET"), None)
    );

    // The figures are those of `/metrics`.
    let calls = until("the number of calls", || {
        let mut metrics = collector.metrics().into_iter().rev();
        let calls = metrics.find(|metric| metric["name"] == "steward_function_calls")?;
        let points = calls["sum"]["dataPoints"].as_array()?.clone();
        let mut points = points.into_iter();
        let point = points.find(|p| attribute(p, "function").as_deref() == Some("calls"))?;
        (point["asDouble"] == 2.0).then_some(point)
    });
    assert_eq!(attribute(&calls, "version").as_deref(), Some("1.0.0"));
    let names: Vec<Value> = collector
        .metrics()
        .iter()
        .map(|m| m["name"].clone())
        .collect();
    assert!(
        names.contains(&json!("steward_http_request_duration_seconds")),
        "{names:?}"
    );

    server.terminate();
    let told = collector.requests();
    for request in &told {
        assert!(
            request
                .head
                .contains(&"x-of-collector: k3y-of-it".to_owned()),
            "{request:?}"
        );
        let text = std::str::from_utf8(&request.body).unwrap();
        let body: Value = serde_json::from_str(text).unwrap();
        assert!(body.to_string().contains("deployment.environment.name"));
        for word in [
            server.key(),
            SECRET,
            CONFIGURED,
            "k3y-of-it",
            "in-the-query",
            "in-the-url",
            "in-the-body",
            "in-the-path",
        ] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
    println!(
        "{} posts: {} spans, {} log lines, {} metrics",
        told.len(),
        collector.spans().len(),
        collector.lines().len(),
        collector.metrics().len()
    );
}

#[test]
fn what_waits_is_sent_when_the_host_ends() {
    let collector = Listener::start();
    let folder = tempfile::tempdir().unwrap();
    let url = collector.url();
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*url),
        ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "600000"),
    ];
    let mut server = Server::start_in(folder.path(), &[], &env);
    server.get("/api/v1/me").ok();
    assert!(collector.requests().is_empty(), "nothing is due");
    server.terminate();
    let spans = collector.spans();
    assert!(
        spans.iter().any(|s| s["name"] == "GET /api/v1/me"),
        "{spans:?}"
    );
    let lines = collector.lines();
    assert!(
        lines.iter().any(|l| l["body"]["stringValue"] == "draining"),
        "{lines:?}"
    );
    assert!(!collector.metrics().is_empty());
}

/// Calls a function many times beside a collector at this address, and returns the server.
fn calls_beside(address: &str, folder: &std::path::Path) -> Server {
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", address),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "600000"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "8"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
    ];
    let server = Server::start_in(folder, &[], &env);
    let component = std::fs::read(built("target/test-guests/trim.wasm")).unwrap();
    let manifest = guest::manifest("trim", "1.0.0", "cleaner", "");
    server.publish(&manifest, component).ok();
    server.deploy("trim", "trim", "1.0.0", json!({})).ok();
    let begun = Instant::now();
    for _ in 0..100 {
        server.call("trim", &[" a "]).ok();
    }
    // A collector gets ten minutes to answer: had one request waited for it, this would not end.
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    let counted = series(&server, "steward_function_calls_total", "function=\"trim\"");
    assert_eq!(counted, Some(100));
    server
}

#[test]
fn a_collector_that_does_not_answer_holds_up_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut server = calls_beside(&address, folder.path());
    let items = |outcome: &str| {
        let label = format!("outcome=\"{outcome}\"");
        series(&server, "steward_telemetry_items_total", &label).unwrap()
    };
    let dropped = items("dropped");
    // Two spans a call, of which the queue holds eight and the sender one.
    assert!(dropped >= 150, "{dropped}");
    assert_eq!(items("sent"), 0);
    // Nor does it keep the host from ending.
    let took = server.terminate();
    println!("{dropped} dropped, ended within {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_collector_that_is_down_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago may be another's by now; nobody listens on this one.
    let server = calls_beside("http://127.0.0.1:1", folder.path());
    let failed = until("a span that no collector took", || {
        let label = "outcome=\"failed\"";
        series(&server, "steward_telemetry_items_total", label).filter(|n| *n > 0)
    });
    println!("{failed} failed");
}

#[test]
fn without_a_collector_nothing_is_told() {
    let service = Listener::start();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_on(folder.path(), &["--egress-allow", "127.0.0.1"]);
    install_calls(&server, &service.url());
    let request = server.request("GET", "/f/default/calls/send");
    server.send(request.header("x-url", service.url())).ok();
    let asked = service.requests();
    let head = asked[0].head.join("\n");
    assert!(!head.contains("traceparent"), "{head}");
    assert_eq!(series(&server, "steward_telemetry", ""), None);
}

#[test]
fn a_variable_that_is_wrong_is_named_and_its_value_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let args = ["serve", "--data-dir", data, "--listen", "127.0.0.1:0"];
    let endpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    for (name, env) in [
        (endpoint, vec![(endpoint, "user:pa55word")]),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            vec![
                (endpoint, "http://127.0.0.1:1"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "pa55word"),
            ],
        ),
    ] {
        let output = cli(&args, &env);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(name) && !said.contains("pa55word"), "{said}");
        assert!(said.contains("docs/operator.md"), "{said}");
    }
}
