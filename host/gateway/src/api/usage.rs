//! Counted use.

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use steward_registry::{Name, TenantId};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Read};
use crate::extract::InQuery;
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// From when on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// RFC 3339; the minute that it falls into is included. None means a day ago.
    #[serde(default)]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
}

/// Use of one version of one function within one minute.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Usage {
    #[schema(value_type = String, example = "default")]
    pub tenant: TenantId,
    #[schema(value_type = String, example = "text-cleaner")]
    pub function: Name,
    #[schema(value_type = String, example = "1.2.0")]
    pub version: semver::Version,
    /// Start of the minute, in seconds since 1970.
    pub minute: i64,
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Wall time, in microseconds.
    pub wall_us: u64,
    /// What the calls computed, waits not included, in microseconds.
    pub cpu_us: u64,
    /// The largest memory of one call, in bytes.
    pub memory_bytes: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Texts given to models.
    pub inference_texts: u64,
    /// Bodies of requests, in bytes.
    pub bytes_in: u64,
    /// Bodies of answers, in bytes.
    pub bytes_out: u64,
}

impl From<steward_registry::Usage> for Usage {
    fn from(u: steward_registry::Usage) -> Self {
        Self {
            tenant: u.tenant,
            function: u.function,
            version: u.version,
            minute: u.minute,
            calls: u.calls,
            errors: u.errors,
            wall_us: u.wall_us,
            cpu_us: u.cpu_us,
            memory_bytes: u.memory_bytes,
            host_calls: u.host_calls,
            inference_texts: u.inference_texts,
            bytes_in: u.bytes_in,
            bytes_out: u.bytes_out,
        }
    }
}

/// Show what the functions of the tenant were used, by minute.
///
/// Calls are written in batches: those of the last seconds may be missing.
#[utoipa::path(get, path = "/api/v1/usage", tag = "usage", security(("key" = ["read"])),
    params(UsageQuery),
    responses((status = 200, description = "Oldest first", body = Vec<Usage>)))]
pub(crate) async fn usage(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InQuery(query): InQuery<UsageQuery>,
) -> Result<Json<Vec<Usage>>, Problem> {
    let since = match query.since {
        Some(since) => since,
        None => Timestamp::now()
            .checked_sub(SignedDuration::from_hours(24))
            .map_err(|e| Problem::new(&codes::INTERNAL, e.to_string()))?,
    };
    let minute = since.as_second().div_euclid(60) * 60;
    let usage = gateway.registry.usage(caller.tenant(), minute).await?;
    Ok(Json(usage.into_iter().map(Into::into).collect()))
}
