//! The supply chain through the real binary: signed, published, refused, shown, pushed and pulled.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, manifest};
use steward_tests::server::cli;
use steward_tests::services::OciRegistry;
use steward_tests::{Server, home, root, steward};

/// A plugin in a folder of its own: `steward.toml` and `c.wasm`.
struct Plugin {
    folder: tempfile::TempDir,
}

impl Plugin {
    fn new(version: &str) -> Self {
        let plugin = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::write(plugin.path("c.wasm"), cleaner(KEEPS_EVERYTHING)).unwrap();
        plugin.describe(&manifest("c", version, "cleaner", "license = \"MIT\"\n"));
        plugin
    }

    fn describe(&self, manifest: &str) {
        std::fs::write(self.path("steward.toml"), manifest).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The options that name its two files.
    fn source(&self) -> [String; 4] {
        let (component, manifest) = (self.text("c.wasm"), self.text("steward.toml"));
        [
            "--component".into(),
            component,
            "--manifest".into(),
            manifest,
        ]
    }

    /// `steward plugin COMMAND … --component … --manifest …`
    fn args<'a>(source: &'a [String; 4], command: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
        let source = source.iter().map(String::as_str);
        ["plugin", command]
            .into_iter()
            .chain(rest.iter().copied())
            .chain(source)
            .collect()
    }

    /// Signs it with a new key of this name; the public key.
    fn sign(&self, name: &str) -> String {
        let (pem, source) = (self.text(name), self.source());
        let made = said(cli(&["plugin", "keygen", "--out", &pem, "--json"], &[]));
        self.sign_again(name);
        let mut checked = Self::args(&source, "verify", &["--key", made["key"].as_str().unwrap()]);
        checked.push("--json");
        said(cli(&checked, &[]));
        made["key"].as_str().unwrap().to_owned()
    }

    fn sign_again(&self, name: &str) {
        let (pem, source) = (self.text(name), self.source());
        let mut sign = Self::args(&source, "sign", &["--key", &pem]);
        sign.push("--json");
        said(cli(&sign, &[]));
    }

    fn publish(&self, server: &Server, rest: &[&str]) -> Output {
        self.run(server, "publish", rest)
    }

    fn run(&self, server: &Server, command: &str, rest: &[&str]) -> Output {
        let source = self.source();
        let mut args = Self::args(&source, command, rest);
        args.push("--json");
        at(server, &args)
    }
}

/// Runs a command against a server.
fn at(server: &Server, args: &[&str]) -> Output {
    cli(
        args,
        &[("STEWARD_URL", &*server.url), ("STEWARD_KEY", &*server.key)],
    )
}

/// What a command that succeeded printed.
#[track_caller]
fn said(output: Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text} {wrong}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// That a command ended with this code and said these words.
#[track_caller]
fn refused(output: Output, exit: i32, words: &str) {
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(exit),
        "{wrong} {}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(wrong.contains(words), "expected `{words}`: {wrong}");
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

fn provenance(digest: &str) -> String {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "c.wasm", "digest": {"sha256": digest}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {"resolvedDependencies": [{"uri": "git+https://example.com/c", "digest": {"gitCommit": "abc123"}}]},
            "runDetails": {"builder": {"id": "https://ci.example.com"}}
        }
    })
    .to_string()
}

const SBOM: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"a","licenses":[{"license":{"id":"MIT"}}]},{"name":"b"}]}"#;

