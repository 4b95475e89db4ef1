//! A server of its own for `plugin dev`: this binary, on a data folder that goes with it.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::client::Client;
use crate::failure::{Exit, Failure};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that ends when this is dropped.
pub struct Server {
    child: Child,
    pub url: String,
    pub key: String,
    _folder: TempDir,
}

impl Server {
    /// Makes a key and starts the server on a loopback address.
    pub async fn start(listen: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let data = folder
            .path()
            .to_str()
            .context("the temporary folder is not UTF-8")?;
        let made = steward()?
            .args(["key", "create", "dev", "--role", "operator", "--json"])
            .args(["--data-dir", data])
            .output()
            .await?;
        let key = serde_json::from_slice::<Value>(&made.stdout)
            .ok()
            .and_then(|made| Some(made["key"].as_str()?.to_owned()))
            .ok_or_else(|| failed(&String::from_utf8_lossy(&made.stderr)))?;
        let mut child = steward()?
            .args(["serve", "--json", "--log", "error", "--listen", listen])
            .args(["--data-dir", data])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("the server has no output")?;
        let mut line = String::new();
        let mut lines = BufReader::new(stdout);
        tokio::time::timeout(PATIENCE, lines.read_line(&mut line))
            .await
            .map_err(|_| failed("it does not answer"))??;
        let url = serde_json::from_str::<Value>(&line)
            .ok()
            .and_then(|ready| Some(ready["url"].as_str()?.to_owned()))
            .ok_or_else(|| failed("what it says is above"))?;
        Ok(Self {
            child,
            url,
            key,
            _folder: folder,
        })
    }

    /// A client with the key of this server.
    pub fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.url, Some(&self.key), None)
    }

    /// Waits until the server ended by itself.
    pub async fn ended(&mut self) -> anyhow::Error {
        let how = self.child.wait().await;
        let how = how.map_or_else(|e| e.to_string(), |status| status.to_string());
        failed(&how).into()
    }
}

fn failed(why: &str) -> Failure {
    Failure::new(Exit::Failed, "the server for this plugin failed").cause(why.trim())
}

/// This binary, without what the variables of the shell say of another server.
fn steward() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("STEWARD_") && name != "STEWARD_HOME" {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    // In a group of its own: Ctrl-C is for this process, which then ends the server.
    #[cfg(unix)]
    command.process_group(0);
    Ok(command)
}
