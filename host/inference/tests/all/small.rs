//! Kinds of graph that the published models do not cover, each as small as it can be.

use std::path::Path;

use steward_inference::{InferenceError, Model, ModelConfig, ModelFiles, Pooling, Task};

use crate::onnx::{Graph, Kind, Side, TEXTS};
use crate::support::{INFERENCE, refused, texts};

/// Words by number, nothing added to a text.
pub const WORDS: &str = r#"{
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "good": 1, "差": 2, "broken": 3, "fine": 4}}
}"#;

/// For each word of [`WORDS`] two numbers: how good it is, and how bad.
const WEIGHTS: [f32; 10] = [0.0, 0.0, 3.0, 0.0, 0.0, 3.0, f32::NAN, 0.0, 1.0, 1.0];

/// A bag of words: the sum of the weights of the words that the mask shows.
pub fn classifier(kind: Kind) -> Vec<u8> {
    Graph::default()
        .input("input_ids", kind, TEXTS)
        .input("attention_mask", kind, TEXTS)
        .floats("weights", &[5, 2], &WEIGHTS)
        .integers("one", &[1])
        .integers("two", &[2])
        .node("Gather", &["weights", "input_ids"], "words", &[])
        .node("Cast", &["attention_mask"], "shown", &[("to", 1)])
        .node("Unsqueeze", &["shown", "two"], "column", &[])
        .node("Mul", &["words", "column"], "visible", &[])
        .node(
            "ReduceSum",
            &["visible", "one"],
            "logits",
            &[("keepdims", 0)],
        )
        .output("logits", Kind::F32, &[Side::Open("batch"), Side::Fixed(2)])
        .build()
}

/// Takes token numbers alone, so that padding would show.
fn maskless() -> Vec<u8> {
    Graph::default()
        .input("input_ids", Kind::I64, TEXTS)
        .floats(
            "weights",
            &[5, 2],
            &[9.0, 9.0, 1.0, 0.0, 0.0, 1.0, 0.5, 0.5, 1.0, 1.0],
        )
        .integers("one", &[1])
        .node("Gather", &["weights", "input_ids"], "words", &[])
        .node("ReduceSum", &["words", "one"], "sum", &[("keepdims", 0)])
        .output("sum", Kind::F32, &[Side::Open("batch"), Side::Fixed(2)])
        .build()
}

pub fn write(folder: &Path, model: &[u8], tokenizer: &str) -> ModelFiles {
    let files = ModelFiles {
        model: folder.join("model.onnx"),
        tokenizer: Some(folder.join("tokenizer.json")),
    };
    std::fs::write(&files.model, model).unwrap();
    std::fs::write(folder.join("tokenizer.json"), tokenizer).unwrap();
    files
}

pub async fn load(key: &str, model: &[u8], config: &ModelConfig) -> Result<Model, InferenceError> {
    let folder = tempfile::tempdir().unwrap();
    INFERENCE
        .load(key, &write(folder.path(), model, WORDS), config)
        .await
}

pub fn labelled(task: Task, labels: &[&str]) -> ModelConfig {
    ModelConfig {
        labels: texts(labels),
        ..ModelConfig::new(task)
    }
}

#[tokio::test]
async fn a_classifier_scores_its_own_labels() {
    let config = labelled(Task::Classify, &["好评", "差评"]);
    for kind in [Kind::I64, Kind::I32] {
        let model = load(
            &format!("small/classifier-{}", kind as u8),
            &classifier(kind),
            &config,
        )
        .await
        .unwrap();
        // The second is padded beside the third, and the last has no token at all.
        let batch = texts(&["good", "差", "good good 差 unheard", ""]);
        let answers = model.classify(&batch, None).await.unwrap();
        let best: Vec<&str> = answers
            .iter()
            .map(|answer| answer[0].label.as_str())
            .collect();
        assert_eq!(best, ["好评", "差评", "好评", "好评"]);
        let sure = 1.0 / (1.0 + (-3.0f32).exp());
        for (answer, score) in answers.iter().zip([sure, sure, sure, 0.5]) {
            assert!(
                (answer[0].score - score).abs() < 1e-6
                    && (answer[1].score - 1.0 + score).abs() < 1e-6
            );
        }
        let narrowed = model
            .classify(&batch, Some(&texts(&["差评"])))
            .await
            .unwrap();
        assert!(
            narrowed
                .iter()
                .all(|answer| answer.len() == 1 && answer[0].score == 1.0)
        );
        assert!(
            refused(model.classify(&batch, Some(&texts(&["spam"]))).await)
                .contains("it has `好评`, `差评`")
        );
        assert!(refused(model.classify(&batch, Some(&[])).await).contains("empty"));
        assert!(refused(model.embed(&batch).await).contains("`classify`"));
    }
}

