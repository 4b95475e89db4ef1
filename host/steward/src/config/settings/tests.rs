use super::*;

fn settle(
    folder: &Path,
    store: StoreArgs,
    serve: ServeArgs,
    env: &[(&str, &str)],
) -> Result<Settings, Failure> {
    let variable = |name: &str| {
        env.iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| (*v).to_owned())
    };
    Settings::settle(
        &store,
        &ModelArgs::default(),
        &serve,
        &Around {
            folder,
            variable: &variable,
        },
    )
}

#[test]
fn without_anything_a_host_keeps_its_data_here() {
    let dir = tempfile::tempdir().unwrap();
    let none = || (StoreArgs::default(), ServeArgs::default());
    let (store, serve) = none();
    let settings = settle(dir.path(), store, serve, &[]).unwrap();
    assert_eq!(settings.data_dir, dir.path().join("steward-data"));
    assert_eq!(
        settings.registry.database_url,
        format!("sqlite://{}/steward-data/steward.db", dir.path().display())
    );
    assert_eq!(settings.gateway.addr.to_string(), "127.0.0.1:7300");
    // A folder that is there wins over the shared one.
    let xdg = [("XDG_DATA_HOME", "/shared")];
    let (store, serve) = none();
    assert_eq!(
        settle(dir.path(), store, serve, &xdg).unwrap().data_dir,
        Path::new("/shared/steward")
    );
    std::fs::create_dir(dir.path().join("steward-data")).unwrap();
    let (store, serve) = none();
    assert_eq!(
        settle(dir.path(), store, serve, &xdg).unwrap().data_dir,
        dir.path().join("steward-data")
    );
}

#[test]
fn an_option_wins_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let text =
        "listen = \"127.0.0.1:1\"\ndata_dir = \"/a\"\nlog = \"debug\"\n[limits]\nbody_mib = 2\n";
    std::fs::write(dir.path().join("steward.toml"), text).unwrap();
    let serve = ServeArgs {
        listen: "127.0.0.1:2".parse().ok(),
        ..ServeArgs::default()
    };
    let settings = settle(dir.path(), StoreArgs::default(), serve, &[]).unwrap();
    assert_eq!(settings.gateway.addr.port(), 2);
    assert_eq!(
        (settings.data_dir.as_path(), settings.log.as_str()),
        (Path::new("/a"), "debug")
    );
    assert_eq!(settings.gateway.limits.max_body_bytes, 2 << 20);
}

#[test]
fn a_tenant_has_its_own_limits_else_those_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(dir.path().join("steward.toml"), text).unwrap();
    write(
        "[tenants.\"*\"]\nconcurrency = 10\nmemory_mib = 64\n\
         [tenants.acme]\nconcurrency = 100\nhost_calls_per_second = 5\n",
    );
    let serve = ServeArgs {
        tenant_memory_mib: Some(32),
        ..ServeArgs::default()
    };
    let settings = settle(dir.path(), StoreArgs::default(), serve, &[]).unwrap();
    let (acme, other) = (settings.tenants.of("acme"), settings.tenants.of("other"));
    assert_eq!((acme.concurrency, other.concurrency), (100, 10));
    // The option wins over the file's `*`, and holds where the tenant says nothing of its own.
    assert_eq!(
        (acme.memory_bytes, other.memory_bytes),
        (32 << 20, 32 << 20)
    );
    let rates = (acme.host_calls_per_second, other.host_calls_per_second);
    assert_eq!(rates, (5, 0));

    write(
        "[tenants.\"*\"]\ntable_elements = 7\nlog_kib_per_second = 3\n\
         [tenants.acme]\ninstances = 9\nlog_mib = 4\noutput_kib_per_second = 5\n",
    );
    let serve = ServeArgs {
        tenant_instances: Some(90),
        tenant_log_kib_per_second: Some(2),
        ..ServeArgs::default()
    };
    let settings = settle(dir.path(), StoreArgs::default(), serve, &[]).unwrap();
    let (acme, other) = (settings.tenants.of("acme"), settings.tenants.of("other"));
    assert_eq!((acme.table_elements, other.table_elements), (7, 7));
    assert_eq!((acme.instances, other.instances), (9, 90));
    assert_eq!((acme.log_bytes, other.log_bytes), (4 << 20, 256 << 20));
    let logged = (acme.log_bytes_per_second, other.log_bytes_per_second);
    assert_eq!(logged, (2 << 10, 2 << 10));
    let answered = (acme.output_bytes_per_second, other.output_bytes_per_second);
    assert_eq!(answered, (5 << 10, 0));
    for wrong in [
        "[tenants.\"../x\"]\nconcurrency = 1",
        "[tenants.acme]\nconcurrency = 0",
        "[tenants.acme]\nconcurrency = 1001",
        "[tenants.acme]\nmemory = 1",
    ] {
        write(wrong);
        let none = ServeArgs::default();
        let refused = settle(dir.path(), StoreArgs::default(), none, &[]);
        assert!(refused.is_err(), "{wrong}");
    }
}

