//! The SDKs and templates of every language, as this binary carries them.

use std::path::{Path, PathBuf};

use include_dir::{Dir, File, include_dir};

use super::language::Language;

static CONTRACT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit");
/// What the tools of other languages want beside it: a whole world for HTTP, with what it uses of WASI.
static HTTP: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/wit");

static RUST_SOURCE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rust/src");
static RUST_MANIFEST: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../sdk/rust/Cargo.toml"
));
static RUST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rust/templates");
static JS_SOURCE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/js/src");
static JS_MANIFEST: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../sdk/js/package.json"
));
static JS_BUILD: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../sdk/js/build.mjs"
));
static JAVASCRIPT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/js/javascript");
static TYPESCRIPT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/js/typescript");
static PYTHON_SOURCE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/python/steward_sdk");
static PYTHON_CLEANER: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../sdk/python/steward_entry_cleaner.py"
));
static PYTHON_FUNCTION: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../sdk/python/steward_entry_function.py"
));
static PYTHON: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/python/templates");
static C_SOURCE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/c/src");
static C: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/c/templates");

type Contents = Vec<(PathBuf, &'static [u8])>;

/// The files of a template, by their path in the project; none where the language has no such template.
pub fn template(language: Language, name: &str) -> Option<Contents> {
    let of = |dir: &'static Dir<'static>| dir.get_dir(name).map(|folder| within(folder, ""));
    match language {
        Language::Rust => of(&RUST),
        Language::JavaScript => of(&JAVASCRIPT),
        Language::Python => of(&PYTHON),
        Language::C => of(&C),
        // All but the source is that of JavaScript.
        Language::TypeScript => {
            let mut files = of(&JAVASCRIPT)?;
            files.retain(|(path, _)| !path.starts_with("src"));
            files.extend(of(&TYPESCRIPT)?);
            Some(files)
        }
    }
}

/// What lies in `vendor/steward-sdk`: the SDK and the contract that it is written against.
pub fn vendored(language: Language) -> Contents {
    let file = |path: &str, text: &'static str| (PathBuf::from(path), text.as_bytes());
    let mut files = within(&CONTRACT, "wit");
    if language != Language::Rust {
        files.extend(within(&HTTP, "wit"));
    }
    match language {
        Language::Rust => {
            files.push(file("Cargo.toml", RUST_MANIFEST));
            files.extend(within(&RUST_SOURCE, "src"));
        }
        Language::JavaScript | Language::TypeScript => {
            files.push(file("package.json", JS_MANIFEST));
            files.push(file("build.mjs", JS_BUILD));
            files.extend(within(&JS_SOURCE, "src"));
        }
        Language::Python => {
            files.push(file("steward_entry_cleaner.py", PYTHON_CLEANER));
            files.push(file("steward_entry_function.py", PYTHON_FUNCTION));
            files.extend(within(&PYTHON_SOURCE, "steward_sdk"));
        }
        Language::C => files.extend(within(&C_SOURCE, "src")),
    }
    files
}

/// Every file of a folder, at any depth, by its path below `into`.
fn within(folder: &'static Dir<'static>, into: &str) -> Contents {
    let file = |file: &'static File<'static>| {
        let path = file
            .path()
            .strip_prefix(folder.path())
            .unwrap_or(file.path());
        (Path::new(into).join(path), file.contents())
    };
    fn all(folder: &'static Dir<'static>) -> Vec<&'static File<'static>> {
        folder
            .files()
            .chain(folder.dirs().flat_map(all))
            .filter(|file| !is_cache(file.path()))
            .collect()
    }
    all(folder).into_iter().map(file).collect()
}

/// What Python may have left beside its sources.
fn is_cache(path: &Path) -> bool {
    path.components().any(|c| c.as_os_str() == "__pycache__")
}
