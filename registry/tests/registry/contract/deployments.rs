//! Which versions of a model answer, and what they scored.

use serde_json::json;
use steward_registry::{
    Lineage, ModelDeploymentSpec, ModelGate, ModelShare, ModelTarget, Registry, RegistryError,
    TenantId,
};

use crate::support::{Place, name, registry, version};

async fn with_versions(registry: &Registry, acme: &TenantId, numbers: &[&str]) {
    let file = registry.artifacts().put("onnx".into()).await.unwrap();
    for number in numbers {
        let lineage = Lineage {
            parent: Some("base@1.0.0".into()),
            dataset: Some("消息".into()),
            ..Lineage::default()
        };
        let files = [("model.onnx".to_owned(), file)].into();
        let pushed = registry
            .push_model(
                acme,
                &name("m"),
                &version(number),
                &json!({}),
                files,
                &lineage,
                "t",
            )
            .await
            .unwrap();
        assert_eq!(pushed.lineage, lineage);
    }
}

fn spec(stable: &str, candidate: Option<&str>) -> ModelDeploymentSpec {
    ModelDeploymentSpec {
        stable: ModelTarget {
            version: version(stable),
            variant: None,
        },
        candidate: candidate.map(|number| ModelShare {
            version: version(number),
            variant: None,
            percent: 10,
        }),
        shadow: None,
        sticky: false,
        gates: Vec::new(),
        rollback: Some(json!({ "max_error_rate": 0.01 })),
    }
}

pub async fn every_deployment_is_a_revision_and_aliases_follow(place: &Place) {
    let (registry, acme) = registry(place).await;
    with_versions(&registry, &acme, &["1.0.0", "1.1.0"]).await;
    let m = name("m");
    assert!(matches!(
        registry.model_deployment(&acme, &m).await,
        Err(RegistryError::NotFound { .. })
    ));
    let first = spec("1.0.0", None);
    let canary = spec("1.0.0", Some("1.1.0"));
    let put = async |spec: &ModelDeploymentSpec, after| {
        registry
            .put_model_deployment(&acme, &m, spec, "because", after, "ann")
            .await
    };
    assert_eq!(put(&first, Some(0)).await.unwrap().revision, 1);
    let written = put(&canary, None).await.unwrap();
    assert_eq!((written.revision, written.reason.as_str()), (2, "because"));
    assert_eq!(registry.model_deployment(&acme, &m).await.unwrap(), written);
    assert_eq!(
        registry.all_model_deployments().await.unwrap(),
        std::slice::from_ref(&written)
    );
    let aliases = async || registry.model_aliases(&acme, &m).await.unwrap();
    let both = [
        (name("stable"), version("1.0.0")),
        (name("candidate"), version("1.1.0")),
    ];
    assert_eq!(aliases().await, both.into());
    // Who has seen revision 1 only must look again, and nothing is changed.
    assert!(matches!(
        put(&first, Some(1)).await,
        Err(RegistryError::Conflict { .. })
    ));
    assert_eq!(
        registry.model_deployment(&acme, &m).await.unwrap().revision,
        2
    );
    let (stable, newer) = (name("stable"), version("1.1.0"));
    let moved = registry.set_model_alias(&acme, &m, &stable, &newer).await;
    assert!(matches!(moved, Err(RegistryError::Invalid(_))));
    put(&spec("1.1.0", None), Some(2)).await.unwrap();
    assert_eq!(aliases().await, [(name("stable"), version("1.1.0"))].into());
    let history = registry.model_deployment_history(&acme, &m).await.unwrap();
    let numbers: Vec<u32> = history.iter().map(|d| d.revision).collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert_eq!(history[1].spec, canary);
}

pub async fn of_many_at_once_one_follows_a_revision(place: &Place) {
    let (registry, acme) = registry(place).await;
    with_versions(&registry, &acme, &["1.0.0"]).await;
    let m = name("m");
    let first = spec("1.0.0", None);
    let puts = (0..8).map(|_| registry.put_model_deployment(&acme, &m, &first, "", Some(0), "t"));
    let outcomes = futures::future::join_all(puts).await;
    assert_eq!(outcomes.iter().filter(|put| put.is_ok()).count(), 1);
    for lost in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(lost, RegistryError::Conflict { .. }), "{lost}");
    }
}

