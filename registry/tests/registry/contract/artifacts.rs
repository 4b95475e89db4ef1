//! The artifact store.

use bytes::Bytes;
use steward_registry::{ArtifactRef, Digest, Registry, RegistryError};

use crate::support::{Place, manifest, registry, tenant};

pub async fn bytes_are_kept_by_digest(place: &Place) {
    let (registry, _) = registry(place).await;
    let store = registry.artifacts();
    let large = Bytes::from(vec![7; 3 * 1024 * 1024]);
    for bytes in [Bytes::new(), Bytes::from_static(b"\0asm"), large] {
        let put = store.put(bytes.clone()).await.unwrap();
        assert_eq!(
            put,
            ArtifactRef {
                digest: Digest::of(&bytes),
                size: bytes.len() as u64
            }
        );
        assert_eq!(
            store.put(bytes.clone()).await.unwrap(),
            put,
            "what is there already is no error"
        );
        assert_eq!(store.get(&put.digest).await.unwrap(), bytes);
        assert!(store.exists(&put.digest).await.unwrap());
    }
    let absent = Digest::of(b"absent");
    assert!(!store.exists(&absent).await.unwrap());
    assert!(matches!(
        store.get(&absent).await,
        Err(RegistryError::NotFound {
            kind: "artifact",
            ..
        })
    ));
    // Everybody at once.
    let puts = (0..8).map(|_| store.put(Bytes::from_static(b"same")));
    for put in futures::future::join_all(puts).await {
        assert_eq!(put.unwrap().digest, Digest::of(b"same"));
    }
}

pub async fn damage_is_found_and_healed(place: &Place) {
    let config = place.fresh().await;
    let registry = Registry::open(&config).await.unwrap();
    let acme = tenant("acme");
    registry.create_tenant(&acme).await.unwrap();
    let component = Bytes::from_static(b"\0asm component");
    let published = registry
        .publish(&acme, &manifest("cleaner", "1.0.0"), component.clone(), "t")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let artifact = ArtifactRef {
        digest: published.digest,
        size: published.size,
    };
    // Cut off, longer, empty, and of the same length.
    for wrong in [
        &component[..5],
        b"\0asm component and more",
        b"",
        b"\0asm cOmponent",
    ] {
        place.damage(&config, &published.digest, wrong);
        match registry.artifacts().get(&published.digest).await {
            Err(RegistryError::Damaged { digest }) => assert_eq!(digest, published.digest),
            other => panic!("{other:?}"),
        }
        let refused = registry
            .artifacts()
            .materialize(&artifact, folder.path())
            .await;
        assert!(
            matches!(refused, Err(RegistryError::Damaged { .. })),
            "{refused:?}"
        );
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "nothing is left over"
        );
        // Who publishes the same bytes again gets what they were promised.
        registry.artifacts().put(component.clone()).await.unwrap();
        assert_eq!(
            registry.artifacts().get(&published.digest).await.unwrap(),
            component
        );
    }
}

pub async fn files_are_complete_or_absent(place: &Place) {
    let (registry, _) = registry(place).await;
    let store = registry.artifacts();
    let bytes: Bytes = (0..2_000_000u32)
        .flat_map(u32::to_le_bytes)
        .collect::<Vec<u8>>()
        .into();
    let artifact = store.put(bytes.clone()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("made on demand");
    let path = store.materialize(&artifact, &into).await.unwrap();
    assert_eq!(path, into.join(artifact.digest.hex()));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);

    // A good file is used as it is; one that is cut off or changed is replaced.
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    store.materialize(&artifact, &into).await.unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().modified().unwrap(),
        before
    );
    let mut changed = bytes.to_vec();
    changed[1_000_000] ^= 1;
    for wrong in [&bytes[..100], &changed] {
        std::fs::write(&path, wrong).unwrap();
        store.materialize(&artifact, &into).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    // Many at once end with one file.
    std::fs::remove_file(&path).unwrap();
    for done in futures::future::join_all((0..4).map(|_| store.materialize(&artifact, &into))).await
    {
        assert_eq!(std::fs::read(done.unwrap()).unwrap(), bytes);
    }
    assert_eq!(std::fs::read_dir(&into).unwrap().count(), 1);

    let absent = ArtifactRef {
        digest: Digest::of(b"absent"),
        size: 6,
    };
    assert!(matches!(
        store.materialize(&absent, &into).await,
        Err(RegistryError::NotFound { .. })
    ));
    let lied = ArtifactRef {
        size: 10,
        ..artifact
    };
    assert!(matches!(
        store.materialize(&lied, &into).await,
        Err(RegistryError::Damaged { .. })
    ));
}

pub async fn a_file_is_stored_as_its_bytes_are(place: &Place) {
    let (registry, _) = registry(place).await;
    let store = registry.artifacts();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    // Of one piece, of several, and of none.
    for length in [5, 20_000_001, 0] {
        let bytes: Bytes = (0..length)
            .map(|n| (n % 251) as u8)
            .collect::<Vec<_>>()
            .into();
        std::fs::write(&path, &bytes).unwrap();
        let stored = store.put_file(&path).await.unwrap();
        assert_eq!(stored.size, length as u64);
        assert_eq!(stored.digest, Digest::of(&bytes));
        assert_eq!(store.get(&stored.digest).await.unwrap(), bytes);
        assert_eq!(store.put_file(&path).await.unwrap(), stored);
    }
    let absent = store.put_file(&folder.path().join("absent")).await;
    assert!(matches!(absent, Err(RegistryError::File { .. })));
}
