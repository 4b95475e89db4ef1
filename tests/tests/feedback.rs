//! Feedback on the real binary: anonymized before it is kept, understood by a plugin, and rows for training at the end.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::{Server, built, root};

/// What the plugin asks for where it shall use a model.
const WITH_MODEL: &str = "\n[requests]\ninference = [\"minilm\"]\n";

fn publish(server: &Server, requests: &str) {
    let manifest = root().join("plugins/feedback/steward.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap() + requests;
    let component = std::fs::read(built("plugins/feedback/target/feedback.wasm")).unwrap();
    server.publish(&manifest, component).ok();
}

/// A server with our anonymizer and our feedback function.
fn host() -> Server {
    let server = Server::start();
    server.publish_first_party("anonymizer");
    server
        .deploy("anonymizer", "anonymizer", "0.2.0", json!({}))
        .ok();
    publish(&server, "");
    server
        .deploy("feedback", "feedback", "0.1.0", json!({}))
        .ok();
    server
}

fn near(value: &Value, wanted: f64, within: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - wanted).abs() < within, "{value} is not {wanted}");
}

fn kept(server: &Server) -> Vec<Value> {
    let page = server.get("/api/v1/feedback?limit=1000").ok();
    page["feedback"].as_array().unwrap().clone()
}

/// The rows of a snapshot.
fn rows_of(server: &Server, snapshot: &str) -> Vec<Value> {
    let path = format!("/api/v1/datasets/{snapshot}/rows");
    let answer = server.get(&path);
    let one = answer.body.is_object().then(|| answer.body.to_string());
    // A file of one row alone is JSON, and was read as such.
    let text = one.as_deref().or(answer.body.as_str());
    let lines = text.unwrap_or_else(|| panic!("{answer:?}")).lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What all that was analysed is about first, by its id.
fn first_topics(analysed: &Value) -> BTreeMap<&str, &str> {
    let all = analysed["feedback"].as_array().unwrap().iter();
    all.filter_map(|one| {
        let topic = one["analysis"]["topics"][0]["label"].as_str()?;
        Some((one["id"].as_str()?, topic))
    })
    .collect()
}

/// Whether a text stands anywhere in a folder, whatever the file.
fn stands_in(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => stands_in(&path, text),
            false => {
                let bytes = std::fs::read(&path).unwrap_or_default();
                bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes())
            }
        }
    })
}

#[test]
fn surveys_and_experiments_answer_with_the_published_numbers() {
    let server = host();
    let ratings = [[9; 60].as_slice(), &[8; 60], &[6; 20]].concat();
    let answers: Vec<Value> = ratings
        .iter()
        .enumerate()
        .map(|(n, rating)| json!({ "respondent": format!("r{n}"), "rating": rating, "at": 0 }))
        .collect();
    let design = json!({ "metric": "nps", "twice": "last", "minimum": 30, "confidence": 0.95 });
    let survey = json!({ "design": design, "answers": answers });
    let result = server.post("/f/default/feedback/survey", &survey).ok();
    let score = &result["score"]["value"];
    near(&score["value"], 28.571, 5e-4);
    near(&score["low"], 16.979, 5e-4);
    near(&score["high"], 40.164, 5e-4);

    let arm = |name: &str, users: u64, sum: u64| json!({ "name": name, "users": users, "sum": sum, "sum_squares": null, "covariate": null, "weight": 1 });
    let design = json!({ "alpha": 0.05, "sequential_tuning": 5000, "prior": null });
    let experiment = |arms: Value| {
        let body = json!({ "design": design, "arms": arms });
        server.post("/f/default/feedback/experiment", &body)
    };
    let result = experiment(json!([arm("control", 1000, 120), arm("new", 1000, 150)])).ok();
    let new = &result["comparisons"][0];
    near(&new["absolute"]["p_value"], 0.049_560_3, 5e-8);
    near(&new["absolute"]["sequential_p_value"], 0.470_690_8, 5e-8);
    near(&new["relative"]["chance_to_win"], 0.960_294_7, 5e-8);
    let refused = experiment(json!([arm("control", 1000, 120), arm("新版", 0, 0)]));
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(
        refused.body.to_string().contains("`新版` has no users"),
        "{refused:?}"
    );
}

