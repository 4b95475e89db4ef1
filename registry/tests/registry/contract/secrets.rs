//! Secrets, as ciphertext.

use steward_registry::{RegistryError, SealedSecret};

use crate::support::{Place, name, registry, tenant};

fn sealed(key: &str, n: u8) -> SealedSecret {
    SealedSecret {
        key_id: key.into(),
        wrapped_key: format!("wrapped-{key}-{n}"),
        ciphertext: format!("ciphertext-{n}"),
    }
}

pub async fn a_secret_has_versions_and_one_value(place: &Place) {
    let (registry, acme) = registry(place).await;
    let token = name("token");
    let missing = registry.sealed_secret(&acme, &token).await;
    assert!(matches!(
        missing,
        Err(RegistryError::NotFound { kind: "secret", .. })
    ));
    let first = registry
        .put_secret(&acme, &token, &sealed("a", 1), "ci")
        .await
        .unwrap();
    let second = registry
        .put_secret(&acme, &token, &sealed("a", 2), "ops")
        .await
        .unwrap();
    assert_eq!((first.version, second.version), (1, 2));
    assert_eq!(first.created_at, second.created_at);
    assert_eq!(second.updated_by, "ops");
    assert_eq!(
        registry.sealed_secret(&acme, &token).await.unwrap(),
        sealed("a", 2)
    );
    let other = name("alpha");
    registry
        .put_secret(&acme, &other, &sealed("a", 3), "ci")
        .await
        .unwrap();
    let names: Vec<_> = registry
        .secrets(&acme)
        .await
        .unwrap()
        .into_iter()
        .map(|s| s.name)
        .collect();
    assert_eq!(names, [other.clone(), token.clone()]);
    registry.delete_secret(&acme, &token).await.unwrap();
    for gone in [
        registry.delete_secret(&acme, &token).await.err(),
        registry.sealed_secret(&acme, &token).await.err(),
    ] {
        assert!(matches!(
            gone,
            Some(RegistryError::NotFound { kind: "secret", .. })
        ));
    }
    let long = SealedSecret {
        ciphertext: "x".repeat(100_000),
        ..sealed("a", 1)
    };
    let refused = registry.put_secret(&acme, &token, &long, "ci").await;
    assert!(matches!(refused, Err(RegistryError::Invalid(_))));
    let nobody = registry
        .put_secret(&tenant("nobody"), &token, &sealed("a", 1), "ci")
        .await;
    assert!(matches!(
        nobody,
        Err(RegistryError::NotFound { kind: "tenant", .. })
    ));
}

pub async fn tenants_keep_secrets_of_the_same_name_apart(place: &Place) {
    let (registry, acme) = registry(place).await;
    let other = tenant("other");
    registry.create_tenant(&other).await.unwrap();
    let token = name("token");
    registry
        .put_secret(&acme, &token, &sealed("a", 1), "ci")
        .await
        .unwrap();
    assert!(registry.sealed_secret(&other, &token).await.is_err());
    assert!(registry.delete_secret(&other, &token).await.is_err());
    registry
        .put_secret(&other, &token, &sealed("a", 2), "ci")
        .await
        .unwrap();
    assert_eq!(
        registry.sealed_secret(&acme, &token).await.unwrap(),
        sealed("a", 1)
    );
    assert_eq!(registry.secrets(&other).await.unwrap().len(), 1);
    assert_eq!(registry.all_sealed_secrets().await.unwrap().len(), 2);
}

pub async fn a_secret_that_was_set_meanwhile_is_not_put_back(place: &Place) {
    let (registry, acme) = registry(place).await;
    let token = name("token");
    let (old, new) = (sealed("a", 1), sealed("b", 1));
    registry
        .put_secret(&acme, &token, &old, "ci")
        .await
        .unwrap();
    assert_eq!(registry.secret_key_ids().await.unwrap(), ["a"]);
    assert!(
        registry
            .rewrap_secret(&acme, &token, &old, &new)
            .await
            .unwrap()
    );
    let kept = SealedSecret {
        ciphertext: old.ciphertext.clone(),
        ..new.clone()
    };
    assert_eq!(registry.sealed_secret(&acme, &token).await.unwrap(), kept);
    assert_eq!(
        registry.secrets(&acme).await.unwrap()[0].version,
        1,
        "the value is the same"
    );
    assert_eq!(registry.secret_key_ids().await.unwrap(), ["b"]);
    registry
        .put_secret(&acme, &token, &sealed("b", 2), "ci")
        .await
        .unwrap();
    assert!(
        !registry
            .rewrap_secret(&acme, &token, &new, &sealed("c", 1))
            .await
            .unwrap()
    );
    assert_eq!(
        registry.sealed_secret(&acme, &token).await.unwrap(),
        sealed("b", 2)
    );
}
