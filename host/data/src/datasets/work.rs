//! A run at work.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use steward_formats::{Encoding, Format, Given};
use steward_registry::{DatasetRun, DatasetSnapshot, TenantId};

use super::attend::attend;
use super::{Datasets, RunSpec};
use crate::{
    DEFAULT_BATCH, DEFAULT_MAX_LINE_BYTES, DataError, Deduplication, Input, Job, Progress, Report,
    Step,
};

/// A run that has been written down.
pub(super) struct Work {
    pub(super) datasets: Datasets,
    pub(super) tenant: TenantId,
    pub(super) run: DatasetRun,
    pub(super) snapshot: DatasetSnapshot,
    pub(super) spec: RunSpec,
    pub(super) steps: Vec<Arc<dyn Step>>,
    pub(super) duplicates: Option<Deduplication>,
}

impl Work {
    /// Runs to an end of some kind, and writes that down.
    pub(super) async fn go(self) {
        let far: Arc<Mutex<Progress>> = Arc::default();
        let work = self.treat(Arc::clone(&far));
        let (registry, total) = (&self.datasets.0.registry, self.snapshot.file.size);
        attend(registry, &self.tenant, &self.run.id, work, || {
            let now = *far.lock();
            json!({ "bytes": now.bytes, "total_bytes": total, "rows": now.rows, "duplicates": now.duplicates })
        })
        .await;
    }

    async fn treat(&self, far: Arc<Mutex<Progress>>) -> Result<Value, DataError> {
        let datasets = &self.datasets.0;
        let _turn = self.datasets.turn().await;
        let input = self.datasets.fetch(self.snapshot.file).await?;
        let folder = tempfile::Builder::new()
            .prefix("run-")
            .tempdir_in(&datasets.dir)
            .map_err(DataError::file("create a folder in", &datasets.dir))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let job = Job {
            input: Input::File(input),
            // Snapshots are lines of JSON, in UTF-8 and in no other encoding.
            given: Given {
                format: Some(Format::JsonLines),
                encoding: Some(Encoding::UTF_8),
                ..Given::default()
            },
            output: folder.path().join("output.jsonl"),
            output_format: Format::JsonLines,
            rejects: folder.path().join("rejects.jsonl"),
            dropped: Some(folder.path().join("dropped.jsonl")),
            fields: self.spec.fields.clone().into(),
            max_line_bytes: DEFAULT_MAX_LINE_BYTES,
            batch: DEFAULT_BATCH,
            jobs: cores + 1,
            keep_duplicates: self.spec.keep_duplicates,
            steps: self.steps.clone(),
            duplicates: self.duplicates.clone(),
        };
        let report = job.run(move |now| *far.lock() = now).await?;
        self.keep(&report, folder.path()).await
    }

    /// Adds the snapshot and says what it is.
    async fn keep(&self, report: &Report, folder: &Path) -> Result<Value, DataError> {
        let registry = &self.datasets.0.registry;
        let artifacts = registry.artifacts();
        let stored = artifacts.put_file(&report.output.path).await?;
        let mut outcome = json!({
            "from": self.snapshot.reference(),
            "run": self.run.id,
            "steps": report.steps,
            "rows": report.rows,
            "dropped": report.dropped,
            "rejected": report.rejected,
            "changes": report.changes,
            "findings": report.findings,
            "labels": report.labels,
            "seconds": report.seconds,
            "costs": report.costs,
        });
        if let Some(duplicates) = &report.duplicates {
            outcome["duplicates"] = json!(duplicates);
        }
        for name in ["rejects", "dropped"] {
            let file = folder.join(format!("{name}.jsonl"));
            let empty = tokio::fs::metadata(&file).await.is_ok_and(|m| m.len() == 0);
            if !empty {
                outcome[format!("{name}_file")] = json!(artifacts.put_file(&file).await?);
            }
        }
        let rows = report.rows.kept + report.rows.changed;
        let (tenant, by) = (&self.tenant, &self.run.created_by);
        let added = registry.add_snapshot(tenant, &self.spec.output, stored, rows, &outcome, by);
        outcome["snapshot"] = json!(added.await?.reference());
        Ok(outcome)
    }
}
