//! A plugin's folder: what `steward.toml` and cargo say of it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;
use steward_registry::Manifest;

use crate::failure::{Exit, Failure};

/// A plugin that cargo can build.
#[derive(Debug)]
pub struct Project {
    /// The folder of the plugin, absolute.
    pub dir: PathBuf,
    pub manifest: Manifest,
    /// The cargo package; it may be called otherwise than the plugin.
    pub package: String,
    /// The folder whose `Cargo.lock` counts.
    pub workspace: PathBuf,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
}

/// What of `cargo metadata` matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<CargoTarget>,
}

#[derive(Deserialize)]
struct CargoTarget {
    crate_types: Vec<String>,
}

/// A manifest is refused at less; a file that grows without end must not fill the memory first.
const MOST_READ: u64 = 1024 * 1024;

/// Reads and checks the manifest of the plugin in this folder.
///
/// # Errors
/// No such file, or every error of [`Manifest::parse`].
pub fn manifest(dir: &Path) -> anyhow::Result<Manifest> {
    let path = dir.join("steward.toml");
    let failed = |error: std::io::Error| {
        let failure = Failure::file("read", &path, &error);
        failure
            .next("go into the folder of a plugin or name it; `steward plugin new NAME` makes one")
    };
    let mut text = String::new();
    let file = File::open(&path).map_err(failed)?;
    file.take(MOST_READ)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Manifest::parse(&text).with_context(|| format!("cannot use {}", path.display()))
}

impl Project {
    /// Opens the plugin in this folder.
    ///
    /// # Errors
    /// No manifest, no cargo, or a package that does not become a component.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let manifest = manifest(dir)?;
        let dir = dir
            .canonicalize()
            .with_context(|| format!("cannot open {}", dir.display()))?;
        let cargo_toml = dir.join("Cargo.toml");
        if !cargo_toml.is_file() {
            let what = format!(
                "{} is not a Rust package: it has no Cargo.toml",
                dir.display()
            );
            let next = "components of other languages are published as they are: `steward plugin publish --component FILE`";
            return Err(Failure::new(Exit::NotFound, what).next(next).into());
        }
        let metadata = metadata(&dir)?;
        let package = metadata
            .packages
            .into_iter()
            .find(|package| {
                package
                    .manifest_path
                    .canonicalize()
                    .is_ok_and(|path| path == cargo_toml)
            })
            .with_context(|| format!("cargo knows no package in {}", dir.display()))?;
        if !package
            .targets
            .iter()
            .any(|target| target.crate_types.iter().any(|kind| kind == "cdylib"))
        {
            let what = format!(
                "the library of package `{}` does not become a component",
                package.name
            );
            let next = "add to Cargo.toml: [lib] crate-type = [\"cdylib\", \"rlib\"]";
            return Err(Failure::invalid(what).next(next).into());
        }
        Ok(Self {
            dir,
            manifest,
            package: package.name,
            workspace: metadata.workspace_root,
            target: metadata.target_directory,
        })
    }

    /// Whether the plugin is the root of its workspace, as `plugin new` makes it.
    pub fn stands_alone(&self) -> bool {
        self.workspace
            .canonicalize()
            .is_ok_and(|root| root == self.dir)
    }
}

/// Where the component of the plugin in this folder is put: `target/<name>.wasm`.
pub fn component_path(dir: &Path, manifest: &Manifest) -> PathBuf {
    dir.join("target")
        .join(format!("{}.wasm", manifest.plugin.name))
}

fn metadata(dir: &Path) -> anyhow::Result<Metadata> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(dir)
        .output()
        .map_err(|e| {
            Failure::new(Exit::Unavailable, "cannot run cargo")
                .cause(e.to_string())
                .next(INSTALL_RUST)
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::invalid("cargo cannot read this package")
            .cause(said.trim())
            .into());
    }
    serde_json::from_slice(&output.stdout).context("cannot read what `cargo metadata` says")
}

const INSTALL_RUST: &str = "install Rust from https://rustup.rs";

/// The cargo that runs us, where one does; else the one on the PATH.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_without_a_plugin_says_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let text = |dir: &Path| format!("{:#}", Project::open(dir).unwrap_err());
        assert!(text(dir.path()).contains("steward.toml"));
        let toml = "[plugin]\nname = \"p\"\nversion = \"0.1.0\"\nworld = \"cleaner\"\n";
        fs::write(dir.path().join("steward.toml"), toml).unwrap();
        assert!(text(dir.path()).contains("no Cargo.toml"));
        let package =
            "[package]\nname = \"p\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
        fs::write(dir.path().join("Cargo.toml"), package).unwrap();
        fs::create_dir(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("src/lib.rs"), "").unwrap();
        assert!(text(dir.path()).contains("does not become a component"));
        fs::write(
            dir.path().join("Cargo.toml"),
            format!("{package}[lib]\ncrate-type = [\"cdylib\"]\n"),
        )
        .unwrap();
        assert!(Project::open(dir.path()).unwrap().stands_alone());
        fs::write(dir.path().join("steward.toml"), " ".repeat(2 << 20)).unwrap();
        assert!(text(dir.path()).contains("at most"));
    }
}
