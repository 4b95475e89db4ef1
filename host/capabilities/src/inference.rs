//! `steward:inference`: the use of models that the tenant granted.

use steward_inference::InferenceError;
use steward_models::{ModelError, Models, OpenModel};
use steward_registry::{Grants, Manifest, ModelRef, TenantId};
use wasmtime::component::{HasSelf, Linker, Resource};

use crate::bindings::steward::inference::inference as wit;
use crate::bindings::steward::types::types::{LabelScore, Span};
use crate::{Denial, GuestState};

/// What the guest may open.
#[derive(Clone, Default)]
pub struct Authorized {
    requested: Vec<ModelRef>,
    granted: Vec<ModelRef>,
}

/// A model that the guest has opened.
pub struct GuestModel(OpenModel);

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

fn manifest_line(model: &ModelRef) -> String {
    format!("[requests] inference = [\"{model}\"]")
}

fn grant(model: &ModelRef) -> String {
    format!("--grant inference={model}")
}

/// Whether a right to `given` includes `wanted`: the model by name includes each of its versions, a
/// version each of its variants.
fn includes(given: &ModelRef, wanted: &ModelRef) -> bool {
    given.name == wanted.name
        && (given.selector.is_none() || given.selector == wanted.selector)
        && (given.variant.is_none() || given.variant == wanted.variant)
}

/// Holds the requests of the manifest against the grants of the tenant.
///
/// # Errors
/// [`Denial::NotGranted`] for a request without a grant: better refused when it is deployed than
/// found out by a caller.
pub fn authorize(manifest: &Manifest, grants: &Grants) -> Result<Authorized, Denial> {
    for wanted in &manifest.requests.inference {
        if !grants.inference.iter().any(|given| includes(given, wanted)) {
            return Err(Denial::NotGranted {
                manifest_line: manifest_line(wanted),
                grant: grant(wanted),
            });
        }
    }
    Ok(Authorized {
        requested: manifest.requests.inference.clone(),
        granted: grants.inference.clone(),
    })
}

impl Authorized {
    fn check(&self, wanted: &ModelRef) -> Result<(), Denial> {
        let line = || manifest_line(wanted);
        if !self.requested.iter().any(|given| includes(given, wanted)) {
            return Err(Denial::NotRequested {
                manifest_line: line(),
                grant: grant(wanted),
            });
        }
        if !self.granted.iter().any(|given| includes(given, wanted)) {
            return Err(Denial::NotGranted {
                manifest_line: line(),
                grant: grant(wanted),
            });
        }
        Ok(())
    }
}

/// Where the models of a call come from.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) tenant: TenantId,
    pub(crate) models: Models,
}

fn guest_error(error: ModelError) -> wit::Error {
    match error {
        ModelError::NoSuch { .. } => wit::Error::NoSuch(error.to_string()),
        ModelError::Inference(InferenceError::InvalidInput(why)) => wit::Error::InvalidInput(why),
        other => wit::Error::Unavailable(other.to_string()),
    }
}

fn ranked(scores: Vec<steward_inference::LabelScore>) -> Vec<LabelScore> {
    let label = |scored: steward_inference::LabelScore| LabelScore {
        label: scored.label,
        score: scored.score,
    };
    scores.into_iter().map(label).collect()
}

impl GuestState {
    async fn open_model(&mut self, name: &str) -> Result<OpenModel, wit::Error> {
        let wanted: ModelRef = name
            .parse()
            .map_err(|e: steward_registry::id::InvalidId| wit::Error::NoSuch(e.to_string()))?;
        self.authorized
            .inference
            .check(&wanted)
            .map_err(|denial| wit::Error::Denied(denial.to_string()))?;
        self.source
            .models
            .open(&self.source.tenant, &wanted)
            .await
            .map_err(guest_error)
    }

    fn model(&self, handle: &Resource<GuestModel>) -> wasmtime::Result<OpenModel> {
        Ok(self.table.get(handle)?.0.clone())
    }
}

