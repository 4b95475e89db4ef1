//! A team on a real server: reviews from goals to a signature, scorecards, who may read what, what is erased.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use serde_json::{Value, json};
use steward_tests::guest::{component, manifest};
use steward_tests::services::{HttpStandIn, Reply};
use steward_tests::{Answer, Server, built, root, until_answer, until_within};

/// A person of the team: an id and the key by which they come.
struct Key(String);

/// A server with our plugin deployed, `lee` who leads `ann` and `bo`, each with a key of the role `invoker`, and the cycle
/// `h1`.
struct Team {
    server: Server,
    ann: Key,
    bo: Key,
    lee: Key,
}

impl Team {
    fn start() -> Self {
        Self::on(Server::start())
    }

    fn on(server: Server) -> Self {
        server.publish_first_party("team");
        server.deploy("team", "team", "0.1.0", json!({})).ok();
        let person = |id: &str, lead: Option<&str>| {
            let made = server
                .post("/api/v1/keys", &json!({ "name": id, "role": "invoker" }))
                .ok();
            let key = made["key"].as_str().unwrap().to_owned();
            // `stw_<id>_<secret>`
            let principal = key.split('_').nth(1).unwrap();
            let body =
                json!({ "name": id, "team": "search", "lead": lead, "principal": principal });
            server.put(&format!("/api/v1/team/people/{id}"), &body).ok();
            Key(key)
        };
        let lee = person("lee", None);
        let ann = person("ann", Some("lee"));
        let bo = person("bo", Some("lee"));
        let team = Self {
            server,
            ann,
            bo,
            lee,
        };
        team.server
            .put("/api/v1/team/cycles/h1", &cycle(Value::Null))
            .ok();
        // A key is known to the server within a second of its making.
        for key in [&team.ann, &team.bo, &team.lee] {
            until_answer(
                "the key is known",
                || team.get(key, "people"),
                |answer| answer.status == 200,
            );
        }
        team
    }

    fn ask(&self, key: &Key, method: &str, path: &str, body: Option<Value>) -> Answer {
        let path = format!("/api/v1/team/{path}");
        let request = self.server.request_as(Some(&key.0), method, &path);
        self.server.send(match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string()),
            None => request,
        })
    }

    fn get(&self, key: &Key, path: &str) -> Answer {
        self.ask(key, "GET", path, None)
    }

    /// Everybody has rated ann, who has a goal with evidence: the formula gives 3.85 of 5.
    fn rated(&self) {
        let goal = json!({ "goals": [{
            "title": "更快的搜索", "weight": 1,
            "key_results": [{ "title": "p95", "weight": 1, "begin": 90, "target": 40, "current": 50 }],
            "evidence": [{ "source": "https://example.com/p95", "summary": "before and after" }],
        }]});
        self.ask(&self.ann, "PUT", "cycles/h1/reviews/ann/goals", Some(goal))
            .ok();
        for (key, craft, care) in [(&self.ann, 5, 5), (&self.bo, 4, 3), (&self.lee, 3, 4)] {
            self.ask(
                key,
                "PUT",
                "cycles/h1/reviews/ann/input",
                Some(rate(craft, care)),
            )
            .ok();
        }
    }

    fn evaluated(&self, key: &Key) -> Value {
        self.ask(key, "POST", "cycles/h1/evaluation", Some(json!({})))
            .ok()
    }
}

fn cycle(formula: Value) -> Value {
    json!({
        "criteria": [{ "name": "craft", "weight": 0.5 }, { "name": "协作", "weight": 0.5 }],
        "scale": { "lowest": 1, "highest": 5, "step": 1 },
        "formula": formula,
    })
}

fn rate(craft: i32, care: i32) -> Value {
    json!({ "ratings": [{ "criterion": "craft", "value": craft }, { "criterion": "协作", "value": care }] })
}

fn codes(reasons: &Value) -> Vec<&str> {
    let reasons = reasons.as_array().unwrap();
    reasons
        .iter()
        .map(|reason| reason["code"].as_str().unwrap())
        .collect()
}