#[test]
fn a_signed_plugin_is_published_with_what_is_known_of_it() {
    let (server, plugin) = (Server::start(), Plugin::new("1.0.0"));
    let key = plugin.sign("release.pem");
    let mode = std::fs::metadata(plugin.path("release.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        std::fs::read_to_string(plugin.path("release.pem.pub"))
            .unwrap()
            .trim(),
        key
    );
    let again = cli(
        &["plugin", "keygen", "--out", &plugin.text("release.pem")],
        &[],
    );
    refused(again, 1, "exists");

    // The tenant does not know the key yet: it is taken along and shown as what it is.
    refused(
        plugin.run(&server, "verify", &[]),
        4,
        "none of the keys that this tenant trusts",
    );
    said(at(
        &server,
        &[
            "trust",
            "add",
            "release",
            "--key",
            &plugin.text("release.pem.pub"),
            "--json",
        ],
    ));
    refused(
        at(&server, &["trust", "add", "other", "--key", &key]),
        5,
        "under the name `release`",
    );
    refused(
        at(&server, &["trust", "add", "x", "--key", "ed25519:x"]),
        6,
        "another length",
    );
    let verified = said(plugin.run(&server, "verify", &[]));
    assert_eq!(verified["trusted_as"], "release");

    std::fs::write(plugin.path("sbom.json"), SBOM).unwrap();
    std::fs::write(plugin.path("wrong.json"), provenance(&"0".repeat(64))).unwrap();
    std::fs::write(
        plugin.path("built.json"),
        provenance(&sha256(&plugin.path("c.wasm"))),
    )
    .unwrap();
    let (sbom, built) = (plugin.text("sbom.json"), plugin.text("built.json"));
    let wrong = plugin.publish(&server, &["--provenance", &plugin.text("wrong.json")]);
    refused(wrong, 6, "not of this component");
    let wrong = plugin.publish(&server, &["--sbom", &built]);
    refused(wrong, 6, "neither CycloneDX");
    let checked = said(plugin.run(&server, "check", &["--sbom", &sbom]));
    assert_eq!(checked["signed_by"], json!([key]));
    let published = said(plugin.publish(&server, &["--sbom", &sbom, "--provenance", &built]));
    assert_eq!(published["supply"]["signers"][0]["trusted_as"], "release");

    let shown = said(at(&server, &["plugin", "show", "c@1.0.0", "--json"]));
    let supply = &shown["supply"];
    assert_eq!(
        supply["signers"],
        json!([{ "key": key, "trusted_as": "release" }])
    );
    assert_eq!(supply["sbom"]["about"]["components"], 2);
    assert_eq!(
        supply["sbom"]["about"]["licenses"],
        json!({ "MIT": 1, "unknown": 1 })
    );
    assert_eq!(
        supply["provenance"]["about"]["builder"],
        "https://ci.example.com"
    );
    assert_eq!(supply["provenance"]["about"]["commit"], "abc123");
    let tools = supply["sections"]["tools"].to_string();
    assert!(tools.contains("wit-component"), "{supply}");
    for output in [
        at(&server, &["plugin", "show", "c@1.0.0"]),
        at(&server, &["plugin", "show", "c"]),
    ] {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("release"), "{text}");
    }
    // Each document comes back byte for byte.
    for (kind, file) in [
        ("manifest", "steward.toml"),
        ("signature", "c.wasm.sig"),
        ("sbom", "sbom.json"),
        ("provenance", "built.json"),
    ] {
        let out = plugin.text(&format!("got-{kind}"));
        said(at(
            &server,
            &[
                "plugin", "document", "c@1.0.0", kind, "--out", &out, "--json",
            ],
        ));
        assert_eq!(
            std::fs::read(out).unwrap(),
            std::fs::read(plugin.path(file)).unwrap(),
            "{kind}"
        );
    }
    let plain = Plugin::new("1.1.0");
    said(plain.publish(&server, &[]));
    server
        .get("/api/v1/plugins/c/1.1.0/documents/sbom")
        .problem(404, "not-found");
}

