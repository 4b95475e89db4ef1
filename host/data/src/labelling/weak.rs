//! Weak supervision: the labelling functions of deployed labellers vote on the tasks of a project, a model of them says
//! how good each is and what they come to together.

mod given;
mod provenance;
mod report;
mod voting;

use std::collections::BTreeMap;

use jiff::Timestamp;
use steward_labels::active::{Candidate, Strategy, order};
use steward_labels::weak::{FunctionSummary, LabelModel, Options, WeakLabel, analyse, fit};
use steward_registry::labelling::{Label, LabelKind, Prediction, TaskState};
use steward_registry::{Name, TenantId};

use self::provenance::Provenance;
use self::voting::{Cast, Voters};
use super::{Labelling, predict};
use crate::DataError;

pub use given::{BalanceGiven, BalanceWord, WeakGiven};
pub(super) use provenance::follows_from_functions;
pub use report::{FunctionReport, Weak};

/// What is written in one transaction.
const BATCH: usize = 500;

impl Labelling {
    /// Lets labelling functions vote on every task, fits a model of them, and keeps what it says about each task as the
    /// prediction of one source: `weak:` and the names of the labellers. Each prediction says who voted for what. Open
    /// tasks are put in an order, what the model is least sure of first.
    ///
    /// What the same source said before, and does not say any more, is forgotten.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for a project that labels parts of texts, functions that vote for labels that are none of
    /// the project's or not at all; [`DataError::Function`] where a labeller cannot be asked or breaks its contract;
    /// [`DataError::Registry`].
    pub async fn weak(
        &self,
        tenant: &TenantId,
        project: &Name,
        given: &WeakGiven,
    ) -> Result<Weak, DataError> {
        let found = self.registry.label_project(tenant, project).await?;
        if found.spec.kind == LabelKind::Spans {
            return Err(DataError::Invalid(
                "this project labels parts of texts, and labelling functions label texts as a whole".into(),
            ));
        }
        predict::one_model_orders(given.order)?;
        let source = given.source()?;
        let balance = given.balance.of(&found.spec.labels)?;
        let now = Timestamp::now();
        let voters = Voters::open(
            &self.functions,
            tenant,
            &given.functions,
            &found.spec.labels,
        );
        let voters = voters.await?;
        let cast = self
            .cast(tenant, project, &voters, &found.spec.labels)
            .await?;
        let options = Options {
            balance,
            ..Options::default()
        };
        let strategy = given.order;
        let (cast, fitted) = super::compute(move || {
            let fitted = Fitted::of(&cast, &options, strategy)?;
            Ok((cast, fitted))
        })
        .await?;
        let predicted = self
            .put_weak(tenant, project, &source, now, &voters, &cast, &fitted)
            .await?;
        let registry = &self.registry;
        for ranks in fitted.ranks.chunks(BATCH) {
            registry.rank_label_tasks(tenant, project, ranks).await?;
        }
        registry
            .forget_label_predictions(tenant, project, &source, now)
            .await?;
        Ok(report::weak(source, &voters, &cast, &fitted, predicted))
    }

    /// Stores what the model says about every task on which somebody voted; how many these are.
    #[allow(
        clippy::too_many_arguments,
        reason = "they are what one prediction is made of"
    )]
    async fn put_weak(
        &self,
        tenant: &TenantId,
        project: &Name,
        source: &str,
        now: Timestamp,
        voters: &Voters,
        cast: &Cast,
        fitted: &Fitted,
    ) -> Result<usize, DataError> {
        let mut predicted = 0;
        let rows: Vec<_> = cast.rows.iter().zip(&fitted.model.rows).collect();
        for rows in rows.chunks(BATCH) {
            let said: Vec<Prediction> = rows
                .iter()
                .filter_map(|(row, weak)| {
                    Some(Prediction {
                        task: row.task.clone(),
                        source: source.to_owned(),
                        label: Label::Choice(decided(weak)?.to_owned()),
                        confidence: weak.confidence.clamp(0.0, 1.0),
                        created_at: now,
                        provenance: Some(Provenance::of(row, voters).into_value()),
                    })
                })
                .collect();
            predicted += said.len();
            self.registry
                .put_label_predictions(tenant, project, &said)
                .await?;
        }
        Ok(predicted)
    }
}

/// The label of a row; none where nobody voted, and where several are as likely.
fn decided(weak: &WeakLabel) -> Option<&str> {
    weak.label.as_deref().filter(|_| weak.tied.is_empty())
}

/// What follows from the votes.
struct Fitted {
    model: LabelModel,
    summaries: Vec<FunctionSummary>,
    /// Of the open tasks.
    ranks: Vec<(String, i64)>,
}

impl Fitted {
    fn of(cast: &Cast, options: &Options, strategy: Option<Strategy>) -> Result<Self, DataError> {
        let model = fit(&cast.votes, options)?;
        let known: BTreeMap<usize, String> = cast
            .rows
            .iter()
            .enumerate()
            .filter_map(|(place, row)| Some((place, row.known.clone()?)))
            .collect();
        let summaries = analyse(&cast.votes, &known)?;
        let open = cast.rows.iter().zip(&model.rows);
        let open = open.filter(|(row, _)| strategy.is_some() && row.state == TaskState::Open);
        let candidates: Vec<Candidate> = open
            .map(|(row, weak)| Candidate {
                task: row.task.clone(),
                distributions: vec![weak.distribution.clone()],
            })
            .collect();
        let ranked = order(strategy.unwrap_or(Strategy::Margin), &candidates)?;
        Ok(Self {
            ranks: ranked
                .into_iter()
                .map(|ranked| (ranked.task, predict::rank(ranked.score)))
                .collect(),
            model,
            summaries,
        })
    }
}
