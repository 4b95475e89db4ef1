//! Triggers: what makes functions run.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_registry::events::{Trigger, TriggerFigures, TriggerOn, TriggerSpec};
use steward_registry::{Name, TenantId};
use steward_triggers::cloudevents::Structured;
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Publish, Read};
use crate::extract::{InPath, InQuery, JsonBody};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// What a trigger waits for: one of these.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct TriggerOnBody {
    /// Events of the log: `types` (`com.example.*`) and, where wanted, one `subject`.
    #[schema(value_type = Option<Object>, example = json!({"types": "com.example.order.*"}))]
    events: Option<serde_json::Value>,
    /// A schedule: `schedule` (five fields, or six with seconds first), `zone` (`Europe/Berlin`; UTC where none is named) and
    /// `missed` (`skip` or `one`).
    #[schema(value_type = Option<Object>)]
    cron: Option<serde_json::Value>,
    /// Requests of another service at `/hooks/{tenant}/{name}`: `scheme` (`generic`, `github`, `stripe`, `slack`, `standard`),
    /// `secret` (the name of a secret configuration key of the function), `event_type` and `tolerance_s`.
    #[schema(value_type = Option<Object>)]
    webhook: Option<serde_json::Value>,
    /// Routes of the function: `paths`, `methods`, `public` (no key is needed) and `cors` (`origins`, `headers`, `expose`,
    /// `credentials`, `max_age_s`).
    #[schema(value_type = Option<Object>)]
    http: Option<serde_json::Value>,
}

/// A trigger to write.
#[derive(ToSchema)]
#[schema(as = TriggerSpec)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct TriggerSpecBody {
    /// The function that runs. Either this or `to`.
    #[schema(example = "orders")]
    function: Option<String>,
    /// Where events go, in place of a function: `url` (`url` and the name of the `secret` that the requests are signed with,
    /// as standardwebhooks.com has it) or `email` (`relay`, `credentials`, `from`, `to`, `subject`).
    #[schema(value_type = Option<Object>, example = json!({"url": {"url": "https://hooks.example.com/orders", "secret": "orders-hook"}}))]
    to: Option<serde_json::Value>,
    on: TriggerOnBody,
    /// The path with which the function is called.
    #[schema(default = "/")]
    path: Option<String>,
    /// How events are brought to it: `ordered` (by subject), `concurrency`, `attempts` and `backoff` (`first_ms`, `most_ms`).
    #[schema(value_type = Option<Object>)]
    delivery: Option<serde_json::Value>,
    /// Whether it does anything.
    #[schema(default = true)]
    enabled: Option<bool>,
}

/// A trigger and how it does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Trigger)]
pub(crate) struct TriggerBody {
    #[schema(value_type = String, example = "default")]
    tenant: TenantId,
    #[schema(value_type = String, example = "orders-paid")]
    name: Name,
    /// `events`, `cron`, `webhook` or `http`.
    kind: &'static str,
    #[schema(value_type = TriggerSpecBody)]
    spec: TriggerSpec,
    /// When its schedule is next due.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    /// Deliveries that arrived.
    delivered: u64,
    /// Tries, those that failed included.
    attempts: u64,
    /// Deliveries that were given up.
    died: u64,
    /// Deliveries that wait, those that run included.
    waiting: u64,
    /// Dead letters.
    dead: u64,
    /// For how long the oldest delivery waits, in milliseconds.
    lag_ms: u64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Id of the key that wrote it last.
    created_by: String,
}

impl TriggerBody {
    fn of(trigger: Trigger, figures: &[TriggerFigures]) -> Self {
        let figures = figures.iter().find(|f| f.name == trigger.name);
        let oldest = figures.and_then(|f| f.oldest);
        let lag = oldest.map_or(0, |at| {
            Timestamp::now().duration_since(at).as_millis().max(0)
        });
        Self {
            kind: trigger.spec.kind().as_str(),
            tenant: trigger.tenant,
            name: trigger.name,
            spec: trigger.spec,
            next_at: trigger.next_at,
            delivered: trigger.delivered,
            attempts: trigger.attempts,
            died: trigger.died,
            waiting: figures.map_or(0, |f| f.waiting),
            dead: figures.map_or(0, |f| f.dead),
            lag_ms: u64::try_from(lag).unwrap_or(u64::MAX),
            created_at: trigger.created_at,
            updated_at: trigger.updated_at,
            created_by: trigger.created_by,
        }
    }
}

/// List the triggers of the tenant.
#[utoipa::path(get, path = "/api/v1/triggers", tag = "triggers", security(("key" = ["read"])),
    responses((status = 200, description = "By name", body = Vec<TriggerBody>)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<TriggerBody>>, Problem> {
    let triggers = gateway.registry.triggers(caller.tenant()).await?;
    let figures = gateway
        .registry
        .trigger_figures(Some(caller.tenant()))
        .await?;
    let shown = triggers.into_iter().map(|t| TriggerBody::of(t, &figures));
    Ok(Json(shown.collect()))
}

/// Show a trigger and how it does.
#[utoipa::path(get, path = "/api/v1/triggers/{name}", tag = "triggers", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the trigger")),
    responses((status = 200, description = "The trigger", body = TriggerBody)))]
