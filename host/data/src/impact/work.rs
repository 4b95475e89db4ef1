//! An impact being measured.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use serde_json::{Value, json};
use steward_models::OpenModel;
use steward_registry::{DatasetRun, DatasetSnapshot, TenantId};

use super::given::ImpactSpec;
use super::lineage::{Between, between};
use super::measure::{Measure, pairs};
use super::report::Report;
use crate::datasets::attend;
use crate::labelled::{Stop, Vectors, compute};
use crate::step::StepAbout;
use crate::{DataError, Datasets};

/// An impact that has been written down as a run.
pub(super) struct Work {
    pub(super) datasets: Datasets,
    pub(super) tenant: TenantId,
    pub(super) run: DatasetRun,
    /// What is asked about, and what became of it.
    pub(super) sets: Vec<DatasetSnapshot>,
    pub(super) evaluation: DatasetSnapshot,
    pub(super) spec: ImpactSpec,
    pub(super) about: StepAbout,
    pub(super) model: OpenModel,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
struct Far {
    phase: &'static str,
    texts: usize,
    total: usize,
}

impl Work {
    /// Works to an end of some kind, and writes that down.
    pub(super) async fn go(self) {
        let far = Mutex::new(Far {
            phase: "waiting",
            texts: 0,
            total: 0,
        });
        let work = self.measure(&far);
        let registry = self.datasets.registry();
        attend(registry, &self.tenant, &self.run.id, work, || {
            let now = *far.lock();
            json!({ "phase": now.phase, "texts": now.texts, "total_texts": now.total })
        })
        .await;
    }

    async fn measure(&self, far: &Mutex<Far>) -> Result<Value, DataError> {
        let _turn = self.datasets.turn().await;
        let started = Instant::now();
        far.lock().phase = "reading";
        let measure = Arc::new(Measure {
            sets: self.sets.iter().map(Into::into).collect(),
            evaluation: (&self.evaluation).into(),
            spec: self.spec.clone(),
            about: self.about.clone(),
            run: self.run.id.clone(),
        });
        let (files, reading) = (self.files().await?, Arc::clone(&measure));
        let read = compute(move || reading.read(&files)).await?;

        let total = read.wanted.len();
        *far.lock() = Far {
            phase: "embedding",
            texts: 0,
            total,
        };
        let (texts, wanted) = (read.corpus.texts(), &read.wanted);
        let embedded = |texts| far.lock().texts = texts;
        let vectors = Vectors::embed(&self.model, &self.about.uses, texts, wanted, embedded);
        let vectors = vectors.await?;

        far.lock().phase = "training";
        let between = self.between().await?;
        let folder = self.datasets.incoming_folder()?;
        let stop = Stop::default();
        let stopped = stop.flag();
        let judged = compute(move || {
            let report = measure.report(&read, &vectors, &between, folder.path(), &stopped)?;
            Ok((report, folder))
        });
        let (mut report, folder) = judged.await?;
        report.seconds = started.elapsed().as_secs_f64();
        self.keep(&report, folder.path()).await
    }

    /// The rows of the sets and, last, those of the evaluation.
    async fn files(&self) -> Result<Vec<PathBuf>, DataError> {
        let mut files = Vec::with_capacity(self.sets.len() + 1);
        for snapshot in self.sets.iter().chain([&self.evaluation]) {
            files.push(self.datasets.fetch(snapshot.file).await?);
        }
        Ok(files)
    }

    /// What lies between each set and the next, and between the ends.
    async fn between(&self) -> Result<Vec<Between>, DataError> {
        let registry = self.datasets.registry();
        let mut found = Vec::new();
        for (before, after) in pairs(self.sets.len()) {
            let (before, after) = (&self.sets[before], &self.sets[after]);
            found.push(between(registry, &self.tenant, before, after).await?);
        }
        Ok(found)
    }

    /// Keeps the files, adds the snapshot where one is wanted, and says what was found.
    async fn keep(&self, report: &Report, folder: &Path) -> Result<Value, DataError> {
        let registry = self.datasets.registry();
        let artifacts = registry.artifacts();
        let mut outcome =
            serde_json::to_value(report).map_err(|e| DataError::Broken(e.to_string()))?;
        for name in ["worst", "best"] {
            let file = folder.join(format!("{name}.jsonl"));
            let empty = tokio::fs::metadata(&file).await.is_ok_and(|m| m.len() == 0);
            if !empty {
                outcome[format!("{name}_file")] = json!(artifacts.put_file(&file).await?);
            }
        }
        if let Some(output) = &self.spec.output {
            let stored = artifacts.put_file(&folder.join("samples.jsonl")).await?;
            let names = self.sets.iter().map(|set| set.reference().to_string());
            let names: Vec<String> = names.collect();
            let evaluation = self.evaluation.reference().to_string();
            let mut from = vec![evaluation.clone()];
            from.extend(names.clone());
            let lineage = json!({
                "from": from,
                "run": self.run.id,
                "impact": {
                    "sets": names,
                    "evaluation": evaluation,
                    "model": report.model,
                    "training": report.training,
                },
            });
            let (rows, by) = (report.evaluation.samples as u64, &self.run.created_by);
            let added = registry.add_snapshot(&self.tenant, output, stored, rows, &lineage, by);
            outcome["snapshot"] = json!(added.await?.reference());
        }
        Ok(outcome)
    }
}
