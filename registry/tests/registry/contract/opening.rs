//! The registry as a whole: opening, tenants, the revision.

use sqlx::{AnyConnection, Connection as _, Executor as _};
use steward_registry::{
    ArtifactsConfig, Lineage, Registry, RegistryConfig, RegistryError, Role, Usage,
};

use crate::support::{Kind, Place, function, name, publish, registry, tenant, version};

pub async fn everything_is_found_again(place: &Place) {
    let config = place.fresh().await;
    let acme = tenant("acme");
    let first = Registry::open(&config).await.unwrap();
    first.create_tenant(&acme).await.unwrap();
    let published = publish(&first, &acme, "cleaner", "1.0.0").await;
    first
        .set_plugin_alias(&acme, &name("cleaner"), &name("stable"), &version("1.0.0"))
        .await
        .unwrap();
    let deployed = first
        .put_function(&acme, &function("clean", "cleaner", &[("1.0.0", 100)]), "t")
        .await
        .unwrap();
    let (principal, key) = first
        .create_key(&acme, "密钥", Role::Publisher, None)
        .await
        .unwrap();
    let revision = first.revision().await.unwrap();
    drop(first);

    let again = Registry::open(&config).await.unwrap();
    again.ping().await.unwrap();
    assert_eq!(again.revision().await.unwrap(), revision);
    assert_eq!(again.tenants().await.unwrap(), std::slice::from_ref(&acme));
    assert_eq!(
        again.plugins(&acme).await.unwrap(),
        std::slice::from_ref(&published)
    );
    assert_eq!(
        again
            .latest_plugin_version(&acme, &name("cleaner"))
            .await
            .unwrap(),
        published
    );
    assert_eq!(again.all_functions().await.unwrap(), [deployed]);
    assert_eq!(
        again.all_keys().await.unwrap(),
        std::slice::from_ref(&principal)
    );
    assert!(key.matches(&again.keys(&acme).await.unwrap()[0]));
    assert_eq!(
        again.artifacts().get(&published.digest).await.unwrap(),
        "acme cleaner 1.0.0"
    );
}

pub async fn many_hosts_open_one_new_database(place: &Place) {
    let config = place.fresh().await;
    let hosts = (0..6).map(|_| {
        let config = config.clone();
        tokio::spawn(async move {
            let registry = Registry::open(&config).await.unwrap();
            registry.ensure_tenant(&tenant("acme")).await.unwrap()
        })
    });
    let created = futures::future::join_all(hosts).await;
    assert_eq!(
        created.into_iter().filter(|c| *c.as_ref().unwrap()).count(),
        1
    );
}

pub async fn tenants_are_created_once(place: &Place) {
    let (registry, acme) = registry(place).await;
    assert!(matches!(
        registry.create_tenant(&acme).await,
        Err(RegistryError::Conflict { kind: "tenant", .. })
    ));
    assert!(!registry.ensure_tenant(&acme).await.unwrap());
    assert!(registry.ensure_tenant(&tenant("zeta")).await.unwrap());
    assert!(registry.ensure_tenant(&tenant("a-1")).await.unwrap());
    assert_eq!(
        registry.tenants().await.unwrap(),
        [tenant("a-1"), acme, tenant("zeta")]
    );
}

