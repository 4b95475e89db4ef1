//! Bytes of objects, in the artifact store beside the artifacts. Each key is used once: an object that is
//! written again gets another, so that whoever reads the old bytes reads them to their end.

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path as Key;
use object_store::{GetOptions, ObjectStore as _, ObjectStoreExt as _, WriteMultipart};

use super::Artifacts;
use crate::{RegistryError, TenantId};

/// How much is sent at a time; S3 takes no parts that are smaller.
const PIECE: usize = 5 << 20;

/// An object on its way into the store. Dropped, it leaves nothing that anybody can see; a part that
/// was sent may stay behind in the store.
pub struct BlobUpload {
    artifacts: Artifacts,
    key: Key,
    /// What has not been sent: less than a piece.
    buffer: Vec<u8>,
    parts: Option<WriteMultipart>,
    size: u64,
}

/// Bytes that are stored and belong to no object yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Where they are.
    pub stored_as: String,
    /// How many.
    pub size: u64,
}

impl Artifacts {
    /// Begins an object of a tenant.
    pub fn begin_blob(&self, tenant: &TenantId) -> BlobUpload {
        let id = ulid::Ulid::generate().to_string().to_ascii_lowercase();
        BlobUpload {
            artifacts: self.clone(),
            key: Key::from(format!("blobs/{tenant}/{id}")),
            buffer: Vec::new(),
            parts: None,
            size: 0,
        }
    }

    /// The bytes `range` of what is stored, as they come.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where they are gone, [`RegistryError::Store`].
    pub async fn read_blob(
        &self,
        stored_as: &str,
        range: std::ops::Range<u64>,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, RegistryError> {
        if range.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        let options = GetOptions {
            range: Some(range.into()),
            ..GetOptions::default()
        };
        let found = self.store.get_opts(&Key::from(stored_as), options).await;
        let found = found.map_err(|e| match e {
            object_store::Error::NotFound { .. } => RegistryError::NotFound {
                kind: "object",
                name: stored_as.to_owned(),
            },
            other => other.into(),
        })?;
        Ok(found.into_stream().map_err(std::io::Error::other).boxed())
    }

    /// Removes bytes; those that are gone are not missed.
    ///
    /// # Errors
    /// [`RegistryError::Store`]
    pub(crate) async fn remove_blob(&self, stored_as: &str) -> Result<(), RegistryError> {
        match self.store.delete(&Key::from(stored_as)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

impl BlobUpload {
    /// How many bytes have been written.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds bytes. Waits where the store is slower than the writer: no more than two pieces are held.
    ///
    /// # Errors
    /// [`RegistryError::Store`]
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), RegistryError> {
        self.size += bytes.len() as u64;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < PIECE {
            return Ok(());
        }
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => {
                let upload = self.artifacts.store.put_multipart(&self.key).await?;
                none.insert(WriteMultipart::new_with_chunk_size(upload, PIECE))
            }
        };
        parts.wait_for_capacity(1).await?;
        parts.put(std::mem::take(&mut self.buffer).into());
        Ok(())
    }

    /// Returns once every byte is durable.
    ///
    /// # Errors
    /// [`RegistryError::Store`]
    pub async fn finish(self) -> Result<StoredBlob, RegistryError> {
        let stored = StoredBlob {
            stored_as: self.key.to_string(),
            size: self.size,
        };
        match self.parts {
            None => drop(
                self.artifacts
                    .store
                    .put(&self.key, self.buffer.into())
                    .await?,
            ),
            Some(mut parts) => {
                parts.put(self.buffer.into());
                parts.finish().await?;
            }
        }
        Ok(stored)
    }

    /// Takes back what was sent.
    ///
    /// # Errors
    /// [`RegistryError::Store`]
    pub async fn abort(self) -> Result<(), RegistryError> {
        match self.parts {
            None => Ok(()),
            Some(parts) => Ok(parts.abort().await?),
        }
    }
}
