//! The interfaces of WASI that are drafts: components of other projects run unchanged on them, and what
//! was acknowledged outlives the process.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use steward_tests::guest::manifest;
use steward_tests::services::Origin;
use steward_tests::{Server, built};

fn component(name: &str) -> Vec<u8> {
    std::fs::read(built(&format!("target/test-guests/{name}.wasm"))).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// A server with a component of the project wasmCloud, out of its package `wash-runtime`.
fn wash(name: &str, rest: &str, spec: Value) -> Server {
    with_wash(Server::start(), name, rest, spec)
}

fn with_wash(server: Server, name: &str, rest: &str, spec: Value) -> Server {
    server
        .publish(
            &manifest(name, "1.0.0", "function", rest),
            component(&format!("wash-{name}")),
        )
        .ok();
    server.deploy(name, name, "1.0.0", spec).ok();
    server
}

fn logs(server: &Server, function: &str) -> String {
    let path = format!("/api/v1/functions/{function}/logs");
    server.get(&path).ok().to_string()
}

#[test]
fn http_blobstore_of_wasmcloud_writes_and_reads_its_container() {
    let rest = "[requests]\nblobstore = [\"my-container-real\"]\n";
    let grants = json!({ "grants": { "blobstore": ["my-container-real"] } });
    let server = wash("http-blobstore", rest, grants);
    for body in ["第一个 object", "another one, written over it"] {
        let request = server.request("POST", "/f/default/http-blobstore/");
        let answered = server.send(request.body(body)).ok();
        assert!(text(&answered).contains(body), "{answered}");
    }
    let large = "大对象".repeat(300_000);
    let request = server.request("POST", "/f/default/http-blobstore/");
    let answered = server.send(request.body(large.clone())).ok();
    assert!(text(&answered).contains(&large));
}

#[test]
fn blobby_of_wasmcloud_logs_and_what_it_does_not_finish_is_not_kept() {
    let rest = "[requests]\nblobstore = [\"default\"]\n";
    let grants = json!({ "grants": { "blobstore": ["default"] } });
    let server = wash("blobby", rest, grants);
    let path = "/f/default/blobby/hello.txt";
    // It writes a value, names it, and drops it without `finish`, after which the draft takes it for
    // corrupted.
    let written = server.send(server.request("POST", path).body("你好"));
    assert_eq!(written.status, 201, "{written:?}");
    assert_eq!(server.get(path).status, 404);
    server.send(server.request("DELETE", path).body("")).ok();
    let logs = logs(&server, "blobby");
    assert!(
        logs.contains("creating missing container/bucket [default]")
            && logs.contains("container/bucket [default] already exists"),
        "{logs}"
    );
}

/// The grants of `http-counter` but for the request that it sends.
fn counter(extra: &[(&str, Value)]) -> (String, Value) {
    let mut rest =
        "[requests]\nkeyvalue = [\"default\"]\nblobstore = [\"http-responses\"]\n".to_owned();
    let mut grants = json!({ "keyvalue": ["default"], "blobstore": ["http-responses"] });
    for (kind, names) in extra {
        rest += &format!("{kind} = {names}\n");
        grants[*kind] = names.clone();
    }
    rest += "[config.greeting]\ndefault = \"你好\"\n[config.colour]\n";
    let spec = json!({ "grants": grants, "config": { "colour": "blue" } });
    (rest, spec)
}

#[test]
fn http_counter_of_wasmcloud_sends_a_request_stores_its_answer_and_counts() {
    let origin = Origin::start("<h1>Example Domain 示例</h1>");
    let folder = tempfile::tempdir().unwrap();
    let authority = Origin::authority();
    let detour = format!("example.com:443={}", origin.address);
    let server = Server::start_on(
        folder.path(),
        &[
            "--egress-allow",
            "127.0.0.1",
            "--egress-ca",
            authority.to_str().unwrap(),
            "--egress-connect-to",
            &detour,
        ],
    );
    let (rest, spec) = counter(&[("http", json!(["https://example.com"]))]);
    let server = with_wash(server, "http-counter", &rest, spec);
    for count in 1..=3 {
        let answer = server.get("/f/default/http-counter/").ok();
        assert!(answer.to_string().contains(&count.to_string()), "{answer}");
    }
    assert_eq!(origin.asked(), ["GET / HTTP/1.1 example.com"; 3]);
    let logs = logs(&server, "http-counter");
    for said in [
        "Starting HTTP counter request processing",
        "Config key: greeting = 你好",
        "Config key: colour = blue",
        "Received response with status: 200",
        "Successfully stored 30 bytes in object: example-com-response",
        "Request count incremented to: 3",
    ] {
        assert!(logs.contains(said), "{said}: {logs}");
    }
}

#[test]
fn http_counter_of_wasmcloud_counts_nothing_where_its_request_is_not_allowed() {
    let (rest, spec) = counter(&[]);
    let server = wash("http-counter", &rest, spec);
    let refused = server.get("/f/default/http-counter/");
    assert_eq!(refused.status, 500, "{refused:?}");
    let logs = logs(&server, "http-counter");
    assert!(
        logs.contains("Config key: greeting = 你好") && !logs.contains("Request count incremented"),
        "{logs}"
    );
}

/// A server with the guest `keeps` as two functions that share a bucket.
fn keeps(data: Option<&std::path::Path>) -> Server {
    let server = match data {
        Some(data) => Server::start_on(data, &[]),
        None => Server::start(),
    };
    let text =
        std::fs::read_to_string(steward_tests::root().join("tests/guests/keeps/steward.toml"));
    server.publish(&text.unwrap(), component("keeps")).ok();
    for function in ["keeps", "keeps-too"] {
        let grants = json!({
            "keyvalue": ["counts", "shared"], "blobstore": ["files"], "inference": ["magika"],
        });
        server
            .deploy(function, "keeps", "1.0.0", json!({ "grants": grants }))
            .ok();
    }
    server
}

fn ask(server: &Server, path: &str) -> Value {
    server.get(&format!("/f/default/{path}")).ok()
}

#[test]
fn buckets_count_exactly_and_are_shared_by_those_who_are_granted_them() {
    let server = keeps(None);
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let function = ["keeps", "keeps-too"][worker % 2];
                for _ in 0..5 {
                    ask(server, &format!("{function}/increment/counts/sum/3"));
                    let swapped = ask(server, &format!("{function}/swap/counts/swapped/1"));
                    assert!(swapped["value"].is_u64(), "{swapped}");
                }
            });
        }
    });
    assert_eq!(ask(&server, "keeps/get/counts/sum"), json!("120"));
    assert_eq!(ask(&server, "keeps-too/get/counts/swapped"), json!("40"));
    assert_eq!(ask(&server, "keeps/decrement/counts/sum/200"), json!(-80));
    // What is below zero is no number of the older draft.
    let refused = ask(&server, "keeps/increment/counts/sum/1");
    assert!(refused["error"].is_string(), "{refused}");
    assert_eq!(
        ask(&server, "keeps/stale/shared/key"),
        json!({ "stale": true, "current": "between" })
    );
    assert_eq!(ask(&server, "keeps/delete/shared/key"), json!(false));
    assert_eq!(ask(&server, "keeps/fill/shared/2003"), json!([true, false]));
    assert_eq!(
        ask(&server, "keeps/keys/shared"),
        json!({ "keys": 2003, "pages": 3, "same": true })
    );
    // A megabyte fits, a byte more does not.
    for (size, kept) in [(1 << 20, true), ((1 << 20) + 1, false)] {
        let request = server.request("POST", "/f/default/keeps/set/shared/large");
        let answer = server.send(request.body("x".repeat(size))).ok();
        assert_eq!(answer == json!(true), kept, "{answer}");
    }
}

