//! What models are not meant to get, over the network: each is refused by its own clear error, and the next good
//! request succeeds.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::{Answer, Server, home, python};

fn embed(server: &Server, texts: &Value) -> Answer {
    server.post("/api/v1/models/minilm/embed", &json!({ "texts": texts }))
}

#[track_caller]
fn still_well(server: &Server) {
    let answer = embed(server, &json!(["still well", "一切正常"])).ok();
    assert_eq!(answer["embeddings"][1].as_array().unwrap().len(), 384);
}

fn infer(server: &Server, model: &str, input: &Value) -> Answer {
    server.post(
        &format!("/v2/models/{model}/infer"),
        &json!({ "inputs": [input] }),
    )
}

#[track_caller]
fn refused(answer: &Answer, status: u16, says: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.body.to_string().contains(says), "{says}: {answer:?}");
}

/// Pushes files as they are; the exit code and what was said.
fn push(
    server: &Server,
    name: &str,
    onnx: &Path,
    tokenizer: Option<&Path>,
    config: &Path,
) -> (i32, String) {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let (onnx, config) = (path(onnx), path(config));
    let tokenizer = tokenizer.map(path);
    let mut args = vec![
        "model",
        "push",
        name,
        "--version",
        "1.0.0",
        "--onnx",
        &onnx,
        "--config",
        &config,
    ];
    if let Some(tokenizer) = &tokenizer {
        args.extend(["--tokenizer", tokenizer]);
    }
    let env = [("STEWARD_URL", &*server.url), ("STEWARD_KEY", &*server.key)];
    let output = cli(&args, &env);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), said)
}

#[test]
fn wrong_requests_are_refused_by_name() {
    let server = Server::start();
    server.push_model("minilm");
    still_well(&server);
    let text = |shape: Value, data: Value| json!({ "name": "text", "datatype": "BYTES", "shape": shape, "data": data });

    refused(
        &infer(
            &server,
            "minilm",
            &json!({ "name": "texts", "datatype": "BYTES", "shape": [1], "data": ["a"] }),
        ),
        400,
        "texts",
    );
    refused(
        &infer(
            &server,
            "minilm",
            &json!({ "name": "text", "datatype": "FP32", "shape": [1], "data": [1.5] }),
        ),
        400,
        "FP32",
    );
    refused(
        &infer(&server, "minilm", &text(json!([2]), json!(["a"]))),
        400,
        "2",
    );
    refused(
        &infer(&server, "minilm", &text(json!([1, 1, 1]), json!(["a"]))),
        400,
        "shape",
    );
    refused(
        &infer(&server, "nobody", &text(json!([1]), json!(["a"]))),
        404,
        "nobody",
    );
    refused(
        &infer(
            &server,
            "minilm/versions/9.9.9",
            &text(json!([1]), json!(["a"])),
        ),
        404,
        "9.9.9",
    );
    server
        .post("/api/v1/models/nobody/embed", &json!({ "texts": ["a"] }))
        .problem(404, "unknown-model");
    server
        .post(
            "/api/v1/models/minilm@9.9.9/embed",
            &json!({ "texts": ["a"] }),
        )
        .problem(404, "unknown-model");
    server
        .post(
            "/api/v1/models/minilm~int8/embed",
            &json!({ "texts": ["a"] }),
        )
        .problem(404, "unknown-model");
    server
        .post(
            "/api/v1/models/minilm/classify-tokens",
            &json!({ "texts": ["a"] }),
        )
        .problem(400, "invalid-input");
    still_well(&server);

    // Nothing, and next to nothing, are no mistakes.
    assert_eq!(embed(&server, &json!([])).ok()["embeddings"], json!([]));
    assert_eq!(
        embed(&server, &json!([""])).ok()["embeddings"][0]
            .as_array()
            .unwrap()
            .len(),
        384
    );
    let large = "很长".repeat(5 << 20);
    let answer = embed(&server, &json!([large]));
    answer.problem(413, "body-too-large");
    let long = "long ".repeat(300_000);
    embed(&server, &json!([long])).problem(400, "invalid-input");
    let broken = server
        .request("POST", "/api/v1/models/minilm/embed")
        .header("content-type", "application/json")
        .body(b"{\"texts\": [\"\xff\xfe\"]}".to_vec());
    assert_eq!(server.send(broken).status, 400);
    still_well(&server);
}

