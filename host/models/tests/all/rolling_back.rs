//! Candidates that go back by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;
use steward_models::Models;
use steward_registry::{ModelDeployment, ModelDeploymentSpec};

use crate::support::{
    FAILING, FRAGILE, SOUND, UNSURE, World, canary, classifier, errors_only, slow, stable, until,
};

/// Calls of eight callers, each by a handle of its own, until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    callers: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Load {
    /// Each text comes with the label that is right.
    async fn start(world: &World, models: &Models, texts: &'static [(&str, &str)]) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let mut callers = Vec::new();
        for caller in 0..8 {
            let model = models
                .open(&world.tenant, &world.reference("m"))
                .await
                .unwrap();
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            callers.push(tokio::spawn(async move {
                let mut wrong = Vec::new();
                for turn in caller.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let (text, right) = texts[turn % texts.len()];
                    match model.classify(&[text.to_owned()], None).await {
                        Ok(answer) if answer.value[0][0].label == right => {}
                        Ok(answer) => wrong.push(format!("{text}: {answer:?}")),
                        Err(error) => wrong.push(format!("{text}: {error}")),
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                wrong
            }));
        }
        Self {
            stop,
            answered,
            callers,
        }
    }

    /// Lets so many more calls be answered.
    async fn more(&self, calls: u64) {
        let goal = self.answered.load(Ordering::Relaxed) + calls;
        until("more calls", async || {
            self.answered.load(Ordering::Relaxed) >= goal
        })
        .await;
    }

    /// What did not go well.
    async fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut wrong = Vec::new();
        for caller in self.callers {
            wrong.extend(caller.await.unwrap());
        }
        wrong
    }
}

const TEXTS: &[(&str, &str)] = &[
    ("good", "好评"),
    ("差", "差评"),
    ("good good 差", "好评"),
    ("odd good", "好评"),
    ("差 fine 差", "差评"),
];

async fn rolled_back(world: &World) -> ModelDeployment {
    let mut found = None;
    until("rolled back", async || {
        let current = world
            .registry
            .model_deployment(&world.tenant, &world.name)
            .await
            .unwrap();
        found = Some(current);
        found.as_ref().is_some_and(|current| current.revision == 2)
    })
    .await;
    found.unwrap()
}

/// Deploys a worse candidate under load, and looks at what the callers see and what is written.
async fn goes_back(worse: Vec<u8>, bounds: serde_json::Value, because: &[&str]) {
    let world = World::with(&[("1.0.0", classifier(&SOUND)), ("1.1.0", worse)]).await;
    let models = world.supervised().await;
    let spec = ModelDeploymentSpec {
        rollback: Some(bounds),
        ..canary("1.0.0", "1.1.0", 30)
    };
    world.deploy(&models, &spec).await.unwrap();
    let load = Load::start(&world, &models, TEXTS).await;
    let back = rolled_back(&world).await;
    load.more(200).await;
    let wrong = load.stop().await;
    assert!(
        wrong.is_empty(),
        "{} calls went wrong: {:?}",
        wrong.len(),
        wrong.first()
    );
    assert_eq!(
        (
            back.spec.stable,
            back.spec.candidate,
            back.created_by.as_str()
        ),
        (spec.stable, None, "steward")
    );
    assert!(
        because.iter().any(|because| back.reason.contains(because)),
        "{}",
        back.reason
    );
    let status = models.status(&world.tenant, &world.name).await.unwrap();
    assert_eq!((status.rollbacks, status.serving), (1, 2));
    assert!(status.candidate.is_none());
    assert_eq!(status.last_rollback.unwrap().reason, back.reason);
    assert_eq!(status.stable.errors, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_candidate_that_fails_every_call_goes_back_and_no_call_fails() {
    goes_back(
        classifier(&FAILING),
        errors_only(),
        &["max_consecutive_errors"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_candidate_that_fails_some_calls_goes_back_and_no_call_fails() {
    let because = &["max_error_rate", "max_error_ratio"];
    goes_back(classifier(&FRAGILE), errors_only(), because).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_candidate_goes_back() {
    let bounds = json!({
        "max_latency_ratio": 2, "tolerated_latency_ms": 0, "max_psi": null, "min_calls": 50,
    });
    goes_back(slow(), bounds, &["max_latency_ratio", "max_p99_ratio"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_candidate_whose_scores_are_others_goes_back() {
    let bounds = json!({
        "max_latency_ratio": null, "max_p99_ratio": null, "max_psi": 0.25, "min_calls": 50,
    });
    goes_back(classifier(&UNSURE), bounds, &["max_psi"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_candidate_as_good_as_the_stable_version_stays() {
    let world = World::with(&[("1.0.0", classifier(&SOUND)), ("1.1.0", classifier(&SOUND))]).await;
    let models = world.supervised().await;
    let spec = ModelDeploymentSpec {
        rollback: Some(errors_only()),
        ..canary("1.0.0", "1.1.0", 50)
    };
    world.deploy(&models, &spec).await.unwrap();
    let load = Load::start(&world, &models, TEXTS).await;
    let status = async || models.status(&world.tenant, &world.name).await.unwrap();
    until("the guard keeps it", async || {
        status()
            .await
            .candidate
            .is_some_and(|trial| trial.guard.verdict == "keep")
    })
    .await;
    assert_eq!(load.stop().await, Vec::<String>::new());
    let seen = status().await;
    let (stable, candidate) = (seen.stable, seen.candidate.unwrap());
    assert!(candidate.target.calls >= 50 && candidate.target.errors == 0);
    assert!(stable.loaded && candidate.target.loaded && stable.p99_ms >= stable.p50_ms);
    assert_eq!(
        world
            .registry
            .model_deployment(&world.tenant, &world.name)
            .await
            .unwrap()
            .revision,
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn input_that_no_version_takes_is_nobodys_fault() {
    let world = World::with(&[("1.0.0", classifier(&SOUND)), ("1.1.0", classifier(&SOUND))]).await;
    let models = world.host().await;
    let spec = ModelDeploymentSpec {
        rollback: Some(json!({ "max_consecutive_errors": 1 })),
        ..canary("1.0.0", "1.1.0", 100)
    };
    world.deploy(&models, &spec).await.unwrap();
    let model = models
        .open(&world.tenant, &world.reference("m"))
        .await
        .unwrap();
    for _ in 0..20 {
        let refused = model
            .classify(&["good".into()], Some(&["垃圾".into()]))
            .await;
        assert!(refused.unwrap_err().to_string().contains("no label"));
    }
    let status = models.status(&world.tenant, &world.name).await.unwrap();
    assert_eq!(status.candidate.unwrap().target.errors, 0);
    // One call that it fails and the stable version answers is enough.
    let odd = World::with(&[
        ("1.0.0", classifier(&SOUND)),
        ("1.1.0", classifier(&FRAGILE)),
    ])
    .await;
    let models = odd.host().await;
    odd.deploy(&models, &spec).await.unwrap();
    assert_eq!(odd.ask(&models, "good").await.0, "1.1.0");
    until("it is taken out", async || {
        assert_eq!(
            odd.ask(&models, "odd good").await,
            ("1.0.0".into(), "好评".into())
        );
        odd.ask(&models, "good").await.0 == "1.0.0"
    })
    .await;
    assert_eq!(
        rolled_back(&odd).await.spec,
        ModelDeploymentSpec {
            rollback: spec.rollback,
            ..stable("1.0.0")
        }
    );
}