#[test]
fn what_was_not_granted_is_denied_and_said_in_the_log() {
    let server = keeps(None);
    let denied = ask(&server, "keeps/open/others");
    assert_eq!(denied, json!({ "error": "access-denied" }));
    let none = ask(&server, "keeps/open/..%2Fcounts");
    assert_eq!(none, json!({ "error": "no-such-store" }));
    let said = logs(&server, "keeps");
    assert!(said.contains("keyvalue = [\\\"others\\\"]"), "{said}");
    let denied = ask(&server, "keeps/container/others");
    let why = text(&denied["error"]);
    assert!(
        why.contains("`[requests] blobstore = [\"others\"]`")
            && why.contains("`--grant blobstore=others`"),
        "{why}"
    );
    // Without the grants that the manifest asks for, it is not deployed at all.
    let refused = server.deploy("bare", "keeps", "1.0.0", json!({}));
    refused.problem(403, "grant-missing");
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = keeps(Some(folder.path()));
    for n in 1..=10 {
        let counted = ask(&server, "keeps/increment/counts/sum/1");
        assert_eq!(counted, json!(n));
    }
    let written = ask(&server, "keeps/blob/kept/100000");
    assert_eq!(written["read"], 100_000);
    server.kill();
    let server = Server::start_on(folder.path(), &[]);
    assert_eq!(ask(&server, "keeps/increment/counts/sum/1"), json!(11));
    let again = ask(&server, "keeps/blob/kept/5");
    assert_eq!(again["before"], true, "{again}");
}

