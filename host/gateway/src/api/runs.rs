//! Runs of workflows.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use steward_functions::step::IDEMPOTENCY_KEY;
use steward_registry::workflows::{JournalEntry, Request, Run, RunFilter, RunStatus};
use steward_registry::{Name, RegistryError, TenantId};
use steward_runs::{Approval, Begin};
use ulid::Ulid;
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Publish, Read, Use};
use crate::extract::{InPath, InQuery, JsonBody};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};
use crate::spans;

/// The longest that an answer waits for the end of a run.
const MAX_WAIT: Duration = Duration::from_secs(300);

/// A run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Run)]
pub(crate) struct RunBody {
    #[schema(value_type = String, example = "01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    id: Ulid,
    #[schema(value_type = String, example = "default")]
    tenant: TenantId,
    #[schema(value_type = String, example = "orders")]
    workflow: Name,
    /// The version of the workflow that it follows to its end.
    #[schema(value_type = String, example = "1.0.0")]
    version: semver::Version,
    /// `pending`, `running`, `waiting`, `paused`, `completed`, `faulted` or `cancelled`.
    status: &'static str,
    /// What it calls, each in the version that was deployed when it began.
    #[schema(value_type = Object)]
    pins: Value,
    input: Value,
    /// What came out, once it is completed.
    output: Option<Value>,
    /// Why it failed (RFC 9457), where it did.
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
    /// The run that called it as a part of itself.
    #[schema(value_type = Option<String>)]
    parent: Option<Ulid>,
    /// The run whose beginning it shares.
    #[schema(value_type = Option<String>)]
    replay_of: Option<Ulid>,
    /// Its trace, as 32 hexadecimal digits: that of its caller (`traceparent`; with a collector, that of the request) or of the
    /// event that started it, else its own, which is its id. What its steps call has the same.
    #[schema(example = "0af7651916cd43dd8448eb211c80319c")]
    trace: String,
    /// When it goes on by itself, while it waits for a time.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// Who started it: the id of a key, `run:ID`, `schedule` or `event`.
    created_by: String,
}

impl From<Run> for RunBody {
    fn from(run: Run) -> Self {
        Self {
            trace: steward_runs::trace_id(&run),
            id: run.id,
            tenant: run.tenant,
            workflow: run.workflow,
            version: run.version,
            status: run.status.as_str(),
            pins: steward_runs::told_pins(&run.pins),
            input: run.input,
            output: run.output,
            error: run.error,
            parent: run.parent,
            replay_of: run.replay_of,
            due_at: run.due_at,
            created_at: run.created_at,
            updated_at: run.updated_at,
            ended_at: run.ended_at,
            created_by: run.created_by,
        }
    }
}

/// How a run is started.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StartQuery {
    /// The version to follow; the one that was applied last where it is left out.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    version: Option<semver::Version>,
    /// Answer once it has ended, or after 300 seconds.
    #[serde(default)]
    wait: bool,
}

/// Start a run. The body is its input.
///
/// With the header field `Idempotency-Key` the same start again is the same run: 200 instead of 202. When this is answered,
/// the run will come to its end, whatever happens to the host. With `traceparent` the run goes on with that trace.
#[utoipa::path(post, path = "/api/v1/workflows/{name}/runs", tag = "runs", security(("key" = ["invoke"])),
    params(
        ("name" = String, Path, description = "Name of the workflow"),
        ("idempotency-key" = Option<String>, Header, description = "What makes the same start the same run"),
        ("traceparent" = Option<String>, Header, description = "The span that starts it, as W3C Trace Context has it"),
        StartQuery,
    ),
    request_body(content = Value, example = json!({"order": 7})),
    responses(
        (status = 200, description = "It was started before with this key, or it has ended and that was waited for", body = RunBody),
        (status = 202, description = "It is started", body = RunBody),
        (status = 422, description = "The workflow cannot begin: something that it calls is not there"),
    ))]
pub(crate) async fn start(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    InQuery(query): InQuery<StartQuery>,
    headers: HeaderMap,
    JsonBody(input): JsonBody<Value>,
) -> Result<(StatusCode, Json<RunBody>), Problem> {
    let key = match headers.get(IDEMPOTENCY_KEY) {
        None => None,
        Some(value) => Some(value.to_str().map(str::to_owned).map_err(|_| {
            Problem::new(&codes::INVALID, "`idempotency-key` is text of ASCII alone")
        })?),
    };
    let begin = Begin {
        version: query.version,
        key,
        input,
        span: spans::of_caller(&headers),
    };
    let tenant = caller.tenant();
    let started = gateway
        .runs
        .begin(tenant, &name, begin, caller.id())
        .await?;
    let run = match query.wait {
        true => gateway.runs.wait(tenant, started.id, MAX_WAIT).await?,
        false => gateway.registry.run(tenant, started.id).await?,
    };
    let known = started.duplicate || (query.wait && run.status.has_ended());
    let status = if known {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(run.into())))
}

