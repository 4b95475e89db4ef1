//! Buckets of keys and values, containers of objects.

use bytes::Bytes;
use futures::TryStreamExt as _;
use steward_registry::keyvalue::{KEYS_PER_PAGE, MAX_BATCH_KEYS, MAX_KEY_BYTES, MAX_VALUE_BYTES};
use steward_registry::{Registry, RegistryError, StoredBlob, TenantId};

use crate::support::{Place, name, registry, tenant};

fn pair(key: &str, value: &[u8]) -> [(String, Vec<u8>); 1] {
    [(key.to_owned(), value.to_vec())]
}

pub async fn a_bucket_keeps_what_was_set(place: &Place) {
    let config = place.fresh().await;
    let first = Registry::open(&config).await.unwrap();
    let (acme, bucket) = (tenant("acme"), name("sessions"));
    let unknown = first.keyvalue_set(&acme, &bucket, &pair("a", b"1")).await;
    assert!(matches!(unknown, Err(RegistryError::NotFound { .. })));
    first.create_tenant(&acme).await.unwrap();
    first.create_tenant(&tenant("other")).await.unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    first
        .keyvalue_set(&acme, &bucket, &pair("键 'x\" %_", &bytes))
        .await
        .unwrap();
    first
        .keyvalue_set(&acme, &bucket, &pair("empty", b""))
        .await
        .unwrap();

    // Another host on the same database sees it at once; other tenants and buckets do not.
    let second = Registry::open(&config).await.unwrap();
    let get = async |registry: &Registry, tenant: &TenantId, bucket: &str, key: &str| {
        let found = registry.keyvalue_get(tenant, &name(bucket), key).await;
        found.unwrap().map(|entry| entry.value)
    };
    assert_eq!(
        get(&second, &acme, "sessions", "键 'x\" %_").await,
        Some(bytes)
    );
    assert_eq!(get(&second, &acme, "sessions", "empty").await, Some(vec![]));
    assert_eq!(get(&second, &acme, "other", "empty").await, None);
    assert_eq!(
        get(&second, &tenant("other"), "sessions", "empty").await,
        None
    );
    let keys = ["empty".to_owned(), "missing".to_owned()];
    let found = second.keyvalue_get_many(&acme, &bucket, &keys).await;
    assert_eq!(found.unwrap(), [Some(vec![]), None]);
    second.keyvalue_delete(&acme, &bucket, &keys).await.unwrap();
    assert!(
        !first
            .keyvalue_exists(&acme, &bucket, "empty")
            .await
            .unwrap()
    );
}

