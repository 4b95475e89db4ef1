//! From what the command line says to a step that runs.

use std::sync::Arc;

use steward_functions::{Functions, FunctionsError, contract};
use steward_inference::{Caller, LabelExamples, Task};
use steward_models::{Models, OpenModel};
use steward_registry::{ModelRef, ModelVersion, Name, PluginVersion, TenantId, World};

use super::anonymize::Anonymize;
use super::classify::{Classify, Labels};
use super::clean::Clean;
use super::{Document, Kind, Step, StepAbout, StepError, classify};
use crate::{ClassLabels, DataError, StepSpec};

/// Opens a step: finds the plugin or the model in the tenant and loads it.
///
/// # Errors
/// [`DataError::Open`] where there is no such thing or it does not load, [`DataError::Invalid`] where
/// it is of a kind that is no step, [`DataError::File`] where the labels cannot be read.
pub async fn open(
    functions: &Functions,
    models: &Models,
    tenant: &TenantId,
    spec: &StepSpec,
) -> Result<Arc<dyn Step>, DataError> {
    let step = spec.to_string();
    let failed = |source| DataError::Open {
        step: step.clone(),
        source,
    };
    match spec {
        StepSpec::Plugin(name) => match functions.step_world(tenant, name).await.map_err(failed)? {
            World::Cleaner => {
                let cleaner = functions.cleaner(tenant, name).await.map_err(failed)?;
                Ok(Arc::new(Clean {
                    about: about(&step, Kind::Clean, cleaner.plugin()),
                    cleaner,
                }))
            }
            World::Anonymizer => {
                let anonymizer = functions.anonymizer(tenant, name).await.map_err(failed)?;
                Ok(Arc::new(Anonymize {
                    about: about(&step, Kind::Anonymize, anonymizer.plugin()),
                    anonymizer,
                }))
            }
            world => Err(DataError::Invalid(format!(
                "step `{step}` is a {world}; a step is a cleaner, an anonymizer or `classify:MODEL:…`"
            ))),
        },
        StepSpec::Classify { model, labels } => {
            let labels = labels.read()?;
            let (about, model) = open_model(models, tenant, &step, model).await?;
            let labels = labels_for(&step, model.config().task, labels)?;
            Ok(Arc::new(Classify {
                about,
                model,
                labels,
            }))
        }
    }
}

/// Opens a model for work that nobody waits for.
pub(crate) async fn open_model(
    models: &Models,
    tenant: &TenantId,
    step: &str,
    model: &ModelRef,
) -> Result<(StepAbout, OpenModel), DataError> {
    let failed = |source| DataError::Model {
        step: step.to_owned(),
        source: Box::new(source),
    };
    let resolved = models.resolve(tenant, model).map_err(failed)?;
    // By its exact version, so that an alias or a deployment that changes meanwhile cannot part
    // it from its digest, and the output is the same for each run.
    let exact = resolved.reference();
    let model = models.open(tenant, &exact).await.map_err(failed)?;
    // Nobody waits for a single row of a job: it makes way for those who do.
    let model = model.with_caller(Caller::bulk(tenant.as_str()));
    let about = about_model(step, &resolved.version, exact.variant.as_ref())?;
    Ok((about, model))
}

/// Checks that the model can choose from such labels.
pub(crate) fn labels_for(step: &str, task: Task, labels: ClassLabels) -> Result<Labels, DataError> {
    let wrong = |why: &str| Err(DataError::Invalid(format!("step `{step}`: {why}")));
    match (task, labels) {
        (Task::Classify, ClassLabels::Model) => Ok(Labels::Named(None)),
        (Task::Classify | Task::Embed, ClassLabels::Named(labels)) => {
            Ok(Labels::Named(Some(labels)))
        }
        (Task::Embed, ClassLabels::Examples(labels)) => Ok(Labels::Examples(
            labels
                .into_iter()
                .map(|(label, texts)| LabelExamples { label, texts })
                .collect(),
        )),
        (Task::Embed, ClassLabels::Model) => wrong(
            "an embedding model has no labels of its own; add `:LABEL,LABEL` or `:@labels.json`",
        ),
        (Task::Classify, ClassLabels::Examples(_)) => {
            wrong("a classifier has its own labels; examples are for embedding models")
        }
        _ => wrong("the model does not label texts; take a model of the task embed or classify"),
    }
}

fn about(step: &str, kind: Kind, plugin: &PluginVersion) -> StepAbout {
    StepAbout {
        step: step.to_owned(),
        kind,
        uses: format!("{}@{}", plugin.name, plugin.version),
        digest: plugin.digest,
    }
}

fn about_model(
    step: &str,
    model: &ModelVersion,
    variant: Option<&Name>,
) -> Result<StepAbout, DataError> {
    let (uses, file) = match variant {
        None => (
            format!("{}@{}", model.name, model.version),
            model.files.get("model.onnx"),
        ),
        Some(variant) => (
            format!("{}@{}~{variant}", model.name, model.version),
            model.variants.get(variant).map(|variant| &variant.file),
        ),
    };
    let file = file.ok_or_else(|| {
        DataError::Invalid(format!("step `{step}`: the model has no file `model.onnx`"))
    })?;
    Ok(StepAbout {
        step: step.to_owned(),
        kind: Kind::Classify,
        uses,
        digest: file.digest,
    })
}

pub(super) fn documents(batch: &[Document]) -> Vec<contract::Document> {
    batch
        .iter()
        .map(|d| contract::Document {
            id: d.id.clone(),
            text: d.text.clone(),
        })
        .collect()
}

/// What a failure of a plugin means for the job. Nothing that differs from run to run (the number of a
/// call, a time) goes into the reason: the rejects of two runs over the same input are the same.
pub(super) fn step_error(error: FunctionsError) -> StepError {
    match error {
        FunctionsError::Trap { kind, .. } => StepError::Batch(format!("the plugin {kind}")),
        // A configuration that is wrong, or a model that is missing, is so for every row.
        FunctionsError::Guest { case, message }
            if matches!(case.as_str(), "invalid-config" | "unavailable") =>
        {
            StepError::Fatal(message)
        }
        FunctionsError::Guest { .. } | FunctionsError::InvalidInput { .. } => {
            StepError::Batch(error.to_string())
        }
        FunctionsError::Busy { retry_after } => StepError::Busy(retry_after),
        FunctionsError::Inference(error) => classify::step_error(error),
        other => StepError::Fatal(other.to_string()),
    }
}
