//! Which server a command talks to, and with which key.

use std::path::PathBuf;

use clap::Args;
use steward_registry::ApiKey;

use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::profile;

/// The server when nothing else is said.
pub const DEFAULT_URL: &str = "http://127.0.0.1:7300";

/// Options of every command that talks to a server.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Address of the server [default: that of `steward login`, else http://127.0.0.1:7300]
    #[arg(long, global = true, value_name = "URL", env = "STEWARD_URL")]
    pub server: Option<String>,

    /// File that holds the API key [default: the variable STEWARD_KEY, else that of `steward login`]
    #[arg(long, global = true, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

impl Connection {
    /// A client with a key.
    pub fn client(&self) -> Result<Client, Failure> {
        let (url, key, tenant) = self.resolve()?;
        let key = key.ok_or_else(|| {
            Failure::new(Exit::Denied, format!("there is no key for {url}"))
                .next("`steward login` remembers one; `steward key create --data-dir DIR` makes the first")
        })?;
        Client::new(&url, Some(&key), tenant)
    }

    /// The address, for messages and for `steward login`.
    pub fn url(&self) -> Result<String, Failure> {
        Ok(self.resolve()?.0)
    }

    /// The key that was given with this call, not one that is remembered.
    pub fn given_key(&self) -> Result<Option<String>, Failure> {
        if let Some(path) = &self.key_file {
            let about = std::fs::metadata(path).map_err(|e| Failure::file("read", path, &e))?;
            if about.len() > 32 * 1024 {
                return Err(Failure::invalid(format!(
                    "{} is too large to hold a key",
                    path.display()
                )));
            }
            let text =
                std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))?;
            return checked(text.trim(), &path.display().to_string()).map(Some);
        }
        match std::env::var("STEWARD_KEY") {
            Ok(key) if !key.trim().is_empty() => checked(key.trim(), "STEWARD_KEY").map(Some),
            _ => Ok(None),
        }
    }

    fn resolve(&self) -> Result<(String, Option<String>, Option<String>), Failure> {
        let given = self.given_key()?;
        // A profile that cannot be read matters only where it is needed.
        let profile = match (&self.server, &given) {
            (Some(_), Some(_)) => None,
            _ => profile::path()
                .ok()
                .map(|path| profile::load(&path))
                .transpose()?
                .flatten(),
        };
        let url = match (&self.server, &profile) {
            (Some(url), _) => url.clone(),
            (None, Some(profile)) => profile.url.clone(),
            (None, None) => DEFAULT_URL.to_owned(),
        };
        let url = url.trim_end_matches('/').to_owned();
        if given.is_some() {
            return Ok((url, given, None));
        }
        // A remembered key goes to the server it was remembered for and to no other.
        match profile.filter(|p| p.url.trim_end_matches('/') == url) {
            Some(profile) => {
                let key = checked(&profile.key, "the profile")?;
                Ok((url, Some(key), profile.tenant))
            }
            None => Ok((url, None, None)),
        }
    }
}

/// A key with a slip of the pen is found here, not by the server.
pub fn checked(key: &str, place: &str) -> Result<String, Failure> {
    // A bearer token of an OpenID provider has three parts; the server knows whether it is good.
    if key.split('.').count() == 3 && key.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(key.to_owned());
    }
    ApiKey::parse(key).map_err(|e| Failure::new(Exit::Denied, format!("{place}: {e}")))?;
    Ok(key.to_owned())
}
