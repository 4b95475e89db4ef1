//! Models label beforehand, and say what people should look at first.

use jiff::Timestamp;
use serde::Serialize;
use steward_inference::{LabelScore, Task};
use steward_labels::active::{Candidate, Strategy, order};
use steward_registry::labelling::{Label, LabelKind, LabelledTask, Prediction, Project, TaskState};
use steward_registry::{Digest, Name, TenantId};

use super::{Labelling, PredictGiven, task};
use crate::step::{Classify, Labels, labels_for, open_model};
use crate::{ClassLabels, DataError};

/// Tasks that are looked at in one call, where it does not say otherwise.
const USUAL: usize = 1_000;
/// And at most.
const MOST: usize = 10_000;
/// Texts that go to the model at a time.
const BATCH: usize = 256;
/// A score of 1 as a rank: ranks are whole numbers, and the smaller comes first.
const RANKS: f64 = 1_000_000.0;

/// What a model has predicted in one call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Predicted {
    /// The model, as `minilm@1.0.0`: the source of the predictions.
    pub model: String,
    /// Digest of its file.
    pub digest: Digest,
    /// Tasks that have its prediction now.
    pub predicted: usize,
    /// Those of them that stand in another place of the queue now.
    pub ranked: usize,
    /// Tasks without a text.
    pub without_text: usize,
    /// The position after which the next call goes on; none at the end.
    pub next: Option<u64>,
}

impl Labelling {
    /// Lets a model predict the labels of a page of tasks: those that are open, and those whose label is known, to
    /// measure it by. Open tasks are put in an order, what the model is least sure of first.
    ///
    /// Ranks are the score of the strategy, times −1,000,000, and so comparable over pages; tasks that no model has
    /// looked at have 0 and come last.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for a model that does not label texts, labels that are none of the project's, or a project
    /// that labels parts of texts; [`DataError::Model`], [`DataError::Registry`].
    pub async fn predict(
        &self,
        tenant: &TenantId,
        project: &Name,
        given: &PredictGiven,
    ) -> Result<Predicted, DataError> {
        let registry = &self.registry;
        let found = registry.label_project(tenant, project).await?;
        if found.spec.kind == LabelKind::Spans {
            return Err(DataError::Invalid(
                "this project labels parts of texts, and the model would label texts as a whole"
                    .into(),
            ));
        }
        if given.order == Some(Strategy::Disagreement) {
            return Err(DataError::Invalid(
                "one model cannot disagree with itself; take `margin`, `entropy` or `least-confidence`".into(),
            ));
        }
        let model = self.classifier(tenant, &found, given).await?;
        let limit = given.limit.unwrap_or(USUAL).clamp(1, MOST);
        let mut predicted = Predicted {
            model: model.about.uses.clone(),
            digest: model.about.digest,
            predicted: 0,
            ranked: 0,
            without_text: 0,
            next: Some(given.after),
        };
        let mut left = limit;
        while left > 0 {
            let after = predicted.next.unwrap_or_default();
            let size = left.min(BATCH);
            let page = registry
                .labelled_tasks(tenant, project, after, size)
                .await?;
            left -= size;
            predicted.next = match page.last() {
                Some(last) if page.len() == size => Some(last.position),
                _ => None,
            };
            self.predict_page(tenant, project, given, &model, &page, &mut predicted)
                .await?;
            if predicted.next.is_none() {
                break;
            }
        }
        Ok(predicted)
    }

    async fn predict_page(
        &self,
        tenant: &TenantId,
        project: &Name,
        given: &PredictGiven,
        model: &Classify,
        page: &[LabelledTask],
        predicted: &mut Predicted,
    ) -> Result<(), DataError> {
        let wanted = page.iter().filter(|task| task.state != TaskState::Complete);
        let (tasks, texts): (Vec<&LabelledTask>, Vec<String>) = wanted
            .clone()
            .filter_map(|task| Some((task, task::text(&task.data)?.to_owned())))
            .unzip();
        predicted.without_text += wanted.count() - tasks.len();
        if tasks.is_empty() {
            return Ok(());
        }
        let scored = model.scored(&texts).await;
        let scored = scored.map_err(|source| DataError::Model {
            step: model.about.step.clone(),
            source: Box::new(source),
        })?;
        let now = Timestamp::now();
        let said = tasks.iter().zip(&scored).filter_map(|(task, labels)| {
            let best = labels.first()?;
            Some(Prediction {
                task: task.task.clone(),
                source: model.about.uses.clone(),
                label: Label::Choice(best.label.clone()),
                confidence: f64::from(best.score).clamp(0.0, 1.0),
                created_at: now,
            })
        });
        let said: Vec<Prediction> = said.collect();
        let registry = &self.registry;
        registry
            .put_label_predictions(tenant, project, &said)
            .await?;
        predicted.predicted += said.len();
        if let Some(strategy) = given.order {
            let ranks = ranks(strategy, &tasks, &scored)?;
            registry.rank_label_tasks(tenant, project, &ranks).await?;
            predicted.ranked += ranks.len();
        }
        Ok(())
    }

    /// The model, with labels that are all of the project's.
    async fn classifier(
        &self,
        tenant: &TenantId,
        project: &Project,
        given: &PredictGiven,
    ) -> Result<Classify, DataError> {
        let step = format!("classify:{}", given.model);
        let (about, model) = open_model(&self.models, tenant, &step, &given.model).await?;
        let task = model.config().task;
        let labels = match &given.labels {
            Some(labels) => labels.source()?.read()?,
            None if task == Task::Embed => ClassLabels::Named(project.spec.labels.clone()),
            None => ClassLabels::Model,
        };
        let names: Vec<&String> = match &labels {
            ClassLabels::Model => model.config().labels.iter().collect(),
            ClassLabels::Named(labels) => labels.iter().collect(),
            ClassLabels::Examples(labels) => labels.iter().map(|(label, _)| label).collect(),
        };
        let foreign = names
            .iter()
            .find(|name| !project.spec.labels.contains(name));
        if let Some(foreign) = foreign {
            return Err(DataError::Invalid(format!(
                "the model would choose `{}`, which is none of the labels of this project: {}; give `labels` that are",
                foreign.chars().take(80).collect::<String>(),
                project
                    .spec
                    .labels
                    .join(", ")
                    .chars()
                    .take(200)
                    .collect::<String>()
            )));
        }
        let labels: Labels = labels_for(&step, task, labels)?;
        Ok(Classify {
            about,
            model,
            labels,
        })
    }
}

/// The ranks of the open ones among these tasks.
fn ranks(
    strategy: Strategy,
    tasks: &[&LabelledTask],
    scored: &[Vec<LabelScore>],
) -> Result<Vec<(String, i64)>, DataError> {
    let open = tasks
        .iter()
        .zip(scored)
        .filter(|(task, _)| task.state == TaskState::Open);
    let candidates: Vec<Candidate> = open
        .map(|(task, labels)| Candidate {
            task: task.task.clone(),
            distributions: vec![labels.iter().map(|label| f64::from(label.score)).collect()],
        })
        .collect();
    let ranked = order(strategy, &candidates)?;
    Ok(ranked
        .into_iter()
        .map(|ranked| (ranked.task, -(ranked.score * RANKS).round() as i64))
        .collect())
}
