//! A collector on a loopback port, that decodes what it gets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::wire::Kind;

/// What came: path, the header `x-key`, body.
type Post = (String, String, Value);

/// Answers with these statuses in turn, then with 200.
fn collector(statuses: &'static [u16]) -> (String, Receiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut statuses = statuses.iter();
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let path = line.split(' ').nth(1).unwrap().to_owned();
            let (mut length, mut key) = (0, String::new());
            loop {
                line.clear();
                reader.read_line(&mut line).unwrap();
                let lower = line.trim().to_lowercase();
                if lower.is_empty() {
                    break;
                }
                if let Some(n) = lower.strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                if let Some(value) = lower.strip_prefix("x-key:") {
                    key = value.trim().to_owned();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let status = statuses.next().unwrap_or(&200);
            write!(
                reader.get_mut(),
                "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            .unwrap();
            let _ = sender.send((path, key, serde_json::from_slice(&body).unwrap()));
        }
    });
    (address, receiver)
}

fn started(address: &str, change: impl FnOnce(&mut Config)) -> Telemetry {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let place = |path: &str| Some(format!("{address}/v1/{path}").parse().unwrap());
    let mut config = Config {
        traces: place("traces"),
        logs: place("logs"),
        metrics: place("metrics"),
        headers: [("x-key".parse().unwrap(), "k".parse().unwrap())]
            .into_iter()
            .collect(),
        timeout: Duration::from_secs(10),
        service: "test".into(),
        resource: vec![("a".into(), "b".into())],
        delay: Duration::from_secs(600),
        interval: Duration::from_millis(20),
        queue: 8,
        batch: 8,
        ratio: 1.0,
        function_logs: true,
    };
    change(&mut config);
    Telemetry::start(config).unwrap()
}

fn span(telemetry: &Telemetry, traceparent: Option<&str>) -> Span {
    let (context, parent) = telemetry.begin(traceparent);
    Span {
        context,
        parent,
        name: "POST /f/{tenant}/{function}".into(),
        kind: Kind::Server,
        begin: Timestamp::from_second(1).unwrap(),
        end: Timestamp::from_second(2).unwrap(),
        attributes: vec![("steward.tenant", "acme".into())],
        error: Some("it crashed".into()),
    }
}

#[tokio::test]
async fn a_share_of_the_traces_is_told_the_same_ones_each_time() {
    let (address, _) = collector(&[]);
    let telemetry = started(&address, |config| config.ratio = 0.25);
    let trace = |n: u64| {
        let mut trace = [7; 16];
        trace[8..].copy_from_slice(&n.to_be_bytes());
        trace
    };
    let quarter = 1 << 54;
    for (drawn, told) in [
        (0, true),
        (quarter - 1, true),
        (quarter, false),
        (u64::MAX, false),
    ] {
        assert_eq!(telemetry.samples(trace(drawn)), told, "{drawn}");
    }
    let all = started(&address, |_| {});
    assert!(all.samples(trace(u64::MAX)));
}

const WAIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn spans_and_lines_arrive_and_name_each_other() {
    let (address, posts) = collector(&[]);
    let telemetry = started(&address, |_| {});
    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let span = span(&telemetry, Some(caller));
    let context = span.context;
    let subscriber = tracing_subscriber::registry().with(telemetry.log_layer());
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!(target: "hyper::x", "this is of the sending itself");
    });
    let subscriber = tracing_subscriber::registry().with(telemetry.log_layer());
    let _default = tracing::subscriber::set_default(subscriber);
    let ((), notes) = crate::within(context, async {
        tracing::warn!(target: "steward", key = 7, "a line");
        crate::note("steward.version", || "1.0.0".into());
    })
    .await;
    assert_eq!(notes, [("steward.version", "1.0.0".to_owned())]);
    crate::note("nobody's", || unreachable!());
    telemetry.span(span);
    telemetry.flush(WAIT).await;

    let (path, key, traces) = posts.recv_timeout(WAIT).unwrap();
    assert_eq!((path.as_str(), key.as_str()), ("/v1/traces", "k"));
    let resource = &traces["resourceSpans"][0]["resource"]["attributes"];
    assert_eq!(resource[0]["value"]["stringValue"], "test");
    let told = &traces["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(told["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(told["parentSpanId"], "b7ad6b7169203331");
    assert_eq!(told["startTimeUnixNano"], "1000000000");
    assert_eq!(
        (&told["kind"], &told["status"]["code"]),
        (&2.into(), &2.into())
    );
    assert_eq!(told["attributes"][0]["key"], "steward.tenant");

    let (path, _, logs) = posts.recv_timeout(WAIT).unwrap();
    assert_eq!(path, "/v1/logs");
    let records = logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
        .as_array()
        .unwrap();
    assert_eq!(records.len(), 1, "{logs}");
    assert_eq!(records[0]["body"]["stringValue"], "a line");
    assert_eq!(records[0]["severityNumber"], 13);
    assert_eq!(
        (&records[0]["traceId"], &records[0]["spanId"]),
        (&told["traceId"], &told["spanId"])
    );
    assert_eq!(
        telemetry.counts(),
        Counts {
            sent: 2,
            dropped: 0,
            failed: 0
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_busy_is_asked_once_more() {
    let (address, posts) = collector(&[503]);
    let telemetry = started(&address, |_| {});
    telemetry.span(span(&telemetry, None));
    telemetry.flush(WAIT).await;
    assert_eq!(
        posts.recv_timeout(WAIT).unwrap().2,
        posts.recv_timeout(WAIT).unwrap().2
    );
    assert_eq!(
        telemetry.counts(),
        Counts {
            sent: 1,
            dropped: 0,
            failed: 0
        }
    );
    // One that refuses is not asked again.
    let (address, _posts) = collector(&[400]);
    let telemetry = started(&address, |_| {});
    telemetry.span(span(&telemetry, None));
    telemetry.flush(WAIT).await;
    assert_eq!(
        telemetry.counts(),
        Counts {
            sent: 0,
            dropped: 0,
            failed: 1
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_room_is_dropped_at_once_and_counted() {
    // A collector that accepts and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let telemetry = started(&address, |config| config.batch = 1);
    let begun = std::time::Instant::now();
    for _ in 0..1000 {
        telemetry.span(span(&telemetry, None));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "handing in waits for nobody"
    );
    let counts = telemetry.counts();
    assert_eq!((counts.sent, counts.failed), (0, 0));
    // The queue holds 8, and the task may have taken one or a few out of it.
    assert!((900..=992).contains(&counts.dropped), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sampled_is_not_told() {
    let (address, _posts) = collector(&[]);
    let telemetry = started(&address, |config| config.ratio = 0.0);
    telemetry.span(span(&telemetry, None));
    telemetry.span(span(
        &telemetry,
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),
    ));
    telemetry.flush(WAIT).await;
    assert_eq!(telemetry.counts(), Counts::default());
    // The caller's word counts, whatever the share of one's own.
    telemetry.span(span(
        &telemetry,
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ));
    telemetry.flush(WAIT).await;
    assert_eq!(telemetry.counts().sent, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_reported_every_interval() {
    let (address, posts) = collector(&[]);
    let telemetry = started(&address, |_| {});
    telemetry.report(|| Some("# TYPE a counter\na_total 7\n".to_owned()));
    for _ in 0..2 {
        let (path, _, metrics) = posts.recv_timeout(WAIT).unwrap();
        assert_eq!(path, "/v1/metrics");
        let metric = &metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0];
        assert_eq!(metric["name"], "a");
        assert_eq!(metric["sum"]["dataPoints"][0]["asDouble"], 7.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_figures_are_reported_when_all_is_sent() {
    let (address, posts) = collector(&[]);
    let telemetry = started(&address, |config| {
        config.interval = Duration::from_secs(600)
    });
    telemetry.report(|| Some("# TYPE a counter\na_total 7\n".to_owned()));
    telemetry.flush(WAIT).await;
    assert_eq!(posts.recv_timeout(WAIT).unwrap().0, "/v1/metrics");
}

fn logged(telemetry: &Telemetry, message: &str) {
    let fields = std::collections::BTreeMap::from([("row".to_owned(), "7".to_owned())]);
    telemetry.function_line(&FunctionLine {
        level: "warn",
        tenant: "acme",
        function: "trim",
        invocation: "01J",
        message,
        fields: &fields,
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_functions_are_told_where_that_is_asked_for() {
    let (address, posts) = collector(&[]);
    let silent = started(&address, |config| config.function_logs = false);
    assert!(!silent.tells_function_lines());
    logged(&silent, "not told");
    silent.flush(WAIT).await;
    assert_eq!(silent.counts(), Counts::default());

    let telemetry = started(&address, |_| {});
    assert!(telemetry.tells_function_lines());
    let (context, _) = telemetry.begin(None);
    crate::under(context, async { logged(&telemetry, "a line") }).await;
    telemetry.flush(WAIT).await;
    let (path, _, logs) = posts.recv_timeout(WAIT).unwrap();
    assert_eq!(path, "/v1/logs");
    let record = &logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["body"]["stringValue"], "a line");
    assert_eq!(
        (&record["severityNumber"], &record["severityText"]),
        (&13.into(), &"WARN".into())
    );
    assert_eq!(record["spanId"], hex::encode(context.span));
    let named: Vec<_> = record["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["key"].as_str().unwrap())
        .collect();
    assert_eq!(
        named,
        ["steward.tenant", "faas.name", "faas.invocation_id", "row"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_lines_of_functions_leaves_room_for_the_spans() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let telemetry = started(&address, |config| config.batch = 1);
    // The first one is with the collector, which does not answer; the others wait.
    telemetry.span(span(&telemetry, None));
    while telemetry.0.queue.capacity() < telemetry.0.queue.max_capacity() {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        logged(&telemetry, "again");
    }
    assert_eq!(telemetry.counts().dropped, 96);
    for _ in 0..4 {
        telemetry.span(span(&telemetry, None));
    }
    assert_eq!(telemetry.counts().dropped, 96);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_below_a_span_is_of_its_trace() {
    let (address, posts) = collector(&[]);
    let telemetry = started(&address, |_| {});
    assert_eq!(telemetry.begin_below().1, None);
    let (above, _) = telemetry.begin(None);
    let (below, parent) = crate::under(above, async { telemetry.begin_below() }).await;
    assert_eq!((parent, below.trace), (Some(above), above.trace));
    assert_ne!(below.span, above.span);

    let mut told = span(&telemetry, None);
    told.attributes = vec![
        ("a", u64::MAX.into()),
        ("b", true.into()),
        ("c", 7u64.into()),
    ];
    telemetry.span(told);
    telemetry.flush(WAIT).await;
    let (_, _, traces) = posts.recv_timeout(WAIT).unwrap();
    let attributes = &traces["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"];
    assert_eq!(attributes[0]["value"]["intValue"], i64::MAX.to_string());
    assert_eq!(attributes[1]["value"]["boolValue"], true);
    assert_eq!(attributes[2]["value"]["intValue"], "7");
}
