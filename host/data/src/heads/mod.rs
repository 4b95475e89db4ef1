//! Heads trained on labels: the texts of a snapshot become vectors by an embedding model, a head learns their labels, and
//! the two together are registered as a version of a classifier, with what it scored and where it comes from.
//!
//! A training is a run over its snapshot as any other: it can be cancelled, says how far it is, and is lost with its host.
//! Labels of a labelling project become a snapshot first, so that what was learned from never changes.

mod given;
mod keep;
mod learn;
mod measure;
mod reading;
mod report;
mod split;
mod work;

use semver::Version;
use steward_inference::Task;
use steward_models::OpenModel;
use steward_registry::labelling::LabelKind;
use steward_registry::{DatasetRef, DatasetRun, Name, RegistryError, TenantId};

use crate::labelling::ExportGiven;
use crate::step::{StepAbout, open_model};
use crate::{DataError, Datasets, Labelling};
pub use given::{CharactersWanted, HeadFields, HeadSpec};
use work::Work;

/// A training whose parts were found.
struct Found {
    spec: HeadSpec,
    version: Version,
    about: StepAbout,
    model: OpenModel,
}

impl Labelling {
    /// Begins to train a head: finds the labels and the embedding model, writes the run down, and leaves it to work.
    ///
    /// # Errors
    /// What is wrong with it: [`DataError::Invalid`], [`DataError::Model`], [`DataError::Registry`]. What is wrong with
    /// the rows is found when they are read, and fails the run.
    pub async fn train(
        &self,
        tenant: &TenantId,
        name: &Name,
        spec: HeadSpec,
        by: &str,
    ) -> Result<DatasetRun, DataError> {
        let mut found = self.datasets().find_head(tenant, name, spec).await?;
        if let Some(project) = &found.spec.project {
            let about = self
                .datasets()
                .registry()
                .label_project(tenant, project)
                .await?;
            if about.spec.kind != LabelKind::Choice {
                return Err(DataError::Invalid(format!(
                    "`{project}` labels parts of texts; a head learns one label for each text, which a project of the kind \
                     `choice` gives"
                )));
            }
            let output = match &found.spec.output {
                Some(output) => output.clone(),
                None => format!("{project}-labels").parse().map_err(|_| {
                    DataError::Invalid(format!(
                        "`{project}-labels` is no name for a dataset; name one with `output`"
                    ))
                })?,
            };
            let given = ExportGiven {
                output,
                decide: found.spec.decide.clone(),
                label_field: Some(found.spec.fields.label().to_owned()),
                overwrite: true,
                undecided: false,
            };
            let snapshot = self.snapshot(tenant, project, given, by).await?;
            found.spec.dataset = Some(snapshot.reference());
        }
        self.datasets().train(tenant, name, found, by).await
    }
}

impl Datasets {
    /// Finds what a training needs beside its rows.
    async fn find_head(
        &self,
        tenant: &TenantId,
        name: &Name,
        spec: HeadSpec,
    ) -> Result<Found, DataError> {
        spec.check()?;
        let base = &spec.base;
        let (about, model) = open_model(self.models(), tenant, &base.to_string(), base).await?;
        if model.config().task != Task::Embed {
            return Err(DataError::Invalid(format!(
                "the model `{base}` does not embed texts; take one of the task `embed` as the base"
            )));
        }
        let versions = match self.registry().model_versions(tenant, name).await {
            Err(RegistryError::NotFound { .. }) => Vec::new(),
            versions => versions?,
        };
        let version = match &spec.version {
            Some(version) if versions.iter().any(|known| known.version == *version) => {
                return Err(DataError::Invalid(format!(
                    "`{name}@{version}` exists already; leave `version` out for the next one"
                )));
            }
            Some(version) => version.clone(),
            None => {
                let highest = versions.iter().map(|known| &known.version).max();
                highest.map_or(Version::new(1, 0, 0), |highest| {
                    Version::new(highest.major, highest.minor.saturating_add(1), 0)
                })
            }
        };
        Ok(Found {
            spec,
            version,
            about,
            model,
        })
    }

    async fn train(
        &self,
        tenant: &TenantId,
        name: &Name,
        found: Found,
        by: &str,
    ) -> Result<DatasetRun, DataError> {
        let Found {
            mut spec,
            version,
            about,
            model,
        } = found;
        let registry = self.registry();
        let dataset: DatasetRef = spec.dataset.clone().ok_or_else(|| {
            DataError::Invalid("name what the labels are of: `dataset` or `project`".into())
        })?;
        let snapshot = registry.snapshot(tenant, &dataset).await?;
        // Written down is what is learned from, and under which version, whatever is added meanwhile.
        spec.dataset = Some(snapshot.reference());
        spec.version = Some(version.clone());
        let mut json =
            serde_json::to_value(&spec).map_err(|e| DataError::Invalid(e.to_string()))?;
        json["train"] = name.as_str().into();
        let begun = registry.begin_run(tenant, &snapshot.name, snapshot.snapshot, &json, by);
        let run = begun.await?;
        let work = Work {
            datasets: self.clone(),
            tenant: tenant.clone(),
            name: name.clone(),
            version,
            run: run.clone(),
            snapshot,
            spec,
            about,
            model,
        };
        tokio::spawn(work.go());
        Ok(run)
    }
}
