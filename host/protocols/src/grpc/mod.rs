//! The Open Inference Protocol over gRPC, as Triton's clients speak it.

mod codec;
mod convert;
mod deadline;
mod failure;
mod proto;
mod service;
mod tensors;

use std::sync::Arc;

use axum::Router;
use http::Method;
use tonic::codec::CompressionEncoding;

pub use failure::response;

use crate::backend::Backend;
use crate::limits::Limits;
use crate::routes::Route;
use proto::grpc_inference_service_server::GrpcInferenceServiceServer;

/// Serves a backend as `inference.GRPCInferenceService`, within the usual [`Limits`].
///
/// The router holds the service's path only and can be merged with [`rest`](crate::rest()); the
/// listener must speak HTTP/2, which clients without TLS begin right away. Requests may be
/// compressed with gzip or deflate; answers are not, since clients accept compression without
/// asking for it and tensors gain little. The deadline that a client sends is kept.
///
/// Served are `ServerLive`, `ServerReady`, `ModelReady`, `ServerMetadata`, `ModelMetadata`,
/// `ModelInfer`, `ModelStreamInfer` (one answer to each request, in order), `ModelConfig`,
/// `ModelStatistics`, `RepositoryIndex`, `RepositoryModelLoad` and `RepositoryModelUnload`. Any
/// other method, as those for shared memory, is answered with `UNIMPLEMENTED`. Outputs are always
/// sent as raw contents.
pub fn grpc<B: Backend>(backend: Arc<B>) -> Router {
    grpc_with(backend, Limits::default())
}

/// Serves a backend over gRPC as [`grpc`] does, within these limits.
pub fn grpc_with<B: Backend>(backend: Arc<B>, limits: Limits) -> Router {
    let server = GrpcInferenceServiceServer::new(service::Service { backend })
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate)
        .max_decoding_message_size(limits.body_bytes);
    Router::new().route_service(&format!("{SERVICE}{{method}}"), server)
}

const SERVICE: &str = "/inference.GRPCInferenceService/";

/// The methods of the service, as `proto/inference.proto` has them.
const METHODS: &[&str] = &include!(concat!(env!("OUT_DIR"), "/methods.rs"));

/// Those that answer without a caller.
const OPEN: [&str; 3] = ["ServerLive", "ServerReady", "ServerMetadata"];

/// The routes of the service: each method is a path that takes POST.
pub(crate) fn routes() -> impl Iterator<Item = Route> {
    METHODS.iter().map(|method| Route {
        method: Method::POST,
        path: format!("{SERVICE}{method}"),
        open: OPEN.contains(method),
    })
}
