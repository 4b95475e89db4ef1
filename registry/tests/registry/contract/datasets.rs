//! Datasets: snapshots by number, and runs with one end.

use std::time::Duration;

use serde_json::json;
use steward_registry::{
    ArtifactRef, DatasetRef, DatasetSnapshot, Digest, Registry, RegistryError, RunState, TenantId,
};

use crate::support::{Place, name, registry, tenant};

const MINUTE: Duration = Duration::from_secs(60);

fn reference(text: &str) -> DatasetRef {
    text.parse().unwrap()
}

async fn add(registry: &Registry, tenant: &TenantId, text: &'static str) -> DatasetSnapshot {
    let file = registry.artifacts().put(text.into()).await.unwrap();
    let lineage = json!({ "uploaded": true, "说明": "一" });
    registry
        .add_snapshot(tenant, &name("reviews"), file, 3, &lineage, "ann")
        .await
        .unwrap()
}

pub async fn snapshots_are_numbered_and_stay(place: &Place) {
    let (registry, acme) = registry(place).await;
    let first = add(&registry, &acme, "{\"text\":\"好\"}\n").await;
    let second = add(&registry, &acme, "{}\n").await;
    assert_eq!((first.snapshot, second.snapshot), (1, 2));
    let found = async |text: &str| registry.snapshot(&acme, &reference(text)).await;
    assert_eq!(found("reviews").await.unwrap(), second);
    assert_eq!(found("reviews@1").await.unwrap(), first);
    for absent in ["reviews@3", "others"] {
        let missing = found(absent).await;
        assert!(
            matches!(&missing, Err(RegistryError::NotFound { kind: "dataset", name }) if name == absent),
            "{missing:?}"
        );
    }
    let all = registry.snapshots(&acme, &name("reviews")).await.unwrap();
    assert_eq!(all, [second.clone(), first]);
    assert_eq!(registry.datasets(&acme).await.unwrap(), [second]);
    let other = tenant("other");
    registry.create_tenant(&other).await.unwrap();
    assert!(
        registry
            .snapshot(&other, &reference("reviews"))
            .await
            .is_err()
    );
    assert!(registry.datasets(&other).await.unwrap().is_empty());

    let absent = ArtifactRef {
        digest: Digest::of(b"nobody stored this"),
        size: 1,
    };
    let (reviews, lineage) = (name("reviews"), json!({}));
    let refused = registry.add_snapshot(&acme, &reviews, absent, 1, &lineage, "ann");
    assert!(matches!(
        refused.await,
        Err(RegistryError::NotFound {
            kind: "artifact",
            ..
        })
    ));
}

pub async fn snapshots_that_come_at_once_get_numbers_of_their_own(place: &Place) {
    let config = place.fresh().await;
    let hosts = [
        Registry::open(&config).await.unwrap(),
        Registry::open(&config).await.unwrap(),
    ];
    let acme = tenant("acme");
    hosts[0].create_tenant(&acme).await.unwrap();
    let adding = (0..6).map(|i| {
        let (registry, acme) = (hosts[i % 2].clone(), acme.clone());
        tokio::spawn(async move { add(&registry, &acme, "{}\n").await.snapshot })
    });
    let mut numbers = Vec::new();
    for added in adding.collect::<Vec<_>>() {
        numbers.push(added.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
}

pub async fn a_run_has_one_end(place: &Place) {
    let (registry, acme) = registry(place).await;
    add(&registry, &acme, "{}\n").await;
    let reviews = name("reviews");
    let begin = async |snapshot| {
        let spec = json!({ "steps": ["clean"] });
        registry
            .begin_run(&acme, &reviews, snapshot, &spec, "ann")
            .await
    };
    assert!(matches!(
        begin(2).await,
        Err(RegistryError::NotFound { .. })
    ));
    let run = begin(1).await.unwrap();
    let read = async || registry.dataset_run(&acme, &run.id).await.unwrap();
    assert_eq!(read().await, run);
    let far = json!({ "bytes": 7 });
    assert!(registry.advance_run(&acme, &run.id, &far).await.unwrap());
    assert_eq!(read().await.progress, far);
    // A host that has just spoken is not lost.
    assert_eq!(registry.fail_lost_runs(MINUTE).await.unwrap(), 0);

    let end = async |state, outcome| registry.end_run(&acme, &run.id, state, &outcome).await;
    assert!(end(RunState::Cancelled, json!("first")).await.unwrap());
    assert!(!end(RunState::Done, json!("second")).await.unwrap());
    assert!(!registry.advance_run(&acme, &run.id, &far).await.unwrap());
    let ended = read().await;
    assert_eq!(
        (ended.state, ended.outcome),
        (RunState::Cancelled, json!("first"))
    );
    let later = begin(1).await.unwrap();
    let listed = registry.dataset_runs(&acme).await.unwrap();
    let ids: Vec<&str> = listed.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(ids, [later.id.as_str(), run.id.as_str()]);
    let other = tenant("other");
    registry.create_tenant(&other).await.unwrap();
    assert!(registry.dataset_run(&other, &run.id).await.is_err());

    // Any silence at all is too long now: the run that goes on is lost, and the one that has ended is not.
    assert_eq!(registry.fail_lost_runs(Duration::ZERO).await.unwrap(), 1);
    let lost = registry.dataset_run(&acme, &later.id).await.unwrap();
    assert_eq!(lost.state, RunState::Failed);
    assert!(lost.outcome["error"].as_str().unwrap().contains("host"));
    assert_eq!(read().await.state, RunState::Cancelled);
}
