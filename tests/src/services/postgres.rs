//! A PostgreSQL server with a cluster of its own.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tempfile::TempDir;

use super::process::{self, Process, command, find, on_path};

/// PostgreSQL.
pub struct Postgres {
    // Stopped before its folder is removed.
    server: Process,
    _folder: TempDir,
}

impl Postgres {
    /// Starts it on a new cluster.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn start() -> Self {
        Self::start_as(&["-F"])
    }

    /// Starts it on a new cluster, as it is operated: what is acknowledged is on disk.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn start_durable() -> Self {
        Self::start_as(&[])
    }

    fn start_as(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL refuses to run as root: then it runs as somebody who owns its folder and nothing else.
        let user = Uid::effective().is_root().then(|| {
            let user = ["postgres", "nobody"]
                .into_iter()
                .find_map(|n| User::from_name(n).unwrap());
            let user =
                user.expect("PostgreSQL needs the user postgres or nobody: run `make setup`");
            std::os::unix::fs::chown(
                folder.path(),
                Some(user.uid.as_raw()),
                Some(user.gid.as_raw()),
            )
            .unwrap();
            user
        });
        let data = folder.path().join("data");
        let made = command(&binary("initdb"), user.as_ref())
            .args([
                "--username=steward",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .current_dir(folder.path())
            .output()
            .unwrap_or_else(|e| {
                panic!(
                    "initdb cannot be started with `setpriv` of util-linux: {e}; run `make setup`"
                )
            });
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let postgres = binary("postgres");
        let server = process::start(
            "postgres",
            Signal::SIGQUIT,
            |port| -> Command {
                let mut command = command(&postgres, user.as_ref());
                command
                    .arg("-D")
                    .arg(&data)
                    .args(["-h", "127.0.0.1", "-p", &port.to_string()]);
                command.args(options);
                command
                    .args(["-c", "unix_socket_directories="])
                    .current_dir(folder.path());
                command
            },
            |port| TcpStream::connect(("127.0.0.1", port)).is_ok(),
        );
        Self {
            server,
            _folder: folder,
        }
    }

    fn url(&self, database: &str) -> String {
        format!(
            "postgres://steward@127.0.0.1:{}/{database}",
            self.server.port
        )
    }

    /// Creates a database and returns its URL.
    ///
    /// # Panics
    /// When it cannot be created.
    pub async fn create_database(&self, name: &str) -> String {
        sqlx::any::install_default_drivers();
        // The port is open a moment before the server accepts sessions: it says so, and is asked again.
        let mut connection = loop {
            match AnyConnection::connect(&self.url("postgres")).await {
                Ok(connection) => break connection,
                Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("57P03") => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                Err(e) => panic!("{e}"),
            }
        };
        connection
            .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .unwrap();
        self.url(name)
    }
}

/// Waits until the server has noticed that a client is gone: what it had been told to commit, it commits.
///
/// # Panics
/// When it does not answer.
pub async fn sessions_have_ended(url: &str) {
    let mut connection = AnyConnection::connect(url).await.unwrap();
    let others = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    while sqlx::query_scalar::<_, i64>(others)
        .fetch_one(&mut connection)
        .await
        .unwrap()
        > 0
    {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    connection.close().await.unwrap();
}

/// On the PATH, or where Debian puts it, the newest first.
fn binary(name: &str) -> PathBuf {
    let mut places = on_path(name);
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| {
            entries
                .flatten()
                .map(|e| e.path().join("bin").join(name))
                .collect()
        })
        .unwrap_or_default();
    versions.sort();
    places.extend(versions.into_iter().rev());
    find(&format!("{name} (Debian: postgresql)"), places)
}
