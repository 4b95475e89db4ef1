//! Measuring a model with rows that say what is right.

mod asking;
mod metrics;
mod report;
mod rows;

use std::borrow::Cow;
use std::collections::BTreeMap;

use steward_inference::{Caller, LabelScore, Model, Task};
use steward_registry::{ModelEvaluation, ModelRef, TenantId};

use crate::question::{Classify, ClassifyTokens, ScorePairs};
use crate::{ModelError, Models};
use asking::{Asking, BATCH, SAME_LABEL};
pub use metrics::{LabelMetrics, label_metrics, macro_f1};
use metrics::{entities, log_loss, mean, pearson, spearman};
pub use report::EvaluationReport;
use report::Metrics;
pub use rows::{EvaluationRow, LabelledSpan, MAX_EVALUATION_ROWS};
use rows::{each, slices};

/// What a model is to be measured with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluation {
    /// What the rows are called. A second evaluation with rows of the same name takes the place of the
    /// first.
    pub dataset: String,
    /// The rows.
    pub rows: Vec<EvaluationRow>,
    /// For a model that embeds and rows with labels: the labels to choose from, as in zero-shot
    /// classification. None means those of the rows.
    pub labels: Vec<String>,
}

impl Models {
    /// Measures a model, keeps what it scored, and tells it.
    ///
    /// A classifier needs rows with `label`, a token classifier rows with `entities`, a model that
    /// embeds either rows with `text_pair` and `score` or rows with `label`. A variant is measured
    /// beside the version as it was pushed. It makes way for everybody who waits for an answer.
    ///
    /// # Errors
    /// [`ModelError::Evaluation`] for rows that do not fit the model, and every other [`ModelError`].
    pub async fn evaluate(
        &self,
        tenant: &TenantId,
        model: &ModelRef,
        evaluation: &Evaluation,
        by: &str,
    ) -> Result<ModelEvaluation, ModelError> {
        let count = evaluation.rows.len();
        if count == 0 || count > MAX_EVALUATION_ROWS {
            return Err(ModelError::Evaluation(format!(
                "an evaluation has 1 to {MAX_EVALUATION_ROWS} rows, not {count}"
            )));
        }
        let resolved = self.resolve(tenant, model)?;
        let open = async |variant| {
            let model = self.loader().load(&resolved.version, variant).await?;
            Ok::<Model, ModelError>(model.with_caller(Caller::bulk(tenant.as_str())))
        };
        let original = match &resolved.variant {
            None => None,
            Some(_) => Some(open(None).await?),
        };
        let asking = Asking::new(open(resolved.variant.as_ref()).await?, original);
        let report = measure(asking, evaluation).await?;
        let json = serde_json::to_value(&report)
            .map_err(|error| ModelError::Evaluation(error.to_string()))?;
        let (name, target) = (&resolved.version.name, resolved.target());
        let registry = &self.loader().registry;
        let dataset = &evaluation.dataset;
        Ok(registry
            .put_model_evaluation(tenant, name, &target, dataset, &json, by)
            .await?)
    }
}

async fn measure(asking: Asking, evaluation: &Evaluation) -> Result<EvaluationReport, ModelError> {
    let rows = &evaluation.rows;
    let task = asking.model().config().task;
    let labelled = rows.iter().any(|row| row.label.is_some());
    let (mut metrics, labels, rest) = match task {
        Task::Classify => of_labels(asking, rows, None).await?,
        Task::ClassifyTokens => of_entities(asking, rows).await?,
        Task::Embed if labelled => {
            let choice = choice(evaluation)?;
            of_labels(asking, rows, Some(choice)).await?
        }
        Task::Embed | Task::ScorePairs => of_pairs(asking, rows).await?,
        Task::Tensors => {
            return Err(ModelError::Evaluation(
                "a model of the task `tensors` is not measured here: what its numbers mean is its own affair".into(),
            ));
        }
    };
    metrics.0.extend(rest.0);
    Ok(EvaluationReport {
        task,
        rows: rows.len(),
        metrics: metrics.0,
        labels,
    })
}

/// Numbers of the answers, those of each label, and those of speed and likeness.
type Measured = (Metrics, BTreeMap<String, LabelMetrics>, Metrics);

/// The labels that an embedding model chooses from: those that were named, else those of the rows.
fn choice(evaluation: &Evaluation) -> Result<Vec<String>, ModelError> {
    if !evaluation.labels.is_empty() {
        return Ok(evaluation.labels.clone());
    }
    let mut labels = each(&evaluation.rows, "label", |row| row.label.clone())?;
    labels.sort();
    labels.dedup();
    Ok(labels)
}