pub(crate) async fn show(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<TriggerBody>, Problem> {
    let trigger = gateway.registry.trigger(caller.tenant(), &name).await?;
    let figures = gateway
        .registry
        .trigger_figures(Some(caller.tenant()))
        .await?;
    Ok(Json(TriggerBody::of(trigger, &figures)))
}

/// Write a trigger: a new one, or in place of the one of this name.
///
/// What waits for it goes on waiting. A function that has triggers of the kind `http` answers to their routes alone.
#[utoipa::path(put, path = "/api/v1/triggers/{name}", tag = "triggers", security(("key" = ["publish"])),
    params(("name" = String, Path, description = "Name of the trigger")),
    request_body = TriggerSpecBody,
    responses(
        (status = 200, description = "It is written", body = TriggerBody),
        (status = 422, description = "A value breaks a rule"),
    ))]
pub(crate) async fn put(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(spec): JsonBody<TriggerSpec>,
) -> Result<Json<TriggerBody>, Problem> {
    let tenant = caller.tenant();
    // From the registry first: another host may have deployed it a moment ago.
    if let Some(name) = &spec.function {
        gateway.registry.function(tenant, name).await?;
        let function = gateway.functions.find(tenant.as_str(), name.as_str())?;
        let typed = function.is_typed() && function.step().is_none();
        if typed && !matches!(spec.on, TriggerOn::Http(_)) {
            return Err(Problem::new(
                &codes::INVALID_TRIGGER,
                format!(
                    "`{name}` is a typed function; events, schedules and webhooks call functions of the worlds `function` \
                     and `step`"
                ),
            ));
        }
    }
    let trigger = gateway
        .triggers
        .put(tenant, &name, &spec, caller.id())
        .await?;
    let figures = gateway.registry.trigger_figures(Some(tenant)).await?;
    Ok(Json(TriggerBody::of(trigger, &figures)))
}

/// Remove a trigger, with what waits for it and its dead letters. The events stay in the log.
#[utoipa::path(delete, path = "/api/v1/triggers/{name}", tag = "triggers", security(("key" = ["publish"])),
    params(("name" = String, Path, description = "Name of the trigger")),
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn delete(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<StatusCode, Problem> {
    gateway.triggers.delete(caller.tenant(), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which dead letters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeadQuery {
    /// Of events behind this number in the log.
    #[serde(default)]
    after: u64,
    /// At most so many.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: usize,
}

fn default_limit() -> usize {
    100
}

/// An event that could not be delivered.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(crate) struct DeadLetterBody {
    /// The number of the event in the log.
    seq: u64,
    /// How often it was tried.
    attempts: u32,
    /// Why the last try failed.
    error: String,
    #[schema(value_type = String, format = DateTime)]
    died_at: Timestamp,
    /// In the JSON event format of CloudEvents 1.0.
    #[schema(value_type = Object)]
    event: Structured,
}

/// List the dead letters of a trigger.
#[utoipa::path(get, path = "/api/v1/triggers/{name}/dead", tag = "triggers", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the trigger"), DeadQuery),
    responses((status = 200, description = "In the order of the log", body = Vec<DeadLetterBody>)))]
pub(crate) async fn dead(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    InQuery(query): InQuery<DeadQuery>,
) -> Result<Json<Vec<DeadLetterBody>>, Problem> {
    let letters = gateway
        .triggers
        .dead_letters(caller.tenant(), &name, query.after, query.limit.max(1))
        .await?;
    let letters = letters.into_iter().map(|letter| DeadLetterBody {
        seq: letter.event.seq,
        attempts: letter.attempts,
        error: letter.error,
        died_at: letter.died_at,
        event: Structured(letter.event),
    });
    Ok(Json(letters.collect()))
}

/// Which dead letters to bring back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redrive {
    /// Numbers of their events; none named means all of them.
    #[serde(default)]
    #[schema(max_items = 1000)]
    seqs: Option<Vec<u64>>,
}

/// How many were brought back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Redriven {
    redriven: u64,
}

/// Bring dead letters back: each is tried again, from the first try on.
#[utoipa::path(post, path = "/api/v1/triggers/{name}/redrive", tag = "triggers", security(("key" = ["publish"])),
    params(("name" = String, Path, description = "Name of the trigger")),
    request_body = Redrive,
    responses(
        (status = 200, description = "How many", body = Redriven),
        (status = 422, description = "Too many at a time"),
    ))]
pub(crate) async fn redrive(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(body): JsonBody<Redrive>,
) -> Result<Json<Redriven>, Problem> {
    if body.seqs.as_ref().is_some_and(|seqs| seqs.len() > 1000) {
        return Err(Problem::new(
            &codes::INVALID,
            "`seqs` has more than 1000 numbers; leave it out for all dead letters",
        ));
    }
    let redriven = gateway
        .triggers
        .redrive(caller.tenant(), &name, body.seqs.as_deref())
        .await?;
    Ok(Json(Redriven { redriven }))
}
