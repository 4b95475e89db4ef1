//! The database: SQLite in a file, or PostgreSQL. One SQL text serves both, but for triggers.

use std::fs::File;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyConnection, AnyPool, Executor as _, SqlSafeStr as _, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::RegistryError;

/// The migrations that both databases have.
static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// That which each writes in its own words.
const AUDIT_STAYS: i64 = 28;
const OF_SQLITE: &str = include_str!("../migrations/sqlite/0028_audit_stays.sql");
const OF_POSTGRES: &str = include_str!("../migrations/postgres/0028_audit_stays.sql");

/// All migrations of a database, with these words for its own.
fn migrations(own: &'static str) -> Migrator {
    let own = Migration::new(
        AUDIT_STAYS,
        "audit stays".into(),
        MigrationType::Simple,
        own.into_sql_str(),
        false,
    );
    Migrator::with_migrations(MIGRATOR.iter().cloned().chain([own]).collect())
}

/// For every new connection. FULL makes a commit wait for the disk, so that what was acknowledged
/// outlives the machine; in WAL mode the default (NORMAL) would lose the last commits on power loss.
const SQLITE_PRAGMAS: &str = "PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; \
     PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

/// The pool and how this database wants to be written to.
#[derive(Clone)]
pub(crate) struct Db {
    pub(crate) pool: AnyPool,
    /// SQLite has one writer at a time. Writers of this process queue here, in order; only those of
    /// other processes meet at SQLite's own lock, which polls and knows no order.
    turn: Option<Arc<Mutex<()>>>,
}

impl Db {
    /// Connects and brings the schema to this version.
    pub(crate) async fn open(url: &str) -> Result<Self, RegistryError> {
        sqlx::any::install_default_drivers();
        if let Some(path) = url.strip_prefix("sqlite://") {
            Self::open_sqlite(path).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let pool = AnyPoolOptions::new()
                .max_connections(16)
                .connect(url)
                .await?;
            // PostgreSQL's advisory lock keeps two hosts from migrating at the same time.
            migrations(OF_POSTGRES).run(&pool).await?;
            Ok(Self { pool, turn: None })
        } else {
            // The URL may hold a password: it is not repeated.
            Err(RegistryError::Invalid(
                "the database URL is neither `sqlite:///path/steward.db` nor `postgres://…`".into(),
            ))
        }
    }

    async fn open_sqlite(path: &str) -> Result<Self, RegistryError> {
        let path = PathBuf::from(path);
        let (file, lock) = tokio::task::spawn_blocking(move || prepare_file(&path))
            .await
            .map_err(|e| RegistryError::Invalid(format!("opening the database file: {e}")))??;
        let options: AnyConnectOptions = sqlite_url(&file)?.parse()?;
        let pool = AnyPoolOptions::new()
            .max_connections(8)
            // A file does not hang up: to ask whether it is still there would double what a small query takes.
            .test_before_acquire(false)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(SQLITE_PRAGMAS).await.map(drop) })
            })
            .connect_with(options)
            .await?;
        migrations(OF_SQLITE).run(&pool).await?;
        drop(lock);
        Ok(Self {
            pool,
            turn: Some(Arc::default()),
        })
    }

    /// A transaction that may read and then write without another writer coming between.
    pub(crate) async fn write(&self) -> Result<Write, RegistryError> {
        match &self.turn {
            None => Ok(Write {
                transaction: self.pool.begin().await?,
                turn: None,
            }),
            Some(turn) => {
                let turn = turn.clone().lock_owned().await;
                // A plain BEGIN takes the write lock at the first write: where a read precedes it
                // and another process wrote in between, SQLite refuses at once, without waiting.
                let transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
                Ok(Write {
                    transaction,
                    turn: Some(turn),
                })
            }
        }
    }

    /// A transaction that changes what hosts keep in memory: it bumps the revision first, and so
    /// holds the revision's row until it ends. Changes therefore follow one another on PostgreSQL
    /// as they do on SQLite.
    pub(crate) async fn change(&self) -> Result<Write, RegistryError> {
        let mut change = self.write().await?;
        sqlx::query("UPDATE registry_revision SET value = value + 1 WHERE id = 1")
            .execute(&mut *change)
            .await?;
        Ok(change)
    }
}

/// A running transaction. Dropped, it is rolled back.
pub(crate) struct Write {
    transaction: Transaction<'static, Any>,
    // After the transaction: fields are dropped in order, and the next writer comes after it.
    turn: Option<OwnedMutexGuard<()>>,
}

