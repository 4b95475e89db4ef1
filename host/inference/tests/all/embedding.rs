//! Sentence embeddings and what is built on them, with all-MiniLM-L6-v2.

use steward_inference::{Inference, InferenceConfig, InferenceError, LabelExamples};

use crate::support::{config, cosine, minilm, model, published, refused, texts};

/// Made with Python's onnxruntime 1.31.0 and tokenizers 0.23 on the same files: padding off, truncation at 256, one
/// text at a time, mean over all tokens of `last_hidden_state`, divided by its Euclidean length. The first eight
/// numbers of each vector and the last.
const REFERENCE: [(&str, [f32; 9]); 4] = [
    (
        "The parcel arrived two days late.",
        [
            0.014139, 0.041565, 0.048925, 0.067089, 0.045125, -0.040106, -0.005639, -0.028632,
            0.032668,
        ],
    ),
    (
        "包裹晚到了两天。",
        [
            0.03276, 0.13313, 0.084012, 0.024522, -0.028855, 0.06663, 0.147802, -0.013125, 0.025547,
        ],
    ),
    (
        "Café ☕ naïve 😀 ＡＢＣ",
        [
            0.017418, 0.011646, 0.065989, 0.025209, 0.029347, 0.031509, 0.128012, -0.056872,
            -0.10856,
        ],
    ),
    (
        "",
        [
            -0.127353, 0.040874, -0.001428, -0.015986, 0.053876, 0.008883, 0.117883, 0.004815,
            -0.012619,
        ],
    ),
];

/// As above, for "refund " four hundred times: longer than the model may see.
const LONG: [f32; 9] = [
    -0.00448, -0.070891, -0.001814, 0.003228, -0.012349, 0.090001, 0.075357, 0.007982, 0.014129,
];

fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() <= tolerance,
            "{found} is not {expected}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_share_a_session_do_not_meet_in_it() {
    // More threads than cores, so that runs overlap whatever the machine.
    let inference = Inference::new(InferenceConfig {
        threads: 8,
        ..config()
    });
    let (files, embed) = published("minilm");
    let model = inference.load("shared", &files, &embed).await.unwrap();
    let batch: Vec<String> = (0..48)
        .map(|number| format!("{number} 号包裹 {}", "late ".repeat(number)))
        .collect();
    let mut alone = Vec::new();
    for text in &batch {
        alone.extend(model.embed(std::slice::from_ref(text)).await.unwrap());
    }
    let callers = (0..16).map(|caller| {
        let (model, mut batch, mut expected) = (model.clone(), batch.clone(), alone.clone());
        tokio::spawn(async move {
            batch.rotate_left(caller * 3);
            expected.rotate_left(caller * 3);
            for (text, expected) in batch.iter().zip(&expected) {
                let found = model.embed(std::slice::from_ref(text)).await.unwrap();
                assert_close(&found[0], expected, 1e-4);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

#[tokio::test]
async fn vectors_are_those_of_the_reference() {
    let model = minilm().await;
    assert_eq!(model.dimensions(), Some(384));
    let mut batch: Vec<String> = REFERENCE
        .iter()
        .map(|(text, _)| (*text).to_owned())
        .collect();
    batch.push("refund ".repeat(400));
    let vectors = model.embed(&batch).await.unwrap();
    let expected = REFERENCE.iter().map(|(_, numbers)| numbers).chain([&LONG]);
    for (vector, expected) in vectors.iter().zip(expected) {
        assert_eq!(vector.len(), 384);
        assert!((vector.iter().map(|number| number * number).sum::<f32>() - 1.0).abs() < 1e-5);
        assert_close(&[&vector[..8], &vector[383..]].concat(), expected, 1e-4);
    }
}

#[tokio::test]
async fn a_vector_does_not_depend_on_the_rest_of_the_call() {
    let model = minilm().await;
    // More than two batches, every length, in no order of length.
    let batch: Vec<String> = (0..75)
        .map(|number| {
            format!(
                "第{number}条 message {}",
                "very long 消息 ".repeat(number * 37 % 50)
            )
        })
        .collect();
    let together = model.embed(&batch).await.unwrap();
    for number in [0, 1, 7, 33, 50, 74] {
        let alone = model.embed(&batch[number..=number]).await.unwrap();
        assert_close(&together[number], &alone[0], 1e-4);
    }
}

#[tokio::test]
async fn texts_of_the_same_meaning_are_near() {
    let model = minilm().await;
    for [text, near, far] in [
        [
            "The parcel arrived two days late.",
            "My delivery was delayed.",
            "The cake needs more sugar.",
        ],
        [
            "How do I reset my password?",
            "I forgot my login credentials.",
            "The invoice total is wrong.",
        ],
        ["今天天气很好", "今天天气不错", "股票市场大跌"],
    ] {
        let vectors = model.embed(&texts(&[text, near, far])).await.unwrap();
        let (near, far) = (
            cosine(&vectors[0], &vectors[1]),
            cosine(&vectors[0], &vectors[2]),
        );
        assert!(near > far + 0.2, "{text}: {near} and {far}");
    }
}

#[tokio::test]
async fn zero_shot_picks_the_sensible_label() {
    let model = minilm().await;
    let labels = texts(&["refund request", "sports", "finance"]);
    let batch = texts(&[
        "I want my money back for this broken phone",
        "The team won the final match",
        "The stock market fell sharply today",
    ]);
    let answers = model.classify(&batch, Some(&labels)).await.unwrap();
    for (answer, expected) in answers.iter().zip(&labels) {
        assert_eq!(&answer[0].label, expected);
        assert_eq!(answer.len(), 3);
        assert!((answer.iter().map(|label| label.score).sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(answer[0].score > 0.8, "{answer:?}");
    }
    // The second time, the labels' vectors are remembered; the answer must be the same.
    assert_eq!(
        model.classify(&batch, Some(&labels)).await.unwrap(),
        answers
    );
}

#[tokio::test]
async fn examples_describe_a_label() {
    let model = minilm().await;
    let label = |label: &str, examples: &[&str]| LabelExamples {
        label: label.into(),
        texts: texts(examples),
    };
    let labels = [
        label(
            "配送",
            &["包裹还没有到", "快递晚了三天", "where is my parcel"],
        ),
        label(
            "退款",
            &["我要退款", "请把钱退给我", "give me my money back"],
        ),
    ];
    let batch = texts(&[
        "快递又晚了两天",
        "I want a refund, give me the money back",
        "请给我退钱",
    ]);
    let answers = model.classify_by_examples(&batch, &labels).await.unwrap();
    let best: Vec<&str> = answers
        .iter()
        .map(|answer| answer[0].label.as_str())
        .collect();
    assert_eq!(best, ["配送", "退款", "退款"]);
}

#[tokio::test]
async fn labels_must_make_sense() {
    let model = minilm().await;
    let batch = texts(&["x"]);
    assert!(refused(model.classify(&batch, None).await).contains("labels"));
    assert!(refused(model.classify(&batch, Some(&[])).await).contains("labels"));
    assert!(
        refused(model.classify(&batch, Some(&texts(&["好", "好"]))).await)
            .contains("`好` is given twice")
    );
    let bare = [LabelExamples {
        label: "a".into(),
        texts: Vec::new(),
    }];
    assert!(refused(model.classify_by_examples(&batch, &bare).await).contains("no example"));
}

#[tokio::test]
async fn a_task_of_another_model_is_refused() {
    let minilm = minilm().await;
    let rampart = model("rampart").await;
    let batch = texts(&["x"]);
    assert!(refused(minilm.classify_tokens(&batch).await).contains("cannot do `classify-tokens`"));
    assert!(refused(rampart.embed(&batch).await).contains("`classify-tokens`"));
    assert!(refused(rampart.classify(&batch, None).await).contains("`classify`"));
    assert_eq!(rampart.dimensions(), None);
}

#[tokio::test]
async fn nothing_in_nothing_out() {
    let model = minilm().await;
    assert!(model.embed(&[]).await.unwrap().is_empty());
    assert!(
        model
            .classify(&[], Some(&texts(&["a"])))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_callers_each_get_their_own_answer() {
    let model = minilm().await;
    let batch = |caller: usize| -> Vec<String> {
        (0..3)
            .map(|number| format!("caller {caller} 号 sends text {number}"))
            .collect()
    };
    let mut tasks = Vec::new();
    for caller in 0..64 {
        let model = model.clone();
        tasks.push(tokio::spawn(
            async move { model.embed(&batch(caller)).await },
        ));
    }
    for (caller, task) in tasks.into_iter().enumerate() {
        let together = task.await.unwrap().unwrap();
        if caller % 16 == 0 {
            let alone: Result<_, InferenceError> = model.embed(&batch(caller)).await;
            for (together, alone) in together.iter().zip(&alone.unwrap()) {
                assert_close(together, alone, 1e-4);
            }
        }
        assert_eq!(together.len(), 3);
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_model_working() {
    let model = minilm().await;
    let batch: Vec<String> = (0..2000).map(|number| format!("text {number}")).collect();
    let running = tokio::spawn({
        let model = model.clone();
        async move { model.embed(&batch).await }
    });
    tokio::task::yield_now().await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(model.embed(&texts(&["still here"])).await.unwrap().len(), 1);
}
