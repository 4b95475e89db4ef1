//! Files that are not what they should be: each has its own clear error, and the host goes on.

use std::fs;
use std::path::Path;

use steward_inference::{Inference, InferenceError, ModelConfig, ModelFiles, Task};

use crate::support::{INFERENCE, config, published, texts};

/// Bytes without any order, the same in every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

fn assert_model_refused(error: &InferenceError, path: &Path) {
    let InferenceError::ModelFile {
        path: named,
        reason,
    } = error
    else {
        panic!("{error:?} does not speak of the model file")
    };
    assert_eq!(named, path);
    assert!(!reason.is_empty());
}

#[tokio::test]
async fn a_damaged_model_file_is_named_with_the_reason() {
    let (mut files, config) = published("minilm");
    let sound = fs::read(&files.model).unwrap();
    let folder = tempfile::tempdir().unwrap();
    files.model = folder.path().join("model.onnx");
    let mut cases = vec![
        Vec::new(),
        b"hello".to_vec(),
        vec![0; 1 << 20],
        noise(1 << 20),
        b"{}".to_vec(),
    ];
    cases.extend(
        [1, 100, 5000, sound.len() / 2, sound.len() - 1].map(|length| sound[..length].to_vec()),
    );
    for bytes in cases {
        fs::write(&files.model, &bytes).unwrap();
        let error = INFERENCE.load("broken/model", &files, &config).await.err();
        let error = error.unwrap_or_else(|| panic!("{} bytes were taken for a model", bytes.len()));
        assert_model_refused(&error, &files.model);
    }
    fs::remove_file(&files.model).unwrap();
    let error = INFERENCE
        .load("broken/model", &files, &config)
        .await
        .err()
        .unwrap();
    assert_model_refused(&error, &files.model);
    assert!(error.to_string().contains("No such file"), "{error}");
    fs::create_dir(&files.model).unwrap();
    let error = INFERENCE
        .load("broken/model", &files, &config)
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("not a file"), "{error}");

    // None of it stays behind: the same key loads once the file is sound.
    assert!(INFERENCE.get("broken/model").is_none());
    fs::remove_dir(&files.model).unwrap();
    fs::write(&files.model, &sound).unwrap();
    let model = INFERENCE
        .load("broken/model", &files, &config)
        .await
        .unwrap();
    assert_eq!(model.embed(&texts(&["好"])).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_damaged_tokenizer_is_named_with_the_reason() {
    let (mut files, config) = published("minilm");
    let sound = fs::read(files.tokenizer.as_ref().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    files.tokenizer = Some(path.clone());
    let unknown = br#"{"version":"1.0","added_tokens":[],"model":{"type":"Magic"}}"#;
    for bytes in [
        Vec::new(),
        b"{}".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        unknown.to_vec(),
        noise(1 << 16),
        sound[..sound.len() / 2].to_vec(),
        vec![b'['; 1 << 20],
    ] {
        fs::write(&path, &bytes).unwrap();
        let error = INFERENCE
            .load("broken/tokenizer", &files, &config)
            .await
            .err();
        let Some(InferenceError::Tokenizer {
            path: named,
            reason,
        }) = error
        else {
            panic!("{error:?} does not speak of the tokenizer")
        };
        assert_eq!(named, path);
        assert!(reason.contains("not a tokenizer.json"), "{reason}");
    }
    fs::remove_file(&path).unwrap();
    let error = INFERENCE
        .load("broken/tokenizer", &files, &config)
        .await
        .err()
        .unwrap();
    assert!(
        matches!(&error, InferenceError::Tokenizer { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("No such file"), "{error}");

    files.tokenizer = None;
    let error = INFERENCE
        .load("broken/tokenizer", &files, &config)
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("needs a tokenizer"), "{error}");
}

#[tokio::test]
async fn a_configuration_that_the_model_cannot_follow_is_refused() {
    let (files, config) = published("minilm");
    let longer = ModelConfig {
        max_tokens: 600,
        ..config.clone()
    };
    let error = INFERENCE
        .load("broken/longer", &files, &longer)
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("600 tokens"), "{error}");

    let tokens = ModelConfig {
        task: Task::ClassifyTokens,
        labels: texts(&["O", "B-X"]),
        ..config.clone()
    };
    let error = INFERENCE
        .load("broken/task", &files, &tokens)
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("384 outputs"), "{error}");

    let (rampart, mut labels) = published("rampart");
    labels.labels.pop();
    let error = INFERENCE
        .load("broken/labels", &rampart, &labels)
        .await
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("34 labels are listed and the model has 35 outputs"),
        "{error}"
    );

    let swapped = ModelFiles {
        tokenizer: files.tokenizer,
        ..rampart
    };
    let (_, labels) = published("rampart");
    let error = INFERENCE
        .load("broken/swapped", &swapped, &labels)
        .await
        .err()
        .unwrap();
    assert!(matches!(error, InferenceError::ModelFile { .. }), "{error}");
}

#[tokio::test]
async fn an_engine_without_a_sound_file_still_serves_others() {
    let inference = Inference::new(config());
    let (files, config) = published("minilm");
    let missing = ModelFiles {
        model: "no/such/model.onnx".into(),
        ..files.clone()
    };
    let (bad, good) = tokio::join!(
        inference.load("bad", &missing, &config),
        inference.load("good", &files, &config),
    );
    assert!(bad.is_err());
    assert_eq!(good.unwrap().embed(&texts(&["ok"])).await.unwrap().len(), 1);
    assert_eq!(inference.loaded().len(), 1);
}
