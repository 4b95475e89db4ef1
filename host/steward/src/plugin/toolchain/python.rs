//! Plugins in Python: componentize-py makes a component of the modules and of Python itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use steward_registry::World;

use super::tools::{homes, missing, program, run};
use super::{Source, vendored};
use crate::failure::Failure;

/// The version that the entries of the SDK were written for.
const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";

pub(super) fn build(source: &Source, out: &Path, show: bool) -> anyhow::Result<()> {
    let entry = format!("steward_entry_{}", source.world.as_str());
    if !vendored(source, &format!("{entry}.py")).is_ok_and(|path| path.is_file()) {
        let what = format!(
            "the SDK for Python has no plugins of the world `{}`",
            source.world
        );
        return Err(Failure::invalid(what)
            .next("write it in another language, or make the component yourself and give it to `publish` with --component")
            .into());
    }
    let tool = program("componentize-py", folders(&source.dir)).ok_or_else(|| {
        let next = format!(
            "in {}: python3 -m venv .venv && .venv/bin/pip install {COMPONENTIZE_PY}\nin a checkout of Steward: make setup",
            source.dir.display()
        );
        missing("componentize-py", next)
    })?;
    let mut command = Command::new(tool);
    command
        .arg("--quiet")
        .arg("-d")
        .arg(vendored(source, "wit")?);
    command.args(["-w", source.world.as_str(), "--full-names", "componentize"]);
    if source.world != World::Function {
        // A typed world needs nothing of WASI, and then its component imports nothing of it.
        command.arg("--stub-wasi");
    }
    for folder in [source.dir.join("src"), vendored(source, "")?] {
        command.arg("-p").arg(folder);
    }
    for packages in packages(&source.dir) {
        command.arg("-p").arg(packages);
    }
    // Caches that the modules would leave beside the sources make `plugin dev` build for ever.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
        .current_dir(&source.dir)
        .arg("-o")
        .arg(out)
        .arg(entry);
    let what = format!("{} could not be made a component", source.name);
    run(&mut command, &what, show)
}

/// Where the tool may lie: in the plugin's own environment, in the active one, in that of a set-up.
fn folders(plugin: &Path) -> Vec<PathBuf> {
    let active = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    std::iter::once(plugin.join(".venv"))
        .chain(active)
        .chain(homes(plugin).into_iter().map(|tools| tools.join("python")))
        .map(|environment| environment.join("bin"))
        .collect()
}

/// Pure Python packages that the plugin installed into its own environment.
fn packages(plugin: &Path) -> Vec<PathBuf> {
    let Ok(versions) = plugin.join(".venv/lib").read_dir() else {
        return Vec::new();
    };
    versions
        .flatten()
        .map(|version| version.path().join("site-packages"))
        .filter(|folder| folder.is_dir())
        .collect()
}
