//! A server process on a free loopback port, for as long as the test needs it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// Stopped when it is dropped, which also happens when a test panics. Should the test process itself be
/// killed, the kernel kills the server (see [`command`]).
pub(crate) struct Process {
    child: Child,
    stop: Signal,
    pub(crate) port: u16,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked first, so that processes of its own end before it does.
        let _ = signal::kill(Pid::from_raw(self.child.id().cast_signed()), self.stop);
        let deadline = Instant::now() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that dies with the thread that starts it, as another user where one is given.
pub(crate) fn command(program: &PathBuf, user: Option<&nix::unistd::User>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(user) = user {
        command.args([
            "--reuid",
            &user.uid.to_string(),
            "--regid",
            &user.gid.to_string(),
            "--clear-groups",
        ]);
    }
    command.arg("--").arg(program).stdin(Stdio::null());
    command
}

/// Starts a server and waits until `ready` says so; `stop` is what it understands as the end. Another process may take the free port in between:
/// then the server exits and is started on another.
pub(crate) fn start(
    what: &str,
    stop: Signal,
    command: impl Fn(u16) -> Command,
    ready: impl Fn(u16) -> bool,
) -> Process {
    let log = tempfile::NamedTempFile::new().unwrap();
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = command(port)
            .stdout(log.reopen().unwrap())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap_or_else(|e| {
                panic!(
                    "{what} cannot be started with `setpriv` of util-linux: {e}; run `make setup`"
                )
            });
        let mut server = Process { child, stop, port };
        let deadline = Instant::now() + Duration::from_secs(120);
        while Instant::now() < deadline {
            if server.child.try_wait().unwrap().is_some() {
                break;
            }
            if ready(port) {
                // It may be another process that has the port: then this one ends, if not at once.
                std::thread::sleep(Duration::from_millis(50));
                if server.child.try_wait().unwrap().is_none() {
                    return server;
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    panic!(
        "{what} does not start:\n{}",
        std::fs::read_to_string(log.path()).unwrap_or_default()
    );
}

/// The first of these programs that is there. A missing one fails the test: what is not run is not known.
pub(crate) fn find(what: &str, places: impl IntoIterator<Item = PathBuf>) -> PathBuf {
    places
        .into_iter()
        .find(|p| p.is_file())
        .unwrap_or_else(|| panic!("{what} is not installed: run `make setup`"))
}

/// The program in every folder of the PATH.
pub(crate) fn on_path(program: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .collect()
}

/// One HTTP request; the status, or none where nobody answers. It bears a name and no valid signature:
/// moto wants the one, to let objects be overwritten, and does not check the other.
pub(crate) fn http(port: u16, method: &str, path: &str, body: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: AWS tester:none\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
}