#[test]
fn a_review_goes_from_goals_to_a_signature() {
    let team = Team::start();
    team.rated();
    let draft = team.get(&team.lee, "cycles/h1/reviews/ann").ok();
    assert_eq!(draft["status"], "draft");
    let found = team.evaluated(&team.lee);
    let review = &found[0];
    assert_eq!(review["status"], "needs sign-off", "{found}");
    let advice = &review["evaluation"]["answer"]["advised"];
    // 0.5 · 0.8 of the goal, 0.3 · 0.625 of the lead, 0.2 · 0.625 of the peer: 0.7125 of the way from 1 to 5.
    let score = advice["score"].as_f64().unwrap();
    assert!((score - 3.85).abs() < 1e-9, "{advice}");
    assert_eq!(advice["standing"], "needs_sign_off");
    assert_eq!(advice["evidence"][0]["source"], "https://example.com/p95");
    let last = advice["reasons"].as_array().unwrap().last().unwrap();
    assert!(
        last["zh"].as_str().unwrap().contains("须由人签字"),
        "{last}"
    );
    assert!(last["en"].as_str().unwrap().contains("advice"), "{last}");

    // The person sees nothing of it yet, cannot sign for themself, and nobody signs what they have not seen.
    let own = team.get(&team.ann, "cycles/h1/reviews/ann").ok();
    assert_eq!(own["evaluation"], Value::Null);
    assert_eq!(own["inputs"], Value::Null);
    assert_eq!(own["counts"]["peer"], 1);
    let revision = review["revision"].as_u64().unwrap();
    let sign = |key: &Key, revision: u64| {
        let body = json!({ "revision": revision });
        team.ask(key, "POST", "cycles/h1/reviews/ann/sign-off", Some(body))
    };
    sign(&team.ann, revision).problem(403, "not-yours");
    sign(&team.bo, revision).problem(403, "not-yours");
    sign(&team.lee, revision - 1).problem(409, "conflict");

    // A calibration says why, is kept for good, and is advice again once it was evaluated.
    let moved = |after: f64, reason: &str| {
        let body = json!({ "revision": revision, "after": after, "reason": reason });
        team.ask(
            &team.lee,
            "POST",
            "cycles/h1/reviews/ann/calibrations",
            Some(body),
        )
    };
    moved(6.0, "x").problem(422, "invalid");
    moved(4.0, " ").problem(422, "invalid");
    moved(4.0, "与其他团队对齐").ok();
    sign(&team.lee, revision + 1).problem(409, "conflict");
    let found = team.evaluated(&team.lee);
    let advice = &found[0]["evaluation"]["answer"]["advised"];
    assert_eq!(advice["score"].as_f64(), Some(4.0));
    assert!((advice["computed"].as_f64().unwrap() - 3.85).abs() < 1e-9);
    let told = advice["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .find(|reason| reason["code"] == "calibrated")
        .unwrap();
    let told = told["en"].as_str().unwrap();
    assert!(
        told.contains("与其他团队对齐") && told.contains("calibrator-1"),
        "{told}"
    );
    let signed = sign(&team.lee, revision + 1).ok();
    assert_eq!(signed["status"], "signed");

    // It is final, and the person sees what was advised and moved, and not who said what.
    team.ask(
        &team.bo,
        "PUT",
        "cycles/h1/reviews/ann/input",
        Some(rate(1, 1)),
    )
    .problem(409, "conflict");
    let own = team.get(&team.ann, "cycles/h1/reviews/ann").ok();
    assert_eq!(
        own["evaluation"]["answer"]["advised"]["score"].as_f64(),
        Some(4.0)
    );
    assert_eq!(own["calibrations"][0]["reason"], "与其他团队对齐");
    assert_eq!(own["calibrations"][0]["by"], Value::Null);
    assert_eq!(own["inputs"], Value::Null);
    let text = own.to_string();
    assert!(
        !text.contains("\"bo\"") && !text.contains("\"lee\""),
        "{text}"
    );

    // Who did what is in the audit log, whose chain holds.
    let audit = team.server.get("/api/v1/audit?limit=200").ok().to_string();
    for action in ["team: calibrated a review", "team: signed a review"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
    let whole = team.server.get("/api/v1/audit/verification").ok();
    assert_eq!(whole["broken"], Value::Null, "{whole}");
}

#[test]
fn a_calibrated_review_is_not_stuck_where_somebody_rates_again() {
    let team = Team::start();
    team.rated();
    let post = |what: &str, body: Value| {
        let path = format!("cycles/h1/reviews/ann/{what}");
        team.ask(&team.lee, "POST", &path, Some(body))
    };
    let calibrate = |revision: u64, after: f64| {
        let body = json!({ "revision": revision, "after": after, "reason": "aligned" });
        post("calibrations", body).ok()
    };
    let revision = team.evaluated(&team.lee)[0]["revision"].as_u64().unwrap();
    calibrate(revision, 4.0);
    // The peer says more than before: what was moved is no longer what is computed.
    let better = Some(rate(5, 5));
    team.ask(&team.bo, "PUT", "cycles/h1/reviews/ann/input", better)
        .ok();
    let found = team.evaluated(&team.lee);
    assert_eq!(found[0]["status"], "needs sign-off", "{found}");
    // 0.5 · 0.8 of the goal, 0.3 · 0.625 of the lead, 0.2 of the peer: 0.7875 of the way from 1 to 5.
    let score = |found: &Value| found[0]["evaluation"]["answer"]["advised"]["score"].as_f64();
    assert!((score(&found).unwrap() - 4.15).abs() < 1e-9, "{found}");
    assert_eq!(found[0]["calibrations"][0]["revision"], revision);
    calibrate(revision + 2, 4.5);
    let found = team.evaluated(&team.lee);
    assert_eq!(score(&found), Some(4.5), "{found}");
    assert_eq!(found[0]["calibrations"].as_array().unwrap().len(), 2);
    post("sign-off", json!({ "revision": revision + 3 })).ok();
}

#[test]
fn each_person_reaches_what_they_may_and_no_more() {
    let team = Team::start();
    team.rated();
    team.evaluated(&team.lee);
    // A peer sees the goals and what they said themself.
    let seen = team.get(&team.bo, "cycles/h1/reviews/ann").ok();
    assert!(
        seen["goals"].is_array() && seen["own_input"].is_object(),
        "{seen}"
    );
    for hidden in ["inputs", "evaluation", "calibrations", "counts"] {
        assert_eq!(seen[hidden], Value::Null, "{hidden}: {seen}");
    }
    // Nobody evaluates whom they do not lead.
    assert_eq!(team.evaluated(&team.bo), json!([]));
    let of_ann = json!({ "people": ["ann"] });
    team.ask(&team.bo, "POST", "cycles/h1/evaluation", Some(of_ann))
        .problem(403, "not-yours");
    let goals = json!({ "goals": [] });
    team.ask(&team.bo, "PUT", "cycles/h1/reviews/ann/goals", Some(goals))
        .problem(403, "not-yours");
    // Who is no person of the team sees nothing of it, whatever else the key may do.
    let made = team
        .server
        .post(
            "/api/v1/keys",
            &json!({ "name": "outside", "role": "publisher" }),
        )
        .ok();
    let outside = Key(made["key"].as_str().unwrap().to_owned());
    until_answer(
        "the key is known",
        || team.get(&outside, "people"),
        |answer| answer.status == 200,
    );
    assert_eq!(team.get(&outside, "people").ok(), json!([]));
    assert_eq!(team.get(&outside, "cycles").ok(), json!([]));
    assert_eq!(team.get(&outside, "cycles/h1/reviews").ok(), json!([]));
    team.get(&outside, "cycles/h1/reviews/ann")
        .problem(403, "not-yours");
    team.ask(
        &outside,
        "PUT",
        "cycles/h1/reviews/ann/input",
        Some(rate(1, 1)),
    )
    .problem(403, "not-yours");
    // What is set up and erased is for whoever manages keys.
    let body = json!({ "name": "x", "team": "x" });
    team.ask(&team.lee, "PUT", "people/eve", Some(body))
        .problem(403, "forbidden");
    team.ask(&team.lee, "DELETE", "people/ann", None)
        .problem(403, "forbidden");
    team.get(&team.lee, "erasures").problem(403, "forbidden");
    // A plugin that was told names would show them: ours gets numbers.
    let whole = team.server.get("/api/v1/team/cycles/h1/reviews/ann").ok();
    let answer = whole["evaluation"]["answer"].to_string();
    for name in ["\"bo\"", "`bo`", "\"lee\"", "`lee`"] {
        assert!(!answer.contains(name), "{name}: {answer}");
    }
    assert_eq!(whole["inputs"][1]["rater"], "bo", "human resources see who");
}

#[test]
fn what_breaks_a_rule_is_refused_where_it_is() {
    let team = Team::start();
    let put = |path: &str, body: Value| team.server.put(&format!("/api/v1/team/{path}"), &body);
    // The plugin refuses a cycle before there is one.
    let mut uneven = cycle(Value::Null);
    uneven["criteria"][0]["weight"] = json!(0.4);
    let problem = put("cycles/h2", uneven).problem(422, "guest-invalid-input");
    assert!(
        problem["detail"].as_str().unwrap().contains("sum to 0.9"),
        "{problem}"
    );
    let code = cycle(json!("__import__('os').system('x')"));
    let problem = put("cycles/h2", code).problem(422, "guest-invalid-input");
    assert!(
        problem["detail"].as_str().unwrap().contains("formula"),
        "{problem}"
    );
    let mut absent = cycle(Value::Null);
    absent["function"] = json!("absent");
    put("cycles/h2", absent).problem(404, "unknown-function");
    team.server
        .get("/api/v1/team/cycles/h2")
        .problem(404, "not-found");

    // Ratings are held against the scale when they are given.
    let input = |body: Value| team.ask(&team.bo, "PUT", "cycles/h1/reviews/ann/input", Some(body));
    let problem = input(rate(6, 3)).problem(422, "invalid");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("from 1 to 5 by 1"), "{detail}");
    let half = json!({ "ratings": [{ "criterion": "craft", "value": 3 }] });
    input(half).problem(422, "invalid");

    // A review without evidence is refused by itself; the other one is advised.
    team.rated();
    for key in [&team.ann, &team.lee] {
        team.ask(key, "PUT", "cycles/h1/reviews/bo/input", Some(rate(3, 3)))
            .ok();
    }
    let goal = json!({ "goals": [{ "title": "g", "weight": 1, "key_results": [
        { "title": "k", "weight": 1, "begin": 0, "target": 1, "current": 1 }] }] });
    team.ask(&team.bo, "PUT", "cycles/h1/reviews/bo/goals", Some(goal))
        .ok();
    let found = team.evaluated(&team.lee);
    assert_eq!(found[0]["status"], "needs sign-off");
    assert_eq!(found[1]["status"], "refused");
    let refused = &found[1]["evaluation"]["answer"]["refused"];
    assert_eq!(codes(&refused["reasons"]), ["no-evidence"]);
    assert!(
        refused["reasons"][0]["zh"]
            .as_str()
            .unwrap()
            .contains("证据")
    );
    let body = json!({ "revision": found[1]["revision"] });
    team.ask(
        &team.lee,
        "POST",
        "cycles/h1/reviews/bo/sign-off",
        Some(body),
    )
    .problem(422, "invalid");
    team.server
        .get("/api/v1/team/cycles/h1/reviews/absent")
        .problem(404, "not-found");
}

#[test]
fn candidates_are_scored_and_decided_about_by_a_person() {
    let team = Team::start();
    let stage = json!({
        "name": "screen", "raters": 2, "scale": { "lowest": 1, "highest": 5, "step": 1 },
        "criteria": [{ "name": "craft", "weight": 0.5 }, { "name": "协作", "weight": 0.5 }],
    });
    let process = json!({ "stages": [stage] });
    team.server
        .put("/api/v1/team/processes/engineer", &process)
        .ok();
    let score = |key: &Key, candidate: &str, craft: i32, care: i32| {
        let body = json!({ "stage": "screen", "scores": [
            { "criterion": "craft", "value": craft, "evidence": "the exercise" },
            { "criterion": "协作", "value": care, "evidence": "面谈记录" },
        ]});
        let path = format!("processes/engineer/candidates/{candidate}/scores");
        team.ask(key, "PUT", &path, Some(body))
    };
    score(&team.bo, "c-1", 7, 3).problem(422, "invalid");
    for (candidate, first, second) in [("c-1", (4, 3), (5, 3)), ("c-2", (2, 2), (2, 1))] {
        score(&team.bo, candidate, first.0, first.1).ok();
        score(&team.lee, candidate, second.0, second.1).ok();
    }
    // Raters see their own scores alone, so that nobody copies.
    let own = team.get(&team.bo, "processes/engineer/scores").ok();
    let own = own.as_array().unwrap();
    assert!(
        own.len() == 4 && own.iter().all(|score| score["rater"] == "bo"),
        "{own:?}"
    );
    team.ask(&team.lee, "POST", "processes/engineer/evaluation", None)
        .problem(403, "forbidden");
    let card = team
        .server
        .post("/api/v1/team/processes/engineer/evaluation", &json!({}))
        .ok();
    let first = &card["candidates"][0];
    assert_eq!(first["candidate"], "c-1");
    assert_eq!(first["stages"][0]["mean"].as_f64(), Some(3.75));
    assert_eq!(
        (&first["standing"], &first["next"]),
        (&json!("needs_sign_off"), &Value::Null)
    );
    let measures = card["agreement"][0]["measures"].as_array().unwrap();
    assert_eq!(measures.len(), 5, "{measures:?}");
    let alpha = measures[2]["number"]["value"].as_f64().unwrap();
    assert!(alpha > 0.8 && alpha < 1.0, "{alpha}");

    let decide = |reason: &str| {
        let body = json!({ "decision": "offer", "reason": reason });
        let path = "/api/v1/team/processes/engineer/candidates/c-1/sign-off";
        team.server.post(path, &body)
    };
    decide("").problem(422, "invalid");
    let decided = decide("两位评分人一致").ok();
    assert_eq!(decided["advice"]["candidate"], "c-1");
    decide("again").problem(409, "conflict");
    score(&team.bo, "c-1", 1, 1).problem(409, "conflict");

    let request = team
        .server
        .request("DELETE", "/api/v1/team/processes/engineer/candidates/c-1");
    let erased = team.server.send(request).ok();
    assert_eq!(
        (&erased["erased"]["scores"], &erased["erased"]["decisions"]),
        (&json!(4), &json!(1))
    );
    let left = team
        .server
        .get("/api/v1/team/processes/engineer/decisions")
        .ok();
    assert_eq!(left, json!([]));
}

#[test]
fn who_is_erased_leaves_a_proof_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let team = Team::on(Server::start_on(folder.path(), &[]));
    team.rated();
    team.ask(
        &team.ann,
        "PUT",
        "cycles/h1/reviews/bo/input",
        Some(rate(3, 3)),
    )
    .ok();
    let erased = team.server.cli(&["team", "person", "erase", "ann"]);
    assert_eq!(erased["erased"]["reviews"], 1);
    assert_eq!(erased["erased"]["unnamed"], 1);
    team.server
        .get("/api/v1/team/people/ann")
        .problem(404, "not-found");
    team.server
        .get("/api/v1/team/cycles/h1/reviews/ann")
        .problem(404, "not-found");
    let bo = team.server.get("/api/v1/team/cycles/h1/reviews/bo").ok();
    let rater = bo["inputs"][0]["rater"].as_str().unwrap();
    assert!(rater.starts_with("erased-"), "{bo}");
    let audit = team.server.get("/api/v1/audit?limit=50").ok().to_string();
    assert!(audit.contains("team: erased on request"), "{audit}");
    assert!(
        audit.contains("people/ann: 1 people, 1 reviews, 3 inputs"),
        "{audit}"
    );

    // What is over is erased by the host: the time is looked at when it starts, and each minute.
    let over = json!({ "name": "bo", "team": "search", "keep_until": "2026-01-01T00:00:00Z" });
    team.server.put("/api/v1/team/people/bo", &over).ok();
    let mut server = team.server;
    server.kill();
    let server = Server::start_on(folder.path(), &[]);
    until_answer(
        "bo is erased",
        || server.get("/api/v1/team/people/bo"),
        |answer| answer.status == 404,
    );
    let accounts = server.cli(&["team", "erasures"]);
    assert_eq!(accounts[0]["subject"], "people/bo");
    assert_eq!(
        (&accounts[0]["why"], &accounts[0]["by"]),
        (&json!("retention"), &json!("host"))
    );
    assert_eq!(accounts[1]["subject"], "people/ann");
    let whole = server.get("/api/v1/audit/verification").ok();
    assert_eq!(whole["broken"], Value::Null, "{whole}");
}

