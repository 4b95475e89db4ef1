//! Two tenants with the same names never mix.

use std::collections::BTreeMap;

use steward_registry::{Lineage, RegistryError, Role};

use crate::support::{Place, function, name, publish, registry, tenant, version};

pub async fn tenants_do_not_see_each_other(place: &Place) {
    let (registry, acme) = registry(place).await;
    let other = tenant("other");
    registry.create_tenant(&other).await.unwrap();
    let plugin = name("cleaner");
    let ours = publish(&registry, &acme, "cleaner", "1.0.0").await;
    let theirs = publish(&registry, &other, "cleaner", "1.0.0").await;
    publish(&registry, &other, "cleaner", "2.0.0").await;
    assert_ne!(ours.digest, theirs.digest);
    assert_eq!(
        registry.plugins(&acme).await.unwrap(),
        std::slice::from_ref(&ours)
    );
    assert_eq!(
        registry
            .plugin_versions(&acme, &plugin)
            .await
            .unwrap()
            .len(),
        1
    );

    // What only the other tenant has is not there, whichever way one asks.
    let missing = registry
        .plugin_version(&acme, &plugin, &"2.0.0".parse().unwrap())
        .await;
    assert!(matches!(missing, Err(RegistryError::NotFound { .. })));
    let missing = registry
        .set_plugin_alias(&acme, &plugin, &name("stable"), &version("2.0.0"))
        .await;
    assert!(matches!(missing, Err(RegistryError::NotFound { .. })));
    let missing = registry
        .put_function(&acme, &function("clean", "cleaner", &[("2.0.0", 100)]), "t")
        .await;
    assert!(matches!(
        missing,
        Err(RegistryError::NotFound {
            kind: "plugin version",
            ..
        })
    ));

    registry
        .set_plugin_alias(&other, &plugin, &name("stable"), &version("2.0.0"))
        .await
        .unwrap();
    assert!(
        registry
            .plugin_aliases(&acme, &plugin)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        registry
            .latest_plugin_version(&acme, &plugin)
            .await
            .unwrap(),
        ours
    );

    let spec = function("clean", "cleaner", &[("1.0.0", 100)]);
    registry.put_function(&acme, &spec, "t").await.unwrap();
    let first_of_theirs = registry.put_function(&other, &spec, "t").await.unwrap();
    assert_eq!(first_of_theirs.revision, 1);
    registry.delete_function(&other, &spec.name).await.unwrap();
    assert_eq!(
        registry.function(&acme, &spec.name).await.unwrap().revision,
        1
    );
    assert_eq!(registry.all_functions().await.unwrap().len(), 1);

    let (principal, _) = registry
        .create_key(&acme, "ci", Role::Operator, None)
        .await
        .unwrap();
    assert!(matches!(
        registry.revoke_key(&other, &principal.id).await,
        Err(RegistryError::NotFound { .. })
    ));
    assert!(registry.keys(&other).await.unwrap().is_empty());
    assert_eq!(registry.keys(&acme).await.unwrap()[0].revoked_at, None);

    let file = registry.artifacts().put("onnx".into()).await.unwrap();
    let files = BTreeMap::from([("model.onnx".to_owned(), file)]);
    let config = serde_json::json!({"task": "embed"});
    for whose in [&acme, &other] {
        registry
            .push_model(
                whose,
                &name("m"),
                &version("1.0.0"),
                &config,
                files.clone(),
                &Lineage::default(),
                "t",
            )
            .await
            .unwrap();
    }
    registry
        .push_model(
            &other,
            &name("m"),
            &version("2.0.0"),
            &config,
            files,
            &Lineage::default(),
            "t",
        )
        .await
        .unwrap();
    registry
        .set_model_alias(&other, &name("m"), &name("stable"), &version("1.0.0"))
        .await
        .unwrap();
    let resolved = registry
        .resolve_model(&acme, &"m".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(
        (resolved.tenant, resolved.version),
        (acme.clone(), version("1.0.0"))
    );
    assert!(
        registry
            .resolve_model(&acme, &"m@stable".parse().unwrap())
            .await
            .is_err()
    );
    assert_eq!(registry.all_models().await.unwrap().len(), 3);
}
