//! Loading, sharing and forgetting models.

use steward_inference::{Device, Inference, InferenceConfig, InferenceError, ModelConfig, Task};

use crate::onnx::{Graph, Kind, Side, TEXTS};
use crate::small::{WORDS, write};
use crate::support::{config, published, texts};

pub fn tiny() -> Vec<u8> {
    Graph::default()
        .input("input_ids", Kind::I64, TEXTS)
        .floats("weights", &[5, 2], &[1.0; 10])
        .node("Gather", &["weights", "input_ids"], "states", &[])
        .output(
            "states",
            Kind::F32,
            &[Side::Open("batch"), Side::Open("sequence"), Side::Fixed(2)],
        )
        .build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_that_come_together_share_one_load() {
    let inference = Inference::new(config());
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let inference = inference.clone();
        tasks.push(tokio::spawn(async move {
            let (files, config) = published("minilm");
            inference
                .load("acme/minilm@1.0.0", &files, &config)
                .await
                .unwrap()
        }));
    }
    let mut models = Vec::new();
    for task in tasks {
        models.push(task.await.unwrap());
    }
    assert!(
        models
            .iter()
            .all(|model| std::ptr::eq(model.config(), models[0].config()))
    );
    let loaded = inference.loaded();
    assert_eq!(loaded.len(), 1);
    assert_eq!(
        (loaded[0].key.as_str(), loaded[0].task),
        ("acme/minilm@1.0.0", Task::Embed)
    );
    let (files, _) = published("minilm");
    let length = |path| std::fs::metadata(path).unwrap().len();
    assert_eq!(
        loaded[0].bytes,
        length(&files.model) + length(files.tokenizer.as_ref().unwrap())
    );
}

#[tokio::test]
async fn a_model_in_use_outlives_its_unloading() {
    let inference = Inference::new(config());
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), &tiny(), WORDS);
    let model = inference
        .load("a", &files, &ModelConfig::new(Task::Embed))
        .await
        .unwrap();
    assert!(inference.get("a").is_some() && inference.get("b").is_none());
    assert!(inference.unload("a"));
    assert!(!inference.unload("a"));
    assert!(inference.get("a").is_none() && inference.loaded().is_empty());
    assert_eq!(model.embed(&texts(&["good"])).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_model_asked_for_the_longest_ago_makes_room() {
    let inference = Inference::new(InferenceConfig {
        max_loaded: 2,
        ..config()
    });
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), &tiny(), WORDS);
    let embed = ModelConfig::new(Task::Embed);
    inference.load("a", &files, &embed).await.unwrap();
    inference.load("b", &files, &embed).await.unwrap();
    assert!(inference.get("a").is_some());
    inference.load("c", &files, &embed).await.unwrap();
    let keys: Vec<String> = inference
        .loaded()
        .into_iter()
        .map(|model| model.key)
        .collect();
    assert_eq!(keys, ["a", "c"]);
}

#[test]
fn the_library_tells_its_version() {
    let (version, _) = Inference::new(config()).library_status().unwrap();
    assert!(version.starts_with("1."), "{version}");
}

/// The library that the tests are given computes on the processor alone.
#[test]
fn a_gpu_that_cannot_be_had_is_no_gpu_unless_it_was_asked_for() {
    let on = |device: &str| InferenceConfig {
        device: device.parse().unwrap(),
        ..config()
    };
    for device in ["auto", "cpu"] {
        let (_, found) = Inference::new(on(device)).library_status().unwrap();
        assert_eq!(found, Device::Cpu);
    }
    for device in ["cuda", "tensorrt"] {
        let error = Inference::new(on(device)).library_status().unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, InferenceError::Device { .. }), "{text}");
        let says = [device, "onnxruntime-gpu", "--device auto"];
        assert!(says.iter().all(|part| text.contains(part)), "{text}");
    }
}
