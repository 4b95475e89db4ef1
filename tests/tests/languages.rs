//! The same cleaner and the same function in every language, by the same cases; and what a failure shows.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::{Server, built, home, steward};

const ALL: [&str; 5] = ["rust", "javascript", "typescript", "python", "c"];

/// Runs the cases of the template against the component that `scripts/build-test-guests` made of it.
#[track_caller]
fn passes(kind: &str, language: &str) {
    let name = format!("{kind}-{language}");
    let folder = built(&format!("target/test-guests/{name}"));
    let component = built(&format!("target/test-guests/{name}.wasm"));
    let (folder, component) = (folder.to_str().unwrap(), component.to_str().unwrap());
    let output = cli(
        &["plugin", "test", folder, "--component", component, "--json"],
        &[],
    );
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}{wrong}");
    let report: Value = serde_json::from_str(&said).unwrap();
    let cases = report["cases"].as_array().unwrap();
    assert_eq!(
        cases.len(),
        if kind == "cleaner" { 7 } else { 15 },
        "{name}"
    );
}

#[test]
fn compiled_languages_pass_the_same_cases() {
    for language in ["rust", "c"] {
        passes("cleaner", language);
        passes("function", language);
    }
}

// Compiling a component of a scripting language takes seconds: each is a test of its own, so that they run beside each other.
#[test]
fn a_cleaner_in_javascript_passes_the_same_cases() {
    passes("cleaner", "javascript");
}

#[test]
fn a_function_in_javascript_passes_the_same_cases() {
    passes("function", "javascript");
}

#[test]
fn a_cleaner_in_typescript_passes_the_same_cases() {
    passes("cleaner", "typescript");
}

#[test]
fn a_function_in_typescript_passes_the_same_cases() {
    passes("function", "typescript");
}

#[test]
fn a_cleaner_in_python_passes_the_same_cases() {
    passes("cleaner", "python");
}

#[test]
fn a_function_in_python_passes_the_same_cases() {
    passes("function", "python");
}

/// A case that expects something else must fail, with what differs and what the plugin logged.
#[test]
fn a_function_that_answers_otherwise_fails_its_case() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tests")).unwrap();
    let manifest = built("target/test-guests/function-c/steward.toml");
    fs::copy(manifest, folder.path().join("steward.toml")).unwrap();
    let component = built("target/test-guests/function-c.wasm");
    let test = |case: Value| {
        fs::write(folder.path().join("tests/cases.jsonl"), case.to_string()).unwrap();
        let dir = folder.path().to_str().unwrap();
        let output = cli(
            &[
                "plugin",
                "test",
                dir,
                "--component",
                component.to_str().unwrap(),
                "--json",
            ],
            &[],
        );
        let report = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
        (output.status.code(), report["cases"][0].clone())
    };
    let request = json!({ "path": "/limits" });
    let right = json!({ "name": "c", "request": request, "response": { "status": 200, "body": { "max_characters": 2000 } } });
    assert_eq!(test(right).0, Some(0));
    for (response, why) in [
        (json!({ "status": 201 }), "status"),
        (
            json!({ "status": 200, "body": { "max_characters": 1 } }),
            "max_characters",
        ),
        (
            json!({ "status": 200, "headers": { "content-type": "text/plain" } }),
            "content-type",
        ),
    ] {
        let (code, case) = test(json!({ "name": "c", "request": request, "response": response }));
        assert_eq!(code, Some(1), "{case}");
        assert!(case["failure"].as_str().unwrap().contains(why), "{case}");
    }
    let (code, case) =
        test(json!({ "name": "c", "request": { "path": "/x" }, "response": { "status": 200 } }));
    assert_eq!(code, Some(1));
    assert!(
        case["log"][0].as_str().unwrap().contains("nothing at /x"),
        "{case}"
    );
    let (code, _) = test(json!({ "name": "c", "request": request }));
    assert_eq!(code, Some(6));
}

