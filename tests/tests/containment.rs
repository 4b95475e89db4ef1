//! What a call may use, alone and with others; who waits; what an instance keeps; what a call leaves.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use reqwest::blocking::multipart;
use serde_json::{Value, json};
use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, component, hostile, manifest};
use steward_tests::{Answer, Server, batch, built, until, until_answer};

/// A cleaner that gives up on its `nth` call, if it remembers the ones before.
fn gives_up_at(nth: u32) -> Vec<u8> {
    cleaner(&format!(
        "(i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1)))
         (if (i32.eq (i32.load (i32.const 512)) (i32.const {nth})) (then unreachable))
         {KEEPS_EVERYTHING}"
    ))
}

/// A cleaner that logs `hello` so many times.
fn logs(lines: u32) -> Vec<u8> {
    let module = format!(
        r#"(module
            (import "steward:log/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
            (memory (export "memory") 8)
            (data (i32.const 600) "hello")
            (global $next (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
              (local $at i32)
              (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
              (global.set $next (i32.add (local.get $at) (local.get 3)))
              (local.get $at))
            (func (export "steward:cleaning/cleaner@0.1.0#clean") (param $batch i32) (param $count i32) (result i32)
              (local $left i32)
              (local.set $left (i32.const {lines}))
              (loop $again
                (call $log (i32.const 2) (i32.const 600) (i32.const 5) (i32.const 0) (i32.const 0))
                (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                (br_if $again (local.get $left)))
              {KEEPS_EVERYTHING})
            (func (export "steward:cleaning/cleaner@0.1.0#fingerprint") (param i32 i32) (result i32)
              unreachable))"#
    );
    component("cleaner", &module)
}

/// A cleaner that needs so many more elements in its table.
fn grows_its_table(elements: u32) -> Vec<u8> {
    let module = format!(
        r#"(module
            (memory (export "memory") 8)
            (table $t 1 funcref)
            (global $next (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
              (local $at i32)
              (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
              (global.set $next (i32.add (local.get $at) (local.get 3)))
              (local.get $at))
            (func (export "steward:cleaning/cleaner@0.1.0#clean") (param $batch i32) (param $count i32) (result i32)
              (if (i32.eq (table.grow $t (ref.null func) (i32.const {elements})) (i32.const -1))
                (then unreachable))
              {KEEPS_EVERYTHING})
            (func (export "steward:cleaning/cleaner@0.1.0#fingerprint") (param i32 i32) (result i32)
              unreachable))"#
    );
    component("cleaner", &module)
}

/// Publishes a cleaner and deploys it under its name.
fn deploy(server: &Server, name: &str, rest: &str, component: Vec<u8>) {
    server
        .publish(&manifest(name, "1.0.0", "cleaner", rest), component)
        .ok();
    server.deploy(name, name, "1.0.0", json!({})).ok();
}

/// The same with a `wasi:http` guest that `make build` made.
fn deploy_http(server: &Server, name: &str, guest: &str, rest: &str) {
    let component = std::fs::read(built(&format!("target/test-guests/{guest}.wasm"))).unwrap();
    let manifest = manifest(name, "1.0.0", "function", rest);
    server.publish(&manifest, component).ok();
    server.deploy(name, name, "1.0.0", json!({})).ok();
}

/// The key of an operator of another tenant.
fn neighbour(server: &Server) -> String {
    let boss = server.platform_key();
    server.cli_as(&boss, &["tenant", "create", "acme"]);
    let owner = server.cli_as(&boss, &["key", "create", "owner", "--tenant", "acme"]);
    owner["key"].as_str().unwrap().to_owned()
}

/// Publishes a cleaner of the other tenant and deploys it under its name.
fn deploy_beside(server: &Server, key: &str, name: &str, component: Vec<u8>) {
    let component = multipart::Part::bytes(component).file_name("component.wasm");
    let form = multipart::Form::new()
        .text("manifest", manifest(name, "1.0.0", "cleaner", ""))
        .part("component", component);
    let request = server.request_as(Some(key), "POST", "/api/v1/plugins");
    server.send(request.multipart(form)).ok();
    let spec = json!({"plugin": name, "targets": [{"version": "1.0.0", "percent": 100}]});
    let path = format!("/api/v1/functions/{name}");
    let request = server.request_as(Some(key), "PUT", &path);
    server.send(request.json(&spec)).ok();
}

/// Calls a cleaner of the other tenant.
fn call_beside(server: &Server, key: &str, name: &str) -> Answer {
    let path = format!("/f/acme/{name}");
    let request = server.request_as(Some(key), "POST", &path);
    server.send(request.json(&batch(&["x"])))
}

/// The newest records of a function; waits until there are so many.
fn records(server: &Server, name: &str, count: usize) -> Vec<Value> {
    records_of(server, name, "", count)
}

/// The same of those with an outcome.
fn records_of(server: &Server, name: &str, outcome: &str, count: usize) -> Vec<Value> {
    let path = format!("/api/v1/functions/{name}/invocations{outcome}");
    until_answer(
        &format!("{count} records of {name}"),
        || server.get(&path).ok().as_array().unwrap().clone(),
        |records| records.len() >= count,
    )
}

#[test]
fn a_guest_that_computes_and_one_that_waits_have_deadlines_of_their_own() {
    let server = Server::start();
    let both = "[limits]\ncpu_ms = 100\ntimeout_ms = 20000\n";
    deploy(&server, "spins", both, hostile("spins"));
    let start = Instant::now();
    server
        .call("spins", &["x"])
        .problem(504, "cpu-time-exceeded");
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "not the wall deadline"
    );
    let record = &records(&server, "spins", 1)[0];
    assert_eq!(record["problem"], "cpu-time-exceeded");
    assert!(record["cpu_us"].as_u64().unwrap() >= 100_000, "{record}");

    // The same while it streams its answer: the reader sees that it breaks off.
    deploy_http(&server, "late", "waits", both);
    let begun = server.request("GET", "/f/default/late/computes-in-its-body");
    let response = begun.send().unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().is_err());
    assert_eq!(
        records(&server, "late", 1)[0]["problem"],
        "cpu-time-exceeded"
    );

    // To wait is not to compute.
    let wall = "[limits]\ncpu_ms = 200\ntimeout_ms = 600\n";
    deploy_http(&server, "waits", "waits", wall);
    server
        .get("/f/default/waits/waits")
        .problem(504, "deadline-exceeded");
    let record = &records(&server, "waits", 1)[0];
    let micros = |name: &str| record[name].as_u64().unwrap();
    assert!(
        micros("wall_us") >= 600_000 && micros("cpu_us") < 200_000,
        "{record}"
    );
}

#[test]
fn a_guest_that_waits_for_the_host_has_a_deadline_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_on(folder.path(), &["--egress-allow", "127.0.0.1"]);
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", silent.local_addr().unwrap());
    let rest = format!("[limits]\ntimeout_ms = 500\n[requests]\nhttp = [\"{origin}\"]\n");
    let component = std::fs::read(built("target/test-guests/calls.wasm")).unwrap();
    let manifest = manifest("asks", "1.0.0", "function", &rest);
    server.publish(&manifest, component).ok();
    let grants = json!({"grants": {"http": [origin]}});
    server.deploy("asks", "asks", "1.0.0", grants).ok();
    let request = server.request("GET", "/f/default/asks/send");
    let answer = server.send(request.header("x-url", format!("{origin}/")));
    answer.problem(504, "deadline-exceeded");
    let record = &records(&server, "asks", 1)[0];
    assert_eq!(record["problem"], "deadline-exceeded");
    let micros = |name: &str| record[name].as_u64().unwrap();
    assert!(
        micros("wall_us") >= 500_000 && micros("cpu_us") < micros("wall_us"),
        "{record}"
    );
}

#[test]
fn a_manifest_narrows_memory_tables_and_handles() {
    let server = Server::start();
    let grows_its_memory = cleaner(&format!(
        "(if (i32.eq (memory.grow (i32.const 64)) (i32.const -1)) (then unreachable))
         {KEEPS_EVERYTHING}"
    ));
    for (name, component, limit) in [
        ("memory", grows_its_memory, "memory_mib = 2"),
        ("table", grows_its_table(100), "table_elements = 10"),
    ] {
        deploy(&server, name, "", component.clone());
        assert_eq!(server.call(name, &["x"]).ok(), json!(["kept"]));
        let narrow = format!("narrow-{name}");
        deploy(&server, &narrow, &format!("[limits]\n{limit}\n"), component);
        let refused = server.call(&narrow, &["x"]);
        refused.problem(502, "memory-exceeded");
    }
    let narrow = "[limits]\nhandles = 10\n";
    deploy_http(&server, "handles", "hostile-http02", "");
    deploy_http(&server, "narrow-handles", "hostile-http02", narrow);
    let holds = |name: &str| server.get(&format!("/f/default/{name}/holds-twenty-handles"));
    assert_eq!(holds("handles").ok(), "held");
    holds("narrow-handles").problem(502, "handles-exceeded");
}

#[test]
fn host_calls_logs_answers_and_instances_have_limits() {
    let server = Server::start();
    deploy(&server, "calls", "[limits]\nhost_calls = 10\n", logs(11));
    server
        .call("calls", &["x"])
        .problem(502, "host-calls-exceeded");

    let rest = "[limits]\nhost_calls_per_second = 10\n";
    deploy(&server, "calls-a-second", rest, logs(11));
    server
        .call("calls-a-second", &["x"])
        .problem(429, "host-call-rate-exceeded");

    // What is too much to log is dropped, and the call goes on.
    deploy(
        &server,
        "lines",
        "[limits]\nlog_lines_per_second = 7\n",
        logs(50),
    );
    assert_eq!(server.call("lines", &["x"]).ok(), json!(["kept"]));
    let lines = server.get("/api/v1/functions/lines/logs").ok();
    assert_eq!(lines.as_array().unwrap().len(), 7, "{lines}");
    deploy(&server, "bytes", "[limits]\nlog_kib = 1\n", logs(1000));
    assert_eq!(server.call("bytes", &["x"]).ok(), json!(["kept"]));
    let lines = server.get("/api/v1/functions/bytes/logs").ok();
    let kept = lines.as_array().unwrap();
    assert!(kept.len() < 180, "{}", kept.len());
    let last = kept.last().unwrap()["message"].as_str().unwrap();
    assert!(last.contains("logged 1024 bytes"), "{last}");
    assert_eq!(records(&server, "bytes", 1)[0]["host_calls"], 1000);

    // A deployment narrows what the manifest leaves open: it is made of the module and of what
    // connects it with its import.
    server
        .deploy(
            "bytes",
            "bytes",
            "1.0.0",
            json!({"limits": {"instances": 1}}),
        )
        .problem(422, "invalid-function");
    let lines = server.get("/api/v1/functions/bytes/logs").ok().to_string();
    assert!(lines.contains("instances-exceeded"), "{lines}");

    // An answer over its limit: one value, and a stream.
    let rest = "[limits]\noutput_kib = 64\n";
    deploy(&server, "long", rest, hostile("answers-a-long-text"));
    server.call("long", &["x"]).problem(502, "output-too-large");
    deploy_http(&server, "echo", "wstd-http-server", rest);
    // Where the answer breaks off while the request still comes, the connection goes with it.
    let echo = |bytes: usize| {
        let request = server.request("POST", "/f/default/echo/echo");
        let response = request.body(vec![b'x'; bytes]).send().ok()?;
        let whole = response.status() == 200;
        response.bytes().ok().filter(|_| whole)
    };
    assert_eq!(echo(60 << 10).unwrap().len(), 60 << 10);
    assert_eq!(echo(300 << 10), None);
    let record = &records(&server, "echo", 2)[0];
    assert_eq!(record["problem"], "output-too-large", "{record}");
}

#[test]
fn over_the_concurrency_a_call_waits_and_over_the_queue_it_is_told_when_to_come_back() {
    let server = Server::start();
    let rest = "[limits]\ntimeout_ms = 3000\nconcurrency = 1\nqueue = 1\n";
    deploy(&server, "spins", rest, hostile("spins"));
    let answers: Vec<_> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..5)
            .map(|_| {
                scope.spawn(|| {
                    let request = server.request("POST", "/f/default/spins");
                    let response = request.json(&batch(&["x"])).send().unwrap();
                    let header = |name| response.headers().get(name).cloned();
                    let (retry, id) = (header("retry-after"), header("steward-invocation-id"));
                    (response.status().as_u16(), retry, id)
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let with = |status| answers.iter().filter(move |answer| answer.0 == status);
    assert_eq!(
        (with(504).count(), with(429).count()),
        (2, 3),
        "{answers:?}"
    );
    for (_, retry, id) in with(429) {
        let seconds: u64 = retry.as_ref().unwrap().to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds));
        assert!(id.is_some(), "every answer of a function names its call");
    }
    let waited = records(&server, "spins", 2);
    let queued = |record: &Value| record["queued_us"].as_u64().unwrap();
    assert!(
        waited.iter().any(|record| queued(record) >= 1_000_000),
        "{waited:?}"
    );
    assert!(
        waited.iter().any(|record| queued(record) < 1_000_000),
        "{waited:?}"
    );
}

#[test]
fn a_tenant_has_limits_beside_those_of_its_functions() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--tenant-memory-mib", "24", "--tenant-host-calls", "20"];
    let server = Server::start_on(folder.path(), &args);
    // It may take 128 MiB, and its tenant has 24.
    deploy(&server, "grows", "", hostile("gives-up-without-memory"));
    server
        .call("grows", &["x"])
        .problem(503, "tenant-memory-exceeded");
    // What it held is given back.
    deploy(&server, "innocent", "", cleaner(KEEPS_EVERYTHING));
    assert_eq!(server.call("innocent", &["x"]).ok(), json!(["kept"]));
    deploy(&server, "logs", "", logs(21));
    server
        .call("logs", &["x"])
        .problem(429, "host-call-rate-exceeded");
}

#[test]
fn what_one_tenant_runs_into_keeps_no_other_from_going_on() {
    let folder = tempfile::tempdir().unwrap();
    let args = [
        ["--tenant-table-elements", "5000"],
        ["--tenant-instances", "1"],
        ["--tenant-output-kib-per-second", "8"],
        ["--tenant-log-kib-per-second", "1"],
    ];
    let server = Server::start_on(folder.path(), &args.concat());
    let acme = neighbour(&server);
    deploy_beside(&server, &acme, "innocent", cleaner(KEEPS_EVERYTHING));
    deploy_beside(&server, &acme, "logs", logs(50));
    deploy(&server, "innocent", "", cleaner(KEEPS_EVERYTHING));
    let innocent = || server.call("innocent", &["x"]);

    deploy(&server, "tables", "", hostile("grows-its-table"));
    server
        .call("tables", &["x"])
        .problem(503, "tenant-memory-exceeded");
    // What it held is given back.
    assert_eq!(innocent().ok(), json!(["kept"]));

    // One instance, and it is there for as long as its answer goes on.
    deploy_http(&server, "waits", "waits", "[limits]\ntimeout_ms = 5000\n");
    let path = "/f/default/waits/waits-in-its-body";
    let held = server.request("GET", path).send().unwrap();
    assert_eq!(held.status(), 200);
    innocent().problem(503, "tenant-instances-exceeded");
    let beside = call_beside(&server, &acme, "innocent");
    assert_eq!(beside.ok(), json!(["kept"]));
    drop(held);
    until_answer("room for an instance", innocent, |a| a.status == 200);

    // 14,001 bytes.
    let many = server.call("innocent", &["x"; 2000]);
    many.problem(429, "output-rate-exceeded");
    until_answer(
        "the record of what was not answered",
        || records_of(&server, "innocent", "?outcome=failed", 1),
        |records| records[0]["problem"] == "output-rate-exceeded",
    );
    let beside = call_beside(&server, &acme, "innocent");
    assert_eq!(beside.ok(), json!(["kept"]));

    // 6,000 bytes, of which a second has room for one in six.
    deploy(&server, "logs", "", logs(1000));
    assert_eq!(server.call("logs", &["x"]).ok(), json!(["kept"]));
    let beside = call_beside(&server, &acme, "logs");
    assert_eq!(beside.ok(), json!(["kept"]));
    let path = "/api/v1/functions/logs/logs?limit=1000";
    let kept = |answer: Answer| answer.ok().as_array().unwrap().len();
    assert!(kept(server.get(path)) < 1000);
    let beside = server.request_as(Some(&acme), "GET", path);
    assert_eq!(kept(server.send(beside)), 50);
}

#[test]
fn over_the_concurrency_of_its_tenant_a_call_waits_and_one_of_another_tenant_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_on(folder.path(), &["--tenant-concurrency", "1"]);
    let acme = neighbour(&server);
    deploy_beside(&server, &acme, "innocent", cleaner(KEEPS_EVERYTHING));
    deploy(&server, "innocent", "", cleaner(KEEPS_EVERYTHING));
    // Another function of the same tenant has the only turn until its deadline.
    deploy_http(&server, "waits", "waits", "[limits]\ntimeout_ms = 5000\n");
    let path = "/f/default/waits/waits-in-its-body";
    let held = server.request("GET", path).send().unwrap();
    assert_eq!(held.status(), 200);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| server.call("innocent", &["x"]).ok());
        let beside = call_beside(&server, &acme, "innocent");
        assert_eq!(beside.ok(), json!(["kept"]));
        assert_eq!(waits.join().unwrap(), json!(["kept"]));
    });
    drop(held);
    let waited = &records(&server, "innocent", 1)[0];
    assert!(
        waited["queued_us"].as_u64().unwrap() >= 1_000_000,
        "{waited}"
    );
    let request = server.request_as(Some(&acme), "GET", "/api/v1/functions/innocent/invocations");
    let beside = &server.send(request).ok()[0];
    assert!(
        beside["queued_us"].as_u64().unwrap() < 1_000_000,
        "{beside}"
    );
}

