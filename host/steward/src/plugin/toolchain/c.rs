//! Plugins in C: bindings from the contract, then clang and wasi-libc. The bindings are made here, so that the compiler is
//! all that is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use steward_registry::World;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

use super::tools::{missing, program, run};
use super::{Source, componentize, replace, vendored};
use crate::failure::Failure;

/// What the generated types and functions are called after.
const PREFIX: &str = "guest";
const DEBIAN_WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

pub(super) fn build(source: &Source, out: &Path, show: bool) -> anyhow::Result<()> {
    let clang = clang()?;
    let target = source.dir.join("target");
    let bindings = target.join("bindings");
    bind(source, &bindings)?;
    let sdk = vendored(source, "src")?;
    let module = target.join(format!("{}.core.wasm", source.name));
    let mut command = Command::new(clang);
    command.current_dir(&source.dir);
    command.args(["--target=wasm32-wasi", "-mexec-model=reactor", "-std=c17"]);
    // Lines and names stay, for backtraces.
    command.args(["-O2", "-g1", "-fno-omit-frame-pointer", "-Wall", "-Wextra"]);
    for folder in [&bindings, &sdk] {
        command.arg("-isystem").arg(folder);
    }
    command.args(sources(&source.dir.join("src"), |_| true)?);
    command.args(sources(&sdk, |name| {
        source.world == World::Function || name != "steward_http.c"
    })?);
    command.arg(bindings.join(format!("{PREFIX}.c")));
    command.arg(bindings.join(format!("{PREFIX}_component_type.o")));
    command.args(["-Wno-unused-parameter", "-Wno-int-to-pointer-cast", "-o"]);
    command.arg(&module);
    run(
        &mut command,
        &format!("clang could not build {}", source.name),
        show,
    )?;
    let bytes = fs::read(&module).map_err(|e| Failure::file("read", &module, &e))?;
    replace(out, &componentize(&bytes)?)
}

/// Writes the bindings of the plugin's world.
fn bind(source: &Source, into: &Path) -> anyhow::Result<()> {
    let wit = vendored(source, "wit")?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_dir(&wit)
        .with_context(|| format!("cannot read the contract in {}", wit.display()))?;
    let world = resolve.select_world(&[package], Some(source.world.as_str()))?;
    let options = wit_bindgen_c::Opts {
        rename_world: Some(PREFIX.into()),
        ..Default::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    fs::create_dir_all(into).map_err(|e| Failure::file("create", into, &e))?;
    for (name, contents) in files.iter() {
        replace(&into.join(name), contents)?;
    }
    Ok(())
}

/// The files of a folder that clang compiles.
fn sources(folder: &Path, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Vec<PathBuf>> {
    let entries = folder
        .read_dir()
        .map_err(|e| Failure::file("read", folder, &e))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.ends_with(".c") && wanted(&name)
        })
        .map(|entry| entry.path())
        .collect();
    files.sort();
    Ok(files)
}

/// The clang of a wasi-sdk, else one on the PATH beside Debian's wasi-libc.
fn clang() -> anyhow::Result<PathBuf> {
    if let Some(sdk) = std::env::var_os("WASI_SDK_PATH").map(PathBuf::from) {
        let clang = sdk.join("bin/clang");
        if clang.is_file() {
            return Ok(clang);
        }
    }
    let names = std::iter::once(19).chain((15..=30).rev());
    let clang = names
        .filter(|version| runtime_of(*version))
        .find_map(|version| program(&format!("clang-{version}"), []));
    match clang {
        Some(clang) if Path::new(DEBIAN_WASI_LIBC).is_dir() => Ok(clang),
        _ => {
            let next = "on Debian as root: apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32\n\
                        elsewhere: https://github.com/WebAssembly/wasi-sdk, and its folder in WASI_SDK_PATH";
            Err(missing("clang for WebAssembly with wasi-libc", next.into()).into())
        }
    }
}

/// Whether Debian's package with the compiler's own library is there.
fn runtime_of(version: u32) -> bool {
    let folder = format!("/usr/lib/llvm-{version}/lib/clang/{version}/lib");
    ["wasi", "wasm32-unknown-wasi"]
        .iter()
        .any(|name| Path::new(&folder).join(name).is_dir())
}
