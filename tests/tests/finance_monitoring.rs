//! The example `examples/finance-monitoring` as a person runs it, by its one command, on the real binary with a stand-in of Slack.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use serde_json::{Value, json};
use steward_tests::services::{HttpStandIn, Reply};
use steward_tests::{Server, built, home, root, steward, until};

/// The first spike of each kind (volume, tone, both) lies within so many days.
const DAYS: usize = 9;

fn example(server: &Server, out: &std::path::Path) -> Output {
    let nowhere = out.join("no-profile");
    Command::new(root().join("examples/finance-monitoring/run"))
        .env("STEWARD", steward())
        .env("STEWARD_URL", &server.url)
        .env("STEWARD_KEY", server.key())
        .env("STEWARD_PROFILE", nowhere)
        .env("STEWARD_HOME", home())
        .env("DAYS", DAYS.to_string())
        .env("OUT", out)
        .env_remove("SLACK_TOKEN")
        .env_remove("SEED")
        .output()
        .expect("the script runs")
}

#[track_caller]
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{wrong}");
    text
}

fn alerts(server: &Server) -> Vec<Value> {
    let path = "/api/v1/events?type=com.example.finance.alert&limit=100";
    server.get(path).ok()["events"].as_array().unwrap().clone()
}

/// The step that posts to Slack, whose host is the stand-in.
fn slack_message(server: &Server, slack: &HttpStandIn) {
    let manifest = root().join("plugins/slack/message/steward.toml");
    let manifest = std::fs::read_to_string(manifest)
        .unwrap()
        .replace("https://slack.com", &slack.origin());
    let component = built("plugins/slack/message/target/slack-message.wasm");
    server
        .publish(&manifest, std::fs::read(component).unwrap())
        .ok();
    server
        .put("/api/v1/secrets/slack-token", &json!({ "value": "xoxb-1" }))
        .ok();
    let grants = json!({ "grants": { "http": [slack.origin()], "secrets": ["slack-token"] } });
    server
        .deploy("slack-message", "slack-message", "0.1.0", grants)
        .ok();
}

#[test]
fn every_spike_of_the_stream_is_told_in_slack_and_less_than_one_alert_a_day_is_false() {
    built("examples/finance-monitoring/alerts/target/finance-alerts.wasm");
    let data = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let server = Server::start_on(data.path(), &["--egress-allow", "127.0.0.1"]);
    // Busy at first: a message that Slack does not take is sent again.
    let slack = HttpStandIn::start(|_, before| match before {
        0 => Reply::new(429, "").with("Retry-After", "1"),
        n => Reply::new(
            200,
            json!({ "ok": true, "channel": "C1", "ts": format!("15.{n:06}") }),
        ),
    });
    slack_message(&server, &slack);

    let text = said(&example(&server, out.path()));
    assert!(text.contains("Three commands to try next"), "{text}");
    let told: Value =
        serde_json::from_str(&std::fs::read_to_string(out.path().join("evaluation.json")).unwrap())
            .unwrap();
    println!("{text}");
    assert!(told["spikes"].as_u64() >= Some(3), "{told}");
    assert_eq!(told["found"], told["spikes"], "{text}");
    assert!(told["false_alerts_a_day"].as_f64().unwrap() < 1.0, "{text}");

    // How often the tone is right, as the page of the example says it: of patterns that the classifier never saw.
    let tone: Value =
        serde_json::from_str(&std::fs::read_to_string(out.path().join("tone.json")).unwrap())
            .unwrap();
    assert_eq!(tone["report"]["rows"], 288);
    for (lang, wanted) in [("en", 0.93), ("zh", 0.74)] {
        let found = &tone["report"]["metrics"][format!("accuracy[lang={lang}]")];
        let apart = (found.as_f64().unwrap() - wanted).abs();
        assert!(apart < 0.025, "{lang}: {found} is not {wanted}");
    }

    // Each alert says what came, what was expected, and by what; and was posted once, but for the one that was refused.
    let found = alerts(&server);
    assert_eq!(Some(found.len() as u64), told["alerts"].as_u64());
    for alert in &found {
        let data = &alert["data"];
        let text = data["text"]["zh"].as_str().unwrap();
        assert!(
            text.contains("预期") && data["drivers"][0]["text"].is_string(),
            "{data}"
        );
        assert!(
            data["low"].as_f64() <= data["expected"].as_f64()
                && data["expected"].as_f64() <= data["high"].as_f64(),
            "{data}"
        );
    }
    let ended = || {
        let runs = server
            .get("/api/v1/runs?workflow=finance-monitoring&limit=100")
            .ok();
        let runs = runs.as_array().unwrap().clone();
        (runs.len() == DAYS && runs.iter().all(|run| run["status"] == "completed")).then_some(runs)
    };
    until("one run for each day", ended);
    let came = slack.received();
    assert_eq!(came.len(), found.len() + 1);
    let (refused, posted) = (came[0].json(), came[1].json());
    assert_eq!(refused["text"], posted["text"]);
    let messages: std::collections::BTreeSet<String> =
        came.iter().map(|m| m.json()["text"].to_string()).collect();
    assert_eq!(messages.len(), found.len());
    assert!(
        posted["channel"] == "#alerts" && posted["text"].as_str().unwrap().contains("Robust z"),
        "{posted}"
    );

    // The same again: nothing is trained, streamed, counted or told a second time.
    let again = said(&example(&server, out.path()));
    assert!(
        again.contains("trained already") && again.contains("0 of them new"),
        "{again}"
    );
    assert_eq!(
        (alerts(&server).len(), slack.received().len()),
        (found.len(), came.len())
    );
}
