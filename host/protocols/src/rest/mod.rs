//! The Open Inference Protocol over HTTP.

mod body;
mod failure;
mod infer;
mod metadata;
#[cfg(test)]
mod properties;
mod repository;
mod request;
mod response;
mod tokens;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::extract::rejection::PathRejection;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, Router};
use http::Method;
use http::request::Parts;
use serde::Deserialize;

pub(crate) use body::{from_json, heavy, read};
pub use failure::response;
pub(crate) use failure::{Failure, with_retry};
pub(crate) use metadata::EXTENSIONS;
pub(crate) use repository::{Replacement, only};

use crate::backend::Backend;
use crate::error::Error;
use crate::limits::Limits;
use crate::model::ModelRef;
use crate::openai;
use crate::routes::Route;

/// What every handler reaches.
pub(crate) struct Shared<B> {
    pub backend: Arc<B>,
    pub limits: Limits,
}

/// The state of the routers.
pub(crate) type App<B> = axum::extract::State<Arc<Shared<B>>>;

/// Serves a backend over HTTP, within the usual [`Limits`].
///
/// Beside the Open Inference Protocol and OpenAI's API these two paths read and write JSON of this
/// project (both also below `/v2/models/{model}/versions/{version}`):
///
/// - `POST /v2/models/{model}/tokenize` takes
///   `{"texts": ["…"], "add_special_tokens": true}`, of which the second may be left out, and
///   answers
///   `{"model_name": "…", "results": [{"ids": [1], "tokens": ["…"], "offsets": [[0, 5]]}]}`.
///   Offsets count code points, the second one behind the token.
/// - `POST /v2/models/{model}/decode` takes `{"ids": [[1]], "skip_special_tokens": true}`, of which
///   the second may be left out, and answers `{"model_name": "…", "texts": ["…"]}`.
///
/// At most 4096 texts are read in one request. Errors are `{"error": "…"}`, as in the inference
/// protocol.
pub fn rest<B: Backend>(backend: Arc<B>) -> Router {
    rest_with(backend, Limits::default())
}

/// Serves a backend over HTTP as [`rest`] does, within these limits.
pub fn rest_with<B: Backend>(backend: Arc<B>, limits: Limits) -> Router {
    let shared = Arc::new(Shared { backend, limits });
    paths()
        .fold(Router::new(), |router, (path, does)| {
            router.route(&path, does.handler::<B>())
        })
        .method_not_allowed_fallback(failure::method_not_allowed)
        .merge(openai::router::<B>())
        .with_state(shared)
}

/// The routes of the Open Inference Protocol over HTTP.
pub(crate) fn routes() -> impl Iterator<Item = Route> {
    paths().map(|(path, does)| Route {
        method: if does.posts() {
            Method::POST
        } else {
            Method::GET
        },
        path,
        open: does.is_open(),
    })
}

/// What a route does.
#[derive(Debug, Clone, Copy)]
enum Does {
    Server,
    Live,
    Ready,
    AllStatistics,
    Index,
    Load,
    Unload,
    Model,
    ModelReady,
    Config,
    Statistics,
    Infer,
    Tokenize,
    Decode,
}

const FIXED: [(&str, Does); 7] = [
    ("/v2", Does::Server),
    ("/v2/health/live", Does::Live),
    ("/v2/health/ready", Does::Ready),
    ("/v2/models/stats", Does::AllStatistics),
    ("/v2/repository/index", Does::Index),
    ("/v2/repository/models/{model}/load", Does::Load),
    ("/v2/repository/models/{model}/unload", Does::Unload),
];

/// What can be asked of a model and of one of its versions.
const OF_A_MODEL: [(&str, Does); 7] = [
    ("", Does::Model),
    ("/ready", Does::ModelReady),
    ("/config", Does::Config),
    ("/stats", Does::Statistics),
    ("/infer", Does::Infer),
    ("/tokenize", Does::Tokenize),
    ("/decode", Does::Decode),
];

/// Every path, from which the router and the list of its routes are made.
fn paths() -> impl Iterator<Item = (String, Does)> {
    let fixed = FIXED
        .into_iter()
        .map(|(path, does)| (path.to_owned(), does));
    let of_a_model = OF_A_MODEL.into_iter().flat_map(|(end, does)| {
        [
            (format!("/v2/models/{{model}}{end}"), does),
            (
                format!("/v2/models/{{model}}/versions/{{version}}{end}"),
                does,
            ),
        ]
    });
    fixed.chain(of_a_model)
}

impl Does {
    fn posts(self) -> bool {
        matches!(
            self,
            Self::Index | Self::Load | Self::Unload | Self::Infer | Self::Tokenize | Self::Decode
        )
    }

    /// Whether it answers without a caller. The others give the backend one, and have none of their own.
    fn is_open(self) -> bool {
        matches!(self, Self::Server | Self::Live | Self::Ready)
    }

    fn handler<B: Backend>(self) -> MethodRouter<Arc<Shared<B>>> {
        let filter = if self.posts() {
            MethodFilter::POST
        } else {
            MethodFilter::GET
        };
        match self {
            Self::Server => on(filter, metadata::server::<B>),
            Self::Live => on(filter, metadata::live::<B>),
            Self::Ready => on(filter, metadata::ready::<B>),
            Self::AllStatistics => on(filter, metadata::all_statistics::<B>),
            Self::Index => on(filter, repository::index::<B>),
            Self::Load => on(filter, repository::load::<B>),
            Self::Unload => on(filter, repository::unload::<B>),
            Self::Model => on(filter, metadata::model::<B>),
            Self::ModelReady => on(filter, metadata::model_ready::<B>),
            Self::Config => on(filter, metadata::config::<B>),
            Self::Statistics => on(filter, metadata::statistics::<B>),
            Self::Infer => on(filter, infer::infer::<B>),
            Self::Tokenize => on(filter, tokens::tokenize::<B>),
            Self::Decode => on(filter, tokens::decode::<B>),
        }
    }
}

/// The context that the layer in front has left, or the error that there is none.
pub(crate) fn known<C>(caller: Option<Extension<C>>) -> Result<C, Error> {
    caller
        .map(|Extension(caller)| caller)
        .ok_or_else(Error::unauthenticated)
}

/// The model in the path.
pub(crate) struct InPath(pub ModelRef);

#[derive(Deserialize)]
struct Segments {
    model: String,
    #[serde(default)]
    version: String,
}

impl<S: Send + Sync> FromRequestParts<S> for InPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        axum::extract::Path::<Segments>::from_request_parts(parts, state)
            .await
            .map(|path| Self(ModelRef::with_version(path.0.model, path.0.version)))
            .map_err(|error: PathRejection| Error::invalid(error.body_text()).into())
    }
}
