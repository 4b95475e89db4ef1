//! Finding and loading ONNX Runtime. A process loads it once, so these tests have a process of their own, and those
//! that depend on the environment start more of them.
#![allow(clippy::unwrap_used)] // Helpers of tests stop the test, as the tests themselves do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use steward_inference::{
    Device, Inference, InferenceConfig, InferenceError, ModelConfig, ModelFiles, Task,
};

/// Set in the processes that [`status_elsewhere`] starts.
const CHILD: &str = "STEWARD_TEST_LIBRARY_CHILD";

fn installed() -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.steward/lib/libonnxruntime.so");
    assert!(
        file.exists(),
        "`.steward/lib` is missing in the root of the repository; run `make setup`"
    );
    file.canonicalize().unwrap()
}

fn status(library: &Path) -> Result<(String, Device), InferenceError> {
    let library = Some(library.to_owned());
    Inference::new(InferenceConfig {
        library,
        ..InferenceConfig::default()
    })
    .library_status()
}

/// Compiles a shared library that looks like ONNX Runtime as far as `body` goes.
fn imitation(folder: &Path, name: &str, body: &str) -> PathBuf {
    let (source, library) = (
        folder.join(name).with_extension("c"),
        folder.join(name).with_extension("so"),
    );
    fs::write(&source, body).unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .status();
    assert!(
        compiled
            .expect("a C compiler, which Rust needs to link as well")
            .success()
    );
    library
}

/// All in one test and in this order: the first sound library ends the process's chance to try others.
#[tokio::test]
async fn tries_that_fail_do_not_spoil_the_one_that_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let sound = fs::read(installed()).unwrap();
    let api = |version: &str, get_api: &str| {
        format!(
            "static const void* get_api(unsigned version) {{ return {get_api}; }}\n\
             static const char* get_version(void) {{ return {version}; }}\n\
             static const struct {{ const void* (*api)(unsigned); const char* (*version)(void); }} base =\n\
             {{ get_api, get_version }};\n\
             const void* OrtGetApiBase(void) {{ return &base; }}\n"
        )
    };
    let old = imitation(folder.path(), "old", &api("\"1.20.1\"", "0"));
    let mute = imitation(folder.path(), "mute", &api("0", "0"));
    let null = imitation(
        folder.path(),
        "null",
        "const void* OrtGetApiBase(void) { return 0; }",
    );
    let other = imitation(folder.path(), "other", "int answer(void) { return 42; }");
    for (library, reason) in [
        (folder.path().join("missing.so"), "No such file"),
        (folder.path().to_owned(), "not a file"),
        (file("empty.so", b""), "empty"),
        (
            file("text.so", &b"not a library\n".repeat(100)),
            "invalid ELF header",
        ),
        (file("head.so", &sound[..40]), "cut short"),
        (file("half.so", &sound[..sound.len() / 2]), "cut short"),
        (
            file("almost.so", &sound[..sound.len() - (2 << 20)]),
            "cut short",
        ),
        (other, "no `OrtGetApiBase`"),
        (null, "returns nothing"),
        (mute, "does not tell its version"),
        (old, "version 1.20.1, too old"),
    ] {
        let error = status(&library).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(reason), "{text} does not say {reason}");
        assert!(
            text.contains("make setup") && text.contains("ORT_DYLIB_PATH"),
            "{text}"
        );
        let InferenceError::Library { tried, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!(tried.len(), 1);
        assert_eq!(tried[0].library, library);
    }

    // A model asks for the library in the same way.
    let model = ModelFiles {
        model: file("model.onnx", b"x"),
        tokenizer: Some(file(
            "tokenizer.json",
            br#"{"version":"1.0","added_tokens":[],"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0}}}"#,
        )),
    };
    let library = Some(folder.path().join("missing.so"));
    let inference = Inference::new(InferenceConfig {
        library,
        ..InferenceConfig::default()
    });
    let error = inference
        .load("a", &model, &ModelConfig::new(Task::Embed))
        .await
        .err()
        .unwrap();
    assert!(matches!(error, InferenceError::Library { .. }), "{error:?}");

    let version = status(&installed()).unwrap();
    assert!(version.0.starts_with("1."), "{version:?}");
    assert_eq!(status(&folder.path().join("missing.so")).unwrap(), version);
    let error = inference
        .load("a", &model, &ModelConfig::new(Task::Embed))
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, InferenceError::ModelFile { .. }),
        "{error:?}"
    );
}

/// What a process says of its library when it is started in `folder`, with `ORT_DYLIB_PATH` set or not.
fn status_elsewhere(folder: &Path, dylib_path: Option<&Path>) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture"])
        .current_dir(folder)
        .env(CHILD, "1");
    command
        .env_remove("ORT_DYLIB_PATH")
        .env_remove("LD_LIBRARY_PATH");
    if let Some(path) = dylib_path {
        command.env("ORT_DYLIB_PATH", path);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn child() {
    if std::env::var_os(CHILD).is_some() {
        match Inference::new(InferenceConfig::default()).library_status() {
            Ok((version, device)) => println!("found {version} on {device}"),
            Err(error) => println!("failed: {error}"),
        }
    }
}

#[test]
fn the_library_is_found_where_setup_puts_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join(".steward/lib");
    fs::create_dir_all(&place).unwrap();
    std::os::unix::fs::symlink(installed(), place.join("libonnxruntime.so")).unwrap();
    let said = status_elsewhere(folder.path(), None);
    assert!(said.contains("found 1."), "{said}");
    // What the operator names comes before, and nothing else is tried: a wrong name must not go unnoticed.
    let said = status_elsewhere(folder.path(), Some(Path::new("/nowhere/libonnxruntime.so")));
    assert!(
        said.contains("failed") && said.contains("/nowhere/libonnxruntime.so"),
        "{said}"
    );
    assert!(!said.contains(".steward/lib"), "{said}");
}

#[test]
fn a_named_library_is_found_from_any_folder() {
    let folder = tempfile::tempdir().unwrap();
    let said = status_elsewhere(folder.path(), Some(&installed()));
    assert!(said.contains("found 1."), "{said}");
}

#[test]
fn a_missing_library_is_said_with_every_place_that_was_tried() {
    // SAFETY: only to learn whether this machine has a library of its own; nothing of it is called.
    if unsafe { libloading::Library::new("libonnxruntime.so") }.is_ok() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let said = status_elsewhere(folder.path(), None);
    for part in [
        ".steward/lib/libonnxruntime.so",
        "`libonnxruntime.so`",
        "make setup",
        "ORT_DYLIB_PATH",
    ] {
        assert!(said.contains(part), "{said}");
    }
}
