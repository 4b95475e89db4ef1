//! A real server and a client for it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, RequestBuilder, Response, multipart};
use serde_json::{Value, json};

use crate::{built, home, root, steward, until};

/// A running `steward serve` on a data folder of its own. Killed when dropped.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// An operator's key of the tenant `default`.
    pub key: String,
    data: PathBuf,
    _folder: Option<tempfile::TempDir>,
    client: Client,
    ready_after: Duration,
}

/// Status and body of an answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `content-type`, empty where there is none.
    pub content_type: String,
    /// The body; JSON where it is JSON, else its text.
    pub body: Value,
}

impl Answer {
    fn of(response: Response) -> Self {
        let status = response.status().as_u16();
        let header = response
            .headers()
            .get("content-type")
            .and_then(|v| v.to_str().ok());
        let content_type = header.unwrap_or_default().to_owned();
        let text = response.text().expect("a body that can be read");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self {
            status,
            content_type,
            body,
        }
    }

    /// Whether it is a problem (RFC 9457) whose type ends with this code.
    pub fn is_problem(&self, code: &str) -> bool {
        let kind = self.body["type"].as_str().unwrap_or_default();
        self.content_type.starts_with("application/problem+json")
            && kind.ends_with(&format!("/{code}"))
    }

    /// Asserts a success and returns the body.
    ///
    /// # Panics
    /// When it is none, with the answer.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.body
    }

    /// Asserts a problem (RFC 9457) of this status whose type ends with this code.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert!(
            self.content_type.starts_with("application/problem+json"),
            "{self:?}"
        );
        let kind = self.body["type"].as_str().unwrap_or_default().to_owned();
        assert!(
            kind.ends_with(&format!("/{code}")),
            "expected the problem `{code}`: {self:?}"
        );
        assert!(
            self.body["title"].is_string() && self.body["status"] == status,
            "{self:?}"
        );
        self.body
    }
}

/// Runs the CLI with a clean environment.
pub fn cli(args: &[&str], env: &[(&str, &str)]) -> Output {
    let nowhere = std::env::temp_dir().join("steward-tests-no-profile");
    let mut command = Command::new(steward());
    command
        .args(args)
        .env_remove("STEWARD_KEY")
        .env_remove("STEWARD_URL")
        .env("STEWARD_PROFILE", nowhere);
    command.env("ORT_DYLIB_PATH", home().join("lib/libonnxruntime.so"));
    command
        .envs(env.iter().copied())
        .output()
        .expect("the binary runs")
}