/// The events of a type that the host appended about `weekly`: whom each is about, and its data.
fn events(server: &Server, event_type: &str) -> Vec<(String, Value)> {
    let source = "/team/check-ins/weekly";
    let path = format!("/api/v1/events?type={event_type}&source={source}&limit=1000");
    let found = server.get(&path).ok();
    let events = found["events"].as_array().unwrap().iter();
    events
        .map(|event| {
            let subject = event["subject"].as_str().unwrap().to_owned();
            (subject, event["data"].clone())
        })
        .collect()
}

/// A server that posts to a Slack of its own, and reminds of check-ins by the workflow that ships.
fn remind(team: &Team, slack: &HttpStandIn) {
    let server = &team.server;
    let token = json!({ "value": "xoxb-1" });
    server.put("/api/v1/secrets/slack-token", &token).ok();
    let manifest = root().join("plugins/slack/message/steward.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let manifest = manifest.replace("https://slack.com", &slack.origin());
    let guest = built("plugins/slack/message/target/slack-message.wasm");
    server
        .publish(&manifest, std::fs::read(guest).unwrap())
        .ok();
    let grants = json!({ "http": [slack.origin()], "secrets": ["slack-token"] });
    let rest = json!({ "grants": grants });
    server
        .deploy("slack-message", "slack-message", "0.1.0", rest)
        .ok();
    let reminders = root().join("plugins/team/workflows/check-in-reminders.yaml");
    server.cli(&["workflow", "apply", reminders.to_str().unwrap()]);
    let (led, none) = (Some("lee"), None);
    for (id, lead, key, contact) in [
        ("lee", none, &team.lee, "U-LEE"),
        ("ann", led, &team.ann, "U-ANN"),
        ("bo", led, &team.bo, "U-BO"),
    ] {
        let principal = key.0.split('_').nth(1).unwrap();
        let body = json!({
            "name": id, "team": "search", "lead": lead, "principal": principal, "contact": contact,
        });
        server.put(&format!("/api/v1/team/people/{id}"), &body).ok();
    }
}

/// A check-in whose first date is in eight seconds, its next a day later.
fn soon() -> Value {
    let begin = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(15);
    let begin = jiff::tz::TimeZone::UTC.to_datetime(begin);
    json!({
        "who": { "team": "search" }, "questions": ["What did you finish?", "什么卡住了？"],
        "every": "P1D", "begin": begin.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        "answer_within": "PT60S", "keep_for": "P1D",
    })
}

/// An event of the log that somebody appends.
fn append(team: &Team, key: &Key, event: &Value) -> Answer {
    let request = team
        .server
        .request_as(Some(&key.0), "POST", "/api/v1/events")
        .header("content-type", "application/cloudevents+json");
    team.server.send(request.body(event.to_string()))
}

#[test]
fn check_ins_come_round_once_are_answered_and_remind_in_slack() {
    let slack = HttpStandIn::start(|request, _| {
        let answer = match request.json()["channel"] == "U-LEE" {
            true => r#"{"ok":false,"error":"channel_not_found"}"#,
            false => r#"{"ok":true,"channel":"D1","ts":"1503435956.000247"}"#,
        };
        Reply::new(200, answer)
    });
    let folder = tempfile::tempdir().unwrap();
    let options = ["--egress-allow", "127.0.0.1"];
    let mut team = Team::on(Server::start_on(folder.path(), &options));
    remind(&team, &slack);
    // To whom something was posted, and whether that was that they are overdue.
    let messages = |slack: &HttpStandIn| -> Vec<(String, bool)> {
        let came = slack.received();
        let each = came.iter().map(|post| {
            let post = post.json();
            let text = post["text"].as_str().unwrap();
            let overdue = text.contains("is overdue");
            assert!(overdue || text.contains("什么卡住了？"), "{text}");
            (post["channel"].as_str().unwrap().to_owned(), overdue)
        });
        let mut each: Vec<_> = each.collect();
        each.sort();
        each
    };
    // Whoever may call functions appends events of these types, of another source: they remind nobody.
    let forged = json!({
        "specversion": "1.0", "id": "forged", "source": "/chat", "type": "steward.team.check-in.due",
        "subject": "ann", "data": { "check_in": "weekly", "contact": "U-FORGED", "questions": ["x"] },
    });
    append(&team, &team.bo, &forged).ok();
    let file = folder.path().join("check-in.json");
    std::fs::write(&file, soon().to_string()).unwrap();
    let set = [
        "team",
        "check-in",
        "set",
        "weekly",
        "--file",
        file.to_str().unwrap(),
    ];
    let set = team.server.cli(&set);
    assert!(set["next_at"].is_string(), "{set}");
    until_answer(
        "everybody is asked",
        || events(&team.server, "steward.team.check-in.due").len(),
        |asked| *asked == 3,
    );

    // Each finds what they were asked, and human resources every check-in with whom it asks.
    let yearly = json!({ "who": { "people": ["ann"] }, "questions": ["?"], "cron": "0 0 1 1 *" });
    team.server
        .put("/api/v1/team/check-ins/yearly", &yearly)
        .ok();
    let found = team.get(&team.bo, "check-ins").ok();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found[0]["name"], "weekly");
    assert_eq!(found[0].get("who"), None, "{found}");
    let found = team.get(&team.bo, "check-ins/weekly").ok();
    assert_eq!(found.get("who"), None, "{found}");
    team.get(&team.bo, "check-ins/yearly")
        .problem(403, "not-yours");
    let all = team.server.get("/api/v1/team/check-ins").ok();
    assert_eq!(all[0]["who"], json!({ "team": "search" }));
    assert_eq!(all[1]["who"], yearly["who"]);

    // Answers are of the person; who leads them reads them, human resources see that there are some, a peer nothing.
    let own = team.server.cli_as(
        &team.ann.0,
        &[
            "team",
            "check-in",
            "answer",
            "weekly",
            "--answer",
            "新索引",
            "--answer",
            "- 无",
        ],
    );
    assert_eq!(own["answers"], json!(["新索引", "- 无"]));
    let entry = |key: &Key, person: &str| {
        let path = format!("check-ins/weekly/entries?person={person}");
        team.get(key, &path).ok()[0].clone()
    };
    assert_eq!(entry(&team.lee, "ann")["answers"][0], "新索引");
    assert_eq!(entry(&team.bo, "ann"), Value::Null);
    let path = "/api/v1/team/check-ins/weekly/entries?person=ann";
    let hr = team.server.get(path).ok()[0].clone();
    assert!(
        hr["answers"].is_null() && hr["answered_at"].is_string(),
        "{hr}"
    );
    let wrong = json!({ "answers": ["only one"] });
    team.ask(&team.bo, "PUT", "check-ins/weekly/answers", Some(wrong))
        .problem(422, "invalid");
    let nobody = json!({ "answers": ["a", "b"] });
    team.server
        .put("/api/v1/team/check-ins/weekly/answers", &nobody)
        .problem(403, "not-yours");

    // A host that ends asks nobody again, and tells who is overdue once.
    let told = until_answer(
        "all are reminded",
        || {
            let mut told = messages(&slack);
            told.retain(|(_, overdue)| !overdue);
            told
        },
        |told| told.len() >= 3,
    );
    let everybody = ["U-ANN", "U-BO", "U-LEE"];
    assert_eq!(told, everybody.map(|to| (to.to_owned(), false)));
    team.server.kill();
    team.server = Server::start_on(folder.path(), &options);
    until_within(Duration::from_secs(120), "two are overdue", || {
        let overdue = events(&team.server, "steward.team.check-in.overdue");
        (overdue.len() >= 2).then_some(())
    });
    let runs = until_within(Duration::from_secs(120), "every reminder has ended", || {
        let path = "/api/v1/runs?workflow=check-in-reminders&limit=100";
        let runs = team.server.get(path).ok().as_array().unwrap().clone();
        let ended = runs.iter().all(|run| run["status"] == "completed");
        (ended && runs.len() >= 5).then_some(runs)
    });
    // What Slack refuses ends well too, so that it is forgotten; the forged event began nothing.
    let unsent = runs.iter().filter(|run| run["output"]["sent"] == false);
    assert_eq!((runs.len(), unsent.count()), (5, 2), "{runs:#?}");
    let told = messages(&slack);
    let times = |to: &str, overdue: bool| {
        let same = told.iter().filter(|one| one.0 == to && one.1 == overdue);
        same.count()
    };
    // What was on its way when the host ended may come twice, and nothing else.
    let due = everybody.map(|to| times(to, false));
    assert!(due.iter().all(|n| (1..=2).contains(n)), "{told:?}");
    assert_eq!(everybody.map(|to| times(to, true)), [0, 1, 1], "{told:?}");
    assert_eq!(told.len(), due.iter().sum::<usize>() + 2, "{told:?}");
    let people = |event_type: &str| -> Vec<String> {
        let events = events(&team.server, event_type);
        events.into_iter().map(|(subject, _)| subject).collect()
    };
    assert_eq!(people("steward.team.check-in.due"), ["ann", "bo", "lee"]);
    assert_eq!(people("steward.team.check-in.overdue"), ["bo", "lee"]);
    assert_eq!(people("steward.team.check-in.answered"), ["ann"]);
    let log = team
        .server
        .get("/api/v1/events?limit=1000")
        .ok()
        .to_string();
    assert!(!log.contains("新索引"), "an answer is in the log");
    // Nobody else appends events of this source.
    let mut forged = forged;
    forged["source"] = json!("/team/check-ins/weekly");
    append(&team, &team.bo, &forged).problem(400, "invalid-event");

    let erased = team.server.cli(&["team", "person", "erase", "ann"]);
    assert_eq!(erased["erased"]["check_ins"], 1);
    let removed = team.server.cli(&["team", "check-in", "remove", "weekly"]);
    assert_eq!(removed["erased"]["check_ins"], 2);
    team.server
        .get("/api/v1/team/check-ins/weekly/entries")
        .problem(404, "not-found");
}

