//! The life of a model through the real binary: a file is applied, a version is tried, judged and rolled back
//! while others call it.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::{Server, home, python};

const ROWS: &str = r#"{"text": "I was charged twice for the same order", "label": "billing", "lang": "en"}
{"text": "the invoice shows the wrong amount", "label": "billing", "lang": "en"}
{"text": "please send the money back to my card", "label": "billing", "lang": "en"}
{"text": "I cannot sign in, it says wrong password", "label": "login problem", "lang": "en"}
{"text": "the reset link for my password does not arrive", "label": "login problem", "lang": "en"}
{"text": "登录不了，提示密码错误", "label": "login problem", "lang": "zh"}
"#;

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

fn outcomes(answer: &Value) -> Vec<&str> {
    let steps = answer["steps"].as_array().unwrap().iter();
    steps
        .map(|step| step["outcome"].as_str().unwrap())
        .collect()
}

/// Fails with this exit code and says so.
fn refused(server: &Server, args: &[&str], code: i32, says: &str) {
    let env = [("STEWARD_URL", &*server.url), ("STEWARD_KEY", &*server.key)];
    let output = cli(args, &env);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    assert!(text.contains(says), "{args:?}: {text}");
}

#[test]
fn a_file_is_applied_again_and_again() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let models = home().join("models/minilm");
    let models = models.display();
    file(folder.path(), "held-out.jsonl", ROWS);
    let whole = format!(
        "model: minilm\nversion: 1.0.0\nonnx: {models}/model.onnx\ntokenizer: {models}/tokenizer.json\n\
         config: {models}/model.toml\nlineage: {{dataset: 客服消息, run: r-17}}\nvariants:\n  - to: int8\n\
         evaluate:\n  - rows: held-out.jsonl\ndeploy:\n  gates:\n    - {{metric: accuracy, dataset: held-out, min: 0.5}}\n"
    );
    let path = file(folder.path(), "model.yaml", &whole);
    let dry = server.cli(&["model", "apply", &path, "--dry-run"]);
    assert!(outcomes(&dry).iter().all(|outcome| *outcome == "would do"));
    let first = server.cli(&["model", "apply", &path]);
    assert_eq!(outcomes(&first), ["done"; 5], "{first}");
    let again = server.cli(&["model", "apply", &path]);
    assert!(
        outcomes(&again).iter().all(|outcome| *outcome == "is so"),
        "{again}"
    );

    let shown = server.cli(&["model", "show", "minilm@1.0.0"]);
    assert_eq!(shown["lineage"]["dataset"], "客服消息");
    assert!(shown["variants"]["int8"]["report"]["speedup"].is_number());
    let measured = server.get("/api/v1/models/minilm@1.0.0/evaluations").ok();
    assert_eq!(measured.as_array().unwrap().len(), 2);
    let metrics = &measured[0]["report"]["metrics"];
    assert!(
        metrics["accuracy[lang=en]"].as_f64().unwrap() >= 0.5,
        "{metrics}"
    );

    // The variant takes over where it is fast enough; a gate that cannot be met keeps everything as it is.
    let variant = whole.replace("deploy:\n", "deploy:\n  variant: int8\n");
    let impossible = variant.replace("min: 0.5", "min: 1.01");
    let path = file(folder.path(), "impossible.yaml", &impossible);
    refused(&server, &["model", "apply", &path], 6, "accuracy");
    let deployment = server.get("/api/v1/models/minilm/deployment").ok();
    assert_eq!(deployment["revision"], 1);
    let path = file(folder.path(), "int8.yaml", &variant);
    server.cli(&["model", "apply", &path]);
    let deployment = server.get("/api/v1/models/minilm/deployment").ok();
    assert_eq!(deployment["spec"]["stable"]["variant"], "int8");
    let back = server.cli(&["model", "rollback", "minilm", "--reason", "试试"]);
    assert_eq!(back["spec"]["stable"]["variant"], Value::Null);
    assert_eq!(back["reason"], "试试");

    // A version never changes.
    let other = whole.replace("tokenizer: ", "lineage_is_not_compared: x\ntokenizer: ");
    refused(
        &server,
        &["model", "apply", &file(folder.path(), "bad.yaml", &other)],
        6,
        "lineage_is_not_compared",
    );
    let config = format!("config: {models}/model.toml");
    let other = whole.replace(&config, "config: {task: embed, max_tokens: 77}");
    refused(
        &server,
        &["model", "apply", &file(folder.path(), "other.yaml", &other)],
        5,
        "raise `version`",
    );
}