#[test]
fn a_tenant_that_accepts_signed_plugins_only_takes_and_runs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_on(folder.path(), &[]);
    let old = Plugin::new("0.9.0");
    said(old.publish(&server, &[]));
    server.deploy("old", "c", "0.9.0", json!({})).ok();
    let policy = said(at(&server, &["trust", "policy", "signed", "--json"]));
    assert_eq!(policy["unvouched"][0]["function"], "old");

    let plugin = Plugin::new("1.0.0");
    refused(plugin.publish(&server, &[]), 4, "has no signature");
    refused(plugin.run(&server, "check", &[]), 4, "has no signature");
    let key = plugin.sign("release.pem");
    refused(
        plugin.publish(&server, &[]),
        4,
        "which this tenant does not trust",
    );
    // Only an operator says whom the tenant trusts.
    let publisher = said(at(
        &server,
        &["key", "create", "p", "--role", "publisher", "--json"],
    ));
    let publisher = publisher["key"].as_str().unwrap();
    let env = [("STEWARD_URL", &*server.url), ("STEWARD_KEY", publisher)];
    refused(
        cli(&["trust", "add", "release", "--key", &key], &env),
        4,
        "role",
    );
    refused(cli(&["trust", "policy", "any"], &env), 4, "role");
    said(at(
        &server,
        &["trust", "add", "release", "--key", &key, "--json"],
    ));

    // A byte more in either file, under the signature of the files as they were.
    let (component, text) = (plugin.path("c.wasm"), plugin.path("steward.toml"));
    let (bytes, toml) = (
        std::fs::read(&component).unwrap(),
        std::fs::read(&text).unwrap(),
    );
    // An empty custom section: the component stays sound and does what it did.
    std::fs::write(&component, [&bytes[..], &[0, 2, 1, b'x']].concat()).unwrap();
    refused(
        plugin.publish(&server, &[]),
        6,
        "it signs another component",
    );
    std::fs::write(&component, &bytes).unwrap();
    std::fs::write(
        &text,
        [&toml[..], b"\n[limits]\nmemory_mib = 512\n"].concat(),
    )
    .unwrap();
    refused(plugin.publish(&server, &[]), 6, "it signs another manifest");
    std::fs::write(&text, &toml).unwrap();
    let envelope = std::fs::read_to_string(plugin.path("c.wasm.sig")).unwrap();
    let mut broken: Value = serde_json::from_str(&envelope).unwrap();
    broken["signatures"][0]["sig"] = json!("A".repeat(86) + "==");
    std::fs::write(plugin.path("broken.sig"), broken.to_string()).unwrap();
    refused(
        plugin.publish(&server, &["--signature", &plugin.text("broken.sig")]),
        6,
        "was changed, or is not of this key",
    );
    said(plugin.publish(&server, &[]));

    server.deploy("f", "c", "1.0.0", json!({})).ok();
    let denied = server
        .deploy("f", "c", "0.9.0", json!({}))
        .problem(403, "signature-needed");
    assert!(
        denied["detail"].as_str().unwrap().contains("c@0.9.0"),
        "{denied}"
    );
    server
        .post("/api/v1/functions/old/rollback", &json!({}))
        .problem(404, "not-found");

    // The key is taken back: what runs is named and goes on, also after a restart, and is not deployed again.
    let removed = said(at(&server, &["trust", "remove", "release", "--json"]));
    let running: Vec<_> = removed["unvouched"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| u["function"].clone())
        .collect();
    assert_eq!(running, [json!("f"), json!("old")]);
    for round in 0..2 {
        assert_eq!(server.call("f", &["a"]).ok(), json!(["kept"]), "{round}");
        server
            .deploy("f", "c", "1.0.0", json!({}))
            .problem(403, "signature-needed");
        if round == 0 {
            server.kill();
            server = Server::start_on(folder.path(), &[]);
        }
    }
    said(at(&server, &["trust", "policy", "any", "--json"]));
    server.deploy("f", "c", "0.9.0", json!({})).ok();
}