impl Write {
    /// What a SELECT ends with that holds its rows, in its order, until the transaction ends. On SQLite nobody else writes
    /// in any case.
    pub(crate) fn holding(&self) -> &'static str {
        match self.turn {
            Some(_) => "",
            None => " FOR UPDATE",
        }
    }

    /// The same, but others may do it too, and change what no other row refers to: until the transaction ends nobody removes
    /// the rows.
    pub(crate) fn keeping(&self) -> &'static str {
        match self.turn {
            Some(_) => "",
            None => " FOR KEY SHARE",
        }
    }

    /// As [`Write::holding`], but for rows that another transaction holds: they are not in the answer.
    pub(crate) fn holding_what_is_free(&self) -> &'static str {
        match self.turn {
            Some(_) => "",
            None => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Returns once the transaction is on disk. Where an entry of the audit log is due, it is part of it.
    pub(crate) async fn commit(mut self) -> Result<(), RegistryError> {
        let carried = crate::audit::carry(&mut self).await?;
        let done = self.commit_alone().await;
        if let (Err(_), Some((trail, draft))) = (&done, carried) {
            trail.begin(draft);
        }
        done
    }

    /// Returns once the transaction is on disk, as it is.
    pub(crate) async fn commit_alone(self) -> Result<(), RegistryError> {
        Ok(self.transaction.commit().await?)
    }

    /// Ends the transaction without a trace, and waits for that.
    pub(crate) async fn roll_back(self) -> Result<(), RegistryError> {
        Ok(self.transaction.rollback().await?)
    }
}

impl Deref for Write {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

/// Creates the parent folder and takes a lock that two processes which open the same new database
/// must queue for: SQLite itself has none around a whole migration or the switch to WAL.
fn prepare_file(path: &Path) -> Result<(PathBuf, File), RegistryError> {
    let wrong = |reason: &str| {
        RegistryError::Invalid(format!("the database file {}: {reason}", path.display()))
    };
    let name = path
        .file_name()
        .ok_or_else(|| wrong("it has no file name"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| RegistryError::File { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let file = folder.canonicalize().map_err(failed(folder))?.join(name);
    let mut lock_name = name.to_owned();
    lock_name.push(".lock");
    let lock_path = file.with_file_name(lock_name);
    let lock = File::create(&lock_path).map_err(failed(&lock_path))?;
    lock.lock().map_err(failed(&lock_path))?;
    Ok((file, lock))
}

/// The URL of a database file, whatever characters its path holds.
fn sqlite_url(file: &Path) -> Result<String, RegistryError> {
    let path = file.to_str().ok_or_else(|| {
        RegistryError::Invalid(format!(
            "the database file {}: its path is not UTF-8",
            file.display()
        ))
    })?;
    let mut url = String::from("sqlite://");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url.push_str("?mode=rwc");
    Ok(url)
}

/// Whether a row with this key exists already.
pub(crate) fn is_taken(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|e| e.is_unique_violation())
}

/// Whether a row that must exist does not.
pub(crate) fn lacks_parent(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|e| e.is_foreign_key_violation())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_sqlite_connection_is_durable_and_strict() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a ?#%41数据.db");
        let db = Db::open(&format!("sqlite://{}", file.display()))
            .await
            .unwrap();
        assert!(file.is_file());
        let mut connections = vec![
            db.pool.acquire().await.unwrap(),
            db.pool.acquire().await.unwrap(),
        ];
        for connection in &mut connections {
            for (pragma, value) in [
                ("synchronous", 2),
                ("foreign_keys", 1),
                ("busy_timeout", 30_000),
            ] {
                let sql = sqlx::AssertSqlSafe(format!("PRAGMA {pragma}"));
                let set: i64 = sqlx::query_scalar(sql)
                    .fetch_one(&mut **connection)
                    .await
                    .unwrap();
                assert_eq!(set, value, "{pragma}");
            }
            let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
                .fetch_one(&mut **connection)
                .await
                .unwrap();
            assert_eq!(mode, "wal");
        }
    }

    #[test]
    fn every_migration_has_a_number_of_its_own() {
        for own in [OF_SQLITE, OF_POSTGRES] {
            let mut numbers: Vec<i64> = migrations(own).iter().map(|m| m.version).collect();
            assert!(numbers.is_sorted());
            let all = numbers.len();
            numbers.dedup();
            assert_eq!((numbers.len(), numbers.contains(&AUDIT_STAYS)), (all, true));
        }
    }

    #[tokio::test]
    async fn a_transaction_that_is_dropped_leaves_nothing_and_holds_up_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("steward.db").display());
        let db = Db::open(&url).await.unwrap();
        drop(db.change().await.unwrap());
        db.change().await.unwrap().commit().await.unwrap();
        let revision: i64 = sqlx::query_scalar("SELECT value FROM registry_revision")
            .fetch_one(&db.pool)
            .await
            .unwrap();
        assert_eq!(revision, 1);
    }
}