#[test]
fn objects_stream_both_ways() {
    let server = keeps(None);
    // Several pieces of an upload, and more than the stream holds at a time.
    let size = 11_000_000;
    let answer = ask(&server, &format!("keeps/blob/名字/{size}"));
    let part: Vec<u32> = (4090..=4100).map(|n| (n % 4096) % 251).collect();
    assert_eq!(
        answer,
        json!({
            "before": false,
            "size": size,
            "part": part,
            "announced": size,
            "read": size,
            // In the order of their making; the name is that of the path, which the guest does not decode.
            "names": ["%E5%90%8D%E5%AD%97", "moved"],
            "end": true,
            "after": false,
            "elsewhere": answer["elsewhere"],
        })
    );
    let why = text(&answer["elsewhere"]);
    assert!(why.contains("blobstore=others"), "{why}");
}

#[test]
fn configuration_is_the_same_in_every_draft() {
    let server = keeps(None);
    assert_eq!(
        ask(&server, "keeps/config"),
        json!({ "all": [["greeting", "你好"]], "one": "你好", "none": null })
    );
    let said = logs(&server, "keeps");
    assert!(
        said.contains("asked for it") && said.contains("测试") && said.contains("critical"),
        "{said}"
    );
}

#[test]
fn graphs_are_models_of_the_tenant_by_name() {
    let server = keeps(None);
    server.push_model("magika");
    let computed = ask(&server, "keeps/compute/magika/2");
    let output = &computed[0];
    assert_eq!(output["dimensions"], json!([2, 214]), "{computed}");
    assert!(
        text(&output["type"]).eq_ignore_ascii_case("TensorType::FP32")
            || text(&output["type"]).eq_ignore_ascii_case("FP32"),
        "{computed}"
    );
    // Probabilities of a row.
    for sum in output["sums"].as_array().unwrap() {
        assert!((sum.as_f64().unwrap() - 1.0).abs() < 1e-3, "{computed}");
    }
    let denied = ask(&server, "keeps/compute/minilm/1");
    let why = text(&denied["error"]).to_lowercase();
    assert!(
        why.contains("security") && why.contains("inference=minilm"),
        "{why}"
    );
}

/// The bytes of the graph of a model that `make setup` installed.
fn graph_of(model: &str) -> Vec<u8> {
    let path = steward_tests::home().join(format!("models/{model}/model.onnx"));
    std::fs::read(path).unwrap()
}