/// What a plugin may import is told by its component: a typed one imports the contract alone, in every language.
#[test]
fn typed_plugins_import_the_contract_and_nothing_else() {
    let server = Server::start();
    for language in ALL {
        let name = format!("cleaner-{language}");
        let component = built(&format!("target/test-guests/{name}.wasm"));
        let manifest = built(&format!("target/test-guests/{name}/steward.toml"));
        let args = [
            "plugin",
            "check",
            "--component",
            component.to_str().unwrap(),
            "--manifest",
            manifest.to_str().unwrap(),
        ];
        let shape = server.cli(&args);
        let imports: Vec<_> = shape["imports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i.as_str().unwrap())
            .collect();
        assert!(
            !imports.is_empty() && imports.iter().all(|i| i.starts_with("steward:")),
            "{name}: {imports:?}"
        );
    }
}

/// Makes a plugin of a template, changes its source, deploys it, makes it fail, and returns the log.
fn log_of_failure(language: &str, file: &str, from: &str, to: &str) -> String {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("fails");
    let path = dir.to_str().unwrap();
    let env = [
        ("STEWARD_URL", server.url.as_str()),
        ("STEWARD_KEY", server.key.as_str()),
    ];
    let run = |args: &[&str]| {
        let output = cli(args, &env);
        let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {wrong}");
    };
    run(&[
        "plugin",
        "new",
        "fails",
        "--world",
        "cleaner",
        "--language",
        language,
        "--path",
        path,
    ]);
    let source = fs::read_to_string(dir.join(file)).unwrap();
    assert!(source.contains(from), "{source}");
    fs::write(dir.join(file), source.replacen(from, to, 1)).unwrap();
    run(&["plugin", "publish", path]);
    run(&["function", "deploy", "fails", "--plugin", "fails"]);
    server.call("fails", &["fine"]).ok();
    let answer = server.call("fails", &["boom"]);
    assert!(answer.status >= 500, "{answer:?}");
    let lines = server.get("/api/v1/functions/fails/logs").ok();
    let lines: Vec<_> = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["message"].as_str().unwrap().to_owned())
        .collect();
    lines.join("\n")
}

#[test]
fn a_crash_in_c_shows_the_functions_that_led_to_it() {
    let from = "static uint32_t collapse_white_space(";
    let to = "__attribute__((noinline)) static void breaks_on_boom(steward_string text) {\n  if (text.len == 4 && text.ptr[0] == 'b') __builtin_trap();\n}\n\nstatic uint32_t collapse_white_space(";
    let calls = "uint32_t places = collapse_white_space(batch->ptr[i].text, &text);";
    let with = format!("breaks_on_boom(batch->ptr[i].text);\n    {calls}");
    // Two changes: the function, and its call.
    let server_log = {
        let marker = format!("{from}steward_string given, steward_string *collapsed) {{");
        log_of_failure_twice(
            "c",
            "src/plugin.c",
            &[(&marker, &to.replace(from, &marker)), (calls, &with)],
        )
    };
    assert!(server_log.contains("breaks_on_boom"), "{server_log}");
    assert!(
        server_log.contains("exports_steward_cleaning_cleaner_clean"),
        "{server_log}"
    );
}

fn log_of_failure_twice(language: &str, file: &str, changes: &[(&str, &str)]) -> String {
    // Applied as one: from the first place to the last.
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("p");
    let args = [
        "plugin",
        "new",
        "p",
        "--world",
        "cleaner",
        "--language",
        language,
        "--path",
        dir.to_str().unwrap(),
    ];
    assert!(cli(&args, &[]).status.success());
    let source = fs::read_to_string(dir.join(file)).unwrap();
    let mut changed = source.clone();
    for (from, to) in changes {
        assert!(changed.contains(from), "{from}");
        changed = changed.replacen(from, to, 1);
    }
    log_of_failure(language, file, &source, &changed)
}

