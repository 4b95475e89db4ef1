//! Labelling: from a dataset over the work of people and a model to a labelled dataset, over HTTP and by the command
//! line.
#![allow(clippy::unwrap_used)]

mod model;
mod people;
mod refused;
mod spans;
mod tagged;
mod weak;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::{Answer, Server, root};

/// Every so manieth message is a gold question.
const GOLD: usize = 5;

/// Messages of the example, each with what a person said of it.
struct Messages {
    rows: Vec<Value>,
    truth: BTreeMap<String, String>,
    labels: Vec<String>,
    examples: Value,
}

fn messages(count: usize) -> Messages {
    let folder = root().join("examples/customer-messages");
    let lines = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let truth: BTreeMap<String, String> = lines("truth.jsonl")
        .iter()
        .filter_map(|row| Some((text(&row["id"]), row["label"].as_str()?.to_owned())))
        .collect();
    let mut rows = lines("messages.jsonl");
    rows.retain(|row| truth.contains_key(row["id"].as_str().unwrap()));
    rows.truncate(count);
    for row in rows.iter_mut().step_by(GOLD) {
        row["known"] = json!(truth[row["id"].as_str().unwrap()]);
    }
    let file = std::fs::read(folder.join("labels.json")).unwrap();
    let examples: Value = serde_json::from_slice(&file).unwrap();
    Messages {
        rows,
        truth,
        labels: examples.as_object().unwrap().keys().cloned().collect(),
        examples,
    }
}

impl Messages {
    fn push(&self, server: &Server, name: &str) {
        let rows: String = self.rows.iter().map(|row| format!("{row}\n")).collect();
        let request = server
            .request("POST", &format!("/api/v1/datasets/{name}"))
            .body(rows);
        server.send(request).ok();
    }

    fn project(&self, server: &Server, name: &str, gold_every: u32) {
        let project = json!({
            "name": name, "labels": self.labels, "overlap": 2, "gold_every": gold_every,
            "guideline": "客户想要什么？ Take what the customer wants.",
        });
        server.post("/api/v1/labelling", &project).ok();
    }

    /// What an annotator says of a message who is right so many times of 100, and else names the label after it.
    fn said(&self, task: &str, annotator: &str, right: u32) -> &str {
        let truth = &self.truth[task];
        let dice = format!("{task}/{annotator}");
        let dice = dice.bytes().fold(17_u32, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(u32::from(byte))
        });
        if (dice >> 8) % 100 < right {
            return truth;
        }
        let place = self.labels.iter().position(|l| l == truth).unwrap();
        &self.labels[(place + 1) % self.labels.len()]
    }

    /// How many of the labels are right, and how many there are.
    fn right(&self, results: &[Value], method: &str) -> (usize, usize) {
        let decided = results.iter().filter(|r| r["method"] == method);
        let right = decided
            .clone()
            .filter(|r| r["label"]["choice"] == json!(self.truth[r["task"].as_str().unwrap()]));
        (right.count(), decided.count())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn next(server: &Server, project: &str, annotator: &str) -> Option<Value> {
    let who = json!({ "annotator": annotator });
    let handed = server.post(&format!("/api/v1/labelling/{project}/next"), &who);
    (handed.status != 204).then(|| handed.ok())
}

fn annotate(server: &Server, project: &str, task: &str, annotator: &str, label: &Value) -> Answer {
    let path = format!("/api/v1/labelling/{project}/tasks/{task}/annotations");
    server.post(&path, &json!({ "annotator": annotator, "label": label }))
}

fn results(server: &Server, project: &str, query: &str) -> Vec<Value> {
    let path = format!("/api/v1/labelling/{project}/results?limit=10000&{query}");
    server.get(&path).ok()["results"]
        .as_array()
        .unwrap()
        .clone()
}

fn lines(server: &Server, path: &str) -> Vec<Value> {
    let text = server.request("GET", path).send().unwrap().text().unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Runs the command line for people and returns what it prints.
fn printed(server: &Server, args: &[&str]) -> String {
    let output = cli(
        args,
        &[("STEWARD_URL", &server.url), ("STEWARD_KEY", &server.key)],
    );
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {wrong}");
    String::from_utf8(output.stdout).unwrap()
}
