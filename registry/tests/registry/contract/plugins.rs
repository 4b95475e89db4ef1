//! Plugins: immutable versions, races, aliases.

use bytes::Bytes;
use steward_registry::{Digest, Registry, RegistryError, SharedWith, StepDescription, Supplied};

use crate::support::{Place, manifest, name, publish, registry, tenant, version};

pub async fn a_version_is_published_once(place: &Place) {
    let (registry, acme) = registry(place).await;
    let component = Bytes::from_static(b"\0asm first");
    let manifest = manifest("cleaner", "1.0.0");
    let published = registry
        .publish(&acme, &manifest, component.clone(), "tester")
        .await
        .unwrap();
    assert_eq!(published.digest, Digest::of(&component));
    assert_eq!(published.size, component.len() as u64);
    assert_eq!(published.manifest, manifest);
    assert_eq!(published.created_by, "tester");

    // Neither with other bytes nor with the same; the answer says what is there.
    for bytes in [Bytes::from_static(b"\0asm second"), component.clone()] {
        match registry.publish(&acme, &manifest, bytes, "tester").await {
            Err(RegistryError::Conflict {
                kind: "plugin version",
                name,
                detail,
            }) => {
                assert_eq!(name, "cleaner@1.0.0");
                assert_eq!(detail, format!(", with the digest {}", published.digest));
            }
            other => panic!("{other:?}"),
        }
    }
    let found = registry
        .plugin_version(&acme, &name("cleaner"), &"1.0.0".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(found, published);
    assert_eq!(
        registry.artifacts().get(&published.digest).await.unwrap(),
        component
    );
}

pub async fn one_of_many_publishers_wins(place: &Place) {
    let config = place.fresh().await;
    // Two hosts on one database, so that no lock inside a process can decide the race.
    let hosts = [
        Registry::open(&config).await.unwrap(),
        Registry::open(&config).await.unwrap(),
    ];
    let acme = tenant("acme");
    hosts[0].create_tenant(&acme).await.unwrap();
    for round in 0..3 {
        let number = format!("1.0.{round}");
        let start = std::sync::Arc::new(tokio::sync::Barrier::new(16));
        let publishers = (0..16).map(|i| {
            let (registry, acme, start) = (hosts[i % 2].clone(), acme.clone(), start.clone());
            let manifest = manifest("cleaner", &number);
            tokio::spawn(async move {
                start.wait().await;
                registry
                    .publish(
                        &acme,
                        &manifest,
                        Bytes::from(format!("{round} of {i}")),
                        "tester",
                    )
                    .await
            })
        });
        let answers: Vec<_> = futures::future::join_all(publishers)
            .await
            .into_iter()
            .map(|answer| answer.unwrap())
            .collect();
        let winners: Vec<_> = answers.iter().flatten().collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        for answer in &answers {
            match answer {
                Ok(_) => {}
                Err(RegistryError::Conflict { detail, .. }) => {
                    assert!(detail.contains(&winners[0].digest.to_string()), "{detail}");
                }
                Err(other) => panic!("{other}"),
            }
        }
        let there = hosts[1]
            .plugin_version(&acme, &name("cleaner"), &number.parse().unwrap())
            .await
            .unwrap();
        assert_eq!(&there, winners[0]);
        assert!(hosts[1].artifacts().get(&there.digest).await.is_ok());
    }
}

pub async fn versions_and_aliases_are_found(place: &Place) {
    let (registry, acme) = registry(place).await;
    let cleaner = name("cleaner");
    assert!(matches!(
        registry.latest_plugin_version(&acme, &cleaner).await,
        Err(RegistryError::NotFound { kind: "plugin", .. })
    ));
    assert!(matches!(
        registry.plugin_versions(&acme, &cleaner).await,
        Err(RegistryError::NotFound { .. })
    ));
    for number in ["1.0.0-rc.1", "0.9.0", "0.10.0", "0.2.0"] {
        publish(&registry, &acme, "cleaner", number).await;
    }
    publish(&registry, &acme, "anonymizer", "3.0.0").await;
    let numbers: Vec<String> = registry
        .plugin_versions(&acme, &cleaner)
        .await
        .unwrap()
        .iter()
        .map(|v| v.version.to_string())
        .collect();
    assert_eq!(numbers, ["1.0.0-rc.1", "0.10.0", "0.9.0", "0.2.0"]);
    let all = registry.plugins(&acme).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].name, name("anonymizer"));
    assert_eq!(all[1].version, version("1.0.0-rc.1"));

    let latest = async || {
        registry
            .latest_plugin_version(&acme, &cleaner)
            .await
            .unwrap()
            .version
    };
    assert_eq!(
        latest().await,
        version("0.10.0"),
        "no pre-release while there is a release"
    );
    registry
        .set_plugin_alias(&acme, &cleaner, &name("stable"), &version("0.2.0"))
        .await
        .unwrap();
    registry
        .set_plugin_alias(&acme, &cleaner, &name("candidate"), &version("1.0.0-rc.1"))
        .await
        .unwrap();
    assert_eq!(latest().await, version("0.2.0"));
    registry
        .set_plugin_alias(&acme, &cleaner, &name("stable"), &version("0.9.0"))
        .await
        .unwrap();
    assert_eq!(latest().await, version("0.9.0"));
    let candidate = registry
        .plugin_version(&acme, &cleaner, &"candidate".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(candidate.version, version("1.0.0-rc.1"));
    assert_eq!(
        registry.plugin_aliases(&acme, &cleaner).await.unwrap(),
        [
            (name("candidate"), version("1.0.0-rc.1")),
            (name("stable"), version("0.9.0"))
        ]
        .into()
    );

    for selector in ["7.0.0", "nobody"] {
        match registry
            .plugin_version(&acme, &cleaner, &selector.parse().unwrap())
            .await
        {
            Err(RegistryError::NotFound { name, .. }) => {
                assert_eq!(name, format!("cleaner@{selector}"))
            }
            other => panic!("{other:?}"),
        }
    }
    let missing = registry
        .set_plugin_alias(&acme, &cleaner, &name("stable"), &version("7.0.0"))
        .await;
    assert!(matches!(
        missing,
        Err(RegistryError::NotFound {
            kind: "plugin version",
            ..
        })
    ));
    assert_eq!(latest().await, version("0.9.0"));
}

