//! Principals and their keys.

use jiff::{SignedDuration, Timestamp};
use steward_registry::{ApiKey, RegistryError, Role};

use crate::support::{Place, registry, tenant};

pub async fn a_key_is_known_by_its_hash(place: &Place) {
    let (registry, acme) = registry(place).await;
    let expires = Timestamp::now() + SignedDuration::from_hours(1);
    let (principal, key) = registry
        .create_key(&acme, "构建", Role::Publisher, Some(expires))
        .await
        .unwrap();
    let (other, other_key) = registry
        .create_key(&acme, "构建", Role::Viewer, None)
        .await
        .unwrap();
    assert_eq!(
        principal.expires_at.unwrap().as_microsecond(),
        expires.as_microsecond()
    );
    assert_eq!(
        registry.keys(&acme).await.unwrap(),
        [principal.clone(), other.clone()]
    );
    assert_eq!(
        registry.all_keys().await.unwrap(),
        [principal.clone(), other.clone()]
    );

    let shown = key.to_string();
    let read = ApiKey::parse(&shown).unwrap();
    assert_eq!(read.id(), principal.id);
    assert!(read.matches(&registry.keys(&acme).await.unwrap()[0]));
    assert!(!read.matches(&other) && !other_key.matches(&principal));
    // The right id with another's secret.
    let forged = format!("stw_{}_{}", principal.id, &other_key.to_string()[31..]);
    assert!(!ApiKey::parse(&forged).unwrap().matches(&principal));

    // The secret appears in no other form of the key or of the principal.
    let secret = &shown[31..];
    assert_eq!(format!("{key:?}"), format!("stw_{}_***", principal.id));
    assert!(
        !format!(
            "{principal:?}{}",
            serde_json::to_string(&principal).unwrap()
        )
        .contains(secret)
    );

    for bad in ["", "a\u{1b}[31m", "a\0", &"名".repeat(201)] {
        let refused = registry.create_key(&acme, bad, Role::Viewer, None).await;
        assert!(
            matches!(refused, Err(RegistryError::Invalid(_))),
            "{refused:?}"
        );
    }
    let nobody = registry
        .create_key(&tenant("nobody"), "ci", Role::Viewer, None)
        .await;
    assert!(matches!(
        nobody,
        Err(RegistryError::NotFound { kind: "tenant", .. })
    ));
    assert_eq!(registry.all_keys().await.unwrap().len(), 2);
}

pub async fn a_revoked_key_stays_revoked(place: &Place) {
    let (registry, acme) = registry(place).await;
    let (principal, _) = registry
        .create_key(&acme, "ci", Role::Invoker, None)
        .await
        .unwrap();
    let revoked = registry.revoke_key(&acme, &principal.id).await.unwrap();
    assert!(revoked.revoked_at.unwrap() >= principal.created_at);
    assert_eq!(
        registry.revoke_key(&acme, &principal.id).await.unwrap(),
        revoked,
        "the first time counts"
    );
    assert_eq!(registry.keys(&acme).await.unwrap(), [revoked]);
    for id in ["", "01arz3ndektsv4rrffq69g5fav", "a\0", "' OR 1=1 --"] {
        let missing = registry.revoke_key(&acme, id).await;
        assert!(
            matches!(missing, Err(RegistryError::NotFound { kind: "key", .. })),
            "{missing:?}"
        );
    }
}