pub async fn keys_are_listed_page_by_page(place: &Place) {
    let (registry, acme) = registry(place).await;
    let bucket = name("many");
    let count = 2 * KEYS_PER_PAGE + 3;
    let keys: Vec<String> = (0..count).map(|n| format!("键 {n}")).collect();
    for keys in keys.chunks(MAX_BATCH_KEYS) {
        let pairs: Vec<_> = keys.iter().map(|k| (k.clone(), vec![1])).collect();
        registry.keyvalue_set(&acme, &bucket, &pairs).await.unwrap();
    }
    let (mut seen, mut cursor) = (Vec::new(), 0);
    loop {
        let page = registry
            .keyvalue_keys(&acme, &bucket, cursor)
            .await
            .unwrap();
        assert!(page.keys.len() <= KEYS_PER_PAGE);
        seen.extend(page.keys);
        // A key that is written again meanwhile keeps its place, one that is deleted leaves it.
        let again = pair(&keys[0], b"again");
        registry.keyvalue_set(&acme, &bucket, &again).await.unwrap();
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!(seen, keys);
    let beyond = registry.keyvalue_keys(&acme, &bucket, u64::MAX).await;
    assert_eq!(beyond.unwrap().keys.len(), 0);
}

pub async fn increments_and_swaps_are_atomic(place: &Place) {
    let config = place.fresh().await;
    let hosts = [
        Registry::open(&config).await.unwrap(),
        Registry::open(&config).await.unwrap(),
    ];
    let (acme, bucket) = (tenant("acme"), name("counts"));
    hosts[0].create_tenant(&acme).await.unwrap();
    let workers = (0..8).map(|i| {
        let (host, acme, bucket) = (hosts[i % 2].clone(), acme.clone(), bucket.clone());
        tokio::spawn(async move {
            for _ in 0..10 {
                let range = 0..=i128::from(u64::MAX);
                let sum = host.keyvalue_increment(&acme, &bucket, "sum", 3, range);
                sum.await.unwrap();
                loop {
                    let found = host.keyvalue_get(&acme, &bucket, "swapped").await.unwrap();
                    let before = found.as_ref().map_or(0, |entry| entry.value[0]);
                    let revision = found.map(|entry| entry.revision);
                    let value = [before + 1];
                    let swap = host.keyvalue_swap(&acme, &bucket, "swapped", revision, &value);
                    if swap.await.unwrap() {
                        break;
                    }
                }
            }
        })
    });
    for worker in futures::future::join_all(workers).await {
        worker.unwrap();
    }
    let value = async |key: &str| {
        let found = hosts[0].keyvalue_get(&acme, &bucket, key).await.unwrap();
        found.unwrap().value
    };
    assert_eq!(value("sum").await, b"240");
    assert_eq!(value("swapped").await, [80]);

    // A key that was deleted and made again is not the one that was seen.
    let seen = hosts[0].keyvalue_get(&acme, &bucket, "swapped").await;
    let seen = seen.unwrap().unwrap().revision;
    let swapped = ["swapped".to_owned()];
    hosts[0]
        .keyvalue_delete(&acme, &bucket, &swapped)
        .await
        .unwrap();
    hosts[0]
        .keyvalue_set(&acme, &bucket, &pair("swapped", &[80]))
        .await
        .unwrap();
    let stale = hosts[0].keyvalue_swap(&acme, &bucket, "swapped", Some(seen), b"x");
    assert!(!stale.await.unwrap());
    let present = hosts[0].keyvalue_swap(&acme, &bucket, "swapped", None, b"x");
    assert!(!present.await.unwrap());

    let increment = async |key: &str, by: i128| {
        let range = 0..=i128::from(u64::MAX);
        hosts[0]
            .keyvalue_increment(&acme, &bucket, key, by, range)
            .await
    };
    assert!(matches!(
        increment("swapped", 1).await,
        Err(RegistryError::Invalid(_))
    ));
    assert!(matches!(
        increment("sum", i128::from(u64::MAX)).await,
        Err(RegistryError::Invalid(_))
    ));
    assert!(matches!(
        increment("sum", -241).await,
        Err(RegistryError::Invalid(_))
    ));
    assert_eq!(value("sum").await, b"240");
}

pub async fn what_does_not_fit_a_bucket_is_refused_whole(place: &Place) {
    let (registry, acme) = registry(place).await;
    let bucket = name("full");
    let set =
        async |pairs: &[(String, Vec<u8>)]| registry.keyvalue_set(&acme, &bucket, pairs).await;
    let long = "k".repeat(MAX_KEY_BYTES);
    set(&pair(&long, &vec![0; MAX_VALUE_BYTES])).await.unwrap();
    for (key, size) in [
        (format!("{long}k"), 1),
        (String::new(), 1),
        ("nul\0".into(), 1),
        ("large".into(), MAX_VALUE_BYTES + 1),
    ] {
        // The good one beside it is not kept either.
        let pairs = [("good".to_owned(), vec![1]), (key.clone(), vec![0; size])];
        let refused = set(&pairs).await;
        assert!(matches!(refused, Err(RegistryError::Invalid(_))), "{size}");
        assert!(
            !registry
                .keyvalue_exists(&acme, &bucket, "good")
                .await
                .unwrap()
        );
    }
    let too_many: Vec<_> = (0..=MAX_BATCH_KEYS)
        .map(|n| (n.to_string(), vec![]))
        .collect();
    assert!(matches!(
        set(&too_many).await,
        Err(RegistryError::Invalid(_))
    ));
    let page = registry.keyvalue_keys(&acme, &bucket, 0).await.unwrap();
    assert_eq!(page.keys, [long]);
}

async fn store(registry: &Registry, tenant: &TenantId, bytes: &[u8]) -> StoredBlob {
    let mut upload = registry.artifacts().begin_blob(tenant);
    for piece in bytes.chunks(700_000) {
        upload.write(piece).await.unwrap();
    }
    upload.finish().await.unwrap()
}

async fn bytes_of(registry: &Registry, stored_as: &str, range: std::ops::Range<u64>) -> Vec<u8> {
    let stream = registry.artifacts().read_blob(stored_as, range).await;
    let pieces: Vec<Bytes> = stream.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

pub async fn a_container_keeps_its_objects(place: &Place) {
    let (registry, acme) = registry(place).await;
    let container = name("files");
    let small = store(&registry, &acme, b"small").await;
    let nowhere = registry.put_blob(&acme, &container, "x", &small).await;
    assert!(matches!(nowhere, Err(RegistryError::NotFound { .. })));
    // What found no place is not kept.
    let gone = registry.artifacts().read_blob(&small.stored_as, 0..5).await;
    assert!(matches!(gone.err(), Some(RegistryError::NotFound { .. })));

    registry.create_container(&acme, &container).await.unwrap();
    let again = registry.create_container(&acme, &container).await;
    assert!(matches!(again, Err(RegistryError::Conflict { .. })));
    let elsewhere = registry.container(&tenant("other"), &container).await;
    assert!(elsewhere.is_err());

    // Larger than a part of an upload, so that it goes in several.
    let large: Vec<u8> = (0..12_000_000u32).map(|n| (n % 251) as u8).collect();
    for object in ["目录/../名字", "empty"] {
        let bytes: &[u8] = if object == "empty" { b"" } else { &large };
        let stored = store(&registry, &acme, bytes).await;
        registry
            .put_blob(&acme, &container, object, &stored)
            .await
            .unwrap();
    }
    let blob = registry
        .blob(&acme, &container, "目录/../名字")
        .await
        .unwrap();
    assert_eq!(blob.size, large.len() as u64);
    assert!(bytes_of(&registry, &blob.stored_as, 0..blob.size).await == large);
    let part = bytes_of(&registry, &blob.stored_as, 5_242_870..5_242_890).await;
    assert_eq!(part, large[5_242_870..5_242_890]);
    assert!(bytes_of(&registry, &blob.stored_as, 7..7).await.is_empty());
    let page = registry.blobs(&acme, &container, 0).await.unwrap();
    assert_eq!((page.names.len(), page.next), (2, None));

    // Written again, it is another object in the same place, and the old bytes go.
    let stored = store(&registry, &acme, b"new").await;
    registry
        .put_blob(&acme, &container, "目录/../名字", &stored)
        .await
        .unwrap();
    let old = registry.artifacts().read_blob(&blob.stored_as, 0..1).await;
    assert!(matches!(old.err(), Some(RegistryError::NotFound { .. })));
    let page = registry.blobs(&acme, &container, 0).await.unwrap();
    assert_eq!(page.names, ["目录/../名字", "empty"]);

    let names = ["empty".to_owned(), "never".to_owned()];
    registry
        .delete_blobs(&acme, &container, &names)
        .await
        .unwrap();
    let missing = registry.blob(&acme, &container, "empty").await;
    assert!(matches!(missing, Err(RegistryError::NotFound { .. })));
    registry.clear_container(&acme, &container).await.unwrap();
    let page = registry.blobs(&acme, &container, 0).await.unwrap();
    assert!(page.names.is_empty());
    let new = registry
        .artifacts()
        .read_blob(&stored.stored_as, 0..1)
        .await;
    assert!(matches!(new.err(), Some(RegistryError::NotFound { .. })));
    registry.delete_container(&acme, &container).await.unwrap();
    registry.delete_container(&acme, &container).await.unwrap();
    assert!(registry.container(&acme, &container).await.is_err());

    for bad in ["", "nul\0", &"x".repeat(1025)] {
        let refused = registry.blob(&acme, &container, bad).await;
        assert!(matches!(refused, Err(RegistryError::Invalid(_))), "{bad:?}");
    }
}
