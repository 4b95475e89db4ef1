//! Plugins in JavaScript and TypeScript: esbuild makes one file of them, componentize-js a component of that.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::{homes, missing, program, run};
use super::{Source, vendored};

pub(super) fn build(source: &Source, out: &Path, show: bool) -> anyhow::Result<()> {
    let build = vendored(source, "build.mjs")?;
    let node = program("node", []).ok_or_else(|| {
        let next = "install Node.js 20 or newer: https://nodejs.org, or on Debian as root: apt-get install nodejs npm";
        missing("node", next.into())
    })?;
    let tools = tools(&source.dir).ok_or_else(|| {
        let next = format!(
            "in {}: npm install\nin a checkout of Steward: make setup",
            source.dir.display()
        );
        missing("@bytecodealliance/componentize-js with esbuild", next)
    })?;
    let bundle = source
        .dir
        .join("target")
        .join(format!("{}.js", source.name));
    let mut command = Command::new(node);
    command
        // Paths in a stack are relative to the plugin.
        .current_dir(&source.dir)
        .arg(build)
        .arg(tools)
        .arg(source.language.entry())
        .arg(source.world.as_str())
        .arg(vendored(source, "wit")?)
        .arg(bundle)
        .arg(out);
    let what = format!("{} could not be made a component", source.name);
    run(&mut command, &what, show)
}

/// The first folder whose packages are there: the plugin's own, then those of a set-up.
fn tools(plugin: &Path) -> Option<PathBuf> {
    let set_up = homes(plugin)
        .into_iter()
        .map(|tools| tools.join("javascript"));
    std::iter::once(plugin.to_owned())
        .chain(set_up)
        .find(|folder| {
            let package = |name: &str| {
                folder
                    .join("node_modules")
                    .join(name)
                    .join("package.json")
                    .is_file()
            };
            package("@bytecodealliance/componentize-js") && package("esbuild")
        })
}
