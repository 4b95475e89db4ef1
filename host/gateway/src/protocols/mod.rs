//! The protocols of other model servers over the models of this host: Open Inference Protocol v2 (REST and gRPC) and
//! OpenAI's embeddings. The same keys, the same queue.
//!
//! A model that reads text has the input `text` (`BYTES`, an element for each text, in UTF-8), one that scores pairs
//! `text_pair` beside it; its one output is `embedding` (`FP32`, texts × dimensions), `scores` (`FP32`, texts × labels, in
//! the order of the labels, or texts × 1) or `entities` (`BYTES`, for each text a JSON array of `label`, `start`, `end` in
//! code points and `score`). Where only the beginning of some texts was read, the parameter `truncated` of the answer
//! says of how many. A model of the task `tensors` has the inputs and outputs of its file.

mod describe;
mod failure;
mod statistics;
mod tensors;
mod texts;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::AUTHORIZATION;
use steward_inference::{Caller as InferenceCaller, Task};
use steward_models::OpenModel;
use steward_protocols::{
    Backend, DecodeRequest, EmbedInput, EmbedRequest, Embeddings, Error, InferRequest,
    InferResponse, Limits, LoadRequest, ModelCard, ModelConfig, ModelIndex, ModelMetadata,
    ModelRef, ModelState, ModelStatistics, Output, Parameters, ServerMetadata, TokenizeRequest,
    Tokens, UnloadRequest, openai,
};
use steward_registry::{Action, ModelVersion, Principal};

use self::failure::{error, failed, stored};
use self::statistics::{Key, statistics};
use crate::auth::{Known, Thing, model_name, permit};
use crate::gateway::Shared;
use crate::{spans, sticky};

/// Every route of these protocols.
pub(crate) fn routes(gateway: &Shared) -> Router {
    let models = Arc::new(Models(gateway.clone()));
    let limits = Limits {
        body_bytes: gateway.config.limits.max_body_bytes,
    };
    let rest = steward_protocols::rest_with(models.clone(), limits)
        .layer(from_fn_with_state(gateway.clone(), rest_caller));
    let grpc = steward_protocols::grpc_with(models, limits)
        .layer(from_fn_with_state(gateway.clone(), grpc_caller));
    rest.merge(grpc)
}

async fn rest_caller(State(gateway): State<Shared>, request: Request, next: Next) -> Response {
    let openai = request.uri().path().starts_with("/v1/");
    match known(&gateway, request).await {
        Ok(request) => next.run(request).await,
        Err(error) if openai => openai::response(&error),
        Err(error) => steward_protocols::rest_error(&error),
    }
}

async fn grpc_caller(State(gateway): State<Shared>, request: Request, next: Next) -> Response {
    match known(&gateway, request).await {
        Ok(request) => next.run(request).await,
        Err(error) => steward_protocols::grpc_error(&error),
    }
}

/// Whose request it is. One without a key goes on: some paths need none, and the others ask for it.
async fn known(gateway: &Shared, mut request: Request) -> Result<Request, Error> {
    if request.headers().contains_key(AUTHORIZATION) {
        let principal = gateway
            .keys
            .authenticate(request.headers())
            .await
            .map_err(|problem| error(&problem))?;
        spans::note_tenant(principal.tenant.as_str());
        let key = sticky::in_headers(request.headers());
        request.extensions_mut().insert(Caller { principal, key });
    }
    Ok(request)
}

/// Whose request it is, and whom it is for.
#[derive(Clone)]
struct Caller {
    principal: Arc<Known>,
    key: Option<String>,
}

impl Deref for Caller {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl Caller {
    /// Refuses where the tenant has used up what models may compute for it.
    fn infers(&self) -> Result<(), Error> {
        let may = self.principal.tenant_state.infer();
        may.map_err(|problem| error(&problem))
    }
}

/// The models of the host, as these protocols see them.
struct Models(Shared);

impl Models {
    async fn open(&self, caller: &Caller, model: &ModelRef) -> Result<OpenModel, Error> {
        invokes(caller, model)?;
        let model = self.0.models.open(&caller.tenant, &named(model)?).await;
        let key = caller.key.as_deref().unwrap_or(&caller.id);
        Ok(model.map_err(failed)?.with_key(key))
    }