/// Which runs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunQuery {
    /// Of this workflow.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    workflow: Option<Name>,
    /// `pending`, `running`, `waiting`, `paused`, `completed`, `faulted` or `cancelled`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    status: Option<RunStatus>,
    /// Started before this run.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    before: Option<Ulid>,
    /// At most so many.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: usize,
}

fn default_limit() -> usize {
    100
}

/// List runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", security(("key" = ["read"])),
    params(RunQuery),
    responses((status = 200, description = "Newest first", body = Vec<RunBody>)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InQuery(query): InQuery<RunQuery>,
) -> Result<Json<Vec<RunBody>>, Problem> {
    let filter = RunFilter {
        workflow: query.workflow,
        status: query.status,
        before: query.before,
    };
    let runs = gateway
        .registry
        .runs(caller.tenant(), &filter, query.limit.max(1))
        .await?;
    Ok(Json(runs.into_iter().map(RunBody::from).collect()))
}

/// The id of a run, as it stands in a path.
fn run_id(text: &str) -> Result<Ulid, Problem> {
    text.parse().map_err(|_| {
        RegistryError::NotFound {
            kind: "run",
            name: text.chars().take(40).flat_map(char::escape_debug).collect(),
        }
        .into()
    })
}

/// Whether to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowQuery {
    /// Answer once it has ended, or after 300 seconds.
    #[serde(default)]
    wait: bool,
}

/// Show a run.
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs", security(("key" = ["read"])),
    params(("id" = String, Path, description = "Id of the run"), ShowQuery),
    responses((status = 200, description = "The run", body = RunBody)))]
pub(crate) async fn show(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(id): InPath<String>,
    InQuery(query): InQuery<ShowQuery>,
) -> Result<Json<RunBody>, Problem> {
    let id = run_id(&id)?;
    let tenant = caller.tenant();
    let run = match query.wait {
        true => gateway.runs.wait(tenant, id, MAX_WAIT).await?,
        false => gateway.registry.run(tenant, id).await?,
    };
    Ok(Json(run.into()))
}

/// Which part of a journal.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JournalQuery {
    /// Behind this entry.
    #[serde(default)]
    after: u64,
    /// At most so many.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: usize,
}

/// Something that happened in a run.
#[derive(Serialize, ToSchema)]
#[schema(as = JournalEntry)]
pub(crate) struct EntryBody {
    /// Its place in the journal: 1, 2, 3 …
    seq: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What happened.
    #[schema(value_type = Object)]
    entry: Box<RawValue>,
}

/// Read the journal of a run: what began, what came of it, what it waited for.
#[utoipa::path(get, path = "/api/v1/runs/{id}/journal", tag = "runs", security(("key" = ["read"])),
    params(("id" = String, Path, description = "Id of the run"), JournalQuery),
    responses((status = 200, description = "In the order in which it happened", body = Vec<EntryBody>)))]
pub(crate) async fn journal(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(id): InPath<String>,
    InQuery(query): InQuery<JournalQuery>,
) -> Result<Json<Vec<EntryBody>>, Problem> {
    let id = run_id(&id)?;
    let entries = gateway
        .registry
        .journal(caller.tenant(), id, query.after, query.limit.clamp(1, 1000))
        .await?;
    let body = |entry: JournalEntry| {
        let shown = RawValue::from_string(entry.entry);
        shown.map(|shown| EntryBody {
            seq: entry.seq,
            at: entry.at,
            entry: shown,
        })
    };
    let entries: Result<Vec<_>, _> = entries.into_iter().map(body).collect();
    entries.map(Json).map_err(|error| {
        tracing::error!(%error, run = %id, "an entry of a journal is no JSON");
        Problem::new(&codes::INTERNAL, "the journal is damaged")
    })
}

async fn ask<N>(
    caller: &Caller<N>,
    gateway: &Shared,
    id: &str,
    request: Request,
) -> Result<Json<RunBody>, Problem> {
    let run = gateway
        .runs
        .request(caller.tenant(), run_id(id)?, request)
        .await?;
    Ok(Json(run.into()))
}

/// Pause a run: what it has begun comes to its end, and nothing more begins.
#[utoipa::path(post, path = "/api/v1/runs/{id}/pause", tag = "runs", security(("key" = ["publish"])),
    params(("id" = String, Path, description = "Id of the run")),
    responses(
        (status = 200, description = "It is paused, or will be", body = RunBody),
        (status = 422, description = "It has ended"),
    ))]
