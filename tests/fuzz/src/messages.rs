//! What strangers send to a host that waits for messages: events, webhooks, and when and where to take them.
#![allow(clippy::unwrap_used)]

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use steward_registry::events::WebhookScheme;
use steward_triggers::paths::Pattern;
use steward_triggers::schedule::Schedule;
use steward_triggers::{cloudevents, webhook};

pub const MESSAGE_WORDS: &[&str] = &[
    "content-type: application/cloudevents+json\n",
    "content-type: application/cloudevents-batch+json\n",
    "ce-specversion: 1.0\n",
    "ce-id: ",
    "ce-type: ",
    "ce-source: ",
    "ce-time: ",
    "stripe-signature: t=",
    ",v1=",
    "x-hub-signature-256: sha256=",
    "x-slack-signature: v0=",
    "webhook-signature: v1,",
    "x-timestamp: ",
    "\n\n",
    "%",
    "%E4%BD",
    "\"specversion\":\"1.0\"",
    "\"data_base64\":",
    "\"time\":",
    "9999-12-31T23:59:60Z",
    "-9223372036854775808",
    "\"",
    "[",
    "{",
    "null",
    "\\u0000",
];

/// Lines of header fields, an empty line, a body.
pub fn messages() -> Vec<Vec<u8>> {
    let event = r#"{"specversion":"1.0","id":"e-1","source":"/shop","type":"com.example.order.paid","subject":"订单-1",
        "time":"2025-06-01T12:00:00.123+08:00","datacontenttype":"application/json","n":1,"data":{"a":[1,null]}}"#;
    let hex = "5f".repeat(32);
    vec![
        format!("content-type: application/cloudevents+json; charset=utf-8\n\n{event}"),
        format!("content-type: application/cloudevents-batch+json\n\n[{event},{event}]"),
        "content-type: text/plain\nce-specversion: 1.0\nce-id: 7\nce-source: /a%20b\nce-type: a.b\nce-subject: %E4%BD%A0\n\
         ce-time: 2025-06-01T12:00:00Z\nce-ext: x\n\nbody"
            .to_owned(),
        format!("x-signature: sha256={hex}\nx-timestamp: 1748779200\n\nbody"),
        format!("x-hub-signature-256: sha256={hex}\n\n{{}}"),
        format!("stripe-signature: t=1748779200,v1={hex},v1={hex},v0=a\n\n{{}}"),
        format!("x-slack-signature: v0={hex}\nx-slack-request-timestamp: 1748779200\n\na=b&c=d"),
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n\n".to_owned(),
        "webhook-id: msg_1\nwebhook-timestamp: 1748779200\nwebhook-signature: v1,AAAA v1a,BBBB\n\n{}".to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect()
}

/// The header fields of a message, as far as HTTP takes them, and its body.
pub fn parted(bytes: &[u8]) -> (HeaderMap, Vec<u8>) {
    let mut headers = HeaderMap::new();
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        rest = &after[1..];
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_bytes(value[1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            // More than a map of HTTP holds is left out, as the server of the host refuses it.
            let _ = headers.try_append(name, value);
        }
    }
    (headers, rest.to_vec())
}

/// An event that is taken has what the log needs of it; a signature that nobody made never holds.
pub fn read_message(bytes: &[u8]) {
    let (headers, body) = parted(bytes);
    if let Ok(events) = cloudevents::from_request(&headers, body.clone().into()) {
        for event in events {
            assert!(!event.id.is_empty() && !event.source.is_empty());
        }
    }
    let _ = cloudevents::from_json(&body);
    let now = Timestamp::from_second(1_748_779_200).unwrap();
    for scheme in [
        WebhookScheme::Generic,
        WebhookScheme::Github,
        WebhookScheme::Stripe,
        WebhookScheme::Slack,
        WebhookScheme::Standard,
    ] {
        for secret in ["a secret of the tenant", "whsec_c2VjcmV0", "whsec_!"] {
            let verified = webhook::verify(scheme, secret, 300, &headers, &body, now);
            assert!(verified.is_err(), "{scheme:?} by a forged signature");
        }
    }
    for value in headers.values().filter_map(|value| value.to_str().ok()) {
        let _ = steward_telemetry::TraceContext::parse(value);
    }
}

pub const RULE_WORDS: &[&str] = &[
    "*",
    "/",
    "-",
    ",",
    "?",
    "L",
    "#",
    "@daily",
    "MON",
    "sun",
    "JAN",
    "0",
    "59",
    "60",
    "99",
    "{",
    "}",
    "{id}",
    "..",
    "%2f",
    "//",
    " ",
    "\t",
    "Europe/Berlin",
    "2-29",
];

/// Cron expressions and paths of routes.
pub fn rules() -> Vec<Vec<u8>> {
    [
        "* * * * *",
        "30 2 * * *",
        "*/15 9-17 * * mon-fri",
        "0 0 29 2 *",
        "59 59 23 31 12 sun",
        "@hourly",
        "/",
        "/orders/{id}",
        "/files/*",
        "/a/{b}/c/*",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// The next time of a schedule is later, in every zone and at every jump of a clock.
pub fn read_rule(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(schedule) = text.parse::<Schedule>() {
        for zone in ["UTC", "Europe/Berlin", "Australia/Lord_Howe"] {
            let zone = TimeZone::get(zone).unwrap();
            for after in [1_743_296_400, 1_761_440_400, 253_402_207_200 - 60] {
                let after = Timestamp::from_second(after).unwrap();
                let next = schedule.next(after, &zone);
                assert!(next.is_none_or(|next| next > after), "{text:?}");
            }
        }
    }
    if let Ok(pattern) = text.parse::<Pattern>() {
        for path in ["", "/", "/orders/7", "/files/a/b", "/a/b/c/d", text] {
            let _ = pattern.matches(path);
        }
    }
    let _ = steward_triggers::schedule::zone(text);
}
