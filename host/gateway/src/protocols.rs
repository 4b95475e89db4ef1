//! The protocols of other model servers over the models of this host: Open Inference Protocol v2 (REST and gRPC) and
//! OpenAI's embeddings. The same keys, the same queue.
//!
//! A model here reads text. Its one input is `text` (`BYTES`, an element for each text, in UTF-8); its one output is
//! `embedding` (`FP32`, texts × dimensions), `scores` (`FP32`, texts × labels, in the order of the labels) or
//! `entities` (`BYTES`, for each text a JSON array of `label`, `start`, `end` in code points and `score`).

mod statistics;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::header::AUTHORIZATION;
use steward_inference::{Caller as InferenceCaller, Task};
use steward_models::{ModelError, OpenModel};
use steward_protocols::{
    Backend, DataType, DynamicBatching, EmbedInput, EmbedRequest, Embeddings, Error, ErrorKind,
    InferRequest, InferResponse, Limits, LoadRequest, ModelCard, ModelConfig, ModelIndex,
    ModelMetadata, ModelRef, ModelState, ModelStatistics, Output, ServerMetadata, Tensor,
    TensorConfig, TensorMetadata, UnloadRequest, openai,
};
use steward_registry::{Action, ModelVersion, Principal, RegistryError};

use crate::auth::permit;
use crate::gateway::Shared;
use crate::problem::Problem;
use crate::sticky;
use statistics::{Key, statistics};

/// The name of a model's input.
const TEXT: &str = "text";
/// What the protocol calls a model that ONNX Runtime runs.
const PLATFORM: &str = "onnxruntime_onnx";

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
    match known(&gateway, request) {
        Ok(request) => next.run(request).await,
        Err(error) if openai => openai::response(&error),
        Err(error) => steward_protocols::rest_error(&error),
    }
}

async fn grpc_caller(State(gateway): State<Shared>, request: Request, next: Next) -> Response {
    match known(&gateway, request) {
        Ok(request) => next.run(request).await,
        Err(error) => steward_protocols::grpc_error(&error),
    }
}

/// Whose request it is. One without a key goes on: some paths need none, and the others ask for it.
fn known(gateway: &Shared, mut request: Request) -> Result<Request, Error> {
    if request.headers().contains_key(AUTHORIZATION) {
        let principal = gateway
            .keys
            .authenticate(request.headers())
            .map_err(|problem| error(&problem))?;
        let key = sticky::in_headers(request.headers());
        request.extensions_mut().insert(Caller { principal, key });
    }
    Ok(request)
}

/// Whose request it is, and whom it is for.
#[derive(Clone)]
struct Caller {
    principal: Arc<Principal>,
    key: Option<String>,
}

impl Deref for Caller {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.principal
    }
}

/// The models of the host, as these protocols see them.
struct Models(Shared);

impl Models {
    async fn open(&self, caller: &Caller, model: &ModelRef) -> Result<OpenModel, Error> {
        allowed(caller, Action::Invoke)?;
        let model = self.0.models.open(&caller.tenant, &named(model)?).await;
        let key = caller.key.as_deref().unwrap_or(&caller.id);
        Ok(model.map_err(failed)?.with_key(key))
    }

    /// The version that is meant, and the name to answer under.
    fn version(&self, caller: &Principal, model: &ModelRef) -> Result<Arc<ModelVersion>, Error> {
        allowed(caller, Action::Invoke)?;
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
        let (name, datatype, width) = output(&opened);
        let mut shape = vec![-1];
        shape.extend(width);
        let tensor = |name: &str, datatype, shape| TensorMetadata {
            name: name.into(),
            datatype,
            shape,
        };
        Ok(ModelMetadata {
            name: model.name.clone(),
            versions: vec![version.version.to_string()],
            platform: PLATFORM.into(),
            inputs: vec![tensor(TEXT, DataType::Bytes, vec![-1])],
            outputs: vec![tensor(name, datatype, shape)],
        })
    }

    async fn model_config(
        &self,
        caller: &Self::Context,
        model: &ModelRef,
    ) -> Result<ModelConfig, Error> {
        let opened = self.open(caller, model).await?;
        let (name, datatype, width) = output(&opened);
        let tensor = |name: &str, datatype, dims| TensorConfig {
            name: name.into(),
            datatype,
            dims,
            optional: false,
            label_filename: String::new(),
        };
        let delay = u64::from(opened.config().max_delay_ms) * 1000;
        Ok(ModelConfig {
            name: model.name.clone(),
            platform: PLATFORM.into(),
            backend: "onnxruntime".into(),
            // The dimension of texts is part of the shapes above.
            max_batch_size: 0,
            inputs: vec![tensor(TEXT, DataType::Bytes, vec![-1])],
            outputs: vec![tensor(
                name,
                datatype,
                [-1].into_iter().chain(width).collect(),
            )],
            dynamic_batching: Some(DynamicBatching {
                preferred_batch_size: Vec::new(),
                max_queue_delay_microseconds: delay,
            }),
            parameters: [
                ("task".to_owned(), opened.config().task.to_string()),
                (
                    "max_tokens".to_owned(),
                    opened.config().max_tokens.to_string(),
                ),
            ]
            .into(),
        })
    }