#[test]
fn an_instance_is_fresh_unless_its_plugin_asks_to_be_used_again() {
    let server = Server::start();
    deploy(&server, "fresh", "", gives_up_at(2));
    for _ in 0..5 {
        server.call("fresh", &["x"]).ok();
    }

    // Reused, the second call of each instance gives up; that instance is thrown away, and the call
    // after it has another.
    deploy(&server, "reused", "[function.reuse]\n", gives_up_at(2));
    for _ in 0..3 {
        server.call("reused", &["x"]).ok();
        server.call("reused", &["x"]).problem(502, "guest-crashed");
    }
    let reused: Vec<bool> = records(&server, "reused", 6)
        .iter()
        .map(|record| record["reused"].as_bool().unwrap())
        .collect();
    assert_eq!(reused, [true, false, true, false, true, false]);

    // Not by another function of the same plugin, nor by another revision of the same function.
    server.call("reused", &["x"]).ok();
    server.deploy("twin", "reused", "1.0.0", json!({})).ok();
    server.call("twin", &["x"]).ok();
    server.deploy("reused", "reused", "1.0.0", json!({})).ok();
    server.call("reused", &["x"]).ok();
    server.call("reused", &["x"]).problem(502, "guest-crashed");

    // As often as it asks for, and no longer than it asks for.
    let twice = "[function.reuse]\nrequests = 2\n";
    deploy(&server, "twice", twice, gives_up_at(3));
    let hasty = "[function.reuse]\nidle_ms = 1\n";
    deploy(&server, "hasty", hasty, gives_up_at(2));
    for _ in 0..7 {
        server.call("twice", &["x"]).ok();
        server.call("hasty", &["x"]).ok();
        std::thread::sleep(Duration::from_millis(3));
    }
}

