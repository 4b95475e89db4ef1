//! Files that are not what they should be: each has its own clear error, and the host goes on.

use std::fs;
use std::path::Path;

use steward_inference::{Inference, InferenceError, ModelConfig, ModelFiles, Task};

use crate::onnx::{Graph, Kind, Side, TEXTS};
use crate::small::{WORDS, write};
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
async fn a_model_that_wants_other_files_is_refused_wherever_they_are() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("weights.bin"), [0; 40]).unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(outside.path(), [0; 40]).unwrap();
    let outside = outside.path().to_str().unwrap();
    for place in ["weights.bin", "../weights.bin", "/etc/passwd", outside, ""] {
        let states = &[Side::Open("batch"), Side::Open("sequence"), Side::Fixed(2)];
        let graph = Graph::default()
            .input("input_ids", Kind::I64, TEXTS)
            .elsewhere("weights", &[5, 2], place)
            .node("Gather", &["weights", "input_ids"], "states", &[])
            .output("states", Kind::F32, states)
            .build();
        let files = write(folder.path(), &graph, WORDS);
        for task in [Task::Embed, Task::Tensors] {
            let config = ModelConfig::new(task);
            let error = INFERENCE.load("broken/elsewhere", &files, &config).await;
            let error = error.err().unwrap();
            assert_model_refused(&error, &files.model);
            let said = error.to_string();
            assert!(
                said.contains("`weights` has its data in another file")
                    && said.contains(&format!("`{place}`")),
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn a_damaged_file_is_no_model_of_tensors_either() {
    let (files, _) = published("minilm");
    let sound = fs::read(&files.model).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = ModelFiles {
        model: folder.path().join("model.onnx"),
        tokenizer: None,
    };
    let config = ModelConfig::new(Task::Tensors);
    for bytes in [
        &[][..],
        b"hello",
        &noise(1 << 16),
        &sound[..sound.len() / 2],
    ] {
        fs::write(&files.model, bytes).unwrap();
        let error = INFERENCE.load("broken/tensors", &files, &config).await;
        assert_model_refused(&error.err().unwrap(), &files.model);
    }
    fs::write(&files.model, &sound).unwrap();
    let model = INFERENCE
        .load("broken/tensors", &files, &config)
        .await
        .unwrap();
    assert_eq!(model.signature().inputs.len(), 3);
}

#[tokio::test]
async fn a_tokenizer_with_more_words_than_the_model_is_refused() {
    let (files, config) = published("minilm");
    let text = fs::read_to_string(files.tokenizer.as_ref().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    // One word is moved behind the end of the model's table.
    let moved = text.replacen("\"the\":1996", "\"the\":99999", 1);
    let moved = if moved == text {
        text.replacen("\"the\": 1996", "\"the\": 99999", 1)
    } else {
        moved
    };
    assert_ne!(moved, text);
    fs::write(&path, moved).unwrap();
    let files = ModelFiles {
        tokenizer: Some(path),
        ..files
    };
    let error = INFERENCE.load("broken/words", &files, &config).await;
    let said = error.err().unwrap().to_string();
    assert!(
        said.contains("the highest number of the tokenizer (99999)"),
        "{said}"
    );
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