#[test]
fn a_check_in_that_never_comes_round_is_refused() {
    let team = Team::start();
    let refused = [
        ("cron", json!("0 9 * * mon"), "either `cron`"),
        ("every", json!("PT1M"), "less than days"),
        ("zone", json!("Mars/Base"), "no time zone"),
        ("answer_within", json!("soon"), "`answer_within`"),
        ("questions", json!([]), "1 to 20 questions"),
    ];
    for (field, value, says) in refused {
        let mut body = soon();
        body[field] = value;
        let answer = team.server.put("/api/v1/team/check-ins/weekly", &body);
        let problem = answer.problem(422, "invalid");
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{problem}"
        );
    }
    let own = team.ask(&team.lee, "PUT", "check-ins/weekly", Some(soon()));
    own.problem(403, "forbidden");
    assert_eq!(team.get(&team.ann, "check-ins").ok(), json!([]));
}

#[test]
fn the_commands_of_the_guide_work() {
    let team = Team::start();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, body: Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, body.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let run = |args: &[&str]| team.server.cli(&[&["team"], args].concat());
    let cycle_file = file("cycle.json", cycle(json!("0.5 * goals + 0.5 * peer")));
    run(&["cycle", "set", "h2", "--file", &cycle_file]);
    assert_eq!(run(&["cycle", "list"])[1]["name"], "h2");
    let goals = json!({ "goals": [{ "title": "g", "weight": 1, "key_results": [
        { "title": "k", "weight": 1, "begin": 0, "target": 4, "current": 1 }] }] });
    let goals = file("goals.json", goals);
    run(&["review", "goals", "h2", "ann", "--file", &goals]);
    // Who manages keys comes as a person too, and then rates as a peer.
    let me = team.server.get("/api/v1/me").ok();
    let id = me["id"].as_str().unwrap();
    run(&[
        "person",
        "set",
        "hr-1",
        "--name",
        "何",
        "--team",
        "people",
        "--principal",
        id,
    ]);
    let rate = [
        "review", "rate", "h2", "ann", "--rating", "craft=4", "--rating", "协作=2",
    ];
    let evidence = ["--evidence", "https://example.com/?pr=7=a review"];
    run(&[&rate[..], &evidence].concat());
    let found = run(&["cycle", "evaluate", "h2", "--person", "ann"]);
    let advice = &found[0]["evaluation"]["answer"]["advised"];
    // Half of a quarter and half of a half: 0.375 of the way from 1 to 5.
    assert!(
        (advice["score"].as_f64().unwrap() - 2.5).abs() < 1e-9,
        "{found}"
    );
    assert_eq!(advice["evidence"][0]["source"], "https://example.com/?pr=7");
    let revision = found[0]["revision"].to_string();
    let calibrate = ["review", "calibrate", "h2", "ann", "--revision", &revision];
    run(&[&calibrate[..], &["--after", "3", "--reason", "aligned"]].concat());
    let found = run(&["cycle", "evaluate", "h2"]);
    let revision = found[0]["revision"].to_string();
    let signed = run(&["review", "sign", "h2", "ann", "--revision", &revision]);
    assert_eq!(signed["status"], "signed");
    assert_eq!(run(&["review", "list", "h2"])[0]["status"], "signed");
    assert_eq!(run(&["person", "list"]).as_array().unwrap().len(), 4);

    let stage = json!({
        "name": "screen", "raters": 1, "scale": { "lowest": 1, "highest": 5, "step": 1 },
        "criteria": [{ "name": "craft", "weight": 1 }],
    });
    let process = file("process.json", json!({ "stages": [stage] }));
    run(&["process", "set", "p", "--file", &process]);
    let score = [
        "process",
        "score",
        "p",
        "c-1",
        "--stage",
        "screen",
        "--criterion",
        "craft",
    ];
    run(&[&score[..], &["--value", "4", "--evidence", "the exercise"]].concat());
    assert_eq!(run(&["process", "scores", "p"])[0]["rater"], "hr-1");
    assert_eq!(
        run(&["process", "evaluate", "p"])["candidates"][0]["next"],
        Value::Null
    );
    let decide = [
        "process",
        "decide",
        "p",
        "c-1",
        "--decision",
        "offer",
        "--reason",
        "craft",
    ];
    run(&decide);
    assert_eq!(run(&["process", "decisions", "p"])[0]["decision"], "offer");
    assert_eq!(
        run(&["process", "erase", "p", "c-1"])["erased"]["scores"],
        1
    );
    assert_eq!(run(&["process", "list"])[0]["name"], "p");
}