#[test]
fn a_reused_instance_has_one_call_at_a_time_with_limits_of_its_own() {
    let server = Server::start();
    // Each call has its own host calls, log and time.
    let rest = "[limits]\nhost_calls = 10\nlog_kib = 1\n[function.reuse]\n";
    deploy(&server, "calls", rest, logs(10));
    for _ in 0..5 {
        assert_eq!(server.call("calls", &["x"]).ok(), json!(["kept"]));
    }
    let calls = records(&server, "calls", 5);
    for record in &calls {
        assert_eq!(
            (&record["host_calls"], &record["log_bytes"]),
            (&json!(10), &json!(60))
        );
        let id = record["id"].as_str().unwrap();
        let path = format!("/api/v1/functions/calls/logs?invocation={id}");
        assert_eq!(server.get(&path).ok().as_array().unwrap().len(), 10);
    }

    for (name, guest) in [("p2", "wstd-http-server"), ("p3", "waits")] {
        let rest = "[limits]\ntimeout_ms = 2000\n[function.reuse]\n";
        deploy_http(&server, name, guest, rest);
        let home = format!("/f/default/{name}/");
        let reused = |count| records(&server, name, count)[0]["reused"].clone();
        for n in 1..4 {
            server.get(&home).ok();
            assert_eq!(reused(n), n > 1, "{name}, call {n}");
        }
    }
    // One that ran into its deadline, in whatever state, is not used again; who comes next is not
    // harmed, and who runs beside it neither.
    let late = [
        "computes",
        "waits",
        "computes-in-its-body",
        "waits-in-its-body",
    ];
    for (n, path) in late.into_iter().enumerate() {
        std::thread::scope(|scope| {
            let doomed = scope.spawn(|| {
                let request = server.request("GET", &format!("/f/default/p3/{path}"));
                request.send().unwrap().bytes().map(|_| ())
            });
            for _ in 0..3 {
                assert_eq!(server.get("/f/default/p3/").ok(), "begun");
            }
            let _ = doomed.join().unwrap();
        });
        let failed = records_of(&server, "p3", "?outcome=failed", n + 1);
        assert_eq!(failed.len(), n + 1, "{path}");
    }
    // An answer that is whole, and work after it that does not end: its instance goes with it.
    assert_eq!(
        server.get("/f/default/p3/goes-on-after-its-answer").ok(),
        "begun"
    );
    assert_eq!(server.get("/f/default/p3/").ok(), "begun");
}

