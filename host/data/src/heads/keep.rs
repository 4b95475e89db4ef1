//! A head becomes a version of a model: written, tried, registered, with what it scored.

use std::collections::BTreeMap;

use serde_json::json;
use steward_inference::{Affine, Joined, LabelScore, LongText, TrainedHead};
use steward_models::{MODEL_FILE, TOKENIZER_FILE};
use steward_registry::{ArtifactRef, Lineage, ModelTarget};
use steward_training::Network;

use super::measure::Measured;
use super::report::Report;
use super::work::Work;
use crate::DataError;

/// File name of the head alone.
const HEAD_FILE: &str = "head.onnx";
/// The share of texts that what is served must call as the arithmetic does.
const ALIKE: f64 = 0.9;

/// The layers of a network, as a file has them.
pub(super) fn trained_head(network: &Network) -> TrainedHead {
    let layer = |layer: &steward_training::Layer| Affine {
        weights: layer.weights.iter().map(|number| *number as f32).collect(),
        bias: layer.bias.iter().map(|number| *number as f32).collect(),
    };
    TrainedHead {
        labels: network.labels().to_vec(),
        layers: network.layers().iter().map(layer).collect(),
    }
}

/// A classifier whose files are in the artifact store.
pub(super) struct Stored {
    joined: Joined,
    files: BTreeMap<String, ArtifactRef>,
}

impl Work {
    /// Stores the files of a classifier. Nothing names them yet.
    pub(super) async fn store(&self, mut joined: Joined) -> Result<Stored, DataError> {
        let artifacts = self.datasets.registry().artifacts();
        let mut files = BTreeMap::new();
        for (name, bytes) in [
            (MODEL_FILE, std::mem::take(&mut joined.model)),
            (TOKENIZER_FILE, std::mem::take(&mut joined.tokenizer)),
            (HEAD_FILE, std::mem::take(&mut joined.head)),
        ] {
            files.insert(name.to_owned(), artifacts.put(bytes.into()).await?);
        }
        let usual = || {
            format!(
                "A head on {}, trained on the labels of {}",
                self.about.uses,
                self.snapshot.reference()
            )
        };
        let description = self.spec.description.clone();
        joined.config.description = Some(description.unwrap_or_else(usual));
        Ok(Stored { joined, files })
    }

    /// What the stored classifier says of texts: the probability of each label, in their order.
    pub(super) async fn ask(
        &self,
        stored: &Stored,
        texts: &[String],
        labels: &[String],
    ) -> Result<Vec<Vec<f64>>, DataError> {
        let graph = stored.files.get(MODEL_FILE);
        let graph = graph.ok_or_else(|| DataError::Broken("the model was not stored".into()))?;
        let tokenizer = stored.files.get(TOKENIZER_FILE);
        let models = self.datasets.models();
        let answers = models.try_classify(graph, tokenizer, &stored.joined.config, texts);
        let answers = answers.await.map_err(|source| DataError::Model {
            step: format!("{}@{}", self.name, self.version),
            source: Box::new(source),
        })?;
        let in_order = |ranked: Vec<LabelScore>| {
            let score = |label: &String| {
                let found = ranked.iter().find(|scored| scored.label == *label);
                found.map_or(0.0, |scored| f64::from(scored.score))
            };
            labels.iter().map(score).collect()
        };
        Ok(answers.into_iter().map(in_order).collect())
    }

    /// Holds what is served against the arithmetic, and says how far they are apart at most.
    pub(super) fn compare(
        &self,
        served: &[Vec<f64>],
        expected: &[Vec<f64>],
    ) -> Result<f64, DataError> {
        let best = |of: &[f64]| (0..of.len()).max_by(|a, b| of[*a].total_cmp(&of[*b]));
        let mut apart: f64 = 0.0;
        let mut alike = 0;
        for (served, expected) in served.iter().zip(expected) {
            let distances = served.iter().zip(expected).map(|(a, b)| (a - b).abs());
            apart = distances.fold(apart, f64::max);
            alike += usize::from(best(served) == best(expected));
        }
        // Windows of a long text are classified one by one, and were learned as one vector.
        let whole = self.model.config().long_text != Some(LongText::Window);
        if whole && (alike as f64) < ALIKE * served.len() as f64 {
            return Err(DataError::Broken(format!(
                "the model that was written calls only {alike} of {} texts as the training does; nothing was registered. \
                 Is `{}` a model that computes the same text the same each time?",
                served.len(),
                self.about.uses
            )));
        }
        Ok(apart)
    }

    /// Registers the version, and keeps what it scored with it.
    pub(super) async fn register(&self, stored: Stored, report: &Report) -> Result<(), DataError> {
        let registry = self.datasets.registry();
        let config = serde_json::to_value(&stored.joined.config)
            .map_err(|e| DataError::Broken(e.to_string()))?;
        let lineage = Lineage {
            parent: Some(self.about.uses.clone()),
            dataset: Some(self.snapshot.reference().to_string()),
            run: Some(self.run.id.clone()),
            code: Some(format!("steward {}", env!("CARGO_PKG_VERSION"))),
        };
        let by = &self.run.created_by;
        let (tenant, name, version) = (&self.tenant, &self.name, &self.version);
        let pushed =
            registry.push_model(tenant, name, version, &config, stored.files, &lineage, by);
        pushed.await?;
        let target = ModelTarget {
            version: version.clone(),
            variant: None,
        };
        // Without the number of the snapshot: a gate holds one version after another against the same name.
        let dataset = &self.snapshot.name;
        for (part, measured) in [("folds", &report.folds), ("held-out", &report.held_out)] {
            let Some(measured) = measured else { continue };
            let about = evaluation(measured, report)?;
            let dataset = format!("{dataset}/{part}");
            let kept = registry.put_model_evaluation(tenant, name, &target, &dataset, &about, by);
            kept.await?;
        }
        if let Err(error) = self.datasets.models().refresh().await {
            tracing::warn!(%error, "a head is registered; this host sees it with its next look");
        }
        Ok(())
    }
}

fn evaluation(measured: &Measured, report: &Report) -> Result<serde_json::Value, DataError> {
    let mut about = serde_json::to_value(measured).map_err(|e| DataError::Broken(e.to_string()))?;
    about["training"] = json!({
        "run": report.run,
        "base": report.base,
        "dataset": report.dataset,
        "options": report.training,
        "characters": report.characters,
        "examples": report.examples,
    });
    Ok(about)
}
