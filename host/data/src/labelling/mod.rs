//! Labelling: what lies between the queue of the registry, the arithmetic of labels, and models.
//!
//! Tasks come from a snapshot of a dataset, from a request, or from a file of Label Studio. Annotators label them,
//! models predict, judges decide; what holds goes out as the next snapshot of a dataset, and each row says who said
//! what.
//!
//! The whole of a project is looked at when labels are decided, so a project is bounded: see [`MAX_TASKS`].

mod add;
mod decide;
mod export;
mod given;
mod import;
mod known;
mod label_studio;
mod labeller;
mod predict;
mod quality;
mod reading;
mod task;
mod votes;
mod weak;

use jiff::Timestamp;
use steward_functions::Functions;
use steward_models::Models;
use steward_registry::labelling::{Adjudication, Assignment, GivenAnnotation, Label, Project};
use steward_registry::{Name, Registry, TenantId};

use crate::{DataError, Datasets};

pub use add::Added;
pub use decide::Decided;
pub use export::{ExportFormat, ExportGiven};
pub use given::{
    AddGiven, AutoGiven, ByVotes, DecideGiven, LabelGiven, PredictGiven, ProjectGiven, TaskGiven,
};
pub use import::{Imported, NotImported};
pub use known::Trust;
pub use labeller::LabellerUsed;
pub use predict::Predicted;
pub use quality::{Agreement, AnnotatorReport, Measure};
pub use weak::{BalanceGiven, BalanceWord, FunctionReport, Weak, WeakGiven};

/// The most tasks of a project.
pub const MAX_TASKS: u64 = 200_000;

/// The labelling projects of this host. Cheap to clone.
#[derive(Clone)]
pub struct Labelling {
    registry: Registry,
    functions: Functions,
    models: Models,
    datasets: Datasets,
}

impl Labelling {
    /// Remembers where things are.
    pub fn new(
        registry: Registry,
        functions: Functions,
        models: Models,
        datasets: Datasets,
    ) -> Self {
        Self {
            registry,
            functions,
            models,
            datasets,
        }
    }

    /// The datasets that labels come from and go to.
    pub(crate) fn datasets(&self) -> &Datasets {
        &self.datasets
    }

    /// Creates a project with the first version of its guideline.
    ///
    /// # Errors
    /// [`DataError::Registry`]
    pub async fn create(
        &self,
        tenant: &TenantId,
        given: &ProjectGiven,
        by: &str,
    ) -> Result<Project, DataError> {
        let (name, spec) = (&given.name, given.spec());
        let created = self
            .registry
            .create_label_project(tenant, name, &spec, &given.guideline, by);
        Ok(created.await?)
    }

    /// Hands the annotator a task, with the project that says what can be answered; none where there is nothing to do.
    ///
    /// # Errors
    /// [`DataError::Registry`]
    pub async fn next(
        &self,
        tenant: &TenantId,
        project: &Name,
        annotator: &str,
    ) -> Result<Option<(Project, Assignment)>, DataError> {
        let registry = &self.registry;
        let taken = registry.take_label_task(tenant, project, annotator, Timestamp::now());
        let Some(assignment) = taken.await? else {
            return Ok(None);
        };
        let project = registry.label_project(tenant, project).await?;
        Ok(Some((project, assignment)))
    }

    /// Keeps what an annotator says about a task that it was handed.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for a span that is not within the text; [`DataError::Registry`].
    pub async fn annotate(
        &self,
        tenant: &TenantId,
        project: &Name,
        task: &str,
        annotator: &str,
        label: &Label,
    ) -> Result<GivenAnnotation, DataError> {
        self.check(tenant, project, task, label).await?;
        let now = Timestamp::now();
        let kept = self
            .registry
            .annotate(tenant, project, task, annotator, label, now);
        Ok(kept.await?)
    }

    /// Makes a task a gold question, or, without a label, a task like others.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for a span that is not within the text; [`DataError::Registry`].
    pub async fn set_gold(
        &self,
        tenant: &TenantId,
        project: &Name,
        task: &str,
        gold: Option<&Label>,
    ) -> Result<(), DataError> {
        if let Some(label) = gold {
            self.check(tenant, project, task, label).await?;
        }
        let registry = &self.registry;
        Ok(registry.set_label_gold(tenant, project, task, gold).await?)
    }

    /// A judge decides the label of a task.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for a span that is not within the text; [`DataError::Registry`].
    pub async fn adjudicate(
        &self,
        tenant: &TenantId,
        project: &Name,
        task: &str,
        label: &Label,
        reason: &str,
        by: &str,
    ) -> Result<Adjudication, DataError> {
        self.check(tenant, project, task, label).await?;
        let now = Timestamp::now();
        let decided = self
            .registry
            .adjudicate(tenant, project, task, label, reason, by, now);
        Ok(decided.await?)
    }

    /// Whether the spans of a label are within the text of its task. The registry checks the rest.
    async fn check(
        &self,
        tenant: &TenantId,
        project: &Name,
        task: &str,
        label: &Label,
    ) -> Result<(), DataError> {
        if matches!(label, Label::Choice(_)) {
            return Ok(());
        }
        let found = self.registry.labelled_task(tenant, project, task).await?;
        task::check_spans(&found.data, label).map_err(DataError::Invalid)
    }
}

/// Arithmetic that may take seconds, away from the threads that answer.
async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DataError> + Send + 'static,
) -> Result<T, DataError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| DataError::Broken(e.to_string()))?
}

/// What a set of labels refuses is something that was given.
impl From<steward_labels::LabelsError> for DataError {
    fn from(error: steward_labels::LabelsError) -> Self {
        Self::Invalid(error.to_string())
    }
}