#[test]
fn a_plugin_goes_through_a_registry_of_oci_artifacts() {
    let (registry, plugin) = (OciRegistry::start(), Plugin::new("1.0.0"));
    let key = plugin.sign("release.pem");
    std::fs::write(plugin.path("sbom.json"), SBOM).unwrap();
    std::fs::write(
        plugin.path("built.json"),
        provenance(&sha256(&plugin.path("c.wasm"))),
    )
    .unwrap();
    let place = format!("oci://{}/acme/c", registry.host());
    let tag = format!("{place}:1.0.0");
    let (sbom, built) = (plugin.text("sbom.json"), plugin.text("built.json"));
    let push = || {
        let source = plugin.source();
        let rest = [
            tag.as_str(),
            "--plain-http",
            "--sbom",
            &sbom,
            "--provenance",
            &built,
            "--json",
        ];
        said(cli(
            &Plugin::args(&source, "push", &rest),
            &[("SOURCE_DATE_EPOCH", "1700000000")],
        ))
    };
    let pushed = push();
    let digest = pushed["digest"].as_str().unwrap().to_owned();
    assert_eq!(
        push()["digest"],
        digest,
        "the same plugin has the same digest"
    );

    // As other tools look at it: one layer, and the config that they ask for.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::blocking::Client::new();
    let url = |path: &str| format!("http://{}/v2/acme/c/{path}", registry.host());
    let accept = "application/vnd.oci.image.manifest.v1+json";
    let get = |path: &str| {
        client
            .get(url(path))
            .header("accept", accept)
            .send()
            .unwrap()
            .json::<Value>()
            .unwrap()
    };
    let oci = get("manifests/1.0.0");
    assert_eq!(oci["layers"].as_array().unwrap().len(), 1, "{oci}");
    assert_eq!(oci["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(
        oci["config"]["mediaType"],
        "application/vnd.wasm.config.v0+json"
    );
    assert_eq!(
        oci["annotations"]["org.opencontainers.image.licenses"],
        "MIT"
    );
    let config = get(&format!(
        "blobs/{}",
        oci["config"]["digest"].as_str().unwrap()
    ));
    assert_eq!(config["layerDigests"][0], oci["layers"][0]["digest"]);
    assert_eq!(
        config["component"]["exports"],
        json!(["steward:cleaning/cleaner@0.1.0"])
    );

    let by_digest = format!("{place}@{digest}");
    assert_eq!(pushed["reference"], by_digest);
    for (n, from) in [&tag, &by_digest].into_iter().enumerate() {
        let out = plugin.text(&format!("pulled-{n}"));
        let pulled = said(cli(
            &[
                "plugin",
                "pull",
                from,
                "--out",
                &out,
                "--plain-http",
                "--json",
            ],
            &[],
        ));
        assert_eq!(
            (&pulled["digest"], &pulled["signers"]),
            (&json!(digest), &json!([key]))
        );
        for (got, sent) in [
            ("c.wasm", "c.wasm"),
            ("steward.toml", "steward.toml"),
            ("c.wasm.sig", "c.wasm.sig"),
            ("c.sbom.json", "sbom.json"),
            ("c.provenance.json", "built.json"),
        ] {
            let got = std::fs::read(Path::new(&out).join(got)).unwrap();
            assert!(got == std::fs::read(plugin.path(sent)).unwrap(), "{sent}");
        }
        said(cli(
            &["plugin", "verify", &out, "--key", &key, "--json"],
            &[],
        ));
        refused(
            cli(
                &["plugin", "pull", from, "--out", &out, "--plain-http"],
                &[],
            ),
            5,
            "exists already",
        );
    }
    let missing = cli(
        &["plugin", "pull", &format!("{place}:2.0.0"), "--plain-http"],
        &[],
    );
    refused(missing, 3, "2.0.0");

    // From the registry into a tenant that accepts signed plugins only.
    let server = Server::start();
    said(at(&server, &["trust", "policy", "signed", "--json"]));
    let publish = ["plugin", "publish", &by_digest, "--plain-http", "--json"];
    refused(at(&server, &publish), 4, &key);
    said(at(
        &server,
        &["trust", "add", "release", "--key", &key, "--json"],
    ));
    let published = said(at(&server, &publish));
    assert_eq!(published["supply"]["signers"][0]["trusted_as"], "release");
    assert_eq!(published["supply"]["sbom"]["about"]["components"], 2);
    server.deploy("f", "c", "1.0.0", json!({})).ok();
    assert_eq!(server.call("f", &["a"]).ok(), json!(["kept"]));

    // A registry that hands out another component under the digest.
    let blob = registry.blob(oci["layers"][0]["digest"].as_str().unwrap());
    let mut bytes = std::fs::read(&blob).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    let out = plugin.text("tampered");
    refused(
        cli(
            &["plugin", "pull", &by_digest, "--out", &out, "--plain-http"],
            &[],
        ),
        6,
        "component",
    );
    assert!(!Path::new(&out).exists());
}

#[test]
fn a_component_that_another_tool_pushed_is_pulled_and_published() {
    let (registry, plugin) = (OciRegistry::start(), Plugin::new("1.0.0"));
    // As `wkg oci push` lays it out: no annotations of ours.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::blocking::Client::new();
    let component = std::fs::read(plugin.path("c.wasm")).unwrap();
    let digest = format!("sha256:{}", sha256(&plugin.path("c.wasm")));
    let config = json!({
        "created": "2026-01-02T03:04:05.123456789Z", "author": null, "architecture": "wasm", "os": "wasip2",
        "layerDigests": [digest], "component": {"exports": [], "imports": [], "target": null}
    })
    .to_string();
    let push = |bytes: Vec<u8>| {
        let path = plugin.path("blob");
        std::fs::write(&path, &bytes).unwrap();
        let digest = format!("sha256:{}", sha256(&path));
        let url = format!("http://{}/v2/acme/c/blobs/uploads/", registry.host());
        let begun = client.post(url).send().unwrap();
        let to = begun.headers()["location"].to_str().unwrap().to_owned();
        let done = client
            .put(format!("{to}&digest={digest}"))
            .body(bytes.clone())
            .send()
            .unwrap();
        assert_eq!(done.status().as_u16(), 201);
        json!({ "digest": digest, "size": bytes.len() })
    };
    let descriptor = |kind: &str, mut blob: Value| {
        blob["mediaType"] = kind.into();
        blob
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.wasm.config.v0+json", push(config.into_bytes())),
        "layers": [descriptor("application/wasm", push(component.clone()))],
    });
    let done = client
        .put(format!(
            "http://{}/v2/acme/c/manifests/1.0.0",
            registry.host()
        ))
        .header("content-type", "application/vnd.oci.image.manifest.v1+json")
        .body(manifest.to_string())
        .send()
        .unwrap();
    assert_eq!(done.status().as_u16(), 201);

    let (from, out) = (
        format!("oci://{}/acme/c:1.0.0", registry.host()),
        plugin.text("pulled"),
    );
    let pulled = said(cli(
        &[
            "plugin",
            "pull",
            &from,
            "--out",
            &out,
            "--plain-http",
            "--json",
        ],
        &[],
    ));
    assert_eq!(
        (&pulled["files"], &pulled["signers"]),
        (&json!(["c.wasm"]), &json!([]))
    );
    assert!(std::fs::read(Path::new(&out).join("c.wasm")).unwrap() == component);
    let server = Server::start();
    refused(
        at(&server, &["plugin", "publish", &from, "--plain-http"]),
        6,
        "no manifest of Steward",
    );
    let toml = plugin.text("steward.toml");
    said(at(
        &server,
        &[
            "plugin",
            "publish",
            &from,
            "--plain-http",
            "--manifest",
            &toml,
            "--json",
        ],
    ));
}

