//! Models of other kinds than text, out of packages, pushed to the real binary and asked over the Open Inference
//! Protocol with what they are made for. What they are asked is in `clients/packaged.py`.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use steward_tests::{Server, home, root};

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
    let output = Command::new(home().join("venv/bin/python"))
        .arg(root().join("tests/clients/packaged.py"))
        .args([address, &server.key])
        .output()
        .expect("the Python of `make setup` is there");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "every model answered"
    );
}
