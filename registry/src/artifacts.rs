//! The artifact store: bytes under the name of their SHA-256 digest, in a local folder or in S3.

use std::fmt;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt as _, PutMode, RetryConfig};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use crate::{ArtifactRef, Digest, RegistryError};

/// Where artifacts are kept.
#[derive(Clone)]
pub enum ArtifactsConfig {
    /// In this folder, which is created.
    Local(PathBuf),
    /// In a bucket of S3 or of a server that speaks its protocol, conditional put included.
    S3 {
        /// Name of the bucket, which must exist.
        bucket: String,
        /// What every key starts with; may be empty.
        prefix: String,
        /// The region that requests are signed for.
        region: String,
        /// Another server than that of the region: `http://127.0.0.1:9000`.
        endpoint: Option<String>,
        /// Public part of the credentials.
        access_key_id: String,
        /// Secret part of the credentials.
        secret_access_key: String,
        /// Whether an endpoint without TLS is accepted.
        allow_http: bool,
    },
}

/// Without the credentials.
impl fmt::Debug for ArtifactsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(folder) => f.debug_tuple("Local").field(folder).finish(),
            Self::S3 {
                bucket,
                prefix,
                region,
                endpoint,
                ..
            } => f
                .debug_struct("S3")
                .field("bucket", bucket)
                .field("prefix", prefix)
                .field("region", region)
                .field("endpoint", endpoint)
                .finish_non_exhaustive(),
        }
    }
}

/// The artifact store. A clone is cheap and means the same store. Nothing in it is ever changed.
#[derive(Clone)]
pub struct Artifacts {
    store: Arc<dyn ObjectStore>,
    /// The folder of a local store.
    folder: Option<PathBuf>,
}

impl Artifacts {
    /// Opens the store. A bucket is not asked for an answer: [`Artifacts::ping`] does that.
    pub(crate) async fn open(config: &ArtifactsConfig) -> Result<Self, RegistryError> {
        match config {
            ArtifactsConfig::Local(folder) => {
                let failed = |source| RegistryError::File {
                    path: folder.clone(),
                    source,
                };
                tokio::fs::create_dir_all(folder).await.map_err(failed)?;
                // An artifact is on disk, folder entry included, before its row is written.
                let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
                Ok(Self {
                    store: Arc::new(store),
                    folder: Some(folder.clone()),
                })
            }
            ArtifactsConfig::S3 {
                bucket,
                prefix,
                region,
                endpoint,
                access_key_id,
                secret_access_key,
                allow_http,
            } => {
                // The HTTP client is built without a TLS provider of its own. An error means that the
                // process has chosen one already, which serves as well.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(bucket)
                    .with_region(region)
                    .with_access_key_id(access_key_id)
                    .with_secret_access_key(secret_access_key)
                    .with_allow_http(*allow_http)
                    .with_client_options(
                        // A large model takes minutes on a slow line; a request that stands still does not.
                        ClientOptions::new()
                            .with_timeout(Duration::from_secs(600))
                            .with_connect_timeout(Duration::from_secs(5))
                            .with_allow_http(*allow_http),
                    )
                    .with_retry(RetryConfig {
                        max_retries: 5,
                        retry_timeout: Duration::from_secs(30),
                        ..RetryConfig::default()
                    });
                if let Some(endpoint) = endpoint {
                    builder = builder.with_endpoint(endpoint);
                }
                let store = PrefixStore::new(builder.build()?, prefix.as_str());
                Ok(Self {
                    store: Arc::new(store),
                    folder: None,
                })
            }
        }
    }

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

    /// Puts the artifact into a file named by its digest in the folder `into`, which is created, and
    /// returns the path of the file. A file that is there already is used if its bytes are right.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Damaged`], [`RegistryError::Store`],
    /// [`RegistryError::File`].
    pub async fn materialize(
        &self,
        artifact: &ArtifactRef,
        into: &Path,
    ) -> Result<PathBuf, RegistryError> {
        let path = into.join(artifact.digest.hex());
        if holds(&path, artifact).await? {
            return Ok(path);
        }
        tokio::fs::create_dir_all(into)
            .await
            .map_err(|source| RegistryError::File {
                path: into.to_owned(),
                source,
            })?;
        // Readers see the whole file or none: it gets its name once it is complete.
        let part = Part(into.join(format!(
            ".{}.{}.part",
            artifact.digest.hex(),
            ulid::Ulid::generate()
        )));
        self.copy_to(artifact, &part.0).await?;
        tokio::fs::rename(&part.0, &path)
            .await
            .map_err(|source| RegistryError::File {
                path: path.clone(),
                source,
            })?;
        Ok(path)
    }

    /// Copies piece by piece: a model may be larger than what should be in memory at once.
    async fn copy_to(&self, artifact: &ArtifactRef, path: &Path) -> Result<(), RegistryError> {
        let digest = &artifact.digest;
        let failed = |source| RegistryError::File {
            path: path.to_owned(),
            source,
        };
        let found = self
            .store
            .get(&key(digest))
            .await
            .map_err(|e| not_found(digest, e))?;
        let mut file = tokio::fs::File::create_new(path).await.map_err(failed)?;
        let (mut hash, mut size) = (Sha256::new(), 0u64);
        let mut pieces = found.into_stream();
        while let Some(piece) = pieces.try_next().await? {
            size += piece.len() as u64;
            // More than was promised is not written to the disk either.
            if size > artifact.size {
                return Err(RegistryError::Damaged { digest: *digest });
            }
            hash.update(&piece);
            file.write_all(&piece).await.map_err(failed)?;
        }
        if size != artifact.size || Digest::from(<[u8; 32]>::from(hash.finalize())) != *digest {
            return Err(RegistryError::Damaged { digest: *digest });
        }
        // Before the rename: else a power cut could leave the name with empty bytes behind it.
        file.sync_all().await.map_err(failed)
    }
}

/// A file under way, removed where it does not get its name. After the rename there is none to remove.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // Nobody can act on an error here, and a file that is left over is never read.
        let _ = std::fs::remove_file(&self.0);
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
async fn digest_of(bytes: Bytes) -> Digest {
    const LARGE: usize = 256 * 1024;
    if bytes.len() > LARGE {
        let copy = bytes.clone();
        if let Ok(digest) = tokio::task::spawn_blocking(move || Digest::of(&copy)).await {
            return digest;
        }
    }
    Digest::of(&bytes)
}

/// Whether the file is there with exactly the bytes of the artifact.
async fn holds(path: &Path, artifact: &ArtifactRef) -> Result<bool, RegistryError> {
    let failed = |source| RegistryError::File {
        path: path.to_owned(),
        source,
    };
    let size = match tokio::fs::metadata(path).await {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Ok(false),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(failed(e)),
    };
    if size != artifact.size {
        return Ok(false);
    }
    let (owned, digest) = (path.to_owned(), artifact.digest);
    let same = tokio::task::spawn_blocking(move || Ok(digest_of_file(&owned)? == digest));
    same.await.unwrap_or_else(|e| Err(e.into())).map_err(failed)
}

fn digest_of_file(path: &Path) -> std::io::Result<Digest> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(<[u8; 32]>::from(hash.finalize()).into()),
            n => hash.update(&piece[..n]),
        }
    }
}