#[test]
fn flow_delivery_skills_and_check_ins_answer_over_http() {
    let team = Team::start();
    let day = 86_400_000_000_i64;
    let call = |export: &str, body: Value| {
        team.server
            .post(&format!("/f/default/team/{export}"), &body)
    };
    let event = |issue: &str, at: i64, state: &str| json!({ "issue": issue, "at": at * day, "state": state, "assignee": null });
    let flow = call("workload", json!({
        "events": [event("A-1", 0, "active"), event("A-1", 4, "done"), event("A-2", 2, "waiting")],
        "window": { "since": 0, "until": 10 * day },
    }))
    .ok();
    assert_eq!(
        (&flow["work_in_progress"], &flow["finished"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(flow["cycle_time"]["p50"].as_f64(), Some(4.0));
    let one = json!({ "deployments": [], "window": { "since": 0, "until": day }, "members": 1 });
    let problem = call("delivery", one).problem(422, "guest-invalid-input");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("never of one person"),
        "{problem}"
    );
    let circle = json!({ "members": [], "trainings": [
        { "name": "a", "skill": "s", "level": 1, "hours": 1, "requires": ["b"] },
        { "name": "b", "skill": "s", "level": 2, "hours": 1, "requires": ["a"] },
    ]});
    let problem = call("skill-gaps", circle).problem(422, "guest-invalid-input");
    assert!(
        problem["detail"].as_str().unwrap().contains("a → b → a"),
        "{problem}"
    );
    let plans = call("skill-gaps", json!({
        "members": [{
            "person": "安", "done": ["rust-1"], "held": [{ "skill": "英语", "level": 3 }],
            "wanted": [
                { "skill": "rust", "level": 2 }, { "skill": "sql", "level": 1 }, { "skill": "英语", "level": 1 },
            ],
        }],
        "trainings": [
            { "name": "rust-2", "skill": "rust", "level": 2, "hours": 10, "requires": ["rust-1"] },
            { "name": "rust-1", "skill": "rust", "level": 1, "hours": 5, "requires": [] },
            { "name": "bootcamp", "skill": "rust", "level": 2, "hours": 40, "requires": [] },
        ],
    }))
    .ok();
    let plan = &plans[0];
    assert_eq!(
        (&plan["person"], &plan["standing"]),
        (&json!("安"), &json!("needs_sign_off")),
        "{plans}"
    );
    // What is held at a higher level is no gap, and what no training teaches stays one.
    assert_eq!(
        plan["gaps"],
        json!([
            { "skill": "rust", "held": 0, "wanted": 2, "closed": true },
            { "skill": "sql", "held": 0, "wanted": 1, "closed": false },
        ])
    );
    assert_eq!(codes(&plan["reasons"]), ["no-training"]);
    // The shorter way, what is required first. Of its 15 hours 5 are done.
    let steps = plan["steps"].as_array().unwrap().iter();
    let steps: Vec<_> = steps
        .map(|step| (&step["training"], &step["done"], &step["ready"]))
        .collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(
        steps,
        [(&json!("rust-1"), &yes, &no), (&json!("rust-2"), &no, &yes)]
    );
    let progress = plan["progress"].as_f64().unwrap();
    assert!((progress - 1.0 / 3.0).abs() < 1e-9, "{plan}");
    let missed = call(
        "check-ins",
        json!({
            "schedule": { "begin": 0, "every_days": 7, "grace_days": 1 },
            "people": ["安"], "done": [], "now": 9 * day,
        }),
    )
    .ok();
    assert_eq!(missed[0]["missed"], json!([0, 7 * day]));
}

/// Issues that a tracker told the log of, and deployments; the host counts the team.
#[test]
fn flow_and_delivery_are_measured_from_the_log() {
    let team = Team::start();
    let append = |id: &str, kind: &str, time: &str, data: Value| {
        let event = json!({
            "specversion": "1.0", "id": id, "source": "/bridge", "type": format!("com.example.{kind}"),
            "time": time, "data": data,
        });
        let request = team
            .server
            .request("POST", "/api/v1/events")
            .header("content-type", "application/cloudevents+json")
            .body(event.to_string());
        team.server.send(request).ok();
    };
    let issue = |status: &str| json!({ "issue": { "key": "A-1", "fields": { "status": { "name": status } } } });
    append(
        "1",
        "issue.changed",
        "2026-01-02T00:00:00Z",
        issue("In Progress"),
    );
    append(
        "2",
        "issue.changed",
        "2026-01-04T00:00:00Z",
        issue("In Review"),
    );
    append("3", "issue.changed", "2026-01-06T00:00:00Z", issue("完成"));
    append(
        "4",
        "issue.commented",
        "2026-01-06T00:00:00Z",
        json!({ "text": "x" }),
    );
    let window = json!({ "since": "2026-01-01T00:00:00Z", "until": "2026-01-11T00:00:00Z" });
    let ask = |what: &str, more: Value| {
        let mut body = window.clone();
        let fields = body.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        team.server.post(&format!("/api/v1/team/{what}"), &body)
    };
    let jira = json!({
        "types": "com.example.issue.*", "issue": "/issue/key", "state": "/issue/fields/status/name",
        "states": { "In Progress": "active", "In Review": "waiting", "完成": "done" },
    });
    let flow = ask("flow", jira).ok();
    assert_eq!((&flow["events"], &flow["skipped"]), (&json!(4), &json!(1)));
    assert_eq!(flow["cycle_time"]["p50"].as_f64(), Some(4.0), "{flow}");
    assert_eq!(flow["flow_efficiency"].as_f64(), Some(0.5));
    let wrong = json!({ "types": "com.example.*", "state": "status" });
    ask("flow", wrong).problem(422, "invalid");

    let change = json!({ "deployment": "d-1", "changes": ["2026-01-02T00:00:00Z"] });
    append("5", "deployment.done", "2026-01-02T06:00:00Z", change);
    append(
        "6",
        "deployment.failed",
        "2026-01-02T07:00:00Z",
        json!({ "deployment": "d-1", "failed": true }),
    );
    append(
        "7",
        "deployment.restored",
        "2026-01-02T08:00:00Z",
        json!({ "deployment": "d-1", "restored": true }),
    );
    let of = |team: &str| json!({ "team": team, "types": "com.example.deployment.*" });
    let report = ask("delivery", of("search")).ok();
    assert_eq!(report["deployments"], 1);
    assert_eq!(report["lead_time"]["p50"].as_f64(), Some(6.0));
    assert_eq!(report["time_to_restore"]["p50"].as_f64(), Some(2.0));
    assert_eq!(report["change_failure_rate"]["value"].as_f64(), Some(1.0));
    // Nobody of that team: no measure of one person, and none of nobody.
    ask("delivery", of("absent")).problem(422, "guest-invalid-input");

    // Check-ins are due every week since a year that is over; one sees one's own.
    let event = json!({
        "specversion": "1.0", "id": "8", "source": "/chat", "type": "com.example.check-in",
        "subject": "ann", "time": "2025-01-08T00:00:00Z",
    });
    let request = team
        .server
        .request("POST", "/api/v1/events")
        .header("content-type", "application/cloudevents+json")
        .body(event.to_string());
    team.server.send(request).ok();
    let weekly = json!({
        "team": "search", "types": "com.example.check-in", "begin": "2025-01-01T00:00:00Z",
        "every_days": 7, "grace_days": 1,
    });
    let seen = |key: &Key| {
        let found = team
            .ask(key, "POST", "attendance", Some(weekly.clone()))
            .ok();
        let people = found.as_array().unwrap().clone();
        people
            .into_iter()
            .map(|one| {
                let missed = one["missed"].as_array().unwrap().len() as u64;
                let came = one["due"].as_u64().unwrap() - missed;
                (one["person"].as_str().unwrap().to_owned(), came)
            })
            .collect::<Vec<_>>()
    };
    let all = ["ann", "bo", "lee"].map(str::to_owned);
    let all: Vec<(String, u64)> = all.into_iter().zip([1, 0, 0]).collect();
    assert_eq!(
        seen(&team.lee),
        all,
        "a lead sees whom they lead and themself"
    );
    assert_eq!(seen(&team.bo), all[1..2]);
    let never = json!({
        "team": "search", "types": "com.example.check-in", "begin": "2025-01-01T00:00:00Z",
        "every_days": 7, "grace_days": 7,
    });
    team.ask(&team.lee, "POST", "attendance", Some(never))
        .problem(422, "guest-invalid-input");
}

/// A plugin that says nothing about a review that it was asked about. It keeps to the types, so that it is published.
const SILENT: &str = r#"(module
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    ;; Zeros from 1024 on: success, and a list of nothing.
    (func (export "steward:team/team@0.1.0#evaluate")
      (param i32 i32 i32 i32 f64 f64 f64 i32 i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "steward:team/team@0.1.0#scorecards") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "steward:team/team@0.1.0#skill-gaps") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "steward:team/team@0.1.0#workload") (param i32 i32 i64 i64) (result i32) unreachable)
    (func (export "steward:team/team@0.1.0#delivery") (param i32 i32 i64 i64 i32) (result i32) unreachable)
    (func (export "steward:team/team@0.1.0#check-ins")
      (param i64 i32 i32 i32 i32 i32 i32 i64) (result i32) unreachable))"#;

