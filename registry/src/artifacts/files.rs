//! Artifacts as files, for libraries that want a path.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use futures::TryStreamExt as _;
use object_store::{ObjectStoreExt as _, WriteMultipart};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Artifacts, key, not_found};
use crate::{ArtifactRef, Digest, RegistryError};

/// How much of a file is sent at a time; S3 takes no parts that are smaller.
const PIECE: usize = 8 << 20;
/// How many pieces are under way at a time.
const UPLOADS: usize = 4;

impl Artifacts {
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

    /// Stores a file, piece by piece, and returns once it is durable. Bytes that are there already are left as they are,
    /// once they are seen to be right; damaged ones are replaced. The file must not change meanwhile.
    ///
    /// # Errors
    /// [`RegistryError::File`], [`RegistryError::Store`].
    pub async fn put_file(&self, path: &Path) -> Result<ArtifactRef, RegistryError> {
        let failed = |source| RegistryError::File {
            path: path.to_owned(),
            source,
        };
        let size = tokio::fs::metadata(path).await.map_err(failed)?.len();
        let owned = path.to_owned();
        let digest = tokio::task::spawn_blocking(move || digest_of_file(&owned));
        let digest = digest
            .await
            .unwrap_or_else(|e| Err(e.into()))
            .map_err(failed)?;
        let artifact = ArtifactRef { digest, size };
        if self.is_whole(&artifact).await? {
            return Ok(artifact);
        }
        let upload = self.store.put_multipart(&key(&digest)).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PIECE);
        let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
        let mut piece = vec![0; PIECE];
        loop {
            let read = file.read(&mut piece).await.map_err(failed)?;
            if read == 0 {
                break;
            }
            upload.wait_for_capacity(UPLOADS).await?;
            upload.write(&piece[..read]);
        }
        upload.finish().await?;
        Ok(artifact)
    }

    /// Whether the store has the bytes of an artifact, and no others under its name.
    async fn is_whole(&self, artifact: &ArtifactRef) -> Result<bool, RegistryError> {
        let found = match self.store.get(&key(&artifact.digest)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(e) => return Err(e.into()),
        };
        let (mut hash, mut size) = (Sha256::new(), 0u64);
        let mut pieces = found.into_stream();
        while let Some(piece) = pieces.try_next().await? {
            size += piece.len() as u64;
            hash.update(&piece);
        }
        let digest = Digest::from(<[u8; 32]>::from(hash.finalize()));
        Ok(size == artifact.size && digest == artifact.digest)
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
