//! The tokenizer of a model, and texts that come as tokens.

use steward_inference::{MAX_CALL_TOKENS, MAX_TEXT_BYTES};

use crate::support::{cosine, minilm, refused, texts};

#[tokio::test]
async fn tokens_lie_where_they_are_in_the_text() {
    let model = minilm().await;
    let batch = texts(&["😀 中国, unbelievably late", ""]);
    let found = model.tokenize(&batch, true).await.unwrap();
    assert_eq!(found[0].tokens.first().unwrap(), "[CLS]");
    assert_eq!(found[0].offsets[0], (0, 0));
    let letters: Vec<char> = batch[0].chars().collect();
    let mut pieces = 0;
    for (token, &(start, end)) in found[0].tokens.iter().zip(&found[0].offsets) {
        let inside: String = letters[start as usize..end as usize].iter().collect();
        if token.starts_with('[') {
            continue;
        }
        assert_eq!(token.trim_start_matches("##"), inside);
        pieces += 1;
    }
    assert!(pieces >= 5, "{found:?}");
    assert_eq!(
        (found[0].ids.len(), found[0].tokens.len()),
        (found[0].offsets.len(), found[0].offsets.len())
    );
    assert_eq!(found[1].tokens, ["[CLS]", "[SEP]"]);
    let bare = model.tokenize(&batch, false).await.unwrap();
    assert_eq!(bare[0].ids, found[0].ids[1..found[0].ids.len() - 1]);
    assert!(bare[1].ids.is_empty());
    // To its end, however much the model reads of it.
    let long = model
        .tokenize(&[texts(&["word "; 1000]).concat()], false)
        .await
        .unwrap();
    assert_eq!(long[0].ids.len(), 1000);
}

#[tokio::test]
async fn tokens_become_a_text_again() {
    let model = minilm().await;
    let batch = texts(&["the parcel came late", "中国"]);
    let ids: Vec<Vec<u32>> = model
        .tokenize(&batch, true)
        .await
        .unwrap()
        .into_iter()
        .map(|tokens| tokens.ids)
        .collect();
    let back = model.decode(&ids, true).await.unwrap();
    assert_eq!(back[0], batch[0]);
    assert_eq!(back[1].replace(' ', ""), batch[1]);
    let marked = model.decode(&ids, false).await.unwrap();
    assert!(
        marked[0].starts_with("[CLS]") && marked[0].ends_with("[SEP]"),
        "{marked:?}"
    );
    assert_eq!(model.decode(&[vec![]], true).await.unwrap(), [""]);
    assert!(model.decode(&[], true).await.unwrap().is_empty());
}

#[tokio::test]
async fn tokens_are_embedded_as_they_are() {
    let model = minilm().await;
    let batch = texts(&["the parcel came late", "你好"]);
    let tokens = model.tokenize(&batch, true).await.unwrap();
    let ids: Vec<Vec<u32>> = tokens.into_iter().map(|tokens| tokens.ids).collect();
    let (by_tokens, by_texts) = (
        model.embed_tokens(&ids).await.unwrap(),
        model.embed_counted(&batch).await.unwrap(),
    );
    assert_eq!(by_tokens.tokens, by_texts.tokens);
    for (a, b) in by_tokens.vectors.iter().zip(&by_texts.vectors) {
        assert!(cosine(a, b) > 0.99999);
    }
    assert!(model.embed_tokens(&[]).await.unwrap().vectors.is_empty());
}

#[tokio::test]
async fn tokens_that_cannot_be_are_refused() {
    let model = minilm().await;
    for (ids, expected) in [
        (
            vec![vec![1], vec![30_522]],
            "text 1 has a token of the number 30522; the highest of this model is 30521",
        ),
        (vec![vec![]], "text 0 has 0 tokens"),
        (vec![vec![1; 257]], "1 to 256"),
        (vec![vec![1]; 4097], "4097 texts"),
    ] {
        let reason = refused(model.embed_tokens(&ids).await);
        assert!(reason.contains(expected), "{reason}");
    }
    refused(model.decode(&[vec![u32::MAX]], true).await);
    refused(model.decode(&[vec![1; MAX_CALL_TOKENS + 1]], true).await);
    let long = vec!["a ".repeat(MAX_TEXT_BYTES / 2); 3];
    let reason = refused(model.tokenize(&long, false).await.map(|_| ()));
    assert!(reason.contains("tokens of one call"), "{reason}");
}
