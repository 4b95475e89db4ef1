//! The plugins for Jira without the sandbox: what they take, what they ask, and what they make of Jira's answers.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::rc::Rc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;
use steward_jira::issue::Issue;
use steward_jira::text::document;
use steward_jira::webhook::{Settings, is_key, take, verify};
use steward_sdk::http::Response;
use steward_sdk::testing::{CallError, Host, call_step};

/// The example of Atlassian's documentation ("Secure admin webhooks").
#[test]
fn atlassians_own_example_is_taken() {
    let (secret, body) = (b"It's a Secret to Everybody", b"Hello World!");
    let signature = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
    assert!(verify(secret, signature, body));
    assert!(!verify(secret, signature, b"Hello World"));
    assert!(!verify(b"other", signature, body));
    assert!(!verify(b"", signature, body));
    assert!(!verify(secret, &signature.replace("sha256=", ""), body));
    assert!(!verify(secret, "sha256=", body));
}

fn signed(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

const CREATED: &str = r#"{"timestamp":1525698237764,"webhookEvent":"jira:issue_created","issue":{"id":"99291","key":"JRA-20002","fields":{"summary":"退款"}}}"#;

#[test]
fn a_signed_webhook_becomes_an_event_about_its_issue() {
    let settings = Settings { secret: Some(b"s3cret"), unsigned: false };
    let taken = take(settings, Some(&signed(CREATED.as_bytes())), CREATED.as_bytes()).unwrap();
    assert_eq!(taken.event_type, "com.atlassian.jira.issue.created");
    assert_eq!((taken.subject.as_deref(), taken.time, taken.signed), (Some("JRA-20002"), Some(1_525_698_237_764_000), true));
    assert_eq!(taken.data["issue"]["fields"]["summary"], "退款");
    let again = take(settings, Some(&signed(CREATED.as_bytes())), CREATED.as_bytes()).unwrap();
    assert_eq!(taken.id, again.id);
}

#[test]
fn what_is_not_signed_is_taken_only_where_that_is_wanted() {
    let (body, right) = (CREATED.as_bytes(), signed(CREATED.as_bytes()));
    let status = |secret: Option<&'static [u8]>, unsigned, signature: Option<&str>, body: &[u8]| {
        take(Settings { secret, unsigned }, signature, body).map(|t| t.signed).map_err(|r| r.status)
    };
    let secret = Some(b"s3cret".as_slice());
    assert_eq!(status(secret, false, None, body), Err(401));
    assert_eq!(status(None, false, None, body), Err(401));
    assert_eq!(status(None, true, None, body), Ok(false));
    // A signature is checked in any case: a wrong one is no missing one.
    assert_eq!(status(secret, true, Some("sha256=00"), body), Err(401));
    assert_eq!(status(None, true, Some(&right), body), Err(401));
    assert_eq!(status(secret, true, Some(&right), b"{}"), Err(401));
    assert_eq!(status(None, true, None, b"[]"), Err(400));
    for event in ["", "Issue", "jira:", "a__b", "a.b", &"a".repeat(61)] {
        let body = json!({"webhookEvent": event}).to_string();
        assert_eq!(status(None, true, None, body.as_bytes()), Err(400), "{event}");
    }
}

#[test]
fn a_key_is_a_key() {
    for key in ["A-1", "SHOP-7", "A_2-123456789012"] {
        assert!(is_key(key), "{key}");
    }
    for key in ["", "-1", "a-1", "A-", "A-1/../x", "1A-1", "A-1 ", "Ä-1"] {
        assert!(!is_key(key), "{key}");
    }
}

proptest! {
    /// Whatever comes is taken or refused.
    #[test]
    fn nothing_panics(body in ".{0,200}", signature in proptest::option::of(".{0,80}")) {
        let settings = Settings { secret: Some(b"s3cret"), unsigned: true };
        let _ = take(settings, signature.as_deref(), body.as_bytes());
        let _ = document(&body);
    }
}

