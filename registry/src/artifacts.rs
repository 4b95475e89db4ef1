//! The artifact store: bytes under the name of their SHA-256 digest, in a local folder or in S3. Objects
//! of containers lie beside them.

mod blobs;
mod config;
mod files;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode};

use crate::{ArtifactRef, Digest, RegistryError};

pub use blobs::{BlobUpload, StoredBlob};
pub use config::ArtifactsConfig;

/// The artifact store. A clone is cheap and means the same store. No artifact in it is ever changed.
#[derive(Clone)]
pub struct Artifacts {
    store: Arc<dyn ObjectStore>,
    /// The folder of a local store.
    folder: Option<PathBuf>,
}

impl Artifacts {
    /// Asks the store for an answer.
    pub(crate) async fn ping(&self) -> Result<(), RegistryError> {
        match &self.folder {
            Some(folder) => {
                let failed = |source| RegistryError::File {
                    path: folder.clone(),
                    source,
                };
                tokio::fs::read_dir(folder).await.map(drop).map_err(failed)
            }
            // A listing, since a single key that is missing looks the same as a missing bucket.
            None => Ok(self.store.list(None).try_next().await.map(drop)?),
        }
    }

    /// Stores bytes and returns once they are durable. Bytes that are there already are left as they
    /// are, once they are seen to be right; damaged ones are replaced.
    ///
    /// # Errors
    /// [`RegistryError::Store`]
    pub async fn put(&self, bytes: Bytes) -> Result<ArtifactRef, RegistryError> {
        let size = bytes.len() as u64;
        let digest = digest_of(bytes.clone()).await;
        let key = key(&digest);
        match self
            .store
            .put_opts(&key, bytes.clone().into(), PutMode::Create.into())
            .await
        {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. }) => match self.get(&digest).await {
                Ok(_) => {}
                // Whoever replaces it replaces it by the same bytes, so that a race harms nobody.
                Err(RegistryError::Damaged { .. }) => {
                    self.store
                        .put_opts(&key, bytes.into(), PutMode::Overwrite.into())
                        .await?;
                }
                Err(e) => return Err(e),
            },
            Err(e) => return Err(e.into()),
        }
        Ok(ArtifactRef { digest, size })
    }

    /// The bytes of an artifact, which have that digest.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Damaged`], [`RegistryError::Store`].
    pub async fn get(&self, digest: &Digest) -> Result<Bytes, RegistryError> {
        let found = self
            .store
            .get(&key(digest))
            .await
            .map_err(|e| not_found(digest, e))?;
        let bytes = found.bytes().await?;
        if digest_of(bytes.clone()).await != *digest {
            return Err(RegistryError::Damaged { digest: *digest });
        }
        Ok(bytes)
    }

    /// Whether there is such an artifact.
    ///
    /// # Errors
    /// [`RegistryError::Store`]
    pub async fn exists(&self, digest: &Digest) -> Result<bool, RegistryError> {
        match self.size(digest).await {
            Ok(_) => Ok(true),
            Err(RegistryError::NotFound { .. }) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The size of an artifact, in bytes.
    pub(crate) async fn size(&self, digest: &Digest) -> Result<u64, RegistryError> {
        Ok(self
            .store
            .head(&key(digest))
            .await
            .map_err(|e| not_found(digest, e))?
            .size)
    }
}

/// Two characters of the digest make the folder: no folder then holds every artifact.
fn key(digest: &Digest) -> Key {
    let hex = digest.hex();
    Key::from(format!("sha256/{}/{hex}", &hex[..2]))
}

fn not_found(digest: &Digest, error: object_store::Error) -> RegistryError {
    match error {
        object_store::Error::NotFound { .. } => RegistryError::NotFound {
            kind: "artifact",
            name: digest.to_string(),
        },
        other => other.into(),
    }
}

/// Hashing a hundred megabytes would keep other tasks waiting: large ones go to another thread.
pub(crate) async fn digest_of(bytes: Bytes) -> Digest {
    const LARGE: usize = 256 * 1024;
    if bytes.len() > LARGE {
        let copy = bytes.clone();
        if let Ok(digest) = tokio::task::spawn_blocking(move || Digest::of(&copy)).await {
            return digest;
        }
    }
    Digest::of(&bytes)
}
