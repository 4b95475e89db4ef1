//! Texts that are longer than a model reads at once.

use steward_inference::{LongText, MAX_TEXT_BYTES, MAX_WINDOWS, Model, ModelConfig, Task};

use crate::onnx::Kind;
use crate::small::{classifier, labelled, load};
use crate::support::{INFERENCE, cosine, published, refused, texts};

async fn minilm(long: LongText) -> Model {
    let (files, config) = published("minilm");
    let config = ModelConfig {
        max_tokens: 64,
        long_text: Some(long),
        ..config
    };
    INFERENCE
        .load(&format!("long/{long:?}"), &files, &config)
        .await
        .unwrap()
}

fn batch() -> Vec<String> {
    let parcels = "The parcel came late and the box was broken. ".repeat(8);
    let weather = "今天天气很好, we walk along the river in the sun. ".repeat(8);
    vec![
        format!("{parcels}{weather}"),
        "short".to_owned(),
        parcels,
        weather,
    ]
}

#[tokio::test]
async fn a_cut_is_told() {
    let model = minilm(LongText::Truncate).await;
    let found = model.embed_counted(&batch()).await.unwrap();
    assert_eq!(
        (found.truncated, found.tokens[0], found.tokens[1]),
        (3, 64, 3)
    );
    // Only the beginning counts.
    assert!(cosine(&found.vectors[0], &found.vectors[2]) > 0.9999);
    let labels = texts(&["delivery", "weather"]);
    let classified = model
        .classify_counted(&batch(), Some(&labels))
        .await
        .unwrap();
    assert_eq!((classified.truncated, classified.labels.len()), (3, 4));
    assert_eq!(
        model
            .embed_counted(&texts(&["好"]))
            .await
            .unwrap()
            .truncated,
        0
    );
}

#[tokio::test]
async fn a_refusal_names_the_text_and_its_length() {
    let model = minilm(LongText::Reject).await;
    let mut batch = batch();
    batch.swap(0, 1);
    let reason = refused(model.embed(&batch).await);
    let count = model.tokenize(&batch[1..2], true).await.unwrap()[0]
        .ids
        .len();
    assert!(
        reason.contains(&format!("text 1 has {count} tokens, more than the 64")),
        "{reason}"
    );
    assert_eq!(model.embed(&batch[..1]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn windows_read_all_of_a_text() {
    let (windows, cut) = (
        minilm(LongText::Window).await,
        minilm(LongText::Truncate).await,
    );
    let batch = batch();
    let whole = windows.embed_counted(&batch).await.unwrap();
    assert_eq!(whole.truncated, 0);
    assert!(whole.tokens[0] > 150);
    let near = |a: usize, b: usize| cosine(&whole.vectors[a], &whole.vectors[b]);
    // Both halves count, and the text as a whole is nearer to each than they are to each other.
    assert!(near(0, 2) > near(2, 3) && near(0, 3) > near(2, 3));
    assert!(
        whole
            .vectors
            .iter()
            .all(|v| (v.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-4)
    );
    // What fits is what it is without windows.
    let short = cut.embed(&batch[1..2]).await.unwrap();
    assert!(cosine(&short[0], &whole.vectors[1]) > 0.9999);
    let alone = windows.embed(&batch[..1]).await.unwrap();
    assert!(cosine(&alone[0], &whole.vectors[0]) > 0.9999);
}

#[tokio::test]
async fn windows_of_a_classification_are_weighed_by_their_tokens() {
    let config = ModelConfig {
        max_tokens: 4,
        long_text: Some(LongText::Window),
        ..labelled(Task::Classify, &["好评", "差评"])
    };
    let model = load("long/classify", &classifier(Kind::I64), &config)
        .await
        .unwrap();
    // Windows of 4 tokens that share 1: good good good good | good 差.
    let answer = model
        .classify(&texts(&["good good good good 差"]), None)
        .await
        .unwrap();
    let sure = |logit: f32| 1.0 / (1.0 + (-logit).exp());
    let expected = (4.0 * sure(12.0) + 2.0 * sure(0.0)) / 6.0;
    assert_eq!(answer[0][0].label, "好评");
    assert!(
        (answer[0][0].score - expected).abs() < 1e-5,
        "{answer:?} {expected}"
    );
}

#[tokio::test]
async fn windows_are_bounded() {
    let model = minilm(LongText::Window).await;
    let long = "a b c d e f g h ".repeat(MAX_TEXT_BYTES / 16);
    let reason = refused(model.embed(&[long]).await);
    assert!(reason.contains(&MAX_WINDOWS.to_string()), "{reason}");
}

#[tokio::test]
async fn a_token_classification_may_be_cut_or_refused_too() {
    let (files, config) = published("rampart");
    let text = format!(
        "My name is Sarah Johnson. {}Call Mary Jones",
        "Nothing here. ".repeat(60)
    );
    for long in [LongText::Truncate, LongText::Reject] {
        let config = ModelConfig {
            long_text: Some(long),
            ..config.clone()
        };
        let model = INFERENCE
            .load(&format!("long/rampart {long:?}"), &files, &config)
            .await
            .unwrap();
        let found = model.classify_tokens(std::slice::from_ref(&text)).await;
        if long == LongText::Reject {
            assert!(refused(found).contains("text 0 has"));
            continue;
        }
        let found = found.unwrap();
        assert!(found[0].iter().any(|entity| entity.label == "SURNAME"));
        assert!(found[0].iter().all(|entity| entity.end < 100), "{found:?}");
    }
}
