//! Functions: revisions, roll back, deletion.

use steward_registry::{Registry, RegistryError};

use crate::support::{Place, function, name, publish, registry, tenant};

async fn with_plugin(place: &Place) -> (Registry, steward_registry::TenantId) {
    let (registry, acme) = registry(place).await;
    for number in ["1.0.0", "1.1.0"] {
        publish(&registry, &acme, "cleaner", number).await;
    }
    (registry, acme)
}

pub async fn every_deployment_is_a_revision(place: &Place) {
    let (registry, acme) = with_plugin(place).await;
    let clean = name("clean");
    assert!(matches!(
        registry.function(&acme, &clean).await,
        Err(RegistryError::NotFound {
            kind: "function",
            ..
        })
    ));
    assert!(matches!(
        registry.function_history(&acme, &clean).await,
        Err(RegistryError::NotFound { .. })
    ));
    let one = registry
        .put_function(
            &acme,
            &function("clean", "cleaner", &[("1.0.0", 100)]),
            "ann",
        )
        .await
        .unwrap();
    let spec = function("clean", "cleaner", &[("1.0.0", 90), ("1.1.0", 10)]);
    let two = registry.put_function(&acme, &spec, "bob").await.unwrap();
    registry
        .put_function(
            &acme,
            &function("a-first", "cleaner", &[("1.1.0", 100)]),
            "bob",
        )
        .await
        .unwrap();
    assert_eq!((one.revision, two.revision), (1, 2));
    assert_eq!((two.created_by.as_str(), &two.spec), ("bob", &spec));
    assert_eq!(registry.function(&acme, &clean).await.unwrap(), two);
    assert_eq!(
        registry.function_history(&acme, &clean).await.unwrap(),
        [two.clone(), one.clone()]
    );
    let names: Vec<_> = registry
        .functions(&acme)
        .await
        .unwrap()
        .into_iter()
        .map(|f| f.spec.name)
        .collect();
    assert_eq!(names, [name("a-first"), name("clean")]);

    registry.delete_function(&acme, &clean).await.unwrap();
    assert!(matches!(
        registry.function(&acme, &clean).await,
        Err(RegistryError::NotFound { .. })
    ));
    assert!(matches!(
        registry.delete_function(&acme, &clean).await,
        Err(RegistryError::NotFound { .. })
    ));
    assert!(matches!(
        registry.function_to_go_back_to(&acme, &clean, None).await,
        Err(RegistryError::NotFound {
            kind: "function",
            ..
        })
    ));
    // Who saw it before it was deleted does not bring it back.
    assert!(matches!(
        registry
            .put_function_after(&acme, &spec, "", Some(2), "ann")
            .await,
        Err(RegistryError::NotFound {
            kind: "function",
            ..
        })
    ));
    assert_eq!(registry.functions(&acme).await.unwrap().len(), 1);
    assert_eq!(
        registry
            .function_history(&acme, &clean)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        registry
            .put_function(&acme, &spec, "ann")
            .await
            .unwrap()
            .revision,
        3
    );
    assert_eq!(registry.all_functions().await.unwrap().len(), 2);
}

