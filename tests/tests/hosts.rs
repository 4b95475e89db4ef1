//! Several hosts on one PostgreSQL and one S3, as `docs/operator.md` sets them up.
#![allow(clippy::unwrap_used)]

use serde_json::json;
use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, manifest};
use steward_tests::server::cli;
use steward_tests::services::SharedStores;
use steward_tests::{Server, until_answer};

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_share_a_registry() {
    let stores = SharedStores::start("hosts").await;
    tokio::task::spawn_blocking(move || shared(&stores))
        .await
        .unwrap();
}

fn shared(stores: &SharedStores) {
    let env = stores.env();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = Server::start_in(folders[0].path(), &[], &env);
    let mut second = Server::start_in(folders[1].path(), &[], &env);

    // Published and deployed on one, called on the other.
    let guest = cleaner(KEEPS_EVERYTHING);
    first
        .publish(&manifest("keeps", "1.0.0", "cleaner", ""), guest)
        .ok();
    first.deploy("keeps", "keeps", "1.0.0", json!({})).ok();
    // What one host changes reaches the others within a second.
    let answer = until_answer(
        "the other host serves it",
        || second.call("keeps", &["a"]),
        |answer| answer.status != 404,
    );
    assert_eq!(answer.ok(), json!(["kept"]));

    // A key that is revoked on one is refused by the other.
    let made = first.post(
        "/api/v1/keys",
        &json!({ "name": "guest", "role": "invoker" }),
    );
    let made = made.ok();
    let key = made["key"].as_str().unwrap();
    let id = made["id"].as_str().unwrap();
    let me = |server: &Server| server.send(server.request_as(Some(key), "GET", "/api/v1/me"));
    until_answer(
        "the key is known",
        || me(&second),
        |answer| answer.status == 200,
    );
    first
        .send(first.request("DELETE", &format!("/api/v1/keys/{id}")))
        .ok();
    until_answer(
        "the key is refused",
        || me(&second),
        |answer| answer.status == 401,
    );

    // Neither data folder holds what is shared: a host with a new one has everything.
    second.kill();
    let folder = tempfile::tempdir().unwrap();
    let third = Server::start_in(folder.path(), &[], &env);
    assert_eq!(third.call("keeps", &["a"]).ok(), json!(["kept"]));
    assert!(!folder.path().join("steward.db").exists());
    assert!(!folder.path().join("artifacts").exists());

    // Administration from a shell with the same variables.
    let listed = cli(
        &["key", "list", "--json"],
        &[("STEWARD_URL", &third.url), ("STEWARD_KEY", &third.key)],
    );
    assert!(listed.status.success(), "{listed:?}");
    assert!(!String::from_utf8_lossy(&listed.stdout).contains(key));
}
