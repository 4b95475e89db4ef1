//! Calls that ask for too much.

use steward_inference::{MAX_CALL_BYTES, MAX_TEXT_BYTES, MAX_TEXTS, MAX_WINDOWS};

use crate::support::{minilm, model, refused, texts};

#[tokio::test]
async fn a_call_that_is_too_large_is_refused() {
    let model = minilm().await;
    let reason = refused(model.embed(&vec![String::new(); MAX_TEXTS + 1]).await);
    assert!(reason.contains("4097 texts"), "{reason}");

    let ten_megabytes = "好".repeat(10 << 20);
    let reason = refused(model.embed(&[String::new(), ten_megabytes]).await);
    assert!(
        reason.contains("text 1") && reason.contains(&MAX_TEXT_BYTES.to_string()),
        "{reason}"
    );

    let many = vec!["x".repeat(MAX_TEXT_BYTES); MAX_CALL_BYTES / MAX_TEXT_BYTES + 1];
    let reason = refused(model.classify(&many, Some(&texts(&["a"]))).await);
    assert!(reason.contains("together"), "{reason}");

    let labels: Vec<String> = (0..=MAX_TEXTS).map(|number| number.to_string()).collect();
    refused(model.classify(&texts(&["x"]), Some(&labels)).await);
}

#[tokio::test]
async fn the_longest_text_is_answered() {
    let model = minilm().await;
    let longest = "word ".repeat(MAX_TEXT_BYTES / 5);
    let unbroken = "好".repeat(MAX_TEXT_BYTES / 3);
    let one_word = "a".repeat(MAX_TEXT_BYTES);
    let vectors = model.embed(&[longest, unbroken, one_word]).await.unwrap();
    assert!(vectors.iter().all(|vector| vector.len() == 384));
}

#[tokio::test]
async fn token_classification_is_bounded_by_its_windows() {
    let model = model("rampart").await;
    let long = "a b c d e f g h ".repeat(MAX_TEXT_BYTES / 16);
    let batch = vec![long; 3];
    let reason = refused(model.classify_tokens(&batch).await);
    assert!(reason.contains(&MAX_WINDOWS.to_string()), "{reason}");
}