type Sent = Vec<(String, Value)>;

/// Calls the step; the stand-in answers each request in turn. What was sent comes with the answer.
fn ask(answers: Vec<Response>, payload: &Value) -> (Result<Value, CallError>, Sent) {
    let (sent, left) = (Rc::new(RefCell::new(Vec::new())), RefCell::new(answers.into_iter()));
    let seen = Rc::clone(&sent);
    let host = Host::new()
        .config("site_url", "https://acme.atlassian.net/")
        .secret("jira-token", "fred@example.com:freds_api_token\n")
        .http(move |request| {
            // The value of Atlassian's documentation ("Basic auth for REST APIs").
            let basic = "Basic ZnJlZEBleGFtcGxlLmNvbTpmcmVkc19hcGlfdG9rZW4=";
            assert!(request.headers.contains(&("authorization".into(), basic.into())), "{:?}", request.headers);
            let path = request.url.strip_prefix("https://acme.atlassian.net/rest/api/3/").unwrap();
            let body = serde_json::from_slice(&request.body).unwrap_or_default();
            seen.borrow_mut().push((format!("{} {path}", request.method), body));
            Ok(left.borrow_mut().next().expect("an answer is left"))
        })
        .enter();
    let result = call_step::<Issue>(None, payload);
    drop(host);
    let sent = sent.borrow().clone();
    (result, sent)
}

fn json_answer(status: u16, body: Value) -> Response {
    Response::new(status, body.to_string())
}

#[test]
fn an_issue_is_created_with_a_document_and_a_mark() {
    let payload = json!({
        "action": "create", "project": "SHOP", "issue_type": "Task", "summary": "s", "description": "一\n\n二",
        "labels": ["feedback"], "fields": {"priority": {"name": "High"}},
    });
    let (result, sent) = ask(vec![json_answer(201, json!({"id": "10000", "key": "SHOP-24", "self": "x"}))], &payload);
    assert_eq!(result.unwrap(), json!({"key": "SHOP-24", "id": "10000"}));
    let (path, body) = &sent[0];
    assert_eq!(path, "POST issue");
    let fields = &body["fields"];
    assert_eq!((&fields["project"]["key"], &fields["priority"]["name"]), (&json!("SHOP"), &json!("High")));
    assert_eq!(fields["description"]["content"].as_array().unwrap().len(), 3);
    let labels = fields["labels"].as_array().unwrap();
    assert!(labels[0] == "feedback" && labels[1].as_str().unwrap().starts_with("steward-"), "{labels:?}");
}

#[test]
fn an_issue_moves_by_the_name_of_the_transition_or_of_where_it_leads() {
    let offered = || json_answer(200, json!({"transitions": [
        {"id": "4", "name": "Start", "to": {"name": "In Progress"}}, {"id": "5", "name": "Close", "to": {"name": "Done"}},
    ]}));
    for to in ["close", "Done"] {
        let payload = json!({"action": "transition", "issue": "SHOP-7", "to": to});
        let (result, sent) = ask(vec![offered(), Response::new(204, "")], &payload);
        assert_eq!(result.unwrap(), json!({"key": "SHOP-7", "status": "Done"}));
        assert_eq!(sent[1], ("POST issue/SHOP-7/transitions".into(), json!({"transition": {"id": "5"}})));
    }
    let status = |name: &str| json_answer(200, json!({"fields": {"status": {"name": name}}}));
    let payload = json!({"action": "transition", "issue": "SHOP-7", "to": "Archive"});
    let (there, _) = ask(vec![offered(), status("Archive")], &payload);
    assert_eq!(there.unwrap()["status"], "Archive");
    let (refused, _) = ask(vec![offered(), status("Open")], &payload);
    let refused = refused.unwrap_err();
    assert_eq!(refused.code, "invalid-input");
    assert!(refused.message.ends_with("Start, Close"), "{refused}");
}

