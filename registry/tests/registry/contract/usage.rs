//! Usage adds up, whoever records it.

use steward_registry::{ModelUsage, Registry, RegistryError, TenantId, Usage};

use crate::support::{Place, name, registry, tenant, version};

fn used(tenant: &TenantId, function: &str, minute: i64, calls: u64) -> Usage {
    Usage {
        tenant: tenant.clone(),
        function: name(function),
        version: version("1.0.0"),
        minute,
        calls,
        errors: calls / 2,
        wall_us: calls * 1000,
        cpu_us: calls * 100,
        memory_bytes: calls << 20,
        host_calls: calls * 3,
        inference_texts: calls,
        inference_tokens: calls * 9,
        bytes_in: calls * 10,
        bytes_out: calls * 20,
    }
}

pub async fn concurrent_usage_adds_up(place: &Place) {
    let config = place.fresh().await;
    let hosts = [
        Registry::open(&config).await.unwrap(),
        Registry::open(&config).await.unwrap(),
    ];
    let (acme, other) = (tenant("acme"), tenant("other"));
    hosts[0].create_tenant(&acme).await.unwrap();
    hosts[0].create_tenant(&other).await.unwrap();
    let writers = (0..8).map(|i| {
        let (registry, acme, other) = (hosts[i % 2].clone(), acme.clone(), other.clone());
        tokio::spawn(async move {
            for _ in 0..5 {
                // Each writer has its own order, and the same row twice: neither may lead to a deadlock.
                let mut batch = vec![used(&other, "a", 60, 2)];
                batch.extend(
                    (0..6).map(|m| used(&acme, if m % 2 == 0 { "a" } else { "b" }, m * 60, 2)),
                );
                batch.push(used(&acme, "a", 0, 4));
                batch.rotate_left(i);
                registry.record_usage(&batch).await.unwrap();
            }
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer.unwrap();
    }
    let usage = hosts[1].usage(&acme, 0).await.unwrap();
    let minutes: Vec<_> = usage
        .iter()
        .map(|u| (u.minute, u.calls, u.errors, u.wall_us))
        .collect();
    assert_eq!(minutes[0], (0, 40 * 6, 40 * 3, 40 * 6000));
    // What is used adds up; the memory of a minute is the peak within it.
    let first = &usage[0];
    assert_eq!(
        (first.cpu_us, first.host_calls, first.inference_texts),
        (40 * 600, 40 * 18, 40 * 6)
    );
    assert_eq!(
        (
            first.bytes_in,
            first.bytes_out,
            first.memory_bytes,
            first.inference_tokens
        ),
        (40 * 60, 40 * 120, 4 << 20, 40 * 54)
    );
    assert_eq!(
        minutes[1..],
        [60, 120, 180, 240, 300].map(|m| (m, 80, 40, 80_000))
    );
    assert_eq!(hosts[0].usage(&acme, 240).await.unwrap().len(), 2);
    assert_eq!(hosts[0].usage(&other, 0).await.unwrap().len(), 1);
    assert!(
        hosts[0]
            .usage(&tenant("nobody"), 0)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn a_batch_is_recorded_whole_or_not_at_all(place: &Place) {
    let (registry, acme) = registry(place).await;
    registry.record_usage(&[]).await.unwrap();
    let stranger = tenant("stranger");
    let refused = registry
        .record_usage(&[used(&acme, "a", 60, 1), used(&stranger, "a", 60, 1)])
        .await;
    assert!(
        matches!(refused, Err(RegistryError::NotFound { kind: "tenant", .. })),
        "{refused:?}"
    );
    let mut absurd = used(&acme, "a", 60, 1);
    absurd.wall_us = u64::MAX;
    let refused = registry
        .record_usage(&[used(&acme, "a", 0, 1), absurd])
        .await;
    assert!(
        matches!(refused, Err(RegistryError::Invalid(_))),
        "{refused:?}"
    );
    assert!(registry.usage(&acme, 0).await.unwrap().is_empty());
}

pub async fn use_of_models_adds_up_and_is_held_against_its_quota(place: &Place) {
    let (registry, acme) = registry(place).await;
    let other = tenant("other");
    registry.create_tenant(&other).await.unwrap();
    let minute = jiff::Timestamp::now().as_second().div_euclid(60) * 60;
    let used = |tenant: &TenantId, model: &str, minute, tokens| ModelUsage {
        tenant: tenant.clone(),
        model: name(model),
        minute,
        calls: 1,
        tokens,
    };
    for _ in 0..2 {
        let batch = [
            used(&acme, "minilm", minute, 5),
            used(&other, "minilm", minute, 100),
            used(&acme, "magika", minute, 0),
            used(&acme, "minilm", minute, 7),
        ];
        registry.record_model_usage(&batch).await.unwrap();
    }
    registry.record_model_usage(&[]).await.unwrap();
    let stored = registry.model_usage(&acme, minute).await.unwrap();
    let seen: Vec<_> = stored
        .iter()
        .map(|u| (u.model.as_str(), u.calls, u.tokens))
        .collect();
    assert_eq!(seen, [("magika", 2, 0), ("minilm", 4, 24)]);
    let later = registry.model_usage(&acme, minute + 60).await.unwrap();
    assert!(later.is_empty());
    let now = jiff::Timestamp::from_second(minute).unwrap();
    let quotas = registry.quotas(&acme, now).await.unwrap();
    let tokens = quotas
        .iter()
        .find(|q| q.kind == steward_registry::QuotaKind::InferenceTokensPerMonth);
    assert_eq!(tokens.unwrap().used, 24);
    let refused = registry
        .record_model_usage(&[
            used(&acme, "minilm", minute, 1),
            used(&tenant("stranger"), "minilm", minute, 1),
        ])
        .await;
    assert!(
        matches!(refused, Err(RegistryError::NotFound { kind: "tenant", .. })),
        "{refused:?}"
    );
    assert_eq!(registry.model_usage(&acme, minute).await.unwrap(), stored);
}
