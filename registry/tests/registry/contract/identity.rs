//! Scopes, rotation, quotas, sharing and the audit log.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sqlx::{AnyConnection, Connection as _, Executor as _};
use steward_registry::{
    AuditDraft, NewKey, QuotaKind, Rate, Registry, RegistryError, Role, SharedWith, TenantId,
    TenantSettings, Trail, audited,
};

use crate::support::{Place, function, name, publish, registry, tenant, version};

fn draft(tenants: &[&TenantId], target: &str) -> AuditDraft {
    AuditDraft {
        tenants: tenants.iter().map(|t| (*t).clone()).collect(),
        principal: "01arz3ndektsv4rrffq69g5fav".into(),
        action: "PUT /api/v1/things/{name}".into(),
        target: target.into(),
    }
}

pub async fn a_narrowed_key_is_kept_as_it_is(place: &Place) {
    let (registry, acme) = registry(place).await;
    let mut new = NewKey::new("ci", Role::Publisher);
    new.scopes = vec!["read".to_owned(), "model=minilm".to_owned()]
        .try_into()
        .unwrap();
    new.rate = Some(Rate {
        per_second: 5,
        burst: Some(10),
    });
    let (made, key) = registry.create_key_with(&acme, new.clone()).await.unwrap();
    assert_eq!(registry.key(&acme, &made.id).await.unwrap(), made);
    assert!(key.matches(&made));
    new.rate = Some(Rate {
        per_second: 0,
        burst: None,
    });
    let refused = registry.create_key_with(&acme, new).await;
    assert!(
        matches!(refused, Err(RegistryError::Invalid(_))),
        "{refused:?}"
    );

    let used = Timestamp::now();
    let before = used - SignedDuration::from_secs(60);
    let revision = registry.revision().await.unwrap();
    for at in [used, before] {
        registry
            .record_key_use(&[(made.id.clone(), at), ("nobody".into(), at)])
            .await
            .unwrap();
    }
    let read = registry.key(&acme, &made.id).await.unwrap().last_used_at;
    assert_eq!(read.unwrap().as_microsecond(), used.as_microsecond());
    assert_eq!(registry.revision().await.unwrap(), revision);
}

pub async fn a_rotated_key_has_two_secrets_for_a_while(place: &Place) {
    let (registry, acme) = registry(place).await;
    let (made, first) = registry
        .create_key(&acme, "ci", Role::Viewer, None)
        .await
        .unwrap();
    let day = SignedDuration::from_hours(24);
    let (rotated, second) = registry.rotate_key(&acme, &made.id, day).await.unwrap();
    assert_eq!((&rotated.id, rotated.role), (&made.id, made.role));
    assert!(first.matches(&rotated) && second.matches(&rotated));
    let (rotated, third) = registry
        .rotate_key(&acme, &made.id, SignedDuration::ZERO)
        .await
        .unwrap();
    assert!(!first.matches(&rotated) && !second.matches(&rotated) && third.matches(&rotated));

    for overlap in [SignedDuration::from_secs(-1), day * 31] {
        let refused = registry.rotate_key(&acme, &made.id, overlap).await;
        assert!(matches!(refused, Err(RegistryError::Invalid(_))));
    }
    let other = tenant("other");
    registry.create_tenant(&other).await.unwrap();
    for (tenant, id) in [(&other, made.id.as_str()), (&acme, "x\0")] {
        let refused = registry.rotate_key(tenant, id, day).await;
        assert!(matches!(refused, Err(RegistryError::NotFound { .. })));
    }
    registry.revoke_key(&acme, &made.id).await.unwrap();
    let refused = registry.rotate_key(&acme, &made.id, day).await;
    assert!(matches!(refused, Err(RegistryError::Invalid(_))));
    // The refused rotation changed nothing.
    assert!(third.matches(&registry.key(&acme, &made.id).await.unwrap()));
}

