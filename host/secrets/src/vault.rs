//! Secrets in the registry, opened with the keys of the host.

use std::sync::Arc;

use arc_swap::ArcSwap;
use steward_registry::{Name, Registry, RegistryError, SealedSecret, SecretRecord, TenantId};

use crate::envelope::{open, rewrap, seal};
use crate::{HostKey, KeyRing, KeySource, Secret, SecretsError};

/// Sets, reads and deletes secrets. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    registry: Registry,
    source: KeySource,
    ring: ArcSwap<KeyRing>,
}

impl Vault {
    /// Reads the keys of the host.
    ///
    /// # Errors
    /// [`SecretsError::Key`]
    pub async fn start(registry: Registry, source: KeySource) -> Result<Self, SecretsError> {
        let ring = source.load().await?;
        Ok(Self(Arc::new(Inner {
            registry,
            source,
            ring: ArcSwap::from_pointee(ring),
        })))
    }

    /// Sets a secret: a new one, or a new version.
    ///
    /// # Errors
    /// [`SecretsError::UnknownKey`] where the registry holds secrets of another host key: what this host wrote could not
    /// be read by the others. [`SecretsError::Registry`], [`SecretsError::Key`].
    pub async fn put(
        &self,
        tenant: &TenantId,
        name: &Name,
        value: &Secret,
        by: &str,
    ) -> Result<SecretRecord, SecretsError> {
        // The key may have been replaced by a command since this host began.
        let ring = self.reload().await?;
        self.check_keys(&ring).await?;
        let sealed = seal(ring.current(), tenant, name, value)?;
        let registry = &self.0.registry;
        Ok(registry.put_secret(tenant, name, &sealed, by).await?)
    }

    /// The value of a secret.
    ///
    /// # Errors
    /// [`SecretsError::Registry`] with [`NotFound`](steward_registry::RegistryError::NotFound) where there is none;
    /// [`SecretsError::UnknownKey`], [`SecretsError::Damaged`].
    pub async fn get(&self, tenant: &TenantId, name: &Name) -> Result<Secret, SecretsError> {
        let sealed = self.0.registry.sealed_secret(tenant, name).await?;
        let known = self.0.ring.load_full();
        let ring = match known.find(&sealed.key_id) {
            Some(_) => known,
            None => self.reload().await?,
        };
        let key = ring
            .find(&sealed.key_id)
            .ok_or_else(|| SecretsError::UnknownKey {
                key_id: sealed.key_id.clone(),
            })?;
        open(key, tenant, name, &sealed)
    }

    /// A secret that is text; none where there is no such secret.
    ///
    /// # Errors
    /// [`SecretsError::Invalid`] for one that is no text; those of [`Vault::get`].
    pub async fn text(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Option<String>, SecretsError> {
        match self.get(tenant, name).await {
            Ok(secret) => match std::str::from_utf8(secret.reveal()) {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(SecretsError::Invalid(format!(
                    "the secret `{name}` is no text"
                ))),
            },
            Err(SecretsError::Registry(RegistryError::NotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Names and versions, by name; no value.
    ///
    /// # Errors
    /// [`SecretsError::Registry`]
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<SecretRecord>, SecretsError> {
        Ok(self.0.registry.secrets(tenant).await?)
    }

    /// Deletes a secret.
    ///
    /// # Errors
    /// [`SecretsError::Registry`] with [`NotFound`](steward_registry::RegistryError::NotFound) where there is none.
    pub async fn delete(&self, tenant: &TenantId, name: &Name) -> Result<(), SecretsError> {
        Ok(self.0.registry.delete_secret(tenant, name).await?)
    }

    /// Signs a text for a purpose with the current key of the host. The id of the key comes first.
    pub fn sign(&self, purpose: &str, text: &[u8]) -> (String, String) {
        crate::sign::sign(&self.0.ring.load(), purpose, text)
    }

    /// Whether this host, or one with the same keys, has signed this text for this purpose with the key of this id.
    pub fn verify(&self, purpose: &str, text: &[u8], key_id: &str, signature: &str) -> bool {
        crate::sign::verify(&self.0.ring.load(), purpose, text, key_id, signature)
    }

    /// The id of the key for what is encrypted now.
    pub fn key_id(&self) -> String {
        self.0.ring.load().current().id().to_owned()
    }

    /// Makes a new key the current one, where the keys are kept in a file.
    ///
    /// # Errors
    /// [`SecretsError::Key`]
    pub async fn renew_key(&self) -> Result<(), SecretsError> {
        let ring = self.reload().await?.with(HostKey::generate()?);
        self.0.source.replace(&ring)?;
        self.0.ring.store(Arc::new(ring));
        Ok(())
    }

    /// Whether the keys are kept in a file, which [`Vault::renew_key`] can change.
    pub fn keeps_its_keys(&self) -> bool {
        matches!(self.0.source, KeySource::File(_))
    }

    /// Encrypts the key of every secret of every tenant under the current key of the host, where it is under an older one.
    /// Values stay encrypted. How many there were.
    ///
    /// # Errors
    /// [`SecretsError::UnknownKey`], [`SecretsError::Damaged`], [`SecretsError::Registry`]; what was done by then stays.
    pub async fn rewrap(&self) -> Result<usize, SecretsError> {
        let ring = self.reload().await?;
        let mut done = 0;
        for (tenant, name, sealed) in self.0.registry.all_sealed_secrets().await? {
            if sealed.key_id == ring.current().id() {
                continue;
            }
            let again: SealedSecret = rewrap(&ring, &tenant, &name, &sealed)?;
            // Set or deleted meanwhile: then it is under the current key already, or gone.
            if self
                .0
                .registry
                .rewrap_secret(&tenant, &name, &sealed, &again)
                .await?
            {
                done += 1;
            }
        }
        Ok(done)
    }

    /// Takes older keys that no secret needs out of the file. How many there were.
    ///
    /// # Errors
    /// [`SecretsError::Key`], [`SecretsError::Registry`].
    pub async fn forget_keys(&self) -> Result<usize, SecretsError> {
        let ring = self.reload().await?;
        let needed = self.0.registry.secret_key_ids().await?;
        let kept = ring.keeping(|id| needed.iter().any(|needed| needed == id));
        let gone = ring.keys().count() - kept.keys().count();
        if gone > 0 {
            self.0.source.replace(&kept)?;
            self.0.ring.store(Arc::new(kept));
        }
        Ok(gone)
    }

    async fn reload(&self) -> Result<Arc<KeyRing>, SecretsError> {
        let ring = Arc::new(self.0.source.load().await?);
        self.0.ring.store(ring.clone());
        Ok(ring)
    }

    async fn check_keys(&self, ring: &KeyRing) -> Result<(), SecretsError> {
        let used = self.0.registry.secret_key_ids().await?;
        match used.into_iter().find(|id| ring.find(id).is_none()) {
            Some(key_id) => Err(SecretsError::UnknownKey { key_id }),
            None => Ok(()),
        }
    }
}
