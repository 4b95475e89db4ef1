//! What there is to ask, for whoever has to look at all of it.

use http::Method;

use crate::{grpc, openai, rest};

/// A route of these protocols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// GET or POST. What takes GET takes HEAD too.
    pub method: Method,
    /// Its path, with `{model}` and `{version}` for what a caller names.
    pub path: String,
    /// Whether it answers where nobody knows who calls.
    pub open: bool,
}

/// Every route of [`rest`](rest()) and of [`grpc`](grpc()), from the lists that the routers are built from. A method of
/// gRPC is a path that takes POST.
///
/// ```
/// let routes = steward_protocols::routes();
/// let open = |path: &str| routes.iter().any(|route| route.path == path && route.open);
/// assert!(open("/v2/health/live"));
/// assert!(!open("/v2/models/{model}/infer"));
/// assert!(!open("/inference.GRPCInferenceService/ModelInfer"));
/// ```
pub fn routes() -> Vec<Route> {
    let http = rest::routes().chain(openai::routes());
    http.chain(grpc::routes()).collect()
}