#[test]
fn wrong_models_are_refused_and_right_ones_go_on() {
    let server = Server::start();
    server.push_model("minilm");
    let folder = tempfile::tempdir().unwrap();
    python("broken.py", &[&folder.path().to_string_lossy()]);
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("tensors.toml"), "task = \"tensors\"\n").unwrap();
    let input = json!({ "name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 2.0] });

    assert_eq!(
        push(&server, "echo", &at("echo.onnx"), None, &at("tensors.toml")).0,
        0
    );
    let echoed = infer(&server, "echo", &input).ok();
    assert_eq!(echoed["outputs"][0]["data"], json!([0.5, 2.0]));
    for name in ["corrupt", "outside"] {
        let (code, said) = push(
            &server,
            name,
            &at(&format!("{name}.onnx")),
            None,
            &at("tensors.toml"),
        );
        assert_eq!(code, 6, "{name}: {said}");
        assert!(
            said.contains("the file of the model") && !said.contains("root:"),
            "{said}"
        );
        refused(&infer(&server, name, &input), 404, name);
        assert_eq!(infer(&server, "echo", &input).status, 200);
    }
    // A tokenizer of another model, whose numbers are beyond the table of this one; and none at all.
    let models = home().join("models");
    let of = |model: &str, file: &str| models.join(model).join(file);
    let (onnx, config) = (of("rampart", "model.onnx"), of("rampart", "model.toml"));
    let other = of("minilm", "tokenizer.json");
    for (name, tokenizer) in [("mismatched", Some(other.as_path())), ("without", None)] {
        let (code, said) = push(&server, name, &onnx, tokenizer, &config);
        assert_eq!(code, 6, "{name}: {said}");
        assert!(said.contains("tokenizer"), "{name}: {said}");
    }
    still_well(&server);

    // Numbers that are none, as raw bytes: JSON cannot say them.
    let head = json!({ "inputs": [{ "name": "x", "datatype": "FP32", "shape": [1, 2], "parameters": { "binary_data_size": 8 } }] });
    let head = head.to_string();
    let mut body = head.clone().into_bytes();
    body.extend(f32::NAN.to_le_bytes());
    body.extend(1f32.to_le_bytes());
    let request = server
        .request("POST", "/v2/models/echo/infer")
        .header("inference-header-content-length", head.len())
        .body(body);
    refused(&server.send(request), 400, "finite");
    assert_eq!(infer(&server, "echo", &input).status, 200);
}

#[test]
fn a_model_over_the_memory_budget_is_refused_and_a_smaller_one_serves() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_on(data.path(), &["--model-memory-mib", "40"]);
    server.push_model("minilm");
    server.push_model("magika");
    let refused = embed(&server, &json!(["too large"])).problem(507, "model-memory");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("--model-memory-mib"), "{detail}");
    let metadata = |model: &str| server.get(&format!("/v2/models/{model}"));
    assert_eq!(metadata("magika").status, 200);
    let loaded = server.post("/api/v1/models/magika/load", &json!({})).ok();
    assert_eq!(loaded["model"], "magika@1.0.0");
    embed(&server, &json!(["too large"])).problem(507, "model-memory");
}

#[test]
fn clients_that_leave_and_clients_that_crowd_do_no_harm() {
    let server = Server::start();
    server.push_model("minilm");
    still_well(&server);
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let body = json!({ "texts": vec!["somebody asks and leaves"; 64] }).to_string();
    let head = format!(
        "POST /api/v1/models/minilm/embed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        server.key,
        body.len()
    );
    for cut in [
        head.len() / 2,
        head.len() + body.len() / 2,
        head.len() + body.len(),
    ] {
        let whole = format!("{head}{body}");
        for _ in 0..8 {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.write_all(&whole.as_bytes()[..cut]).unwrap();
        }
    }
    still_well(&server);

    // Two thousand connections at once, each with a request that is answered.
    let ask = format!(
        "GET /v2/health/live HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        server.key
    );
    let mut streams: Vec<TcpStream> = (0..2000)
        .map(|n| {
            let stream =
                TcpStream::connect(&address).unwrap_or_else(|e| panic!("connection {n}: {e}"));
            stream
                .set_read_timeout(Some(Duration::from_secs(30)))
                .unwrap();
            stream
        })
        .collect();
    for stream in &mut streams {
        stream.write_all(ask.as_bytes()).unwrap();
    }
    for stream in &mut streams {
        let mut start = [0; 15];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 200 OK");
    }
    still_well(&server);
}

#[test]
fn ten_thousand_requests_are_served_or_told_to_come_again() {
    let server = Server::start();
    server.push_model("minilm");
    still_well(&server);
    let memory = |server: &Server| -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let before = memory(&server);
    // 10,000 texts in calls of 100, all at once: more than a model computes while they come.
    let texts: Vec<String> = (0..100)
        .map(|n| format!("request number {n} 第{n}个请求"))
        .collect();
    let body = json!({ "texts": texts });
    let outcomes: Vec<(u16, bool)> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    let request = server
                        .request("POST", "/api/v1/models/minilm/embed")
                        .timeout(Duration::from_secs(300))
                        .header("content-type", "application/json")
                        .body(body.to_string());
                    let answer = request.send().unwrap();
                    let status = answer.status().as_u16();
                    (status, answer.headers().contains_key("retry-after"))
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    for (status, retry) in &outcomes {
        assert!(*status == 200 || (*status == 429 && *retry), "{outcomes:?}");
    }
    assert!(outcomes.iter().any(|(status, _)| *status == 200));
    let after = memory(&server);
    assert!(
        after < before + 200 * 1024,
        "{before} KiB before, {after} KiB after"
    );
    still_well(&server);
}