pub async fn a_roll_back_is_a_new_revision(place: &Place) {
    let (registry, acme) = with_plugin(place).await;
    let clean = name("clean");
    let old = function("clean", "cleaner", &[("1.0.0", 100)]);
    let new = function("clean", "cleaner", &[("1.1.0", 100)]);
    let earlier = |to| registry.function_to_go_back_to(&acme, &clean, to);
    let back = async |to| {
        let (current, wanted) = earlier(to).await?;
        let after = Some(current.revision);
        registry
            .put_function_after(&acme, &wanted.spec, "back", after, "ann")
            .await
    };
    assert!(matches!(
        back(None).await,
        Err(RegistryError::NotFound {
            kind: "function",
            ..
        })
    ));
    registry.put_function(&acme, &old, "bob").await.unwrap();
    assert!(matches!(
        back(None).await,
        Err(RegistryError::NotFound {
            kind: "function revision",
            ..
        })
    ));
    registry.put_function(&acme, &new, "bob").await.unwrap();
    let third = back(None).await.unwrap();
    assert_eq!(
        (third.revision, &third.spec, third.created_by.as_str()),
        (3, &old, "ann")
    );
    assert_eq!(back(Some(2)).await.unwrap().spec, new);
    assert_eq!(registry.function(&acme, &clean).await.unwrap().revision, 4);
    for missing in [0, 5, u32::MAX] {
        assert!(matches!(
            back(Some(missing)).await,
            Err(RegistryError::NotFound {
                kind: "function revision",
                ..
            })
        ));
    }
    // Of two who saw the same revision the second one is told of the first.
    for seen in [3, 5, u32::MAX] {
        match registry
            .put_function_after(&acme, &old, "", Some(seen), "ann")
            .await
        {
            Err(RegistryError::Conflict { name, .. }) => assert_eq!(name, "clean, revision 4"),
            other => panic!("{other:?}"),
        }
    }
    let history = registry.function_history(&acme, &clean).await.unwrap();
    assert_eq!(history.len(), 4);
}

pub async fn hosts_that_deploy_at_once_get_numbers_of_their_own(place: &Place) {
    let config = place.fresh().await;
    let hosts = [
        Registry::open(&config).await.unwrap(),
        Registry::open(&config).await.unwrap(),
    ];
    let acme = tenant("acme");
    hosts[0].create_tenant(&acme).await.unwrap();
    publish(&hosts[0], &acme, "cleaner", "1.0.0").await;
    let deployments = (0..12).map(|i| {
        let (registry, acme) = (hosts[i % 2].clone(), acme.clone());
        tokio::spawn(async move {
            let spec = function("clean", "cleaner", &[("1.0.0", 100)]);
            registry
                .put_function(&acme, &spec, "tester")
                .await
                .unwrap()
                .revision
        })
    });
    let mut numbers: Vec<u32> = futures::future::join_all(deployments)
        .await
        .into_iter()
        .map(|n| n.unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
}

pub async fn what_breaks_a_rule_is_refused(place: &Place) {
    let (registry, acme) = with_plugin(place).await;
    let all = |targets: &[(&str, u8)]| function("clean", "cleaner", targets);
    let mut greedy = all(&[("1.0.0", 100)]);
    greedy.limits.memory_mib = Some(4096);
    let mut fat = all(&[("1.0.0", 100)]);
    fat.config.insert("form".into(), "x".repeat(300 * 1024));
    for bad in [
        all(&[]),
        all(&[("1.0.0", 99)]),
        all(&[("1.0.0", 100), ("1.1.0", 0)]),
        all(&[("1.0.0", 50), ("1.0.0", 50)]),
        all(&[("1.0.0", 200), ("1.1.0", 156)]),
        all(&["1.0.0"; 9].map(|v| (v, 11))),
        greedy,
        fat,
    ] {
        let refused = registry.put_function(&acme, &bad, "t").await;
        assert!(
            matches!(refused, Err(RegistryError::Invalid(_))),
            "{refused:?}"
        );
    }
    let missing = registry
        .put_function(&acme, &all(&[("1.0.0", 50), ("6.0.0", 50)]), "t")
        .await;
    assert!(
        matches!(
            missing,
            Err(RegistryError::NotFound {
                kind: "plugin version",
                ..
            })
        ),
        "{missing:?}"
    );
    let nobody = registry
        .put_function(&tenant("nobody"), &all(&[("1.0.0", 100)]), "t")
        .await;
    assert!(
        matches!(nobody, Err(RegistryError::NotFound { .. })),
        "{nobody:?}"
    );
    assert!(registry.all_functions().await.unwrap().is_empty());
    assert_eq!(
        registry
            .put_function(&acme, &all(&[("1.0.0", 100)]), "t")
            .await
            .unwrap()
            .revision,
        1
    );
}
