//! A head behind a real embedding model: what is served says what the arithmetic says.

use steward_inference::{Affine, Alphabet, LongText, ModelFiles, Task, TrainedHead};

use crate::support::{INFERENCE, minilm, published, refused, texts};

const TEXTS: [&str; 7] = [
    "Where is my parcel?",
    "我想退货，怎么操作？",
    "退款什么时候到账？ Please answer in English.",
    "",
    "a",
    "The zipper of the bag broke on the first day, and half of the parts are missing from the package that you sent me.",
    "中文退退退",
];

/// Numbers between -1 and 1, always the same.
fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| draw()).collect()
}

fn head(inputs: usize, hidden: Option<usize>) -> TrainedHead {
    let layer = |seed, inputs: usize, outputs: usize| Affine {
        weights: numbers(seed, inputs * outputs),
        bias: numbers(seed + 1, outputs),
    };
    TrainedHead {
        labels: ["物流", "refund", "other"].map(str::to_owned).to_vec(),
        layers: match hidden {
            None => vec![layer(1, inputs, 3)],
            Some(hidden) => vec![layer(1, inputs, hidden), layer(3, hidden, 3)],
        },
    }
}

/// What the head says of what it sees, in double precision.
fn expected(head: &TrainedHead, seen: &[f32]) -> Vec<f64> {
    let mut values: Vec<f64> = seen.iter().copied().map(f64::from).collect();
    for (place, layer) in head.layers.iter().enumerate() {
        let outputs = layer.bias.len();
        let mut next: Vec<f64> = layer.bias.iter().copied().map(f64::from).collect();
        for (input, value) in values.iter().enumerate() {
            for (output, sum) in next.iter_mut().enumerate() {
                *sum += value * f64::from(layer.weights[input * outputs + output]);
            }
        }
        if place + 1 < head.layers.len() {
            next.iter_mut().for_each(|number| *number = number.max(0.0));
        }
        values = next;
    }
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = values.iter().map(|value| (value - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

fn alphabet(files: &ModelFiles, fewest: usize) -> Option<Alphabet> {
    let (_, config) = published("minilm");
    Alphabet::of(files, &config, TEXTS.into_iter(), fewest).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_is_what_the_head_says_of_the_vector_and_the_characters() {
    let base = minilm().await;
    let (files, _) = published("minilm");
    let texts = texts(&TEXTS);
    let vectors = base.embed(&texts).await.unwrap();
    for (with_characters, hidden) in [
        (false, None),
        (false, Some(16)),
        (true, None),
        (true, Some(16)),
    ] {
        let alphabet = if with_characters {
            alphabet(&files, 1)
        } else {
            None
        };
        assert_eq!(alphabet.is_some(), with_characters);
        let count = alphabet
            .as_ref()
            .map_or(0, |alphabet| alphabet.characters().len());
        let head = head(384 + count, hidden);
        let joined = base.join(&files, &head, alphabet.as_ref()).unwrap();
        assert_eq!(joined.config.task, Task::Classify);
        assert_eq!(joined.config.labels, head.labels);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let written = ModelFiles {
            model: path("model.onnx", &joined.model),
            tokenizer: Some(path("tokenizer.json", &joined.tokenizer)),
        };
        let answers = INFERENCE.try_classify(&written, &joined.config, &texts);
        let answers = answers.await.unwrap();
        assert_eq!(answers.len(), texts.len());
        let mut most: f64 = 0.0;
        for ((text, vector), answer) in texts.iter().zip(&vectors).zip(&answers) {
            let mut seen = vector.clone();
            if let Some(alphabet) = &alphabet {
                seen.extend(alphabet.shares(text).unwrap());
            }
            for (label, probability) in head.labels.iter().zip(expected(&head, &seen)) {
                let found = answer.iter().find(|scored| scored.label == *label).unwrap();
                most = most.max((probability - f64::from(found.score)).abs());
            }
        }
        println!("characters {with_characters}, hidden {hidden:?}: apart by {most:e} at most");
        assert!(most < 1e-5, "{most:e}");
    }
}

#[test]
fn an_alphabet_is_what_texts_have_often_enough() {
    let (files, _) = published("minilm");
    let often = alphabet(&files, 2).unwrap();
    assert_eq!(often.characters(), ['么', '退']);
    assert!(alphabet(&files, 4).is_none());
    let shares = often.shares("退 x 退").unwrap();
    let place = often.characters().iter().position(|c| *c == '退').unwrap();
    assert!((shares[place] - 2.0 / 2.0_f32.sqrt()).abs() < 1e-6);
    assert!(
        often
            .shares("no such")
            .unwrap()
            .iter()
            .all(|share| *share == 0.0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_fit_is_refused() {
    let base = minilm().await;
    let (files, _) = published("minilm");
    let error = base.join(&files, &head(383, None), None).unwrap_err();
    assert!(error.to_string().contains("layer 0"), "{error}");
    // A token classifier gives no vectors.
    let rampart = crate::support::model("rampart").await;
    let (files, _) = published("rampart");
    let why = refused(rampart.join(&files, &head(384, None), None));
    assert!(why.contains("embed"), "{why}");
    assert_eq!(base.config().long_text, None::<LongText>);
}
