//! Which label holds, and why.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use steward_labels::dawid_skene::{Options, dawid_skene};
use steward_labels::export::Method;
use steward_labels::gold;
use steward_labels::majority::{majority_vote, weighted_vote};
use steward_registry::labelling::{Label, LabelledTask, Project, TaskState};
use steward_registry::{Name, TenantId};

use super::known::{self, Sure};
use super::quality::gold_quality;
use super::votes::{Ballot, Tally, Verdict, ballot};
use super::weak::follows_from_functions;
use super::{ByVotes, DecideGiven, LabellerUsed, Labelling};
use crate::DataError;

mod own;

pub(super) use own::Own;

/// The label of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decided {
    /// The task.
    pub task: String,
    /// Its place in the project, from 1.
    pub position: u64,
    /// Where it stands.
    pub state: TaskState,
    /// The label that holds; none where nothing decides.
    pub label: Option<Label>,
    /// How it was decided.
    pub method: Method,
    /// Its probability, where the method gives one.
    pub confidence: Option<f64>,
    /// The version of the guideline that it was decided under.
    pub guideline: u32,
    /// The judge, the plugin or the model that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How many annotators labelled it.
    pub votes: usize,
    /// Where votes decide nothing: the labels that are as likely as each other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tied: Vec<String>,
}

/// The labels of a project.
pub(super) struct Decisions {
    /// In the order of the positions.
    pub tasks: Vec<Decided>,
    pub sure: Option<Sure>,
    /// What made the votes a label, where that is a deployed function.
    pub own: Option<LabellerUsed>,
}

impl Labelling {
    /// The labels of a project, in the order of its tasks: those after a position, at most `limit`.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for a model without predictions; [`DataError::Registry`].
    pub async fn results(
        &self,
        tenant: &TenantId,
        project: &Name,
        given: DecideGiven,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Decided>, DataError> {
        let (project, tasks) = self.said(tenant, project).await?;
        let own = self.own(tenant, &project, &tasks, &given.method).await?;
        super::compute(move || {
            let decided = decide(&project, &tasks, &given, own)?.tasks.into_iter();
            let wanted = decided.skip_while(|decided| decided.position <= after);
            Ok(wanted.take(limit).collect())
        })
        .await
    }
}

/// Decides every task: what is known before, then judges, then votes, then a model.
pub(super) fn decide(
    project: &Project,
    tasks: &[LabelledTask],
    given: &DecideGiven,
    own: Option<Own>,
) -> Result<Decisions, DataError> {
    let ballot = ballot(project, tasks)?;
    let (own, tallies) = match own {
        Some(own) => (Some(own.by), own.tallies),
        None => (None, tally(&ballot, tasks, &given.method)?),
    };
    let mut verdicts = ballot.verdicts(project.spec.kind, tasks, tallies);
    let sure = given.auto.as_ref();
    let sure = sure.map(|auto| known::sure(tasks, auto)).transpose()?;
    let plugin = own.as_ref().map(|own| own.plugin.as_str());
    let one = |task| one(project, task, given, &mut verdicts, plugin, sure.as_ref());
    let tasks = tasks.iter().map(one).collect();
    Ok(Decisions { tasks, sure, own })
}

/// By the host's own methods.
fn tally(
    ballot: &Ballot,
    tasks: &[LabelledTask],
    method: &ByVotes,
) -> Result<Vec<Tally>, DataError> {
    let votes = &ballot.annotations;
    let aggregate = match method {
        ByVotes::Majority => majority_vote(votes),
        ByVotes::WeightedVote => {
            let skills = gold::skills(&gold_quality(tasks)?);
            // Who answered no gold question is taken to be like the others.
            let default = skills.values().sum::<f64>() / skills.len().max(1) as f64;
            weighted_vote(votes, &skills, default)?
        }
        ByVotes::DawidSkene => dawid_skene(votes, &ballot.known, Options::default())?.aggregate,
        ByVotes::Function(name) => {
            return Err(DataError::Broken(format!(
                "the function `{name}` was not asked"
            )));
        }
    };
    Ok(aggregate.tasks.into_iter().map(Tally::from).collect())
}

fn one(
    project: &Project,
    task: &LabelledTask,
    given: &DecideGiven,
    verdicts: &mut HashMap<&str, Verdict>,
    plugin: Option<&str>,
    sure: Option<&Sure>,
) -> Decided {
    let read = task.annotations.iter().map(|said| said.guideline).max();
    let mut decided = Decided {
        task: task.task.clone(),
        position: task.position,
        state: task.state,
        label: None,
        method: Method::Undecided,
        confidence: None,
        guideline: read.unwrap_or(project.guideline),
        by: None,
        at: None,
        votes: task.annotations.len(),
        tied: Vec::new(),
    };
    if let Some(gold) = &task.gold {
        decided.label = Some(gold.clone());
        decided.method = Method::Gold;
        return decided;
    }
    if let Some(judged) = task.adjudications.last() {
        decided.label = Some(judged.label.clone());
        decided.method = Method::Adjudication;
        decided.guideline = judged.guideline;
        decided.by = Some(judged.created_by.clone());
        decided.at = Some(judged.created_at);
        return decided;
    }
    if (given.partial || task.state == TaskState::Complete)
        && let Some(verdict) = verdicts.remove(task.task.as_str())
    {
        decided.confidence = Some(verdict.confidence);
        if let (true, Some(label)) = (verdict.tied.is_empty(), verdict.label) {
            decided.label = Some(label);
            decided.by = plugin.map(str::to_owned);
            decided.method = match given.method {
                ByVotes::Majority => Method::Majority,
                ByVotes::WeightedVote => Method::WeightedVote,
                ByVotes::DawidSkene => Method::DawidSkene,
                ByVotes::Function(_) => Method::Function,
            };
        } else {
            // Annotators who differ want a judge, and no model.
            decided.tied = verdict.tied;
        }
        return decided;
    }
    if let Some(said) = sure.and_then(|sure| sure.prediction(task)) {
        decided.label = Some(said.label.clone());
        decided.method = if follows_from_functions(said) {
            Method::LabelModel
        } else {
            Method::Model
        };
        decided.confidence = Some(said.confidence);
        decided.by = Some(said.source.clone());
        decided.at = Some(said.created_at);
    }
    decided
}

#[cfg(test)]
mod tests;
