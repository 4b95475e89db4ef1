//! Clients of other model servers, unchanged, against the real binary: `tritonclient` over HTTP and
//! gRPC, and `openai`. What they ask for is in `clients/models.py`.
#![allow(clippy::unwrap_used)]

use steward_tests::{Server, python};

#[test]
fn clients_of_other_servers_are_served() {
    let server = Server::start();
    server.push_model("minilm");
    server.push_model("rampart");
    server.cli(&["model", "quantize", "minilm", "--to", "int8"]);
    let viewer = server.cli(&["key", "create", "looks", "--role", "viewer"]);
    let reader = viewer["key"].as_str().unwrap();

    let address = server.url.strip_prefix("http://").unwrap();
    let said = python("models.py", &[address, &server.key, reader]);
    assert_eq!(said, "every client was served");
}
