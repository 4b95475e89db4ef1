//! Secrets on a real registry: encrypted where they are kept, and read across a change of the host key.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use steward_registry::{ArtifactsConfig, Name, Registry, RegistryConfig, RegistryError, TenantId};
use steward_secrets::{HostKey, KeyRing, KeySource, Secret, SecretsError, Vault};

async fn registry(folder: &Path) -> (Registry, TenantId) {
    let registry = Registry::open(&RegistryConfig {
        database_url: format!("sqlite://{}/steward.db", folder.display()),
        artifacts: ArtifactsConfig::Local(folder.join("artifacts")),
    })
    .await
    .unwrap();
    let acme: TenantId = "acme".parse().unwrap();
    registry.ensure_tenant(&acme).await.unwrap();
    (registry, acme)
}

fn name(name: &str) -> Name {
    name.parse().unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.into()).unwrap()
}

async fn read(vault: &Vault, tenant: &TenantId, secret: &str) -> String {
    let value = vault.get(tenant, &name(secret)).await.unwrap();
    String::from_utf8(value.reveal().to_vec()).unwrap()
}

#[tokio::test]
async fn the_database_holds_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, acme) = registry(folder.path()).await;
    let source = KeySource::File(folder.path().join("secrets.key"));
    let vault = Vault::start(registry, source).await.unwrap();
    let value = "correct-horse-battery-staple";
    let set = vault
        .put(&acme, &name("token"), &secret(value), "ci")
        .await
        .unwrap();
    assert_eq!(set.version, 1);
    assert_eq!(read(&vault, &acme, "token").await, value);
    let missing = vault.get(&acme, &name("other")).await;
    assert!(matches!(
        missing,
        Err(SecretsError::Registry(RegistryError::NotFound { .. }))
    ));
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes
                .windows(value.len())
                .any(|part| part == value.as_bytes());
            assert!(!found, "{} holds the value", path.display());
        }
    }
}

#[tokio::test]
async fn a_running_host_follows_a_change_of_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, acme) = registry(folder.path()).await;
    let source = KeySource::File(folder.path().join("secrets.key"));
    let running = Vault::start(registry.clone(), source.clone())
        .await
        .unwrap();
    for n in 0..3 {
        running
            .put(&acme, &name(&format!("s{n}")), &secret("old"), "ci")
            .await
            .unwrap();
    }
    let old = running.key_id();
    let before = registry.sealed_secret(&acme, &name("s0")).await.unwrap();

    let command = Vault::start(registry.clone(), source.clone())
        .await
        .unwrap();
    command.renew_key().await.unwrap();
    assert_ne!(command.key_id(), old);
    // Set between the new key and the end of the change, by a host that began with the old key.
    running
        .put(&acme, &name("s1"), &secret("new"), "ci")
        .await
        .unwrap();
    assert_eq!(command.rewrap().await.unwrap(), 2);
    assert_eq!(command.rewrap().await.unwrap(), 0, "nothing is left to do");
    let after = registry.sealed_secret(&acme, &name("s0")).await.unwrap();
    assert_eq!(before.ciphertext, after.ciphertext, "no value was touched");
    assert_eq!(after.key_id, command.key_id());
    assert_eq!(command.forget_keys().await.unwrap(), 1);
    for (n, value) in [(0, "old"), (1, "new"), (2, "old")] {
        assert_eq!(read(&running, &acme, &format!("s{n}")).await, value);
    }
    let file = source.load().await.unwrap();
    assert_eq!(file.keys().count(), 1);
    assert!(file.find(&old).is_none());
}

#[tokio::test]
async fn a_host_with_another_key_writes_nothing_that_others_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, acme) = registry(folder.path()).await;
    let source = |n: u8| KeySource::File(folder.path().join(format!("{n}.key")));
    let first = Vault::start(registry.clone(), source(1)).await.unwrap();
    first
        .put(&acme, &name("token"), &secret("x"), "ci")
        .await
        .unwrap();
    let second = Vault::start(registry.clone(), source(2)).await.unwrap();
    let refused = second.put(&acme, &name("other"), &secret("y"), "ci").await;
    assert!(matches!(refused, Err(SecretsError::UnknownKey { .. })));
    assert!(matches!(
        second.get(&acme, &name("token")).await,
        Err(SecretsError::UnknownKey { .. })
    ));
    assert!(matches!(
        second.rewrap().await,
        Err(SecretsError::UnknownKey { .. })
    ));
    assert_eq!(
        second.list(&acme).await.unwrap().len(),
        1,
        "names are there all the same"
    );
}

#[tokio::test]
async fn keys_from_elsewhere_are_put_first_there_and_the_secrets_under_them_here() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, acme) = registry(folder.path()).await;
    let file = folder.path().join("kms");
    let command = KeySource::Command(format!("cat '{}'", file.display()));
    let keys = KeySource::File(file.clone());
    let old = keys.load().await.unwrap();
    let vault = Vault::start(registry, command).await.unwrap();
    vault
        .put(&acme, &name("token"), &secret("x"), "ci")
        .await
        .unwrap();
    assert!(!vault.keeps_its_keys());
    assert!(matches!(vault.renew_key().await, Err(SecretsError::Key(_))));
    keys.replace(&old.with(HostKey::generate().unwrap()))
        .unwrap();
    assert_eq!(vault.rewrap().await.unwrap(), 1);
    // Without the old key the secret is still read.
    let new: KeyRing = keys.load().await.unwrap().keeping(|_| false);
    keys.replace(&new).unwrap();
    assert_eq!(read(&vault, &acme, "token").await, "x");
    assert_eq!(vault.key_id(), new.current().id());
}
