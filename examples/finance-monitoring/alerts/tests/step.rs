//! The step as a workflow calls it, on a log of events in memory.
#![allow(clippy::unwrap_used)]

use finance_alerts::Monitor;
use serde_json::{Value, json};
use steward_sdk::events::Event;
use steward_sdk::testing::{Entered, Host, call_step, step_cases};

const MANIFEST: &str = include_str!("../steward.toml");
const COMPANIES: &str = include_str!("../../data/companies.json");
const HOUR: i64 = 3_600_000_000;

/// A host whose log has headlines: at this hour behind the first, with this text.
fn host(headlines: &[(i64, &str)]) -> Entered {
    let mut host = Host::from_manifest(MANIFEST)
        .unwrap()
        .config("companies", COMPANIES);
    for types in ["com.example.finance.hour", "com.example.finance.alert"] {
        host = host.append_events(types);
    }
    for types in ["com.example.news.headline", "com.example.finance.hour"] {
        host = host.read_events(types);
    }
    for (place, (hour, text)) in headlines.iter().enumerate() {
        host = host.event(headline(place as u64 + 1, *hour, text));
    }
    host.enter()
}

fn headline(seq: u64, hour: i64, text: &str) -> Event {
    let data = match text {
        "garbage" => b"\xff{".to_vec(),
        text => json!({ "text": text }).to_string().into_bytes(),
    };
    Event {
        seq,
        id: format!("n{seq}"),
        source: "/feed".into(),
        event_type: "com.example.news.headline".into(),
        subject: None,
        time: (490_000 + hour) * HOUR + 5,
        content_type: None,
        data: Some(data),
        extensions: vec![],
    }
}

fn at(hour: i64) -> String {
    finance_alerts::hours::Hour::new(490_000 + hour)
        .unwrap()
        .to_string()
}

fn gather(until: i64) -> Value {
    call_step::<Monitor>(None, &json!({"do": "gather", "until": at(until)})).unwrap()
}

fn watch(gathered: &Value, tone: f64) -> Value {
    let headlines = gathered["headlines"].as_array().unwrap();
    let scores = json!([{"label": "positive", "score": (1.0 + tone) / 2.0}, {"label": "negative", "score": (1.0 - tone) / 2.0}]);
    let payload = json!({
        "do": "watch", "from": gathered["from"], "until": gathered["until"], "seq": gathered["seq"], "late": gathered["late"],
        "headlines": headlines, "classifications": vec![scores; headlines.len()],
    });
    call_step::<Monitor>(None, &payload).unwrap()
}

#[test]
fn every_case_answers_as_written() {
    step_cases::<Monitor>(env!("CARGO_MANIFEST_DIR"));
}

#[test]
fn hours_are_closed_once_up_to_the_watermark_and_never_behind_the_last_headline() {
    let host = host(&[
        (0, "Borealis wins"),
        (0, "ＢＯＲＥＡＬＩＳ wins!"),
        (1, "nobody"),
        (1, "garbage"),
        (2, "海港证券被罚"),
        (30, "Lantern Motors up"),
    ]);
    let first = gather(3);
    assert_eq!(
        (&first["from"], &first["until"]),
        (&json!(at(0)), &json!(at(3)))
    );
    let texts: Vec<&str> = first["headlines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| h["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        (texts, &first["others"]),
        (vec!["Borealis wins", "海港证券被罚"], &json!(3))
    );
    assert_eq!(watch(&first, 0.5)["closed"], 3);
    // Again, as after a crash: nothing new is written down.
    let events = host.events().len();
    assert_eq!(watch(&first, 0.5)["closed"], 3);
    assert_eq!(host.events().len(), events);
    // An earlier watermark, or the same: nothing is left to close.
    for earlier in [0, 3] {
        assert_eq!(gather(earlier)["from"], Value::Null);
    }
    // One in a hundred years: as far as there are headlines.
    let rest = gather(870_000);
    assert_eq!(
        (&rest["from"], &rest["until"], &rest["more"]),
        (&json!(at(3)), &json!(at(31)), &json!(false))
    );
    watch(&rest, 0.5);
    assert_eq!(gather(870_000)["from"], Value::Null);
}