pub async fn a_deployment_without_sense_is_refused(place: &Place) {
    let (registry, acme) = registry(place).await;
    with_versions(&registry, &acme, &["1.0.0", "1.1.0"]).await;
    let put = async |spec: &ModelDeploymentSpec| {
        registry
            .put_model_deployment(&acme, &name("m"), spec, "", None, "t")
            .await
            .unwrap_err()
    };
    let good = spec("1.0.0", Some("1.1.0"));
    let invalid = |change: &dyn Fn(&mut ModelDeploymentSpec)| {
        let mut spec = good.clone();
        change(&mut spec);
        spec
    };
    for bad in [
        invalid(&|s| s.candidate.as_mut().unwrap().percent = 0),
        invalid(&|s| s.candidate.as_mut().unwrap().percent = 101),
        invalid(&|s| s.candidate.as_mut().unwrap().version = version("1.0.0")),
        invalid(&|s| {
            s.gates = vec![ModelGate {
                metric: "accuracy".into(),
                dataset: None,
                min: None,
                max: None,
            }]
        }),
    ] {
        assert!(matches!(put(&bad).await, RegistryError::Invalid(_)));
    }
    let absent = put(&spec("9.0.0", None)).await;
    assert!(
        matches!(&absent, RegistryError::NotFound { kind: "model version", name } if name == "m@9.0.0")
    );
    let no_variant = invalid(&|s| s.stable.variant = Some(name("int8")));
    assert!(matches!(
        put(&no_variant).await,
        RegistryError::NotFound {
            kind: "model variant",
            ..
        }
    ));
    assert!(registry.all_model_deployments().await.unwrap().is_empty());
}

pub async fn an_evaluation_takes_the_place_of_the_one_before(place: &Place) {
    let (registry, acme) = registry(place).await;
    with_versions(&registry, &acme, &["1.0.0"]).await;
    let m = name("m");
    let target = ModelTarget {
        version: version("1.0.0"),
        variant: None,
    };
    let put = async |target: &ModelTarget, dataset: &str, accuracy: f64| {
        registry
            .put_model_evaluation(
                &acme,
                &m,
                target,
                dataset,
                &json!({ "accuracy": accuracy }),
                "ann",
            )
            .await
    };
    put(&target, "a", 0.5).await.unwrap();
    put(&target, "评测", 0.7).await.unwrap();
    let newer = put(&target, "a", 0.75).await.unwrap();
    let found = registry
        .model_evaluations(&acme, &m, &target.version)
        .await
        .unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.contains(&newer));
    let absent = ModelTarget {
        version: version("2.0.0"),
        variant: None,
    };
    assert!(matches!(
        put(&absent, "a", 1.0).await,
        Err(RegistryError::NotFound { .. })
    ));
    assert!(matches!(
        put(&target, "", 1.0).await,
        Err(RegistryError::Invalid(_))
    ));
}

pub async fn the_first_reference_stays_until_it_is_forgotten(place: &Place) {
    let (registry, acme) = registry(place).await;
    with_versions(&registry, &acme, &["1.0.0"]).await;
    let m = name("m");
    let whole = ModelTarget {
        version: version("1.0.0"),
        variant: None,
    };
    let int8 = ModelTarget {
        variant: Some(name("int8")),
        ..whole.clone()
    };
    let add = async |target: &ModelTarget, mean: f64| {
        registry
            .add_model_reference(&acme, &m, target, &json!({ "mean": mean }))
            .await
    };
    let of = async |target: &ModelTarget| {
        let found = registry.model_reference(&acme, &m, target).await.unwrap();
        found.map(|reference| reference.spread)
    };
    assert_eq!(of(&whole).await, None);
    add(&whole, 0.5).await.unwrap();
    add(&whole, 0.7).await.unwrap();
    add(&int8, 0.4).await.unwrap();
    assert_eq!(of(&whole).await, Some(json!({ "mean": 0.5 })));
    assert_eq!(of(&int8).await, Some(json!({ "mean": 0.4 })));
    registry
        .remove_model_reference(&acme, &m, &whole)
        .await
        .unwrap();
    assert_eq!(of(&whole).await, None);
    let absent = ModelTarget {
        version: version("2.0.0"),
        variant: None,
    };
    assert!(matches!(
        add(&absent, 1.0).await,
        Err(RegistryError::NotFound { .. })
    ));
}
