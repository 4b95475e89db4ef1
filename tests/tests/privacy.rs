//! Questions about datasets: who may ask, what it costs, and that no answer is the truth.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::{Answer, Server};

/// A host with orders of 400 people, and a key that may only invoke, with its id.
fn prepared() -> (Server, String, String) {
    let server = Server::start();
    let rows: String = (0..800)
        .map(|n| {
            let city = ["北京", "Ulm"][n % 2];
            format!(
                "{{\"customer\":\"c{}\",\"amount\":{},\"city\":\"{city}\"}}\n",
                n / 2,
                n % 100
            )
        })
        .collect();
    let added = server.request("POST", "/api/v1/datasets/orders").body(rows);
    assert_eq!(server.send(added).ok()["rows"], 800);
    let made = server.cli(&["key", "create", "analyst", "--role", "invoker"]);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let id = made["principal"]["id"]
        .as_str()
        .or(made["id"].as_str())
        .unwrap()
        .to_owned();
    (server, text("key"), id)
}

fn ask(server: &Server, key: &str, dataset: &str, query: &Value) -> Answer {
    let request = server
        .request_as(Some(key), "POST", &format!("/api/v1/privacy/ask/{dataset}"))
        .header("content-type", "application/json")
        .body(query.to_string());
    server.send(request)
}

fn count(epsilon: f64) -> Value {
    json!({ "ask": { "kind": "count" }, "rows_per_unit": 2, "spend": { "epsilon": epsilon } })
}

#[test]
fn a_budget_is_given_spent_and_refused_over_http_and_by_cli() {
    let (server, key, id) = prepared();
    ask(&server, &key, "orders", &count(0.5)).problem(403, "no-budget");
    let set = [
        "privacy",
        "budget",
        "orders",
        "--key-id",
        &id,
        "--unit",
        "customer",
        "--epsilon",
        "1",
    ];
    assert_eq!(server.cli(&set)["left"], "ε 1");
    let first = ask(&server, &key, "orders", &count(0.5)).ok();
    let value = first["release"]["value"].as_f64().unwrap();
    assert!((value - 800.0).abs() < 100.0, "{first}");
    assert_eq!(
        (&first["budget"]["left"], &first["repeated"]),
        (&json!("ε 0.5"), &json!(false))
    );
    // The same again is the same answer, for nothing; every third decimal of ε counts.
    let again = ask(&server, &key, "orders@1", &count(0.5)).ok();
    assert_eq!(
        (&again["release"], &again["repeated"]),
        (&first["release"], &json!(true))
    );
    assert_eq!(again["budget"]["left"], "ε 0.5");
    let refused = ask(&server, &key, "orders", &count(0.501)).problem(402, "budget-spent");
    assert_eq!(
        (&refused["left"], &refused["limit"]),
        (&json!("ε 0.5"), &json!("ε 1"))
    );

    let mean = r#"{"ask":{"kind":"mean","column":"amount","lower":0,"upper":100},"rows_per_unit":2,
        "where":[{"kind":"one-of","column":"city","texts":["北京"]}],"spend":{"epsilon":0.5}}"#;
    let env = [("STEWARD_URL", &*server.url), ("STEWARD_KEY", &*key)];
    let told = cli(&["privacy", "ask", "orders", mean], &env);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("ε 0.5") && told.contains("ε 0"), "{told}");
    ask(&server, &key, "orders", &count(0.001)).problem(402, "budget-spent");
    let ledger = server.cli(&["privacy", "ledger", "orders", "--key-id", &id]);
    assert_eq!(ledger.as_array().unwrap().len(), 2);
    assert_eq!(server.cli(&["privacy", "budgets"])[0]["spent"], "ε 1");
}

