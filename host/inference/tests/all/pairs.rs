//! Scores of pairs of texts.

use steward_inference::{LongText, MAX_TEXT_BYTES, ModelConfig, Task};

use crate::onnx::{Graph, Kind, Side, TEXTS};
use crate::small::{classifier, labelled, load};
use crate::support::{cosine, minilm, refused, texts};

/// How good the second text is; the words of the first count for nothing.
fn encoder() -> Vec<u8> {
    Graph::default()
        .input("input_ids", Kind::I64, TEXTS)
        .input("attention_mask", Kind::I64, TEXTS)
        .input("token_type_ids", Kind::I64, TEXTS)
        .floats("weights", &[5, 1], &[0.0, 2.0, -2.0, 0.0, 1.0])
        .integers("one", &[1])
        .integers("two", &[2])
        .node("Gather", &["weights", "input_ids"], "words", &[])
        .node("Mul", &["attention_mask", "token_type_ids"], "second", &[])
        .node("Cast", &["second"], "shown", &[("to", 1)])
        .node("Unsqueeze", &["shown", "two"], "column", &[])
        .node("Mul", &["words", "column"], "visible", &[])
        .node(
            "ReduceSum",
            &["visible", "one"],
            "logits",
            &[("keepdims", 0)],
        )
        .output("logits", Kind::F32, &[Side::Open("batch"), Side::Fixed(1)])
        .build()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(first, second)| ((*first).to_owned(), (*second).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_model_of_one_output_gives_its_sigmoid() {
    let model = load("pairs/one", &encoder(), &ModelConfig::new(Task::ScorePairs))
        .await
        .unwrap();
    let batch = pairs(&[
        ("差 差 差", "good"),
        ("good good good", "差"),
        ("good", ""),
        ("", "fine good"),
    ]);
    let found = model.score_pairs(&batch).await.unwrap();
    for (found, logit) in found.iter().zip([2.0_f32, -2.0, 0.0, 3.0]) {
        let expected = 1.0 / (1.0 + (-logit).exp());
        assert!((found.score - expected).abs() < 1e-6, "{found:?}");
        assert!(found.labels.is_empty());
    }
    let signature = model.signature();
    let inputs: Vec<&str> = signature
        .inputs
        .iter()
        .map(|port| port.name.as_str())
        .collect();
    assert_eq!(inputs, ["text", "text_pair"]);
    assert_eq!(signature.outputs[0].shape, [-1, 1]);
    assert!(model.score_pairs(&[]).await.unwrap().is_empty());
    assert!(refused(model.embed(&texts(&["x"])).await).contains("`score-pairs`"));
}

#[tokio::test]
async fn a_model_of_labels_ranks_them() {
    let config = labelled(Task::ScorePairs, &["好评", "差评"]);
    let model = load("pairs/labels", &classifier(Kind::I64), &config)
        .await
        .unwrap();
    let found = model
        .score_pairs(&pairs(&[("good", "good"), ("差", "差 good")]))
        .await
        .unwrap();
    assert_eq!(
        (
            found[0].labels[0].label.as_str(),
            found[1].labels[0].label.as_str()
        ),
        ("好评", "差评")
    );
    let sure = 1.0 / (1.0 + (-6.0_f32).exp());
    assert!((found[0].score - sure).abs() < 1e-6);
    assert_eq!(found[0].labels.len(), 2);
    let error = load(
        "pairs/unnamed",
        &classifier(Kind::I64),
        &ModelConfig::new(Task::ScorePairs),
    )
    .await;
    assert!(error.err().unwrap().to_string().contains("2 outputs"));
}

#[tokio::test]
async fn an_embedding_model_compares() {
    let model = minilm().await;
    let batch = pairs(&[
        ("How do I return a parcel?", "Sending a package back"),
        ("How do I return a parcel?", "The weather in Oslo is cold"),
        ("包裹", "包裹"),
    ]);
    let found = model.score_pairs(&batch).await.unwrap();
    assert!(found[0].score > 0.4 && found[1].score < 0.2, "{found:?}");
    assert!((found[2].score - 1.0).abs() < 1e-5);
    let vectors = model
        .embed(&texts(&[&batch[0].0, &batch[0].1]))
        .await
        .unwrap();
    assert!((found[0].score - cosine(&vectors[0], &vectors[1])).abs() < 1e-4);
}

#[tokio::test]
async fn long_pairs_are_cut_or_refused() {
    let short = |long_text| ModelConfig {
        max_tokens: 6,
        long_text,
        ..ModelConfig::new(Task::ScorePairs)
    };
    let model = load("pairs/cut", &encoder(), &short(None)).await.unwrap();
    // Three good words of the second are left beside three of the first.
    let batch = pairs(&[
        ("差 差 差 差 差", "good good good good good"),
        ("差", "good"),
    ]);
    let found = model.score_pairs_counted(&batch).await.unwrap();
    assert_eq!(found.truncated, 1);
    assert!((found.scores[0].score - 1.0 / (1.0 + (-6.0_f32).exp())).abs() < 1e-6);
    let strict = load("pairs/strict", &encoder(), &short(Some(LongText::Reject)))
        .await
        .unwrap();
    let reason = refused(strict.score_pairs(&batch).await);
    assert!(
        reason.contains("text 0 has 10 tokens, more than the 6"),
        "{reason}"
    );
    let huge = [("x".repeat(MAX_TEXT_BYTES + 1), String::new())];
    assert!(refused(model.score_pairs(&huge).await).contains("text 0"));
}
