//! Tasks come in.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};
use steward_registry::labelling::{Label, LabelKind, NewTask, Project};
use steward_registry::{DatasetRef, Name, TenantId};

use super::task::{self, PROVENANCE, SOURCE, Source, TEXT};
use super::{AddGiven, Labelling, MAX_TASKS, TaskGiven};
use crate::lines::{Line, Lines};
use crate::record::Record;
use crate::{DEFAULT_MAX_LINE_BYTES, DataError, Fields};

/// Rows that become tasks in one transaction.
const BATCH: usize = 500;
/// How many rows that are no tasks are named.
const NAMED: usize = 20;

/// What became of the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Added {
    /// Tasks that are new.
    pub added: u64,
    /// Gold questions among them.
    pub gold: u64,
    /// Tasks that the project had: they stay as they are.
    pub present: u64,
    /// Rows that are no tasks.
    pub rejected: u64,
    /// The first of these, each with its line and the reason.
    pub reasons: Vec<NotAdded>,
    /// The snapshot, by its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetRef>,
}

/// A row that is no task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotAdded {
    /// The line in the snapshot, from 1.
    line: u64,
    /// What is wrong with it.
    reason: String,
}

impl Labelling {
    /// Adds tasks. Rows of a dataset that the project has as tasks are passed over, so that an addition can be made
    /// again; tasks that come with the request are all added, or none.
    ///
    /// # Errors
    /// [`DataError::Invalid`] where nothing, or nothing but what is no task, is given, or over [`MAX_TASKS`];
    /// [`DataError::Registry`].
    pub async fn add(
        &self,
        tenant: &TenantId,
        project: &Name,
        given: AddGiven,
        by: &str,
    ) -> Result<Added, DataError> {
        // Before anything else is looked at: what could be wrong with it means nothing without the project.
        let found = self.registry.label_project(tenant, project).await?;
        match (&given.dataset, given.tasks) {
            (Some(dataset), None) => {
                let dataset = dataset.clone();
                let given = AddGiven {
                    tasks: None,
                    ..given
                };
                self.add_rows(tenant, &found, &dataset, given, by).await
            }
            (None, Some(tasks)) => self.add_given(tenant, project, tasks, by).await,
            _ => Err(DataError::Invalid(
                "name a `dataset` whose rows become tasks, or give `tasks`".into(),
            )),
        }
    }

    async fn add_given(
        &self,
        tenant: &TenantId,
        project: &Name,
        tasks: Vec<TaskGiven>,
        by: &str,
    ) -> Result<Added, DataError> {
        let mut read = Vec::with_capacity(tasks.len());
        for (place, task) in tasks.into_iter().enumerate() {
            let task = task
                .task()
                .map_err(|reason| DataError::Invalid(format!("task {}: {reason}", place + 1)))?;
            read.push(task);
        }
        self.has_room(tenant, project, read.len() as u64).await?;
        self.registry
            .add_label_tasks(tenant, project, &read, by)
            .await?;
        Ok(Added {
            added: read.len() as u64,
            gold: gold(&read),
            ..Added::default()
        })
    }

    async fn add_rows(
        &self,
        tenant: &TenantId,
        found: &Project,
        dataset: &DatasetRef,
        given: AddGiven,
        by: &str,
    ) -> Result<Added, DataError> {
        let project = &found.name;
        if given.gold_field.is_some() && found.spec.kind == LabelKind::Spans {
            return Err(DataError::Invalid(
                "`gold_field` holds one label for the whole; this project labels parts of texts, so set gold task by task"
                    .into(),
            ));
        }
        let snapshot = self.registry.snapshot(tenant, dataset).await?;
        let mut added = Added {
            dataset: Some(snapshot.reference()),
            ..Added::default()
        };
        let path = self.datasets.fetch(snapshot.file).await?;
        let mut rows =
            Rows::open(path, snapshot.reference(), given, found.spec.labels.clone()).await?;
        loop {
            let tasks;
            (rows, tasks) = super::compute(move || rows.batch()).await?;
            if tasks.is_empty() {
                break;
            }
            self.has_room(tenant, project, tasks.len() as u64).await?;
            let new = self
                .registry
                .add_missing_label_tasks(tenant, project, &tasks, by)
                .await? as u64;
            added.added += new;
            added.present += tasks.len() as u64 - new;
            added.gold += gold(&tasks);
        }
        added.rejected = rows.rejected;
        added.reasons = rows.reasons;
        match added.reasons.first() {
            None if added.added + added.present == 0 => Err(DataError::Invalid(format!(
                "`{}` has no rows there",
                snapshot.reference()
            ))),
            Some(first) if added.added + added.present == 0 => Err(DataError::Invalid(format!(
                "none of the rows of `{}` can be a task; the first, line {}: {}",
                snapshot.reference(),
                first.line,
                first.reason
            ))),
            _ => Ok(added),
        }
    }

