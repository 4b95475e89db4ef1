//! Other hosts of functions, as programs of their own, as `scripts/setup bench` installed them.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How long a program may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that is stopped when dropped.
pub struct Other {
    /// Where it listens.
    pub addr: SocketAddr,
    child: Child,
    _folder: Option<tempfile::TempDir>,
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn start(
    mut command: Command,
    port: u16,
    folder: Option<tempfile::TempDir>,
) -> anyhow::Result<Other> {
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{name} is not there: run `scripts/setup bench`"))?;
    let begin = Instant::now();
    while TcpStream::connect(addr).is_err() {
        if let Some(status) = child.try_wait()? {
            bail!("{name} ended with {status} before it listened");
        }
        if begin.elapsed() > PATIENCE {
            child.kill()?;
            bail!("{name} does not listen");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Other {
        addr,
        child,
        _folder: folder,
    })
}

fn tool(path: &str) -> PathBuf {
    steward_tests::home().join("tools").join(path)
}

/// `wasmtime serve` with a component; `reuse` is how many requests one instance takes, `at_once` how many of them at a
/// time.
///
/// # Errors
/// When it is not installed or does not start.
pub fn wasmtime_serve(component: &Path, reuse: u32, at_once: u32) -> anyhow::Result<Other> {
    let port = free_port()?;
    let mut command = Command::new(tool("bin/wasmtime"));
    command
        .arg("serve")
        .args(["--addr", &format!("127.0.0.1:{port}")])
        .args(["-S", "cli", "-S", "p3", "-W", "component-model-async"])
        .arg(format!("--max-instance-reuse-count={reuse}"))
        .arg(format!("--max-instance-concurrent-reuse-count={at_once}"))
        .arg(component);
    start(command, port, None)
}

/// `workerd` with a worker that answers with a line of text. It serves with a single thread, whatever the machine has.
///
/// # Errors
/// When it is not installed or does not start.
pub fn workerd_hello() -> anyhow::Result<Other> {
    let port = free_port()?;
    let folder = tempfile::tempdir()?;
    std::fs::write(
        folder.path().join("worker.js"),
        "export default { fetch() { return new Response(\"Hello, world!\\n\"); } };\n",
    )?;
    let config = folder.path().join("config.capnp");
    std::fs::write(
        &config,
        format!(
            r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .hello)],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")],
);
const hello :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2025-01-01",
);
"#
        ),
    )?;
    let mut command = Command::new(tool("workerd/node_modules/workerd/bin/workerd"));
    command.arg("serve").arg(&config);
    start(command, port, Some(folder))
}