    /// Every model of the tenant, each with its highest version.
    async fn registered(&self, caller: &Principal) -> Result<Vec<ModelVersion>, Error> {
        allowed(caller, Action::Read)?;
        let models = self.0.registry.models(&caller.tenant).await;
        models.map_err(stored)
    }

    /// The version that is meant, and the name to answer under.
    fn version(&self, caller: &Principal, model: &ModelRef) -> Result<Arc<ModelVersion>, Error> {
        invokes(caller, model)?;
        let resolved = self.0.models.resolve(&caller.tenant, &named(model)?);
        Ok(resolved.map_err(failed)?.version)
    }
}

impl Backend for Models {
    type Context = Caller;

    fn server_metadata(&self) -> ServerMetadata {
        ServerMetadata {
            name: "steward".into(),
            version: env!("CARGO_PKG_VERSION").into(),
        }
    }

    async fn ready(&self) -> bool {
        !self.0.draining.load(Ordering::Relaxed) && self.0.registry.ping().await.is_ok()
    }

    async fn model_ready(&self, caller: &Self::Context, model: &ModelRef) -> Result<bool, Error> {
        // What is not in memory is loaded by the request that needs it.
        self.version(caller, model).map(|_| true)
    }

    async fn model_metadata(
        &self,
        caller: &Self::Context,
        model: &ModelRef,
    ) -> Result<ModelMetadata, Error> {
        let version = self.version(caller, model)?;
        let opened = self.open(caller, model).await?;
        Ok(describe::metadata(
            &model.name,
            version.version.to_string(),
            &opened.signature(),
        ))
    }

    async fn model_config(
        &self,
        caller: &Self::Context,
        model: &ModelRef,
    ) -> Result<ModelConfig, Error> {
        let opened = self.open(caller, model).await?;
        Ok(describe::config(&model.name, &opened))
    }

    async fn infer(
        &self,
        caller: &Self::Context,
        request: InferRequest,
    ) -> Result<InferResponse, Error> {
        caller.infers()?;
        let mut model = self.open(caller, &request.model).await?;
        if let Some(timeout) = request.timeout()
            && let Some(deadline) = Instant::now().checked_add(timeout)
        {
            let caller = InferenceCaller::interactive(caller.tenant.as_str()).until(deadline);
            model = model.with_caller(caller);
        }
        let model_name = request.model.name.clone();
        let answered = match model.config().task {
            Task::Tensors => tensors::infer(&model, request).await?,
            _ => texts::infer(&model, &request).await?,
        };
        Ok(InferResponse {
            model_name,
            model_version: answered.by.version.to_string(),
            parameters: answered.value.parameters,
            outputs: answered.value.outputs,
        })
    }

    async fn repository_index(&self, caller: &Self::Context) -> Result<Vec<ModelIndex>, Error> {
        let models = self.registered(caller).await?;
        let index = models.into_iter().map(|model| ModelIndex {
            name: model.name.to_string(),
            version: model.version.to_string(),
            state: ModelState::Ready,
            reason: String::new(),
        });
        Ok(index.collect())
    }

    async fn load(&self, caller: &Self::Context, request: LoadRequest) -> Result<(), Error> {
        allowed(caller, Action::Publish)?;
        if request.config.is_some() || !request.files.is_empty() {
            return Err(Error::unimplemented(
                "a model is loaded as it was pushed; push a version with `steward model push`",
            ));
        }
        self.open(caller, &ModelRef::new(request.model))
            .await
            .map(drop)
    }

    async fn unload(&self, caller: &Self::Context, request: UnloadRequest) -> Result<(), Error> {
        allowed(caller, Action::Publish)?;
        let model = named(&ModelRef::new(request.model))?;
        let unloaded = self.0.models.unload(&caller.tenant, &model);
        unloaded.map(drop).map_err(failed)
    }

