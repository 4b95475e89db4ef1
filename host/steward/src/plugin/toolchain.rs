//! Finds the tools of a plugin's language, and builds the plugin with them.
//!
//! In Rust, typed worlds are built for `wasm32-unknown-unknown`: such a module can import nothing but what
//! its code names, so that the component imports the contract and not WASI, and everybody can see
//! in its type that raw data cannot leave. Functions need WASI and are built for `wasm32-wasip2`.

mod c;
mod compiler;
mod javascript;
mod python;
mod tools;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use serde::Deserialize;
use steward_registry::World;
use wit_component::ComponentEncoder;

use crate::failure::{Exit, Failure};
use crate::plugin::language::Language;
use crate::plugin::project::{self, Project, cargo, component_path};
use compiler::Compiler;

/// What the compiler makes of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A core module, which becomes a component in [`componentize`].
    Bare,
    /// A component that imports WASI 0.2.
    Wasi,
}

impl Target {
    fn of(world: World) -> Self {
        match world {
            World::Cleaner | World::Anonymizer | World::Labeller => Self::Bare,
            World::Function | World::Step => Self::Wasi,
        }
    }

    fn triple(self) -> &'static str {
        match self {
            Self::Bare => "wasm32-unknown-unknown",
            Self::Wasi => "wasm32-wasip2",
        }
    }
}

/// The target that a plugin of this kind is built for.
pub fn triple_of(world: World) -> &'static str {
    Target::of(world).triple()
}

/// Profile settings that every guest gets, whatever workspace it is in: the sandbox makes a
/// panic a trap, so that unwinding tables are dead weight; one code unit with link-time
/// optimization makes a third smaller and starts faster; names stay for backtraces.
const PROFILE: [&str; 4] = [
    "profile.release.panic=\"abort\"",
    "profile.release.lto=true",
    "profile.release.codegen-units=1",
    "profile.release.strip=\"debuginfo\"",
];

/// Profile settings of the builds between two saves, which are to be quick: incremental, without link-time optimization.
const DEV_PROFILE: [&str; 5] = [
    "profile.dev.panic=\"abort\"",
    "profile.dev.opt-level=1",
    "profile.dev.debug=false",
    "profile.dev.incremental=true",
    "profile.dev.codegen-units=16",
];

/// What a build is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be published: small and fast.
    Release,
    /// To be looked at: built quickly.
    Dev,
}

/// A plugin of a language that has no packages of its own here.
struct Source {
    /// Absolute.
    dir: PathBuf,
    name: String,
    world: World,
    language: Language,
}

/// Builds the plugin in this folder and answers where its component is: `target/<name>.wasm`.
///
/// With `say`, the tools show their own progress on standard error and `say` gets a line for each
/// stage; without, nothing is shown unless the build fails.
///
/// # Errors
/// No plugin, no tools (with what to install), or what the tools say.
pub fn build(dir: &Path, purpose: Purpose, say: Option<&dyn Fn(&str)>) -> anyhow::Result<PathBuf> {
    let manifest = project::manifest(dir)?;
    let language = Language::of(dir)?;
    if language == Language::Rust {
        return build_rust(dir, purpose, say);
    }
    let source = Source {
        dir: dir
            .canonicalize()
            .with_context(|| format!("cannot open {}", dir.display()))?,
        name: manifest.plugin.name.to_string(),
        world: manifest.plugin.world,
        language,
    };
    if let Some(say) = say {
        say(&format!("building {} from {language}", source.name));
    }
    let path = component_path(&source.dir, &manifest);
    let target = source.dir.join("target");
    fs::create_dir_all(&target).map_err(|e| Failure::file("create", &target, &e))?;
    // Of two builds of one plugin, each writes its own file.
    let partial = target.join(format!("{}.{}.partial", source.name, std::process::id()));
    let show = say.is_some();
    let built = match language {
        Language::JavaScript | Language::TypeScript => javascript::build(&source, &partial, show),
        Language::Python => python::build(&source, &partial, show),
        Language::C | Language::Rust => c::build(&source, &partial, show),
    };
    let renamed = built.and_then(|()| {
        fs::rename(&partial, &path).map_err(|e| Failure::file("write", &path, &e).into())
    });
    if renamed.is_err() {
        let _ = fs::remove_file(&partial);
    }
    renamed.map(|()| component_path(dir, &manifest))
}