#[test]
fn an_exception_in_javascript_is_logged_with_its_stack() {
    let from = "const collapsed = collapseWhiteSpace(document.text);";
    let to = format!("{from}\n      if (document.text === 'boom') breaksOnBoom();");
    let log = log_of_failure_twice(
        "javascript",
        "src/plugin.js",
        &[
            (from, &to),
            (
                "function key(text) {",
                "function breaksOnBoom() {\n  throw new TypeError('it broke');\n}\n\nfunction key(text) {",
            ),
        ],
    );
    for part in ["TypeError: it broke", "breaksOnBoom", "fails.js:"] {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[test]
fn an_exception_in_python_is_logged_with_its_stack() {
    let from = "        collapsed, places = collapse_white_space(document.text)\n";
    let to =
        format!("{from}        if document.text == \"boom\":\n            {{}}[\"it broke\"]\n");
    let log = log_of_failure("python", "src/plugin.py", from, &to);
    for part in ["KeyError: 'it broke'", "plugin.py\", line", "in _outcome"] {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[test]
#[ignore = "long: builds a plugin in Rust"]
fn a_panic_in_rust_shows_the_functions_that_led_to_it() {
    let from = "fn collapse_whitespace(text: &str) -> (String, u32) {\n";
    let to = format!("{from}    if text == \"boom\" {{\n        breaks_on_boom();\n    }}\n");
    let log = log_of_failure_twice(
        "rust",
        "src/lib.rs",
        &[
            (from, &to),
            (
                "/// The 128-bit hash",
                "#[inline(never)]\nfn breaks_on_boom() {\n    panic!(\"it broke\");\n}\n\n/// The 128-bit hash",
            ),
        ],
    );
    for part in ["it broke", "breaks_on_boom", "clean"] {
        assert!(log.contains(part), "{part}: {log}");
    }
}

/// A running `plugin dev`, and the events that it prints.
struct Dev {
    child: std::process::Child,
    events: std::sync::mpsc::Receiver<Value>,
}

impl Dev {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(steward())
            .args(["plugin", "dev", dir.to_str().unwrap(), "--json"])
            .env_remove("STEWARD_URL")
            .env_remove("STEWARD_KEY")
            .env("ORT_DYLIB_PATH", home().join("lib/libonnxruntime.so"))
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (sender, events) = std::sync::mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, events }
    }

    /// Waits for an event of this kind.
    #[track_caller]
    fn wait_for(&self, event: &str) -> Value {
        loop {
            let got = self.events.recv_timeout(Duration::from_secs(120));
            let got = got.unwrap_or_else(|e| panic!("no event {event}: {e}"));
            if got["event"] == event {
                return got;
            }
        }
    }
}

/// Deploys at every save, and ends with Ctrl-C; answers how long the saves took.
fn dev(language: &str, file: &str, from: &str, to: &str) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("quick");
    let args = [
        "plugin",
        "new",
        "quick",
        "--world",
        "cleaner",
        "--language",
        language,
        "--path",
        dir.to_str().unwrap(),
    ];
    assert!(cli(&args, &[]).status.success());
    let mut dev = Dev::start(&dir);
    let started = dev.wait_for("started");
    let (url, key) = (
        started["url"].as_str().unwrap(),
        started["key"].as_str().unwrap(),
    );
    let invoke = |text: &str| {
        let env = [("STEWARD_URL", url), ("STEWARD_KEY", key)];
        let output = cli(
            &["function", "invoke", "quick", "--text", text, "--json"],
            &env,
        );
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    dev.wait_for("deployed");
    assert_eq!(invoke("a")[0]["dropped"]["rule"], "too-short");
    let line = dev.wait_for("log");
    assert_eq!(line["line"]["message"], "cleaned a batch", "{line}");

    let source = fs::read_to_string(dir.join(file)).unwrap();
    assert!(source.contains(from));
    let mut quickest = u64::MAX;
    for round in 0..3 {
        // What does not compile is told, and the next save is deployed again.
        if round == 1 {
            fs::write(dir.join(file), "}").unwrap();
            std::thread::sleep(Duration::from_millis(500));
        }
        let to = to.replace("N", &round.to_string());
        fs::write(dir.join(file), source.replacen(from, &to, 1)).unwrap();
        // A save that was seen half written may be deployed before the whole of it.
        let rule = format!("short-{round}");
        let deployed = loop {
            let deployed = dev.wait_for("deployed");
            if invoke("a")[0]["dropped"]["rule"] == rule.as_str() {
                break deployed;
            }
        };
        quickest = quickest.min(deployed["ms"].as_u64().unwrap());
        println!("{language}, from the save to the deployment: {deployed}");
    }
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(dev.child.id() as i32),
        nix::sys::signal::Signal::SIGINT,
    )
    .unwrap();
    assert!(dev.child.wait().unwrap().success());
    // Its server went with it.
    let gone = cli(
        &["function", "list", "--json"],
        &[("STEWARD_URL", url), ("STEWARD_KEY", key)],
    );
    assert_eq!(gone.status.code(), Some(7));
    quickest
}

#[test]
fn dev_deploys_c_at_every_save() {
    let from = "steward_dropped(\"too-short\"";
    dev("c", "src/plugin.c", from, "steward_dropped(\"short-N\"");
}

#[test]
#[ignore = "long: builds the SDK for Rust in another profile"]
fn dev_deploys_rust_within_two_seconds() {
    let ms = dev(
        "rust",
        "src/lib.rs",
        "drop_it(\"too-short\"",
        "drop_it(\"short-N\"",
    );
    assert!(ms < 2000, "{ms} ms");
}

/// Python imports sockets whether it uses them or not. They are there, and every one is refused.
#[test]
fn a_function_in_python_reaches_no_network() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("calls-out");
    let path = dir.to_str().unwrap();
    let args = [
        "plugin",
        "new",
        "calls-out",
        "--world",
        "function",
        "--language",
        "python",
        "--path",
        path,
    ];
    assert!(cli(&args, &[]).status.success());
    let source = format!(
        r#"import socket
from steward_sdk.http import Request, Response, json


def answer(request: Request) -> Response:
    failures = []
    for attempt in (
        lambda: socket.create_connection(("127.0.0.1", {port}), timeout=2),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", {port})),
        lambda: socket.getaddrinfo("localhost", {port}),
        lambda: open("/etc/passwd").read(),
    ):
        try:
            attempt()
            failures.append("done")
        except OSError as error:
            failures.append("OSError")
    return json(failures)
"#
    );
    fs::write(dir.join("src/plugin.py"), source).unwrap();
    server.cli(&["plugin", "publish", path]);
    server.cli(&["function", "deploy", "calls-out", "--plugin", "calls-out"]);
    let answer = server.get("/f/default/calls-out/").ok();
    assert_eq!(answer, json!(["OSError", "OSError", "OSError", "OSError"]));
    assert!(listener.accept().is_err());
}