impl wit::Host for GuestState {
    async fn open(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<GuestModel>, wit::Error>> {
        self.count_host_call()?;
        Ok(match self.open_model(&name).await {
            Ok(model) => Ok(self.table.push(GuestModel(model))?),
            Err(error) => Err(error),
        })
    }
}

impl wit::HostModel for GuestState {
    async fn embed(
        &mut self,
        handle: Resource<GuestModel>,
        texts: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<Vec<f32>>, wit::Error>> {
        self.count_host_call()?;
        let model = self.model(&handle)?;
        let answer = model.embed(&texts).await.map_err(guest_error);
        Ok(answer.map(|answered| answered.value))
    }

    async fn classify(
        &mut self,
        handle: Resource<GuestModel>,
        texts: Vec<String>,
        labels: Option<Vec<String>>,
    ) -> wasmtime::Result<Result<Vec<Vec<LabelScore>>, wit::Error>> {
        self.count_host_call()?;
        let model = self.model(&handle)?;
        let answer = model
            .classify(&texts, labels.as_deref())
            .await
            .map_err(guest_error);
        Ok(answer.map(|answered| answered.value.into_iter().map(ranked).collect()))
    }

    async fn classify_tokens(
        &mut self,
        handle: Resource<GuestModel>,
        texts: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<Vec<wit::Entity>>, wit::Error>> {
        self.count_host_call()?;
        let model = self.model(&handle)?;
        let answer = model.classify_tokens(&texts).await.map_err(guest_error);
        Ok(answer.map(|answered| {
            let row = |entities: Vec<steward_inference::Entity>| {
                let entity = |e: steward_inference::Entity| wit::Entity {
                    label: e.label,
                    span: Span {
                        start: e.start,
                        end: e.end,
                    },
                    score: e.score,
                };
                entities.into_iter().map(entity).collect()
            };
            answered.value.into_iter().map(row).collect()
        }))
    }

    async fn score_pairs(
        &mut self,
        handle: Resource<GuestModel>,
        pairs: Vec<(String, String)>,
    ) -> wasmtime::Result<Result<Vec<wit::PairScore>, wit::Error>> {
        self.count_host_call()?;
        let model = self.model(&handle)?;
        let answer = model.score_pairs(&pairs).await.map_err(guest_error);
        Ok(answer.map(|answered| {
            let score = |pair: steward_inference::PairScore| wit::PairScore {
                score: pair.score,
                labels: ranked(pair.labels),
            };
            answered.value.scores.into_iter().map(score).collect()
        }))
    }

    fn drop(&mut self, handle: Resource<GuestModel>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(requests: &str) -> Manifest {
        Manifest::parse(&format!(
            "[plugin]\nname = \"p\"\nversion = \"1.0.0\"\nworld = \"anonymizer\"\n[requests]\ninference = {requests}\n"
        ))
        .unwrap()
    }

    fn grants(models: &[&str]) -> Grants {
        Grants {
            inference: models.iter().map(|m| m.parse().unwrap()).collect(),
            ..Grants::default()
        }
    }

    #[test]
    fn a_request_without_a_grant_names_both_lines() {
        let denial = authorize(&manifest(r#"["minilm"]"#), &grants(&[]))
            .err()
            .unwrap();
        assert_eq!(
            denial.to_string(),
            "not granted: the plugin's manifest says `[requests] inference = [\"minilm\"]`; to allow it, deploy with \
             `--grant inference=minilm`"
        );
    }

    #[test]
    fn both_must_agree() {
        let authorized =
            authorize(&manifest(r#"["minilm"]"#), &grants(&["minilm", "other"])).unwrap();
        let check = |name: &str| authorized.check(&name.parse().unwrap());
        assert!(check("minilm").is_ok());
        assert!(check("minilm@1.0.0").is_ok());
        assert!(matches!(check("other"), Err(Denial::NotRequested { .. })));
        // A right to one version is no right to another.
        let narrow = authorize(&manifest(r#"["minilm@1.0.0"]"#), &grants(&["minilm"])).unwrap();
        assert!(narrow.check(&"minilm@1.0.0".parse().unwrap()).is_ok());
        assert!(narrow.check(&"minilm@2.0.0".parse().unwrap()).is_err());
        assert!(narrow.check(&"minilm".parse().unwrap()).is_err());
        assert!(narrow.check(&"minilm@1.0.0~int8".parse().unwrap()).is_ok());
        let variant = authorize(&manifest(r#"["minilm"]"#), &grants(&["minilm~int8"]));
        assert!(variant.is_err());
    }
}
