//! Databases and data for the tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use steward_privacy::{Column, Limit, Privacy, Query, Rows, Source};
use steward_registry::{
    ArtifactsConfig, PrivacyAccount, PrivacyAccounting, Registry, RegistryConfig, TenantId,
};
use steward_tests::services::{Postgres, sessions_have_ended};
use tempfile::TempDir;

/// A place for databases. Dropped, the server stops and the folder goes.
pub struct Place {
    // Stopped before its folder is removed.
    postgres: Option<Postgres>,
    folder: TempDir,
    taken: AtomicU32,
}

impl Place {
    pub fn sqlite() -> Self {
        Self {
            postgres: None,
            folder: tempfile::tempdir().unwrap(),
            taken: AtomicU32::new(0),
        }
    }

    pub fn postgres() -> Self {
        Self {
            postgres: Some(Postgres::start()),
            ..Self::sqlite()
        }
    }

    /// The URL of a database that nobody used yet.
    pub async fn fresh(&self) -> String {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        match &self.postgres {
            Some(postgres) => postgres.create_database(&format!("privacy_{number}")).await,
            None => {
                let file = self.folder.path().join(format!("privacy {number}.db"));
                format!("sqlite://{}", file.display())
            }
        }
    }

    /// Opens a database as a host does.
    pub async fn host(&self, url: &str) -> Privacy {
        open(url, self.folder.path()).await
    }

    /// After a client was killed: waits until nothing more will come of it.
    pub async fn settle(&self, url: &str) {
        if self.postgres.is_some() {
            sessions_have_ended(url).await;
        }
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

pub async fn open(url: &str, folder: &std::path::Path) -> Privacy {
    let registry = Registry::open(&RegistryConfig {
        database_url: url.to_owned(),
        artifacts: ArtifactsConfig::Local(folder.join("artifacts")),
    })
    .await
    .unwrap();
    registry.ensure_tenant(&tenant()).await.unwrap();
    Privacy::start(registry).unwrap()
}

pub fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

pub fn account(principal: &str) -> PrivacyAccount {
    PrivacyAccount {
        tenant: tenant(),
        dataset: "评论".into(),
        principal: principal.into(),
    }
}

pub const SOURCE: Source<'static> = Source {
    dataset: "评论",
    snapshot: "sha256:1",
};

/// A host on a new SQLite database where `alice` has this budget.
pub async fn with_budget(
    place: &Place,
    accounting: PrivacyAccounting,
    loss: f64,
    delta: f64,
) -> Privacy {
    let privacy = place.host(&place.fresh().await).await;
    let limit = Limit::new(accounting, loss, delta).unwrap();
    privacy
        .set_budget(&account("alice"), &limit, "operator")
        .await
        .unwrap();
    privacy
}

pub fn query(json: &str) -> Query {
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{json}: {e}"))
}

/// A thousand people: ages 0 to 99, three cities of 600, 300 and 100 (a missing one and an age that is no
/// number besides).
pub fn people() -> Arc<Rows> {
    let units = (0..1000)
        .map(|i| format!("人{i}"))
        .chain(["x".into(), "y".into()]);
    let ages = (0..1000)
        .map(|i| f64::from(i % 100))
        .chain([f64::NAN, 50.0]);
    let cities = (0..1000).map(|i| match i {
        0..600 => "上海",
        600..900 => "Paris",
        _ => "Lima",
    });
    let cities = cities.map(Some).chain([Some("上海"), None]);
    let columns = [
        ("age".to_owned(), Column::numbers(ages.collect())),
        ("city".to_owned(), Column::texts(cities)),
    ];
    Arc::new(Rows::new(units, columns).unwrap())
}
