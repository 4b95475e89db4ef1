//! Where the tests find the library and the models.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use steward_inference::{
    Inference, InferenceConfig, InferenceError, Model, ModelConfig, ModelFiles,
};

/// One for all tests of this process, as in a host.
pub static INFERENCE: LazyLock<Inference> = LazyLock::new(|| Inference::new(config()));

pub fn config() -> InferenceConfig {
    let library = Some(installed("lib/libonnxruntime.so"));
    InferenceConfig {
        library,
        ..InferenceConfig::default()
    }
}

/// A file that `make setup` installs under `.steward` in the root of the repository.
pub fn installed(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join(".steward").join(path);
    assert!(
        file.exists(),
        "`.steward/{path}` is missing in the root of the repository; run `make setup`"
    );
    file
}

/// The files of a model as installed, with the configuration that the repository keeps for it.
pub fn published(name: &str) -> (ModelFiles, ModelConfig) {
    let model = installed(&format!("models/{name}/model.onnx"));
    let tokenizer = model.with_file_name("tokenizer.json");
    let files = ModelFiles {
        tokenizer: tokenizer.exists().then_some(tokenizer),
        model,
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/models");
    let text = std::fs::read_to_string(root.join(name).join("model.toml")).unwrap();
    (files, toml::from_str(&text).unwrap())
}

pub async fn model(name: &str) -> Model {
    let (files, config) = published(name);
    INFERENCE
        .load(&format!("test/{name}@1.0.0"), &files, &config)
        .await
        .unwrap()
}

pub async fn minilm() -> Model {
    model("minilm").await
}

pub fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[track_caller]
pub fn refused<T>(result: Result<T, InferenceError>) -> String {
    match result {
        Err(InferenceError::InvalidInput(reason)) => reason,
        Err(other) => panic!("expected invalid input, got {other:?}"),
        Ok(_) => panic!("expected invalid input, got an answer"),
    }
}