#[test]
fn bytes_are_the_granted_model_whose_graph_they_are_and_nothing_else() {
    let server = keeps(None);
    server.push_model("magika");
    let load = |how: &str, bytes: &[u8]| {
        let path = format!("/f/default/keeps/load/{how}/2");
        server
            .send(server.request("POST", &path).body(bytes.to_vec()))
            .ok()
    };
    let refused = |how: &str, bytes: &[u8], code: &str| {
        let answer = load(how, bytes);
        let why = answer["error"].as_str().unwrap_or_default();
        assert!(why.contains(code), "{answer}");
        why.to_owned()
    };
    let bytes = graph_of("magika");
    // The same graph as by its name, to the last digit.
    let by_name = ask(&server, "keeps/compute/magika/2");
    assert_eq!(by_name[0]["dimensions"], json!([2, 214]), "{by_name}");
    for how in ["onnx/1", "autodetect/1"] {
        assert_eq!(load(how, &bytes), by_name);
    }
    // A record of a call names the model that answered, shown by name or by bytes.
    let calls = "/api/v1/functions/keeps/invocations?limit=10";
    steward_tests::until("the calls are recorded", || {
        let calls = server.get(calls).ok().to_string();
        (calls.matches("magika@1.0.0").count() == 3).then_some(())
    });
    refused("openvino/1", &bytes, "InvalidEncoding");
    refused("onnx/0", &bytes, "InvalidArgument");
    refused("onnx/2", &bytes, "InvalidArgument");

    // More than a call may hand over at once ends it before a byte is looked at.
    let request = server.request("POST", "/f/default/keeps/load/onnx/12/2");
    server
        .send(request.body(bytes.clone()))
        .problem(502, "output-too-large");

    // Other bytes, as many of them or not, are no model.
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    for bytes in [&other[..], &bytes[..1000], b""] {
        let why = refused("onnx/1", bytes, "NotFound");
        assert!(
            why.contains("steward model push") && why.contains("--grant inference=NAME"),
            "{why}"
        );
    }
    // A model of the tenant that the function was not granted is told in no other way; its log says more.
    let silero = graph_of("silero-vad");
    let unknown = refused("onnx/1", &silero, "NotFound");
    server.push_model("silero-vad");
    assert_eq!(refused("onnx/1", &silero, "NotFound"), unknown);
    let said = logs(&server, "keeps");
    assert!(
        said.contains("silero-vad@1.0.0") && said.contains("--grant inference=silero-vad@1.0.0"),
        "{said}"
    );

    // The same component of another tenant, which was granted the name and has no such model.
    let acme = keeps_of_acme(&server);
    let path = "/f/acme/keeps/load/onnx/1/2";
    let request = server.request_as(Some(&acme), "POST", path);
    let answer = server.send(request.body(bytes)).ok();
    assert!(text(&answer["error"]).contains("NotFound"), "{answer}");
}

/// Publishes and deploys the guest `keeps` in another tenant under the same names, and returns its key.
fn keeps_of_acme(server: &Server) -> String {
    let boss = server.platform_key();
    server.cli_as(&boss, &["tenant", "create", "acme"]);
    let made = server.cli_as(&boss, &["key", "create", "owner", "--tenant", "acme"]);
    let acme = text(&made["key"]);
    let manifest = steward_tests::root().join("tests/guests/keeps/steward.toml");
    let wasm = built("target/test-guests/keeps.wasm");
    let publish = ["plugin", "publish", "--component", wasm.to_str().unwrap()];
    let manifest = ["--manifest", manifest.to_str().unwrap()];
    server.cli_as(acme, &[&publish[..], &manifest].concat());
    let grants = [
        "keyvalue=counts",
        "keyvalue=shared",
        "blobstore=files",
        "inference=magika",
    ];
    let mut deploy = vec!["function", "deploy", "keeps", "--plugin", "keeps"];
    deploy.extend(grants.iter().flat_map(|grant| ["--grant", grant]));
    server.cli_as(acme, &deploy);
    acme.to_owned()
}