#[test]
fn the_manifest_of_a_plugin_is_not_taken_for_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("steward.toml");
    std::fs::write(&path, "[plugin]\nname = \"x\"\n").unwrap();
    assert!(settle(dir.path(), StoreArgs::default(), ServeArgs::default(), &[]).is_ok());
    let named = StoreArgs {
        config: Some(path.clone()),
        ..StoreArgs::default()
    };
    assert_eq!(
        settle(dir.path(), named, ServeArgs::default(), &[])
            .unwrap_err()
            .exit,
        Exit::Invalid
    );
    for wrong in [
        "lisen = 1",
        "[limits]\nbody_mb = 1",
        "listen = \"here\"",
        "= ",
        "[s3]\nsecret = \"x\"",
    ] {
        std::fs::write(&path, wrong).unwrap();
        assert!(
            settle(dir.path(), StoreArgs::default(), ServeArgs::default(), &[]).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn the_host_key_has_one_source() {
    let dir = tempfile::tempdir().unwrap();
    let of = |store: StoreArgs, env: &[(&str, &str)]| {
        settle(dir.path(), store, ServeArgs::default(), env).map(|s| format!("{:?}", s.secrets))
    };
    let key = [("STEWARD_SECRETS_KEY", "AAAA")];
    let file = || StoreArgs {
        secrets_key_file: Some("/k".into()),
        ..StoreArgs::default()
    };
    let usual = format!("File({}/steward-data/secrets.key)", dir.path().display());
    assert_eq!(of(StoreArgs::default(), &[]).unwrap(), usual);
    assert_eq!(of(file(), &[]).unwrap(), "File(/k)");
    assert_eq!(of(StoreArgs::default(), &key).unwrap(), "Text(***)");
    assert_eq!(of(file(), &key).unwrap_err().exit, Exit::Invalid);
    std::fs::write(
        dir.path().join("steward.toml"),
        "[secrets]\nkey_command = \"x\"\n",
    )
    .unwrap();
    assert_eq!(of(StoreArgs::default(), &[]).unwrap(), "Command(***)");
    assert_eq!(of(file(), &[]).unwrap(), "File(/k)");
}

#[test]
fn what_the_operator_opens_is_read_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("steward.toml");
    let of = || settle(dir.path(), StoreArgs::default(), ServeArgs::default(), &[]);
    let inner = "10.1.2.3".parse().unwrap();
    assert!(of().unwrap().egress.addresses.check(inner).is_err());
    std::fs::write(&path, "[egress]\nallow = [\"10.1.0.0/16\"]\n").unwrap();
    assert!(of().unwrap().egress.addresses.check(inner).is_ok());
    for wrong in [
        "allow = [\"10.1.2.3/16\"]",
        "allow = [\"all\"]",
        "ca = \"steward.toml\"",
        "connect_to = [\"example.com=10.1.2.3\"]",
    ] {
        std::fs::write(&path, format!("[egress]\n{wrong}\n")).unwrap();
        assert!(of().is_err(), "{wrong}");
    }
}

#[test]
fn a_bucket_needs_credentials_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = |place: &str| StoreArgs {
        artifacts: Some(place.into()),
        ..StoreArgs::default()
    };
    let keys = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let settings = settle(
        dir.path(),
        store("s3://bucket/a/b/"),
        ServeArgs::default(),
        &keys,
    )
    .unwrap();
    let ArtifactsConfig::S3 {
        bucket,
        prefix,
        region,
        endpoint,
        allow_http,
        ..
    } = settings.registry.artifacts
    else {
        panic!("not S3")
    };
    assert_eq!(
        (bucket.as_str(), prefix.as_str(), region.as_str()),
        ("bucket", "a/b", "us-east-1")
    );
    assert_eq!((endpoint, allow_http), (None, false));
    assert!(settle(dir.path(), store("s3://bucket"), ServeArgs::default(), &[]).is_err());
    assert!(settle(dir.path(), store("s3://"), ServeArgs::default(), &keys).is_err());
    assert!(
        settle(
            dir.path(),
            store("gs://bucket"),
            ServeArgs::default(),
            &keys
        )
        .is_err()
    );
}