    async fn infer(
        &self,
        caller: &Self::Context,
        request: InferRequest,
    ) -> Result<InferResponse, Error> {
        let mut model = self.open(caller, &request.model).await?;
        if let Some(timeout) = request.timeout()
            && let Some(deadline) = Instant::now().checked_add(timeout)
        {
            let caller = InferenceCaller::interactive(caller.tenant.as_str()).until(deadline);
            model = model.with_caller(caller);
        }
        if let Some(other) = request.inputs.iter().find(|input| input.name() != TEXT) {
            return Err(Error::invalid(format!(
                "the model has no input `{}`; its input is `{TEXT}`",
                other.name().chars().take(80).collect::<String>()
            )));
        }
        let texts = texts(request.input(TEXT)?)?;
        let (answer, version) = answer(&model, &texts).await?;
        Ok(InferResponse {
            model_name: request.model.name,
            model_version: version,
            parameters: Default::default(),
            outputs: vec![answer],
        })
    }

    async fn repository_index(&self, caller: &Self::Context) -> Result<Vec<ModelIndex>, Error> {
        allowed(caller, Action::Read)?;
        let models = self
            .0
            .registry
            .models(&caller.tenant)
            .await
            .map_err(stored)?;
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
        allowed(caller, Action::Read)?;
        let models = self
            .0
            .registry
            .models(&caller.tenant)
            .await
            .map_err(stored)?;
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
        let model = self.open(caller, &ModelRef::new(request.model)).await?;
        let EmbedInput::Texts(texts) = request.input else {
            return Err(Error::invalid(
                "`input` holds token numbers, which mean something else to each model; send the texts",
            ));
        };
        let (mut vectors, tokens) = model.embed_counted(&texts).await.map_err(failed)?.value;
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
}

/// The output of a model: its name, its type, and its second dimension where it has one.
fn output(model: &OpenModel) -> (&'static str, DataType, Option<i64>) {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    match model.config().task {
        Task::Embed => ("embedding", DataType::Fp32, model.dimensions().map(count)),
        Task::Classify => {
            let labels = count(model.config().labels.len());
            ("scores", DataType::Fp32, Some(labels))
        }
        Task::ClassifyTokens => ("entities", DataType::Bytes, None),
    }
}

/// The texts of an input of the shape `[n]` or `[n, 1]`.
fn texts(input: &Tensor) -> Result<Vec<String>, Error> {
    if !matches!(input.shape(), [_] | [_, 1]) {
        return Err(Error::invalid(format!(
            "the input `{TEXT}` has the shape {:?}; it must be [n], or [n, 1]",
            input.shape()
        )));
    }
    let text = |(index, bytes): (usize, &Bytes)| {
        let text = std::str::from_utf8(bytes);
        text.map(str::to_owned).map_err(|_| {
            Error::invalid(format!(
                "element {index} of the input `{TEXT}` is not UTF-8"
            ))
        })
    };
    input
        .values::<Bytes>()?
        .iter()
        .enumerate()
        .map(text)
        .collect()
}

/// The answer, and the version that gave it.
async fn answer(model: &OpenModel, texts: &[String]) -> Result<(Output, String), Error> {
    let (name, _, width) = output(model);
    let rows = i64::try_from(texts.len()).unwrap_or(i64::MAX);
    let shape: Vec<i64> = [rows].into_iter().chain(width).collect();
    match model.config().task {
        Task::Embed => {
            let answered = model.embed(texts).await.map_err(failed)?;
            let output = Tensor::new(name, shape, answered.value.concat())?.into();
            Ok((output, answered.by.version.to_string()))
        }
        Task::Classify => {
            let labels = &model.config().labels;
            let mut scores = Vec::with_capacity(texts.len() * labels.len());
            let answered = model.classify(texts, None).await.map_err(failed)?;
            for ranked in answered.value {
                for label in labels {
                    let score = ranked.iter().find(|scored| scored.label == *label);
                    scores.push(score.map_or(0.0, |scored| scored.score));
                }
            }
            let output = Output {
                tensor: Tensor::new(name, shape, scores)?,
                labels: labels.as_slice().into(),
            };
            Ok((output, answered.by.version.to_string()))
        }
        Task::ClassifyTokens => {
            let answered = model.classify_tokens(texts).await.map_err(failed)?;
            let json = |entities| serde_json::to_vec(entities).map(Bytes::from);
            let rows: Result<Vec<Bytes>, _> = answered.value.iter().map(json).collect();
            let rows = rows.map_err(|error| Error::internal(error.to_string()))?;
            let output = Tensor::new(name, shape, rows)?.into();
            Ok((output, answered.by.version.to_string()))
        }
    }
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
    permit(caller, action).map_err(|problem| error(&problem))
}

fn failed(failure: ModelError) -> Error {
    error(&failure.into())
}

fn stored(failure: RegistryError) -> Error {
    error(&failure.into())
}

/// The same failure in the words of these protocols.
fn error(problem: &Problem) -> Error {
    let retry_after = problem.retry_after();
    let kind = match problem.status() {
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::UNAUTHORIZED => ErrorKind::Unauthenticated,
        StatusCode::FORBIDDEN => ErrorKind::PermissionDenied,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::TooLarge,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::Exhausted { retry_after },
        StatusCode::SERVICE_UNAVAILABLE => ErrorKind::Unavailable { retry_after },
        StatusCode::GATEWAY_TIMEOUT => ErrorKind::DeadlineExceeded,
        status if status.is_client_error() => ErrorKind::InvalidArgument,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, problem.detail())
}
