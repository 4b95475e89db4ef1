//! What may be deployed.

use serde_json::json;
use steward_models::ModelError;
use steward_registry::{ModelDeploymentSpec, ModelGate, ModelRef, RegistryError};

use crate::support::{BETTER, SOUND, World, canary, classifier, share, stable, target};

fn versions() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("1.0.0", classifier(&SOUND)),
        ("1.1.0", classifier(&BETTER)),
    ]
}

#[tokio::test]
async fn what_is_not_there_or_cannot_run_is_not_deployed() {
    let world = World::with(&versions()).await;
    let config = json!({ "task": "classify", "labels": ["好评", "差评"] });
    world.push("1.2.0", b"not a model".to_vec(), config).await;
    let models = world.host().await;
    world.deploy(&models, &stable("1.0.0")).await.unwrap();
    let absent = world.deploy(&models, &canary("1.0.0", "9.0.0", 10)).await;
    assert!(matches!(absent, Err(ModelError::NoSuch { model }) if model.to_string() == "m@9.0.0"));
    let broken = world.deploy(&models, &canary("1.0.0", "1.2.0", 10)).await;
    assert!(matches!(broken, Err(ModelError::Inference(_))));
    let bounds = ModelDeploymentSpec {
        rollback: Some(json!({ "max_error_rate": 7 })),
        ..canary("1.0.0", "1.1.0", 10)
    };
    let wrong = world.deploy(&models, &bounds).await.unwrap_err();
    assert!(wrong.to_string().contains("max_error_rate"), "{wrong}");
    let nothing = models
        .promote(&world.tenant, &world.name, "", None, "anna")
        .await;
    assert!(matches!(nothing, Err(ModelError::Deployment(_))));
    let nowhere = models
        .roll_back(&world.tenant, &world.name, "", None, "anna")
        .await;
    assert!(matches!(nowhere, Err(ModelError::Deployment(_))));
    let current = models.deployment(&world.tenant, &world.name).await.unwrap();
    assert_eq!((current.revision, current.spec), (1, stable("1.0.0")));
    assert_eq!(world.ask(&models, "good").await.0, "1.0.0");
}

#[tokio::test]
async fn weights_that_answer_otherwise_are_no_candidate() {
    let world = World::with(&versions()).await;
    let turned = json!({ "task": "classify", "labels": ["差评", "好评"] });
    world.push("2.0.0", classifier(&SOUND), turned).await;
    let models = world.host().await;
    for spec in [
        canary("1.0.0", "2.0.0", 10),
        ModelDeploymentSpec {
            shadow: Some(share("2.0.0", 10)),
            ..stable("1.0.0")
        },
    ] {
        let refused = world.deploy(&models, &spec).await.unwrap_err();
        assert!(refused.to_string().contains("labels"), "{refused}");
    }
    // By itself it may be deployed.
    world.deploy(&models, &stable("2.0.0")).await.unwrap();
}

#[tokio::test]
async fn who_does_not_pass_the_gates_does_not_answer() {
    let world = World::with(&versions()).await;
    let models = world.host().await;
    world.deploy(&models, &stable("1.0.0")).await.unwrap();
    let gate = |metric: &str, dataset: Option<&str>, min, max| ModelGate {
        metric: metric.into(),
        dataset: dataset.map(str::to_owned),
        min,
        max,
    };
    let gated = ModelDeploymentSpec {
        gates: vec![
            gate("accuracy", Some("评测"), Some(0.9), None),
            gate("p99_ms", None, None, Some(50.0)),
        ],
        ..canary("1.0.0", "1.1.0", 10)
    };
    let failures = async || match world.deploy(&models, &gated).await {
        Err(error @ ModelError::GateNotMet(_)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let unmeasured = failures().await;
    assert!(
        unmeasured.contains("`accuracy` of m@1.1.0 on `评测` was not measured"),
        "{unmeasured}"
    );
    assert!(
        unmeasured.contains("steward model evaluate m@1.1.0"),
        "{unmeasured}"
    );
    let measure = async |accuracy: f64| {
        let report = json!({ "metrics": { "accuracy": accuracy, "p99_ms": 3.5 } });
        let at = target("1.1.0");
        world
            .registry
            .put_model_evaluation(&world.tenant, &world.name, &at, "评测", &report, "anna")
            .await
            .unwrap();
    };
    measure(0.85).await;
    let low = failures().await;
    assert_eq!(
        low,
        "`accuracy` of m@1.1.0 on `评测` is 0.85 and must be at least 0.9"
    );
    measure(0.95).await;
    world.deploy(&models, &gated).await.unwrap();
    // What the candidate had to pass it must still pass when it is promoted.
    measure(0.5).await;
    let promoted = models
        .promote(&world.tenant, &world.name, "", None, "anna")
        .await;
    assert!(matches!(promoted, Err(ModelError::GateNotMet(_))));
    measure(0.95).await;
    models
        .promote(&world.tenant, &world.name, "", None, "anna")
        .await
        .unwrap();
    // The way back is open, whatever was measured.
    let back = models
        .roll_back(&world.tenant, &world.name, "", None, "anna")
        .await
        .unwrap();
    assert_eq!(back.spec.stable, target("1.0.0"));
}

#[tokio::test]
async fn what_is_deployed_stays_in_memory() {
    let world = World::with(&versions()).await;
    let models = world.host().await;
    world.deploy(&models, &stable("1.0.0")).await.unwrap();
    let [bare, one, other]: [ModelRef; 3] = ["m", "m@1.0.0", "m@1.1.0"].map(|r| r.parse().unwrap());
    models.load(&world.tenant, &other).await.unwrap();
    assert_eq!(models.loaded().len(), 2);
    for deployed in [&bare, &one] {
        let refused = models.unload(&world.tenant, deployed);
        assert!(matches!(refused, Err(ModelError::Deployed { .. })));
    }
    assert_eq!(models.unload(&world.tenant, &other).unwrap(), 1);
    assert_eq!(models.unload(&world.tenant, &other).unwrap(), 0);
    assert_eq!(models.loaded().len(), 1);
}

#[tokio::test]
async fn the_alias_stable_follows_the_deployment_and_nobody_else() {
    let world = World::with(&versions()).await;
    let models = world.host().await;
    world.deploy(&models, &stable("1.0.0")).await.unwrap();
    let moved = world
        .registry
        .set_model_alias(
            &world.tenant,
            &world.name,
            &"stable".parse().unwrap(),
            &"1.1.0".parse().unwrap(),
        )
        .await;
    assert!(matches!(moved, Err(RegistryError::Invalid(_))));
}