#[test]
fn each_call_of_a_reused_instance_has_the_whole_time_to_compute() {
    let server = Server::start();
    let rest = "[limits]\ncpu_ms = 400\ntimeout_ms = 30000\n[function.reuse]\n";
    for (name, guest, too_long) in [
        ("p2", "hostile-http02", "computes-as-it-reads"),
        ("p3", "waits", "computes"),
    ] {
        deploy_http(&server, name, guest, rest);
        let path = |path: &str| format!("/f/default/{name}/{path}");
        let mut calls = 0;
        let mut a_while = || {
            server.get(&path("computes-for-a-while")).ok();
            calls += 1;
            records(&server, name, calls)
        };
        // Together they compute for longer than each of them may.
        let spent = |records: &[Value]| -> u64 {
            let reused = records.iter().filter(|r| r["reused"] == true);
            reused.map(|r| r["cpu_us"].as_u64().unwrap()).sum()
        };
        let mut done = a_while();
        while spent(&done) <= 500_000 {
            assert!(done.len() < 40, "{done:?}");
            done = a_while();
        }
        assert_eq!(done[0]["reused"], true, "{name}");

        let request = server.request("POST", &path(too_long)).body("x");
        server.send(request).problem(504, "cpu-time-exceeded");
        let failed = &records_of(&server, name, "?outcome=failed", 1)[0];
        assert!(failed["cpu_us"].as_u64().unwrap() >= 400_000, "{failed}");
        // Its instance went with it; the next one is made anew, and then used again.
        for (before, reused) in [false, true].into_iter().enumerate() {
            server.get(&path("computes-for-a-while")).ok();
            let latest = records(&server, name, done.len() + 2 + before)[0].clone();
            assert_eq!(latest["reused"], reused, "{name}: {latest}");
        }
    }
}

