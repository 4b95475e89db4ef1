//! The application `examples/recommendation`, as its page says to run it.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use steward_tests::{Server, built, home, root};

/// Runs the script of the example against a server; it writes into this folder.
fn run(server: &Server, out: &Path) -> String {
    let output: Output = Command::new(root().join("examples/recommendation/run"))
        .env("STEWARD_URL", &server.url)
        .env("STEWARD_KEY", &server.key)
        .env("STEWARD_HOME", home())
        .env("OUT", out)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{wrong}");
    said
}

fn ask(server: &Server, path: &str) -> Value {
    server.get(&format!("/f/default/recommender{path}")).ok()
}

fn items(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["item"].as_str().unwrap())
        .collect()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_shop_recommends_from_its_events_and_spends_a_privacy_budget() {
    built("examples/recommendation/recommender/target/recommender.wasm");
    let server = Server::start();
    let out = tempfile::tempdir().unwrap();
    let said = run(&server, out.path());
    for line in [
        "Which ranking finds it?",
        "refused: the privacy budget is spent",
        "3143 appended",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }

    // What the workflow measured. Popularity finds an eighth to a third of what was held back.
    let runs = server.get("/api/v1/runs?workflow=recommendations").ok();
    // The night's run may begin meanwhile.
    let started = runs.as_array().unwrap().iter();
    let started: Vec<&Value> = started
        .filter(|run| run["created_by"] != "schedule")
        .collect();
    let [run_of_workflow] = started[..] else {
        panic!("{runs}");
    };
    let id = run_of_workflow["id"].as_str().unwrap();
    let output = server.get(&format!("/api/v1/runs/{id}")).ok()["output"].clone();
    let quality = &output["quality"];
    let of = |name: &str, measure: &str| number(&quality["rankings"][name][measure]);
    println!("{:#}", quality["rankings"]);
    let popularity = of("popularity", "ndcg");
    assert!(popularity > 0.05, "{quality}");
    for name in ["item_knn", "als", "ranked_by_texts"] {
        assert!(of(name, "ndcg") > 1.8 * popularity, "{name}: {quality}");
        assert!(
            of(name, "recall") > 1.6 * of("popularity", "recall"),
            "{name}: {quality}"
        );
        assert!(
            of(name, "coverage") > 2.0 * of("popularity", "coverage"),
            "{name}: {quality}"
        );
    }
    // Ranked by texts, new items are shown. None of them was held back, so each place of theirs costs a little.
    assert!(
        of("ranked_by_texts", "coverage") > of("als", "coverage"),
        "{quality}"
    );
    assert!(
        of("ranked_by_texts", "ndcg") > 0.9 * of("als", "ndcg").max(of("item_knn", "ndcg")),
        "{quality}"
    );
    let new = &quality["new_customers"];
    println!("{new:#}\n{:#}", quality["new_items"]);
    assert!(
        number(&new["segment"]["recall"]) > 1.2 * number(&new["everybody"]["recall"]),
        "{new}"
    );
    assert!(
        number(&quality["new_items"]["same_category"]) > 0.7,
        "{quality}"
    );
    assert_eq!(
        output["published"],
        json!({
            "through": quality["through"], "customers": 240, "items": 104, "new_items": 8,
        })
    );

    the_numbers_are_those_of_the_page(quality);
    the_measure_is_that_of_the_feedback_plugin(&server, id, of("als", "ndcg"));
    whoever_is_known_or_not_gets_items(&server);
    the_budget_is_spent_and_refused(&server);
    what_a_workflow_asks_is_closed(&server);

    // Again: nothing is sent, made or paid twice, and who bought meanwhile gets something else.
    let before = ask(&server, "/customers/c-001?most=20");
    let own = json!({ "specversion": "1.0", "id": "one", "source": "/shop", "type": "com.example.shop.item.bought",
        "subject": items(&before)[0], "data": { "customer": "c-001", "segment": "eu" } });
    let event = server
        .request("POST", "/api/v1/events")
        .header("content-type", "application/cloudevents+json");
    server.send(event.body(own.to_string())).ok();
    let again = run(&server, out.path());
    assert!(
        again.contains("events: 0 appended") && again.contains("asked before, for nothing"),
        "{again}"
    );
    let after = ask(&server, "/customers/c-001?most=20");
    assert!(!items(&after).contains(&items(&before)[0]), "{after}");
    assert_eq!(
        server
            .cli(&[
                "privacy",
                "ledger",
                "shop-interactions",
                "--function",
                "recommender"
            ])
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        server
            .cli(&["dataset", "show", "shop-interactions"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

/// The table of the page, line by line: NDCG@10, recall@10, coverage. What another machine computes otherwise in its last digits
/// moves an item or two.
fn the_numbers_are_those_of_the_page(quality: &Value) {
    let table = [
        ("/rankings/popularity", [0.099, 0.225, 0.163]),
        ("/rankings/item_knn", [0.385, 0.667, 0.913]),
        ("/rankings/als", [0.315, 0.521, 0.923]),
        ("/rankings/ranked_by_texts", [0.362, 0.592, 1.000]),
        ("/new_customers/everybody", [0.137, 0.275, 0.115]),
        ("/new_customers/segment", [0.203, 0.379, 0.202]),
    ];
    let near = |pointer: &str, wanted: f64| {
        let found = quality.pointer(pointer).and_then(Value::as_f64);
        let found = found.unwrap_or_else(|| panic!("no {pointer} in {quality}"));
        assert!(
            (found - wanted).abs() < 0.02,
            "{pointer}: {found} is not {wanted}"
        );
    };
    for (line, wanted) in table {
        for (measure, wanted) in ["ndcg", "recall", "coverage"].into_iter().zip(wanted) {
            near(&format!("{line}/{measure}"), wanted);
        }
    }
    near("/new_items/same_category", 0.80);
    near("/new_items/by_chance", 0.12);
}

/// The journal holds what the recommenders were given: the same split gives the same number by `evaluate`.
fn the_measure_is_that_of_the_feedback_plugin(server: &Server, run: &str, ours: f64) {
    let journal = server
        .get(&format!("/api/v1/runs/{run}/journal?limit=1000"))
        .ok();
    let shop = journal
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| {
            entry["entry"]["kind"] == "completed" && entry["entry"]["key"] == "/do/0/collect"
        })
        .map(|entry| entry["entry"]["output"].clone())
        .unwrap_or_else(|| panic!("{journal:.2000}"));
    let als = json!({ "factors": 16, "regularization": 0.1, "alpha": 5.0, "iterations": 15, "cg_steps": 3, "seed": 7 });
    let body = json!({ "recommender": { "als": als }, "train": shop["train"], "test": shop["held_out"], "most": 10 });
    let theirs = server.post("/f/default/feedback/evaluate", &body).ok();
    assert!(
        (number(&theirs["ndcg"]) - ours).abs() < 1e-9,
        "{theirs}, {ours} here"
    );
}

fn whoever_is_known_or_not_gets_items(server: &Server) {
    let known = ask(server, "/customers/c-001?most=5");
    assert_eq!(
        (&known["basis"], items(&known).len()),
        (&json!("history"), 5),
        "{known}"
    );
    assert!(known["items"][0]["like"]["title"].is_string(), "{known}");
    // Nobody knows them: each segment has its own favourites, in the language that is asked for.
    let new = |segment: &str| {
        ask(
            server,
            &format!("/customers/%E5%B0%8F%E6%9E%97?segment={segment}&language=zh"),
        )
    };
    let (cn, eu, elsewhere) = (new("cn"), new("eu"), new("mars"));
    assert_eq!(
        (&cn["customer"], &cn["basis"]),
        (&json!("小林"), &json!("segment")),
        "{cn}"
    );
    let categories = |answer: &Value| -> Vec<String> {
        let items = answer["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["category"].as_str().unwrap().to_owned())
            .collect()
    };
    let share = |answer: &Value, of: [&str; 4]| {
        categories(answer)
            .iter()
            .filter(|c| of.contains(&c.as_str()))
            .count()
    };
    assert!(
        share(&cn, ["photography", "coffee", "music", "yoga"]) >= 7,
        "{cn}"
    );
    assert!(
        share(&eu, ["cycling", "baking", "camping", "gardening"]) >= 7,
        "{eu}"
    );
    assert!(
        cn["items"][0]["title"]
            .as_str()
            .unwrap()
            .chars()
            .any(|c| c > '\u{4e00}'),
        "{cn}"
    );
    assert_eq!(elsewhere["basis"], "everybody");
    // Nobody has seen them: what is like them is of their kind, and they are shown to those whom they suit.
    let mut right = 0;
    for category in [
        "coffee",
        "camping",
        "cycling",
        "photography",
        "baking",
        "gardening",
        "music",
        "yoga",
    ] {
        let item = ask(server, &format!("/items/{category}-13?most=5"));
        assert_eq!(
            (&item["new"], &item["category"]),
            (&json!(true), &json!(category)),
            "{item}"
        );
        let similar = item["similar"].as_array().unwrap();
        right += similar
            .iter()
            .filter(|other| other["category"] == category)
            .count();
    }
    assert!(
        right >= 28,
        "{right} of 40 neighbours are of the category of the new item"
    );
    let shown = (1..=240).filter(|n| {
        let answer = ask(server, &format!("/customers/c-{n:03}?most=20"));
        answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["new"] == true)
    });
    let shown = shown.count();
    println!("{shown} of 240 customers are shown a new item, {right} of 40 neighbours fit");
    assert!(shown >= 60, "{shown}");
    for path in ["/customers/c-001?most=0", "/customers/c-001?most=many"] {
        let refused = server.get(&format!("/f/default/recommender{path}"));
        assert_eq!(refused.status, 400, "{refused:?}");
    }
    assert_eq!(
        server.get("/f/default/recommender/items/nothing").status,
        404
    );
}

fn the_budget_is_spent_and_refused(server: &Server) {
    // The script has asked: the first two were paid, the third would cost more than is left.
    let categories = ask(server, "/statistics/categories");
    assert_eq!(
        (&categories["repeated"], &categories["paid"]),
        (&json!(true), &json!(0.0)),
        "{categories}"
    );
    assert_eq!(categories["value"].as_object().unwrap().len(), 8);
    let segments = ask(server, "/statistics/segments");
    for segment in ["cn", "eu"] {
        // 120 each; noise of ε 0.25 goes beyond 60 once in three million times.
        assert!(
            (number(&segments["value"][segment]) - 120.0).abs() < 60.0,
            "{segments}"
        );
    }
    assert_eq!(segments["left"], 0.25);
    for _ in 0..2 {
        let refused = server.get("/f/default/recommender/statistics/favourites");
        assert_eq!(refused.status, 402, "{refused:?}");
        assert!(
            refused.body["error"].as_str().unwrap().contains("budget"),
            "{refused:?}"
        );
    }
    let budgets = server.cli(&["privacy", "budgets"]);
    assert_eq!(budgets[0]["left"], "ε 0.25", "{budgets}");
}

/// Who may call the function cannot put recommendations in place of others, nor read the interactions of customers.
fn what_a_workflow_asks_is_closed(server: &Server) {
    for (method, path) in [
        ("POST", "/publish"),
        ("POST", "/collect"),
        ("GET", "/collect"),
        ("POST", "/customers/c-001"),
        ("POST", "/"),
    ] {
        let request = server.request(method, &format!("/f/default/recommender{path}"));
        let answer = server.send(request.body(r#"{"through": 0, "lists": {}}"#));
        assert!(
            (400..500).contains(&answer.status),
            "{method} {path}: {answer:?}"
        );
        assert!(answer.body["interactions"].is_null());
    }
    assert_eq!(ask(server, "/customers/c-001")["basis"], "history");
}

#[test]
fn a_workflow_that_names_an_export_that_is_not_there_is_refused() {
    let server = Server::start();
    server.publish_first_party("feedback");
    server
        .deploy("feedback", "feedback", "0.1.0", json!({}))
        .ok();
    let apply = |call: &str| {
        let definition = json!({
            "document": { "dsl": "1.0.3", "namespace": "default", "name": "asks", "version": "1.0.0" },
            "do": [{ "ask": { "call": call, "with": { "batch": [] } } }],
        });
        server.post("/api/v1/workflows", &json!({ "definition": definition }))
    };
    let refused = apply("steward:feedback/predict");
    assert!((400..500).contains(&refused.status), "{refused:?}");
    let said = refused.body.to_string();
    assert!(
        said.contains("predict") && said.contains("recommend"),
        "{said}"
    );
    apply("steward:feedback/analyse").ok();
    let run = server
        .post("/api/v1/workflows/asks/runs?wait=true", &json!({}))
        .ok();
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("completed"), &json!([])),
        "{run}"
    );
    assert_eq!(
        run["pins"]["functions"]["steward:feedback/analyse"]["version"],
        "0.1.0"
    );
}
