//! How a command talks to a registry of OCI artifacts.

use std::io::Read as _;

use clap::Args;
use steward_oci::{Client, Credentials, OciError, Options, Place, Plugin, credentials};

use crate::failure::{Exit, Failure};

/// Options of every command that talks to a registry.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Registry")]
pub struct RegistryArgs {
    /// Speak HTTP without TLS, for a registry on this machine
    #[arg(long)]
    pub plain_http: bool,
    /// The name to log in with [default: what Docker's configuration has for the registry]
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub username: Option<String>,
    /// Read the password or token from standard input
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
}

impl RegistryArgs {
    /// A client of this registry.
    pub fn client(&self, place: &Place) -> Result<Client, Failure> {
        let credentials = match &self.username {
            Some(username) => Some(Credentials {
                username: username.clone(),
                password: password()?,
            }),
            None => match credentials::file() {
                Some(file) => credentials::of(place.registry(), &file)?,
                None => None,
            },
        };
        Ok(Client::new(Options {
            plain_http: self.plain_http,
            credentials,
        })?)
    }

    /// Fetches a plugin, with the digest that means it for ever.
    pub async fn pull(&self, place: &Place) -> Result<(Plugin, String), Failure> {
        Ok(self.client(place)?.pull(place).await?)
    }
}

fn password() -> Result<String, Failure> {
    let mut password = String::new();
    std::io::stdin()
        .take(16 * 1024)
        .read_to_string(&mut password)
        .map_err(|e| {
            Failure::new(Exit::Failed, "the password cannot be read").cause(e.to_string())
        })?;
    let password = password.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            "standard input holds no password",
        ));
    }
    Ok(password.to_owned())
}

impl From<OciError> for Failure {
    fn from(error: OciError) -> Self {
        let (exit, next) = match &error {
            OciError::Place { .. } => (
                Exit::Usage,
                Some("write it as oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:…"),
            ),
            OciError::Missing(_) => (Exit::NotFound, None),
            OciError::Denied { .. } => (
                Exit::Denied,
                Some("log in with --username NAME --password-stdin, or with `docker login`"),
            ),
            OciError::Network { .. } => (
                Exit::Unavailable,
                Some("a registry without TLS, on this machine, needs --plain-http"),
            ),
            OciError::Credentials(_) => (Exit::Denied, None),
            OciError::Refused { .. } => (Exit::Failed, None),
            _ => (Exit::Invalid, None),
        };
        let failure = Self::new(exit, error.to_string());
        match next {
            Some(next) => failure.next(next),
            None => failure,
        }
    }
}
