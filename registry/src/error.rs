//! What can go wrong in the registry.

/// What can go wrong in the registry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// There is no such thing in this tenant.
    #[error("there is no {kind} `{name}`")]
    NotFound {
        /// `plugin`, `plugin version`, `function`, `model`, `key`, `tenant`, `artifact` …
        kind: &'static str,
        /// What was asked for.
        name: String,
    },
    /// It exists already and cannot be changed.
    #[error("the {kind} `{name}` exists already{detail}")]
    Conflict {
        /// `plugin version`, `model version`, `tenant` …
        kind: &'static str,
        /// What exists.
        name: String,
        /// `` or `, with the digest sha256:…`.
        detail: String,
    },
    /// A quota of the tenant is used up.
    #[error("{0}")]
    Quota(crate::QuotaExceeded),
    /// What was given breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// The stored bytes are not those of the digest.
    #[error("the artifact {digest} is damaged: its bytes have another digest")]
    Damaged {
        /// Digest that was asked for.
        digest: crate::Digest,
    },
    /// A signature does not hold, or is of something else.
    #[error("the signature of the plugin is refused: {0}")]
    Signature(#[from] steward_supply::SignatureError),
    /// The tenant accepts only what a trusted key has signed.
    #[error("this tenant accepts signed plugins only, and `{plugin}` {reason}")]
    NotTrusted {
        /// `name@version`
        plugin: String,
        /// Why it does not count as signed.
        reason: String,
        /// What to do about it.
        next: String,
    },
    /// The database does not answer or refuses.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The database could not be brought to the schema of this version.
    #[error("database schema: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// A file or folder of this machine cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The object store does not answer or refuses.
    #[error("artifact store: {0}")]
    Store(#[from] object_store::Error),
}
