//! An impact as a run: what its lineage says, who sees what, and how it ends before its end.

use serde_json::{Value, json};
use steward_tests::server::cli;

use crate::{Messages, add, begin, measured, number, rows};

#[test]
fn a_chain_of_treatments_is_told_by_its_lineage_and_rows_are_for_those_who_may_read_them() {
    let messages = Messages::read();
    let server = messages.server();
    for plugin in ["text-cleaner", "anonymizer"] {
        server.publish_first_party(plugin);
    }
    for (from, step, to) in [
        ("raw", "text-cleaner", "clean"),
        ("clean", "anonymizer", "anonymous"),
    ] {
        server.cli(&["dataset", "run", from, "--step", step, "--output", to]);
    }
    let asked = [
        "dataset",
        "impact",
        "raw",
        "clean",
        "anonymous",
        "--evaluation",
        "held-out",
    ];
    let asked = [&asked[..], &["--model", "minilm", "--listed", "3"]].concat();
    let run = server.cli(&asked);
    let told = &run["outcome"];
    let comparisons = told["comparisons"].as_array().unwrap();
    let kinds: Vec<&str> = comparisons
        .iter()
        .map(|c| c["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["cleaning", "privacy", "treatment"]);
    let steps = |at: usize| -> Vec<&str> {
        let steps = comparisons[at]["steps"].as_array().unwrap().iter();
        steps
            .map(|step| step["uses"].as_str().unwrap().split('@').next().unwrap())
            .collect()
    };
    assert_eq!(steps(0), ["text-cleaner"]);
    assert_eq!(steps(1), ["anonymizer"]);
    assert_eq!(steps(2), ["text-cleaner", "anonymizer"]);
    for comparison in comparisons {
        let change = number(comparison, "/worse/sum") + number(comparison, "/better/sum");
        let loss = match comparison["kind"].as_str().unwrap() {
            "cleaning" => number(comparison, "/worse/sum"),
            _ => change,
        };
        // What changed by less than a thousandth of a nat is in the loss and on no side.
        assert!(
            (number(comparison, "/loss") - loss).abs() < 0.11,
            "{comparison}"
        );
    }
    let changes = |at: usize| number(&comparisons[at], "/mean_change");
    assert!((changes(0) + changes(1) - changes(2)).abs() < 1e-12);
    assert!(run["worst"].as_array().unwrap().len() <= 9);
    assert!(run["worst"][0]["text"].is_string() && run["best"][0]["id"].is_string());

    // The same for people.
    let id = run["id"].as_str().unwrap();
    let with = |key: &str, args: &[&str]| {
        let output = cli(args, &[("STEWARD_URL", &server.url), ("STEWARD_KEY", key)]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = with(&server.key, &["dataset", "status", id]);
    for line in [
        "raw@1 -> clean@1",
        "cleaning loss",
        "privacy loss",
        "95 % from",
        "LOST",
        "text-cleaner@",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // A viewer sees what it costs, and no row.
    let viewer = server.cli(&["key", "create", "looks", "--role", "viewer"]);
    let viewer = viewer["key"].as_str().unwrap();
    let seen = with(viewer, &["dataset", "status", id]);
    assert!(
        seen.contains("cleaning loss") && !seen.contains("LOST"),
        "{seen}"
    );
    let first = run["worst"][0]["text"].as_str().unwrap();
    let path = format!("/api/v1/dataset-runs/{id}");
    let shown = server
        .send(server.request_as(Some(viewer), "GET", &path))
        .ok()
        .to_string();
    assert!(!shown.contains(first) && !shown.contains(run["worst"][0]["id"].as_str().unwrap()));
    for kind in ["worst", "best"] {
        let request = server.request_as(Some(viewer), "GET", &format!("{path}/{kind}"));
        server.send(request).problem(403, "forbidden");
    }
    let listed = with(viewer, &["dataset", "runs"]);
    assert!(
        listed.contains(id) && listed.contains("a report"),
        "{listed}"
    );
    // The rows of a run that treats are not those of an impact.
    assert!(rows(&server, &format!("{path}/rejects")).is_empty());

    // The caller may call it otherwise.
    let more = json!({ "kinds": ["privacy"], "listed": 0, "seed": 5 });
    let (other, id) = measured(&server, "raw", &["clean"], more);
    assert_eq!(other["comparisons"][0]["kind"], "privacy");
    // Vectors of another run may differ in the last digits.
    let again = number(&other["comparisons"][0], "/mean_change");
    assert!((again - changes(0)).abs() < 1e-4, "{again}");
    assert_ne!(
        other["comparisons"][0]["interval"],
        comparisons[0]["interval"]
    );
    assert!(rows(&server, &format!("/api/v1/dataset-runs/{id}/worst")).is_empty());
}

#[test]
fn an_impact_can_be_cancelled_while_it_embeds() {
    let messages = Messages::read();
    let server = messages.server();
    let many: Vec<Value> = (0..20_000)
        .map(|n| {
            let label = ["a", "b"][n % 2];
            json!({ "text": format!("message {n} about parcel {n} 谢谢"), "label": label })
        })
        .collect();
    add(&server, "many", &many);
    let spec = json!({ "evaluation": "held-out" });
    // The labels of the evaluation are none of `many`, but all of `raw`: it begins.
    let run = begin(&server, "raw", &["many"], spec).ok();
    let id = run["id"].as_str().unwrap();
    assert_eq!(run["spec"]["after"], json!(["many@1"]));
    assert_eq!(run["spec"]["evaluation"], "held-out@1");
    let path = format!("/api/v1/dataset-runs/{id}");
    let embedding = server.run_when(id, |run| {
        run["progress"]["phase"] == "embedding" || run["state"] != "running"
    });
    assert_eq!(embedding["state"], "running", "{embedding}");
    assert!(number(&embedding, "/progress/total_texts") > 20_000.0);
    let told = server.post(&format!("{path}/cancel"), &json!({})).ok();
    assert_eq!(told["cancelled"], true);
    assert_eq!(server.run_ended(id)["state"], "cancelled");
    // The next one has its turn, which the cancelled one gives back within seconds.
    let (after, _) = measured(&server, "raw", &["raw"], json!({}));
    assert_eq!(after["comparisons"][0]["loss"], 0.0);
}
