//! What of a plugin goes to a server: its manifest and its component.

use std::path::{Path, PathBuf};

use clap::Args;
use steward_registry::Manifest;
use steward_registry::manifest::MAX_MANIFEST_BYTES;

use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::multipart::Multipart;
use crate::plugin::toolchain::Purpose;
use crate::progress;

/// Where manifest and component lie.
#[derive(Debug, Args)]
pub struct Source {
    /// Folder of the plugin; it is built first unless --component names a finished one
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// The component, of any language and build
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
    /// The manifest [default: DIR/steward.toml]
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
}

/// Manifest and component, found and read as far as can be told without the server.
pub struct Package {
    pub manifest: Manifest,
    text: String,
    pub component: PathBuf,
}

impl Source {
    /// Reads the manifest and finds or builds the component.
    pub async fn package(&self, context: &Context) -> anyhow::Result<Package> {
        let path = self
            .manifest
            .clone()
            .unwrap_or_else(|| self.dir.join("steward.toml"));
        let (manifest, text) = read_manifest(&path)?;
        let component = match &self.component {
            Some(component) => component.clone(),
            None => super::build::build(context, &self.dir, Purpose::Release).await?,
        };
        Ok(Package {
            manifest,
            text,
            component,
        })
    }
}

impl Package {
    pub async fn form(&self) -> Result<Multipart, Failure> {
        Multipart::new()
            .bytes("manifest", "application/toml", self.text.clone())
            .file("component", self.component.clone())
            .await
    }

    /// Sends both to a path of the API.
    pub async fn send(
        &self,
        context: &Context,
        path: &[&str],
        what: &'static str,
    ) -> anyhow::Result<serde_json::Value> {
        let client = context.connection.client()?;
        let form = self.form().await?;
        let bar = progress::bytes(context.output, what, Some(form.length()));
        let answer = client.upload(path, form, bar.clone()).await;
        bar.finish_and_clear();
        Ok(answer?)
    }
}

/// Reads a manifest; a slip in it is found before anything is built or sent.
pub fn read_manifest(path: &Path) -> Result<(Manifest, String), Failure> {
    let size = std::fs::metadata(path)
        .map_err(|e| {
            Failure::file("read", path, &e)
                .next("every plugin has a manifest `steward.toml`; `steward plugin new` writes one")
        })?
        .len();
    let invalid = |why: String| {
        Failure::new(
            Exit::Invalid,
            format!("the manifest {} is refused", path.display()),
        )
        .cause(why)
    };
    if size > MAX_MANIFEST_BYTES as u64 {
        return Err(invalid(format!(
            "it has {size} bytes; at most {MAX_MANIFEST_BYTES} are read"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))?;
    let manifest = Manifest::parse(&text).map_err(|e| invalid(e.to_string()))?;
    Ok((manifest, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_refused_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("steward.toml");
        assert_eq!(read_manifest(&path).unwrap_err().exit, Exit::NotFound);
        for wrong in [
            "",
            "= =",
            "[plugin]\nname = \"../x\"\nversion = \"1.0.0\"\nworld = \"cleaner\"",
            &"#".repeat(70_000),
        ] {
            std::fs::write(&path, wrong).unwrap();
            let failure = read_manifest(&path).unwrap_err();
            assert_eq!(failure.exit, Exit::Invalid);
            assert!(!failure.causes.is_empty());
        }
        std::fs::write(
            &path,
            "[plugin]\nname = \"x\"\nversion = \"1.0.0\"\nworld = \"cleaner\"",
        )
        .unwrap();
        assert_eq!(read_manifest(&path).unwrap().0.plugin.name.as_str(), "x");
    }
}
