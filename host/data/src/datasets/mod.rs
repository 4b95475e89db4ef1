//! Datasets of the registry: rows that are uploaded as snapshots, and runs that make the next snapshot of one.
//!
//! A run reads a snapshot, which never changes, and adds a snapshot at its end or none at all. The new snapshot says
//! where it comes from: the one that was read, the steps with the versions and digests that ran, what became of the
//! rows, and what it cost. A host that stops in the middle leaves nothing but a run that failed.

mod files;
mod given;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use steward_functions::Functions;
use steward_models::Models;
use steward_registry::{
    ArtifactRef, DatasetRef, DatasetRun, Registry, RegistryError, RunState, TenantId,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::DataError;
use crate::job::check_steps;
pub use files::{Compared, Upload};
pub use given::{FieldsGiven, LabelsGiven, RunSpec, StepGiven};

/// How often lost runs are looked for.
const PERIOD: Duration = Duration::from_secs(30);
/// How long a host may be silent before its runs are taken for lost.
const SILENCE: Duration = Duration::from_secs(60);

/// The datasets of this host. Cheap to clone.
#[derive(Clone)]
pub struct Datasets(Arc<Inner>);

struct Inner {
    registry: Registry,
    functions: Functions,
    models: Models,
    /// Where files lie while they are worked on.
    dir: PathBuf,
    /// A run takes all cores; the next one waits.
    turn: Arc<Semaphore>,
    /// Files that are read into rows, written out of them or compared take memory; others wait.
    files: Arc<Semaphore>,
}

/// How many files are worked on at the same time.
const FILES: usize = 2;

impl Datasets {
    /// Remembers where things are. `dir` is for files that are worked on; it is made when it is needed.
    pub fn new(registry: Registry, functions: Functions, models: Models, dir: PathBuf) -> Self {
        Self(Arc::new(Inner {
            registry,
            functions,
            models,
            dir,
            turn: Arc::new(Semaphore::new(1)),
            files: Arc::new(Semaphore::new(FILES)),
        }))
    }

    /// Lays rows of the artifact store out as a file; the bytes are those of the digest.
    ///
    /// # Errors
    /// [`DataError::Registry`]
    pub async fn fetch(&self, rows: ArtifactRef) -> Result<PathBuf, DataError> {
        let artifacts = self.0.registry.artifacts();
        let folder = self.0.dir.join("snapshots");
        Ok(artifacts.materialize(&rows, &folder).await?)
    }

    /// A new file for rows that come in.
    ///
    /// # Errors
    /// [`DataError::File`]
    pub fn incoming(&self) -> Result<tempfile::NamedTempFile, DataError> {
        std::fs::create_dir_all(&self.0.dir).map_err(DataError::file("create", &self.0.dir))?;
        tempfile::NamedTempFile::new_in(&self.0.dir)
            .map_err(DataError::file("create a file in", &self.0.dir))
    }

    /// Begins a run: finds its steps, writes it down, and leaves it to work. Runs of a host come one after the other.
    ///
    /// # Errors
    /// What is wrong with the run: [`DataError::Invalid`], [`DataError::Open`], [`DataError::Model`],
    /// [`DataError::Registry`].
    pub async fn run(
        &self,
        tenant: &TenantId,
        input: &DatasetRef,
        spec: RunSpec,
        by: &str,
    ) -> Result<DatasetRun, DataError> {
        let registry = &self.0.registry;
        let snapshot = registry.snapshot(tenant, input).await?;
        let steps = self.steps(tenant, &spec).await?;
        check_steps(&steps, &spec.fields.clone().into())?;
        let json = serde_json::to_value(&spec).map_err(|e| DataError::Invalid(e.to_string()))?;
        let begun = registry.begin_run(tenant, &snapshot.name, snapshot.snapshot, &json, by);
        let run = begun.await?;
        let work = work::Work {
            datasets: self.clone(),
            tenant: tenant.clone(),
            run: run.clone(),
            snapshot,
            spec,
            steps,
        };
        tokio::spawn(work.go());
        Ok(run)
    }

    /// Ends a run that goes on; its host stops within seconds. No snapshot is made. Says whether it went on.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn cancel(&self, tenant: &TenantId, id: &str) -> Result<bool, RegistryError> {
        let registry = &self.0.registry;
        registry.dataset_run(tenant, id).await?;
        let outcome = json!({ "error": "it was cancelled" });
        registry
            .end_run(tenant, id, RunState::Cancelled, &outcome)
            .await
    }

    /// A turn at what takes all cores. None is ever refused: the semaphore is never closed.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.turn).acquire_owned().await.ok()
    }

    /// Looks for runs whose host has stopped, for ever.
    pub async fn supervise(&self) {
        let mut period = tokio::time::interval(PERIOD);
        loop {
            period.tick().await;
            match self.0.registry.fail_lost_runs(SILENCE).await {
                Ok(0) => {}
                Ok(lost) => tracing::warn!(lost, "runs over datasets were lost with their host"),
                Err(error) => tracing::warn!(%error, "lost runs cannot be looked for"),
            }
        }
    }
}