pub async fn every_change_bumps_the_revision_and_nothing_else_does(place: &Place) {
    let (registry, acme) = registry(place).await;
    let file = registry.artifacts().put("onnx".into()).await.unwrap();
    let mut before = registry.revision().await.unwrap();
    let plugin = name("cleaner");
    macro_rules! bumps {
        ($by:literal, $change:expr) => {{
            let result = $change.await;
            let after = registry.revision().await.unwrap();
            assert_eq!(after - before, $by, "{}", stringify!($change));
            before = after;
            result
        }};
    }
    bumps!(1, registry.ensure_tenant(&tenant("other"))).unwrap();
    bumps!(0, registry.ensure_tenant(&tenant("other"))).unwrap();
    bumps!(1, publish(&registry, &acme, "cleaner", "1.0.0"));
    bumps!(
        0,
        registry.publish(
            &acme,
            &crate::support::manifest("cleaner", "1.0.0"),
            "x".into(),
            "t"
        )
    )
    .unwrap_err();
    bumps!(
        1,
        registry.set_plugin_alias(&acme, &plugin, &name("stable"), &version("1.0.0"))
    )
    .unwrap();
    bumps!(
        0,
        registry.set_plugin_alias(&acme, &plugin, &name("stable"), &version("9.0.0"))
    )
    .unwrap_err();
    let spec = function("clean", "cleaner", &[("1.0.0", 100)]);
    bumps!(1, registry.put_function(&acme, &spec, "t")).unwrap();
    bumps!(
        0,
        registry.put_function(&acme, &function("clean", "none", &[("1.0.0", 100)]), "t")
    )
    .unwrap_err();
    bumps!(1, registry.put_function(&acme, &spec, "t")).unwrap();
    bumps!(
        1,
        registry.put_function_after(&acme, &spec, "again", Some(2), "t")
    )
    .unwrap();
    bumps!(
        0,
        registry.put_function_after(&acme, &spec, "again", Some(2), "t")
    )
    .unwrap_err();
    bumps!(1, registry.delete_function(&acme, &spec.name)).unwrap();
    bumps!(0, registry.delete_function(&acme, &spec.name)).unwrap_err();
    let files = [("model.onnx".to_owned(), file)].into();
    let config = serde_json::json!({});
    bumps!(
        1,
        registry.push_model(
            &acme,
            &name("minilm"),
            &version("1.0.0"),
            &config,
            files,
            &Lineage::default(),
            "t"
        )
    )
    .unwrap();
    bumps!(
        1,
        registry.set_model_alias(&acme, &name("minilm"), &name("stable"), &version("1.0.0"))
    )
    .unwrap();
    let (principal, _) = bumps!(1, registry.create_key(&acme, "ci", Role::Invoker, None)).unwrap();
    bumps!(1, registry.revoke_key(&acme, &principal.id)).unwrap();
    let used = Usage {
        tenant: acme.clone(),
        function: name("clean"),
        version: version("1.0.0"),
        minute: 60,
        calls: 1,
        errors: 0,
        wall_us: 5,
        cpu_us: 1,
        memory_bytes: 1,
        host_calls: 1,
        inference_texts: 1,
        inference_tokens: 1,
        bytes_in: 1,
        bytes_out: 1,
    };
    bumps!(0, registry.record_usage(&[used])).unwrap();
    bumps!(0, registry.plugins(&acme)).unwrap();
    assert_eq!(registry.revision().await.unwrap(), before);
}

#[tokio::test]
async fn a_store_that_is_gone_does_not_answer() {
    let place = Place::start(Kind::SqliteLocal);
    let config = place.fresh().await;
    let registry = Registry::open(&config).await.unwrap();
    registry.ping().await.unwrap();
    let ArtifactsConfig::Local(folder) = &config.artifacts else {
        unreachable!()
    };
    std::fs::remove_dir(folder).unwrap();
    assert!(matches!(
        registry.ping().await,
        Err(RegistryError::File { .. })
    ));
}

#[tokio::test]
async fn a_bucket_that_is_missing_does_not_answer() {
    let place = Place::start(Kind::SqliteS3);
    let mut config = place.fresh().await;
    let ArtifactsConfig::S3 { bucket, .. } = &mut config.artifacts else {
        unreachable!()
    };
    *bucket = "nobody-made-this".into();
    let registry = Registry::open(&config).await.unwrap();
    assert!(matches!(
        registry.ping().await,
        Err(RegistryError::Store(_))
    ));
}

#[tokio::test]
async fn a_wrong_url_is_refused_without_showing_it() {
    let folder = tempfile::tempdir().unwrap();
    for url in [
        "",
        "mysql://root:hunter2@host/db",
        "sqlite://",
        "sqlite:///",
        "postgres://u:hunter2@127.0.0.1:1/x",
    ] {
        let artifacts = ArtifactsConfig::Local(folder.path().join("artifacts"));
        let config = RegistryConfig {
            database_url: url.into(),
            artifacts,
        };
        let refused = Registry::open(&config).await.err().expect(url).to_string();
        assert!(
            !refused.contains("hunter2") && !format!("{config:?}").contains("hunter2"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steward.db");
    let text = "this was somebody's diary\n".repeat(200);
    std::fs::write(&file, &text).unwrap();
    let config = RegistryConfig {
        database_url: format!("sqlite://{}", file.display()),
        artifacts: ArtifactsConfig::Local(folder.path().join("artifacts")),
    };
    assert!(matches!(
        Registry::open(&config).await,
        Err(RegistryError::Database(_) | RegistryError::Schema(_))
    ));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn a_database_of_a_newer_host_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steward.db");
    let config = RegistryConfig {
        database_url: format!("sqlite://{}", file.display()),
        artifacts: ArtifactsConfig::Local(folder.path().join("artifacts")),
    };
    drop(Registry::open(&config).await.unwrap());
    let mut connection = AnyConnection::connect(&config.database_url).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'of tomorrow', TRUE, x'00', 0)";
    connection.execute(newer).await.unwrap();
    connection.close().await.unwrap();
    assert!(matches!(
        Registry::open(&config).await,
        Err(RegistryError::Schema(_))
    ));
}
