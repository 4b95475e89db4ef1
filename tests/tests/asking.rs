//! A guest asks about a dataset: what must agree before it may, what it costs, and that nothing it does spends without a
//! record.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use steward_tests::{Answer, Server, built, root};

/// A host with orders of 400 people, and the guest, not deployed.
fn published() -> Server {
    let server = Server::start();
    let rows: String = (0..800)
        .map(|n| {
            let city = ["北京", "北京", "Ulm"][n % 3];
            let (customer, amount) = (n / 2, n % 100);
            json!({ "customer": customer, "amount": amount, "city": city }).to_string() + "\n"
        })
        .collect();
    for dataset in ["orders", "visits"] {
        let path = format!("/api/v1/datasets/{dataset}");
        let added = server.request("POST", &path).body(rows.clone());
        assert_eq!(server.send(added).ok()["rows"], 800);
    }
    let manifest = std::fs::read_to_string(root().join("tests/guests/asks/steward.toml")).unwrap();
    let component = std::fs::read(built("target/test-guests/asks.wasm")).unwrap();
    server.publish(&manifest, component).ok();
    server
}

/// And deployed as `shop`, with a budget.
fn prepared(budget: &[&str]) -> Server {
    let server = published();
    let grants = json!({ "grants": { "privacy": ["orders"] } });
    server.deploy("shop", "asks", "1.0.0", grants).ok();
    give(&server, budget);
    server
}

fn give(server: &Server, budget: &[&str]) -> Value {
    let set = [
        "privacy",
        "budget",
        "orders",
        "--function",
        "shop",
        "--unit",
        "customer",
    ];
    server.cli(&[&set, budget].concat())
}

fn ask(server: &Server, path: &str) -> Answer {
    server.get(&format!("/f/default/shop/{path}"))
}

fn asked(server: &Server, path: &str) -> Value {
    ask(server, path).ok()
}

/// What the ledger says that was spent, in units, and the cost of every line of it.
fn spent(server: &Server) -> (u64, Vec<u64>) {
    let budgets = server.get("/api/v1/privacy/budgets").ok();
    let left = budgets[0]["left_units"]["loss"].as_u64().unwrap();
    let ledger = server.cli(&["privacy", "ledger", "orders", "--function", "shop"]);
    let lines = ledger.as_array().unwrap().iter();
    let costs: Vec<u64> = lines.map(|l| l["cost"]["loss"].as_u64().unwrap()).collect();
    assert_eq!(
        left + costs.iter().sum::<u64>(),
        1_000_000_000,
        "{budgets} {ledger}"
    );
    (1_000_000_000 - left, costs)
}

#[test]
fn manifest_grant_and_budget_must_agree() {
    let server = published();
    let deploy =
        |grants: Value| server.deploy("shop", "asks", "1.0.0", json!({ "grants": grants }));
    let missing = deploy(json!({})).problem(403, "grant-missing");
    assert_eq!(
        missing["manifest_line"],
        "[requests] privacy = [\"orders\"]"
    );
    assert_eq!(missing["grant"], "--grant privacy=orders");
    deploy(json!({ "privacy": ["orders", "visits"] })).problem(422, "invalid-function");
    let deployed = server.cli(&[
        "function",
        "deploy",
        "shop",
        "--plugin",
        "asks",
        "--grant",
        "privacy=orders",
    ]);
    assert_eq!(deployed["spec"]["grants"]["privacy"], json!(["orders"]));

    let denied = |path: &str, told: &str| {
        let answer = asked(&server, path);
        assert_eq!(answer["error"], "denied", "{answer}");
        assert!(
            answer["message"].as_str().unwrap().contains(told),
            "{answer}"
        );
    };
    let command = "`steward privacy budget orders --function shop --unit FIELD --epsilon 1`";
    denied("orders/count/0.1", command);
    denied("orders/budget", command);
    denied("visits/count/0.1", "no `[requests] privacy = [\"visits\"]`");
    denied("visits@1/count/0.1", "`--grant privacy=visits`");
    for nothing in ["orders@7", "orders@0", "orders@x", "Orders"] {
        let answer = asked(&server, &format!("{nothing}/count/0.1"));
        assert_eq!(answer["error"], "no-such", "{nothing}: {answer}");
    }

    // A budget is given to a function that is there, and to nothing else.
    let limit = json!({ "unit": "customer", "accounting": "pure", "epsilon": 1 });
    let path = |who: &str| format!("/api/v1/privacy/budgets/orders/{who}");
    server
        .put(&path("function:shops"), &limit)
        .problem(404, "not-found");
    server
        .put(&path("function:Shop"), &limit)
        .problem(400, "invalid-path");
    assert_eq!(
        give(&server, &["--epsilon", "1"])["principal"],
        "function:shop"
    );
    assert_eq!(
        asked(&server, "orders/count/0.1")["left"],
        json!([0.9, 0.0])
    );
    // What is spent stays spent, whatever becomes of the function.
    let gone = server.request("DELETE", "/api/v1/functions/shop");
    assert_eq!(server.send(gone).status, 204);
    deploy(json!({ "privacy": ["orders"] })).ok();
    assert_eq!(asked(&server, "orders/budget")["left"], json!([0.9, 0.0]));
    // The budget is the function's: another function of the same plugin has none.
    let grants = json!({ "grants": { "privacy": ["orders"] } });
    server.deploy("other", "asks", "1.0.0", grants).ok();
    let other = server.get("/f/default/other/orders/count/0.1").ok();
    assert_eq!(other["error"], "denied", "{other}");
}

