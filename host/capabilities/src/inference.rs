//! `steward:inference`: the use of models that the tenant granted.

use steward_inference::{InferenceError, Meter};
use steward_models::{Answered, ModelError, Models, OpenModel};
use steward_registry::{ModelRef, Permission, TenantId};
use wasmtime::component::{HasSelf, Linker, Resource};

use crate::GuestState;
use crate::bindings::steward::inference::inference as wit;
use crate::bindings::steward::types::types::{LabelScore, Span};

/// A model that the guest has opened.
pub struct GuestModel(OpenModel);

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
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
            .permitted
            .check(&Permission::Inference(wanted.clone()))
            .map_err(|denial| wit::Error::Denied(denial.to_string()))?;
        let opened = self.source.models.open(&self.source.tenant, &wanted).await;
        let opened = opened.map_err(guest_error)?;
        Ok(self.for_this_call(opened))
    }

    /// A model whose use counts as that of the call, and which answers whom the call is for.
    pub(crate) fn for_this_call(&mut self, model: OpenModel) -> OpenModel {
        let model = model.metered(self.inference_meter());
        match &self.whom {
            Some(key) => model.with_key(key),
            None => model,
        }
    }

    /// What counts the tokens of the call, from the first model that it opens.
    fn inference_meter(&mut self) -> Meter {
        self.inference_meter.get_or_insert_default().clone()
    }

    /// The model behind a handle, about to be given so many texts.
    fn model(
        &mut self,
        handle: &Resource<GuestModel>,
        texts: usize,
    ) -> wasmtime::Result<OpenModel> {
        self.inference_texts = self.inference_texts.saturating_add(texts as u64);
        Ok(self.table.get(handle)?.0.clone())
    }

    /// What a model answered, and that it did.
    fn taken<T>(
        &mut self,
        model: &OpenModel,
        answer: Result<Answered<T>, ModelError>,
    ) -> Result<T, wit::Error> {
        let answered = answer.map_err(guest_error)?;
        self.answered_by(model, &answered.by);
        Ok(answered.value)
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
        let model = self.model(&handle, texts.len())?;
        let answer = model.embed(&texts).await;
        Ok(self.taken(&model, answer))
    }

    async fn classify(
        &mut self,
        handle: Resource<GuestModel>,
        texts: Vec<String>,
        labels: Option<Vec<String>>,
    ) -> wasmtime::Result<Result<Vec<Vec<LabelScore>>, wit::Error>> {
        self.count_host_call()?;
        let model = self.model(&handle, texts.len())?;
        let answer = model.classify(&texts, labels.as_deref()).await;
        let labels = self.taken(&model, answer);
        Ok(labels.map(|labels| labels.into_iter().map(ranked).collect()))
    }

    async fn classify_tokens(
        &mut self,
        handle: Resource<GuestModel>,
        texts: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<Vec<wit::Entity>>, wit::Error>> {
        self.count_host_call()?;
        let model = self.model(&handle, texts.len())?;
        let answer = model.classify_tokens(&texts).await;
        Ok(self.taken(&model, answer).map(|found| {
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
            found.into_iter().map(row).collect()
        }))
    }

    async fn score_pairs(
        &mut self,
        handle: Resource<GuestModel>,
        pairs: Vec<(String, String)>,
    ) -> wasmtime::Result<Result<Vec<wit::PairScore>, wit::Error>> {
        self.count_host_call()?;
        let model = self.model(&handle, pairs.len())?;
        let answer = model.score_pairs(&pairs).await;
        Ok(self.taken(&model, answer).map(|scored| {
            let score = |pair: steward_inference::PairScore| wit::PairScore {
                score: pair.score,
                labels: ranked(pair.labels),
            };
            scored.scores.into_iter().map(score).collect()
        }))
    }

    fn drop(&mut self, handle: Resource<GuestModel>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