#[test]
#[ignore = "long: wants `wkg` on the PATH (`cargo install --locked wkg`, some minutes)"]
fn wkg_pulls_what_is_pushed_and_what_it_pushes_is_pulled() {
    let (registry, plugin) = (OciRegistry::start(), Plugin::new("1.0.0"));
    let host = registry.host();
    let wkg = |args: &[&str]| {
        let output = std::process::Command::new("wkg")
            .args(args)
            .args(["--insecure", &host])
            .output()
            .expect("`wkg` is on the PATH");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
    };
    let component = std::fs::read(plugin.path("c.wasm")).unwrap();

    let pushed = format!("oci://{host}/acme/pushed:1.0.0");
    let source = plugin.source();
    let rest = [pushed.as_str(), "--plain-http", "--json"];
    said(cli(&Plugin::args(&source, "push", &rest), &[]));
    let out = plugin.text("by-wkg.wasm");
    wkg(&["oci", "pull", &pushed["oci://".len()..], "--output", &out]);
    assert!(std::fs::read(&out).unwrap() == component);

    let theirs = format!("{host}/theirs/c:1.0.0");
    wkg(&["oci", "push", &theirs, &plugin.text("c.wasm")]);
    let (from, out) = (format!("oci://{theirs}"), plugin.text("pulled"));
    let pull = ["plugin", "pull", &from, "--out", &out];
    said(cli(&[&pull[..], &["--plain-http", "--json"]].concat(), &[]));
    assert!(std::fs::read(Path::new(&out).join("c.wasm")).unwrap() == component);
}

#[test]
fn a_registry_with_a_password_is_asked_with_the_credentials_of_docker_or_by_hand() {
    let (registry, plugin) = (OciRegistry::start_with_password(), Plugin::new("1.0.0"));
    let (to, source) = (
        format!("oci://{}/acme/c:1.0.0", registry.host()),
        plugin.source(),
    );
    let push = Plugin::args(&source, "push", &[&to, "--plain-http", "--json"]);
    let docker = |auth: &str| {
        let auths = json!({ "auths": { registry.host(): { "auth": auth } } });
        std::fs::write(plugin.path("config.json"), auths.to_string()).unwrap();
        plugin.folder.path().to_str().unwrap().to_owned()
    };
    let nowhere = plugin.text("nowhere");
    refused(
        cli(&push, &[("DOCKER_CONFIG", &nowhere)]),
        4,
        "does not allow",
    );
    // `tester:wrong` and `tester:U*U`
    refused(
        cli(&push, &[("DOCKER_CONFIG", &docker("dGVzdGVyOndyb25n"))]),
        4,
        "does not allow",
    );
    said(cli(
        &push,
        &[("DOCKER_CONFIG", &docker("dGVzdGVyOlUqVQ=="))],
    ));

    let pull = |password: &str, out: &str| {
        let mut child = Command::new(steward())
            .args([
                "plugin",
                "pull",
                &to,
                "--out",
                out,
                "--plain-http",
                "--json",
            ])
            .args(["--username", OciRegistry::USERNAME, "--password-stdin"])
            .env("DOCKER_CONFIG", &nowhere)
            .env("ORT_DYLIB_PATH", home().join("lib/libonnxruntime.so"))
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
        child.wait_with_output().unwrap()
    };
    let out = plugin.text("pulled");
    let wrong = pull("another-secret", &out);
    let text = String::from_utf8_lossy(&wrong.stderr).into_owned();
    refused(wrong, 4, "does not allow");
    assert!(!text.contains("another-secret"), "{text}");
    said(pull(OciRegistry::PASSWORD, &out));
    assert!(Path::new(&out).join("c.wasm").is_file());
}