/// A file or folder of the SDK that the plugin carries.
fn vendored(source: &Source, path: &str) -> anyhow::Result<PathBuf> {
    let full = source.dir.join("vendor/steward-sdk").join(path);
    if full.exists() {
        return Ok(full);
    }
    let what = format!("{} is missing", full.display());
    Err(Failure::new(Exit::NotFound, what)
        .next("take vendor/steward-sdk from a new plugin: `steward plugin new NAME --world … --language …`")
        .into())
}

fn build_rust(dir: &Path, purpose: Purpose, say: Option<&dyn Fn(&str)>) -> anyhow::Result<PathBuf> {
    let project = Project::open(dir)?;
    let target = Target::of(project.manifest.plugin.world);
    let compiler = Compiler::find(target, &project.dir)?;
    if let Some(say) = say {
        say(&format!(
            "building {} for {} with {compiler}",
            project.manifest.plugin.name,
            target.triple()
        ));
    }
    let artifact = compile(&project, target, purpose, &compiler, say.is_some())?;
    let component = match target {
        Target::Bare => componentize(&artifact)?,
        Target::Wasi => artifact,
    };
    let path = component_path(dir, &project.manifest);
    replace(&path, &component)?;
    Ok(path)
}

/// Runs cargo and answers the bytes it made.
fn compile(
    project: &Project,
    target: Target,
    purpose: Purpose,
    compiler: &Compiler,
    show: bool,
) -> anyhow::Result<Vec<u8>> {
    let shared = shared_folder(project, compiler);
    let place = shared.as_deref().unwrap_or(&project.target);
    fs::create_dir_all(place).map_err(|e| Failure::file("create", place, &e))?;
    // The file that cargo makes is called after the package alone. Until it is copied, no other
    // build may write to the same place.
    let lock = place.join("steward.lock");
    let lock = File::create(&lock).map_err(|e| Failure::file("create", &lock, &e))?;
    lock.lock().context("cannot lock the folder of the build")?;
    if shared.is_some() {
        disown(place, project, target, purpose)?;
    }

    let mut command = cargo();
    command.current_dir(&project.dir).arg("build").arg("--lib");
    if purpose == Purpose::Release {
        command.arg("--release");
    }
    command.args(["--package", &project.package, "--target", target.triple()]);
    command.arg("--target-dir").arg(place);
    command.arg("--message-format=json-render-diagnostics");
    let settings: &[&str] = match purpose {
        Purpose::Release => &PROFILE,
        Purpose::Dev => &DEV_PROFILE,
    };
    for setting in settings {
        command.args(["--config", setting]);
    }
    // Flags of the host, which the shell or a `cargo run` around us may have set, are not for guests.
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
    ] {
        command.env_remove(variable);
    }
    compiler.configure(target, &mut command)?;
    command.stdin(Stdio::null());
    if show {
        command.stderr(Stdio::inherit());
    }
    let output = command.output().context("cannot run cargo")?;
    if !output.status.success() {
        let failure = Failure::invalid(format!(
            "cargo could not build {}",
            project.manifest.plugin.name
        ));
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(if said.is_empty() {
            failure
        } else {
            failure.cause(said.trim())
        }
        .into());
    }
    let file = artifact(&output.stdout, &project.dir.join("Cargo.toml"))
        .context("cargo built the package but names no WebAssembly file")?;
    Ok(fs::read(&file).map_err(|e| Failure::file("read", &file, &e))?)
}

/// The folder for builds that share a standard library they compile themselves; none where the
/// plugin's own target folder does.
fn shared_folder(project: &Project, compiler: &Compiler) -> Option<PathBuf> {
    let given = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(folder) = given("STEWARD_GUEST_TARGET") {
        return Some(std::path::absolute(&folder).unwrap_or(folder));
    }
    if !project.stands_alone() {
        // Apart from the host's builds, so that the two do not wait for each other.
        return Some(project.target.join("guests"));
    }
    if !compiler.builds_std() {
        return None;
    }
    let cache = given("XDG_CACHE_HOME").or_else(|| Some(given("HOME")?.join(".cache")))?;
    Some(cache.join("steward/guests"))
}