#[test]
fn a_plugin_that_answers_what_it_may_not_decides_nothing() {
    let team = Team::start();
    team.rated();
    let server = &team.server;
    let asks = manifest("silent", "0.1.0", "team", "");
    server.publish(&asks, component("team", SILENT)).ok();
    server.deploy("silent", "silent", "0.1.0", json!({})).ok();
    let mut spec = cycle(Value::Null);
    spec["function"] = json!("silent");
    server.put("/api/v1/team/cycles/h1", &spec).ok();
    let answer = team.ask(&team.lee, "POST", "cycles/h1/evaluation", Some(json!({})));
    let problem = answer.problem(502, "invalid-output");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("silent revision 1") && detail.contains("0 of 1"),
        "{detail}"
    );
    let review = team.get(&team.lee, "cycles/h1/reviews/ann").ok();
    assert_eq!(review["status"], "draft");
    // A process that it cannot bring together is not set.
    let stage = json!({
        "name": "screen", "raters": 1, "scale": { "lowest": 1, "highest": 5, "step": 1 },
        "criteria": [{ "name": "craft", "weight": 1 }],
    });
    let process = json!({ "stages": [stage], "function": "silent" });
    server
        .put("/api/v1/team/processes/p", &process)
        .problem(502, "guest-crashed");
    server
        .get("/api/v1/team/processes/p")
        .problem(404, "not-found");
}
