//! A registry of OCI artifacts.

use std::path::{Path, PathBuf};

use super::process::{self, Process, command, find, http, on_path};
use nix::sys::signal::Signal;

/// The registry of the CNCF's distribution project, with its blobs in a folder.
pub struct OciRegistry {
    server: Process,
    folder: tempfile::TempDir,
}

impl OciRegistry {
    /// The name that a registry with a password wants.
    pub const USERNAME: &str = "tester";
    /// The password.
    pub const PASSWORD: &str = "U*U";

    /// Starts one that everybody may write to.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts one that wants a name and a password.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn start_with_password() -> Self {
        Self::start_with("auth:\n  htpasswd:\n    realm: tests\n    path: ")
    }

    fn start_with(auth: &str) -> Self {
        let mut places: Vec<PathBuf> = std::env::var_os("STEWARD_OCI_REGISTRY")
            .map(PathBuf::from)
            .into_iter()
            .collect();
        places.extend(on_path("docker-registry"));
        let program = find("docker-registry (Debian's package of that name)", places);
        let folder = tempfile::tempdir().unwrap();
        let htpasswd = folder.path().join("htpasswd");
        // A test vector of bcrypt, so that no tool is needed that makes one.
        let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        std::fs::write(&htpasswd, format!("{}:{hash}\n", Self::USERNAME)).unwrap();
        let auth = match auth {
            "" => String::new(),
            auth => format!("{auth}{}\n", htpasswd.display()),
        };
        let server = process::start(
            "docker-registry",
            Signal::SIGTERM,
            |port| {
                let config = folder.path().join(format!("{port}.yml"));
                let blobs = folder.path().join("blobs");
                let text = format!(
                    "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n{auth}",
                    blobs.display()
                );
                std::fs::write(&config, text).unwrap();
                let mut command = command(&program, None);
                command.arg("serve").arg(config);
                command
            },
            |port| {
                http(port, "GET", "/v2/", b"").is_some_and(|status| status == 200 || status == 401)
            },
        );
        Self { server, folder }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.server.port)
    }

    /// The file that holds a blob, by its digest.
    ///
    /// # Panics
    /// When there is none.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = self
            .folder
            .path()
            .join("blobs/docker/registry/v2/blobs/sha256");
        let path = blobs.join(Path::new(&hex[..2])).join(hex).join("data");
        assert!(path.is_file(), "{}", path.display());
        path
    }
}