#[test]
fn a_question_without_sense_costs_nothing_and_rows_stay_unseen() {
    let (server, key, id) = prepared();
    let path = format!("/api/v1/privacy/budgets/orders/{id}");
    let limit = |unit: &str| json!({ "unit": unit, "accounting": "pure", "epsilon": 1 });
    server.put(&path, &limit("customer")).ok();
    server.put(&path, &limit("city")).problem(409, "conflict");
    server
        .put(
            &path,
            &json!({ "unit": "customer", "accounting": "pure", "epsilon": -1 }),
        )
        .problem(400, "invalid-input");
    server
        .put("/api/v1/privacy/budgets/orders/nobody", &limit("customer"))
        .problem(404, "not-found");
    server
        .put(
            &format!("/api/v1/privacy/budgets/nothing/{id}"),
            &limit("customer"),
        )
        .problem(404, "not-found");
    let request = server
        .request_as(Some(&key), "PUT", &path)
        .body(limit("customer").to_string());
    assert_eq!(server.send(request).status, 403);
    let request = server.request_as(Some(&key), "GET", "/api/v1/datasets/orders/rows");
    assert_eq!(server.send(request).status, 403);

    for spend in [
        json!({ "epsilon": 0 }),
        json!({ "epsilon": -1 }),
        json!({ "epsilon": "NaN" }),
        json!({}),
    ] {
        let query = json!({ "ask": { "kind": "count" }, "spend": spend });
        ask(&server, &key, "orders", &query).problem(400, "invalid-input");
    }
    let of = |question: Value| json!({ "ask": question, "spend": { "epsilon": 0.1 } });
    for question in [
        json!({ "kind": "sum", "column": "nothing", "lower": 5, "upper": 1 }),
        json!({ "kind": "top-k", "column": "city", "k": 3, "keys": ["北京", "Ulm"] }),
        json!({ "kind": "histogram", "column": "amount", "bins": { "edges": [3, 2, 1] } }),
    ] {
        ask(&server, &key, "orders", &of(question)).problem(422, "invalid");
    }
    let concentrated = json!({ "ask": { "kind": "count" }, "spend": { "rho": 0.1 } });
    ask(&server, &key, "orders", &concentrated).problem(422, "invalid");
    ask(&server, &key, "orders@9", &count(0.1)).problem(404, "not-found");
    assert_eq!(server.get("/api/v1/privacy/budgets").ok()[0]["left"], "ε 1");
}

#[test]
fn of_many_who_ask_at_once_none_overspends() {
    let (server, key, id) = prepared();
    let limit = json!({ "unit": "customer", "accounting": "pure", "epsilon": 1 });
    server
        .put(&format!("/api/v1/privacy/budgets/orders/{id}"), &limit)
        .ok();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let (server, key) = (&server, &key);
        let asking: Vec<_> = (0..64)
            .map(|n| {
                // Each asks something else: what the same question gets is not paid for twice.
                let query = json!({
                    "ask": { "kind": "sum", "column": "amount", "lower": 0, "upper": 100 + n },
                    "spend": { "epsilon": 0.05 },
                });
                scope.spawn(move || ask(server, key, "orders", &query).status)
            })
            .collect();
        asking
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    });
    let of = |status: u16| statuses.iter().filter(|s| **s == status).count();
    assert_eq!((of(200), of(402)), (20, 44), "{statuses:?}");
    assert_eq!(
        server.get("/api/v1/privacy/budgets").ok()[0]["left_units"]["loss"],
        0
    );
}

#[test]
fn what_the_ledger_knows_is_answered_without_a_look_at_the_rows() {
    let (server, key, id) = prepared();
    let limit = json!({ "unit": "customer", "accounting": "pure", "epsilon": 1 });
    server
        .put(&format!("/api/v1/privacy/budgets/orders/{id}"), &limit)
        .ok();
    let first = ask(&server, &key, "orders", &count(0.5)).ok();
    // The rows are gone, in the store and where they were laid out.
    for folder in ["artifacts", "datasets"] {
        std::fs::remove_dir_all(server.data().join(folder)).unwrap();
    }
    let again = ask(&server, &key, "orders", &count(0.5)).ok();
    assert_eq!(
        (&again["release"], &again["repeated"]),
        (&first["release"], &json!(true))
    );
    // Nor are they needed to see that too little is left, or that a question makes no sense.
    ask(&server, &key, "orders", &count(0.6)).problem(402, "budget-spent");
    let senseless =
        json!({ "ask": { "kind": "count" }, "rows_per_unit": 0, "spend": { "epsilon": 0.1 } });
    ask(&server, &key, "orders", &senseless).problem(422, "invalid");
    // A new question needs them, and costs nothing where they cannot be had.
    let lost = ask(&server, &key, "orders", &count(0.25)).problem(404, "not-found");
    assert_eq!(lost["kind"], "artifact");
    let budgets = server.get("/api/v1/privacy/budgets").ok();
    assert_eq!(budgets[0]["left"], "ε 0.5");
}
