//! An S3-compatible server.

use std::path::PathBuf;

use nix::sys::signal::Signal;
use steward_registry::ArtifactsConfig;

use super::server::{self, Server, command, find, http, on_path};

const BUCKET: &str = "steward-tests";

pub struct Moto(Server);

impl Moto {
    pub fn start() -> Self {
        let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut places: Vec<PathBuf> = std::env::var_os("STEWARD_MOTO_SERVER")
            .map(PathBuf::from)
            .into_iter()
            .collect();
        places.push(repository.join(".steward/venv/bin/moto_server"));
        places.extend(on_path("moto_server"));
        let program = find("moto_server (PyPI: moto[server])", places);
        let server = server::start(
            "moto_server",
            Signal::SIGTERM,
            |port| {
                let mut command = command(&program, None);
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
                command
            },
            |port| http(port, "GET", "/moto-api/", b"") == Some(200),
        );
        assert_eq!(
            http(server.port, "PUT", &format!("/{BUCKET}"), b""),
            Some(200)
        );
        Self(server)
    }

    pub fn artifacts(&self, prefix: &str) -> ArtifactsConfig {
        ArtifactsConfig::S3 {
            bucket: BUCKET.into(),
            prefix: prefix.into(),
            region: "us-east-1".into(),
            endpoint: Some(format!("http://127.0.0.1:{}", self.0.port)),
            access_key_id: "tester".into(),
            secret_access_key: "not-shown".into(),
            allow_http: true,
        }
    }

    /// Puts other bytes under a key that exists.
    pub fn overwrite(&self, key: &str, bytes: &[u8]) {
        let path = format!("/{BUCKET}/{key}");
        assert_eq!(http(self.0.port, "HEAD", &path, b""), Some(200), "{path}");
        assert_eq!(http(self.0.port, "PUT", &path, bytes), Some(200), "{path}");
    }
}
