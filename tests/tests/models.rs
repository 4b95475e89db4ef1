//! Models of other kinds than text, out of packages, pushed to the real binary and asked over the Open Inference
//! Protocol with what they are made for. What they are asked is in `clients/packaged.py`.
#![allow(clippy::unwrap_used)]

use steward_tests::server::cli;
use steward_tests::{Server, python};

#[test]
fn files_voices_and_images_are_understood() {
    let server = Server::start();
    for model in [
        "magika",
        "silero-vad",
        "rapidocr-det",
        "rapidocr-rec",
        "rapidocr-cls",
    ] {
        server.push_model(model);
    }
    let address = server.url.strip_prefix("http://").unwrap();
    let said = python("packaged.py", &[address, &server.key]);
    assert_eq!(said, "every model answered");
}

#[test]
fn a_model_that_wants_other_files_or_lacks_one_is_refused() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (onnx, config) = (path("model.onnx"), path("model.toml"));
    let push = |name: &str| {
        let (url, key) = (("STEWARD_URL", &*server.url), ("STEWARD_KEY", &*server.key));
        let files = ["--onnx", &onnx, "--config", &config];
        let args = ["model", "push", name, "--version", "1.0.0"];
        cli(&[&args[..], &files[..]].concat(), &[url, key])
    };
    // Model > graph > initializer, whose data are at `location`.
    let place = [&b"\x0a\x08location\x12\x0d"[..], b"../etc/passwd"].concat();
    let field = |number: u8, body: &[u8]| [&[number << 3 | 2, body.len() as u8], body].concat();
    let tensor = [field(8, b"w"), field(13, &place), vec![14 << 3, 1]].concat();
    std::fs::write(&onnx, field(7, &field(5, &tensor))).unwrap();
    std::fs::write(&config, "task = \"tensors\"").unwrap();
    let output = push("outside");
    assert_eq!(output.status.code(), Some(6));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("`../etc/passwd`") && said.contains("one file"),
        "{said}"
    );

    std::fs::write(&config, "task = \"embed\"").unwrap();
    let output = push("mute");
    assert_eq!(output.status.code(), Some(6));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("needs its tokenizer"), "{said}");
}