    async fn statistics(
        &self,
        caller: &Self::Context,
        model: Option<&ModelRef>,
    ) -> Result<Vec<ModelStatistics>, Error> {
        allowed(caller, Action::Read)?;
        let asked = match model {
            Some(model) => Some((named(model)?, self.version(caller, model)?)),
            None => None,
        };
        let stats = self.0.models.stats();
        let own = stats.iter().filter_map(|stats| {
            let key = Key::of(&stats.key, &caller.tenant)?;
            let meant = asked
                .as_ref()
                .is_none_or(|(model, version)| key.is(model, version));
            meant.then(|| statistics(&key, stats))
        });
        Ok(own.collect())
    }

    async fn embedding_models(&self, caller: &Self::Context) -> Result<Vec<ModelCard>, Error> {
        let models = self.registered(caller).await?;
        let embeds = models.into_iter().filter(|model| {
            model.config.get("task").and_then(|task| task.as_str()) == Some("embed")
        });
        let card = |model: ModelVersion| ModelCard {
            id: model.name.to_string(),
            created: u64::try_from(model.created_at.as_second()).unwrap_or(0),
            owned_by: model.tenant.to_string(),
        };
        Ok(embeds.map(card).collect())
    }

    async fn embed(
        &self,
        caller: &Self::Context,
        request: EmbedRequest,
    ) -> Result<Embeddings, Error> {
        caller.infers()?;
        let model = self.open(caller, &ModelRef::new(request.model)).await?;
        let embedded = match &request.input {
            EmbedInput::Texts(texts) => model.embed_counted(texts).await,
            EmbedInput::Tokens(ids) => model.embed_tokens(ids).await,
        };
        let embedded = embedded.map_err(failed)?.value;
        let (mut vectors, tokens) = (embedded.vectors, embedded.tokens);
        if let Some(wanted) = request.dimensions {
            let there = model.dimensions().unwrap_or(0);
            if wanted > there {
                return Err(Error::invalid(format!(
                    "`dimensions` is {wanted}; the vectors of this model have {there}"
                )));
            }
            for vector in &mut vectors {
                openai::shorten(vector, wanted);
            }
        }
        Ok(Embeddings { vectors, tokens })
    }

    async fn tokenize(
        &self,
        caller: &Self::Context,
        request: TokenizeRequest,
    ) -> Result<Vec<Tokens>, Error> {
        let model = self.open(caller, &request.model).await?;
        let found = model
            .tokenize(&request.texts, request.add_special_tokens)
            .await
            .map_err(failed)?;
        let place = |(start, end): (u32, u32)| (start as usize, end as usize);
        let tokens = found.into_iter().map(|text| Tokens {
            ids: text.ids,
            tokens: text.tokens,
            offsets: text.offsets.into_iter().map(place).collect(),
        });
        Ok(tokens.collect())
    }

    async fn decode(
        &self,
        caller: &Self::Context,
        request: DecodeRequest,
    ) -> Result<Vec<String>, Error> {
        let model = self.open(caller, &request.model).await?;
        model
            .decode(&request.ids, request.skip_special_tokens)
            .await
            .map_err(failed)
    }
}

/// What an inference answers beside its names.
struct Answer {
    outputs: Vec<Output>,
    parameters: Parameters,
}

/// The model of a request. The name may hold a version and a variant too: `minilm~int8`.
fn named(model: &ModelRef) -> Result<steward_registry::ModelRef, Error> {
    let unknown = |error: steward_registry::InvalidId| Error::not_found(error.to_string());
    let mut named: steward_registry::ModelRef = model.name.parse().map_err(unknown)?;
    if let Some(version) = &model.version {
        named.selector = Some(version.parse().map_err(unknown)?);
    }
    Ok(named)
}

fn allowed(caller: &Principal, action: Action) -> Result<(), Error> {
    permit(caller, action, Thing::Any).map_err(|problem| error(&problem))
}

fn invokes(caller: &Principal, model: &ModelRef) -> Result<(), Error> {
    let thing = Thing::Model(model_name(&model.name));
    permit(caller, Action::Invoke, thing).map_err(|problem| error(&problem))
}
