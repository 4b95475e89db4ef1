//! `steward component serve` and `steward component run`: any component from a file.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use steward_tests::services::{HttpStandIn, Reply};
use steward_tests::{built, guest, steward};

fn guest_file(name: &str) -> PathBuf {
    built(&format!("target/test-guests/{name}.wasm"))
}

fn component(args: &[&str]) -> Command {
    let mut command = Command::new(steward());
    command.arg("component").args(args);
    command
}

fn run(options: &[&str], name: &str, args: &[&str]) -> Output {
    let file = guest_file(name);
    let mut command = component(&["run"]);
    command.args(options).arg(file).args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

struct Served {
    child: Child,
    url: String,
    rest: BufReader<std::process::ChildStderr>,
}

fn serve(name: &str, options: &[&str]) -> Served {
    let file = guest_file(name);
    let mut child = component(&["serve", "--addr", "127.0.0.1:0"])
        .arg(file)
        .args(options)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut rest = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    rest.read_line(&mut first).unwrap();
    let at = first.find("http://").unwrap_or_else(|| panic!("{first}"));
    let url = first[at..].trim().trim_end_matches('/').to_owned();
    Served { child, url, rest }
}

impl Served {
    fn get(&self, path: &str) -> (u16, String) {
        self.get_with(path, &[])
    }

    fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let client = reqwest::blocking::Client::builder().no_proxy().build();
        let mut request = client.unwrap().get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().unwrap();
        (answer.status().as_u16(), answer.text().unwrap())
    }

    /// Ends it as a person would, and returns what it still said.
    fn end(mut self, signal: Signal) -> String {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        let mut rest = String::new();
        self.rest.read_to_string(&mut rest).unwrap();
        rest
    }
}

#[test]
fn http_components_are_served_without_a_registry() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let served = serve("wstd-http-server", &[]);
    assert_eq!(
        served.get("/"),
        (200, "Hello, wasi:http/proxy world!\n".into())
    );
    assert_eq!(served.get("/no-such-page").0, 404);
    assert!(served.get("/response-fail").0 >= 500);
    served.end(Signal::SIGINT);
    let served = serve("wasip3-http-proxy", &[]);
    assert_eq!(served.get("/"), (200, "Hello, WASI!".into()));
    served.end(Signal::SIGTERM);
}

#[test]
fn a_served_component_gets_what_its_operator_gives() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = ["--grant", "keyvalue=counts", "--config", "greeting=嗨"];
    let served = serve("keeps", &options);
    assert_eq!(served.get("/increment/counts/a/2"), (200, "2".to_owned()));
    assert_eq!(served.get("/increment/counts/a/2"), (200, "4".to_owned()));
    let (_, denied) = served.get("/open/shared");
    assert!(denied.contains("access-denied"), "{denied}");
    let (_, config) = served.get("/config");
    assert!(config.contains("嗨"), "{config}");
    let rest = served.end(Signal::SIGINT);
    assert!(
        rest.contains("keyvalue=shared") && rest.contains("asked for it"),
        "{rest}"
    );
}

#[test]
fn a_served_component_has_the_variables_and_the_origins_that_are_named() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let served = serve("hostile-http02", &["--env", "GREETING=嗨"]);
    let (_, seen) = served.get("/looks-around");
    let variables = seen.lines().filter(|line| line.starts_with("variable"));
    assert_eq!(variables.collect::<Vec<_>>(), ["variable GREETING"]);
    served.end(Signal::SIGINT);

    let [named, other] = [(); 2].map(|()| HttpStandIn::start(|_, _| Reply::new(200, "there")));
    let served = serve("calls", &["--allow-http", &named.origin()]);
    let send = |to: &HttpStandIn| served.get_with("/send", &[("x-url", &to.origin())]);
    assert_eq!(send(&named), (200, "there".to_owned()));
    let (status, refused) = send(&other);
    assert!(
        status == 502 && refused.contains("HttpRequestDenied"),
        "{status} {refused}"
    );
    assert_eq!((named.received().len(), other.received().len()), (1, 0));
    served.end(Signal::SIGINT);
}

#[test]
fn a_served_component_may_import_secrets_and_events_and_is_told_that_there_are_none() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for (guest, grant, path, error, message) in [
        (
            "calls",
            "secrets=token",
            "/secret/token",
            "other",
            "this host keeps no secrets",
        ),
        (
            "reacts",
            "append_events=test.seen",
            "/append/test.seen",
            "unavailable",
            "this host keeps no events",
        ),
    ] {
        let served = serve(guest, &["--grant", grant]);
        let (status, told) = served.get(path);
        assert_eq!(status, 200, "{told}");
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told, json!({ "error": error, "message": message }));
        served.end(Signal::SIGINT);
        // As everywhere, what was not granted is not asked for.
        let served = serve(guest, &[]);
        let (_, denied) = served.get(path);
        assert!(denied.contains("\"denied\""), "{denied}");
        served.end(Signal::SIGINT);
    }
}