#[tokio::test]
async fn a_number_that_is_none_is_an_error_of_that_batch_alone() {
    let graph = Graph::default()
        .input("input_ids", Kind::I64, TEXTS)
        .input("attention_mask", Kind::I64, TEXTS)
        .floats("weights", &[5, 2], &WEIGHTS)
        .node("Gather", &["weights", "input_ids"], "states", &[])
        .output(
            "states",
            Kind::F32,
            &[Side::Open("batch"), Side::Open("sequence"), Side::Fixed(2)],
        )
        .build();
    let model = load("small/broken", &graph, &ModelConfig::new(Task::Embed))
        .await
        .unwrap();
    let error = model.embed(&texts(&["good", "broken"])).await.unwrap_err();
    assert!(
        matches!(&error, InferenceError::Run(reason) if reason.contains("not a finite number")),
        "{error}"
    );
    assert_eq!(
        model.embed(&texts(&["good good 差"])).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn without_a_mask_nothing_is_padded() {
    let config = ModelConfig {
        normalize: false,
        ..ModelConfig::new(Task::Embed)
    };
    let model = load("small/maskless", &maskless(), &config).await.unwrap();
    let batch = texts(&["good", "good good 差", "差", "good 差 差"]);
    let vectors = model.embed(&batch).await.unwrap();
    assert_eq!(vectors, [[1.0, 0.0], [2.0, 1.0], [0.0, 1.0], [1.0, 2.0]]);
}

#[tokio::test]
async fn pooling_is_what_the_configuration_says() {
    let graph = Graph::default()
        .input("input_ids", Kind::I64, TEXTS)
        .floats(
            "weights",
            &[5, 2],
            &[0.0, 0.0, 1.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0],
        )
        .integers("one", &[1])
        .node("Gather", &["weights", "input_ids"], "states", &[])
        .node("ReduceSum", &["states", "one"], "sum", &[("keepdims", 0)])
        // A graph that pools by itself as well: the token vectors are what the configuration speaks of.
        .output("sum", Kind::F32, &[Side::Open("batch"), Side::Fixed(2)])
        .output(
            "states",
            Kind::F32,
            &[Side::Open("batch"), Side::Open("sequence"), Side::Fixed(2)],
        )
        .build();
    for (pooling, expected) in [(Pooling::Mean, [0.5, 1.5]), (Pooling::Cls, [1.0, 0.0])] {
        let config = ModelConfig {
            pooling,
            normalize: false,
            ..ModelConfig::new(Task::Embed)
        };
        let model = load(&format!("small/pooling-{pooling:?}"), &graph, &config)
            .await
            .unwrap();
        assert_eq!(model.embed(&texts(&["good 差"])).await.unwrap(), [expected]);
    }
}

#[tokio::test]
async fn a_graph_that_cannot_serve_is_refused_when_it_is_loaded() {
    let states = &[Side::Open("batch"), Side::Open("sequence"), Side::Fixed(2)];
    let gather = |graph: Graph| {
        graph.floats("weights", &[5, 2], &[0.5; 10]).node(
            "Gather",
            &["weights", "input_ids"],
            "states",
            &[],
        )
    };
    let pixels = Graph::default()
        .input("pixel_values", Kind::F32, TEXTS)
        .node("Identity", &["pixel_values"], "out", &[])
        .output("out", Kind::F32, TEXTS)
        .build();
    let floats = Graph::default()
        .input("input_ids", Kind::F32, TEXTS)
        .node("Identity", &["input_ids"], "out", &[])
        .output("out", Kind::F32, TEXTS)
        .build();
    let mask_alone = Graph::default()
        .input("attention_mask", Kind::I64, TEXTS)
        .node("Cast", &["attention_mask"], "out", &[("to", 1)])
        .output("out", Kind::F32, TEXTS)
        .build();
    let integers = Graph::default()
        .input("input_ids", Kind::I64, TEXTS)
        .node("Identity", &["input_ids"], "out", &[])
        .output("out", Kind::I64, TEXTS)
        .build();
    let one_text = gather(Graph::default().input(
        "input_ids",
        Kind::I64,
        &[Side::Fixed(1), Side::Open("sequence")],
    ))
    .output(
        "states",
        Kind::F32,
        &[Side::Fixed(1), Side::Open("sequence"), Side::Fixed(2)],
    )
    .build();
    let few_words = Graph::default()
        .input("input_ids", Kind::I64, TEXTS)
        .floats("weights", &[4, 2], &[0.5; 8])
        .node("Gather", &["weights", "input_ids"], "states", &[])
        .output("states", Kind::F32, states)
        .build();
    for (number, (graph, reason)) in [
        (pixels, "wants an input `pixel_values`"),
        (floats, "known are i64 and i32"),
        (mask_alone, "no input `input_ids`"),
        (integers, "no output fits the task `embed`"),
        (one_text, "a trial with 2 text(s)"),
        (few_words, "a trial with 2 text(s)"),
    ]
    .into_iter()
    .enumerate()
    {
        let loaded = load(
            &format!("small/unfit-{number}"),
            &graph,
            &ModelConfig::new(Task::Embed),
        )
        .await;
        let Err(InferenceError::ModelFile {
            path,
            reason: found,
        }) = loaded
        else {
            panic!("expected a refusal that says {reason:?}")
        };
        assert!(found.contains(reason), "{found} does not say {reason}");
        assert!(path.ends_with("model.onnx"));
    }
}

#[tokio::test]
async fn labels_must_be_as_many_as_outputs() {
    for labels in [&["a"][..], &["a", "b", "c"]] {
        let config = labelled(Task::Classify, labels);
        let error = load("small/labels", &classifier(Kind::I64), &config)
            .await
            .err()
            .unwrap();
        assert!(matches!(error, InferenceError::Config(_)), "{error}");
        assert!(error.to_string().contains("2 outputs"), "{error}");
    }
}
