//! What several hosts share.

use super::{Moto, Postgres};

/// A PostgreSQL and an S3, as `docs/operator.md` sets them up for several hosts.
pub struct SharedStores {
    database: String,
    artifacts: String,
    endpoint: String,
    _services: (Postgres, Moto),
}

impl SharedStores {
    /// Starts both, with a place for artifacts of this name.
    pub async fn start(place: &str) -> Self {
        let (postgres, moto) = (Postgres::start(), Moto::start());
        Self {
            database: postgres.create_database("steward").await,
            artifacts: format!("s3://{}/{place}", Moto::BUCKET),
            endpoint: moto.endpoint(),
            _services: (postgres, moto),
        }
    }

    /// The variables with which a host uses them.
    pub fn env(&self) -> [(&str, &str); 6] {
        [
            ("STEWARD_DATABASE_URL", &self.database),
            ("STEWARD_ARTIFACTS", &self.artifacts),
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "tester"),
            ("AWS_SECRET_ACCESS_KEY", "not-shown"),
        ]
    }
}
