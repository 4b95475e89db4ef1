//! The plugins for Slack without the sandbox: what they take, what they post, and what they make of Slack's answers.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::rc::Rc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;
use steward_sdk::http::{Error as HttpError, Response};
use steward_sdk::testing::{CallError, Host, call_step};
use steward_slack::message::Post;
use steward_slack::webhook::{Headers, Outcome, Taken, take};

const SECRET: &[u8] = b"s3cret";
const NOW: u64 = 1_800_000_000;

fn signed(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(format!("v0:{NOW}:").as_bytes());
    mac.update(body);
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

fn send(content_type: &str, body: &str) -> Outcome {
    let (time, signature) = (NOW.to_string(), signed(body.as_bytes()));
    let headers = Headers {
        timestamp: Some(&time),
        signature: Some(&signature),
        content_type: Some(content_type),
    };
    take(SECRET, headers, body.as_bytes(), NOW, "in arbeit")
}

const FORM: &str = "application/x-www-form-urlencoded";

#[track_caller]
fn taken(outcome: Outcome) -> Taken {
    match outcome {
        Outcome::Append(taken) => *taken,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_slash_command_becomes_an_event_without_the_token() {
    let body = "token=gIkuvaNzQ&team_id=T0001&command=%2Fapprove&text=run-7+%E5%90%8C%E6%84%8F&user_id=U1";
    let taken = taken(send(FORM, body));
    assert_eq!((taken.event_type, taken.subject.as_deref()), ("com.slack.command", Some("/approve")));
    assert_eq!(
        taken.data,
        json!({"team_id": "T0001", "command": "/approve", "text": "run-7 同意", "user_id": "U1"})
    );
    assert_eq!(taken.answer.unwrap()["text"], "in arbeit");
}

#[test]
fn a_button_becomes_an_event_about_what_it_approves() {
    let payload = json!({
        "type": "block_actions", "token": "gIkuvaNzQ", "user": {"id": "U1"},
        "actions": [{"action_id": "approve", "block_id": "approval:run-7", "value": "yes"}],
    });
    let body: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("payload", &payload.to_string())
        .finish();
    let taken = taken(send(FORM, &body));
    assert_eq!(
        (taken.event_type, taken.subject.as_deref()),
        ("com.slack.interaction", Some("approval:run-7"))
    );
    assert_eq!((&taken.data["token"], &taken.data["actions"][0]["value"]), (&Value::Null, &json!("yes")));
    assert_eq!(taken.answer, None);
}

#[test]
fn an_event_is_known_by_its_own_id_however_often_it_comes() {
    let body = r#"{"type":"event_callback","event_id":"Ev08MFMKH6","event":{"type":"app_mention","text":"hi"}}"#;
    let first = taken(send("application/json", body));
    let again = taken(send("application/json; charset=utf-8", &format!("{body} ")));
    assert_eq!((first.id.as_str(), first.subject.as_deref()), ("event:Ev08MFMKH6", Some("app_mention")));
    assert_eq!(first.id, again.id);
    let body = r#"{"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}"#;
    let Outcome::Challenge(challenge) = send("application/json", body) else {
        panic!("the challenge is answered");
    };
    assert!(challenge.starts_with("3eZbrw1aBm2r"));
}

#[test]
fn what_is_forged_or_makes_no_sense_is_refused() {
    for (content_type, body) in [
        ("text/plain", "hello"),
        ("application/json", "{"),
        ("application/json", r#"{"type":"other"}"#),
        (FORM, "a=b"),
        (FORM, "command=approve"),
        (FORM, "payload=%7B%7D"),
        (FORM, "command=%2Fa&command=%2Fb"),
    ] {
        let refused = send(content_type, body);
        assert!(matches!(refused, Outcome::Refuse { status: 400, .. }), "{body}: {refused:?}");
    }
    let time = NOW.to_string();
    for signature in [None, Some(signed(b"other")), Some("v0=00".into())] {
        let headers = Headers {
            timestamp: Some(&time),
            signature: signature.as_deref(),
            content_type: Some(FORM),
        };
        let refused = take(SECRET, headers, b"command=%2Fapprove", NOW, "");
        assert!(matches!(refused, Outcome::Refuse { status: 401, .. }), "{refused:?}");
    }
}

proptest! {
    /// Whatever is signed is taken or refused, and what is not signed is refused.
    #[test]
    fn nothing_panics(body in ".{0,200}", json in any::<bool>()) {
        let kind = if json { "application/json" } else { FORM };
        let _ = send(kind, &body);
        let unsigned = take(SECRET, Headers { content_type: Some(kind), ..Headers::default() }, body.as_bytes(), NOW, "");
        let refused = matches!(unsigned, Outcome::Refuse { status: 401, .. });
        prop_assert!(refused);
    }
}

fn post(answer: Result<Response, HttpError>, payload: &Value) -> (Result<Value, CallError>, Vec<Value>) {
    let sent = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&sent);
    let host = Host::new()
        .config("api_url", "https://slack.com/api/")
        .secret("slack-token", "xoxb-1\n")
        .http(move |request| {
            assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://slack.com/api/chat.postMessage"));
            assert!(request.headers.contains(&("authorization".into(), "Bearer xoxb-1".into())));
            seen.borrow_mut().push(serde_json::from_slice(&request.body).unwrap());
            answer.clone()
        })
        .enter();
    let result = call_step::<Post>(None, payload);
    drop(host);
    let sent = sent.borrow().clone();
    (result, sent)
}

#[test]
fn a_message_is_posted_and_its_time_stamp_is_the_answer() {
    let answer = Response::new(200, r#"{"ok":true,"channel":"C123456","ts":"1503435956.000247","message":{}}"#);
    let payload = json!({"channel": "#alerts", "text": "警报", "blocks": [{"type": "divider"}]});
    let (result, sent) = post(Ok(answer), &payload);
    assert_eq!(result.unwrap(), json!({"channel": "C123456", "ts": "1503435956.000247"}));
    assert_eq!((&sent[0]["text"], &sent[0]["blocks"][0]["type"]), (&json!("警报"), &json!("divider")));
    assert_eq!(sent[0]["metadata"]["event_payload"]["idempotency_key"], "test");
}

#[test]
fn what_slack_says_becomes_the_right_error() {
    let payload = json!({"channel": "C1", "text": "x"});
    let said = |error: &str| Ok(Response::new(200, json!({"ok": false, "error": error}).to_string()));
    for (answer, code) in [
        (Ok(Response::new(429, "").with("Retry-After", "30")), "retryable"),
        (Ok(Response::new(503, "")), "retryable"),
        (said("ratelimited"), "retryable"),
        (Err(HttpError::Failed("gone".into())), "retryable"),
        (said("invalid_auth"), "invalid-config"),
        (Err(HttpError::Denied("https://slack.com".into())), "invalid-config"),
        (said("channel_not_found"), "invalid-input"),
        (said("something_new"), "other"),
        (Ok(Response::new(200, "<html>")), "other"),
        (Ok(Response::new(200, r#"{"ok":true}"#)), "other"),
        (Ok(Response::new(302, "")), "other"),
    ] {
        let (result, _) = post(answer.clone(), &payload);
        let error = result.unwrap_err();
        assert_eq!(error.code, code, "{answer:?} {error}");
        assert!(!error.message.contains("xoxb"), "{error}");
    }
}
