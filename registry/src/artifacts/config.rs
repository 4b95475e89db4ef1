//! Where artifacts are kept, and how that store is opened.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, RetryConfig};

use super::Artifacts;
use crate::RegistryError;

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
}
