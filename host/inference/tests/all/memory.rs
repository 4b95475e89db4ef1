//! How much models take, and who makes room.

use std::time::Duration;

use steward_inference::{Inference, InferenceConfig, InferenceError, Model, ModelConfig, Task};

use crate::engine::tiny;
use crate::small::{WORDS, write};
use crate::support::{config, minilm, published, texts};

fn limited(memory_bytes: u64) -> Inference {
    Inference::new(InferenceConfig {
        memory_bytes: Some(memory_bytes),
        ..config()
    })
}

fn keys(inference: &Inference) -> Vec<String> {
    let loaded = inference.loaded().into_iter();
    loaded.map(|model| model.key).collect()
}

/// A host in which so many and a half of a small model have room, and how to load it.
struct Small {
    folder: tempfile::TempDir,
    inference: Inference,
}

impl Small {
    async fn with_room_for(models: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = write(folder.path(), &tiny(), WORDS);
        let embed = ModelConfig::new(Task::Embed);
        let alone = Inference::new(config());
        let one = alone.load("one", &files, &embed).await.unwrap();
        let size = one.memory_bytes();
        Self {
            folder,
            inference: limited(size * models + size / 2),
        }
    }

    async fn load(&self, key: &str) -> Result<Model, InferenceError> {
        let files = write(self.folder.path(), &tiny(), WORDS);
        let embed = ModelConfig::new(Task::Embed);
        self.inference.load(key, &files, &embed).await
    }
}

#[tokio::test]
async fn a_model_takes_at_least_its_weights() {
    let model = minilm().await;
    let (files, _) = published("minilm");
    let weights = std::fs::metadata(&files.model).unwrap().len();
    let held = model.memory_bytes();
    assert!(held >= weights, "{held} bytes held, {weights} in the file");
    assert!(
        held < 8 * weights,
        "{held} bytes held, {weights} in the file"
    );
}

#[tokio::test]
async fn the_one_asked_for_the_longest_ago_makes_room() {
    let small = Small::with_room_for(2).await;
    small.load("a").await.unwrap();
    small.load("b").await.unwrap();
    assert!(small.inference.get("a").is_some());
    small.load("c").await.unwrap();
    assert_eq!(keys(&small.inference), ["a", "c"]);
}

#[tokio::test]
async fn a_pinned_model_stays_until_it_is_let_go() {
    let small = Small::with_room_for(1).await;
    let pinned = small.load("a").await.unwrap().pinned();
    let Err(InferenceError::Memory {
        needed,
        limit,
        kept,
    }) = small.load("b").await
    else {
        panic!("there is room for one")
    };
    assert!(needed <= limit && kept > 0 && needed + kept > limit);
    assert_eq!(keys(&small.inference), ["a"]);
    assert_eq!(pinned.embed(&texts(&["good"])).await.unwrap().len(), 1);
    drop(pinned);
    small.load("b").await.unwrap();
    assert_eq!(keys(&small.inference), ["b"]);
}

#[tokio::test]
async fn what_still_computes_is_waited_for() {
    let small = Small::with_room_for(1).await;
    let running = small.load("a").await.unwrap();
    let mut next = std::pin::pin!(small.load("b"));
    let moment = Duration::from_millis(100);
    let waits = tokio::time::timeout(moment, next.as_mut()).await;
    assert!(waits.is_err(), "both are in memory");
    assert_eq!(running.embed(&texts(&["good"])).await.unwrap().len(), 1);
    drop(running);
    next.await.unwrap();
    assert_eq!(keys(&small.inference), ["b"]);
}

#[tokio::test]
async fn a_model_that_never_fits_is_refused_and_harms_nobody() {
    let small = Small::with_room_for(2).await;
    small.load("a").await.unwrap();
    let (files, config) = published("minilm");
    let Err(error) = small.inference.load("minilm", &files, &config).await else {
        panic!("it is larger than the limit")
    };
    assert!(
        matches!(&error, InferenceError::Memory { needed, limit, .. } if needed > limit),
        "{error:?}"
    );
    assert!(error.to_string().contains("--model-memory-mib"), "{error}");
    small.load("b").await.unwrap();
    assert_eq!(keys(&small.inference), ["a", "b"]);
}

#[tokio::test]
async fn what_is_measured_counts_and_not_only_the_file() {
    // The weights of this model are stored in 8 bits and computed in 32.
    let (files, config) = published("minilm");
    let stored = std::fs::metadata(&files.model).unwrap().len();
    let held = minilm().await.memory_bytes();
    if held <= stored + (8 << 20) {
        return;
    }
    let inference = limited(stored + (8 << 20));
    let refused = inference.load("minilm", &files, &config).await;
    assert!(matches!(refused, Err(InferenceError::Memory { .. })));
    assert!(inference.loaded().is_empty());
}