#[test]
fn nothing_is_kept_before_it_is_anonymized() {
    let server = host();
    let sent = json!({ "feedback": [
        { "id": "mail-1", "text": "打我电话 13800001234，或写信到 lin@example.com", "function": "feedback", "model": "answers@2.0.0",
          "prompt": "my card is 4111 1111 1111 1111", "completion": "ok", "liked": false },
        { "text": "the export is slow", "respondent": "lin@example.com" },
        { "survey": "nps", "respondent": "r-1", "rating": 9 },
        { "nothing": 1 },
    ]});
    // A field that is none is told with its place, and nothing of the request is taken.
    let refused = server.post("/api/v1/feedback", &sent);
    assert!((400..500).contains(&refused.status), "{refused:?}");
    assert!(kept(&server).is_empty());
    let mut sent = sent;
    sent["feedback"].as_array_mut().unwrap().pop();
    let taken = server.post("/api/v1/feedback", &sent).ok();
    assert_eq!(
        (&taken["added"], &taken["rejected"]),
        (&json!(2), &json!(1)),
        "{taken}"
    );
    assert!(
        taken["reasons"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("opaque name")
    );
    assert_eq!(taken["anonymizer"], "anonymizer@0.2.0");
    let all = kept(&server);
    assert_eq!(all.len(), 2);
    let first = &all[0];
    assert_eq!(
        (&first["id"], &first["model"], &first["source"]),
        (&json!("mail-1"), &json!("answers@2.0.0"), &json!("api"))
    );
    assert_eq!(first["anonymizer"]["plugin"], "anonymizer@0.2.0");
    assert!(
        first["anonymizer"]["digest"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );
    assert_eq!(all[1]["source"], "survey");
    for secret in ["13800001234", "lin@example.com", "4111 1111 1111 1111"] {
        assert!(
            !json!(all).to_string().contains(secret),
            "{secret}: {all:?}"
        );
        assert!(
            !stands_in(server.data(), secret),
            "{secret} lies on the disk"
        );
    }
    // The same id again is the same feedback.
    let again = json!({ "feedback": [{ "id": "mail-1", "text": "changed" }] });
    let again = server.post("/api/v1/feedback", &again).ok();
    assert_eq!((&again["added"], &again["present"]), (&json!(0), &json!(1)));
    assert_eq!(kept(&server)[0], *first);
}

#[test]
fn an_anonymizer_that_fails_keeps_nothing() {
    let server = host();
    let config = json!({ "config": { "min_score": "much" } });
    server.deploy("broken", "anonymizer", "0.2.0", config).ok();
    let feedback = json!([{ "text": "the export is slow" }]);
    let by = |anonymizer: &str| {
        let body = json!({ "anonymizer": anonymizer, "feedback": feedback });
        server.post("/api/v1/feedback", &body)
    };
    let refused = by("broken");
    assert!(refused.status >= 400, "{refused:?}");
    assert!(
        refused.body.to_string().contains("min_score"),
        "{refused:?}"
    );
    assert_eq!(by("nobody").status, 404);
    // A function of another world is no anonymizer.
    assert!((400..500).contains(&by("feedback").status));
    for (path, body) in [
        (
            "/api/v1/feedback/interviews",
            json!({ "anonymizer": "broken", "note": "- slow" }),
        ),
        (
            "/api/v1/feedback/imports?anonymizer=broken&format=jsonl",
            json!({ "text": "slow" }),
        ),
    ] {
        let refused = server.post(path, &body);
        assert!(refused.status >= 400, "{path}: {refused:?}");
    }
    assert!(kept(&server).is_empty());
    by("anonymizer").ok();
    assert_eq!(kept(&server).len(), 1);
}

#[test]
fn a_survey_comes_in_by_file_and_by_hand_and_has_a_number() {
    let server = host();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.csv");
    let mut rows = String::from("id,survey,respondent,rating,text,at\n");
    for n in 0..139 {
        let rating = if n < 60 {
            9
        } else if n < 120 {
            8
        } else {
            6
        };
        rows.push_str(&format!("a{n},nps-2026,r{n},{rating},还不错,{n}\n"));
    }
    rows.push_str("b1,nps-2026,r900,eleven,,1\nb2,nps-2026,,7,,1\n");
    std::fs::write(&file, rows).unwrap();
    let file = file.to_str().unwrap();
    let imported = server.cli(&["feedback", "import", file]);
    assert_eq!(
        (&imported["added"], &imported["rejected"]),
        (&json!(139), &json!(2)),
        "{imported}"
    );
    // The file again changes nothing.
    let again = server.cli(&["feedback", "import", file]);
    assert_eq!(
        (&again["added"], &again["present"]),
        (&json!(0), &json!(139))
    );
    let score = |extra: &[&str]| {
        let command = ["feedback", "score", "nps-2026", "--metric", "nps"];
        server.cli(&[&command[..], extra].concat())["result"].clone()
    };
    assert_eq!(
        score(&["--minimum", "150"])["score"],
        json!({ "too_few": 11 })
    );
    let send = |respondent: &str, rating: &str, at: &str| {
        let command = [
            "feedback",
            "send",
            "--survey",
            "nps-2026",
            "--respondent",
            respondent,
        ];
        server.cli(&[&command[..], &["--rating", rating, "--at", at]].concat());
    };
    send("r500", "6", "2026-05-01T00:00:00Z");
    let result = score(&[]);
    assert_eq!(
        (&result["answers"], &result["repeated"]),
        (&json!(140), &json!(0)),
        "{result}"
    );
    near(&result["score"]["value"]["value"], 28.571, 5e-4);
    near(&result["score"]["value"]["low"], 16.979, 5e-4);
    near(&result["score"]["value"]["high"], 40.164, 5e-4);
    // The last of a respondent's answers counts, and one outside of the scale is told by its id.
    send("r500", "10", "2026-05-02T00:00:00Z");
    send("r501", "11", "2026-05-02T00:00:00Z");
    let result = score(&[]);
    assert_eq!(
        (&result["answers"], &result["repeated"]),
        (&json!(140), &json!(1)),
        "{result}"
    );
    near(
        &result["score"]["value"]["value"],
        100.0 * (61.0 - 19.0) / 140.0,
        1e-9,
    );
    assert!(
        result["rejected"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("from 0 to 10")
    );
    assert!(result["rejected"][0]["id"].is_string());
    let first = score(&["--twice", "first"]);
    near(&first["score"]["value"]["value"], 28.571, 5e-4);
    // Who asks to be forgotten is.
    let erased = server.cli(&["feedback", "erase", "r500"]);
    assert_eq!(erased["erased"], 2);
    assert_eq!(score(&[])["answers"], 139);
    let env = [("STEWARD_URL", &*server.url), ("STEWARD_KEY", &*server.key)];
    let output = cli(&["feedback", "erase", "r500"], &env);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn a_survey_asks_by_its_rules_and_takes_answers_of_its_scale() {
    let server = host();
    let survey = |args: &[&str]| server.cli(&[&["feedback", "survey"][..], args].concat());
    let set = |name: &str, metric: &str| {
        let command = [
            "set",
            name,
            "--metric",
            metric,
            "--question",
            "您会推荐我们吗？",
        ];
        let rule = r#"{"==": [{"var": "plan"}, "paid"]}"#;
        match metric {
            "nps" => survey(&[&command[..], &["--rule", rule, "--rest", "90d"]].concat()),
            _ => survey(&command),
        }
    };
    set("export", "csat");
    let set = set("nps-2026", "nps");
    assert_eq!(
        (&set["lowest"], &set["highest"], &set["open"]),
        (&json!(0), &json!(10), &json!(true)),
        "{set}"
    );
    // Another survey asked one of them a moment ago.
    assert_eq!(survey(&["ask", "export", "r-2"])["asked"], json!(["r-2"]));
    let paid = json!({ "plan": "paid" });
    let three = json!({ "respondents": [
        { "id": "r-1", "attributes": paid }, { "id": "r-2", "attributes": paid }, { "id": "r-3", "attributes": paid },
    ]});
    let ask = "/api/v1/feedback/surveys/nps-2026/ask";
    let asked = server.post(ask, &three).ok();
    assert_eq!(
        asked,
        json!({ "asked": ["r-1", "r-3"], "skipped": { "asked_lately": 1 } })
    );
    // Nobody again, by whichever way; nobody by a name that is none, or whom the rule does not mean.
    let again = server.post(ask, &three).ok();
    assert_eq!(
        again,
        json!({ "asked": [], "skipped": { "asked_lately": 3 } })
    );
    let others = json!({ "respondents": [
        { "id": "lin@example.com", "attributes": paid }, { "id": "r-4", "attributes": { "plan": "free" } }, { "id": "r-5" },
    ]});
    let none = server.post(ask, &others).ok();
    assert_eq!(
        none,
        json!({ "asked": [], "skipped": { "no_match": 2, "personal_data": 1 } })
    );
    assert!(!stands_in(server.data(), "lin@example.com"));
    let crowd: Vec<Value> = (0..1001).map(|n| json!({ "id": n.to_string() })).collect();
    let refused = server.post(ask, &json!({ "respondents": crowd }));
    assert_eq!(refused.status, 422, "{refused:?}");

    // A rating off the scale is refused by its place; what is no survey of the host has no scale.
    let answers = json!({ "feedback": [
        { "survey": "nps-2026", "respondent": "r-3", "rating": 11 },
        { "survey": "nps-2026", "respondent": "r-1", "rating": 9 },
        { "survey": "nps-free", "respondent": "r-3", "rating": 11 },
    ]});
    let taken = server.post("/api/v1/feedback", &answers).ok();
    assert_eq!(
        (&taken["added"], &taken["rejected"]),
        (&json!(2), &json!(1)),
        "{taken}"
    );
    assert_eq!(taken["reasons"][0]["place"], 1);
    let why = taken["reasons"][0]["reason"].as_str().unwrap();
    assert!(
        why.contains("from 0 to 10") && why.contains("nps-2026"),
        "{why}"
    );
    let told = survey(&["show", "nps-2026"]);
    assert_eq!(
        (&told["asked"], &told["answered"], &told["response_rate"]),
        (&json!(2), &json!(1), &json!(0.5)),
        "{told}"
    );
    let all = survey(&["list"]);
    let rates: Vec<(&str, Option<f64>)> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["response_rate"].as_f64()))
        .collect();
    assert_eq!(rates, [("export", Some(0.0)), ("nps-2026", Some(0.5))]);

    // The plugin decides the same of what it is given.
    let person = |id: &str, asked_at: Option<i64>| json!({ "id": id, "context": paid.to_string(), "asked_at": asked_at });
    let body = json!({
        "audience": { "survey": "nps-2026", "rule": r#"{"==": [{"var": "plan"}, "paid"]}"#, "share": 1, "rest_ms": 200, "now": 1000 },
        "people": [person("r-1", None), person("r-2", Some(900)), person("r-3", Some(800))],
    });
    let words = server.post("/f/default/feedback/ask", &body).ok();
    assert_eq!(words, json!(["yes", "asked_lately", "yes"]));

    // The metric stays, an end ends the asking, and who is forgotten was not asked.
    let change = json!({ "metric": "ces", "question": "?" });
    let change = server.put("/api/v1/feedback/surveys/nps-2026", &change);
    change.problem(409, "conflict");
    let over = json!({ "metric": "nps", "question": "?", "until": "2026-01-01T00:00:00Z" });
    let over = server.put("/api/v1/feedback/surveys/nps-2026", &over).ok();
    assert_eq!(over["open"], false);
    assert_eq!(server.post(ask, &three).status, 422);
    let erased = server.cli(&["feedback", "erase", "r-1"]);
    assert_eq!(
        (&erased["erased"], &erased["asked"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(survey(&["remove", "nps-2026"])["asked"], 1);
    let gone = server.get("/api/v1/feedback/surveys/nps-2026");
    gone.problem(404, "not-found");
}

#[test]
fn an_interview_is_read_and_what_is_preferred_becomes_rows() {
    let server = host();
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("note.md");
    std::fs::write(
        &note,
        "# Interview 7\n\n- 导出太慢了\n- I would not miss the report, honestly\n",
    )
    .unwrap();
    let interview = [
        "feedback",
        "interview",
        note.to_str().unwrap(),
        "--respondent",
        "p-7",
    ];
    assert_eq!(server.cli(&interview)["added"], 2);
    let analysed = server.cli(&["feedback", "analyse"]);
    assert_eq!(analysed["texts"], 2, "{analysed}");
    assert_eq!(analysed["counts"]["language"], json!({ "en": 1, "zh": 1 }));
    // No model is granted: nobody knows, and nothing is guessed.
    assert_eq!(analysed["counts"]["sentiment"], json!({ "unknown": 2 }));

    // A call, what its answer was thought of, and the version that answered.
    server.call("feedback", &[]).ok();
    let calls = server.get("/api/v1/functions/feedback/invocations").ok();
    let invocation = calls[0]["id"].clone();
    assert!(invocation.is_string(), "{calls}");
    let judged = json!({ "feedback": [
        { "prompt": "怎么退款？", "completion": "订单页申请", "liked": true, "model": "answers@2.0.0" },
        { "prompt": "怎么退款？", "completion": "不知道", "liked": false, "model": "answers@1.0.0" },
        { "prompt": "capital of Germany", "completion": "Bonn", "correction": "Berlin", "model": "answers@2.0.0",
          "function": "feedback", "invocation": invocation },
    ]});
    server.post("/api/v1/feedback", &judged).ok();
    assert_eq!(kept(&server).last().unwrap()["function"], "feedback@0.1.0");
    let made = server.cli(&["feedback", "export", "--dataset", "preferences"]);
    assert_eq!(
        (&made["rows"], &made["snapshot"]),
        (&json!(2), &json!(1)),
        "{made}"
    );
    assert_eq!(
        made["lineage"]["feedback"]["models"],
        json!(["answers@1.0.0", "answers@2.0.0"])
    );
    assert_eq!(
        rows_of(&server, "preferences@1"),
        [
            json!({ "prompt": "怎么退款？", "chosen": "订单页申请", "rejected": "不知道" }),
            json!({ "prompt": "capital of Germany", "chosen": "Berlin", "rejected": "Bonn" }),
        ]
    );
    let unpaired = [
        "feedback",
        "export",
        "--dataset",
        "kto",
        "--format",
        "unpaired",
        "--model",
        "answers@2.0.0",
    ];
    assert_eq!(server.cli(&unpaired)["rows"], 3);

    // A row of preferences as the page of TRL shows it, field by field: lists of messages, the prompt apart.
    let judged = json!({ "feedback": [{
        "prompt": "What color is the sky?", "completion": "It is green.", "correction": "It is blue.",
        "model": "skies@1.0.0",
    }]});
    server.post("/api/v1/feedback", &judged).ok();
    let conversational = |dataset: &str, more: &[&str]| {
        let export = ["feedback", "export", "--dataset", dataset];
        let format = ["--format", "conversational"];
        let made = server.cli(&[&export[..], &format[..], more].concat());
        assert_eq!(
            made["lineage"]["feedback"]["format"], "conversational",
            "{made}"
        );
        rows_of(&server, &format!("{dataset}@1"))
    };
    assert_eq!(
        conversational("sky", &["--model", "skies@1.0.0"]),
        [json!({
            "prompt": [{ "role": "user", "content": "What color is the sky?" }],
            "chosen": [{ "role": "assistant", "content": "It is blue." }],
            "rejected": [{ "role": "assistant", "content": "It is green." }],
        })]
    );
    let all = conversational("chats", &[]);
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(
        all[0],
        json!({
            "prompt": [{ "role": "user", "content": "怎么退款？" }],
            "chosen": [{ "role": "assistant", "content": "订单页申请" }],
            "rejected": [{ "role": "assistant", "content": "不知道" }],
        })
    );
    let nothing = json!({ "output": "none", "model": "another" });
    let nothing = server.post("/api/v1/feedback/snapshots", &nothing);
    assert!(
        nothing.status == 422 || nothing.status == 400,
        "{nothing:?}"
    );
    assert_eq!(server.get("/api/v1/datasets/none").status, 404);
}

#[test]
fn a_model_that_is_granted_says_the_sentiment_and_makes_themes() {
    let server = Server::start();
    server.push_model("minilm");
    server.publish_first_party("anonymizer");
    server
        .deploy("anonymizer", "anonymizer", "0.2.0", json!({}))
        .ok();
    publish(&server, WITH_MODEL);
    let config = json!({
        "sentiment_model": "minilm",
        "sentiment_labels": json!({ "negative": "I am angry, this is terrible", "positive": "I am happy, this is wonderful" }).to_string(),
        "topic_model": "minilm",
        "topics": json!({ "refunds": "a refund, my money back", "crashes": "the app crashes" }).to_string(),
        "embedding_model": "minilm",
        "themes": "2",
    });
    let rest = json!({ "config": config, "grants": { "inference": ["minilm"] } });
    server.deploy("feedback", "feedback", "0.1.0", rest).ok();
    let refund = [
        "please refund my order",
        "I want my refund now",
        "when will the refund arrive",
        "the refund is late",
    ];
    let crash = [
        "the app crashes on start",
        "it crashes when I log in",
        "app crash after the update",
        "crashes all the time",
    ];
    let feedback: Vec<Value> = refund
        .iter()
        .chain(&crash)
        .enumerate()
        .map(|(n, text)| json!({ "id": n.to_string(), "text": text, "at": n * 1000 }))
        .collect();
    server
        .post("/api/v1/feedback", &json!({ "feedback": feedback }))
        .ok();
    let analysed = server.cli(&["feedback", "analyse", "--themes"]);
    assert!(
        analysed["counts"]["sentiment"]["unknown"].is_null(),
        "{analysed}"
    );
    assert_eq!(
        analysed["counts"]["topics"],
        json!({ "crashes": 4, "refunds": 4 }),
        "{analysed}"
    );
    let topics = first_topics(&analysed);
    assert_eq!((topics["0"], topics["7"]), ("refunds", "crashes"));
    let themes = analysed["themes"].as_array().unwrap();
    assert_eq!(themes.len(), 2, "{analysed}");
    for theme in themes {
        let mut members: Vec<&str> = theme["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_str().unwrap())
            .collect();
        members.sort_unstable();
        let (wanted, word) = if members.contains(&"0") {
            (["0", "1", "2", "3"], "refund")
        } else {
            (["4", "5", "6", "7"], "crash")
        };
        assert_eq!(members, wanted, "{theme}");
        assert!(theme["name"].as_str().unwrap().contains(word), "{theme}");
        // Refunds were all in the first half of the time, crashes in the second.
        let (before, after, direction) = match word {
            "refund" => (4, 0, "falling"),
            _ => (0, 4, "rising"),
        };
        let trend = &theme["trend"];
        assert_eq!(
            (&trend["before"], &trend["after"], &trend["direction"]),
            (&json!(before), &json!(after), &json!(direction)),
            "{theme}"
        );
        assert_eq!(
            (&trend["all_before"], &trend["all_after"]),
            (&json!(4), &json!(4))
        );
        // The pooled z of 4/4 against 0/4 is the root of 8.
        near(&trend["p_value"], 0.004_678, 1e-6);
    }

    // Who is clearly angry or clearly pleased is counted so.
    let said = [
        ("negative", "I am furious, the refund never came"),
        ("negative", "I am angry about these crashes"),
        ("negative", "what a horrible experience"),
        ("negative", "worst app ever"),
        ("positive", "I love this app"),
        ("positive", "wonderful service, I am so happy"),
        ("positive", "the refund was fast, I am delighted"),
    ];
    let feedback: Vec<Value> = said
        .iter()
        .enumerate()
        .map(|(n, (sentiment, text))| {
            json!({ "id": format!("{sentiment}-{n}"), "text": text, "at": 1_780_000_000_000_u64 })
        })
        .collect();
    server
        .post("/api/v1/feedback", &json!({ "feedback": feedback }))
        .ok();
    let analysed = server.cli(&["feedback", "analyse", "--since", "2026-01-01T00:00:00Z"]);
    assert_eq!(
        analysed["counts"]["sentiment"],
        json!({ "negative": 4, "positive": 3 }),
        "{analysed}"
    );
    for one in analysed["feedback"].as_array().unwrap() {
        let label = one["analysis"]["sentiment"]["known"]["label"]
            .as_str()
            .unwrap();
        assert!(one["id"].as_str().unwrap().starts_with(label), "{one}");
    }
}

/// The topics are those that somebody labelled: a classifier that was trained on them is the model of the topics.
#[test]
fn a_classifier_that_was_trained_here_tells_topics_in_both_languages() {
    let server = Server::start();
    server.push_model("minilm");
    server.publish_first_party("anonymizer");
    server
        .deploy("anonymizer", "anonymizer", "0.2.0", json!({}))
        .ok();
    let labelled = root().join("examples/customer-service/data/intents.jsonl");
    let labelled = std::fs::read_to_string(labelled).unwrap();
    let request = server.request("POST", "/api/v1/datasets/intents");
    server.send(request.body(labelled)).ok();
    let train = ["model", "train", "intents", "--dataset", "intents"];
    let quickly = ["--base", "minilm", "--folds", "0"];
    let trained = server.cli(&[&train[..], &quickly[..]].concat());
    assert_eq!(trained["outcome"]["model"], "intents@1.0.0", "{trained}");

    publish(&server, "\n[requests]\ninference = [\"intents\"]\n");
    let rest = json!({
        "config": { "topic_model": "intents" }, "grants": { "inference": ["intents"] },
    });
    server.deploy("feedback", "feedback", "0.1.0", rest).ok();
    let said = [
        ("payment", "my card was charged two times for one order"),
        ("invoice", "请问怎么开发票？"),
        ("human-agent", "我要转人工客服"),
    ];
    let feedback = said.map(|(topic, text)| json!({ "id": topic, "text": text }));
    let sent = json!({ "feedback": feedback });
    server.post("/api/v1/feedback", &sent).ok();
    let analysed = server.cli(&["feedback", "analyse"]);
    let topics = first_topics(&analysed);
    for (topic, _) in said {
        assert_eq!(topics[topic], topic, "{analysed}");
        let count = analysed["counts"]["topics"][topic].as_u64();
        assert!(count >= Some(1), "{analysed}");
    }
    assert_eq!(analysed["counts"]["sentiment"], json!({ "unknown": 3 }));
}