pub async fn a_deleted_tenant_is_closed_and_its_name_stays_taken(place: &Place) {
    let (registry, acme) = registry(place).await;
    let (made, _) = registry
        .create_key(&acme, "ci", Role::Viewer, None)
        .await
        .unwrap();
    publish(&registry, &acme, "cleaner", "1.0.0").await;
    let spec = function("clean", "cleaner", &[("1.0.0", 100)]);
    registry.put_function(&acme, &spec, "tester").await.unwrap();
    let settings = TenantSettings {
        quotas: [(QuotaKind::Keys, 3)].into(),
        ..TenantSettings::default()
    };
    let set = registry.set_tenant(&acme, &settings).await.unwrap();
    assert_eq!(registry.all_tenants().await.unwrap(), [set]);

    registry.delete_tenant(&acme).await.unwrap();
    assert!(registry.tenants().await.unwrap().is_empty());
    assert!(registry.all_functions().await.unwrap().is_empty());
    assert!(
        registry
            .key(&acme, &made.id)
            .await
            .unwrap()
            .revoked_at
            .is_some()
    );
    assert!(matches!(
        registry.create_tenant(&acme).await,
        Err(RegistryError::Conflict { .. })
    ));
    assert!(!registry.ensure_tenant(&acme).await.unwrap());
    for refused in [
        registry.delete_tenant(&acme).await.err(),
        registry.set_tenant(&acme, &settings).await.err(),
        registry
            .create_key(&acme, "ci", Role::Viewer, None)
            .await
            .err(),
        registry.put_function(&acme, &spec, "tester").await.err(),
    ] {
        assert!(
            matches!(
                refused,
                Some(RegistryError::NotFound { kind: "tenant", .. })
            ),
            "{refused:?}"
        );
    }
}

