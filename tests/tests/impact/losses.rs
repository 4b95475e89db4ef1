//! Treatments whose effect is known beforehand.

use serde_json::{Value, json};
use steward_tests::python;

use crate::{Messages, add, measured, number, rows};

#[test]
fn what_changes_nothing_costs_exactly_nothing_and_what_destroys_costs() {
    let messages = Messages::read();
    let server = messages.server();
    let mut turned = messages.train.clone();
    turned.reverse();
    add(&server, "turned", &turned);
    // Half of the labels say nothing any more: what the messages are about is masked.
    let hidden = ["billing", "bug", "account", "sales"];
    let mut masked = messages.train.clone();
    for row in &mut masked {
        if hidden.contains(&row["label"].as_str().unwrap()) {
            row["text"] = "<MASKED>".into();
        }
    }
    add(&server, "masked", &masked);

    let (report, id) = measured(
        &server,
        "raw",
        &["raw", "turned", "masked"],
        json!({ "output": "losses", "kinds": ["cleaning", "cleaning", "privacy"] }),
    );
    for same in &report["comparisons"].as_array().unwrap()[..2] {
        assert_eq!(same["kind"], "cleaning");
        for pointer in ["/loss", "/mean_change", "/interval/low", "/interval/high"] {
            assert_eq!(number(same, pointer), 0.0, "{same}");
        }
        assert_eq!(same["even"], report["evaluation"]["samples"]);
        assert_eq!(same["mean_loss"]["before"], same["mean_loss"]["after"]);
    }
    let lost = &report["comparisons"][2];
    assert_eq!(
        (&lost["kind"], &lost["kind_by"]),
        (&json!("privacy"), &json!("caller"))
    );
    assert!(number(lost, "/interval/low") > 0.2, "{lost}");
    assert!(number(lost, "/accuracy/after") < number(lost, "/accuracy/before") - 0.1);
    assert!(number(lost, "/macro_f1/after") < number(lost, "/macro_f1/before") - 0.1);
    let sum = number(lost, "/worse/sum") + number(lost, "/better/sum");
    assert!((number(lost, "/loss") - sum).abs() < 0.1, "{lost}");
    // Those whose words were masked lost most.
    for of in &lost["labels"].as_array().unwrap()[..3] {
        assert!(hidden.contains(&of["label"].as_str().unwrap()), "{of}");
    }
    // The ends of the chain are what its one treatment does, and kinds that differ have none in common.
    let whole = &report["comparisons"][3];
    assert_eq!(
        (&whole["whole"], &whole["kind"]),
        (&json!(true), &json!("treatment"))
    );
    assert_eq!(whole["loss"], lost["loss"]);

    let worst = rows(&server, &format!("/api/v1/dataset-runs/{id}/worst"));
    let of_lost = worst
        .iter()
        .filter(|row| row["after"] == "masked@1" && row["before"] == "turned@1");
    let of_lost: Vec<&Value> = of_lost.collect();
    assert_eq!(of_lost.len(), 20);
    assert!(of_lost.is_sorted_by(|a, b| number(a, "/change") >= number(b, "/change")));
    let first = of_lost[0];
    let told = messages
        .held_out
        .iter()
        .find(|row| row["id"] == first["id"]);
    assert_eq!(
        (&told.unwrap()["text"], &told.unwrap()["label"]),
        (&first["text"], &first["label"])
    );
    // Of what changed nothing, nothing is listed.
    assert!(worst.iter().all(|row| row["after"] == "masked@1"));

    let samples = rows(&server, "/api/v1/datasets/losses/rows");
    assert_eq!(samples.len(), messages.held_out.len());
    let lineage = server.get("/api/v1/datasets/losses").ok()[0]["lineage"].clone();
    assert_eq!(
        lineage["from"],
        json!(["held-out@1", "raw@1", "raw@1", "turned@1", "masked@1"])
    );
    let sum: f64 = samples.iter().map(|row| number(row, "/changes/2")).sum();
    assert!((sum - number(lost, "/loss")).abs() < 1e-9);
    assert!(
        samples
            .iter()
            .all(|row| row["changes"][0] == 0.0 && row["changes"][1] == 0.0)
    );
}

#[test]
fn a_label_that_is_gone_costs_and_right_labels_gain_as_scikit_learn_says() {
    let messages = Messages::read();
    let server = messages.server();
    let billing = |row: &&Value| row["label"] != "billing";
    let without: Vec<Value> = messages.train.iter().filter(billing).cloned().collect();
    add(&server, "without", &without);
    let (report, _) = measured(&server, "raw", &["without"], json!({}));
    let lost = &report["comparisons"][0];
    // Nothing is known of what lies between two files that were pushed.
    assert_eq!(
        (&lost["kind"], &lost["steps"]),
        (&json!("treatment"), &Value::Null)
    );
    assert!(
        number(lost, "/loss") > 0.0 && number(lost, "/interval/low") > 0.0,
        "{lost}"
    );
    assert_eq!(lost["labels"][0]["label"], "billing");
    assert_eq!(lost["labels"][0]["recall"]["after"], 0.0);
    let of_billing = messages
        .held_out
        .iter()
        .filter(|row| row["label"] == "billing");
    assert_eq!(report["sets"][1]["unknown_label"], of_billing.count());
    assert_eq!(
        (&report["sets"][0]["labels"], &report["sets"][1]["labels"]),
        (&json!(8), &json!(7))
    );
    let unseen = (messages.train.len() as f64 + 8.0).ln();
    assert!((number(&report, "/unknown_label_loss") - unseen).abs() < 1e-9);

    // Two of five rows say `billing` or `bug`, whatever they are about, and a cleaning puts them right.
    let wrong = ["billing", "bug"];
    let mut noisy = messages.train.clone();
    for (place, row) in noisy
        .iter_mut()
        .enumerate()
        .filter(|(place, _)| place % 5 < 2)
    {
        row["label"] = wrong[place % 5].into();
    }
    add(&server, "noisy", &noisy);
    let more = json!({ "kinds": ["cleaning"], "output": "gains", "l2": 0.5 });
    let (report, id) = measured(&server, "noisy", &["raw"], more);
    let gained = &report["comparisons"][0];
    assert!(number(gained, "/interval/high") < 0.0, "{gained}");
    assert!(
        number(gained, "/became_right") > number(gained, "/became_wrong"),
        "{gained}"
    );
    assert!(
        number(gained, "/loss") < -number(gained, "/better/sum"),
        "{gained}"
    );
    let best = rows(&server, &format!("/api/v1/dataset-runs/{id}/best"));
    assert_eq!(best.len(), 20);
    assert!(best.iter().all(|row| number(row, "/change") < 0.0));

    let of = [
        &*server.url,
        &server.key,
        "noisy",
        "raw",
        "held-out",
        "gains",
        "0.5",
    ];
    let said = python("impact.py", &of);
    for (set, line) in report["sets"].as_array().unwrap().iter().zip(said.lines()) {
        let theirs: Value = serde_json::from_str(line).unwrap();
        assert_eq!(set["examples"], theirs["examples"]);
        for score in ["/accuracy", "/macro_f1"] {
            let (ours, theirs) = (number(set, score), number(&theirs, score));
            assert!((ours - theirs).abs() < 1e-12, "{score}: {ours} {theirs}");
        }
    }
}