#[test]
fn commands_of_other_projects_run() {
    for name in ["wasip2-cli-command", "wasip3-cli-command"] {
        let output = run(&[], name, &[]);
        assert!(output.status.success(), "{name}: {}", complained(&output));
        assert_eq!(said(&output), "Hello, WASI!", "{name}");
    }
}

#[test]
fn a_command_has_arguments_environment_and_folders_as_given() {
    let output = run(&[], "tells", &["args", "--env", "X=1", "-h", "参数"]);
    assert_eq!(said(&output), "tells.wasm|args|--env|X=1|-h|参数\n");
    let given = ["--env", "B=2=3", "--env", "A=值", "--env", "HOME"];
    let output = run(&given, "tells", &["env"]);
    let home = std::env::var("HOME").unwrap();
    assert_eq!(said(&output), format!("A=值\nB=2=3\nHOME={home}\n"));

    let folder = tempfile::tempdir().unwrap();
    let shown = format!("{}::/data", folder.path().display());
    let write = ["write", "/data/new.txt"];
    let output = run(&["--read-only-dir", &shown], "tells", &write);
    assert!(said(&output).starts_with("refused"), "{}", said(&output));
    let output = run(&["--dir", &shown], "tells", &write);
    assert_eq!(said(&output), "从访客\n");
    let written = std::fs::read_to_string(folder.path().join("new.txt"));
    assert_eq!(written.unwrap(), "从访客");
    // Nothing is there that was not shown.
    let outside = format!("/data/../{}", folder.path().display());
    for path in ["/etc/steward-tests", &outside, "/data/../../etc/x"] {
        let output = run(&["--dir", &shown], "tells", &["write", path]);
        assert!(said(&output).starts_with("refused"), "{path}");
    }

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let output = run(&[], "tells", &["connect", &address]);
    assert_eq!(said(&output), "refused\n");
    let output = run(&["--network"], "tells", &["connect", &address]);
    assert_eq!(said(&output), "connected\n");
}

#[test]
fn input_output_and_exit_code_pass_through() {
    let mut child = component(&["run"])
        .arg(guest_file("tells"))
        .arg("echo")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = "回声\0\u{1F600}\n".repeat(20_000);
    let mut stdin = child.stdin.take().unwrap();
    let fed = input.clone();
    let feeder = std::thread::spawn(move || stdin.write_all(fed.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert_eq!(said(&output), input);
    let told = format!("{} bytes", input.len());
    assert!(
        complained(&output).contains(&told),
        "{}",
        complained(&output)
    );
    for (args, code) in [
        (&["exit", "0"][..], 0),
        // WASI 0.2 knows success and failure; the standard library makes one of every other code.
        (&["exit", "42"], 1),
        (&["fail"], 1),
        (&["panic"], 134),
    ] {
        let output = run(&[], "tells", args);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
    }
    let output = run(&[], "tells", &["panic"]);
    assert!(
        complained(&output).contains("恐慌"),
        "{}",
        complained(&output)
    );
    let output = run(&["--timeout-ms", "300"], "tells", &["spin"]);
    assert_eq!(output.status.code(), Some(134));
}

#[test]
fn what_cannot_be_run_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let module = file("module.wasm", &wat::parse_str("(module)").unwrap());
    let text = file("text.wasm", b"hello");
    let neither = file("neither.wasm", &guest::cleaner(guest::KEEPS_EVERYTHING));
    let strange = file(
        "strange.wasm",
        &wat::parse_str(
            r#"(component
                (import "vendor:door/door@1.0.0" (instance (export "open" (func))))
                (instance $i)
                (export "wasi:cli/run@0.2.0" (instance $i)))"#,
        )
        .unwrap(),
    );
    let http = guest_file("wstd-http-server").to_str().unwrap().to_owned();
    let tells = guest_file("tells").to_str().unwrap().to_owned();
    for (command, path, code, why) in [
        ("serve", &module, 6, "core WebAssembly module"),
        ("run", &module, 6, "core WebAssembly module"),
        ("run", &text, 6, "not WebAssembly"),
        ("serve", &neither, 6, "wasi:http/incoming-handler"),
        ("run", &neither, 6, "wasi:cli/run"),
        ("run", &strange, 6, "vendor:door/door"),
        ("run", &http, 6, "steward component serve"),
        ("serve", &tells, 6, "steward component run"),
        ("run", &"no/such.wasm".to_owned(), 3, "no/such.wasm"),
    ] {
        let output = component(&[command, path]).output().unwrap();
        let said = complained(&output);
        assert_eq!(output.status.code(), Some(code), "{command} {path}: {said}");
        assert!(said.contains(why), "{command} {path}: {said}");
    }
}