async fn of_labels(
    mut asking: Asking,
    rows: &[EvaluationRow],
    choice: Option<Vec<String>>,
) -> Result<Measured, ModelError> {
    let is = each(rows, "label", |row| row.label.as_deref())?;
    let known = match &choice {
        Some(choice) => choice.clone(),
        None => asking.model().config().labels.clone(),
    };
    if let Some((at, label)) = is
        .iter()
        .enumerate()
        .find(|(_, is)| !known.iter().any(|k| k == **is))
    {
        let some: Vec<&str> = known.iter().take(20).map(String::as_str).collect();
        return Err(ModelError::Evaluation(format!(
            "row {at} has the label `{label}`, which is none of `{}`",
            some.join("`, `")
        )));
    }
    let texts = texts(rows);
    let question = |texts: &[String]| Classify {
        texts: Cow::Owned(texts.to_vec()),
        labels: choice.clone().map(Cow::Owned),
    };
    let mut ranked: Vec<Vec<LabelScore>> = Vec::with_capacity(rows.len());
    for batch in texts.chunks(BATCH) {
        ranked.extend(asking.ask(question(batch)).await?.labels);
    }
    asking.ask_alone(&texts, question).await?;
    let best: Vec<&str> = ranked
        .iter()
        .map(|ranked| ranked.first().map_or("", |best| best.label.as_str()))
        .collect();
    let given = |at: usize| {
        let score = ranked[at].iter().find(|scored| scored.label == is[at]);
        score.map_or(0.0, |scored| f64::from(scored.score))
    };
    let mut metrics = Metrics::default();
    let mut labels = BTreeMap::new();
    for (name, places) in slices(rows) {
        let right = places.iter().map(|&at| f64::from(is[at] == best[at]));
        metrics.set(&format!("accuracy{name}"), mean(right));
        let found = label_metrics(places.iter().map(|&at| (is[at], best[at])));
        metrics.set(&format!("macro_f1{name}"), macro_f1(&found));
        let loss = log_loss(places.iter().map(|&at| given(at)));
        metrics.set(&format!("log_loss{name}"), loss);
        if name.is_empty() {
            labels = found;
        }
    }
    Ok((metrics, labels, asking.metrics(SAME_LABEL)))
}

async fn of_pairs(mut asking: Asking, rows: &[EvaluationRow]) -> Result<Measured, ModelError> {
    let pairs = each(rows, "text_pair", |row| row.text_pair.clone())?;
    let scores = each(rows, "score", |row| row.score)?;
    let texts = texts(rows);
    let both: Vec<(String, String)> = texts.iter().cloned().zip(pairs).collect();
    let mut found = Vec::with_capacity(rows.len());
    for pairs in both.chunks(BATCH / 2) {
        let scored = asking.ask(ScorePairs(Cow::Borrowed(pairs))).await?;
        found.extend(scored.scores.iter().map(|pair| f64::from(pair.score)));
    }
    let alone = |texts: &[String]| {
        let pair = |text: &String| (text.clone(), text.clone());
        ScorePairs(Cow::Owned(texts.iter().map(pair).collect()))
    };
    asking.ask_alone(&texts, alone).await?;
    let mut metrics = Metrics::default();
    for (name, places) in slices(rows) {
        let of = |numbers: &[f64]| -> Vec<f64> { places.iter().map(|&at| numbers[at]).collect() };
        let (found, expected) = (of(&found), of(&scores));
        metrics.set(&format!("pearson{name}"), pearson(&found, &expected));
        metrics.set(&format!("spearman{name}"), spearman(&found, &expected));
    }
    Ok((metrics, BTreeMap::new(), asking.metrics("similarity")))
}

async fn of_entities(mut asking: Asking, rows: &[EvaluationRow]) -> Result<Measured, ModelError> {
    let is = each(rows, "entities", |row| row.entities.as_deref())?;
    let texts = texts(rows);
    let question = |texts: &[String]| ClassifyTokens(Cow::Owned(texts.to_vec()));
    let mut found = Vec::with_capacity(rows.len());
    for batch in texts.chunks(BATCH) {
        found.extend(asking.ask(question(batch)).await?.entities);
    }
    asking.ask_alone(&texts, question).await?;
    let mut metrics = Metrics::default();
    let mut labels = BTreeMap::new();
    for (name, places) in slices(rows) {
        let texts = places.iter().map(|&at| {
            let is = is[at].iter().map(|e| (e.start, e.end, e.label.as_str()));
            let called = found[at].iter().map(|e| (e.start, e.end, e.label.as_str()));
            (is.collect(), called.collect())
        });
        let (all, by_label) = entities(texts);
        metrics.set(&format!("precision{name}"), Some(all.precision));
        metrics.set(&format!("recall{name}"), Some(all.recall));
        metrics.set(&format!("f1{name}"), Some(all.f1));
        if name.is_empty() {
            labels = by_label;
        }
    }
    Ok((metrics, labels, asking.metrics("overlap")))
}

fn texts(rows: &[EvaluationRow]) -> Vec<String> {
    rows.iter().map(|row| row.text.clone()).collect()
}
