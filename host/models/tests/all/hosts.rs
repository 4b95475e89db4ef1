//! Several hosts on one registry, and one that starts again.

use serde_json::json;
use steward_registry::ModelDeploymentSpec;

use crate::support::{
    BETTER, FAILING, SOUND, World, canary, classifier, errors_only, stable, target, until,
};

async fn write(world: &World, spec: &ModelDeploymentSpec) -> u32 {
    let written = world
        .registry
        .put_model_deployment(&world.tenant, &world.name, spec, "elsewhere", None, "anna")
        .await;
    written.unwrap().revision
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hosts_roll_back_once() {
    let world = World::with(&[
        ("1.0.0", classifier(&SOUND)),
        ("1.1.0", classifier(&FAILING)),
    ])
    .await;
    let (one, other) = (world.supervised().await, world.supervised().await);
    let spec = ModelDeploymentSpec {
        rollback: Some(errors_only()),
        ..canary("1.0.0", "1.1.0", 50)
    };
    world.deploy(&one, &spec).await.unwrap();
    other.refresh().await.unwrap();
    let status = async |models: &steward_models::Models| {
        models.status(&world.tenant, &world.name).await.unwrap()
    };
    until("loaded everywhere", async || {
        let seen = status(&other).await;
        seen.stable.loaded && seen.candidate.is_some_and(|trial| trial.target.loaded)
    })
    .await;
    let mut judged = 0;
    until("both serve the stable version alone", async || {
        for models in [&one, &other] {
            for _ in 0..5 {
                assert_eq!(world.ask(models, "good").await.1, "好评");
            }
        }
        let (a, b) = (status(&one).await, status(&other).await);
        judged = a.rollbacks + b.rollbacks;
        a.candidate.is_none() && b.candidate.is_none() && (a.serving, b.serving) == (2, 2)
    })
    .await;
    assert!(judged >= 1);
    let history = world
        .registry
        .model_deployment_history(&world.tenant, &world.name)
        .await
        .unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(
        (history[0].created_by.as_str(), &history[0].spec.candidate),
        ("steward", &None)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_person_deploys_meanwhile_stands() {
    let world = World::with(&[
        ("1.0.0", classifier(&SOUND)),
        ("1.1.0", classifier(&FAILING)),
        ("1.2.0", classifier(&BETTER)),
    ])
    .await;
    let models = world.host().await;
    let spec = ModelDeploymentSpec {
        rollback: Some(errors_only()),
        ..canary("1.0.0", "1.1.0", 100)
    };
    world.deploy(&models, &spec).await.unwrap();
    // This host has not read it yet when it judges.
    assert_eq!(write(&world, &canary("1.0.0", "1.2.0", 100)).await, 2);
    until("the candidate of the person answers", async || {
        let (by, label) = world.ask(&models, "good").await;
        assert_eq!(label, "好评");
        by == "1.2.0"
    })
    .await;
    let history = world
        .registry
        .model_deployment_history(&world.tenant, &world.name)
        .await
        .unwrap();
    assert_eq!(history.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stable_version_that_does_not_load_here_does_not_replace_the_one_that_does() {
    let world = World::with(&[("1.0.0", classifier(&SOUND))]).await;
    let config = json!({ "task": "classify", "labels": ["好评", "差评"] });
    world
        .push("1.1.0", b"no model at all".to_vec(), config)
        .await;
    let models = world.supervised().await;
    world.deploy(&models, &stable("1.0.0")).await.unwrap();
    // As a host with another ONNX Runtime might.
    assert_eq!(write(&world, &stable("1.1.0")).await, 2);
    models.refresh().await.unwrap();
    for _ in 0..20 {
        assert_eq!(
            world.ask(&models, "差").await,
            ("1.0.0".into(), "差评".into())
        );
    }
    let status = models.status(&world.tenant, &world.name).await.unwrap();
    assert_eq!((status.deployment.revision, status.serving), (2, 1));
    // The next that does load is served.
    write(&world, &stable("1.0.0")).await;
    models.refresh().await.unwrap();
    let status = models.status(&world.tenant, &world.name).await.unwrap();
    assert_eq!((status.deployment.revision, status.serving), (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_candidate_that_does_not_load_here_goes_back() {
    let world = World::with(&[("1.0.0", classifier(&SOUND))]).await;
    let config = json!({ "task": "classify", "labels": ["好评", "差评"] });
    world
        .push("1.1.0", b"no model at all".to_vec(), config)
        .await;
    let models = world.host().await;
    write(&world, &canary("1.0.0", "1.1.0", 50)).await;
    models.refresh().await.unwrap();
    until("rolled back", async || {
        assert_eq!(
            world.ask(&models, "差").await,
            ("1.0.0".into(), "差评".into())
        );
        let current = world
            .registry
            .model_deployment(&world.tenant, &world.name)
            .await
            .unwrap();
        current.revision == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_keeps_what_is_deployed_and_what_is_normal() {
    let world = World::with(&[
        ("1.0.0", classifier(&SOUND)),
        ("1.1.0", classifier(&BETTER)),
    ])
    .await;
    let models = world.supervised().await;
    world
        .deploy(&models, &canary("1.0.0", "1.1.0", 1))
        .await
        .unwrap();
    let model = models
        .open(&world.tenant, &world.reference("m"))
        .await
        .unwrap();
    let texts: Vec<String> = (1..=50).map(|n| "good ".repeat(n % 7 + 1)).collect();
    let status = async |models: &steward_models::Models| {
        models.status(&world.tenant, &world.name).await.unwrap()
    };
    until("a reference is taken", async || {
        for _ in 0..5 {
            model.classify(&texts, None).await.unwrap();
        }
        status(&models).await.stable.reference_needs == 0
    })
    .await;
    until("the reference is kept", async || {
        let kept = world
            .registry
            .model_reference(&world.tenant, &world.name, &target("1.0.0"))
            .await;
        kept.unwrap().is_some()
    })
    .await;
    drop((models, model));

    let models = world.supervised().await;
    until("loaded without a call", async || {
        let seen = status(&models).await;
        seen.stable.loaded && seen.candidate.is_some_and(|trial| trial.target.loaded)
    })
    .await;
    let seen = status(&models).await;
    assert_eq!(
        (seen.serving, seen.stable.reference_needs, seen.stable.calls),
        (1, 0, 0)
    );
    // Longer texts than ever before.
    let model = models
        .open(&world.tenant, &world.reference("m@stable"))
        .await
        .unwrap();
    drop(model);
    let model = models
        .open(&world.tenant, &world.reference("m"))
        .await
        .unwrap();
    let long: Vec<String> = (0..300).map(|_| "差 ".repeat(40)).collect();
    until("drift is seen", async || {
        model.classify(&long, None).await.unwrap();
        let drift = status(&models).await.stable.drift;
        drift.lengths.is_some_and(|lengths| lengths.psi > 1.0)
    })
    .await;
}