#[test]
fn every_question_is_answered_and_paid_once() {
    let server = prepared(&["--epsilon", "1000", "--delta", "1e-6"]);
    let budget = asked(&server, "orders/budget");
    assert_eq!(
        budget,
        json!({ "snapshot": "orders@1", "accounting": "Accounting::Approximate", "limit": [1000.0, 1e-6], "left": [1000.0, 1e-6] })
    );
    // With much to spend the noise is small, and the answers are those of the bounded data.
    let near = |path: &str, expected: f64, within: f64| {
        let answer = asked(&server, path);
        let value = answer["release"]["value"]
            .as_f64()
            .unwrap_or_else(|| panic!("{answer}"));
        assert!((value - expected).abs() <= within, "{path}: {answer}");
        answer
    };
    let first = near("orders/count/50", 800.0, 2.0);
    assert!(first["release"]["error"].as_f64().unwrap() < 2.0, "{first}");
    assert_eq!(
        (&first["repeated"], &first["cost"], &first["left"]),
        (&json!(false), &json!([50.0, 0.0]), &json!([950.0, 1e-6]))
    );
    let again = asked(&server, "orders@1/count/50.0");
    assert_eq!(
        (&again["repeated"], &again["cost"]),
        (&json!(true), &json!([0.0, 0.0]))
    );
    assert_eq!(
        (&again["release"], &again["left"]),
        (&first["release"], &first["left"])
    );
    // One order of each of 400 customers: the even numbers from 0 to 98, eight times each.
    near("orders/sum/amount/100/50", 19_600.0, 100.0);
    near("orders/mean/amount/50", 49.0, 1.0);
    near("orders/median/amount/50", 49.0, 3.0);
    let cities = asked(&server, "orders/cities/50")["release"]["groups"].clone();
    let of = |groups: &Value, n: usize, at: usize| groups[n][1][at].as_f64().unwrap();
    assert_eq!(
        (&cities[0][0], &cities[1][0]),
        (&json!(["北京"]), &json!(["Ulm"]))
    );
    assert!(
        (of(&cities, 0, 0) + of(&cities, 1, 0) - 400.0).abs() < 5.0,
        "{cities}"
    );
    let ranges = asked(&server, "orders/ranges/50")["release"]["groups"].clone();
    assert_eq!(ranges[0][0], json!(["[0, 50)"]), "{ranges}");
    assert!((of(&ranges, 0, 0) - 200.0).abs() < 5.0, "{ranges}");
    assert_eq!(asked(&server, "orders/most/50")["release"], json!(["北京"]));
    let table = asked(&server, "orders/table/50/1e-7");
    assert_eq!(
        table["release"]["measures"],
        json!(["count", "mean(amount)"]),
        "{table}"
    );
    assert_eq!(table["left"][1], json!(9e-7));

    let ledger = server.cli(&["privacy", "ledger", "orders", "--function", "shop"]);
    let lines = ledger.as_array().unwrap();
    assert_eq!(lines.len(), 8, "{ledger}");
    assert!(
        lines.iter().all(|line| line["answered_at"].is_string()),
        "{ledger}"
    );
    let shown = server.cli(&["privacy", "budgets"]);
    assert_eq!(
        (&shown[0]["principal"], &shown[0]["left"]),
        (&json!("function:shop"), &json!("ε 600, δ 0.0000009"))
    );
}

