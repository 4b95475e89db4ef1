//! Failures of this host in the words of these protocols.

use http::StatusCode;
use steward_models::ModelError;
use steward_protocols::{Error, ErrorKind};
use steward_registry::RegistryError;

use crate::problem::Problem;

pub(super) fn failed(failure: ModelError) -> Error {
    error(&failure.into())
}

pub(super) fn stored(failure: RegistryError) -> Error {
    error(&failure.into())
}

/// The same failure in the words of these protocols.
pub(super) fn error(problem: &Problem) -> Error {
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
