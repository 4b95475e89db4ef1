//! Files of Label Studio come in.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;
use steward_labels::label_studio::{self as ls, FileOptions};
use steward_registry::labelling::{GivenAnnotation, LabelledTask, NewTask, Prediction, TaskState};
use steward_registry::{Name, TenantId};

use super::Labelling;
use super::label_studio::{Read, Taking, read};
use crate::DataError;

/// What is written in one transaction.
const BATCH: usize = 500;

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Imported {
    /// Tasks that are new.
    pub tasks: usize,
    /// Annotations that are new.
    pub annotations: usize,
    /// Predictions.
    pub predictions: usize,
    /// Decisions of judges that are new.
    pub adjudications: usize,
    /// Tasks, and annotations of the same label, that the project had.
    pub present: usize,
    /// Spans whose offsets were UTF-16 units and are code points now.
    pub converted: usize,
    /// Spans that quote other words than stand at their place.
    pub misquoted: usize,
    /// What was not taken, as it came, each with the reason.
    pub rejected: Vec<NotImported>,
}

/// A task that was not taken, or not as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NotImported {
    /// Its place in the file, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl Labelling {
    /// Takes tasks, annotations, predictions and ground truth out of a file of Label Studio. A file can be taken again:
    /// what the project has stays as it is. A task that is broken does not stop the others.
    ///
    /// `control` is the control whose labels are taken (`from_name`); none takes those of every one.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for what is no file of Label Studio, or too many tasks; [`DataError::Registry`].
    pub async fn import(
        &self,
        tenant: &TenantId,
        project: &Name,
        file: String,
        control: Option<&str>,
        by: &str,
    ) -> Result<Imported, DataError> {
        let (found, before) = self.said(tenant, project).await?;
        let file = super::compute(move || Ok(ls::import(&file, &FileOptions::default())?)).await?;
        let taking = Taking {
            kind: found.spec.kind,
            labels: &found.spec.labels,
            guideline: found.guideline,
            control,
            now: Timestamp::now(),
        };
        let broken: HashSet<usize> = file.rejected.iter().map(|r| r.index).collect();
        let mut imported = Imported {
            converted: file.converted,
            misquoted: file.misquoted,
            ..Imported::default()
        };
        for rejected in file.rejected {
            imported.reject(rejected.index, rejected.reason);
        }
        // The places of the tasks that are whole.
        let mut places = (0..).filter(|index| !broken.contains(index));
        let mut taken = Vec::new();
        let mut names = HashSet::new();
        for task in file.tasks {
            let index = places.next().unwrap_or_default();
            match read(task, &taking) {
                Ok(read) if !names.insert(read.task.task.clone()) => {
                    let twice = format!("the task `{}` is in the file twice", read.task.task);
                    imported.reject(index, twice);
                }
                Ok(read) => taken.push((index, read)),
                Err(reason) => imported.reject(index, reason),
            }
        }
        let before: HashMap<&str, &LabelledTask> = before
            .iter()
            .map(|task| (task.task.as_str(), task))
            .collect();
        let new = taken
            .iter()
            .filter(|(_, read)| !before.contains_key(read.task.task.as_str()));
        self.has_room(tenant, project, new.count() as u64).await?;
        for batch in taken.chunks(BATCH) {
            self.keep(tenant, project, batch, &before, by, &mut imported)
                .await?;
        }
        imported.rejected.sort_by_key(|rejected| rejected.index);
        Ok(imported)
    }

    async fn keep(
        &self,
        tenant: &TenantId,
        project: &Name,
        batch: &[(usize, Read)],
        before: &HashMap<&str, &LabelledTask>,
        by: &str,
        imported: &mut Imported,
    ) -> Result<(), DataError> {
        let registry = &self.registry;
        let tasks: Vec<NewTask> = batch.iter().map(|(_, read)| read.task.clone()).collect();
        let added = registry
            .add_missing_label_tasks(tenant, project, &tasks, by)
            .await?;
        imported.tasks += added;
        imported.present += tasks.len() - added;
        let (mut said, mut predicted) = (Vec::<GivenAnnotation>::new(), Vec::<Prediction>::new());
        for (index, read) in batch {
            let there = before.get(read.task.task.as_str());
            for annotation in &read.annotations {
                let same = there.and_then(|task| {
                    let mut said = task.annotations.iter();
                    said.find(|said| said.annotator == annotation.annotator)
                });
                match same {
                    None => said.push(annotation.clone()),
                    Some(same) if same.label == annotation.label => imported.present += 1,
                    Some(_) => imported.reject(
                        *index,
                        format!(
                            "`{}` labelled the task `{}` otherwise in this project",
                            annotation.annotator, read.task.task
                        ),
                    ),
                }
            }
            predicted.extend(read.predictions.iter().cloned());
        }
        registry.import_annotations(tenant, project, &said).await?;
        registry
            .put_label_predictions(tenant, project, &predicted)
            .await?;
        imported.annotations += said.len();
        imported.predictions += predicted.len();
        for (_, read) in batch {
            let there = before.get(read.task.task.as_str());
            let decided = there
                .is_some_and(|task| matches!(task.state, TaskState::Adjudicated | TaskState::Gold));
            if let Some(judged) = read
                .judged
                .as_ref()
                .filter(|_| !decided && read.task.gold.is_none())
            {
                let (label, at) = (&judged.label, judged.created_at);
                let (reason, by) = (&judged.reason, &judged.created_by);
                registry
                    .adjudicate(tenant, project, &read.task.task, label, reason, by, at)
                    .await?;
                imported.adjudications += 1;
            }
        }
        Ok(())
    }
}

impl Imported {
    fn reject(&mut self, index: usize, reason: String) {
        self.rejected.push(NotImported { index, reason });
    }
}