#[test]
fn a_step_uses_the_stores_models_and_datasets_that_it_was_granted() {
    let server = Server::start();
    server.push_model("minilm");
    let rows: String = (0..800)
        .map(|n| json!({ "customer": n / 2, "amount": n % 100 }).to_string() + "\n")
        .collect();
    let added = server.request("POST", "/api/v1/datasets/orders").body(rows);
    assert_eq!(server.send(added).ok()["rows"], 800);
    let manifest = steward_tests::root().join("tests/guests/steps/steward.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let asks = "[requests]\nkeyvalue = [\"counts\"]\nblobstore = [\"files\"]\ninference = [\"minilm\"]\nprivacy = [\"orders\"]\n";
    let manifest = manifest.replace("[config.lie]", &format!("{asks}[config.lie]"));
    server.publish(&manifest, component("steps")).ok();
    let grants = json!({
        "keyvalue": ["counts"], "blobstore": ["files"], "inference": ["minilm"], "privacy": ["orders"],
    });
    server
        .deploy("steps", "steps", "1.0.0", json!({ "grants": grants }))
        .ok();
    let unit = ["--unit", "customer", "--epsilon", "10"];
    let budget = ["privacy", "budget", "orders", "--function", "steps"];
    server.cli(&[&budget[..], &unit].concat());

    let run = |what: &str, name: &str| {
        let payload = json!({ "do": what, "name": name });
        server.post("/f/default/steps", &payload)
    };
    for count in 1..=2 {
        assert_eq!(run("keyvalue", "counts").ok()["count"], count);
    }
    assert_eq!(run("blobstore", "files").ok()["read"], "你好");
    assert_eq!(run("model", "minilm").ok()["numbers"], 384);
    let asked = run("dataset", "orders").ok();
    assert_eq!(asked["snapshot"], "orders@1", "{asked}");
    let rows = asked["rows"].as_f64().unwrap();
    assert!((rows - 800.0).abs() < 20.0, "{asked}");
    for (what, name) in [
        ("keyvalue", "others"),
        ("blobstore", "others"),
        ("model", "magika"),
        ("dataset", "visits"),
    ] {
        let refused = run(what, name);
        assert_eq!(refused.status, 422, "{what}: {refused:?}");
    }
}

#[test]
fn the_same_names_of_another_tenant_are_other_things() {
    let server = keeps(None);
    server.push_model("magika");
    let acme = keeps_of_acme(&server);
    let theirs = |path: &str| {
        let path = format!("/f/acme/keeps/{path}");
        server
            .send(server.request_as(Some(&acme), "GET", &path))
            .ok()
    };
    // A bucket: neither its values nor its keys.
    assert_eq!(ask(&server, "keeps/increment/counts/sum/5"), json!(5));
    ask(&server, "keeps/fill/shared/3");
    assert_eq!(theirs("get/counts/sum"), Value::Null);
    assert_eq!(theirs("increment/counts/sum/1"), json!(1));
    assert_eq!(theirs("keys/shared")["keys"], 0);
    assert_eq!(ask(&server, "keeps/get/counts/sum"), json!("5"));
    // A container: what is written under the same name leaves the other as it was.
    assert_eq!(ask(&server, "keeps/blob/kept/100")["before"], false);
    let written = theirs("blob/kept/7");
    assert_eq!(
        (&written["before"], &written["names"]),
        (&json!(false), &json!(["kept", "moved"]))
    );
    assert_eq!(ask(&server, "keeps/blob/kept/100")["before"], true);
    // A model, and the log of a function of the same name.
    assert!(ask(&server, "keeps/compute/magika/1").is_array());
    let none = theirs("compute/magika/1");
    assert!(text(&none["error"]).contains("NotFound"), "{none}");
    ask(&server, "keeps/config");
    assert!(logs(&server, "keeps").contains("asked for it"));
    let path = "/api/v1/functions/keeps/logs";
    let log = server
        .send(server.request_as(Some(&acme), "GET", path))
        .ok();
    assert!(!log.to_string().contains("asked for it"), "{log}");
}
