//! Who answers which calls.

use std::collections::BTreeMap;

use steward_registry::{ModelDeploymentSpec, RegistryError};

use crate::support::{BETTER, SOUND, WRONG, World, canary, classifier, errors_only, stable};

fn versions() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("1.0.0", classifier(&SOUND)),
        ("1.1.0", classifier(&BETTER)),
        ("2.0.0", classifier(&WRONG)),
    ]
}

#[tokio::test]
async fn without_a_deployment_the_highest_release_answers() {
    let world = World::with(&versions()).await;
    let models = world.host().await;
    assert_eq!(world.ask(&models, "good").await.0, "2.0.0");
}

#[tokio::test]
async fn a_candidate_gets_its_share_and_who_names_a_version_gets_that() {
    let world = World::with(&versions()).await;
    let models = world.host().await;
    let model = models
        .open(&world.tenant, &world.reference("m"))
        .await
        .unwrap();
    // Their scores differ, and the candidate is to stay.
    let spec = ModelDeploymentSpec {
        rollback: Some(errors_only()),
        ..canary("1.0.0", "1.1.0", 20)
    };
    world.deploy(&models, &spec).await.unwrap();
    let mut counts = BTreeMap::<String, u32>::new();
    for _ in 0..1500 {
        // A handle that was opened before there was a deployment follows it all the same.
        let answered = model.classify(&["好 good".into()], None).await.unwrap();
        *counts.entry(answered.by.to_string()).or_default() += 1;
    }
    assert_eq!(counts.values().sum::<u32>(), 1500);
    let history = models
        .deployments(&world.tenant, &world.name)
        .await
        .unwrap();
    assert_eq!(history.len(), 1, "rolled back: {}", history[0].reason);
    // 300 on average, with a standard deviation of 15.5.
    assert!((200..400).contains(&counts["1.1.0"]), "{counts:?}");
    for (reference, version) in [
        ("m@2.0.0", "2.0.0"),
        ("m@1.0.0", "1.0.0"),
        ("m@candidate", "1.1.0"),
        ("m@stable", "1.0.0"),
    ] {
        let exact = models
            .open(&world.tenant, &world.reference(reference))
            .await
            .unwrap();
        for _ in 0..20 {
            let answered = exact.classify(&["good".into()], None).await.unwrap();
            assert_eq!(answered.by.to_string(), version, "{reference}");
        }
    }
}

#[tokio::test]
async fn a_key_stays_where_it_is_when_the_share_grows() {
    let world = World::with(&versions()).await;
    let models = world.host().await;
    let asked = async |key: &str| {
        let model = models
            .open(&world.tenant, &world.reference("m"))
            .await
            .unwrap();
        let answered = model.with_key(key).classify(&["good".into()], None).await;
        answered.unwrap().by.to_string()
    };
    let keys: Vec<String> = (0..200).map(|n| format!("客户-{n}")).collect();
    let mut before = Vec::new();
    for percent in [10, 40, 100] {
        let spec = ModelDeploymentSpec {
            sticky: true,
            rollback: Some(errors_only()),
            ..canary("1.0.0", "1.1.0", percent)
        };
        world.deploy(&models, &spec).await.unwrap();
        let mut chosen = Vec::new();
        for key in &keys {
            let first = asked(key).await;
            assert_eq!(asked(key).await, first, "{key}");
            if first == "1.1.0" {
                chosen.push(key.clone());
            }
        }
        let expected = keys.len() * usize::from(percent) / 100;
        assert!(
            chosen.len().abs_diff(expected) <= 25,
            "{} of {expected}",
            chosen.len()
        );
        assert!(before.iter().all(|key| chosen.contains(key)));
        before = chosen;
    }
    assert_eq!(before.len(), keys.len());
}

#[tokio::test]
async fn a_handle_follows_promotion_and_going_back() {
    let world = World::with(&versions()).await;
    let models = world.host().await;
    world.deploy(&models, &stable("1.0.0")).await.unwrap();
    let model = models
        .open(&world.tenant, &world.reference("m"))
        .await
        .unwrap();
    let by = async || {
        let answered = model.classify(&["差".into()], None).await.unwrap();
        (answered.by.to_string(), answered.value[0][0].label.clone())
    };
    assert_eq!(by().await, ("1.0.0".into(), "差评".into()));
    let canaried = world
        .deploy(&models, &canary("1.0.0", "2.0.0", 1))
        .await
        .unwrap();
    let promoted = models
        .promote(
            &world.tenant,
            &world.name,
            "it is good",
            Some(canaried.revision),
            "anna",
        )
        .await
        .unwrap();
    assert_eq!((promoted.revision, promoted.spec), (3, stable("2.0.0")));
    assert_eq!(by().await, ("2.0.0".into(), "好评".into()));
    let stale = models
        .roll_back(&world.tenant, &world.name, "", Some(2), "anna")
        .await
        .unwrap_err();
    assert!(matches!(
        stale,
        steward_models::ModelError::Registry(RegistryError::Conflict { .. })
    ));
    let back = models
        .roll_back(&world.tenant, &world.name, "it was not", None, "anna")
        .await
        .unwrap();
    assert_eq!((back.revision, back.spec), (4, stable("1.0.0")));
    assert_eq!(by().await, ("1.0.0".into(), "差评".into()));
}
