//! What a model says of itself.

use steward_inference::{Caller, Device, Inference, InferenceError, ModelConfig, Task};

use crate::engine::tiny;
use crate::small::{WORDS, write};
use crate::support::{config, texts};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_counted_by_what_became_of_it() {
    let inference = Inference::new(config());
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), &tiny(), WORDS);
    let embed = ModelConfig::new(Task::Embed);
    let model = inference.load("甲/m@1.0.0", &files, &embed).await.unwrap();
    assert_eq!((model.stats().succeeded, model.stats().rows()), (0, 0));

    for _ in 0..3 {
        model.embed(&texts(&["good", "差 差 差"])).await.unwrap();
    }
    let late = model.with_caller(Caller::interactive("甲").until(std::time::Instant::now()));
    let answer = late.embed(&texts(&["good"])).await;
    assert!(matches!(answer, Err(InferenceError::Late)));

    let stats = inference.stats();
    assert_eq!(stats.len(), 1);
    let stats = &stats[0];
    assert_eq!(stats.key, "甲/m@1.0.0");
    assert_eq!((stats.succeeded, stats.late), (3, 1));
    assert_eq!((stats.failed, stats.refused, stats.cancelled), (0, 0, 0));
    assert_eq!((stats.rows(), stats.tokens, stats.waiting), (6, 12, 0));
    assert_eq!(stats.call.count, 3);
    assert_eq!(stats.tokenize.count, 4);
    assert_eq!(stats.queue.count, 6);
    let batches: u64 = stats.batches.iter().map(|batch| batch.count).sum();
    assert_eq!(stats.compute.count, batches);
    assert!(stats.call.sum >= stats.queue.sum / 6);
    assert_eq!(stats.device, Device::Cpu);
    assert!(stats.last_used.is_some());
}
