//! Which compiler builds guests on this machine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::{Target, unavailable};

/// Guests may use 128-bit SIMD, which every engine of the last years runs: searching in texts gains most.
const SIMD: &str = "-Ctarget-feature=+simd128";

/// A compiler and what it needs around it.
#[derive(Debug)]
pub(super) enum Compiler {
    /// The one on the PATH, with the target installed.
    Installed,
    /// Debian's, which comes with the source of the standard library: each folder compiles it once.
    Debian {
        /// `wasm-ld-19`, say.
        linker: PathBuf,
        /// The folder of `wasm-component-ld`; only functions need it.
        component_linker: Option<PathBuf>,
    },
}

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

impl Compiler {
    /// Looks for a compiler of this target, as seen from the folder of a plugin.
    ///
    /// # Errors
    /// What is missing, and the commands that install it.
    pub(super) fn find(target: Target, plugin: &Path) -> anyhow::Result<Self> {
        if is_installed(target, plugin) {
            return Ok(Self::Installed);
        }
        let mut missing = vec![format!(
            "the target {} of {}",
            target.triple(),
            rustc().display()
        )];
        if !has_debian_std() {
            missing.push("Debian's rustc-web and rust-web-src".into());
        }
        let linker = debian_linker();
        if linker.is_none() {
            missing.push("wasm-ld (lld-19)".into());
        }
        let mut component_linker = None;
        if target == Target::Wasi {
            if !Path::new(DEBIAN_WASI_LIBC).is_dir() {
                missing.push("wasi-libc".into());
            }
            component_linker = find_component_linker(plugin);
            if component_linker.is_none() {
                missing.push("wasm-component-ld".into());
            }
        }
        match linker {
            // The first entry is the installed target, which Debian's compiler does without.
            Some(linker) if missing.len() == 1 => Ok(Self::Debian {
                linker,
                component_linker,
            }),
            _ => Err(unavailable(target, &missing).into()),
        }
    }

    /// Whether the standard library is compiled along with the guest.
    pub(super) fn builds_std(&self) -> bool {
        matches!(self, Self::Debian { .. })
    }

    /// Makes a `cargo build` use this compiler.
    pub(super) fn configure(&self, target: Target, cargo: &mut Command) -> anyhow::Result<()> {
        let mut flags = vec![SIMD.to_owned()];
        if let Self::Debian {
            linker,
            component_linker,
        } = self
        {
            // Its cargo is stable; this lets it build the standard library.
            cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
            cargo.args(["-Z", "build-std=std,panic_abort"]);
            match target {
                Target::Bare => flags.push(format!("-Clinker={}", linker.display())),
                Target::Wasi => {
                    flags.push("-Clink-self-contained=no".into());
                    flags.push(format!("-L{DEBIAN_WASI_LIBC}"));
                    flags.push(format!("-Clink-arg=--wasm-ld-path={}", linker.display()));
                }
            }
            if let Some(folder) = component_linker {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let folders = std::iter::once(folder.clone()).chain(std::env::split_paths(&path));
                cargo.env(
                    "PATH",
                    std::env::join_paths(folders).context("the PATH cannot be extended")?,
                );
            }
        }
        // Through `--config`, so that flags of the plugin's own `.cargo/config.toml` stay.
        let flags: Vec<_> = flags.into_iter().map(toml::Value::String).collect();
        cargo.arg("--config");
        cargo.arg(format!(
            "target.{}.rustflags={}",
            target.triple(),
            toml::Value::Array(flags)
        ));
        Ok(())
    }
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installed => write!(f, "{}", rustc().display()),
            Self::Debian { .. } => write!(
                f,
                "{DEBIAN_RUSTC} (the first build compiles the standard library)"
            ),
        }
    }
}

fn rustc() -> PathBuf {
    std::env::var_os("RUSTC")
        .unwrap_or_else(|| "rustc".into())
        .into()
}

/// One line that a `rustc` prints; none where it cannot.
fn ask(rustc: &Path, arguments: &[&str], dir: &Path) -> Option<PathBuf> {
    let output = Command::new(rustc)
        .args(arguments)
        .current_dir(dir)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let line = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !line.trim().is_empty()).then(|| PathBuf::from(line.trim()))
}

/// A target is installed when its folder holds a standard library.
fn is_installed(target: Target, plugin: &Path) -> bool {
    let folder = ask(
        &rustc(),
        &["--print", "target-libdir", "--target", target.triple()],
        plugin,
    );
    let Some(entries) = folder.and_then(|folder| folder.read_dir().ok()) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"libstd-"))
}

fn has_debian_std() -> bool {
    let sysroot = ask(
        Path::new(DEBIAN_RUSTC),
        &["--print", "sysroot"],
        Path::new("/"),
    );
    sysroot.is_some_and(|root| {
        root.join("lib/rustlib/src/rust/library/std/Cargo.toml")
            .is_file()
    })
}

/// The newest `wasm-ld` that Debian's packages have put there; the one that was tried comes first.
fn debian_linker() -> Option<PathBuf> {
    let names = std::iter::once("wasm-ld-19".to_owned())
        .chain((14..=30).rev().map(|n| format!("wasm-ld-{n}")));
    names
        .map(|name| Path::new("/usr/bin").join(name))
        .find(|path| path.is_file())
}

/// The folder of `wasm-component-ld`: on the PATH, beside the tools that the set-up of a checkout
/// installs (of this plugin or of this binary), or where `cargo install` puts it.
fn find_component_linker(plugin: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let exe = std::env::current_exe().unwrap_or_default();
    let checkouts = plugin
        .ancestors()
        .chain(exe.ancestors())
        .map(|folder| folder.join(".steward/tools/bin"));
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    std::env::split_paths(&path)
        .chain(checkouts)
        .chain(cargo.map(|home| home.join("bin")))
        .find(|folder| folder.join("wasm-component-ld").is_file())
}
