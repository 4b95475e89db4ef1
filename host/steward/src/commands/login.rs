//! `steward login`

use std::io::{IsTerminal, Read};

use clap::Args;
use serde_json::json;

use crate::cli::Context;
use crate::client::Client;
use crate::connection::checked;
use crate::failure::{Exit, Failure};
use crate::output::field;
use crate::profile::{self, Profile};

/// Remember a server and a key, after trying them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward login
  steward login https://steward.example.com
  steward login --key-file key.txt
  echo \"$KEY\" | steward login http://127.0.0.1:7300

The key is asked for on a terminal and read from standard input otherwise, unless STEWARD_KEY or \
--key-file gives it. It is kept in a file that only you can read: STEWARD_PROFILE, else \
~/.config/steward/profile.toml.")]
pub struct Login {
    /// Address of the server [default: http://127.0.0.1:7300]
    pub url: Option<String>,
}

impl Login {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let url = match self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => context.connection.url()?,
        };
        let key = match context.connection.given_key()? {
            Some(key) => key,
            None => checked(&ask(&url)?, "the key")?,
        };
        let client = Client::new(&url, Some(&key), None)?;
        let me = client.get(&["api", "v1", "me"]).await?;
        let tenant = field(&me, "/tenant");
        let path = profile::path()?;
        profile::save(
            &path,
            &Profile {
                url: url.clone(),
                key,
                tenant: Some(tenant.clone()),
            },
        )?;
        let answer = json!({ "url": url, "tenant": tenant, "role": me["role"], "profile": path });
        context.output.show(&answer, || {
            format!(
                "Logged in to {url}: tenant {tenant}, role {}. Kept in {}.",
                field(&me, "/role"),
                path.display()
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Asks for the key without showing it, or reads it from a pipe.
fn ask(url: &str) -> Result<String, Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(Exit::Failed, "the key cannot be read").cause(e.to_string())
    };
    let mut key = String::new();
    if std::io::stdin().is_terminal() {
        let terminal = console::Term::stderr();
        terminal
            .write_str(&format!("API key for {url} (it is not shown): "))
            .map_err(failed)?;
        key = terminal.read_secure_line().map_err(failed)?;
    } else {
        std::io::stdin()
            .take(4096)
            .read_to_string(&mut key)
            .map_err(failed)?;
    }
    if key.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "no key was given")
            .next("`steward key create --data-dir DIR` makes one on the machine of the server"));
    }
    Ok(key.trim().to_owned())
}