pub(crate) async fn pause(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(id): InPath<String>,
) -> Result<Json<RunBody>, Problem> {
    ask(&caller, &gateway, &id, Request::Pause).await
}

/// Let a paused run go on.
#[utoipa::path(post, path = "/api/v1/runs/{id}/resume", tag = "runs", security(("key" = ["publish"])),
    params(("id" = String, Path, description = "Id of the run")),
    responses(
        (status = 200, description = "It goes on", body = RunBody),
        (status = 422, description = "It has ended"),
    ))]
pub(crate) async fn resume(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(id): InPath<String>,
) -> Result<Json<RunBody>, Problem> {
    ask(&caller, &gateway, &id, Request::Resume).await
}

/// Cancel a run, and the runs that it called as parts of itself.
#[utoipa::path(post, path = "/api/v1/runs/{id}/cancel", tag = "runs", security(("key" = ["publish"])),
    params(("id" = String, Path, description = "Id of the run")),
    responses(
        (status = 200, description = "It is cancelled, or will be", body = RunBody),
        (status = 422, description = "It has ended"),
    ))]
pub(crate) async fn cancel(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(id): InPath<String>,
) -> Result<Json<RunBody>, Problem> {
    ask(&caller, &gateway, &id, Request::Cancel).await
}

/// Redrive a faulted run: it goes on from the step that failed.
#[utoipa::path(post, path = "/api/v1/runs/{id}/redrive", tag = "runs", security(("key" = ["publish"])),
    params(("id" = String, Path, description = "Id of the run")),
    responses(
        (status = 200, description = "It goes on", body = RunBody),
        (status = 422, description = "It is not faulted"),
    ))]
pub(crate) async fn redrive(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(id): InPath<String>,
) -> Result<Json<RunBody>, Problem> {
    ask(&caller, &gateway, &id, Request::Redrive).await
}

/// What somebody says to a run that waits for it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approve {
    /// Whether it may go on as planned.
    approved: bool,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 2000)]
    comment: Option<String>,
    /// What else the workflow is to know.
    #[serde(default)]
    data: Value,
}

/// Where an approval is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Approved {
    /// The number of the event in the log of the tenant.
    seq: u64,
    /// The id of the event.
    id: String,
}

/// Approve or refuse what a run waits for.
///
/// It becomes an event of the type `steward.approval` that this host signs for the key that asks, for this run alone. A run
/// that listens for such events is given no others of this type.
#[utoipa::path(post, path = "/api/v1/runs/{id}/approve", tag = "runs", security(("key" = ["publish"])),
    params(("id" = String, Path, description = "Id of the run")),
    request_body = Approve,
    responses(
        (status = 202, description = "It is in the log, and the run will have it", body = Approved),
        (status = 422, description = "The run has ended, or the comment is too long"),
    ))]
pub(crate) async fn approve(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(id): InPath<String>,
    JsonBody(body): JsonBody<Approve>,
) -> Result<(StatusCode, Json<Approved>), Problem> {
    let approval = Approval {
        approved: body.approved,
        comment: body.comment,
        data: body.data,
    };
    let appended = gateway
        .runs
        .approve(caller.tenant(), run_id(&id)?, &approval, caller.id())
        .await?;
    let approved = Approved {
        seq: appended.seq,
        id: appended.id,
    };
    Ok((StatusCode::ACCEPTED, Json(approved)))
}

/// From where a run is replayed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replay {
    /// The step that runs anew, with all behind it: a JSON pointer into the definition, as `/do/1/charge`; the whole
    /// workflow where it is left out.
    #[serde(default)]
    from: Option<String>,
}

/// Replay a run from a step: a new run, which shares with this one what happened before that step.
#[utoipa::path(post, path = "/api/v1/runs/{id}/replay", tag = "runs", security(("key" = ["publish"])),
    params(("id" = String, Path, description = "Id of the run")),
    request_body = Replay,
    responses(
        (status = 202, description = "The new run", body = RunBody),
        (status = 422, description = "The run has not come to this step"),
    ))]
pub(crate) async fn replay(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(id): InPath<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Replay>,
) -> Result<(StatusCode, Json<RunBody>), Problem> {
    let tenant = caller.tenant();
    let started = gateway
        .runs
        .replay(
            tenant,
            run_id(&id)?,
            body.from.as_deref(),
            spans::of_caller(&headers),
            caller.id(),
        )
        .await?;
    let run = gateway.registry.run(tenant, started.id).await?;
    Ok((StatusCode::ACCEPTED, Json(run.into())))
}