pub async fn a_quota_is_never_exceeded(place: &Place) {
    let (registry, acme) = registry(place).await;
    let other = tenant("other");
    registry.create_tenant(&other).await.unwrap();
    let settings = TenantSettings {
        quotas: [
            (QuotaKind::Keys, 3),
            (QuotaKind::Plugins, 1),
            (QuotaKind::Functions, 1),
        ]
        .into(),
        ..TenantSettings::default()
    };
    registry.set_tenant(&acme, &settings).await.unwrap();
    // Eight ask at the same time; three get a key.
    let asking = (0..8).map(|_| {
        let (registry, acme) = (registry.clone(), acme.clone());
        tokio::spawn(async move { registry.create_key(&acme, "ci", Role::Viewer, None).await })
    });
    let (mut made, mut refused) = (0, 0);
    for answer in futures::future::join_all(asking).await {
        match answer.unwrap() {
            Ok(_) => made += 1,
            Err(RegistryError::Quota(full)) => {
                assert_eq!((full.kind, full.limit, full.used), (QuotaKind::Keys, 3, 3));
                refused += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((made, refused), (3, 5));
    // A key that is revoked makes room.
    let id = registry.keys(&acme).await.unwrap()[0].id.clone();
    registry.revoke_key(&acme, &id).await.unwrap();
    registry
        .create_key(&acme, "ci", Role::Viewer, None)
        .await
        .unwrap();

    publish(&registry, &acme, "cleaner", "1.0.0").await;
    publish(&registry, &acme, "cleaner", "1.1.0").await;
    let manifest = crate::support::manifest("another", "1.0.0");
    let full = registry
        .publish(&acme, &manifest, bytes::Bytes::from_static(b"x"), "tester")
        .await;
    assert!(
        matches!(&full, Err(RegistryError::Quota(q)) if q.kind == QuotaKind::Plugins),
        "{full:?}"
    );
    let spec = function("clean", "cleaner", &[("1.0.0", 100)]);
    for _ in 0..2 {
        registry.put_function(&acme, &spec, "tester").await.unwrap();
    }
    let second = function("other", "cleaner", &[("1.0.0", 100)]);
    let full = registry.put_function(&acme, &second, "tester").await;
    assert!(
        matches!(&full, Err(RegistryError::Quota(q)) if q.kind == QuotaKind::Functions),
        "{full:?}"
    );
    registry
        .delete_function(&acme, &name("clean"))
        .await
        .unwrap();
    registry
        .put_function(&acme, &second, "tester")
        .await
        .unwrap();

    let stored = |quotas: Vec<steward_registry::QuotaUse>| {
        quotas
            .into_iter()
            .find(|q| q.kind == QuotaKind::StorageBytes)
            .unwrap()
            .used
    };
    let now = Timestamp::now();
    let used = stored(registry.quotas(&acme, now).await.unwrap());
    assert_eq!(used, 2 * "acme cleaner 1.0.0".len() as u64);
    let settings = TenantSettings {
        quotas: [(QuotaKind::StorageBytes, used + 10)].into(),
        ..TenantSettings::default()
    };
    registry.set_tenant(&acme, &settings).await.unwrap();
    let file = registry
        .artifacts()
        .put(bytes::Bytes::from_static(b"{\"text\": 1}\n"))
        .await
        .unwrap();
    let rows = |file| {
        let registry = registry.clone();
        let acme = acme.clone();
        async move {
            registry
                .add_snapshot(
                    &acme,
                    &name("rows"),
                    file,
                    1,
                    &serde_json::json!({}),
                    "tester",
                )
                .await
        }
    };
    let full = rows(file).await;
    assert!(
        matches!(&full, Err(RegistryError::Quota(q)) if q.kind == QuotaKind::StorageBytes && q.used == used),
        "{full:?}"
    );
    let file = registry
        .artifacts()
        .put(bytes::Bytes::from_static(b"{}\n"))
        .await
        .unwrap();
    rows(file).await.unwrap();
    // Nobody else is bound by it.
    publish(&registry, &other, "cleaner", "1.0.0").await;
}

pub async fn calls_are_counted_by_day_and_month(place: &Place) {
    let (registry, acme) = registry(place).await;
    let at: Timestamp = "2024-03-01T10:00:00Z".parse().unwrap();
    let usage = |at: &str, calls| steward_registry::Usage {
        tenant: acme.clone(),
        function: name("f"),
        version: version("1.0.0"),
        minute: at.parse::<Timestamp>().unwrap().as_second() / 60 * 60,
        calls,
        errors: 0,
        wall_us: calls * 500_000,
        cpu_us: calls * 250_000,
        memory_bytes: 1,
        host_calls: 0,
        inference_texts: calls * 2,
        inference_tokens: calls * 10,
        bytes_in: 0,
        bytes_out: 0,
    };
    registry
        .record_usage(&[
            usage("2024-02-29T23:59:00Z", 100),
            usage("2024-03-01T00:00:00Z", 2),
            usage("2024-03-01T09:00:00Z", 3),
            usage("2024-03-02T00:00:00Z", 7),
        ])
        .await
        .unwrap();
    let used: Vec<_> = registry
        .quotas(&acme, at)
        .await
        .unwrap()
        .into_iter()
        .filter(|q| q.kind.period().is_some())
        .map(|q| (q.kind, q.used, q.resets_at.unwrap().to_string()))
        .collect();
    assert_eq!(
        used,
        [
            (
                QuotaKind::InvocationsPerDay,
                5,
                "2024-03-02T00:00:00Z".to_owned()
            ),
            (
                QuotaKind::InvocationsPerMonth,
                12,
                "2024-04-01T00:00:00Z".to_owned()
            ),
            (
                QuotaKind::WallSecondsPerMonth,
                6,
                "2024-04-01T00:00:00Z".to_owned()
            ),
            (
                QuotaKind::CpuSecondsPerMonth,
                3,
                "2024-04-01T00:00:00Z".to_owned()
            ),
            (
                QuotaKind::InferenceTextsPerMonth,
                24,
                "2024-04-01T00:00:00Z".to_owned()
            ),
            (
                // Of models, of which nothing was recorded here.
                QuotaKind::InferenceTokensPerMonth,
                0,
                "2024-04-01T00:00:00Z".to_owned()
            ),
        ]
    );
}

pub async fn a_shared_version_is_installed_by_digest(place: &Place) {
    let (registry, partner) = registry(place).await;
    let (customer, stranger) = (tenant("customer"), tenant("stranger"));
    for tenant in [&customer, &stranger] {
        registry.create_tenant(tenant).await.unwrap();
    }
    let shared = publish(&registry, &partner, "cleaner", "1.0.0").await;
    let secret = publish(&registry, &partner, "secret", "1.0.0").await;
    let install = async |tenant: &TenantId, digest| {
        registry
            .install_plugin(tenant, digest, None, "installer")
            .await
    };
    let missing = |answer: &Result<_, RegistryError>| {
        assert!(
            matches!(answer, Err(RegistryError::NotFound { kind: "shared plugin", name }) if name.starts_with("sha256:"))
        );
    };
    // Nothing is shared by itself.
    missing(&install(&customer, &shared.digest).await);
    let with = [SharedWith::Tenant(customer.clone())];
    let (cleaner, one) = (name("cleaner"), version("1.0.0"));
    registry
        .share_plugin(&partner, &cleaner, &one, &with, "tester")
        .await
        .unwrap();
    assert_eq!(
        registry
            .share_plugin(&partner, &cleaner, &one, &with, "tester")
            .await
            .unwrap()
            .len(),
        1
    );
    missing(&install(&stranger, &shared.digest).await);
    missing(&install(&customer, &secret.digest).await);
    missing(&install(&partner, &shared.digest).await);
    assert!(registry.shared_plugins(&stranger).await.unwrap().is_empty());
    let seen = registry.shared_plugins(&customer).await.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (&seen[0].publisher, &seen[0].digest),
        (&partner, &shared.digest)
    );

    let installed = install(&customer, &shared.digest).await.unwrap();
    assert_eq!(installed.origin.as_ref(), Some(&partner));
    assert_eq!(
        (&installed.digest, &installed.tenant, &*installed.created_by),
        (&shared.digest, &customer, "installer")
    );
    assert!(matches!(
        install(&customer, &shared.digest).await,
        Err(RegistryError::Conflict { .. })
    ));
    // Under the installed name nobody else's versions come: not the customer's, and not another publisher's.
    let own = registry
        .publish(
            &customer,
            &crate::support::manifest("cleaner", "9.0.0"),
            bytes::Bytes::from_static(b"own"),
            "tester",
        )
        .await;
    assert!(
        matches!(&own, Err(RegistryError::Conflict { kind: "plugin", .. })),
        "{own:?}"
    );
    let other = publish(&registry, &stranger, "cleaner", "2.0.0").await;
    registry
        .share_plugin(
            &stranger,
            &cleaner,
            &version("2.0.0"),
            &[SharedWith::All],
            "tester",
        )
        .await
        .unwrap();
    assert!(matches!(
        install(&customer, &other.digest).await,
        Err(RegistryError::Conflict { .. })
    ));
    let renamed = registry
        .install_plugin(
            &customer,
            &other.digest,
            Some(&name("their-cleaner")),
            "installer",
        )
        .await
        .unwrap();
    assert_eq!(renamed.name.as_str(), "their-cleaner");
    // It is not the customer's to share.
    assert!(matches!(
        registry
            .share_plugin(&customer, &cleaner, &one, &[SharedWith::All], "tester")
            .await,
        Err(RegistryError::Invalid(_))
    ));

    let spec = function("clean", "cleaner", &[("1.0.0", 100)]);
    registry
        .put_function(&customer, &spec, "tester")
        .await
        .unwrap();
    // Sharing ends; what is installed is the customer's.
    assert_eq!(
        registry
            .unshare_plugin(&partner, &cleaner, &one, None)
            .await
            .unwrap(),
        1
    );
    assert!(matches!(
        registry
            .unshare_plugin(&partner, &cleaner, &one, None)
            .await,
        Err(RegistryError::NotFound { .. })
    ));
    registry
        .put_function(&customer, &spec, "tester")
        .await
        .unwrap();
    let selector = steward_registry::Selector::Version(one.clone());
    assert_eq!(
        registry
            .plugin_version(&customer, &cleaner, &selector)
            .await
            .unwrap(),
        installed
    );
    assert!(matches!(
        registry
            .share_plugin(
                &partner,
                &cleaner,
                &one,
                &[SharedWith::Tenant(tenant("nobody"))],
                "tester"
            )
            .await,
        Err(RegistryError::NotFound { kind: "tenant", .. })
    ));
}

pub async fn a_change_carries_its_entry_of_the_log(place: &Place) {
    let (registry, acme) = registry(place).await;
    let other = tenant("other");
    registry.create_tenant(&other).await.unwrap();
    let trail = Arc::new(Trail::default());
    trail.begin(draft(&[&acme], "/api/v1/things/清洗\u{1b}\0"));
    trail.also(&other);
    audited(trail.clone(), async {
        registry
            .create_key(&acme, "one", Role::Viewer, None)
            .await
            .unwrap();
        // One request, one entry.
        registry
            .create_key(&acme, "two", Role::Viewer, None)
            .await
            .unwrap();
    })
    .await;
    assert_eq!(trail.take(), None, "it was written");
    for tenant in [&acme, &other] {
        let entries = registry.audit(tenant, None, 10).await.unwrap();
        assert_eq!(entries.len(), 1);
        let entry = &entries[0];
        assert_eq!((entry.number, entry.outcome.as_str()), (1, "done"));
        assert_eq!(entry.target, "/api/v1/things/清洗\u{fffd}\u{fffd}");
    }

    // What is undone leaves no entry, and the entry stays due.
    let trail = Arc::new(Trail::default());
    trail.begin(draft(&[&acme], "/undone"));
    audited(trail.clone(), async {
        let refused = registry
            .create_key(&tenant("nobody"), "ci", Role::Viewer, None)
            .await;
        assert!(refused.is_err());
    })
    .await;
    let due = trail.take().expect("it is still due");
    registry.record_audit(&due, "not-found").await.unwrap();
    let entries = registry.audit(&acme, None, 10).await.unwrap();
    assert_eq!(
        entries
            .iter()
            .map(|e| e.outcome.as_str())
            .collect::<Vec<_>>(),
        ["not-found", "done"]
    );
    assert_eq!(
        registry.audit(&acme, Some(2), 10).await.unwrap(),
        entries[1..]
    );
    assert_eq!(registry.audit(&acme, None, 1).await.unwrap(), entries[..1]);
    // Outside of a request nothing is recorded.
    registry
        .create_key(&acme, "three", Role::Viewer, None)
        .await
        .unwrap();
    assert_eq!(registry.verify_audit(&acme, None).await.unwrap().entries, 2);
}

pub async fn a_log_that_was_tampered_with_is_found(place: &Place) {
    let mut config = place.fresh().await;
    // Two ways lead to this database; only one of them takes every path as it stands.
    let folder = tempfile::tempdir().unwrap();
    if config.database_url.starts_with("sqlite://") {
        config.database_url = format!("sqlite://{}/steward.db", folder.path().display());
    }
    let hosts = [
        Registry::open(&config).await.unwrap(),
        Registry::open(&config).await.unwrap(),
    ];
    let acme = tenant("acme");
    hosts[0].create_tenant(&acme).await.unwrap();
    // Many at once make one chain.
    let writers = (0..8).map(|i| {
        let (registry, acme) = (hosts[i % 2].clone(), acme.clone());
        tokio::spawn(async move {
            for n in 0..5 {
                let draft = draft(&[&acme], &format!("/{i}/{n}"));
                registry.record_audit(&draft, "done").await.unwrap();
            }
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer.unwrap();
    }
    let whole = hosts[0].verify_audit(&acme, None).await.unwrap();
    assert_eq!((whole.entries, &whole.broken), (40, &None));
    let anchored = hosts[0]
        .verify_audit(&acme, Some((40, &whole.head)))
        .await
        .unwrap();
    assert_eq!(anchored, whole);

    let mut connection = AnyConnection::connect(&config.database_url).await.unwrap();
    let entries = hosts[0].audit(&acme, None, 100).await.unwrap();
    let seventh = &entries[entries.len() - 7];
    // The database itself takes no change of an entry, as long as nobody takes that rule away.
    for change in [
        "UPDATE audit_entries SET principal = 'somebody' WHERE number = 7",
        "DELETE FROM audit_entries WHERE number = 7",
    ] {
        let refused = connection.execute(change).await.unwrap_err();
        let refused = refused.to_string();
        assert!(refused.contains("are only added"), "{change}: {refused}");
    }
    assert_eq!(hosts[1].verify_audit(&acme, None).await.unwrap(), whole);
    let of_table = match config.database_url.starts_with("sqlite") {
        true => "",
        false => " ON audit_entries",
    };
    for rule in ["audit_entries_stay", "audit_entries_are_kept"] {
        let without = format!("DROP TRIGGER {rule}{of_table}");
        connection
            .execute(sqlx::AssertSqlSafe(without))
            .await
            .unwrap();
    }
    for (tamper, undo, number, reason) in [
        (
            "UPDATE audit_entries SET principal = 'somebody' WHERE number = 7",
            format!(
                "UPDATE audit_entries SET principal = '{}' WHERE number = 7",
                seventh.principal
            ),
            7,
            "its hash",
        ),
        (
            "UPDATE audit_entries SET hash = previous WHERE number = 7",
            format!(
                "UPDATE audit_entries SET hash = '{}' WHERE number = 7",
                seventh.hash
            ),
            7,
            "its hash",
        ),
        (
            "UPDATE audit_entries SET number = 700 WHERE number = 7",
            "UPDATE audit_entries SET number = 7 WHERE number = 700".to_owned(),
            7,
            "missing",
        ),
        (
            "UPDATE audit_heads SET number = 41",
            "UPDATE audit_heads SET number = 40".to_owned(),
            41,
            "cut off",
        ),
        ("DELETE FROM audit_heads", String::new(), 41, "removed"),
    ] {
        connection
            .execute(sqlx::AssertSqlSafe(tamper.to_owned()))
            .await
            .unwrap();
        let found = hosts[1].verify_audit(&acme, None).await.unwrap();
        let broken = found.broken.unwrap_or_else(|| panic!("{tamper}"));
        assert_eq!(broken.number, number, "{tamper}");
        assert!(
            broken.reason.contains(reason),
            "{tamper}: {}",
            broken.reason
        );
        if !undo.is_empty() {
            connection.execute(sqlx::AssertSqlSafe(undo)).await.unwrap();
            assert_eq!(hosts[1].verify_audit(&acme, None).await.unwrap(), whole);
        }
    }
    // Who cuts off the log and its head is found by what was noted elsewhere.
    for statement in ["DELETE FROM audit_entries"] {
        connection.execute(statement).await.unwrap();
    }
    let cut = hosts[0]
        .verify_audit(&acme, Some((40, &whole.head)))
        .await
        .unwrap();
    assert_eq!(cut.broken.unwrap().number, 1);
    connection.close().await.unwrap();
}