#[test]
fn what_makes_no_sense_costs_nothing_and_an_unknown_field_tells_nothing() {
    let server = prepared(&["--epsilon", "1"]);
    for epsilon in ["NaN", "inf", "-1", "0", "-0", "10001"] {
        let answer = asked(&server, &format!("orders/count/{epsilon}"));
        assert_eq!(answer["error"], "invalid-input", "{epsilon}: {answer}");
        assert!(
            answer["message"]
                .as_str()
                .unwrap()
                .starts_with("epsilon is"),
            "{answer}"
        );
    }
    let garbage = asked(&server, "orders/garbage");
    assert_eq!(garbage, json!(vec!["invalid-input"; 12]), "{garbage}");
    assert_eq!(spent(&server), (0, vec![]));
    // Over budget by one unit of the ledger, and then not.
    let over = asked(&server, "orders/count/1.000000001");
    assert_eq!(
        (&over["error"], &over["left"]),
        (&json!("over-budget"), &json!([1.0, 0.0]))
    );
    assert!(
        over["message"]
            .as_str()
            .unwrap()
            .contains("costs ε 1.000000001"),
        "{over}"
    );
    assert_eq!(spent(&server), (0, vec![]));

    // Whether a field is in a row is for the rows to tell: a field that no row has, or has as a text, is answered with
    // noise around nothing, and paid.
    for column in ["nothing", "city"] {
        let answer = asked(&server, &format!("orders/sum/{column}/1/0.4"));
        let value = answer["release"]["value"]
            .as_f64()
            .unwrap_or_else(|| panic!("{answer}"));
        assert!(value.abs() < 60.0, "{answer}");
    }
    assert_eq!(spent(&server).0, 800_000_000);
    // What is told to be left can be spent to the last unit.
    assert_eq!(
        asked(&server, "orders/count/0.2")["left"],
        json!([0.0, 0.0])
    );
    let over = asked(&server, "orders/count/0.000000001");
    assert_eq!(
        (&over["error"], &over["left"]),
        (&json!("over-budget"), &json!([0.0, 0.0]))
    );
}

#[test]
fn a_guest_that_does_not_live_to_answer_has_paid_with_a_record() {
    let server = prepared(&["--epsilon", "1"]);
    ask(&server, "orders/count-and-panic/0.125").problem(502, "guest-crashed");
    assert_eq!(spent(&server), (125_000_000, vec![125_000_000]));
    let quick = json!({ "grants": { "privacy": ["orders"] }, "limits": { "timeout_ms": 3000 } });
    server.deploy("shop", "asks", "1.0.0", quick).ok();
    ask(&server, "orders/count-and-hang/0.25").problem(504, "deadline-exceeded");
    assert_eq!(
        spent(&server),
        (375_000_000, vec![250_000_000, 125_000_000])
    );
    // The answers were recorded: who asks the same now has them for nothing, though nobody lives to tell.
    for epsilon in ["0.125", "0.25"] {
        ask(&server, &format!("orders/count-and-panic/{epsilon}")).problem(502, "guest-crashed");
    }
    assert_eq!(spent(&server).0, 375_000_000);
}

#[test]
fn of_sixty_four_guests_that_overspend_at_once_none_gets_a_unit_too_many() {
    let server = prepared(&["--epsilon", "1"]);
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let server = &server;
        let asking: Vec<_> = (1..=64)
            .map(|n| {
                // Each asks what no other asks, at a price that does not divide the budget.
                scope.spawn(move || asked(server, &format!("orders/everything/{n}000/0.030000001")))
            })
            .collect();
        asking
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    });
    let answered: u64 = answers
        .iter()
        .map(|answer| {
            answer["answered"]
                .as_u64()
                .unwrap_or_else(|| panic!("{answer}"))
        })
        .sum();
    assert_eq!(answered, 33, "{answers:?}");
    let (all, costs) = spent(&server);
    assert_eq!((all, costs), (990_000_033, vec![30_000_001; 33]));
    assert!(
        answers
            .iter()
            .all(|answer| answer["left"] == json!([0.009_999_967, 0.0])),
        "{answers:?}"
    );
}

#[test]
fn rows_that_are_lost_are_told_as_such_and_what_was_asked_before_is_still_known() {
    let server = prepared(&["--epsilon", "1"]);
    let first = asked(&server, "orders/count/0.5");
    // In the store, and where they were laid out.
    for folder in ["artifacts", "datasets"] {
        std::fs::remove_dir_all(server.data().join(folder)).unwrap();
    }
    let again = asked(&server, "orders/count/0.5");
    assert_eq!(
        (&again["release"], &again["repeated"]),
        (&first["release"], &json!(true))
    );
    let lost = asked(&server, "orders/count/0.25");
    assert_eq!(lost["error"], "unavailable", "{lost}");
    assert_eq!(spent(&server).0, 500_000_000);
}