/// In a shared folder, plugins of the same name overwrite each other's file without cargo
/// noticing. Where the last one of this name was another project, its file goes, so that cargo
/// builds anew.
fn disown(place: &Path, project: &Project, target: Target, purpose: Purpose) -> anyhow::Result<()> {
    let file = format!("{}.wasm", project.package.replace('-', "_"));
    let release = place.join(target.triple()).join(match purpose {
        Purpose::Release => "release",
        Purpose::Dev => "debug",
    });
    let owner = release.join(format!("{file}.owner"));
    let ours = project.dir.as_os_str().as_encoded_bytes();
    if fs::read(&owner).is_ok_and(|last| last == ours) {
        return Ok(());
    }
    for stale in [release.join(&file), release.join("deps").join(&file)] {
        match fs::remove_file(&stale) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::file("remove", &stale, &e).into());
            }
            _ => {}
        }
    }
    fs::create_dir_all(&release).map_err(|e| Failure::file("create", &release, &e))?;
    fs::write(&owner, ours).map_err(|e| Failure::file("write", &owner, &e))?;
    Ok(())
}

/// What of cargo's messages matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The WebAssembly file that cargo says it made of this package.
fn artifact(messages: &[u8], cargo_toml: &Path) -> Option<PathBuf> {
    let messages = messages
        .split(|b| *b == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    messages
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| {
            message
                .manifest_path
                .canonicalize()
                .is_ok_and(|path| path == cargo_toml)
        })
        .flat_map(|message| message.filenames)
        .find(|file| {
            file.extension()
                .is_some_and(|extension| extension == "wasm")
        })
}

/// Makes a component of a core module, by the description of the contract that the SDK left in it.
fn componentize(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode());
    encoded.map_err(|error| {
        let failure = Failure::invalid("the module does not fit the contract").cause(format!("{error:#}"));
        let next = "export the plugin with steward_sdk::export_cleaner!, export_anonymizer! or export_labeller!, and use no \
                    crate that needs a system around it (files, clocks, random numbers)";
        failure.next(next).into()
    })
}

/// Writes a file so that nobody sees half of it.
fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|e| Failure::file("create", folder, &e))?;
    let mut partial: OsString = path.into();
    partial.push(format!(".{}.partial", std::process::id()));
    fs::write(&partial, bytes).map_err(|e| Failure::file("write", path, &e))?;
    fs::rename(&partial, path).map_err(|e| Failure::file("write", path, &e))?;
    Ok(())
}

/// That there is no toolchain is not the fault of the plugin.
fn unavailable(target: Target, missing: &[String]) -> Failure {
    let triple = target.triple();
    let mut next = format!(
        "with rustup:       rustup target add {triple}\n\
         on Debian as root: apt-get install rustc-web rust-web-src lld-19 wasi-libc"
    );
    if target == Target::Wasi {
        next.push_str("\n                   cargo install --locked wasm-component-ld");
    }
    let what = format!("no compiler for {triple} was found");
    Failure::new(Exit::Unavailable, what)
        .cause(format!("missing: {}", missing.join(", ")))
        .next(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_artifact_is_that_of_the_package() {
        let dir = tempfile::tempdir().unwrap();
        let cargo_toml = dir.path().canonicalize().unwrap().join("Cargo.toml");
        fs::write(&cargo_toml, "").unwrap();
        let line = |manifest: &Path, file: &str| {
            serde_json::json!({ "reason": "compiler-artifact", "manifest_path": manifest, "filenames": [file] }).to_string()
        };
        let messages = [
            line(Path::new("/elsewhere/Cargo.toml"), "/elsewhere/x.wasm"),
            "not JSON".into(),
            line(&cargo_toml, "libx.rlib"),
            line(&cargo_toml, "x.wasm"),
        ];
        assert_eq!(
            artifact(messages.join("\n").as_bytes(), &cargo_toml),
            Some("x.wasm".into())
        );
        assert_eq!(artifact(b"", &cargo_toml), None);
    }

    #[test]
    fn a_module_without_the_contract_is_refused() {
        // An empty core module, bytes that are none, and a module that imports what no world has.
        let foreign = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x09\x01\x03env\x01f\0\0";
        for module in [&b"\0asm"[..], b"", &foreign[..]] {
            let error = componentize(module).unwrap_err();
            assert!(error.to_string().contains("does not fit"), "{error:#}");
        }
    }
}