    /// Whether so many more tasks fit into the project.
    pub(super) async fn has_room(
        &self,
        tenant: &TenantId,
        project: &Name,
        more: u64,
    ) -> Result<(), DataError> {
        let now = jiff::Timestamp::now();
        let status = self.registry.label_status(tenant, project, now).await?;
        let tasks = status.gold + status.open + status.complete + status.adjudicated;
        if tasks.saturating_add(more) > MAX_TASKS {
            return Err(DataError::Invalid(format!(
                "the project has {tasks} tasks; with {more} more it would have over {MAX_TASKS}: make another project"
            )));
        }
        Ok(())
    }
}

fn gold(tasks: &[NewTask]) -> u64 {
    tasks.iter().filter(|task| task.gold.is_some()).count() as u64
}

/// The rows of a snapshot, on their way to be tasks.
struct Rows {
    lines: Lines<BufReader<File>>,
    path: PathBuf,
    dataset: DatasetRef,
    fields: Fields,
    gold_field: Option<String>,
    labels: Vec<String>,
    skip: u64,
    left: u64,
    names: HashSet<String>,
    rejected: u64,
    reasons: Vec<NotAdded>,
}

impl Rows {
    async fn open(
        path: PathBuf,
        dataset: DatasetRef,
        given: AddGiven,
        labels: Vec<String>,
    ) -> Result<Self, DataError> {
        let file = tokio::fs::File::open(&path)
            .await
            .map_err(DataError::file("read", &path))?
            .into_std()
            .await;
        let reader = BufReader::with_capacity(256 * 1024, file);
        let usual = Fields::default();
        Ok(Self {
            lines: Lines::new(reader, DEFAULT_MAX_LINE_BYTES),
            path,
            dataset,
            fields: Fields {
                text: given.text_field.unwrap_or_else(|| TEXT.to_owned()),
                id: given.id_field.unwrap_or(usual.id.clone()),
                ..usual
            },
            gold_field: given.gold_field,
            labels,
            skip: given.skip,
            left: given.limit.unwrap_or(u64::MAX),
            names: HashSet::new(),
            rejected: 0,
            reasons: Vec::new(),
        })
    }

    /// The next tasks; none at the end.
    fn batch(mut self) -> Result<(Self, Vec<NewTask>), DataError> {
        let mut tasks = Vec::new();
        while tasks.len() < BATCH && self.left > 0 {
            let next = self.lines.next();
            let Some(line) = next.map_err(DataError::file("read", &self.path))? else {
                break;
            };
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.left -= 1;
            match self.task(&line) {
                Ok(task) => tasks.push(task),
                Err(reason) => {
                    self.rejected += 1;
                    if self.reasons.len() < NAMED {
                        let line = line.number;
                        self.reasons.push(NotAdded { line, reason });
                    }
                }
            }
        }
        Ok((self, tasks))
    }

    fn task(&mut self, line: &Line) -> Result<NewTask, String> {
        let read = Record::parse(line, DEFAULT_MAX_LINE_BYTES, &self.fields, &[SOURCE]);
        let record = read.map_err(|reason| reason.to_string())?;
        let mut data: Value = serde_json::from_slice(&line.bytes).map_err(|e| e.to_string())?;
        let gold = match &self.gold_field {
            None => None,
            Some(field) => self.gold(field, &mut data)?,
        };
        // What others said before is not for the eyes of annotators; it stays in the snapshot that the task names.
        if task::is_provenance(&data[PROVENANCE]) {
            data.as_object_mut()
                .and_then(|row| row.shift_remove(PROVENANCE));
        }
        data[SOURCE] = json!(Source {
            dataset: self.dataset.clone(),
            line: line.number,
            text_field: self.fields.text.clone(),
        });
        task::check_task(&record.id, &data)?;
        if !self.names.insert(record.id.clone()) {
            return Err(format!(
                "the name `{}` is that of a row before; name another field that holds names",
                record.id
            ));
        }
        Ok(NewTask {
            task: record.id,
            data,
            gold,
            rank: 0,
        })
    }

    /// Takes the known label out of a row: an annotator shall not see it.
    fn gold(&self, field: &str, data: &mut Value) -> Result<Option<Label>, String> {
        match data.as_object_mut().and_then(|row| row.shift_remove(field)) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(label)) if self.labels.contains(&label) => {
                Ok(Some(Label::Choice(label)))
            }
            Some(other) => Err(format!(
                "the field `{field}` holds {}, which is none of the labels of this project",
                other.to_string().chars().take(80).collect::<String>()
            )),
        }
    }
}