#[test]
fn a_comment_is_made_and_a_path_is_no_key() {
    let payload = json!({"action": "comment", "issue": "SHOP-7", "text": "done"});
    let (result, sent) = ask(vec![json_answer(201, json!({"id": "10001"}))], &payload);
    assert_eq!(result.unwrap(), json!({"key": "SHOP-7", "id": "10001"}));
    assert_eq!(sent[0].1["body"]["content"][0]["content"][0]["text"], "done");
    let (refused, sent) = ask(vec![], &json!({"action": "comment", "issue": "SHOP-7/../..", "text": "x"}));
    assert_eq!((refused.unwrap_err().code.as_str(), sent.len()), ("invalid-input", 0));
}

#[test]
fn a_search_follows_the_token_of_the_next_page_and_comes_to_an_end() {
    let page = |keys: &[&str], next: Option<&str>| {
        let issues: Vec<Value> = keys.iter().map(|key| json!({"key": key, "id": "1", "fields": {}, "expand": "x"})).collect();
        json_answer(200, json!({"issues": issues, "nextPageToken": next, "isLast": next.is_none()}))
    };
    let payload = json!({"action": "search", "jql": "project = SHOP", "limit": 3});
    let (result, sent) = ask(vec![page(&["A-1", "A-2"], Some("t1")), page(&["A-3"], None)], &payload);
    let found = result.unwrap();
    assert_eq!((found["issues"].as_array().unwrap().len(), &found["complete"]), (3, &json!(true)));
    assert_eq!(found["issues"][0], json!({"key": "A-1", "id": "1", "fields": {}}));
    assert_eq!((sent[0].0.as_str(), &sent[0].1["nextPageToken"]), ("POST search/jql", &Value::Null));
    assert_eq!((&sent[1].1["nextPageToken"], &sent[1].1["maxResults"]), (&json!("t1"), &json!(1)));
    let (cut, _) = ask(vec![page(&["A-1", "A-2", "A-3", "A-4"], Some("t1"))], &payload);
    let cut = cut.unwrap();
    assert_eq!((cut["issues"].as_array().unwrap().len(), &cut["complete"]), (3, &json!(false)));
    // A page that names itself, and one without issues.
    for second in [page(&["A-2"], Some("t1")), page(&[], Some("t2"))] {
        let (stuck, sent) = ask(vec![page(&["A-1"], Some("t1")), second], &payload);
        assert_eq!((&stuck.unwrap()["complete"], sent.len()), (&json!(false), 2));
    }
}

#[test]
fn what_jira_says_becomes_the_right_error() {
    let payload = json!({"action": "comment", "issue": "SHOP-7", "text": "x"});
    let refused = json!({"errorMessages": ["no"], "errors": {"summary": "too long"}});
    for (answer, code) in [
        (Response::new(429, "").with("Retry-After", "5"), "retryable"),
        (Response::new(503, "<html>"), "retryable"),
        (json_answer(401, json!({})), "invalid-config"),
        (json_answer(403, json!({})), "invalid-config"),
        (json_answer(400, refused), "invalid-input"),
        (json_answer(404, json!({})), "invalid-input"),
        (Response::new(302, ""), "other"),
        (Response::new(200, "<html>"), "other"),
    ] {
        let (result, _) = ask(vec![answer.clone()], &payload);
        let error = result.unwrap_err();
        assert_eq!(error.code, code, "{answer:?} {error}");
        assert!(!error.message.contains("freds_api_token"));
        if answer.status == 400 {
            assert!(error.message.ends_with("no; summary: too long"), "{error}");
        }
    }
}

#[test]
fn a_site_and_an_account_must_be_set() {
    let payload = json!({"action": "comment", "issue": "SHOP-7", "text": "x"});
    for (url, token) in [("", "a:b"), ("https://acme.atlassian.net", "only-a-token")] {
        let _host = Host::new().config("site_url", url).secret("jira-token", token).enter();
        assert_eq!(call_step::<Issue>(None, &payload).unwrap_err().code, "invalid-config");
    }
}
