//! An S3-compatible server.

use std::path::PathBuf;

use super::process::{self, Process, command, find, http, on_path};
use crate::root;
use nix::sys::signal::Signal;

/// moto, with the bucket [`Moto::BUCKET`].
pub struct Moto(Process);

impl Moto {
    /// The bucket that is there.
    pub const BUCKET: &str = "steward-tests";

    /// Starts it.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn start() -> Self {
        let mut places: Vec<PathBuf> = std::env::var_os("STEWARD_MOTO_SERVER")
            .map(PathBuf::from)
            .into_iter()
            .collect();
        places.push(root().join(".steward/venv/bin/moto_server"));
        places.extend(on_path("moto_server"));
        let program = find("moto_server (PyPI: moto[server])", places);
        let server = process::start(
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
            http(server.port, "PUT", &format!("/{}", Self::BUCKET), b""),
            Some(200)
        );
        Self(server)
    }

    /// Where it answers. Any access key does.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// Puts other bytes under a key that exists.
    ///
    /// # Panics
    /// When it does not exist.
    pub fn overwrite(&self, key: &str, bytes: &[u8]) {
        let path = format!("/{}/{key}", Self::BUCKET);
        assert_eq!(http(self.0.port, "HEAD", &path, b""), Some(200), "{path}");
        assert_eq!(http(self.0.port, "PUT", &path, bytes), Some(200), "{path}");
    }
}