impl Server {
    /// Starts a server on a fresh data folder.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = Self::start_on(folder.path(), &[]);
        server._folder = Some(folder);
        server
    }

    /// Starts a server on this data folder.
    ///
    /// # Panics
    /// When it is not ready within 30 seconds.
    pub fn start_on(data: &Path, args: &[&str]) -> Self {
        Self::start_in(data, args, &[])
    }

    /// Starts a server on this data folder, with these variables.
    ///
    /// # Panics
    /// When it is not ready within 30 seconds.
    pub fn start_in(data: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let data_dir = data.to_str().expect("a UTF-8 path");
        let made = cli(
            &[
                "key", "create", "--local", "test", "--role", "operator", "--json",
            ],
            &[&[("STEWARD_DATA_DIR", data_dir)], env].concat(),
        );
        let text = String::from_utf8_lossy(&made.stdout).into_owned();
        assert!(
            made.status.success(),
            "key create: {text} {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let created: Value = serde_json::from_str(&text).expect("JSON");
        let key = created["key"].as_str().expect("a key").to_owned();

        let started = Instant::now();
        let mut child = Command::new(steward())
            .args(["serve", "--data-dir", data_dir, "--listen", "127.0.0.1:0"])
            .args(args)
            .envs(env.iter().copied())
            .env("ORT_DYLIB_PATH", home().join("lib/libonnxruntime.so"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let url = ready_line(&mut child);
        let ready_after = started.elapsed();
        let client = Client::builder()
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        Self {
            child,
            url,
            key,
            data: data.to_owned(),
            _folder: None,
            client,
            ready_after,
        }
    }

    /// Where it listens.
    ///
    /// # Panics
    /// When its URL is no address: a mistake in this module.
    pub fn addr(&self) -> std::net::SocketAddr {
        let addr = self.url.trim_start_matches("http://");
        addr.parse().expect("an address")
    }

    /// The operator's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// From the start of the process to the line that says that it is ready.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the server as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the server to end, and returns how long that took.
    ///
    /// # Panics
    /// When it has not ended within a minute.
    pub fn terminate(&mut self) -> Duration {
        let begun = Instant::now();
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("the server runs");
        while begun.elapsed() < Duration::from_secs(60) {
            if let Ok(Some(_)) = self.child.try_wait() {
                return begun.elapsed();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server has not ended");
    }

    /// Looks at a run over a dataset until it is as wanted, for up to two minutes.
    ///
    /// # Panics
    /// Where it does not become so.
    #[track_caller]
    pub fn run_when(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let patience = Instant::now() + Duration::from_secs(120);
        loop {
            let run = self.get(&format!("/api/v1/dataset-runs/{id}")).ok();
            if wanted(&run) {
                return run;
            }
            assert!(Instant::now() < patience, "{run}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What became of a run over a dataset, once it has ended.
    ///
    /// # Panics
    /// Where it does not end in two minutes.
    #[track_caller]
    pub fn run_ended(&self, id: &str) -> Value {
        self.run_when(id, |run| run["state"] != "running")
    }

    /// A request with this server's key.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = method.parse().expect("a method");
        self.client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.key)
    }

    /// A request with another key, or with none.
    pub fn request_as(&self, key: Option<&str>, method: &str, path: &str) -> RequestBuilder {
        let request = self.client.request(
            method.parse().expect("a method"),
            format!("{}{path}", self.url),
        );
        match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Sends a request and reads its answer.
    ///
    /// # Panics
    /// When no answer comes.
    #[track_caller]
    pub fn send(&self, request: RequestBuilder) -> Answer {
        Answer::of(request.send().expect("an answer"))
    }

    /// GET
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path))
    }

    /// POST with JSON
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(
            self.request("POST", path)
                .header("content-type", "application/json")
                .body(body.to_string()),
        )
    }

    /// PUT with JSON
    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(
            self.request("PUT", path)
                .header("content-type", "application/json")
                .body(body.to_string()),
        )
    }

    /// Publishes a component.
    #[track_caller]
    pub fn publish(&self, manifest: &str, component: Vec<u8>) -> Answer {
        let form = multipart::Form::new()
            .text("manifest", manifest.to_owned())
            .part(
                "component",
                multipart::Part::bytes(component).file_name("component.wasm"),
            );
        self.send(self.request("POST", "/api/v1/plugins").multipart(form))
    }

    /// Publishes a first-party plugin as `make build` made it.
    #[track_caller]
    pub fn publish_first_party(&self, name: &str) {
        let manifest =
            std::fs::read_to_string(root().join("plugins").join(name).join("steward.toml"))
                .expect("manifest");
        let component =
            std::fs::read(built(&format!("plugins/{name}/target/{name}.wasm"))).expect("component");
        self.publish(&manifest, component).ok();
    }

    /// Deploys one version of a plugin under the plugin's own name, all calls to it.
    #[track_caller]
    pub fn deploy(&self, function: &str, plugin: &str, version: &str, rest: Value) -> Answer {
        let mut spec =
            json!({ "plugin": plugin, "targets": [{ "version": version, "percent": 100 }] });
        if let (Some(spec), Value::Object(rest)) = (spec.as_object_mut(), rest) {
            spec.extend(rest);
        }
        self.put(&format!("/api/v1/functions/{function}"), &spec)
    }

    /// Runs the command line against this server and reads what it prints, which must be a success.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn cli(&self, args: &[&str]) -> Value {
        self.cli_as(&self.key, args)
    }

    /// The same with another key.
    ///
    /// # Panics
    /// When it is no success.
    #[track_caller]
    pub fn cli_as(&self, key: &str, args: &[&str]) -> Value {
        let env = [("STEWARD_URL", &*self.url), ("STEWARD_KEY", key)];
        let output = cli(&[args, &["--json"]].concat(), &env);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{args:?}: {text} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
    }

    /// A key of the role `platform`, made without the server.
    ///
    /// # Panics
    /// When the server does not know it within half a minute.
    #[track_caller]
    pub fn platform_key(&self) -> String {
        let data = self.data.to_str().expect("a UTF-8 path");
        let made = ["key", "create", "boss", "--role", "platform", "--json"];
        let made = cli(&[&made[..], &["--data-dir", data]].concat(), &[]);
        let wrong = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{wrong}");
        let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
        let key = made["key"].as_str().expect("a key").to_owned();
        // The server finds it with its next look at the registry.
        until("the key is known", || {
            let me = self.send(self.request_as(Some(&key), "GET", "/api/v1/me"));
            (me.status == 200).then_some(())
        });
        key
    }

    /// Pushes a model that `make setup` installed, as version 1.0.0.
    ///
    /// # Panics
    /// When it is not there or is refused.
    #[track_caller]
    pub fn push_model(&self, name: &str) {
        let folder = home().join("models").join(name);
        let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let (onnx, tokenizer) = (file("model.onnx"), file("tokenizer.json"));
        let config = file("model.toml");
        let named = ["model", "push", name, "--version", "1.0.0"];
        let mut files = vec!["--onnx", &onnx, "--config", &config];
        if folder.join("tokenizer.json").exists() {
            files.extend(["--tokenizer", &tokenizer]);
        }
        self.cli(&[&named[..], &files[..]].concat());
    }

    /// Calls a typed function of the tenant `default` with a batch of texts.
    #[track_caller]
    pub fn call(&self, function: &str, texts: &[&str]) -> Answer {
        self.post(&format!("/f/default/{function}"), &batch(texts))
    }
}

/// A batch of documents with the ids 1, 2, 3 …
pub fn batch(texts: &[&str]) -> Value {
    let documents = texts
        .iter()
        .enumerate()
        .map(|(i, text)| json!({ "id": (i + 1).to_string(), "text": text }));
    json!({ "batch": documents.collect::<Vec<_>>() })
}

/// Waits for the line that names the URL, and keeps reading so that the server never blocks.
fn ready_line(child: &mut Child) -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    let outputs: [Option<Box<dyn std::io::Read + Send>>; 2] = [
        child
            .stdout
            .take()
            .map(|o| Box::new(o) as Box<dyn std::io::Read + Send>),
        child
            .stderr
            .take()
            .map(|o| Box::new(o) as Box<dyn std::io::Read + Send>),
    ];
    for output in outputs.into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
    }
    let start = Instant::now();
    let mut seen = Vec::new();
    while start.elapsed() < Duration::from_secs(30) {
        let Ok(line) = receiver.recv_timeout(Duration::from_millis(200)) else {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("the server ended with {status}: {seen:#?}");
            }
            continue;
        };
        let url = line.find("http://127.0.0.1:").map(|at| {
            let rest = &line[at..];
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || ":/.".contains(c)))
                .unwrap_or(rest.len());
            rest[..end].trim_end_matches('/').to_owned()
        });
        seen.push(line);
        if let Some(url) = url.filter(|url| !url.ends_with(":0")) {
            return url;
        }
    }
    panic!("the server did not say that it is ready: {seen:#?}");
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
