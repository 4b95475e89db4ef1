//! `steward plugin keygen`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use steward_supply::SigningKey;

use crate::cli::Context;
use crate::commands::key::create::write_private;
use crate::failure::{Exit, Failure};
use crate::whole::Whole;

/// Make a key to sign plugins with
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin keygen
  steward plugin keygen --out release.pem

The file holds the private key (Ed25519, PKCS#8 in PEM) and only you can read it: whoever has it can sign in your
name. The public key is one line; it goes into FILE.pub and to the tenants that shall trust it:
`steward trust add`.")]
pub struct Keygen {
    /// File for the private key; it must not exist yet
    #[arg(long, value_name = "FILE", default_value = "steward-signing.pem")]
    pub out: PathBuf,
}

impl Keygen {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let (key, pem) = SigningKey::generate()
            .map_err(|e| Failure::new(Exit::Failed, format!("no key can be made: {e}")))?;
        write_private(&self.out, pem.trim_end())?;
        let public = key.public().to_string();
        let mut beside = self.out.clone().into_os_string();
        beside.push(".pub");
        let beside = PathBuf::from(beside);
        let mut file = Whole::create(&beside)?;
        file.write(format!("{public}\n").as_bytes())?;
        file.keep()?;
        let answer =
            json!({ "key": public, "private_key_file": self.out, "public_key_file": beside });
        context.output.show(&answer, || {
            format!(
                "{public}\n# The private key is in {}; keep it. The line above is in {} too.\n# next: steward trust add NAME --key {public}",
                self.out.display(),
                beside.display()
            )
        })?;
        Ok(Exit::Done)
    }
}
