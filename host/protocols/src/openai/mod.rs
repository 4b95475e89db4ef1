//! OpenAI's API: embeddings and the list of models.

mod embeddings;
mod failure;
mod input;
mod models;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;

pub use embeddings::shorten;
pub use failure::response;

use crate::backend::Backend;
use crate::rest::Shared;
use crate::routes::Route;

/// The most texts of one request, as OpenAI has it.
pub const MAX_INPUTS: usize = 2048;

/// What a route does.
#[derive(Debug, Clone, Copy)]
enum Does {
    Embed,
    List,
    One,
}

/// Every path, from which the router and the list of its routes are made. None answers without a caller.
const PATHS: [(&str, Does); 3] = [
    ("/v1/embeddings", Does::Embed),
    ("/v1/models", Does::List),
    ("/v1/models/{model}", Does::One),
];

impl Does {
    fn posts(self) -> bool {
        matches!(self, Self::Embed)
    }

    fn handler<B: Backend>(self) -> MethodRouter<Arc<Shared<B>>> {
        let filter = if self.posts() {
            MethodFilter::POST
        } else {
            MethodFilter::GET
        };
        match self {
            Self::Embed => on(filter, embeddings::embed::<B>),
            Self::List => on(filter, models::list::<B>),
            Self::One => on(filter, models::one::<B>),
        }
    }
}

pub(crate) fn router<B: Backend>() -> Router<Arc<Shared<B>>> {
    PATHS
        .into_iter()
        .fold(Router::new(), |router, (path, does)| {
            router.route(path, does.handler::<B>())
        })
        .method_not_allowed_fallback(failure::method_not_allowed)
}

/// The routes of OpenAI's API.
pub(crate) fn routes() -> impl Iterator<Item = Route> {
    PATHS.into_iter().map(|(path, does)| Route {
        method: if does.posts() {
            Method::POST
        } else {
            Method::GET
        },
        path: path.to_owned(),
        open: false,
    })
}
