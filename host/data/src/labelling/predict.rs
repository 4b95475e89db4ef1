//! Models label beforehand, and say what people should look at first.

use jiff::Timestamp;
use serde::Serialize;
use steward_labels::active::{Candidate, Strategy, order};
use steward_registry::labelling::{LabelKind, LabelledTask, Prediction, TaskState};
use steward_registry::{Digest, Name, TenantId};

use self::asked::{Answer, Asked};
use super::{Labelling, PredictGiven, task};
use crate::DataError;

mod asked;
mod tagger;

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
    /// [`DataError::Invalid`] for a model that does not label what the project labels, or labels that are none of the
    /// project's; [`DataError::Model`], [`DataError::Registry`].
    pub async fn predict(
        &self,
        tenant: &TenantId,
        project: &Name,
        given: &PredictGiven,
    ) -> Result<Predicted, DataError> {
        let registry = &self.registry;
        let found = registry.label_project(tenant, project).await?;
        one_model_orders(given.order)?;
        let model = match found.spec.kind {
            LabelKind::Choice => self.classifier(tenant, &found, given).await?,
            LabelKind::Spans => self.tagger(tenant, &found, given).await?,
        };
        let limit = given.limit.unwrap_or(USUAL).clamp(1, MOST);
        let mut predicted = Predicted {
            model: model.about().uses.clone(),
            digest: model.about().digest,
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
        model: &Asked,
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
        let answers = model.answers(&texts).await?;
        let now = Timestamp::now();
        let said = tasks.iter().zip(&answers).filter_map(|(task, answer)| {
            let answer = answer.as_ref()?;
            Some(Prediction {
                task: task.task.clone(),
                source: model.about().uses.clone(),
                label: answer.label.clone(),
                confidence: answer.confidence,
                created_at: now,
                provenance: None,
            })
        });
        let said: Vec<Prediction> = said.collect();
        let registry = &self.registry;
        registry
            .put_label_predictions(tenant, project, &said)
            .await?;
        predicted.predicted += said.len();
        if let Some(strategy) = given.order {
            let ranks = ranks(strategy, &tasks, answers)?;
            registry.rank_label_tasks(tenant, project, &ranks).await?;
            predicted.ranked += ranks.len();
        }
        Ok(())
    }
}

/// Refuses an order that takes several models.
pub(super) fn one_model_orders(order: Option<Strategy>) -> Result<(), DataError> {
    if order == Some(Strategy::Disagreement) {
        return Err(DataError::Invalid(
            "one model cannot disagree with itself; take `margin`, `entropy` or `least-confidence`"
                .into(),
        ));
    }
    Ok(())
}

/// A score as the rank of a task: what is worth most comes first.
pub(super) fn rank(score: f64) -> i64 {
    -(score * RANKS).round() as i64
}

/// The ranks of the open ones among these tasks.
fn ranks(
    strategy: Strategy,
    tasks: &[&LabelledTask],
    answers: Vec<Option<Answer>>,
) -> Result<Vec<(String, i64)>, DataError> {
    let open = tasks.iter().zip(answers);
    let open = open.filter(|(task, _)| task.state == TaskState::Open);
    let (mut ranks, mut candidates) = (Vec::new(), Vec::new());
    for (task, answer) in open {
        let task = task.task.clone();
        match answer {
            None => {}
            Some(Answer {
                distribution: Some(distribution),
                ..
            }) => candidates.push(Candidate {
                task,
                distributions: vec![distribution],
            }),
            // Where there is one number alone, every strategy comes to it.
            Some(answer) => ranks.push((task, rank(1.0 - answer.confidence))),
        }
    }
    let ranked = order(strategy, &candidates)?.into_iter();
    ranks.extend(ranked.map(|ranked| (ranked.task, rank(ranked.score))));
    Ok(ranks)
}