#[test]
fn each_call_leaves_a_record_that_says_what_it_used_and_why_it_failed() {
    let server = Server::start();
    deploy(&server, "works", "", logs(3));
    let request = server
        .request("POST", "/f/default/works")
        .json(&batch(&["x"]));
    let response = request.send().unwrap();
    let id = response.headers()["steward-invocation-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let length = response.bytes().unwrap().len();
    let record = server
        .get(&format!("/api/v1/functions/works/invocations/{id}"))
        .ok();
    assert_eq!(record["id"], id.as_str());
    assert_eq!(
        (&record["version"], &record["revision"]),
        (&json!("1.0.0"), &json!(1))
    );
    assert_eq!(
        (&record["problem"], &record["failed"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(
        (&record["host_calls"], &record["log_bytes"]),
        (&json!(3), &json!(18))
    );
    assert_eq!(record["memory_bytes"], 8 << 16);
    assert_eq!(record["bytes_in"], batch(&["x"]).to_string().len());
    assert_eq!(record["bytes_out"], length);
    assert_eq!(record["log"].as_array().unwrap().len(), 3, "{record}");
    let micros = |name: &str| record[name].as_u64().unwrap();
    assert!(
        micros("cpu_us") > 0 && micros("cpu_us") <= micros("wall_us"),
        "{record}"
    );

    // A failure: the problem names the call, the log has where it happened by name, and what it was
    // given is kept only where its deployment says so.
    deploy(&server, "traps", "", hostile("traps"));
    let problem = server
        .call("traps", &["private"])
        .problem(502, "guest-crashed");
    let id = problem["invocation"].as_str().unwrap();
    let path = format!("/api/v1/functions/traps/invocations/{id}");
    let record = server.get(&path).ok();
    assert_eq!(
        (&record["problem"], &record["failed"]),
        (&json!("guest-crashed"), &json!(true))
    );
    assert_eq!(record.get("input"), None, "{record}");
    let line = record["log"][0]["message"].as_str().unwrap().to_owned();
    assert!(
        line.contains("unreachable") && line.contains("clean"),
        "{line}"
    );
    let debug = json!({"debug": {"keep_failed_inputs": true}});
    server.deploy("traps", "traps", "1.0.0", debug).ok();
    let problem = server
        .call("traps", &["private"])
        .problem(502, "guest-crashed");
    let id = problem["invocation"].as_str().unwrap();
    let path = format!("/api/v1/functions/traps/invocations/{id}");
    let record = server.get(&path).ok();
    assert_eq!(
        record["input"],
        json!({"text": batch(&["private"]).to_string(), "cut": false})
    );
    assert_eq!(record["revision"], 2);
    server
        .get("/api/v1/functions/works/invocations/nonsense")
        .problem(400, "invalid-path");
    let other = format!("/api/v1/functions/works/invocations/{id}");
    server.get(&other).problem(404, "not-found");

    // The command line shows the same.
    let failed = server.cli(&["function", "invocations", "traps", "--outcome", "failed"]);
    assert_eq!(failed.as_array().unwrap().len(), 2);
    let none = server.cli(&["function", "invocations", "traps", "--outcome", "ok"]);
    assert_eq!(none, json!([]));
    let line = server.cli(&["function", "logs", "traps", "--invocation", id]);
    assert_eq!(line["invocation"], id);
    let stats = server.cli(&["function", "stats", "traps"]);
    assert_eq!(
        (&stats[0]["calls"], &stats[0]["errors"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(stats[0]["problems"], json!({"guest-crashed": 2}));
    let metrics = server.get("/metrics").ok().to_string();
    for name in [
        "steward_function_cpu_seconds_total",
        "steward_function_host_calls_total",
    ] {
        assert!(metrics.contains(name), "{name}");
    }

    // And it is written down as the basis of bills.
    let usage = until("use of `works` in the registry", || {
        let usage = server.get("/api/v1/usage").ok();
        let mut usage = usage.as_array().unwrap().iter();
        usage.find(|u| u["function"] == "works").cloned()
    });
    assert_eq!(
        (&usage["host_calls"], &usage["calls"]),
        (&json!(3), &json!(1))
    );
    assert!(
        usage["cpu_us"].as_u64().unwrap() > 0 && usage["memory_bytes"] == 8 << 16,
        "{usage}"
    );
}
