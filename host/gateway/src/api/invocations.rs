//! Calls of functions: what each used and how it ended.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use steward_functions::InvocationId;
use steward_registry::Name;
use utoipa::{IntoParams, ToSchema};

use crate::api::functions::LogLine;
use crate::auth::{Caller, Read};
use crate::extract::{InPath, InQuery};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// The most calls of one answer; a function's host keeps no more.
const MAX_CALLS: usize = 1000;

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallQuery {
    /// `ok`, `failed`, or the code of a problem; none means all.
    #[serde(default)]
    pub outcome: Option<String>,
    /// Only those of this trace: 32 hexadecimal digits.
    #[serde(default)]
    #[param(example = "0af7651916cd43dd8448eb211c80319c")]
    pub trace: Option<String>,
    /// At most so many; no more than 1000 are answered.
    #[serde(default = "default_calls")]
    #[param(default = 100, maximum = 1000)]
    pub limit: usize,
}

fn default_calls() -> usize {
    100
}

/// What is kept of one call.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the functions crate")]
pub(crate) struct Invocation {
    /// As the header `steward-invocation-id` of the answer named it.
    id: String,
    function: String,
    version: String,
    /// The revision of the function; 0 for a step of a job.
    revision: u32,
    #[schema(format = DateTime)]
    started_at: String,
    /// What the caller was told instead of an answer, as the code of a problem.
    #[schema(example = "cpu-time-exceeded")]
    problem: Option<String>,
    /// Whether the function failed: a plugin that refuses its input does what it should.
    failed: bool,
    /// Status of the answer of a `wasi:http` function.
    status: Option<u16>,
    /// Whether an earlier call had used its instance.
    reused: bool,
    /// The trace that its request belongs to (`traceparent`), as 32 hexadecimal digits.
    #[schema(example = "0af7651916cd43dd8448eb211c80319c")]
    trace: Option<String>,
    /// The models that answered it, as `name@version`; at most 16.
    models: Vec<String>,
    /// From its turn to the end of its work, in microseconds.
    wall_us: u64,
    /// What it computed, waits not included, in microseconds.
    cpu_us: u64,
    /// How long it waited for its turn, in microseconds.
    queued_us: u64,
    /// Peak of its linear memory, in bytes.
    memory_bytes: u64,
    /// Calls of host functions.
    host_calls: u64,
    /// Texts that it gave to models.
    inference_texts: u64,
    /// Tokens that models computed of them.
    inference_tokens: u64,
    /// Body of its request, in bytes.
    bytes_in: u64,
    /// Body of its answer, in bytes.
    bytes_out: u64,
    /// What it logged, dropped lines included, in bytes.
    log_bytes: u64,
    /// What it was given, if it failed and its deployment has `keep_failed_inputs`.
    input: Option<KeptInput>,
}

/// The input of a call that failed.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the functions crate")]
pub(crate) struct KeptInput {
    text: String,
    /// Whether there was more than is kept.
    cut: bool,
}

/// A call and what it wrote.
#[derive(Serialize)]
pub(crate) struct WithLog {
    #[serde(flatten)]
    call: steward_functions::Invocation,
    log: Vec<steward_functions::LogLine>,
}

/// A call and what it wrote.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes the answer above")]
pub(crate) struct InvocationWithLog {
    #[serde(flatten)]
    call: Invocation,
    /// Its lines, oldest first, as far as they are kept.
    log: Vec<LogLine>,
}

/// What the calls of one version came to since this host started.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the functions crate")]
pub(crate) struct VersionStats {
    version: String,
    calls: u64,
    /// Calls that failed.
    errors: u64,
    /// Calls without an answer, by the code of their problem.
    problems: BTreeMap<String, u64>,
    /// What half, 95 % and 99 % of the calls did not pass, in microseconds.
    wall_us: [u64; 3],
    /// The same of what they computed.
    cpu_us: [u64; 3],
    /// What all of them computed, in microseconds.
    cpu_total_us: u64,
    /// The largest memory of one call, in bytes.
    memory_bytes: u64,
    host_calls: u64,
    inference_texts: u64,
    /// Tokens that models computed of them.
    inference_tokens: u64,
    bytes_in: u64,
    bytes_out: u64,
}

/// List the latest calls of a function that this node has answered.
#[utoipa::path(get, path = "/api/v1/functions/{name}/invocations", tag = "functions", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the function"), CallQuery),
    responses((status = 200, description = "Newest first", body = Vec<Invocation>)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    InQuery(query): InQuery<CallQuery>,
) -> Result<Json<Vec<steward_functions::Invocation>>, Problem> {
    gateway.registry.function(caller.tenant(), &name).await?;
    let limit = query.limit.min(MAX_CALLS);
    let of_outcome = |call: &steward_functions::Invocation| match query.outcome.as_deref() {
        None => true,
        Some("ok") => call.problem.is_none(),
        Some("failed") => call.failed,
        Some(code) => call.problem == Some(code),
    };
    let wanted = |call: &steward_functions::Invocation| {
        let of_trace = query.trace.is_none() || call.trace == query.trace;
        of_trace && of_outcome(call)
    };
    let calls = gateway
        .functions
        .invocations(caller.tenant(), &name, limit, wanted);
    Ok(Json(calls))
}

/// Show one of the latest calls of a function, with what it wrote.
#[utoipa::path(get, path = "/api/v1/functions/{name}/invocations/{id}", tag = "functions", security(("key" = ["read"])),
    params(
        ("name" = String, Path, description = "Name of the function"),
        ("id" = String, Path, description = "As the header `steward-invocation-id` of the answer named it"),
    ),
    responses((status = 200, description = "The call", body = InvocationWithLog)))]
pub(crate) async fn show(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath((name, id)): InPath<(Name, String)>,
) -> Result<Json<WithLog>, Problem> {
    gateway.registry.function(caller.tenant(), &name).await?;
    let id = parsed(&id)?;
    let (functions, tenant) = (&gateway.functions, caller.tenant());
    let call = functions.invocation(tenant, &name, id).ok_or_else(|| {
        Problem::new(
            &codes::NOT_FOUND,
            format!("`{name}` has no call {id} among the latest that this node has answered"),
        )
        .with("kind", "invocation")
    })?;
    let log = functions.logs_of(tenant, &name, id);
    Ok(Json(WithLog { call, log }))
}

/// Show what the calls of a function came to, by version, since this node started.
#[utoipa::path(get, path = "/api/v1/functions/{name}/stats", tag = "functions", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the function")),
    responses((status = 200, description = "Each version that has answered", body = Vec<VersionStats>)))]
pub(crate) async fn stats(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<Vec<steward_functions::VersionStats>>, Problem> {
    gateway.registry.function(caller.tenant(), &name).await?;
    let stats = gateway.functions.version_stats(caller.tenant(), &name);
    Ok(Json(stats))
}

/// The id of a call.
pub(crate) fn parsed(id: &str) -> Result<InvocationId, Problem> {
    id.parse().map_err(|_| {
        let shown: String = id.chars().take(40).collect();
        Problem::new(
            &codes::INVALID_PATH,
            format!("`{shown}` is not the id of a call: it has 26 digits and capital letters"),
        )
    })
}
