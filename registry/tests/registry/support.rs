//! Places to keep a registry in, and what tests put into one.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use steward_registry::{
    ArtifactsConfig, Digest, FunctionSpec, Manifest, Name, Permissions, PluginVersion, Registry,
    RegistryConfig, Target, TenantId,
};
use tempfile::TempDir;

use steward_tests::services::{Moto, Postgres, sessions_have_ended};

/// A database and an object store. Dropped, the servers stop and the folders go.
pub struct Place {
    // Dropped in this order: the servers stop before their folders are removed.
    postgres: Option<Postgres>,
    moto: Option<Moto>,
    folder: TempDir,
    taken: AtomicU32,
}

/// Which database and which object store.
#[derive(Clone, Copy)]
pub enum Kind {
    SqliteLocal,
    SqliteS3,
    PostgresLocal,
    PostgresS3,
}

impl Place {
    pub fn start(kind: Kind) -> Self {
        let (postgres, s3) = match kind {
            Kind::SqliteLocal => (false, false),
            Kind::SqliteS3 => (false, true),
            Kind::PostgresLocal => (true, false),
            Kind::PostgresS3 => (true, true),
        };
        Self {
            postgres: postgres.then(Postgres::start),
            moto: s3.then(Moto::start),
            folder: tempfile::tempdir().unwrap(),
            taken: AtomicU32::new(0),
        }
    }

    /// A database and a store that nobody used yet.
    pub async fn fresh(&self) -> RegistryConfig {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(format!("number {number} 数据"));
        let database_url = match &self.postgres {
            Some(postgres) => postgres.create_database(&format!("steward_{number}")).await,
            None => format!(
                "sqlite://{}",
                folder.join("made/on demand/steward?#%41.db").display()
            ),
        };
        let artifacts = match &self.moto {
            Some(moto) => ArtifactsConfig::S3 {
                bucket: Moto::BUCKET.into(),
                prefix: format!("number-{number}"),
                region: "us-east-1".into(),
                endpoint: Some(moto.endpoint()),
                access_key_id: "tester".into(),
                secret_access_key: "not-shown".into(),
                allow_http: true,
            },
            None => ArtifactsConfig::Local(folder.join("artifacts")),
        };
        RegistryConfig {
            database_url,
            artifacts,
        }
    }

    /// After a client was killed: waits until nothing more will come of it.
    pub async fn settle(&self, config: &RegistryConfig) {
        if self.postgres.is_some() {
            sessions_have_ended(&config.database_url).await;
        }
    }

    /// Writes other bytes over a stored artifact, behind the back of the registry.
    pub fn damage(&self, config: &RegistryConfig, digest: &Digest, bytes: &[u8]) {
        let hex = digest.hex();
        let key = format!("sha256/{}/{hex}", &hex[..2]);
        match &config.artifacts {
            ArtifactsConfig::Local(folder) => {
                let path = folder.join(key);
                assert!(path.is_file(), "{}", path.display());
                std::fs::write(path, bytes).unwrap();
            }
            ArtifactsConfig::S3 { prefix, .. } => self
                .moto
                .as_ref()
                .unwrap()
                .overwrite(&format!("{prefix}/{key}"), bytes),
        }
    }
}

/// A new registry with the tenant `acme`.
pub async fn registry(place: &Place) -> (Registry, TenantId) {
    let registry = Registry::open(&place.fresh().await).await.unwrap();
    let acme = tenant("acme");
    registry.create_tenant(&acme).await.unwrap();
    (registry, acme)
}

pub fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

pub fn name(name: &str) -> Name {
    name.parse().unwrap()
}

pub fn version(version: &str) -> semver::Version {
    version.parse().unwrap()
}

pub fn manifest(name: &str, version: &str) -> Manifest {
    let text = format!(
        "[plugin]\nname = {name:?}\nversion = {version:?}\nworld = \"cleaner\"\ndescription = \"清洗 \\u0000\"\n\
         [config.form]\ndefault = \"nfkc\"\n[limits]\nmemory_mib = 64\n"
    );
    Manifest::parse(&text).unwrap()
}

pub async fn publish(
    registry: &Registry,
    tenant: &TenantId,
    name: &str,
    version: &str,
) -> PluginVersion {
    let component = Bytes::from(format!("{tenant} {name} {version}"));
    registry
        .publish(tenant, &manifest(name, version), component, "tester")
        .await
        .unwrap()
}

/// A function of the plugin with these versions and shares.
pub fn function(function: &str, plugin: &str, targets: &[(&str, u8)]) -> FunctionSpec {
    FunctionSpec {
        name: name(function),
        plugin: name(plugin),
        targets: targets
            .iter()
            .map(|(v, percent)| Target {
                version: version(v),
                percent: *percent,
            })
            .collect(),
        config: [("form".to_owned(), "全角\0".to_owned())].into(),
        grants: Permissions::default(),
        limits: Default::default(),
        rollout: Default::default(),
        debug: Default::default(),
    }
}
