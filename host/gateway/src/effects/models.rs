//! Models, each in the version that the run has pinned.

use serde::Deserialize;
use serde_json::{Value, json};
use steward_inference::{InferenceError, Task};
use steward_models::ModelError;
use steward_registry::{ModelRef, RegistryError, TenantId};
use steward_runs::Caller;
use steward_workflow::{Error, ErrorKind};

use super::{OfRuns, unfit};

/// What a model is asked: texts, or pairs of texts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    texts: Vec<String>,
    #[serde(default)]
    labels: Option<Vec<String>>,
    #[serde(default)]
    pairs: Option<Vec<(String, String)>>,
}

impl OfRuns {
    pub(super) async fn pin_model(
        &self,
        tenant: &TenantId,
        model: &steward_workflow::ModelRef,
    ) -> Result<String, Error> {
        let written = match &model.at {
            Some(at) => format!("{}@{at}", model.name),
            None => model.name.clone(),
        };
        let reference: ModelRef = written.parse().map_err(unfit)?;
        let resolved = match self.models.resolve(tenant, &reference) {
            // Another host may have registered it a moment ago.
            Err(ModelError::NoSuch { .. }) => {
                self.models
                    .refresh()
                    .await
                    .map_err(|e| Error::new(ErrorKind::Runtime, e.to_string()).with_status(503))?;
                self.models.resolve(tenant, &reference)
            }
            other => other,
        };
        let resolved = resolved.map_err(|error| raised(&error))?;
        Ok(resolved.reference().to_string())
    }

    /// Asks a model what it is made for: the answer has the shape of the API.
    pub(super) async fn model(
        &self,
        caller: &Caller<'_>,
        pin: &str,
        input: &Value,
    ) -> Result<Value, Error> {
        let invalid = |why: String| Error::new(ErrorKind::Validation, why);
        let asked: Asked = serde_json::from_value(input.clone()).map_err(|e| {
            invalid(format!(
                "a model is asked with `texts`, or with `pairs` of texts: {e}"
            ))
        })?;
        let reference: ModelRef = pin.parse().map_err(unfit)?;
        let opened = self.models.open(caller.tenant, &reference).await;
        let model = opened.map_err(|error| raised(&error))?;
        steward_telemetry::note("steward.models", || pin.to_owned());
        let answer = async {
            if let Some(pairs) = &asked.pairs {
                let answered = model.score_pairs(pairs).await?.value;
                return Ok(json!({ "scores": answered.scores, "truncated": answered.truncated }));
            }
            let classifies = model.config().task == Task::Classify || asked.labels.is_some();
            if model.config().task == Task::ClassifyTokens {
                let answered = model.tag(&asked.texts).await?.value;
                return Ok(json!({ "entities": answered.entities }));
            }
            if classifies {
                let labels = asked.labels.as_deref();
                let answered = model.classify_counted(&asked.texts, labels).await?.value;
                return Ok(
                    json!({ "classifications": answered.labels, "truncated": answered.truncated }),
                );
            }
            let answered = model.embed_counted(&asked.texts).await?.value;
            Ok::<_, ModelError>(
                json!({ "embeddings": answered.vectors, "truncated": answered.truncated }),
            )
        };
        answer.await.map_err(|error| raised(&error))
    }
}

/// The error that a step raises where a model fails.
fn raised(error: &ModelError) -> Error {
    let kind = match error {
        ModelError::NoSuch { .. } | ModelError::Registry(RegistryError::NotFound { .. }) => {
            ErrorKind::Configuration
        }
        ModelError::Inference(InferenceError::InvalidInput(_)) => ErrorKind::Validation,
        ModelError::Inference(InferenceError::Overloaded { .. }) => ErrorKind::Communication,
        _ => ErrorKind::Runtime,
    };
    Error::new(kind, error.to_string())
}
