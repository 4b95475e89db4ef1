//! Finds the tools of a language and runs them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Exit, Failure};

/// The folders in which a set-up leaves tools: that of STEWARD_HOME, and `.steward` of the checkouts that hold the plugin
/// or this binary.
pub(super) fn homes(plugin: &Path) -> Vec<PathBuf> {
    let named = std::env::var_os("STEWARD_HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from);
    let exe = std::env::current_exe().unwrap_or_default();
    let checkouts = plugin
        .ancestors()
        .chain(exe.ancestors())
        .map(|folder| folder.join(".steward"));
    named
        .into_iter()
        .chain(checkouts)
        .map(|home| home.join("tools"))
        .collect()
}

/// The first program of this name in the folders, then on the PATH.
pub(super) fn program(name: &str, folders: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// A tool that is not there is not the fault of the plugin.
pub(super) fn missing(what: &str, next: String) -> Failure {
    Failure::new(Exit::Unavailable, format!("{what} was not found")).next(next)
}

/// Runs a tool and answers what it printed; what it says of a failure becomes the reason.
pub(super) fn run(command: &mut Command, what: &str, show: bool) -> anyhow::Result<()> {
    command.stdin(Stdio::null());
    if show {
        // Standard output is the answer of this command; what a tool says goes beside it.
        command.stdout(Stdio::from(std::io::stderr()));
        command.stderr(Stdio::inherit());
    }
    let program = command.get_program().to_owned();
    let output = command.output().map_err(|e| {
        Failure::new(Exit::Unavailable, format!("cannot run {}", shown(&program)))
            .cause(e.to_string())
    })?;
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stdout));
    let failure = Failure::invalid(what);
    Err(match said.trim() {
        "" => failure,
        said => failure.cause(said),
    }
    .into())
}

fn shown(program: &OsStr) -> String {
    Path::new(program).display().to_string()
}