#[test]
fn a_worse_candidate_is_rolled_back_under_load_and_no_call_fails() {
    let server = Server::start();
    server.push_model("minilm");
    server.cli(&["model", "deploy", "minilm@1.0.0"]);
    // Nearly all of its weights are zero: it answers, quickly, and wrongly.
    server.cli(&[
        "model",
        "prune",
        "minilm@1.0.0",
        "--sparsity",
        "0.95",
        "--variant",
        "worse",
    ]);

    let body = |n: usize| {
        let texts = [
            "I was charged twice",
            "密码忘了，登录不了",
            "the app is great",
            "refund please",
        ];
        let labels = ["billing", "login problem", "praise"];
        json!({ "texts": [format!("{} {n}", texts[n % texts.len()])], "labels": labels })
    };
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let answer = server.post("/api/v1/models/minilm/classify", &body(n));
                    let labels = answer.body["classifications"][0].as_array().map(Vec::len);
                    if answer.status != 200 || labels != Some(3) {
                        failed.lock().unwrap().push(answer);
                    }
                }
            });
        }
        // Under this load either may be slow for a while: it is to end for what it says.
        server.cli(&[
            "model",
            "deploy",
            "minilm@1.0.0~worse",
            "--percent",
            "30",
            "--max-latency-ratio",
            "1000",
            "--max-psi",
            "0.25",
            "--reason",
            "一试",
        ]);
        let begin = Instant::now();
        let status = loop {
            let status = server.cli(&["model", "status", "minilm"]);
            let over = status["last_rollback"].is_object();
            if over || begin.elapsed() > Duration::from_secs(120) {
                break status;
            }
        };
        // Some more calls, of which none may fail either.
        let more = next.load(Ordering::Relaxed) + 200;
        while next.load(Ordering::Relaxed) < more && begin.elapsed() < Duration::from_secs(150) {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        let last = &status["last_rollback"];
        assert!(last.is_object(), "it was not rolled back: {status}");
        assert_eq!(last["created_by"], "steward", "{last}");
        assert!(
            last["reason"].as_str().unwrap().contains("max_psi"),
            "{last}"
        );
    });
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "{} calls failed, the first: {:?}",
        failed.len(),
        failed[0]
    );
    let deployment = server.get("/api/v1/models/minilm/deployment").ok();
    assert_eq!(deployment["spec"]["stable"], json!({ "version": "1.0.0" }));
    assert_eq!(deployment["spec"]["candidate"], Value::Null);
    let history = server.cli(&["model", "status", "minilm", "--history"]);
    assert_eq!(history.as_array().unwrap().len(), 3);
    // The person who looks next is told why.
    let metrics = server.get("/metrics").body;
    assert!(metrics.as_str().unwrap().contains("rollback"), "{metrics}");
}

/// TensorBoard's own reader over what a host has written.
fn board(folder: &Path) -> Value {
    let said = python("board.py", &[&folder.to_string_lossy()]);
    serde_json::from_str(&said).unwrap()
}

#[test]
fn the_course_of_a_model_is_there_for_tensorboard() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let data = folder.path().join("data");
    let server = Server::start_on(&data, &["--tensorboard", runs.to_str().unwrap()]);
    server.push_model("minilm");
    server.cli(&["model", "deploy", "minilm@1.0.0"]);
    let texts: Vec<String> = (0..20)
        .map(|n| format!("第{n}条消息, message {n}"))
        .collect();
    let body = json!({ "texts": texts, "labels": ["billing", "praise"] });
    server.post("/api/v1/models/minilm/classify", &body).ok();
    let begin = Instant::now();
    let run = loop {
        let run = match runs.join("default/minilm/stable-1.0.0").is_dir() {
            true => board(&runs)["default/minilm/stable-1.0.0"].clone(),
            false => Value::Null,
        };
        if run["histograms"]["scores"].is_number() {
            break run;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{run}");
    };
    assert!(
        run["scalars"]["latency/p50_ms"].as_f64().unwrap() > 0.0,
        "{run}"
    );
    assert_eq!(run["scalars"]["errors"], 0.0);
    assert_eq!(run["histograms"]["scores"], 20.0);
    assert_eq!(run["histograms"]["lengths"], 20.0);
}
