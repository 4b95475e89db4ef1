//! `steward key rotate`

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::create::{human, write_private};
use super::local::{Local, recorded};
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::field;

/// Give a key a new secret; the one of now works until the overlap has passed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward key rotate 01jd8x3v9q5w2e4r6t8y0u1i3o --overlap 24h
  steward key rotate 01jd8x3v9q5w2e4r6t8y0u1i3o --out new.key
  steward key rotate 01jd8x3v9q5w2e4r6t8y0u1i3o --data-dir steward-data

Id, role and scopes stay, and so does what is counted for the key. Rotating again within the overlap ends \
the secret before the last at once.")]
pub struct Rotate {
    /// Id of the key: the part after `stw_`, 26 characters
    pub id: String,
    /// For how long the secret of now works too, like 30m, 24h or 7d, at most 30d
    #[arg(long, value_name = "TIME", default_value = "0h", value_parser = overlap)]
    pub overlap: SignedDuration,
    /// Write the key into a new file that only you can read, instead of showing it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub local: Local,
}

impl Rotate {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let mut rotated = match self.local.registry().await? {
            Some(registry) => {
                let tenant = self.local.tenant()?;
                let work = registry.rotate_key(&tenant, &self.id, self.overlap);
                let (principal, key) = recorded("key rotate", &self.id, &tenant, work).await?;
                let mut rotated = serde_json::to_value(&principal)?;
                rotated["key"] = key.to_string().into();
                rotated
            }
            None => {
                let mut path = self.local.keys();
                path.extend([self.id.as_str(), "rotation"]);
                let body = json!({"overlap_seconds": self.overlap.as_secs()});
                context.connection.client()?.post(&path, &body).await?
            }
        };
        if let Some(path) = &self.out {
            write_private(path, &field(&rotated, "/key"))?;
            rotated["key"] = Value::Null;
            rotated["key_file"] = json!(path);
        }
        context.output.show(&rotated, || human(&rotated))?;
        Ok(Exit::Done)
    }
}

fn overlap(given: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("`{given}` is not a time like 30m, 24h or 7d, at most 30d");
    let unit = given.chars().last().ok_or_else(wrong)?;
    let number = given.strip_suffix(unit).unwrap_or_default();
    let number: i64 = number.parse().map_err(|_| wrong())?;
    let minutes = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 24 * 60,
        _ => return Err(wrong()),
    };
    if !(0..=30 * 24 * 60).contains(&number) || number * minutes > 30 * 24 * 60 {
        return Err(wrong());
    }
    Ok(SignedDuration::from_mins(number * minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_bounded() {
        assert_eq!(overlap("24h").unwrap(), SignedDuration::from_hours(24));
        assert_eq!(overlap("0h").unwrap(), SignedDuration::ZERO);
        for bad in [
            "",
            "h",
            "24",
            "-1h",
            "31d",
            "721h",
            "1天",
            "9223372036854775807d",
        ] {
            assert!(overlap(bad).is_err(), "{bad}");
        }
    }
}
