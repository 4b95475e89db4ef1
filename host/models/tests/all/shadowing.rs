//! Weights that compute along and answer nobody.

use serde_json::json;
use steward_models::Models;
use steward_registry::ModelDeploymentSpec;

use crate::support::{
    BETTER, FAILING, SOUND, WRONG, World, classifier, share, stable, target, until,
};

fn shadowed(shadow: &str) -> ModelDeploymentSpec {
    ModelDeploymentSpec {
        shadow: Some(share(shadow, 100)),
        rollback: Some(json!({
            "max_latency_ratio": null, "max_p99_ratio": null, "max_psi": null, "min_calls": 50,
        })),
        ..stable("1.0.0")
    }
}

async fn world() -> World {
    World::with(&[
        ("1.0.0", classifier(&SOUND)),
        ("1.1.0", classifier(&BETTER)),
        ("2.0.0", classifier(&WRONG)),
        ("3.0.0", classifier(&FAILING)),
    ])
    .await
}

async fn ask_until(
    world: &World,
    models: &Models,
    what: &str,
    mut holds: impl AsyncFnMut() -> bool,
) {
    until(what, async || {
        for text in ["good", "差 差", "差 good 差"] {
            let (by, label) = world.ask(models, text).await;
            let right = if text == "good" { "好评" } else { "差评" };
            assert_eq!((by.as_str(), label.as_str()), ("1.0.0", right));
        }
        holds().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shadow_is_compared_and_answers_nobody() {
    let world = world().await;
    let models = world.host().await;
    world.deploy(&models, &shadowed("1.1.0")).await.unwrap();
    let trial = async || {
        let status = models.status(&world.tenant, &world.name).await.unwrap();
        status.shadow.unwrap()
    };
    ask_until(&world, &models, "100 comparisons", async || {
        trial().await.comparison.texts >= 100
    })
    .await;
    let seen = trial().await;
    assert_eq!(
        (seen.comparison.agreement, seen.comparison.least),
        (Some(1.0), Some(1.0))
    );
    assert!(seen.comparison.latency_ratio.unwrap() > 0.0);
    assert_eq!(
        (seen.guard.verdict, seen.guard.candidate.disagreements),
        ("keep", 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shadow_that_disagrees_or_fails_is_taken_out() {
    for (worse, because) in [
        ("2.0.0", "max_disagreement"),
        ("3.0.0", "max_consecutive_errors"),
    ] {
        let world = world().await;
        let models = world.host().await;
        world.deploy(&models, &shadowed(worse)).await.unwrap();
        let current = async || {
            let current = world
                .registry
                .model_deployment(&world.tenant, &world.name)
                .await;
            current.unwrap()
        };
        ask_until(&world, &models, because, async || {
            current().await.revision == 2
        })
        .await;
        let after = current().await;
        assert_eq!(
            (after.spec.stable, after.spec.shadow),
            (target("1.0.0"), None)
        );
        assert!(after.reason.contains(because), "{}", after.reason);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_candidate_can_be_its_own_shadow() {
    let world = world().await;
    let models = world.host().await;
    let spec = ModelDeploymentSpec {
        candidate: Some(share("2.0.0", 1)),
        ..shadowed("2.0.0")
    };
    world.deploy(&models, &spec).await.unwrap();
    // Few callers meet the candidate, and what all others ask tells that it is wrong.
    let model = models
        .open(&world.tenant, &world.reference("m"))
        .await
        .unwrap();
    until("rolled back", async || {
        model.classify(&["good".into()], None).await.unwrap();
        let current = world
            .registry
            .model_deployment(&world.tenant, &world.name)
            .await
            .unwrap();
        current.revision == 2 && current.spec.candidate.is_none() && current.spec.shadow.is_none()
    })
    .await;
}