#[test]
fn a_feed_that_stood_still_leaves_a_gap_and_what_is_late_is_told() {
    let _host = host(&[(0, "Borealis wins"), (500, "Borealis is back")]);
    watch(&gather(10), 0.0);
    let back = gather(600);
    assert_eq!(
        (&back["from"], &back["until"]),
        (&json!(at(500)), &json!(at(501)))
    );
    drop(_host);
    let first = [(0, "Borealis wins"), (1, "Borealis wins again")];
    let host = host(&first);
    watch(&gather(10), 0.0);
    let kept: Vec<Event> = host.events();
    drop(host);
    let mut again = Host::from_manifest(MANIFEST)
        .unwrap()
        .config("companies", COMPANIES);
    for types in ["com.example.news.headline", "com.example.finance.hour"] {
        again = again.read_events(types);
    }
    for event in kept {
        again = again.event(event);
    }
    let _again = again
        .event(headline(90, 0, "Borealis, late"))
        .event(headline(91, 3, "Borealis, in time"))
        .enter();
    let gathered = gather(10);
    assert_eq!(
        (&gathered["late"], &gathered["seq"], &gathered["from"]),
        (&json!(1), &json!(91), &json!(at(2)))
    );
}

#[test]
fn a_spike_is_told_once_with_a_message_that_slack_takes() {
    let mut stream: Vec<(i64, String)> = (0..100)
        .flat_map(|hour| (0..2).map(move |n| (hour, format!("Borealis item {hour} {n}"))))
        .collect();
    stream.extend((0..30).map(|n| (100, format!("Borealis <!channel> & more, {n}"))));
    stream.extend((0..30).map(|n| (101, format!("北辰半导体 {n}"))));
    let stream: Vec<(i64, &str)> = stream
        .iter()
        .map(|(hour, text)| (*hour, text.as_str()))
        .collect();
    let host = host(&stream);
    let mut messages = Vec::new();
    loop {
        let gathered = gather(200);
        if gathered["from"].is_null() {
            break;
        }
        messages.extend(
            watch(&gathered, 0.1)["messages"]
                .as_array()
                .unwrap()
                .clone(),
        );
    }
    let [message] = &messages[..] else {
        panic!("{messages:?}")
    };
    let text = message["text"].as_str().unwrap();
    assert_eq!(message["channel"], "#alerts");
    for part in [
        "北辰半导体（BRLS）：报道量异常",
        "Borealis Semiconductor (BRLS): unusually many",
        "30 headlines came",
        "&lt;!channel&gt; &amp; more",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let alerts: Vec<Event> = host
        .events()
        .into_iter()
        .filter(|e| e.event_type == finance_alerts::ALERT)
        .collect();
    assert_eq!(
        (alerts.len(), alerts[0].subject.as_deref()),
        (1, Some("borealis"))
    );
    let alert: Value = serde_json::from_slice(alerts[0].data.as_deref().unwrap()).unwrap();
    assert_eq!(
        (&alert["kind"], &alert["observed"], &alert["hour"]),
        (&json!("volume"), &json!(30.0), &json!(at(100)))
    );
}

#[test]
fn a_model_of_other_labels_and_tones_for_other_headlines_are_refused() {
    let _host = host(&[(0, "Borealis wins")]);
    let mut payload = json!({
        "do": "watch", "from": at(0), "until": at(1), "headlines": [{"hour": at(0), "text": "x", "companies": ["borealis"]}],
        "classifications": [[{"label": "billing", "score": 1.0}]],
    });
    let refused = |payload: &Value| call_step::<Monitor>(None, payload).unwrap_err();
    assert!(
        refused(&payload)
            .message
            .contains("`positive` and `negative`")
    );
    payload["classifications"] = json!([]);
    assert_eq!(refused(&payload).code, "invalid-input");
    payload["until"] = json!("8000-01-01T00:00:00Z");
    assert!(refused(&payload).message.contains("closed at once"));
    payload["until"] = json!("yesterday");
    assert_eq!(refused(&payload).code, "invalid-input");
}
