//! What a treatment costs or gains, measured by the real binary with a real model over the example's messages, in Chinese
//! and English.
#![allow(clippy::unwrap_used)]

mod bad;
mod life;
mod losses;

use serde_json::{Value, json};
use steward_tests::{Answer, Server, root};

/// The labelled messages of the example, every fourth apart for the evaluation; copies of a message are left out.
struct Messages {
    train: Vec<Value>,
    held_out: Vec<Value>,
}

impl Messages {
    fn read() -> Self {
        let file = |name: &str| {
            let path = root().join("examples/customer-messages").join(name);
            let text = std::fs::read_to_string(path).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            lines.collect::<Vec<Value>>()
        };
        let mut messages = Self {
            train: Vec::new(),
            held_out: Vec::new(),
        };
        let both = file("messages.jsonl").into_iter().zip(file("truth.jsonl"));
        let labelled =
            both.filter(|(_, said)| said["label"].is_string() && said["expect_drop"].is_null());
        for (place, (mut message, said)) in labelled.enumerate() {
            assert_eq!(message["id"], said["id"]);
            message["label"] = said["label"].clone();
            match place % 4 {
                0 => messages.held_out.push(message),
                _ => messages.train.push(message),
            }
        }
        messages
    }

    fn server(&self) -> Server {
        let server = Server::start();
        server.push_model("minilm");
        add(&server, "raw", &self.train);
        add(&server, "held-out", &self.held_out);
        server
    }
}

fn add(server: &Server, name: &str, rows: &[Value]) {
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let request = server.request("POST", &format!("/api/v1/datasets/{name}"));
    server.send(request.body(lines)).ok();
}

fn begin(server: &Server, before: &str, after: &[&str], more: Value) -> Answer {
    let mut spec = json!({ "after": after, "evaluation": "held-out", "model": "minilm" });
    let more = more.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(more);
    server.post(&format!("/api/v1/datasets/{before}/impact"), &spec)
}

/// The outcome of an impact that ends well, and its id.
#[track_caller]
fn measured(server: &Server, before: &str, after: &[&str], more: Value) -> (Value, String) {
    let run = begin(server, before, after, more).ok();
    let id = run["id"].as_str().unwrap().to_owned();
    let run = server.run_ended(&id);
    assert_eq!(run["state"], "done", "{run}");
    (run["outcome"].clone(), id)
}

fn rows(server: &Server, path: &str) -> Vec<Value> {
    let answer = server.request("GET", path).send().unwrap();
    assert!(answer.status().is_success(), "{path}: {answer:?}");
    let text = answer.text().unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[track_caller]
fn number(value: &Value, pointer: &str) -> f64 {
    let found = value.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}"))
}
