//! `steward secret set`

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::json;
use steward_registry::Name;
use steward_secrets::MAX_SECRET_BYTES;
use zeroize::Zeroizing;

use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::output::field;

/// Set a secret, or a new version of one
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward secret set payment-token
  steward secret set payment-token --from-file token.txt
  echo \"$TOKEN\" | steward secret set payment-token

The value is asked for on a terminal and read from standard input otherwise, where one line break at its \
end is left out; a file is taken as it is. It has 1 to 65536 bytes, is encrypted before it is stored, and is \
never shown again. A function reads it where its manifest asks for it and `--grant secrets=NAME` gives it.")]
pub struct Set {
    /// Name of the secret
    pub name: Name,
    /// Take the value from this file, byte for byte
    #[arg(long, value_name = "FILE")]
    pub from_file: Option<PathBuf>,
}

impl Set {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let value = match &self.from_file {
            Some(path) => file(path)?,
            None => given(&self.name)?,
        };
        let client = context.connection.client()?;
        let body = json!({ "base64": STANDARD.encode(value.as_slice()) });
        let set = client
            .put(&["api", "v1", "secrets", self.name.as_str()], &body)
            .await?;
        context.output.show(&set, || {
            format!(
                "Set the secret {}, version {}.\nnext: steward function deploy FUNCTION --plugin PLUGIN --grant secrets={}",
                self.name,
                field(&set, "/version"),
                self.name
            )
        })?;
        Ok(Exit::Done)
    }
}

fn file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let file = std::fs::File::open(path).map_err(|e| Failure::file("read", path, &e))?;
    bounded(file).map_err(|e| Failure::file("read", path, &e))
}

fn given(name: &Name) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let unread =
        |e: std::io::Error| Failure::new(Exit::Failed, "no value can be read").cause(e.to_string());
    if std::io::stdin().is_terminal() {
        let terminal = console::Term::stderr();
        terminal
            .write_str(&format!("Value of {name}: "))
            .map_err(unread)?;
        let line = terminal.read_secure_line().map_err(unread)?;
        return Ok(Zeroizing::new(line.into_bytes()));
    }
    let mut value = bounded(std::io::stdin().lock()).map_err(unread)?;
    if value.last() == Some(&b'\n') {
        value.pop();
        if value.last() == Some(&b'\r') {
            value.pop();
        }
    }
    Ok(value)
}

/// One byte more than a secret may have: the server says that it is too long.
fn bounded(from: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut value = Zeroizing::new(Vec::with_capacity(MAX_SECRET_BYTES + 3));
    from.take(MAX_SECRET_BYTES as u64 + 3)
        .read_to_end(&mut value)?;
    Ok(value)
}