pub async fn what_breaks_a_rule_is_refused(place: &Place) {
    let (registry, acme) = registry(place).await;
    let good = manifest("cleaner", "1.0.0");
    let nobody = tenant("nobody");
    assert!(matches!(
        registry.publish(&nobody, &good, "x".into(), "t").await,
        Err(RegistryError::NotFound { kind: "tenant", .. })
    ));
    // A manifest that was not read from text is checked all the same.
    let mut greedy = good.clone();
    greedy.requests.inference.push("minilm".parse().unwrap());
    let mut long = good.clone();
    long.plugin.version = format!("1.0.0-{}", "a".repeat(5000)).parse().unwrap();
    for bad in [greedy, long] {
        let refused = registry.publish(&acme, &bad, "x".into(), "t").await;
        assert!(
            matches!(refused, Err(RegistryError::Invalid(_))),
            "{refused:?}"
        );
    }
    for author in ["", "a\0b", &"a".repeat(201)] {
        let refused = registry.publish(&acme, &good, "x".into(), author).await;
        assert!(
            matches!(refused, Err(RegistryError::Invalid(_))),
            "{refused:?}"
        );
    }
    assert!(registry.plugins(&acme).await.unwrap().is_empty());
}

pub async fn what_a_step_says_of_itself_stays_with_the_version(place: &Place) {
    let (registry, partner) = registry(place).await;
    let customer = tenant("customer");
    registry.create_tenant(&customer).await.unwrap();
    let said = StepDescription {
        name: "greet".into(),
        summary: "问候".into(),
        input_schema: r#"{"type":"object"}"#.into(),
        output_schema: "true".into(),
    };
    let supplied = Supplied {
        step: Some(said.clone()),
        ..Supplied::default()
    };
    let component = Bytes::from_static(b"greets");
    let published = registry
        .publish_with(
            &partner,
            &manifest("greet", "1.0.0"),
            component,
            "t",
            supplied,
        )
        .await
        .unwrap();
    assert_eq!(published.step.as_ref(), Some(&said));
    let one = registry
        .plugin_version(&partner, &name("greet"), &"1.0.0".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(one, published);
    // Who installs it has the same.
    let with = [SharedWith::All];
    registry
        .share_plugin(&partner, &name("greet"), &version("1.0.0"), &with, "t")
        .await
        .unwrap();
    let installed = registry
        .install_plugin(&customer, &published.digest, None, "t")
        .await
        .unwrap();
    assert_eq!(installed.step.as_ref(), Some(&said));
    let listed = registry.plugins(&customer).await.unwrap();
    assert_eq!(listed[0].step.as_ref(), Some(&said));
    // The other worlds say nothing, and two schemas have a largest size.
    assert_eq!(
        publish(&registry, &partner, "cleaner", "1.0.0").await.step,
        None
    );
    let huge = Supplied {
        step: Some(StepDescription {
            input_schema: " ".repeat(600_000),
            ..said
        }),
        ..Supplied::default()
    };
    let refused = registry
        .publish_with(
            &partner,
            &manifest("huge", "1.0.0"),
            Bytes::from_static(b"x"),
            "t",
            huge,
        )
        .await;
    assert!(refused.is_err());
}
